"""A training run: prepare, loop over batches, checkpoint, resume, stop."""

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from .base import PreparedBase, load_tokenizer, load_weights, prepare_base
from .checkpoints import (
    Checkpoint,
    Partial,
    discard,
    file_hashes,
    newest_checkpoint,
    replace_folder,
    write_file,
)
from .data import DataSet, Item, cut, epoch_order, read_examples, read_pairs, score_tokens
from .failures import NO_DATA, NOT_A_NUMBER, TrainingError
from .job import Job
from .losses import Objective, weight_of
from .model import add_adapter, choose_precision, load_adapter
from .reporting import Reporter
from .schedule import learning_rate, total_steps
from .stopping import StopRequest
from .workers import Workers

# The loss of a run is the mean of its last steps'.
_LAST_STEPS = 10


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `loss` is null when no step was made."""

    kind: str  # "trained" or "stopped"
    adapter: Path | None
    checkpoint: Path | None
    step: int
    loss: float | None
    held: dict[str, float] | None
    seconds: float
    base: Path


class Training:
    """One run of a job."""

    def __init__(self, job: Job, bases: Path, workers: Workers, reporter: Reporter, stop: StopRequest) -> None:
        self._job = job
        self._workers = workers
        self._reporter = reporter
        self._stop = stop
        self._checkpoints = job.out / "checkpoints"
        self._base = self._load_base(bases)
        self._data, self._held, self._objective = self._read_data()
        self._names = self._run_names()
        self._batches_per_pass = math.ceil(len(self._data.items) / job.hyper.batch_size)
        self._steps = total_steps(job.hyper, self._batches_per_pass)
        self._passes: dict[int, list[list[Item]]] = {}
        self._step = 0
        self._losses: list[float] = []
        self._held_result: dict[str, float] | None = None
        self._seconds = 0.0
        self._saved: Path | None = None

    def run(self) -> Outcome:
        """Train to the end, or until asked to stop. Raises `TrainingError` and the libraries' errors."""
        self._report_data()
        checkpoint = self._resume_point()
        model, optimizer = self._build(checkpoint)
        started = time.monotonic() - self._seconds
        try:
            if self._step == 0:
                self._evaluate(model)
            while self._step < self._steps and self._make_step(model, optimizer):
                self._seconds = time.monotonic() - started
                if self._step % self._job.checkpoint_every == 0 and self._step < self._steps:
                    # First, because an evaluation takes longer than whoever asks for a stop waits.
                    self._save(model, optimizer)
                    self._evaluate(model)
        finally:
            self._seconds = time.monotonic() - started
        if self._step < self._steps:
            if self._step > 0:
                self._save(model, optimizer)
            return self._outcome("stopped", None)
        self._save(model, optimizer)
        self._evaluate(model)
        return self._outcome("trained", self._write_adapter(model))

    # ---------------------------------------------------------------- preparing

    def _load_base(self, bases: Path) -> PreparedBase:
        self._reporter.stage("load", f"Reading {self._job.base.id}.")
        return self._workers.in_turn(lambda: prepare_base(self._job.base, bases))

    def _read_data(self) -> tuple[DataSet, DataSet | None, Objective]:
        job = self._job
        self._reporter.stage("data", "Reading the data set.")
        tokenize = load_tokenizer(self._base.folder)
        start, limit = self._base.start, job.hyper.max_tokens
        if job.ppm is None:
            objective = Objective(job.loss, None)
            data, held = (
                None if path is None else read_examples(path, tokenize, start, limit) for path in (job.train, job.held)
            )
        else:
            suffix, positive, negative = score_tokens(job.ppm, tokenize)
            objective = Objective(job.loss, (positive, negative))
            data, held = (
                None if path is None else read_pairs(path, tokenize, start, limit, suffix, job.loss)
                for path in (job.train, job.held)
            )
        if data is None or not data.items:
            left_out = 0 if data is None else data.left_out
            raise TrainingError(
                NO_DATA,
                f"There is nothing to train on in {job.train}"
                + (f": all {left_out} examples are longer than {limit} tokens." if left_out else ".")
                + " Collect more traces first.",
            )
        return data, held if held is not None and held.items else None, objective

    def _report_data(self) -> None:
        self._reporter.line(
            "data",
            examples=len(self._data.items),
            tokens=self._data.tokens,
            trainedTokens=self._data.trained_tokens,
            leftOut=self._data.left_out,
            heldExamples=0 if self._held is None else len(self._held.items),
            steps=self._steps,
            device=self._workers.describe(),
            processes=self._workers.count,
        )

    def _run_names(self) -> list[str]:
        """What a checkpoint to go on from may call its run; this one is called by the first.

        Base and start are known by their content, because a data folder may move. Checkpoints from before December 2026
        have their paths.
        """
        raw, start = self._job.raw, self._job.start_from
        base = [raw["base"]["gguf"]["sha256"], raw["base"]["weights"]]
        content = None if start is None else file_hashes(start)
        return [self._run_name(base, content), self._run_name(raw["base"], raw["startFrom"])]

    def _run_name(self, base: Any, start: Any) -> str:
        """Name what must be the same for a checkpoint to be gone on from."""
        raw = self._job.raw
        same = {key: raw[key] for key in ("kind", "loss", "ppm", "seed")}
        # How many examples are computed at once does not change what is learnt, and a run whose memory was too small
        # for them must go on with fewer.
        hyper = {k: v for k, v in raw["hyperParameters"].items() if k != "microBatchSize"}
        same |= {"base": base, "startFrom": start, "hyperParameters": hyper}
        return hashlib.sha256(json.dumps([same, self._data.sha256], sort_keys=True).encode()).hexdigest()

    def _resume_point(self) -> Checkpoint | None:
        if self._job.resume:
            return newest_checkpoint(
                self._checkpoints, self._names, lambda text: self._reporter.stage("load", f"{text}.")
            )
        self._workers.wait()
        if self._workers.first:
            discard(self._checkpoints)
        self._workers.wait()
        return None

    def _build(self, checkpoint: Checkpoint | None) -> tuple[Any, Any]:
        job = self._job
        if checkpoint is None:
            dtype = choose_precision(job.hyper.precision, self._workers.device)
        else:
            dtype = getattr(torch, checkpoint.state["precision"])
        self._precision = str(dtype).removeprefix("torch.")
        model = load_weights(self._base.folder, dtype)
        if checkpoint is not None:
            model = load_adapter(model, checkpoint.adapter, trainable=True)
        elif job.start_from is not None:
            model = load_adapter(model, job.start_from, trainable=True)
        else:
            model = add_adapter(model, job.hyper.lora, job.seed)
        self._peft_config = model.peft_config["default"]
        model.train()
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trainable, lr=job.hyper.learning_rate, weight_decay=job.hyper.weight_decay)
        model, optimizer = self._workers.prepare(model, optimizer, job.hyper.max_gradient_norm)
        if checkpoint is not None:
            self._workers.load_optimizer(model, optimizer, checkpoint.folder)
            self._step = checkpoint.state["step"]
            self._losses = checkpoint.state["losses"]
            self._held_result = checkpoint.state["held"]
            self._seconds = checkpoint.state["seconds"]
            self._saved = checkpoint.folder
        where = "Training" if checkpoint is None else f"Going on from step {self._step}"
        self._reporter.stage("train", f"{where}, {self._steps} steps in {self._precision}.")
        return model, optimizer

    # ----------------------------------------------------------------- training

    def _batch(self, step: int) -> list[Item]:
        epoch, index = divmod(step, self._batches_per_pass)
        if epoch not in self._passes:
            order = epoch_order(self._data.items, self._job.seed, epoch)
            self._passes = {epoch: cut(order, self._job.hyper.batch_size)}
        return self._passes[epoch][index]

    def _share(self, items: Sequence[Item]) -> list[tuple[list[Item], bool]]:
        """This process's micro-batches. All processes get equally many; what is there to fill up does not count."""
        pieces = cut(items, self._job.hyper.micro_batch_size)
        rounds = math.ceil(len(pieces) / self._workers.count)
        mine = [(piece, True) for piece in pieces[self._workers.index :: self._workers.count]]
        return mine + [(pieces[0], False)] * (rounds - len(mine))

    def _make_step(self, model: Any, optimizer: Any) -> bool:
        """One optimiser step; false when it was not made because the run is to stop."""
        job, workers = self._job, self._workers
        started = time.monotonic()
        batch = self._batch(self._step)
        weight = weight_of(batch)
        # Dropout depends on the step and not on what was before, so that a resumed run draws the same.
        torch.manual_seed(((job.seed * 1_000_003 + self._step) * 1_009 + workers.index) % 2**63)
        rate = learning_rate(job.hyper, self._step + 1, self._steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss, tokens = 0.0, 0
        micro_batches = self._share(batch)
        for index, (items, counts) in enumerate(micro_batches):
            last = index == len(micro_batches) - 1
            if self._is_to_stop(last=last):
                return False
            with workers.accumulating(model, last=last):
                total, _, length = self._objective.measure(model, items)
                # The processes' gradients are averaged, so each counts as often as there are processes.
                factor = workers.count / weight if counts else 0.0
                workers.backward(model, total * factor, last=last)
            if counts:
                loss += float(total.detach()) / weight
                tokens += length
        norm = workers.clip(model, job.hyper.max_gradient_norm)
        loss, tokens_all = workers.sum([loss, float(tokens)])
        if not math.isfinite(loss) or (norm is not None and not math.isfinite(norm)):
            kept = "" if self._saved is None else f" The checkpoint {self._saved} is from before."
            raise TrainingError(
                NOT_A_NUMBER,
                f"The loss of step {self._step + 1} is not a number, and the step was not made.{kept} "
                "Train with a lower learning rate, or in float32.",
            )
        optimizer.step()
        self._step += 1
        self._losses = [*self._losses, loss][-_LAST_STEPS:]
        seconds = time.monotonic() - started
        self._reporter.line(
            "step",
            step=self._step,
            steps=self._steps,
            epoch=self._step / self._batches_per_pass,
            loss=loss,
            learningRate=rate,
            gradientNorm=norm,
            tokensPerSecond=tokens_all / max(seconds, 1e-9),
            secondsLeft=self._seconds_left(seconds),
        )
        return True

    def _is_to_stop(self, *, last: bool) -> bool:
        """Whether the step is given up before this micro-batch.

        Many processes agree on it before a batch's last one, because DeepSpeed makes the step with its backward pass.
        """
        if self._workers.count == 1:
            return self._stop.asked
        return last and self._workers.sum([float(self._stop.asked)])[0] > 0

    def _seconds_left(self, seconds: float) -> float:
        mean = (self._seconds + seconds) / self._step if self._step > 0 else seconds
        return mean * (self._steps - self._step)

    def _evaluate(self, model: Any) -> None:
        if self._held is None:
            return
        model.eval()
        loss, right = 0.0, 0.0
        with torch.no_grad():
            for items, counts in self._share(self._held.items):
                total, hits, _ = self._objective.measure(model, items)
                if counts:
                    loss += float(total)
                    right += float(hits)
        model.train()
        weight = weight_of(self._held.items)
        loss, right = self._workers.sum([loss, right])
        self._held_result = {"loss": loss / weight, "accuracy": min(1.0, right / weight)}
        self._reporter.line("evaluation", step=self._step, **self._held_result)

    # ------------------------------------------------------------------- keeping

    def _save(self, model: Any, optimizer: Any) -> None:
        """Write a checkpoint of the last step made, unless there is one."""
        if self._saved is not None and self._saved.name.endswith(f"{self._step:08d}"):
            return
        tensors = self._workers.adapter(model)
        partial = Partial(self._checkpoints, self._step)
        state = {
            "run": self._names[0],
            "precision": self._precision,
            "losses": self._losses,
            "held": self._held_result,
            "seconds": self._seconds,
        }
        try:
            if self._workers.first:
                partial.open()
            self._workers.wait()
            self._workers.save_optimizer(model, optimizer, partial.folder)
            self._workers.wait()
            if self._workers.first:
                self._write_peft(partial.folder / "adapter", tensors)
                partial.seal(state)
                self._reporter.line("checkpoint", step=self._step, folder=str(partial.final))
            self._saved = partial.final
        except BaseException:
            discard(partial.folder)
            raise

    def _write_adapter(self, model: Any) -> Path:
        folder = self._job.out / "adapter"
        tensors = self._workers.adapter(model)
        if self._workers.first:
            replace_folder(folder, lambda partial: self._write_peft(partial, tensors))
        self._workers.wait()
        return folder

    def _write_peft(self, folder: Path, tensors: dict[str, torch.Tensor]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "adapter_model.safetensors", save(tensors))
        config = {**self._peft_config.to_dict(), "inference_mode": True, "base_model_name_or_path": None}
        text = json.dumps(config, default=lambda value: sorted(value) if isinstance(value, set) else str(value))
        write_file(folder / "adapter_config.json", text.encode())

    def _outcome(self, kind: str, adapter: Path | None) -> Outcome:
        loss = sum(self._losses) / len(self._losses) if self._losses else None
        return Outcome(
            kind, adapter, self._saved, self._step, loss, self._held_result, self._seconds, self._base.folder
        )
