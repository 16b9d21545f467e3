"""What a process is there for: `lianxin run engine|consumers|clock|api`, or all of it in one.

intake      files of a folder, topics of Kafka; what is taken in is followed by its reactions at once
consumers   facts that nobody has reacted to; what may come after the commit
clock       due points, what has waited too long, a new calendar; one process at a time, others stand by
api         requests of other processes and systems
"""

from __future__ import annotations

from enum import Enum


class Duty(Enum):
    """One of the things that a process may do."""

    INTAKE = "engine"
    CONSUMERS = "consumers"
    CLOCK = "clock"
    API = "api"


ALL = frozenset(Duty)
"""What `run all` does, and on SQLite the one process that writes."""


def duties_of(what: str) -> frozenset[Duty]:
    """Those of `run WHAT`."""
    return ALL if what == "all" else frozenset({Duty(what)})
