"""Instants as text: `2026-04-01T01:00:00.000000Z`, always UTC, always this width.

So they compare, sort and hash as they stand, in Python, in SQL and in the log, and a person can read them.
Durations between instants are whole microseconds.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

Instant = str
"""A fixed-width RFC 3339 UTC text with microseconds; order of text is order of time (years 0001 to 9999)."""

MICROSECOND = timedelta(microseconds=1)
YEARS_ACCEPTED = (1900, 2200)
"""Whoever writes of a year outside these bounds has made a slip of the pen; it is refused at the door."""


def from_datetime(moment: datetime) -> Instant:
    """The text of an aware `datetime`. A naive one is a programming error (AssertionError)."""
    assert moment.tzinfo is not None, "an instant needs an offset"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def to_datetime(instant: Instant) -> datetime:
    """The aware UTC `datetime` of an instant that is already in our form."""
    return datetime.fromisoformat(instant)


def parse(text: str) -> Instant:
    """Read an RFC 3339 time with an offset. ValueError says what is missing or out of bounds."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("time without offset")
    if not YEARS_ACCEPTED[0] <= moment.year <= YEARS_ACCEPTED[1]:
        raise ValueError(f"year {moment.year} is outside {YEARS_ACCEPTED[0]}…{YEARS_ACCEPTED[1]}")
    return from_datetime(moment)


def plus(instant: Instant, span: timedelta) -> Instant:
    """The instant `span` later (earlier where it is negative)."""
    return from_datetime(to_datetime(instant) + span)


@lru_cache(maxsize=4096)  # most are asked for the end of a day, and there are few days
def after(instant: Instant) -> Instant:
    """The next instant there is: one microsecond later."""
    return plus(instant, MICROSECOND)


def parse_date(text: str) -> date:
    """A calendar date `2026-04-01`; ValueError otherwise."""
    day = date.fromisoformat(text)
    if not YEARS_ACCEPTED[0] <= day.year <= YEARS_ACCEPTED[1]:
        raise ValueError(f"year {day.year} is outside {YEARS_ACCEPTED[0]}…{YEARS_ACCEPTED[1]}")
    return day
