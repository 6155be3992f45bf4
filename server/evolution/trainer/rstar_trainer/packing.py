"""Packs token sequences into one row without padding: what they share at their beginning is computed once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Packed:
    """Sequences as a trie laid out in one row. A token sees itself and its ancestors, so no sequence sees another."""

    tokens: torch.Tensor
    """Token ids, shape (length,)."""
    positions: torch.Tensor
    """Depth of each token in the trie: its position in every sequence it belongs to. Shape (length,)."""
    visible: torch.Tensor
    """Boolean, shape (length, length): whether the row's token attends to the column's."""
    paths: list[list[int]]
    """For each sequence the places of its tokens in the row."""

    @property
    def length(self) -> int:
        """Tokens computed."""
        return int(self.tokens.shape[0])


def pack(sequences: Sequence[Sequence[int]]) -> Packed:
    """Lay the trie of the sequences out in order of first appearance: parents come before their children."""
    children: list[dict[int, int]] = []
    roots: dict[int, int] = {}
    tokens: list[int] = []
    depths: list[int] = []
    paths: list[list[int]] = []
    for sequence in sequences:
        path: list[int] = []
        level = roots
        for depth, token in enumerate(sequence):
            place = level.get(token)
            if place is None:
                place = len(tokens)
                level[token] = place
                tokens.append(token)
                depths.append(depth)
                children.append({})
            path.append(place)
            level = children[place]
        paths.append(path)
    visible = torch.zeros(len(tokens), len(tokens), dtype=torch.bool)
    for path in paths:
        places = torch.tensor(path, dtype=torch.long)
        causal = torch.ones(len(path), len(path), dtype=torch.bool).tril()
        visible[places.unsqueeze(1), places.unsqueeze(0)] |= causal
    return Packed(torch.tensor(tokens, dtype=torch.long), torch.tensor(depths, dtype=torch.long), visible, paths)
