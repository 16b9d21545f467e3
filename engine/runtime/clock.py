"""The clock: points that are due become commands, oldest first, each claimed once by its id in the inbox."""

from __future__ import annotations

from engine.core.desk import ENGINE_ACTOR
from engine.core.instants import Instant
from engine.core.model import Command
from engine.runtime.handle import Line
from engine.store.transaction import DUE_MAX, Tx

CLOCK_SOURCE = "lianxin:/clock"
INTAKE_INCOMPLETE = "intake_incomplete"


def rungs(tx: Tx, until: Instant, line: Line, *, limit: int = DUE_MAX, notes: tuple[str, ...] = ()) -> list[Command]:
    """The points due at or before `until`, at most one of a case, so that each is decided on what the last one left."""
    found: list[Command] = []
    cases: set[str] = set()
    for at, case_id, key in tx.due(until, limit):
        if case_id in cases:
            continue
        cases.add(case_id)
        found.append(
            Command(
                source=CLOCK_SOURCE,
                id=f"{case_id}/{key}/{at}",
                case_id=case_id,
                workflow="",
                kind="rung",
                name=key,
                actor=ENGINE_ACTOR,
                at=until,
                notes=notes,
            )
        )
    return found
