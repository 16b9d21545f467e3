"""`project`: from events and folds to the rows that are looked at. Append and replay use the same functions.

A row is a function of a case's fold, or of one record that is never changed; so a rebuild need not know in which
batches the events once came.

The two tables written with every event hold neither `bytes` nor None: the driver takes 0.1 µs for a text, a whole
number or a bytearray, and 1.7 µs for anything else, because it first looks for somebody who would like to adapt it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from engine.core.instants import Instant
from engine.core.model import Case, Clock, Event, JsonObject, Track

LETTER = "letter"
FOLLOW_UP = "follow_up"
REPLY = "reply"
FIRST_TRY = "first_try"
INCIDENT_OPENED = "lianxin.incident.opened.v1"
INCIDENT_CLOSED = "lianxin.incident.closed.v1"
WITHDRAWN = ("cancelled", "voided")
"""States of a letter that no longer counts against the unit it was written to."""
ENDED = frozenset({"met", "missed", "lapsed"})

Row = tuple[Any, ...]
TallyKey = tuple[str, str, str]
"""unit, month, what"""
MonthOf = Callable[[Instant], str]


@dataclass(slots=True)
class Rows:
    """What a batch changes in the tables that replay rebuilds, in the order of their columns."""

    cases: list[Row] = field(default_factory=list)
    deadlines: list[Row] = field(default_factory=list)
    letters: list[Row] = field(default_factory=list)
    followups: list[Row] = field(default_factory=list)
    incidents: list[Row] = field(default_factory=list)
    closed_incidents: list[Row] = field(default_factory=list)
    tally: dict[TallyKey, int] = field(default_factory=dict)
    """Amounts to add; negative where a breach was corrected or a letter withdrawn."""

    def count(self, was: TallyKey | None, now: TallyKey | None) -> None:
        """What counted under `was` counts under `now`."""
        if was == now:
            return
        if was:
            self.tally[was] = self.tally.get(was, 0) - 1
        if now:
            self.tally[now] = self.tally.get(now, 0) + 1


def project(
    events: Sequence[Event],
    first: int,
    *,
    numbers: Mapping[str, int],
    before: Mapping[str, Case],
    after: Mapping[str, Case],
    month_of: MonthOf,
) -> Rows:
    """The rows that `events`, stored from position `first` on, change.

    `numbers`: of the cases; `before`, `after`: their folds around the events.
    """
    rows = Rows()
    updated: dict[str, Instant] = {}
    clocks: dict[tuple[str, str], None] = {}
    tracks: dict[tuple[str, str], None] = {}
    for position, event in enumerate(events, first):
        data, case_id, version = event.data, event.case_id, event.version
        if version:
            updated[case_id] = event.recorded_at
            if "clocks" in data:
                for key in data["clocks"]:
                    clocks[case_id, key] = None
            if "tracks" in data:
                for track_id in data["tracks"]:
                    tracks[case_id, track_id] = None
            if version == 1 or "set" in data or ("with" in data and "case" in data["with"]):
                for opening in openings(event, month_of):
                    rows.count(None, opening)
        if "incidents" in data or event.type in _OF_INCIDENTS:
            incidents(event, position, rows)
    for case_id, at in updated.items():
        rows.cases.append(case_row(numbers[case_id], after[case_id], at))
    for case_id, key in clocks:
        clock = after[case_id].clocks[key]
        rows.deadlines.append(deadline_row(numbers[case_id], case_id, key, clock))
        rows.count(clock_count(before[case_id].clocks.get(key), month_of), clock_count(clock, month_of))
        if clock["track"]:
            tracks[case_id, clock["track"]] = None
    for case_id, track_id in tracks:
        case = after[case_id]
        track = case.tracks[track_id]
        if track["track"] == LETTER:
            was = before[case_id].tracks.get(track_id)
            rows.letters.append(letter_row(numbers[case_id], case, track_id, track))
            rows.count(letter_count(was, month_of), letter_count(track, month_of))
        elif track["track"] == FOLLOW_UP:
            rows.followups.append(followup_row(numbers[case_id], case, track_id, track))
    return rows


def case_row(number: int, case: Case, updated_at: Instant) -> Row:
    """A row of `case`."""
    return (
        number,
        case.case_id,
        case.workflow,
        case.version,
        bytearray(case.digest),
        case.phase,
        case.state,
        case.data.get("unit") or "",
        updated_at,
        bytearray(case.state_bytes()),
    )


def deadline_row(number: int, case_id: str, key: str, clock: Clock) -> Row:
    """A row of `deadline`. A clock that stands still has no next rung, whatever it will have when it goes on."""
    rungs = clock["rungs"]
    return (
        number,
        case_id,
        key,
        clock["track"],
        clock["deadline"],
        clock["run"],
        clock["status"],
        clock.get("owner") or "",
        clock["started_at"],
        clock["due_at"],
        clock["due_raw_at"],
        rungs[0]["at"] if rungs and "since" in clock and clock["status"] == "running" else "",
        clock.get("missed_at") or "",
        1 if clock.get("provisional") else 0,
    )


def letter_row(number: int, case: Case, track_id: str, track: Track) -> Row:
    """A row of `letter`. The reply's due instant is that of the latest run of its clock `reply`."""
    data, entered, serial = track["data"], track["entered"], track.get("number", _NOTHING)
    replies = [clock for clock in _clocks_of(case, track_id) if clock["deadline"] == REPLY]
    return (
        number,
        case.case_id,
        track_id,
        data.get("kind") or "",
        data.get("organisation") or "",
        serial.get("mark", ""),
        serial.get("year"),
        serial.get("number"),
        data.get("recipient") or "",
        track["state"],
        1 if track["open"] else 0,
        data.get("trigger") or "",
        entered.get("drafted", track["opened_at"]),
        entered.get("signed"),
        entered.get("delivered"),
        max(replies, key=lambda clock: clock["run"])["due_at"] if replies else None,
    )


