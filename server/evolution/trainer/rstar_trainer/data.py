"""Data sets: JSON lines to token sequences, each piece of a text tokenised on its own as the engine does."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failures import BAD_DATA, TrainingError
from .job import VERSION, ScoreReading

Tokenize = Callable[[str], list[int]]
"""Tokens of one piece of text, in which nothing is read as a special token."""


@dataclass(frozen=True)
class Example:
    """A right trajectory; `trained` says of each token whether it counts in the loss."""

    tokens: tuple[int, ...]
    trained: tuple[bool, ...]

    @property
    def weight(self) -> float:
        """The share in a batch's loss: every trained token counts the same."""
        return float(sum(self.trained))

    @property
    def group(self) -> tuple[int, ...]:
        """The tokens of the prompt: a problem's trajectories stay together, so that it is computed once."""
        return self.tokens[: self.trained.index(True)]


@dataclass(frozen=True)
class Pair:
    """Two continuations of a prefix, with the suffix after which the score is read."""

    group: tuple[int, ...]
    """The tokens of the shared prefix: pairs of one prefix stay together, so that it is computed once."""
    positive: tuple[int, ...]
    negative: tuple[int, ...]
    q: tuple[float, float]
    level: str
    weight: float


Item = Example | Pair


@dataclass(frozen=True)
class DataSet:
    """What there is to train or evaluate on."""

    items: list[Item]
    left_out: int
    """How many were longer than the limit."""
    sha256: str
    """Of the file's bytes."""

    @property
    def tokens(self) -> int:
        """Tokens of one pass, shared prefixes counted each time."""
        return sum(
            len(item.tokens) if isinstance(item, Example) else len(item.positive) + len(item.negative)
            for item in self.items
        )

    @property
    def trained_tokens(self) -> int:
        """Tokens in the loss; of a pair the two at which scores are read."""
        return sum(sum(item.trained) if isinstance(item, Example) else 2 for item in self.items)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(BAD_DATA, f"The data set {path} cannot be read: {error}.") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() == "":
            continue
        try:
            parsed = json.loads(line)
        except ValueError as error:
            raise TrainingError(BAD_DATA, f"Line {number} of {path} is not JSON: {error}.") from error
        if not isinstance(parsed, dict) or parsed.get("version") != VERSION:
            raise TrainingError(BAD_DATA, f"Line {number} of {path} is not of version {VERSION}.")
        yield number, parsed


def read_examples(path: Path, tokenize: Tokenize, start: Sequence[int], max_tokens: int) -> DataSet:
    """Read an SFT data set. `start` is the beginning-of-text token where the model wants one."""
    items: list[Item] = []
    left_out = 0
    for number, line in _lines(path):
        try:
            tokens, trained = list(start), [False] * len(start)
            for segment in line["segments"]:
                piece = tokenize(segment["text"])
                tokens += piece
                trained += [bool(segment["train"])] * len(piece)
        except (KeyError, TypeError) as error:
            raise TrainingError(BAD_DATA, f"Line {number} of {path} is not an SFT example: {error}.") from error
        if len(tokens) > max_tokens:
            left_out += 1
        # The first token is predicted from nothing: it cannot be trained.
        elif any(trained[1:]):
            items.append(Example(tuple(tokens), (False, *trained[1:])))
    return DataSet(items, left_out, _digest(path))


def read_pairs(
    path: Path, tokenize: Tokenize, start: Sequence[int], max_tokens: int, suffix: Sequence[int], loss: str
) -> DataSet:
    """Read a preference data set. The ORM only sees whole trajectories: pairs of level `answer`."""
    items: list[Item] = []
    left_out = 0
    for number, line in _lines(path):
        try:
            prefix = (*start, *(token for piece in line["prefix"] for token in tokenize(piece)))
            sides = [
                (*prefix, *(token for piece in line[side]["pieces"] for token in tokenize(piece)), *suffix)
                for side in ("positive", "negative")
            ]
            q = (float(line["positive"]["q"]), float(line["negative"]["q"]))
            pair = Pair(prefix, sides[0], sides[1], q, line["level"], float(line["weight"]))
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(BAD_DATA, f"Line {number} of {path} is not a preference pair: {error}.") from error
        if loss == "orm" and pair.level != "answer":
            continue
        if max(len(side) for side in sides) > max_tokens:
            left_out += 1
        else:
            items.append(pair)
    return DataSet(items, left_out, _digest(path))


def score_tokens(reading: ScoreReading, tokenize: Tokenize) -> tuple[list[int], int, int]:
    """Tokens of the suffix and of the two answers, each of which must be a single token."""
    suffix, positive, negative = (tokenize(text) for text in (reading.suffix, reading.positive, reading.negative))
    if not suffix or len(positive) != 1 or len(negative) != 1 or positive == negative:
        raise TrainingError(
            BAD_DATA,
            f'The PPM is read with "{reading.suffix}", "{reading.positive}" and "{reading.negative}", but for this '
            "model the two answers are not two different single tokens after a suffix.",
        )
    return suffix, positive[0], negative[0]


def epoch_order(items: Sequence[Item], seed: int, epoch: int) -> list[Item]:
    """Shuffle for one pass. Pairs of the same prefix stay together."""
    groups: dict[tuple[int, ...], list[Item]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    order = list(groups.values())
    random.Random(f"{seed}:{epoch}").shuffle(order)
    return [item for group in order for item in group]


def cut(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Consecutive runs of at most `size`."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
