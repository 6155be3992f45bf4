"""Fixtures: the tiny base, and runs over it in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rstar_trainer.job import Job
from rstar_trainer.reporting import Reporter
from rstar_trainer.stopping import StopRequest
from rstar_trainer.training import Outcome, Training
from rstar_trainer.workers import Workers

from .tiny import examples, pairs, tiny_base, write_lines

Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of prepared bases with the tiny one."""
    folder = tmp_path_factory.mktemp("bases")
    tiny_base(folder)
    return folder


@pytest.fixture
def sft(tmp_path: Path) -> Path:
    """Ten examples."""
    return write_lines(tmp_path / "sft.jsonl", examples(10))


@pytest.fixture
def preferences(tmp_path: Path) -> Path:
    """Four prefixes, sixteen pairs."""
    return write_lines(tmp_path / "pairs.jsonl", pairs(4))


@pytest.fixture
def run(bases: Path) -> Run:
    """Run a job to its end; with `stop_after`, ask it to stop after so many optimiser steps."""

    def start(job: Job, stop_after: int | None = None) -> Outcome:
        stop = StopRequest()

        class Counting(Reporter):
            def line(self, kind: str, **fields: object) -> None:
                super().line(kind, **fields)
                if kind == "step" and fields["step"] == stop_after:
                    stop.ask()

        return Training(job, bases, Workers(), Counting(job.out / "metrics.jsonl"), stop).run()

    return start
