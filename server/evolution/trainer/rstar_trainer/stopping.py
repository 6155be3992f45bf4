"""Stop and keep: a signal, or the end of standard input, asks the run to end after what it is computing."""

import os
import signal
import sys
import threading
from types import FrameType


class StopRequest:
    """Set once, by whoever asks first."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def asked(self) -> bool:
        """Whether the run should end."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask the run to end."""
        self._asked.set()

    def listen(self, *, standard_input: bool) -> None:
        """Hear SIGTERM, SIGINT and the terminal's end.

        With `standard_input` also a line there, or its end when the parent died: a launcher on this machine shares its
        own with all it starts. One that starts processes on other machines does not, and theirs ends at once.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        # Windows has none; under `nohup` it is ignored, and stays so.
        hangup = getattr(signal, "SIGHUP", None)
        if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
            signal.signal(hangup, self._on_signal)
        if standard_input and os.environ.get("WORLD_SIZE") == os.environ.get("LOCAL_WORLD_SIZE"):
            threading.Thread(target=self._read, daemon=True).start()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()

    def _read(self) -> None:
        sys.stdin.readline()
        self.ask()
