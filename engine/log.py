"""The application's log: fixed names of events, fields from a list, one line a batch. Never a value from a message.

    log.tell("batch.committed", messages=500, accepted=497, ms=18)

Whoever needs another event or field enters it here, where a reader can see all that may ever be logged.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog

Level = Literal["debug", "info", "warning", "error"]

EVENTS: Mapping[str, Level] = {
    "worker.started": "info",
    "worker.stopped": "info",
    "worker.idle": "debug",
    "calendar.applied": "info",
    "batch.committed": "info",
    "clock.fired": "info",
    "clock.behind": "warning",
    "intake.stands": "warning",
    "intake.file_done": "info",
    "intake.file_unreadable": "warning",
    "bus.assigned": "info",
    "bus.lost": "warning",
    "bus.undecided": "error",
    "bus.unavailable": "warning",
    "bus.partition_stuck": "error",
    "relay.waits": "warning",
    "relay.sent": "debug",
    "import.begun": "info",
    "import.ended": "info",
    "message.given_up": "warning",
    "case.quarantined": "error",
    "case.released": "info",
    "person.erased": "info",
    "lease.taken": "info",
    "lease.lost": "warning",
    "store.unavailable": "error",
    "store.available": "info",
    "socket.refused": "warning",
    "key.created": "info",
    "key.revoked": "info",
    "http.listening": "info",
    "http.closed": "info",
    "http.failed": "error",
}
"""Every event that may be logged, with its level."""

FIELDS = frozenset(
    {
        "accepted", "case_id", "code", "count", "dead_letters", "duplicates", "early", "epoch", "error", "lease", "ms",
        "messages", "number", "partition", "pid", "place", "port", "position", "rejected", "until", "workflow",
    }
)  # fmt: skip
"""Every field a line may have: numbers, instants, fixed words, ids that say nothing."""
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")


class Log:
    """Writes lines to a stream (standard error by default; nowhere with None): JSON, or plain text on a terminal."""

    def __init__(self, stream: TextIO | None = None, *, least: Level = "info", silent: bool = False) -> None:
        self._silent = silent
        self._least = LEVELS.index(least)
        out = stream if stream is not None else sys.stderr
        renderer: Any = structlog.processors.LogfmtRenderer(key_order=["at", "level", "event"])
        if not out.isatty():
            renderer = structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True)
        self._logger = structlog.wrap_logger(
            structlog.PrintLogger(out),
            processors=[_only_listed, structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"), renderer],
            wrapper_class=structlog.BoundLogger,
            cache_logger_on_first_use=True,
        )

    def tell(self, event: str, **fields: str | int | float) -> None:
        """One line. An event or a field that is not listed is a programming error (AssertionError)."""
        assert event in EVENTS, f"{event} is no event of engine.log"
        level = EVENTS[event]
        if not self._silent and LEVELS.index(level) >= self._least:
            self._logger.info(event, level=level, **fields)


def _only_listed(_logger: Any, _name: str, line: Any) -> Any:
    unlisted = line.keys() - FIELDS - {"event", "level"}
    assert not unlisted, f"not on the list of engine.log: {sorted(unlisted)}"
    return line
