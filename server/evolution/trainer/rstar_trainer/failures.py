"""What can go wrong in a training run and the words for it."""

import errno

import torch

# Values of `TRAINING_FAILURES` in server/protocol/training.ts.
BAD_DATA = "bad-data"
NO_DATA = "no-data"
BAD_BASE = "bad-base"
NO_SPACE = "no-space"
NO_NETWORK = "no-network"
CORRUPT_CHECKPOINT = "corrupt-checkpoint"
OUT_OF_MEMORY = "out-of-memory"
NOT_A_NUMBER = "not-a-number"
OTHER = "other"

# What PyTorch's allocators say; on the CPU it is a plain RuntimeError.
_NO_MEMORY = ("not enough memory", "out of memory", "can't allocate memory")
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class TrainingError(Exception):
    """An expected end of a run: a reason of the protocol, and a message that says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def classify(error: BaseException) -> TrainingError:
    """Tell which expected failure an exception of the libraries is; `other` when it is none of them."""
    if isinstance(error, TrainingError):
        return error
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY)
    ):
        # What to do about it has other names in an editor than in a terminal: TypeScript says it.
        return TrainingError(OUT_OF_MEMORY, "The training ran out of memory.")
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return TrainingError(
            NO_SPACE, "The disk became full. Free some space and resume: no finished checkpoint was harmed."
        )
    return TrainingError(OTHER, f"{type(error).__name__}: {text}")
