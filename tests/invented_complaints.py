"""Invented histories of complaints: whole stories of cases, with everything that goes wrong in real life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from worker_parts import answer, approve, assign, close, register

from engine.core.model import JsonObject

START = datetime(2026, 3, 2, 9)
UNITS = ("住建局", "城管局", "水务局")


@dataclass(frozen=True)
class Story:
    """One case: when it began, how long each step took in hours (None: it never came), how bad it was."""

    key: str
    began: int
    steps: tuple[int | None, ...]
    severity: int
    satisfied: bool | None
    unit: str


@st.composite
def stories(draw: st.DrawFn, most: int = 6, least_hours: int = 0) -> list[Story]:
    """A handful of cases whose clocks run out in all possible places. Steps of 0 hours share an instant."""
    found = []
    for number in range(draw(st.integers(1, most))):
        steps = tuple(draw(st.one_of(st.integers(least_hours, 30), st.integers(300, 900), st.none())) for _ in range(4))
        found.append(
            Story(
                key=f"K{number}",
                began=draw(st.integers(0, 200)),
                steps=steps,
                severity=draw(st.integers(1, 5)),
                satisfied=draw(st.sampled_from([True, False, None])),
                unit=draw(st.sampled_from(UNITS)),
            )
        )
    return found


def as_events(told: list[Story]) -> list[JsonObject]:
    """The stories as messages, case after case, each case in its order of time."""
    found: list[JsonObject] = []
    for story in told:
        moment = START + timedelta(hours=story.began)
        found.append(register(story.key, _local(moment), severity=story.severity, sequence=1))
        more: JsonObject = {} if story.satisfied is None else {"satisfied": story.satisfied}
        for number, hours in enumerate(story.steps):
            if hours is None:
                break
            moment += timedelta(hours=hours)
            at, sequence = _local(moment), number + 2
            if number == 0:
                found.append(assign(story.key, at, story.unit, sequence=sequence))
            elif number == 1:
                found.append(answer(story.key, at, sequence=sequence, **more))
            elif number == 2:
                found.append(approve(story.key, at, sequence=sequence))
            else:
                found.append(close(story.key, at, sequence=sequence))
    return found


def _local(moment: datetime) -> str:
    return moment.isoformat(sep=" ")
