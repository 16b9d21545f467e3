"""Named points at which a process can be cut off: before or after each kind of statement, commit or removal of a file.

Installed in a process of a test only, by giving the driver a connection of our own; lianxin knows nothing of it.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

from pysqlite3 import dbapi2

from engine.bus.spool import Spool

STATEMENT = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM)\s+"?([a-z_]+)"?')
TABLES = (
    "case", "dead_letter", "deadline", "followup", "inbox", "incident", "letter", "letter_number", "log", "offset",
    "parked", "tally", "vault", "vault_key", "watermark",
)  # fmt: skip
PLACES = (
    "COMMIT", "DELETE parked", "UPDATE case", "UPDATE offset", "file", *(f"INSERT {table}" for table in TABLES),
)  # fmt: skip
POINTS = tuple(f"{side} {place}" for place in PLACES for side in ("before", "after"))
"""The forty."""

Reached = Callable[[str], None]
"""Told of every point that is reached."""


def installed(reached: Reached) -> None:
    """From here on this process tells of every point; for processes that end with their test."""

    class Told(dbapi2.Connection):  # type: ignore[misc]  # pysqlite3 publishes no types
        def execute(self, sql: str, *parameters: Any) -> Any:
            return self._told(_place(sql), lambda: dbapi2.Connection.execute(self, sql, *parameters))

        def executemany(self, sql: str, *parameters: Any) -> Any:
            return self._told(_place(sql), lambda: dbapi2.Connection.executemany(self, sql, *parameters))

        def commit(self) -> Any:
            return self._told("COMMIT", lambda: dbapi2.Connection.commit(self))

        @staticmethod
        def _told(place: str, do: Callable[[], Any]) -> Any:
            if not place:
                return do()
            reached(f"before {place}")
            done = do()
            reached(f"after {place}")
            return done

    connect, settled = dbapi2.connect, Spool.settled

    def removed(spool: Spool, partition: str) -> None:
        reached("before file")
        settled(spool, partition)
        reached("after file")

    dbapi2.connect = lambda *given, **named: connect(*given, factory=Told, **named)
    setattr(Spool, "settled", removed)  # noqa: B010  this process ends with its test


def dies_at(point: str, time: int) -> Reached:
    """SIGKILL when a point is reached for the n-th time."""
    left = [time]

    def reached(there: str) -> None:
        if there == point:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


def counting(counts: Counter[str]) -> Reached:
    """How often each point is reached."""
    return lambda there: counts.update((there,))


def _place(sql: str) -> str:
    found = STATEMENT.match(sql.lstrip())
    return f"{found[1].split()[0]} {found[2]}" if found else ""
