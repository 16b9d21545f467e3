"""Which arrows of a workflow its scenarios have taken: read off the log, so that what the engine did counts as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.core.evolve import evolve
from engine.core.model import Case, Event
from engine.core.workflow import MAIN, Workflow


class Arrow(NamedTuple):
    """A move from one state of one machine. An opening leaves no state: its `state` is ""."""

    machine: str
    state: str
    transition: str

    def __str__(self) -> str:
        where = f"{self.machine}." if self.machine else ""
        return f"{where}{self.state} → {self.transition}" if self.state else f"→ {self.transition}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The arrows of one workflow, and those taken."""

    workflow: str
    arrows: frozenset[Arrow]
    taken: frozenset[Arrow]

    @property
    def missing(self) -> list[Arrow]:
        """The arrows no scenario has taken."""
        return sorted(self.arrows - self.taken)

    @property
    def percent(self) -> int:
        """Whole percent, rounded down: 100 means every arrow."""
        return 100 * len(self.arrows & self.taken) // len(self.arrows) if self.arrows else 100


def arrows_of(workflow: Workflow) -> frozenset[Arrow]:
    """Every arrow of the main line, its openings, and every track the workflow uses."""
    found = {Arrow(MAIN, "", name) for name in workflow.opens}
    for machine in (workflow.main, *workflow.tracks.values()):
        found |= {Arrow(machine.name, state, name) for state, name in machine.table}
    return frozenset(found)


def arrows_taken(events: Iterable[Event], case_id: str) -> set[Arrow]:
    """The arrows in a case's records, in order. A first signature of two takes none: the second does."""
    case, taken = Case(case_id), set()
    for event in events:
        if not event.version:
            continue
        if "transition" in event.data:
            taken.add(_arrow(case, event))
        case = evolve(case, event)
    return taken


def _arrow(case: Case, event: Event) -> Arrow:
    name, track_id = str(event.data["transition"]), event.data.get("track")
    if track_id is None:
        return Arrow(MAIN, case.state, name)
    machine, _, move = name.partition(".")
    return Arrow(machine, case.tracks[track_id]["state"], move)


def joined(coverages: Sequence[Coverage]) -> list[Coverage]:
    """One coverage for each workflow."""
    found: dict[str, Coverage] = {}
    for one in coverages:
        known = found.get(one.workflow, one)
        found[one.workflow] = Coverage(one.workflow, known.arrows | one.arrows, known.taken | one.taken)
    return list(found.values())
