"""Whole runs: they learn, stop, resume to the same curve, and say what went wrong."""

import errno
import hashlib
import json
import math
import os
import time
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rstar_trainer import model
from rstar_trainer.base import prepare_base
from rstar_trainer.failures import TrainingError, classify
from rstar_trainer.job import Job
from rstar_trainer.losses import Objective
from rstar_trainer.reporting import Reporter
from rstar_trainer.schedule import learning_rate, total_steps
from rstar_trainer.stopping import StopRequest
from rstar_trainer.training import Training
from rstar_trainer.workers import Workers

from .conftest import Run
from .tiny import READING, SHA, examples, metrics, pairs, tiny_job, write_lines


def losses(folder: Path) -> list[float]:
    return [line["loss"] for line in metrics(folder, "step")]


def adapter(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_sft_learns_and_writes_an_adapter(run: Run, tmp_path: Path, sft: Path) -> None:
    held = write_lines(tmp_path / "held.jsonl", examples(3, first=50))
    job = tiny_job(tmp_path, sft, epochs=12, data={"train": str(sft), "held": str(held)})
    outcome = run(job)
    curve = losses(job.out)
    assert outcome.kind == "trained"
    assert outcome.step == len(curve) == 36
    assert curve[-1] < 0.6 * curve[0]
    evaluations = metrics(job.out, "evaluation")
    assert [line["step"] for line in evaluations] == [0, 36]
    assert evaluations[1]["loss"] < evaluations[0]["loss"]
    assert outcome.adapter == job.out / "adapter"
    config = json.loads((job.out / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["peft_type"], config["inference_mode"]) == (4, "LORA", True)
    assert any(tensor.abs().max() > 0 for name, tensor in adapter(job.out / "adapter").items() if "lora_B" in name)


@pytest.mark.parametrize("loss", ["pairwise", "orm", "pqm"])
def test_the_ppm_starts_at_the_policy_and_learns_the_order(
    run: Run, tmp_path: Path, sft: Path, preferences: Path, loss: str
) -> None:
    policy = run(tiny_job(tmp_path, sft)).adapter
    assert policy is not None
    held = write_lines(tmp_path / "held.jsonl", pairs(3, first=50))
    job = tiny_job(
        tmp_path,
        preferences,
        kind="ppm",
        loss=loss,
        ppm=READING,
        startFrom=str(policy),
        epochs=10,
        data={"train": str(preferences), "held": str(held)},
        out=str(tmp_path / "ppm"),
    )
    run(job)
    curve = losses(job.out)
    assert curve[-1] < 0.75 * curve[0]
    assert metrics(job.out, "evaluation")[-1]["accuracy"] == 1
    before, after = adapter(policy), adapter(job.out / "adapter")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_a_stopped_run_goes_on_along_the_same_curve(run: Run, tmp_path: Path, sft: Path) -> None:
    whole = tiny_job(tmp_path, sft, epochs=3, out=str(tmp_path / "whole"))
    run(whole)
    parts = tiny_job(tmp_path, sft, epochs=3, out=str(tmp_path / "parts"))
    stopped = run(parts, stop_after=4)
    assert (stopped.kind, stopped.step, stopped.adapter) == ("stopped", 4, None)
    assert stopped.checkpoint == parts.out / "checkpoints" / "step-00000004"
    assert run(parts).kind == "trained"
    assert losses(parts.out) == losses(whole.out)
    first, second = adapter(whole.out / "adapter"), adapter(parts.out / "adapter")
    assert all(torch.equal(first[name], second[name]) for name in first)


class MakesStepsItself(Workers):
    """Two processes, of which this is the first, and an engine that steps with a batch's last backward: DeepSpeed's."""

    def __init__(self, stop: StopRequest, stop_at: int) -> None:
        super().__init__()
        self.count = 2
        self.steps = 0
        self.passes = 0
        self._stop, self._stop_at = stop, stop_at

    def sum(self, values: list[float]) -> list[float]:
        return [2 * value for value in values]

    def backward(self, model: Any, loss: torch.Tensor, *, last: bool) -> None:
        super().backward(model, loss, last=last)
        self.passes += 1
        self.steps += last
        if self.passes == self._stop_at:
            self._stop.ask()


# Batches of four examples, two processes: two micro-batches each. Stopped in the first one of a step, and in its last.
@pytest.mark.parametrize(("stop_at", "step"), [(3, 1), (4, 2)])
def test_a_stop_of_many_processes_loses_and_repeats_no_step(
    tmp_path: Path, bases: Path, sft: Path, stop_at: int, step: int
) -> None:
    job = tiny_job(tmp_path, sft, epochs=3, microBatchSize=1)
    stop = StopRequest()
    workers = MakesStepsItself(stop, stop_at)
    outcome = Training(job, bases, workers, Reporter(job.out / "metrics.jsonl"), stop).run()
    assert (outcome.kind, outcome.step) == ("stopped", step)
    assert workers.steps == step


def test_processes_add_up_where_they_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers()
    assert workers.sum([1.5]) == [1.5]
    seen: list[torch.Tensor] = []

    def reduce(tensor: torch.Tensor, reduction: str) -> torch.Tensor:
        assert reduction == "sum"
        seen.append(tensor)
        return torch.tensor([3.0])

    # NCCL, which GPUs have, knows no tensors of the CPU.
    monkeypatch.setattr(workers, "count", 2)
    monkeypatch.setattr(workers, "device", torch.device("meta"))
    monkeypatch.setattr(workers._accelerator, "reduce", reduce)
    assert workers.sum([1.5]) == [3.0]
    assert seen[0].device.type == "meta"


def test_without_resume_a_run_starts_over(run: Run, tmp_path: Path, sft: Path) -> None:
    run(tiny_job(tmp_path, sft), stop_after=2)
    job = tiny_job(tmp_path, sft, resume=False)
    run(job)
    assert [line["step"] for line in metrics(job.out, "step")] == [1, 2, 1, 2, 3, 4, 5, 6]


def test_a_finished_run_is_not_trained_again(run: Run, tmp_path: Path, sft: Path) -> None:
    job = tiny_job(tmp_path, sft)
    first = run(job)
    before = len(losses(job.out))
    again = run(job)
    assert (again.kind, again.step, again.loss) == ("trained", first.step, first.loss)
    assert len(losses(job.out)) == before


def test_a_damaged_checkpoint_is_passed_over(run: Run, tmp_path: Path, sft: Path) -> None:
    job = tiny_job(tmp_path, sft, checkpointEvery=2)
    run(job, stop_after=5)
    newest = sorted((job.out / "checkpoints").iterdir())[-1]
    with (newest / "optimizer.safetensors").open("r+b") as file:
        file.seek(200)
        file.write(b"\xff\xff")
    run(job)
    assert any("step-00000005 is damaged" in line["message"] for line in metrics(job.out, "stage"))
    assert [line["step"] for line in metrics(job.out, "step")] == [1, 2, 3, 4, 5, 5, 6]


def test_when_all_checkpoints_are_damaged_nothing_is_deleted(run: Run, tmp_path: Path, sft: Path) -> None:
    job = tiny_job(tmp_path, sft, checkpointEvery=2)
    run(job, stop_after=4)
    folders = sorted((job.out / "checkpoints").iterdir())
    for folder in folders:
        (folder / "state.json").write_text("{")
    with pytest.raises(TrainingError, match="Nothing was deleted") as caught:
        run(job)
    assert caught.value.reason == "corrupt-checkpoint"
    assert sorted((job.out / "checkpoints").iterdir()) == folders


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(run: Run, tmp_path: Path, sft: Path) -> None:
    run(tiny_job(tmp_path, sft), stop_after=2)
    with pytest.raises(TrainingError, match="other data, base or settings"):
        run(tiny_job(tmp_path, sft, learningRate=0.02))


def test_a_moved_run_is_gone_on_with(run: Run, tmp_path: Path, sft: Path, preferences: Path) -> None:
    policy = run(tiny_job(tmp_path, sft)).adapter
    assert policy is not None
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()

    def ppm(home: Path, start: Path) -> Job:
        base = {"id": "tiny", "gguf": {"path": str(home / "base.gguf"), "sha256": SHA}, "weights": {"kind": "gguf"}}
        asked: dict[str, Any] = {"kind": "ppm", "loss": "pairwise", "ppm": READING, "base": base}
        return tiny_job(home, home / "pairs.jsonl", startFrom=str(start), **asked)

    copytree(policy, before / "policy")
    copy(preferences, before / "pairs.jsonl")
    assert run(ppm(before, before / "policy"), stop_after=2).step == 2
    before.rename(after)
    assert run(ppm(after, after / "policy")).kind == "trained"
    assert [line["step"] for line in metrics(after / "out", "step")] == [1, 2, 3, 4, 5, 6, 7, 8]
    # It is the content of the start that counts.
    with pytest.raises(TrainingError, match="other data, base or settings"):
        run(ppm(after, tmp_path / "nowhere"))


def test_a_checkpoint_from_before_runs_could_be_moved_is_gone_on_from(run: Run, tmp_path: Path, sft: Path) -> None:
    job = tiny_job(tmp_path, sft)
    folder = run(job, stop_after=2).checkpoint
    assert folder is not None
    same = {key: job.raw[key] for key in ("kind", "loss", "base", "startFrom", "ppm", "seed")}
    same["hyperParameters"] = {k: v for k, v in job.raw["hyperParameters"].items() if k != "microBatchSize"}
    digest = hashlib.sha256(sft.read_bytes()).hexdigest()
    name = hashlib.sha256(json.dumps([same, digest], sort_keys=True).encode()).hexdigest()
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, "run": name}))
    run(job)
    assert [line["step"] for line in metrics(job.out, "step")] == [1, 2, 3, 4, 5, 6]


