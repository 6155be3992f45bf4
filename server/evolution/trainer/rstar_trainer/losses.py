"""Losses over a micro-batch: the weighted sum, to be divided by the weights of the whole batch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy, logsigmoid

from .data import Example, Item, Pair
from .model import logits_at
from .packing import Packed, pack

# How much the pairwise loss holds back what goes into the tanh. Without it the two tokens' logits drift together, both
# scores end at the same end of the scale, and no gradient brings them back (seen at a rate of 2e-4, after six steps).
# As the centring of rewards by Eisenstein et al. 2023 (arXiv 2312.09244), but of each side, so that no side saturates.
_LOGIT_PENALTY = 0.005


class Objective:
    """What is minimised, and what counts as right when it is evaluated."""

    def __init__(self, loss: str, tokens: tuple[int, int] | None) -> None:
        """`tokens` are a PPM's positive and negative token; None trains a policy."""
        self._loss = loss
        self._tokens = tokens

    def measure(self, model: Any, items: Sequence[Item]) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Weighted sum of losses, weighted sum of what was right, and how many tokens were computed."""
        if self._tokens is None:
            examples = [item for item in items if isinstance(item, Example)]
            packed = pack([example.tokens for example in examples])
            loss, right = _next_token(model, packed, examples)
        else:
            pairs = [item for item in items if isinstance(item, Pair)]
            packed = pack([side for pair in pairs for side in (pair.positive, pair.negative)])
            loss, right = self._preference(model, packed, pairs)
        return loss, right, packed.length

    def _preference(self, model: Any, packed: Packed, pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor]:
        assert self._tokens is not None
        ends = torch.tensor([path[-1] for path in packed.paths])
        logits = logits_at(model, packed, ends)
        difference = (logits[:, self._tokens[0]] - logits[:, self._tokens[1]]).view(-1, 2)
        score = torch.tanh(difference / 2)
        weight = torch.tensor([pair.weight for pair in pairs], device=score.device)
        right = ((score[:, 0] > score[:, 1]) * weight).sum()
        return (self._pair_losses(difference, score, pairs) * weight).sum(), right

    def _pair_losses(self, difference: torch.Tensor, score: torch.Tensor, pairs: Sequence[Pair]) -> torch.Tensor:
        if self._loss == "pairwise":  # Eq. 4 of the paper; the 1 / (2 * 2) is in the pairs' weights.
            return -logsigmoid(score[:, 0] - score[:, 1]) + _LOGIT_PENALTY * difference.square().mean(dim=1)
        if self._loss == "orm":  # The score is 2 p - 1 for p = sigmoid(difference): cross-entropy of the outcome.
            return -(logsigmoid(difference[:, 0]) + logsigmoid(-difference[:, 1])) / 2
        if self._loss == "pqm":
            targets = torch.tensor([pair.q for pair in pairs], device=score.device)
            return (score - targets).square().mean(dim=1)
        raise ValueError(f"there is no loss {self._loss}")


def _next_token(model: Any, packed: Packed, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of every trained token, predicted from the place of the token before it."""
    pairs = [
        (path[index - 1], token)
        for path, example in zip(packed.paths, examples, strict=True)
        for index, (token, trained) in enumerate(zip(example.tokens, example.trained, strict=True))
        if trained
    ]
    # Examples that share a beginning predict several tokens at one place.
    places = sorted({place for place, _ in pairs})
    row = {place: index for index, place in enumerate(places)}
    logits = logits_at(model, packed, torch.tensor(places))
    rows = torch.tensor([row[place] for place, _ in pairs], device=logits.device)
    labels = torch.tensor([label for _, label in pairs], device=logits.device)
    chosen = logits[rows]
    loss = cross_entropy(chosen, labels, reduction="sum")
    return loss, (chosen.argmax(dim=1) == labels).sum()


def weight_of(items: Sequence[Item]) -> float:
    """What the losses of these items are divided by."""
    return sum(item.weight for item in items)
