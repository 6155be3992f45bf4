"""What a run says while it runs: metrics as JSON lines, on standard output and in `metrics.jsonl`."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Reporter:
    """Writes lines of `MetricsLine` (server/protocol/training.ts). Only the first process of a run speaks."""

    def __init__(self, file: Path | None) -> None:
        """Without a file nothing is said."""
        self._file = file
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)

    def stage(self, stage: str, message: str) -> None:
        """Announce a stage, in one line for a person."""
        self.line("stage", stage=stage, message=message)

    def line(self, kind: str, **fields: Any) -> None:
        """Write one metrics line."""
        if self._file is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = json.dumps({"kind": kind, "at": now, **fields})
        with self._file.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        emit(text)


def emit(text: str) -> None:
    """Write a line to standard output at once; a reader that went away is no reason to stop training."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    # Windows says EINVAL of a closed pipe, which Python does not call a broken one.
    except OSError:
        pass
