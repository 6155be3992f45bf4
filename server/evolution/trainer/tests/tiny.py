"""A tiny random base model in the folder of prepared bases, data sets, and jobs over them."""

import json
from pathlib import Path
from typing import Any

import torch

from rstar_trainer.job import Job, parse_job

SHA = "a" * 64
READING = {"suffix": "?", "positive": "Y", "negative": "N"}


def tiny_base(bases: Path) -> Path:
    """A two-layer Qwen2 over single bytes, prepared as `prepare_base` leaves it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    folder = bases / SHA[:16]
    folder.mkdir(parents=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>"])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>").save_pretrained(folder)
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        initializer_range=0.3,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    (folder / "rstar-base.json").write_text(json.dumps({"gguf": SHA, "start": [], "ends": [256]}))
    return folder


def examples(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Sums, each with a prompt and tool output that do not train."""
    return [
        {
            "version": 1,
            "kind": "sft",
            "id": f"e{number}",
            "problemId": f"p{number}",
            "segments": [
                {"text": f"Question: {number}+{number}?\n", "train": False},
                {"text": f"print({number}*2)\n<end_of_code>\n", "train": True},
                {"text": f"<output>\n{2 * number}\n<end_of_output>\n", "train": False},
                {"text": f"The answer is {2 * number}.", "train": True},
            ],
            "traceId": "t",
            "node": 1,
            "meanQ": 0.5,
        }
        for number in range(first, first + count)
    ]


def pairs(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Two good and two bad siblings after each prefix: four pairs that sum to a weight of one."""
    lines = []
    for number in range(first, first + count):
        for good in ("right", "fine"):
            for bad in ("wrong", "false"):
                lines.append(
                    {
                        "version": 1,
                        "kind": "pair",
                        "id": f"{number}-{good}-{bad}",
                        "problemId": f"p{number}",
                        "level": "answer" if number % 2 else "step",
                        "prefix": [f"Question: {number}?\n", "a = 1\n"],
                        "positive": {"pieces": [f"{good}\n"], "traceId": "t", "node": 1, "q": 0.75},
                        "negative": {"pieces": [f"{bad}\n"], "traceId": "t", "node": 2, "q": -0.5},
                        "origin": "search",
                        "weight": 0.25,
                    }
                )
    return lines


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return path


def raw_job(folder: Path, train: Path, **changes: Any) -> dict[str, Any]:
    """A job of `TrainingJob`'s shape that learns fast; `changes` may name hyper-parameters too."""
    hyper: dict[str, Any] = {
        "epochs": 2,
        "maxSteps": None,
        "batchSize": 4,
        "microBatchSize": 2,
        "maxTokens": 128,
        "learningRate": 0.01,
        "schedule": "linear",
        "warmupShare": 0.1,
        "weightDecay": 0.01,
        "maxGradientNorm": 1,
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.1},
        "precision": "float32",
    }
    job: dict[str, Any] = {
        "version": 1,
        "id": "test",
        "kind": "sft",
        "loss": "sft",
        "data": {"train": str(train), "held": None},
        "base": {"id": "tiny", "gguf": {"path": "/nowhere.gguf", "sha256": SHA}, "weights": {"kind": "gguf"}},
        "startFrom": None,
        "ppm": None,
        "profile": "smoke",
        "seed": 7,
        "out": str(folder / "out"),
        "checkpointEvery": 1000,
        "resume": True,
    }
    for name, value in changes.items():
        (hyper if name in hyper else job)[name] = value
    return {**job, "hyperParameters": hyper}


def tiny_job(folder: Path, train: Path, **changes: Any) -> Job:
    """The parsed job."""
    return parse_job(raw_job(folder, train, **changes))


def metrics(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The metrics lines of one kind that a run wrote."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]
