"""The command line: `train JOB` and `reference REQUEST`. The last line of output is the result."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from .failures import classify
from .reporting import Reporter, emit
from .stopping import StopRequest


def main() -> int:
    """Run one command. 0 when it did what was asked or was stopped, 1 when it failed."""
    parser = argparse.ArgumentParser(prog="rstar_trainer", description=__doc__)
    parser.add_argument("command", choices=["train", "reference"])
    parser.add_argument("file", type=Path, help="job.json, or the request for a reference")
    parser.add_argument("--bases", type=Path, required=True, help="folder in which prepared base models are kept")
    parser.add_argument("--stop-on-input", action="store_true", help="stop at a line or the end of standard input")
    arguments = parser.parse_args()
    # No command here fetches anything unless the job names a repository.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    stop = StopRequest()
    stop.listen(standard_input=arguments.stop_on_input)
    try:
        result = _train(arguments, stop) if arguments.command == "train" else _reference(arguments)
    except Exception as error:
        failure = classify(error)
        if failure is not error:
            import traceback

            traceback.print_exc()
        _result({"outcome": "failed", "reason": failure.reason, "message": failure.message})
        return 1
    if result is not None:
        _result(result)
    return 0


def _train(arguments: argparse.Namespace, stop: StopRequest) -> dict[str, Any] | None:
    from .job import read_job
    from .training import Training
    from .workers import Workers

    job = read_job(arguments.file)
    workers = Workers()
    reporter = Reporter(job.out / "metrics.jsonl" if workers.first else None)
    outcome = Training(job, arguments.bases, workers, reporter, stop).run()
    if not workers.first:
        return None
    return {
        "outcome": outcome.kind,
        "adapter": None if outcome.adapter is None else str(outcome.adapter),
        "checkpoint": None if outcome.checkpoint is None else str(outcome.checkpoint),
        "step": outcome.step,
        "loss": outcome.loss,
        "held": outcome.held,
        "seconds": outcome.seconds,
        "base": str(outcome.base),
    }


def _reference(arguments: argparse.Namespace) -> dict[str, Any]:
    from .reference import reference

    request = json.loads(arguments.file.read_text("utf-8"))
    return {"outcome": "reference", **reference(request, arguments.bases)}


def _result(fields: dict[str, Any]) -> None:
    emit(json.dumps({"kind": "result", **fields}))


if __name__ == "__main__":
    sys.exit(main())