def followup_row(number: int, case: Case, track_id: str, track: Track) -> Row:
    """A row of `followup`: due when the first attempt is, else at the first of its deadlines."""
    clocks = list(_clocks_of(case, track_id))
    first = [clock["due_at"] for clock in clocks if clock["deadline"] == FIRST_TRY]
    due = min(first or [clock["due_at"] for clock in clocks], default=None)
    return (number, case.case_id, track_id, track["state"], 1 if track["open"] else 0, due)


def incidents(event: Event, position: int, rows: Rows) -> None:
    """Add the incidents that a record opens, and close the one it closes (`data` names its position and ordinal)."""
    if event.type == INCIDENT_CLOSED:
        rows.closed_incidents.append((event.recorded_at, event.data["position"], event.data["ordinal"]))
        return
    opened = [event.data] if event.type == INCIDENT_OPENED else event.data.get("incidents", ())
    for ordinal, incident in enumerate(opened):
        facts = _canonical(incident.get("facts", _NOTHING))
        rows.incidents.append((position, ordinal, event.case_id, incident["code"], facts, event.recorded_at, None))


def openings(event: Event, month_of: MonthOf) -> Iterable[TallyKey]:
    """What an event adds to a unit's month: a case opened, a case given to the unit."""
    data = event.data
    unit = data["set"].get("unit") if "set" in data else ""
    if not unit and "with" in data and "case" in data["with"]:
        unit = data["with"]["case"].get("unit")
    if not unit and event.version != 1:
        return ()
    month = month_of(event.occurred_at)
    opened, assigned = (unit or "", month, "opened"), (unit or "", month, "assigned")
    if event.version != 1:
        return (assigned,)
    return (opened, assigned) if unit else (opened,)


def clock_count(clock: Clock | None, month_of: MonthOf) -> TallyKey | None:
    """Where a deadline that has ended counts: its owner, the month it ended in, how it ended.

    A delayed reaction's clock is nobody's promise and counts nowhere.
    """
    if clock is None or clock["status"] not in ENDED or "armed" in clock:
        return None
    at = clock.get("missed_at") if clock["status"] == "missed" else clock.get("ended_at")
    return clock.get("owner") or "", month_of(at or clock["due_at"]), clock["status"]


def letter_count(track: Track | None, month_of: MonthOf) -> TallyKey | None:
    """Where a letter counts: its recipient, the month it was signed in; not at all once withdrawn."""
    if track is None or track["state"] in WITHDRAWN or "signed" not in track["entered"]:
        return None
    data = track["data"]
    return data.get("recipient") or "", month_of(track["entered"]["signed"]), f"letter {data.get('kind') or ''}"


def months_in(time_zone: str) -> MonthOf:
    """`2026-04` of an instant in a time zone (an IANA name)."""
    zone = ZoneInfo(time_zone)

    @lru_cache(maxsize=4096)
    def month_of_minute(minute: str) -> str:
        return datetime.fromisoformat(minute + "+00:00").astimezone(zone).isoformat()[:7]

    return lambda instant: month_of_minute(instant[:16])


_NOTHING: JsonObject = {}
_OF_INCIDENTS = (INCIDENT_OPENED, INCIDENT_CLOSED)


def _clocks_of(case: Case, track_id: str) -> Iterable[Clock]:
    return (clock for clock in case.clocks.values() if clock["track"] == track_id)


def _canonical(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
