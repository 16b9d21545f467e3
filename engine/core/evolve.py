"""`evolve(case, event) → case`: what happened, happened. Pure and total; replay calls nothing else.

Deciding wrote the results into the event (states entered, fields set, whole clocks and tracks as they stand after
it), so folding needs no workflow, no calendar and no rule: a log of ten years ago folds with the code of today.
"""

from __future__ import annotations

from engine.core.model import Case, Event


def evolve(case: Case, event: Event) -> Case:
    """The case after the event. The given case is not changed."""
    data = event.data
    moved = "to" in data and "track" not in data  # a track's own move leaves the main line where it is
    after = Case(  # in the order of its fields: by name it takes twice as long
        case.case_id,
        data.get("workflow", case.workflow),
        event.version,
        event.digest,
        data.get("phase", case.phase),
        data["to"] if moved else case.state,
        case.state if moved else case.came_from,
        data.get("fact_at", case.last_fact_at),
        {**case.levels, **data["levels"]} if "levels" in data else case.levels,
        case.data,
        {**case.tracks, **data["tracks"]} if "tracks" in data else case.tracks,
        {**case.clocks, **data["clocks"]} if "clocks" in data else case.clocks,
        case.acted,
        case.approvals,
        {**case.fired, **data["once"]} if "once" in data else case.fired,
    )
    given = data["with"].get("case") if "with" in data else None
    if given or "set" in data:
        after.data = {**case.data, **(given or {}), **data.get("set", {})}
    if person := event.actor.get("person"):
        role = event.actor["role"]
        who = case.acted.get(role, [])
        if person not in who:
            after.acted = {**case.acted, role: [*who, person]}
    if "approvals" in data:
        merged = {**case.approvals, **data["approvals"]}
        after.approvals = {name: signed for name, signed in merged.items() if signed}
    return after
