"""`evolve(case, event) → case`: what happened, happened. Pure and total; replay calls nothing else.

Deciding wrote the results into the event (states entered, fields set, whole clocks and tracks as they stand after
it), so folding needs no workflow, no calendar and no rule: a log of ten years ago folds with the code of today.
"""

from __future__ import annotations

from engine.core.model import Case, Event, JsonObject


def evolve(case: Case, event: Event) -> Case:
    """The case after the event. The given case is not changed."""
    after = case.__copy__()
    fold(after, event)
    return after


def fold(case: Case, event: Event) -> None:
    """`evolve` in place, for whoever made the case and has shown it to nobody: a rebuild of one from its records."""
    actor = event.actor
    person = actor.get("person", "")
    apply(case, event.data, event.version, event.digest, person, actor["role"] if person else "")


def apply(case: Case, data: JsonObject, version: int, digest: bytes, person: str, role: str) -> None:
    """What a fact says, laid over the case; its dictionaries are made anew where they change."""
    case.version, case.digest = version, digest
    if "to" in data and "track" not in data:  # a track's own move leaves the main line where it is
        case.came_from, case.state = case.state, data["to"]
    if "phase" in data:
        case.phase = data["phase"]
    if "fact_at" in data:
        case.last_fact_at = data["fact_at"]
    if "with" in data and "case" in data["with"]:
        case.data = {**case.data, **data["with"]["case"]}
    if "clocks" in data:
        case.clocks = {**case.clocks, **data["clocks"]}
    if person and person not in (who := case.acted.get(role, ())):
        case.acted = {**case.acted, role: [*who, person]}
    if SELDOM.isdisjoint(data):
        return
    if "set" in data:
        case.data = {**case.data, **data["set"]}
    if "tracks" in data:
        case.tracks = {**case.tracks, **data["tracks"]}
    if "levels" in data:
        case.levels = {**case.levels, **data["levels"]}
    if "once" in data:
        case.fired = {**case.fired, **data["once"]}
    if "workflow" in data:
        case.workflow = data["workflow"]
    if "approvals" in data:
        merged = {**case.approvals, **data["approvals"]}
        case.approvals = {name: signed for name, signed in merged.items() if signed}


SELDOM = frozenset({"set", "tracks", "levels", "once", "workflow", "approvals"})
"""What few facts say."""
