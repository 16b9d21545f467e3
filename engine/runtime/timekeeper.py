"""Where the present instant comes from: the one place of the shell that asks a clock. Elsewhere time is passed in."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from engine.core.errors import LianxinError
from engine.core.instants import Instant, from_datetime, parse


class Clock(Protocol):
    """Something that can be asked for the present instant."""

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        return from_datetime(datetime.now(UTC))


class FileClock:
    """A test setting: the text of a file is the present instant. LX-530 where it holds none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: Instant = ""

    def now(self) -> Instant:
        try:
            text = self._path.read_text(encoding="utf-8").strip()
            if text or not self._last:  # empty: it is being written this moment
                self._last = parse(text)
        except (OSError, ValueError) as error:
            raise LianxinError("LX-530", exit_code=2, path=self._path, reason=error) from error
        return self._last


class Timekeeper:
    """A clock that never goes back, whatever the machine's does; threads may share it."""

    def __init__(self, clock: Clock, floor: Instant = "") -> None:
        self._clock = clock
        self._last = floor
        self._turn = threading.Lock()
        self.behind = False
        """Whether the machine's clock was found behind an instant that was told before."""

    def not_before(self, instant: Instant) -> None:
        """The log knows this instant already: a clock that is behind it stands still until it has caught up."""
        with self._turn:
            self._last = max(self._last, instant)

    def now(self) -> Instant:
        told = self._clock.now()
        with self._turn:
            self.behind = told < self._last
            self._last = max(self._last, told)
            return self._last


def timekeeper(clock_file: Path | None = None) -> Timekeeper:
    """The system's clock, or in tests that of a file."""
    return Timekeeper(FileClock(clock_file) if clock_file is not None else SystemClock())
