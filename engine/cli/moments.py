"""Days and instants as people write them on a command line, and as they read them."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from engine.core.calendar import Calendar
from engine.core.errors import LianxinError
from engine.core.instants import Instant, from_datetime, parse, parse_date, to_datetime

WEEKDAYS = ("周一 · Mon", "周二 · Tue", "周三 · Wed", "周四 · Thu", "周五 · Fri", "周六 · Sat", "周日 · Sun")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def last_instant(text: str, calendar: Calendar) -> Instant:
    """The instant up to which something goes: a day to its end, a time in the calendar's zone, or an instant.

    LX-915 (exit 2) says what forms there are.
    """
    try:
        if _DAY.fullmatch(text):
            return calendar.day_end(parse_date(text))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return from_datetime(moment.replace(tzinfo=calendar.zone))
        return parse(text)
    except (ValueError, OverflowError) as error:
        raise LianxinError("LX-915", exit_code=2, text=text, reason=error) from error


def start_instant(text: str, calendar: Calendar) -> Instant:
    """The instant at which something begins: a day from its first moment, a time in the calendar's zone, or an instant.

    LX-915 (exit 2) says what forms there are.
    """
    end = last_instant(text, calendar)
    return calendar.day_start(calendar.local_day(end)) if _DAY.fullmatch(text) else end


def local(instant: Instant | None, zone: ZoneInfo) -> str:
    """`2026-04-01 09:00` on the wall there; the day alone for its last instant, seconds where there are any, empty for
    None.
    """
    if not instant:
        return ""
    there = to_datetime(instant).astimezone(zone)
    if there.time() == time.max:
        return f"{there:%Y-%m-%d}"
    return f"{there:%Y-%m-%d %H:%M:%S}" if there.second else f"{there:%Y-%m-%d %H:%M}"


def weekday(on: date) -> str:
    """`周二 · Tue`."""
    return WEEKDAYS[on.weekday()]
