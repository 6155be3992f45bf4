"""Checkpoints: folders that appear whole or not at all, newest first, each file known by its hash."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failures import CORRUPT_CHECKPOINT, TrainingError

_STATE = "state.json"
_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: the adapter in PEFT's format, the optimiser, and where the run stood."""

    folder: Path
    state: dict[str, Any]

    @property
    def adapter(self) -> Path:
        """The adapter as PEFT reads it."""
        return self.folder / "adapter"


def write_file(path: Path, content: bytes) -> None:
    """Write and flush to the disk, so that a full disk shows here and not later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class Partial:
    """A checkpoint being written: several processes may fill its folder before one of them seals it."""

    def __init__(self, root: Path, step: int) -> None:
        self.folder = root / f".step-{step:08d}.partial"
        self.final = root / f"step-{step:08d}"
        self._step = step

    def open(self) -> None:
        """Start with an empty folder."""
        discard(self.folder)
        self.folder.mkdir(parents=True)

    def seal(self, state: dict[str, Any]) -> None:
        """Write down the state and all files' hashes, give the folder its name, and delete all but the newest two."""
        sealed = {**state, "step": self._step, "files": file_hashes(self.folder)}
        write_file(self.folder / _STATE, json.dumps(sealed).encode())
        discard(self.final)
        self.folder.rename(self.final)
        for old in sorted(self.final.parent.glob("step-*"))[:-_KEPT]:
            discard(old)


def newest_checkpoint(root: Path, runs: Collection[str], say: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint of a run of one of these names; None when there are none at all.

    Raises when there are some but none can be used.
    """
    reasons = []
    for folder in sorted(root.glob("step-*"), reverse=True):
        try:
            state = json.loads((folder / _STATE).read_text("utf-8"))
            found = file_hashes(folder)
            damaged = [name for name, digest in state["files"].items() if found.get(name) != digest]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reasons.append(f"{folder.name} is damaged ({error})")
            continue
        if damaged:
            reasons.append(f"{folder.name} is damaged ({', '.join(damaged)})")
        elif state.get("run") not in runs:
            reasons.append(f"{folder.name} was written with other data, base or settings")
        else:
            for reason in reasons:
                say(f"{reason}; going on from {folder.name}")
            return Checkpoint(folder, state)
    if reasons:
        raise TrainingError(
            CORRUPT_CHECKPOINT,
            f"No checkpoint in {root} can be used: {'; '.join(reasons)}. Nothing was deleted. Start the training over "
            "(without resume), or put the files back.",
        )
    return None


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a folder so that its name stands for the old content or the whole new one."""
    partial = folder.with_name(f".{folder.name}.partial")
    discard(partial)
    try:
        partial.mkdir(parents=True)
        write(partial)
        discard(folder)
        partial.rename(folder)
    except BaseException:
        discard(partial)
        raise


def discard(folder: Path) -> None:
    """Delete a folder that may not exist."""
    shutil.rmtree(folder, ignore_errors=True)


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file below a folder, but for the state's own file; none where there is no folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _STATE
    }
