"""The training job as the program writes it: `TrainingJob` of server/protocol/training.ts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failures import BAD_DATA, TrainingError

VERSION = 1


@dataclass(frozen=True)
class Lora:
    """LoRA on all linear layers but the output matrix."""

    rank: int
    alpha: float
    dropout: float


@dataclass(frozen=True)
class HyperParameters:
    """All resolved: the trainer has no defaults of its own."""

    epochs: float
    max_steps: int | None
    batch_size: int
    micro_batch_size: int
    max_tokens: int
    learning_rate: float
    schedule: str
    warmup_share: float
    weight_decay: float
    max_gradient_norm: float | None
    lora: Lora
    precision: str


@dataclass(frozen=True)
class ScoreReading:
    """Where a PPM's score is read."""

    suffix: str
    positive: str
    negative: str


@dataclass(frozen=True)
class Hub:
    """A repository with full-precision weights."""

    repository: str
    revision: str


@dataclass(frozen=True)
class Base:
    """What is trained. Without a hub the weights are those of the GGUF file, dequantised."""

    id: str
    gguf: Path
    sha256: str
    hub: Hub | None


@dataclass(frozen=True)
class Job:
    """A training run."""

    id: str
    kind: str
    loss: str
    train: Path
    held: Path | None
    base: Base
    start_from: Path | None
    ppm: ScoreReading | None
    hyper: HyperParameters
    seed: int
    out: Path
    checkpoint_every: int
    resume: bool
    raw: dict[str, Any]


def parse_base(raw: dict[str, Any]) -> Base:
    """Read `TrainingBase`."""
    weights = raw["weights"]
    hub = Hub(weights["repository"], weights["revision"]) if weights["kind"] == "hub" else None
    return Base(raw["id"], Path(raw["gguf"]["path"]), raw["gguf"]["sha256"], hub)


def parse_job(raw: dict[str, Any]) -> Job:
    """Read `TrainingJob`. Raises `TrainingError` when it is not one that this version knows."""
    if raw.get("version") != VERSION:
        raise TrainingError(
            BAD_DATA,
            f"The training job has version {raw.get('version')}; this trainer reads version {VERSION}.",
        )
    try:
        hyper = raw["hyperParameters"]
        job = Job(
            id=raw["id"],
            kind=raw["kind"],
            loss=raw["loss"],
            train=Path(raw["data"]["train"]),
            held=None if raw["data"]["held"] is None else Path(raw["data"]["held"]),
            base=parse_base(raw["base"]),
            start_from=None if raw["startFrom"] is None else Path(raw["startFrom"]),
            ppm=None if raw["ppm"] is None else ScoreReading(**raw["ppm"]),
            hyper=HyperParameters(
                epochs=hyper["epochs"],
                max_steps=hyper["maxSteps"],
                batch_size=hyper["batchSize"],
                micro_batch_size=hyper["microBatchSize"],
                max_tokens=hyper["maxTokens"],
                learning_rate=hyper["learningRate"],
                schedule=hyper["schedule"],
                warmup_share=hyper["warmupShare"],
                weight_decay=hyper["weightDecay"],
                max_gradient_norm=hyper["maxGradientNorm"],
                lora=Lora(**hyper["lora"]),
                precision=hyper["precision"],
            ),
            seed=raw["seed"],
            out=Path(raw["out"]),
            checkpoint_every=raw["checkpointEvery"],
            resume=raw["resume"],
            raw=raw,
        )
    except (KeyError, TypeError) as error:
        raise TrainingError(BAD_DATA, f"The training job is not complete: {error}.") from error
    if (job.kind == "ppm") != (job.ppm is not None) or (job.kind == "sft") != (job.loss == "sft"):
        raise TrainingError(BAD_DATA, f"The training job does not fit together: {job.kind} with loss {job.loss}.")
    return job


def read_job(path: Path) -> Job:
    """Read `job.json`."""
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(BAD_DATA, f"The training job {path} cannot be read: {error}.") from error
    return parse_job(raw)
