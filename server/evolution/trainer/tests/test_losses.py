"""Losses against the formulas, computed by hand from each sequence alone."""

from pathlib import Path

import pytest
import torch

from rstar_trainer.base import load_weights
from rstar_trainer.data import Example, Pair, read_examples, read_pairs
from rstar_trainer.losses import Objective

from .tiny import SHA

YES, NO = 89, 78


def letters(text: str) -> list[int]:
    return list(text.encode())


def difference(model: torch.nn.Module, side: tuple[int, ...]) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([side])).logits[0, -1].float()
    return logits[YES] - logits[NO]


def by_hand(loss: str, good: torch.Tensor, bad: torch.Tensor, pair: Pair) -> torch.Tensor:
    if loss == "pairwise":
        preference = -torch.log(torch.sigmoid(torch.tanh(good / 2) - torch.tanh(bad / 2)))
        return preference + 0.005 * (good**2 + bad**2) / 2
    if loss == "orm":
        return -(torch.log(torch.sigmoid(good)) + torch.log(1 - torch.sigmoid(bad))) / 2
    return ((torch.tanh(good / 2) - pair.q[0]) ** 2 + (torch.tanh(bad / 2) - pair.q[1]) ** 2) / 2


@pytest.mark.parametrize("loss", ["pairwise", "orm", "pqm"])
def test_preference_losses(bases: Path, preferences: Path, loss: str) -> None:
    model = load_weights(bases / SHA[:16], torch.float32)
    pairs = [
        item for item in read_pairs(preferences, letters, [], 200, letters("?"), loss).items if isinstance(item, Pair)
    ]
    with torch.no_grad():
        total, right, tokens = Objective(loss, (YES, NO)).measure(model, pairs)
        expected, ordered = 0.0, 0.0
        for pair in pairs:
            good, bad = difference(model, pair.positive), difference(model, pair.negative)
            expected += pair.weight * float(by_hand(loss, good, bad, pair))
            ordered += pair.weight * float(good > bad)
    assert float(total) == pytest.approx(expected, rel=1e-4)
    assert float(right) == pytest.approx(ordered)
    assert tokens < sum(len(pair.positive) + len(pair.negative) for pair in pairs) / 2


def test_a_pair_at_one_end_of_the_scale_is_pulled_back() -> None:
    difference = torch.tensor([[20.0, 20.0]], requires_grad=True)
    pair = Pair((1,), (1, 2), (1, 3), (1.0, -1.0), "step", 1.0)
    Objective("pairwise", (YES, NO))._pair_losses(difference, torch.tanh(difference / 2), [pair]).sum().backward()
    assert difference.grad is not None
    assert (difference.grad > 0.05).all()


def test_next_token_loss_counts_trained_tokens_only(bases: Path, sft: Path) -> None:
    model = load_weights(bases / SHA[:16], torch.float32)
    examples = [item for item in read_examples(sft, letters, [], 200).items if isinstance(item, Example)]
    with torch.no_grad():
        total, right, _ = Objective("sft", None).measure(model, examples[:3])
        expected, hits = 0.0, 0
        for example in examples[:3]:
            logs = torch.log_softmax(model(input_ids=torch.tensor([example.tokens])).logits[0].float(), dim=1)
            for index, (token, trained) in enumerate(zip(example.tokens, example.trained, strict=True)):
                if trained:
                    expected -= float(logs[index - 1, token])
                    hits += int(logs[index - 1].argmax() == token)
    assert float(total) == pytest.approx(expected, rel=1e-4)
    assert int(right) == hits
