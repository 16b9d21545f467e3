"""The clock: points that are due become commands, oldest first, each claimed once by its id in the inbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.core.desk import ENGINE_ACTOR
from engine.core.instants import Instant
from engine.core.model import Case, Command
from engine.runtime.handle import Line
from engine.runtime.react import IMPORTED
from engine.store.transaction import DUE_MAX, Tx

CLOCK_SOURCE = "lianxin:/clock"
INTAKE_INCOMPLETE = "intake_incomplete"


def rungs(
    tx: Tx,
    until: Instant,
    line: Line,
    *,
    limit: int = DUE_MAX,
    notes: tuple[str, ...] = (),
    without_cases: Collection[str] = (),
    without_workflows: Collection[str] = (),
    imported: Mapping[str, Instant] | None = None,
) -> list[Command]:
    """The points due at or before `until`, at most one of a case, so that each is decided on what the last one left.

    Asked again, it goes on; what it gave is in the order of time. `without_…` must wait (quarantine, an import).
    `imported`: by workflow, the instant an import ended: what was due by then was found by it, and is marked so.
    """
    found: dict[str, Command] = {}
    bound = until  # the oldest point that must wait for the next call: nothing younger may come before it
    due = tx.due(until, limit, without_cases=without_cases, without_workflows=without_workflows)
    cases = tx.load({case_id for _, case_id, _ in due})
    for at, case_id, key in due:
        if at > bound:
            break
        if case_id in found:
            bound = at
            continue
        case = cases[case_id]
        bound = min([bound, *(rung["at"] for rung in case.clocks[key]["rungs"][1:2])])
        marks = (*notes, IMPORTED) if imported and at <= imported.get(_workflow(case, line), "") else notes
        found[case_id] = Command(
            source=CLOCK_SOURCE,
            id=f"{case_id}/{key}/{case.clocks[key]['rungs'][0]['name']}",
            case_id=case_id,
            workflow="",
            kind="rung",
            name=key,
            actor=ENGINE_ACTOR,
            at=until,
            notes=marks,
        )
    return list(found.values())


def _workflow(case: Case, line: Line) -> str:
    return line.book.pinned(case.workflow).workflow.name