def test_a_disk_that_fills_up_harms_no_checkpoint(
    run: Run, tmp_path: Path, sft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tiny_job(tmp_path, sft, checkpointEvery=2)
    real, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 6:  # A checkpoint is four files: this is in the middle of the second.
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        run(job)
    assert classify(caught.value).reason == "no-space"
    assert [path.name for path in (job.out / "checkpoints").iterdir()] == ["step-00000002"]
    monkeypatch.undo()
    assert run(job).kind == "trained"
    assert [line["step"] for line in metrics(job.out, "step")] == [1, 2, 3, 4, 3, 4, 5, 6]


def test_a_loss_that_is_not_a_number_ends_the_run_before_the_step(
    run: Run, tmp_path: Path, sft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tiny_job(tmp_path, sft, checkpointEvery=2)
    measure = Objective.measure

    def spoilt(self: Objective, model: Any, items: Any) -> Any:
        total, right, tokens = measure(self, model, items)
        return total * (math.nan if len(losses(job.out)) == 3 else 1), right, tokens

    (job.out).mkdir()
    (job.out / "metrics.jsonl").touch()
    monkeypatch.setattr(Objective, "measure", spoilt)
    with pytest.raises(TrainingError, match="step 4 is not a number") as caught:
        run(job)
    assert caught.value.reason == "not-a-number"
    assert "step-00000002" in caught.value.message


def test_memory_that_is_not_there_is_told_as_such() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert classify(caught.value).reason == "out-of-memory"


def test_nothing_to_train_on(run: Run, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing to train on"):
        run(tiny_job(tmp_path, write_lines(tmp_path / "empty.jsonl", [])))
    with pytest.raises(TrainingError, match="all 3 examples are longer than 16 tokens"):
        run(tiny_job(tmp_path, write_lines(tmp_path / "long.jsonl", examples(3)), maxTokens=16))


def test_a_missing_base_is_told(run: Run, tmp_path: Path, sft: Path) -> None:
    base = {"id": "b", "gguf": {"path": "/nowhere.gguf", "sha256": "c" * 64}, "weights": {"kind": "gguf"}}
    with pytest.raises(TrainingError, match="rstar models fetch b") as caught:
        run(tiny_job(tmp_path, sft, base=base))
    assert caught.value.reason == "bad-base"


def test_what_a_killed_preparation_left_behind_is_deleted_after_a_day(tmp_path: Path, bases: Path, sft: Path) -> None:
    old, young = bases / ".base.1", bases / ".base.2"
    for folder in (old, young):
        folder.mkdir()
        (folder / "model.safetensors").write_text("half")
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    prepare_base(tiny_job(tmp_path, sft).base, bases)
    assert not old.exists()
    assert young.exists()


def test_an_adapter_of_another_model_is_refused(run: Run, tmp_path: Path, sft: Path) -> None:
    policy = run(tiny_job(tmp_path, sft)).adapter
    assert policy is not None
    tensors = {name: torch.cat([tensor, tensor]) for name, tensor in adapter(policy).items()}
    from safetensors.torch import save_file

    save_file(tensors, policy / "adapter_model.safetensors")
    with pytest.raises(TrainingError, match="does not fit this base model"):
        run(tiny_job(tmp_path, sft, startFrom=str(policy), out=str(tmp_path / "second")))
    (policy / "adapter_model.safetensors").write_bytes(b"x")
    with pytest.raises(TrainingError, match="cannot be read"):
        run(tiny_job(tmp_path, sft, startFrom=str(policy), out=str(tmp_path / "third")))


def test_bfloat16_learns_too(run: Run, tmp_path: Path, sft: Path) -> None:
    job = tiny_job(tmp_path, sft, epochs=8, precision="bfloat16")
    run(job)
    curve = losses(job.out)
    assert curve[-1] < 0.75 * curve[0]
    assert {tensor.dtype for tensor in adapter(job.out / "adapter").values()} == {torch.float32}


@pytest.mark.parametrize(
    ("times", "chosen", "goes"),
    [
        (1.0, torch.float32, [5, 2, 5]),
        (0.5, torch.bfloat16, [5, 2, 5]),
        # A hundred times slower: measured no longer than needed.
        (100.0, torch.float32, [5, 2]),
    ],
)
def test_the_precision_is_the_one_that_is_faster(
    monkeypatch: pytest.MonkeyPatch, times: float, chosen: torch.dtype, goes: list[int]
) -> None:
    asked: list[int] = []

    def seconds(dtype: torch.dtype, goes: int) -> float:
        asked.append(goes)
        return times if dtype == torch.bfloat16 else 1.0

    monkeypatch.setattr(model, "_seconds", seconds)
    assert model.choose_precision("auto", torch.device("cpu")) == chosen
    assert asked == goes


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_the_learning_rate_rises_then_falls(tmp_path: Path, sft: Path, schedule: str) -> None:
    hyper = tiny_job(tmp_path, sft, schedule=schedule, warmupShare=0.2).hyper
    rates = [learning_rate(hyper, step, 20) for step in range(1, 21)]
    assert rates[:4] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])
    assert rates[4] == 0.01
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert (rates[-1] == 0.01) == (schedule == "constant")
    assert rates[-1] > 0


def test_steps_of_a_run(tmp_path: Path, sft: Path) -> None:
    assert total_steps(tiny_job(tmp_path, sft, epochs=2).hyper, 3) == 6
    assert total_steps(tiny_job(tmp_path, sft, epochs=0.5).hyper, 3) == 2
    assert total_steps(tiny_job(tmp_path, sft, maxSteps=1).hyper, 3) == 1
