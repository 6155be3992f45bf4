"""Reading data sets: what trains, what is left out, what is refused."""

import json
from pathlib import Path

import pytest

from rstar_trainer.base import load_tokenizer
from rstar_trainer.data import Example, Pair, cut, epoch_order, read_examples, read_pairs, score_tokens
from rstar_trainer.failures import TrainingError
from rstar_trainer.job import ScoreReading

from .tiny import SHA, examples, pairs, write_lines


def letters(text: str) -> list[int]:
    return list(text.encode())


def test_only_what_the_policy_writes_is_trained(sft: Path) -> None:
    first = read_examples(sft, letters, [], 200).items[3]
    assert isinstance(first, Example)
    trained = bytes(token for token, trains in zip(first.tokens, first.trained, strict=True) if trains).decode()
    assert trained == "print(3*2)\n<end_of_code>\nThe answer is 6."
    assert bytes(first.tokens).decode().startswith("Question: 3+3?\nprint(3*2)")


def test_the_start_token_goes_in_front_and_does_not_train(sft: Path) -> None:
    item = read_examples(sft, letters, [1], 200).items[0]
    assert isinstance(item, Example)
    assert item.tokens[0] == 1
    assert not item.trained[0]


def test_long_examples_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = examples(4)
    lines[2]["segments"][1]["text"] = "x" * 500
    data = read_examples(write_lines(tmp_path / "d.jsonl", lines), letters, [], 200)
    assert (len(data.items), data.left_out) == (3, 1)


def test_a_line_separator_of_unicode_does_not_end_a_line(tmp_path: Path) -> None:
    lines = examples(1)
    lines[0]["segments"][1]["text"] = "a\u2028b\u0085c"
    data = read_examples(write_lines(tmp_path / "d.jsonl", lines), letters, [], 200)
    assert len(data.items) == 1


def test_pairs_end_with_the_suffix_and_share_their_prefix(preferences: Path) -> None:
    data = read_pairs(preferences, letters, [], 200, letters("?"), "pairwise")
    assert len(data.items) == 16
    for item in data.items:
        assert isinstance(item, Pair)
        for side in (item.positive, item.negative):
            assert side[: len(item.group)] == item.group
            assert bytes(side).endswith(b"\n?")


def test_the_orm_sees_whole_trajectories_only(preferences: Path) -> None:
    data = read_pairs(preferences, letters, [], 200, [0], "orm")
    assert [item.level for item in data.items if isinstance(item, Pair)] == ["answer"] * 8


def test_pairs_of_a_prefix_stay_together_in_another_order_each_pass(tmp_path: Path) -> None:
    data = read_pairs(write_lines(tmp_path / "p.jsonl", pairs(12)), letters, [], 200, [0], "pairwise")
    orders = [epoch_order(data.items, 7, epoch) for epoch in (0, 1)]
    for order in orders:
        assert sorted(map(id, order)) == sorted(map(id, data.items))
        assert all(len({item.group for item in four}) == 1 for four in cut(order, 4))
    assert orders[0] != orders[1]
    assert orders[0] == epoch_order(data.items, 7, 0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Line 1 .* is not JSON"),
        (json.dumps({"version": 2}), "not of version 1"),
        (json.dumps({"version": 1, "kind": "sft"}), "not an SFT example"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content + "\n")
    with pytest.raises(TrainingError, match=words) as caught:
        read_examples(path, letters, [], 200)
    assert caught.value.reason == "bad-data"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        read_examples(tmp_path / "none.jsonl", letters, [], 200)


def test_score_tokens_must_be_single() -> None:
    assert score_tokens(ScoreReading("?", "Y", "N"), letters) == ([63], 89, 78)
    for reading in (ScoreReading("?", "Yes", "N"), ScoreReading("", "Y", "N"), ScoreReading("?", "Y", "Y")):
        with pytest.raises(TrainingError, match="not two different single tokens"):
            score_tokens(reading, letters)


def test_marks_that_look_like_special_tokens_are_plain_text(bases: Path) -> None:
    tokenize = load_tokenizer(bases / SHA[:16])
    assert 256 not in tokenize("a<|end|>")
    assert len(tokenize("a<|end|>")) == 8
