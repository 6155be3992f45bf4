"""Packed rows give what each sequence gives alone."""

from pathlib import Path

import pytest
import torch

from rstar_trainer.base import load_weights
from rstar_trainer.model import logits_at
from rstar_trainer.packing import pack

from .tiny import SHA

SEQUENCES = [[5, 6, 7, 8, 9], [5, 6, 7, 20, 21, 22], [5, 6, 7, 20, 21], [40, 41]]


def test_shared_beginnings_are_laid_out_once() -> None:
    packed = pack(SEQUENCES)
    assert packed.length == 5 + 3 + 2
    for sequence, path in zip(SEQUENCES, packed.paths, strict=True):
        assert packed.tokens[path].tolist() == sequence
        assert packed.positions[path].tolist() == list(range(len(sequence)))


def test_a_token_sees_its_own_sequence_and_nothing_else() -> None:
    packed = pack(SEQUENCES)
    for path in packed.paths:
        for index, place in enumerate(path):
            assert set(packed.visible[place].nonzero().flatten().tolist()) == set(path[: index + 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_are_those_of_each_sequence_alone(bases: Path, dtype: torch.dtype) -> None:
    model = load_weights(bases / SHA[:16], dtype)
    packed = pack(SEQUENCES)
    with torch.no_grad():
        for sequence, path in zip(SEQUENCES, packed.paths, strict=True):
            alone = model(input_ids=torch.tensor([sequence])).logits[0].float()
            together = logits_at(model, packed, torch.tensor(path))
            tolerance = 1e-4 if dtype == torch.float32 else 0.15
            assert torch.allclose(alone, together, atol=tolerance)
    assert alone.abs().max() > 1  # The tolerance means something.
