"""Running one clock: start, stop, pause, resume, extend, re-project. Pure; rules choose, these compute.

A clock keeps a budget and a ledger (engine.core.model.Clock). Lengths in days count whole local days: the day a clock
starts (or goes on) is day 0, whatever kind of day; the day it pauses is used up, so a pause within one day moves
nothing. Lengths in hours count microseconds on every day. (民法典 第二百条至第二百零三条)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from engine.core.calendar import Calendar
from engine.core.instants import Instant, after, parse_date, plus, to_datetime
from engine.core.lengths import Length, add_months, parse_length
from engine.core.model import Clock, ClockStatus, JsonObject, Rung

MICROSECONDS = "microseconds"
END = "end"
"""Name of the last rung: the breach, or the lapse of a right."""


def start(
    deadline: str,
    track: str,
    run: int,
    at: Instant,
    length: Length | None,
    calendar: Calendar,
    *,
    due: Instant | None = None,
    roll: bool = False,
    remind: Sequence[str] = (),
) -> Clock:
    """A running clock from `at`: of a length, or towards a `due` instant that was given."""
    clock: Clock = {
        "deadline": deadline,
        "track": track,
        "run": run,
        "status": "running",
        "started_at": at,
        "since": at,
        "due_at": due or "",
        "due_raw_at": due or "",
        "rungs": [],
        "calendar": calendar.digest,
    }
    if length is not None:
        clock["budget"] = _budget(length, at, calendar, roll=roll)
    return _project(clock, tuple(dict.fromkeys(remind)), calendar)


def resumed(last: Clock, run: int, at: Instant, calendar: Calendar, remind: Sequence[str] = ()) -> Clock:
    """Another run with what the last one left of its budget (`again: resume`): nothing, where it was missed."""
    budget = last["budget"]
    clock = start(last["deadline"], last["track"], run, at, None, calendar, due=at, remind=remind)
    clock["budget"] = budget
    clock["used"] = last.get("used", 0) if last["status"] in ("met", "cancelled") else budget["amount"]
    if "extended" in last:
        clock["extended"] = last["extended"]
    clock["rungs"] = [Rung(at="", name=name) for name in dict.fromkeys(remind)]
    return _projected(clock, calendar)


def arm(reaction: str, run: int, at: Instant, length: Length, calendar: Calendar, armed: JsonObject) -> Clock:
    """The clock of a delayed reaction: it rings after a length; of days, when the last of them begins."""
    clock = start(reaction, "", run, at, length, calendar)
    clock["armed"] = armed
    clock["keep"] = True  # what was promised for later comes, although the case may be closed by then
    return _projected(clock, calendar)


def start_again(
    first: Clock, last: Clock, run: int, at: Instant, calendar: Calendar, remind: Sequence[str] = ()
) -> Clock:
    """Another run towards the due day of the ones before (`again: keep due`), also where that has passed.

    Counted from the first run's start, so that a calendar loaded later moves it as it would have moved the first.
    """
    again = start(last["deadline"], last["track"], run, at, None, calendar, due=last["due_at"], remind=remind)
    if "budget" not in last or "pauses" in first or "pauses" in last:
        again["due_raw_at"] = last["due_raw_at"]
        return again
    again["budget"], again["since"] = last["budget"], first["started_at"]
    again["rungs"] = [Rung(at="", name=name) for name in remind]
    again = _projected(again, calendar)
    again["rungs"] = [rung for rung in again["rungs"] if rung["name"] == END or rung["at"] > at]
    return again


def stop(clock: Clock, at: Instant, status: ClockStatus, calendar: Calendar) -> Clock:
    """The clock at its end; `used` tells what was consumed, `ended_at` when."""
    ended = _settled(clock, at, calendar)
    ended["rungs"] = []
    ended["ended_at"] = at
    if ended["status"] != "missed":  # what was missed stays missed, and still says when it was done
        ended["status"] = status
    return ended


def miss(clock: Clock, at: Instant) -> Clock:
    """The clock at its breach (or, of a right, its lapse). `at` is the instant it can no longer be met."""
    if clock.get("right"):
        return {**clock, "status": "lapsed", "rungs": [], "ended_at": at}
    return {**clock, "status": "missed", "rungs": [], "missed_at": at}


def correct(clock: Clock, at: Instant, calendar: Calendar, status: ClockStatus = "met") -> Clock:
    """A breach (or lapse) that was none: the fact happened in time and arrived late (design: missed → met)."""
    corrected: Clock = {**_settled(clock, at, calendar), "status": status, "ended_at": at, "corrected": True}
    corrected.pop("missed_at", None)
    return corrected


def was_in_time(clock: Clock, at: Instant) -> bool:
    """Whether a clock ended because its time was over, but not by what happened at this instant."""
    return clock["status"] in ("missed", "lapsed") and clock["started_at"] <= at <= clock["due_at"]


def pause(clock: Clock, at: Instant, law: str, calendar: Calendar) -> Clock:
    """The clock standing still from `at`; its rungs wait too."""
    paused = _settled(clock, at, calendar)
    paused["pauses"] = [*clock.get("pauses", []), [at, "", law]]
    return paused


def resume(clock: Clock, at: Instant, calendar: Calendar) -> Clock:
    """The clock going on from `at` with what is left of its budget."""
    *earlier, (since, _, law) = clock["pauses"]
    resumed: Clock = {**clock, "since": at, "pauses": [*earlier, [since, at, law]]}
    return _projected(resumed, calendar)


def is_paused(clock: Clock) -> bool:
    return clock["status"] == "running" and "since" not in clock


def has_time(clock: Clock, at: Instant) -> bool:
    """Whether a clock is not over at this instant; one that stands still loses nothing."""
    return clock["status"] == "running" and ("since" not in clock or at <= clock["due_at"])


def extend(clock: Clock, length: Length, calendar: Calendar, *, roll: bool = False) -> Clock:
    """The clock with `length` more, counted from its unrolled due day; rungs that fired stay fired.

    One that stands still goes on with more; what it shows meanwhile is as if it went on from where it stopped. `roll`
    is asked of one that has no budget of its own: it runs towards the due day of an earlier run.
    """
    extended: Clock = {**clock, "extended": clock.get("extended", 0) + 1}
    extended.pop("asked", None)
    raw = calendar.local_day(clock["due_raw_at"])
    if "budget" not in clock:
        day = _last_day(raw, length, calendar)
        extended["due_raw_at"] = calendar.day_end(day)
        extended["due_at"] = calendar.day_end(calendar.next_working_day(day) if roll else day)
        return _projected(extended, calendar)
    budget = clock["budget"]
    if budget["unit"] == MICROSECONDS:
        span = length.span if not length.in_days else _last_day(raw, length, calendar) - raw
        more = span // timedelta(microseconds=1)
    elif length.unit == budget["unit"]:
        more = length.amount
    else:
        target = _last_day(raw, length, calendar)
        if budget["unit"] == "working days":  # a rest day at the end is not taken from anybody
            more = calendar.working_days(raw, calendar.next_working_day(target))
        else:
            more = (target - raw).days
    extended["budget"] = {**budget, "amount": budget["amount"] + more}
    if not is_paused(clock):
        return _projected(extended, calendar)
    extended["since"] = clock["pauses"][-1][0]
    extended = _projected(extended, calendar)
    del extended["since"]
    return extended


def reproject(clock: Clock, calendar: Calendar) -> Clock:
    """The clock under another edition of its calendar; the same object where nothing moved."""
    if clock["status"] != "running" or "budget" not in clock or is_paused(clock):
        return clock
    moved = _projected(clock, calendar)
    unchanged = all(moved.get(key) == clock.get(key) for key in ("due_at", "due_raw_at", "provisional", "rungs"))
    return clock if unchanged else moved


def _settled(clock: Clock, at: Instant, calendar: Calendar) -> Clock:
    """The ledger brought up to `at`: what ran since `since` is used."""
    settled: Clock = {**clock}
    since = settled.pop("since", None)
    budget = clock.get("budget")
    if since is not None and budget is not None and at > since:
        settled["used"] = clock.get("used", 0) + _consumed(budget["unit"], since, at, calendar)
    return settled


def _consumed(unit: str, since: Instant, at: Instant, calendar: Calendar) -> int:
    if unit == MICROSECONDS:
        return (to_datetime(at) - to_datetime(since)) // timedelta(microseconds=1)
    first, last = calendar.local_day(since), calendar.local_day(at)
    return calendar.working_days(first, last) if unit == "working days" else (last - first).days


def _budget(length: Length, at: Instant, calendar: Calendar, *, roll: bool) -> JsonObject:
    """The allowance in the unit that is counted: months and years become the calendar days they are from here."""
    if length.unit in ("working days", "days"):
        return {"amount": length.amount, "unit": length.unit, "roll": roll}
    if length.in_days:
        first = calendar.local_day(at)
        days = (_last_day(first, length, calendar) - first).days
        return {"amount": days, "unit": "days", "length": str(length), "roll": roll}
    amount = length.span // timedelta(microseconds=1)
    return {"amount": amount, "unit": MICROSECONDS, "length": str(length), "roll": roll}


def _last_day(day: date, length: Length, calendar: Calendar) -> date:
    if length.unit == "working days":
        return calendar.add_working_days(day, length.amount)
    if length.unit == "days":
        return day + timedelta(days=length.amount)
    if not length.in_days:  # hours more of a length in days: whole days, begun ones included
        return day + timedelta(days=-(-length.span // timedelta(days=1)))
    return add_months(day, length.amount * (12 if length.unit == "years" else 1))


def _projected(clock: Clock, calendar: Calendar) -> Clock:
    """The derived instants of a running clock: due, unrolled due, and the rungs that have not fired."""
    pending = tuple([rung["name"] for rung in clock["rungs"] if rung["name"] != END])
    return _project({**clock, "calendar": calendar.digest}, pending, calendar)


def _project(projected: Clock, pending: tuple[str, ...], calendar: Calendar) -> Clock:
    """The same, in the clock itself: one that nobody has seen yet, with these reminders to come."""
    since, budget = projected["since"], projected.get("budget")
    if budget is None or budget["unit"] == MICROSECONDS:
        if budget is not None:
            left = timedelta(microseconds=budget["amount"] - projected.get("used", 0))
            projected["due_at"] = projected["due_raw_at"] = plus(since, left)
        points = [(_reminder_at(projected, name, calendar), name) for name in pending]
        kept = sorted(point for point in points if since < point[0] <= projected["due_at"])
    else:
        first = calendar.local_day(since)
        whole, used, roll = budget["amount"], projected.get("used", 0), bool(budget.get("roll"))
        days = _in_days(calendar, first, whole, used, budget["unit"], roll, pending)
        projected["due_raw_at"], projected["due_at"], provisional, kept = days
        projected.pop("provisional", None)
        if provisional:
            projected["provisional"] = True
    projected["rungs"] = [{"at": at, "name": name} for at, name in kept]
    end = after(projected["due_at"])
    if "armed" in projected and budget is not None:
        in_days = budget["unit"] != MICROSECONDS
        end = calendar.day_start(calendar.local_day(projected["due_at"])) if in_days else projected["due_at"]
    projected["rungs"].append({"at": end, "name": END})
    return projected


@lru_cache(maxsize=65536)
def _in_days(
    calendar: Calendar, first: date, whole: int, used: int, unit: str, roll: bool, reminders: tuple[str, ...]
) -> tuple[Instant, Instant, bool, list[tuple[Instant, str]]]:
    """Of a budget in days: unrolled due, due, whether provisional, reminders after the first day. One answer a day."""

    def day_at(count: int) -> date:
        return calendar.add_working_days(first, count) if unit == "working days" else first + timedelta(days=count)

    raw = day_at(whole - used)
    due = calendar.next_working_day(raw) if roll else raw
    points = []
    for name in reminders:
        if percent := _PERCENT.fullmatch(name):
            day = day_at(max(-(-whole * int(percent[1]) // 100) - used, 0))
        else:
            before = _BEFORE.fullmatch(name)
            assert before is not None, name
            length = parse_length(before[1])
            if not length.in_days:
                points.append((plus(calendar.day_end(due), -length.span), name))
                continue
            day = _last_day(min(raw, due), Length(-length.amount, length.unit), calendar)
        if first < day <= due:
            points.append((calendar.day_start(day), name))
    return calendar.day_end(raw), calendar.day_end(due), due > calendar.last_day, sorted(points)


_PERCENT = re.compile(r"(\d{1,3})\s*%")
_BEFORE = re.compile(r"(.+?)\s*(?:before|前)")


def check_reminder(text: str) -> None:
    """ValueError unless `text` is `50%` or `3 working days before`."""
    if (percent := _PERCENT.fullmatch(text)) and 0 < int(percent[1]) < 100:
        return
    if before := _BEFORE.fullmatch(text):
        if parse_length(before[1]).unit in ("months", "years"):
            raise ValueError(f"{text!r}: say it in days")
        return
    raise ValueError(f"{text!r} is no reminder; write e.g. '50%' or '3 working days before'")


def _reminder_at(clock: Clock, name: str, calendar: Calendar) -> Instant:
    """Where a reminder stands on the way to an instant: part of the way, or a length before."""
    if percent := _PERCENT.fullmatch(name):
        budget, since = clock.get("budget"), clock["since"]
        if budget is None:  # a due instant was given
            return plus(since, (to_datetime(clock["due_at"]) - to_datetime(since)) * int(percent[1]) / 100)
        return plus(since, timedelta(microseconds=budget["amount"] * int(percent[1]) // 100 - clock.get("used", 0)))
    before = _BEFORE.fullmatch(name)
    assert before is not None, name
    length = parse_length(before[1])
    if not length.in_days:
        return plus(clock["due_at"], -length.span)
    due_day = calendar.local_day(clock["due_at"])
    return calendar.day_start(_last_day(due_day, Length(-length.amount, length.unit), calendar))


def given_due(text: str, calendar: Calendar) -> Instant:
    """The last instant in time of a given due: an instant as it stands, a date at its end."""
    return text if "T" in text else calendar.day_end(parse_date(text))
