"""Doors that a worker keeps open while it runs: what each is given, and what it must be."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from engine.log import Log
from engine.runtime.handle import Line
from engine.runtime.pulse import Pulse
from engine.runtime.requests import Queue
from engine.runtime.timekeeper import Timekeeper
from engine.runtime.writer import Writer


@dataclass(frozen=True)
class Hall:
    """What stands behind a door. Only `queue` leads to the writer; all else is looked at, from any thread."""

    line: Line
    queue: Queue
    writer: Writer
    pulse: Pulse
    time: Timekeeper
    log: Log


Door = Callable[[Hall], AbstractContextManager[object]]
"""Opens when it is entered, and takes nothing more once it is left. LianxinError where it cannot open."""
