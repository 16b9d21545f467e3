"""A case as it is told: where it stands, how it came there, what time is left. For the command line and for HTTP.

No personal value is in it: what is personal lies in the vault, and only its field's name is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.core import clocks
from engine.core.calendar import Calendar
from engine.core.desk import Rules
from engine.core.instants import Instant, to_datetime
from engine.core.model import Case, Clock, Event, JsonObject
from engine.runtime.outputs import letter_rows, number_text
from engine.runtime.stamp import REJECTED
from engine.store.reader import ROWS_MAX, Reader

HISTORY_MAX = 100_000
"""Records of one case that are read; no case has as many."""


def history(reader: Reader, case_id: str) -> list[Event]:
    """All records of a case, rejections among them."""
    found: list[Event] = []
    while len(found) < HISTORY_MAX:
        page = reader.history(case_id, found[-1].position if found else 0)
        found += page
        if len(page) < ROWS_MAX:
            break
    return found


def summary(case: Case, rules: Rules, now: Instant) -> JsonObject:
    """One row of the list."""
    running = sorted(running_clocks(case), key=lambda clock: clock["due_at"])
    first = running[0] if running else None
    late = sorted({c["deadline"] for c in case.clocks.values() if is_late(c, now)})
    return {
        "case_id": case.case_id,
        "workflow": rules.workflow.name,
        "version": case.version,
        "phase": case.phase,
        "state": case.state,
        "unit": case.data.get("unit"),
        "levels": case.levels,
        "due_at": first["due_at"] if first else None,
        "deadline": first["deadline"] if first else None,
        "remaining": remaining(first, now, rules.calendar) if first else None,
        "late": late,
    }


def whole(case: Case, rules: Rules, events: Iterable[Event], now: Instant) -> JsonObject:
    """Everything `case show` tells."""
    workflow = rules.workflow
    state = workflow.main.states.get(case.state)
    fields = workflow.fields
    return {
        "case_id": case.case_id,
        "workflow": {"name": workflow.name, "title": workflow.title, "digest": workflow.digest},
        "version": case.version,
        "phase": case.phase,
        "state": case.state,
        "state_title": state.title if state else "",
        "unit": case.data.get("unit"),
        "levels": case.levels,
        "data": {n: v for n, v in sorted(case.data.items()) if n in fields and not fields[n].personal},
        "personal": sorted(n for n in case.data if n in fields and fields[n].personal),
        "path": list(path(events)),
        "rejections": sum(event.type == REJECTED for event in events),
        "clocks": [clock_row(key, clock, now, rules.calendar) for key, clock in sorted(case.clocks.items())],
        "tracks": [track_row(case, key, rules) for key in sorted(case.tracks)],
        "letters": list(letter_rows(case)),
        "moves": possible_moves(case, rules),
    }


def path(events: Iterable[Event]) -> Iterator[JsonObject]:
    """The states of the main line in the order they were entered, with who moved it and when."""
    for event in events:
        if "to" in event.data and "track" not in event.data:
            yield {
                "version": event.version,
                "at": event.occurred_at,
                "transition": event.data.get("transition", ""),
                "from": event.data.get("from", ""),
                "to": event.data["to"],
                "by": event.actor,
            }


def possible_moves(case: Case, rules: Rules) -> list[JsonObject]:
    """What may be done where the case stands, and in which roles; whether it may be done now is `case why`."""
    table = rules.workflow.main.table
    return [
        {"transition": name, "title": row.title, "to": row.to, "by": list(row.by.roles)}
        for (state, name), row in sorted(table.items())
        if state == case.state
    ]


def track_row(case: Case, track_id: str, rules: Rules) -> JsonObject:
    """A letter, a follow-up, a sponsor: without its personal fields."""
    track = case.tracks[track_id]
    machine = rules.workflow.tracks[track["track"]]
    fields = machine.fields
    return {
        "track_id": track_id,
        "track": machine.name,
        "title": machine.title,
        "state": track["state"],
        "open": track["open"],
        "opened_at": track["opened_at"],
        "number": number_text(track.get("number")),
        "data": {n: v for n, v in sorted(track["data"].items()) if not (n in fields and fields[n].personal)},
    }


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def running_clocks(case: Case) -> list[Clock]:
    """The deadlines that run; delayed reactions are none."""
    return [clock for clock in case.clocks.values() if clock["status"] == "running" and "armed" not in clock]


def is_late(clock: Clock, now: Instant) -> bool:
    """Past its due instant and not met: missed and still open, or about to be found missed."""
    if "armed" in clock or clock.get("right"):
        return False
    if clock["status"] == "running":
        return not clocks.is_paused(clock) and clock["due_at"] < now
    return clock["status"] == "missed" and "ended_at" not in clock


def remaining(clock: Clock, now: Instant, calendar: Calendar) -> JsonObject:
    """What is left: working days (negative when late) for lengths in days, whole minutes for others."""
    if clocks.is_paused(clock):
        return {"paused": True}
    budget = clock.get("budget")
    if budget is not None and budget["unit"] == clocks.MICROSECONDS:
        left = to_datetime(clock["due_at"]) - to_datetime(now)
        return {"minutes": int(left.total_seconds() // 60)}
    return {"working_days": calendar.working_days(calendar.local_day(now), calendar.local_day(clock["due_at"]))}


def clock_row(key: str, clock: Clock, now: Instant, calendar: Calendar) -> JsonObject:
    """A run of a deadline, or a delayed reaction."""
    row: JsonObject = {
        "clock": key,
        "deadline": clock["deadline"],
        "track_id": clock["track"],
        "run": clock["run"],
        "status": clock["status"],
        "owner": clock.get("owner"),
        "started_at": clock["started_at"],
        "due_at": clock["due_at"],
        "due_raw_at": clock["due_raw_at"],
        "missed_at": clock.get("missed_at"),
        "provisional": clock.get("provisional", False),
        "right": clock.get("right", False),
        "pauses": clock.get("pauses", []),
    }
    if clock["status"] == "running":
        row["remaining"] = remaining(clock, now, calendar)
    return row
