"""The program as it is started: results on standard output, stop and keep, a kill, several processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rstar_trainer.reference import reference

from .conftest import Run
from .tiny import SHA, metrics, raw_job, tiny_job

PACKAGE = Path(__file__).parent.parent
CONFIGS = PACKAGE / "configs"


def write_job(folder: Path, train: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "job.json"
    path.write_text(json.dumps(raw_job(folder, train, **changes)))
    return path


def start(
    job: Path, bases: Path, *launcher: str, stdin: bool = False, program: str = "rstar_trainer"
) -> "subprocess.Popen[str]":
    module = [*launcher, "-m", program]
    return subprocess.Popen(
        [sys.executable, *module, "train", str(job), "--bases", str(bases), *(["--stop-on-input"] if stdin else [])],
        cwd=PACKAGE,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "ACCELERATE_USE_CPU": "true",
            "PYTHONPATH": os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")]),
        },
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_step(process: "subprocess.Popen[str]", step: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        parsed = json.loads(line)
        if parsed["kind"] == "step" and parsed["step"] == step:
            return
    assert process.stderr is not None
    pytest.fail(process.stderr.read())


def result(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output, errors = process.communicate(timeout=300)
    lines = [line for line in output.splitlines() if line.startswith("{")]
    assert lines, errors
    parsed: dict[str, Any] = json.loads(lines[-1])
    assert parsed["kind"] == "result", errors
    return parsed


@pytest.mark.parametrize("how", ["signal", "input"])
def test_stop_and_keep(tmp_path: Path, bases: Path, sft: Path, how: str) -> None:
    process = start(write_job(tmp_path, sft, epochs=1000), bases, stdin=how == "input")
    until_step(process, 3)
    if how == "signal":
        process.send_signal(signal.SIGTERM)
    stopped = result(process)
    assert process.returncode == 0
    assert stopped["outcome"] == "stopped"
    assert stopped["step"] >= 3
    assert Path(stopped["checkpoint"]).name == f"step-{stopped['step']:08d}"


def test_after_a_kill_it_goes_on_from_the_last_checkpoint(run: Run, tmp_path: Path, bases: Path, sft: Path) -> None:
    path = write_job(tmp_path, sft, epochs=7, checkpointEvery=4)
    process = start(path, bases)
    until_step(process, 10)
    process.kill()
    process.communicate()
    finished = result(start(path, bases))
    assert finished["outcome"] == "trained"
    assert any("Going on from step" in line["message"] for line in metrics(tmp_path / "out", "stage"))
    whole = tiny_job(tmp_path, sft, epochs=7, out=str(tmp_path / "whole"))
    run(whole)
    curve = {line["step"]: line["loss"] for line in metrics(tmp_path / "out", "step")}
    for line in metrics(whole.out, "step"):
        assert curve[line["step"]] == pytest.approx(line["loss"], rel=1e-4)


def test_a_failure_is_a_result_with_a_reason(tmp_path: Path, bases: Path) -> None:
    process = start(write_job(tmp_path, tmp_path / "none.jsonl"), bases)
    failed = result(process)
    assert process.returncode == 1
    assert (failed["outcome"], failed["reason"]) == ("failed", "bad-data")


# No dropout: each process draws its own.
SAME_IN_ANY_NUMBER: dict[str, Any] = {
    "lora": {"rank": 4, "alpha": 8, "dropout": 0},
    "epochs": 2,
    "microBatchSize": 1,
    # So low that Adam's epsilon counts: with any other limit the steps are others.
    "maxGradientNorm": 1e-6,
}


def launcher(config: str) -> list[str]:
    # DeepSpeed's own precision is half; the comparison with one process needs all digits.
    options = ["--num_processes", "2", "--mixed_precision", "no"]
    return ["-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / config), *options]


def forget_the_end(out: Path) -> None:
    """Leave of a finished training what a kill before its last checkpoint would have left."""
    (out / "adapter").rename(out.parent / "first-adapter")
    for folder in sorted((out / "checkpoints").iterdir())[1:]:
        (folder / "state.json").unlink()


ON_CPU = "tests.spread_on_cpu"


@pytest.mark.parametrize(
    ("config", "program", "goes_on_alone"),
    [
        ("ddp.yaml", "rstar_trainer", True),
        ("fsdp.yaml", ON_CPU, True),
        # Its checkpoints are DeepSpeed's own: as many processes go on from them.
        ("deepspeed-zero2.yaml", ON_CPU, False),
        ("deepspeed-zero3.yaml", ON_CPU, False),
    ],
    ids=["ddp", "fsdp", "zero2", "zero3"],
)
def test_two_processes_learn_what_one_does(
    run: Run, tmp_path: Path, bases: Path, sft: Path, config: str, program: str, *, goes_on_alone: bool
) -> None:
    one = tiny_job(tmp_path, sft, out=str(tmp_path / "one"), **SAME_IN_ANY_NUMBER)
    run(one)
    out = tmp_path / "two" / "out"
    path = write_job(tmp_path / "two", sft, checkpointEvery=2, **SAME_IN_ANY_NUMBER)
    assert result(start(path, bases, *launcher(config), program=program))["outcome"] == "trained"
    curve = [line["loss"] for line in metrics(out, "step")]
    assert curve == pytest.approx([line["loss"] for line in metrics(one.out, "step")], rel=2e-3)
    assert metrics(out, "data")[0]["processes"] == 2
    whole, spread = (load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (one.out, out))
    assert whole.keys() == spread.keys()
    # Together, not one by one: Adam moves a weight whose gradient is next to zero by a whole step of either sign.
    far = {name: float((spread[name] - tensor).norm() / tensor.norm()) for name, tensor in whole.items()}
    assert max(far.values()) < 0.05, far
    # The last checkpoint's optimiser goes on to the same end, in one process where it can.
    forget_the_end(out)
    again = start(path, bases) if goes_on_alone else start(path, bases, *launcher(config), program=program)
    assert result(again)["outcome"] == "trained"
    losses = [line["loss"] for line in metrics(out, "step")][len(curve) :]
    assert losses == pytest.approx(curve[4:], rel=2e-3)


def test_launched_processes_stop_when_whoever_started_them_is_gone(tmp_path: Path, bases: Path, sft: Path) -> None:
    path = write_job(tmp_path, sft, **{**SAME_IN_ANY_NUMBER, "epochs": 1000})
    process = start(path, bases, *launcher("ddp.yaml"), stdin=True)
    until_step(process, 3)
    # The end of standard input.
    stopped = result(process)
    assert process.returncode == 0
    assert stopped["outcome"] == "stopped"
    assert Path(stopped["checkpoint"]).name == f"step-{stopped['step']:08d}"


def test_a_sharded_model_is_written_and_read_whole(tmp_path: Path, bases: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29561"]
    ended = subprocess.run(
        [sys.executable, *launcher, "-m", "tests.sharded", str(bases / SHA[:16]), str(tmp_path)],
        cwd=PACKAGE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.count("same") == 2


def test_the_reference_has_tokens_and_likely_next_tokens(run: Run, tmp_path: Path, bases: Path, sft: Path) -> None:
    adapter = run(tiny_job(tmp_path, sft, epochs=8)).adapter
    request = {
        "base": raw_job(tmp_path, sft)["base"],
        "adapter": str(adapter),
        "prompts": [["Question: 3+3?\n", "print"], ["é"]],
        "top": 5,
    }
    answer = reference(request, bases)
    assert answer["ends"] == [256]
    first = answer["prompts"][0]
    assert len(first["tokens"]) == 20
    assert [len(position["tokens"]) for position in first["positions"]] == [5, 5]
    assert all(value <= 0 for value in first["positions"][0]["logProbs"])
    for position in first["positions"]:
        assert position["plain"] != position["logProbs"]
    assert torch.tensor(first["positions"][1]["logProbs"]).exp().sum() <= 1.0001
