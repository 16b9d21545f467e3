"""Times at the door: RFC 3339 with an offset in, our fixed-width UTC text out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

Instant = str
"""`2026-04-01T01:00:00.000000Z`: always UTC, always this width (engine.core.instants works with it)."""
YEARS_ACCEPTED = (1900, 2200)
"""The same as engine.core.instants.YEARS_ACCEPTED; a test holds them together."""

_WITH_OFFSET = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d):([0-5]\d)(?:\.(\d{1,12}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SECONDS = frozenset(f"{second:02d}" for second in range(60))
_WITHOUT = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?)?", re.ASCII)
_TIME_MAX_CHARS = 64


class TimeFault(ValueError):
    """Why a time was refused: `reason` is bad-time, time-without-offset or year-out-of-range."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def read_time(text: str) -> Instant:
    """The instant of an RFC 3339 time; digits beyond microseconds are cut off. TimeFault says what is wrong."""
    if text[17:19] in _SECONDS and text[16] == ":" and text[19:20] != ".":  # mostly so: no fraction of a second
        return f"{_utc_minute_of(text[:16], text[19:])}:{text[17:19]}.000000Z"
    match = _WITH_OFFSET.fullmatch(text)
    if match is None:
        raise _fault(text)
    minute, second, fraction, offset = match.groups()
    return f"{_utc_minute(minute, offset)}:{second}.{fraction[:6].ljust(6, '0') if fraction else '000000'}Z"


@lru_cache(maxsize=65536)
def _utc_minute_of(minute: str, offset: str) -> str:
    """The minute in UTC, of a text around it that is yet to be checked. Remembered, because what arrives together
    happened in the same few minutes."""
    text = f"{minute}:00{offset}"
    match = _WITH_OFFSET.fullmatch(text)
    if match is None:
        raise _fault(text)
    return _utc_minute(match[1], match[4])


def _utc_minute(minute: str, offset: str) -> str:
    try:
        moment = datetime.fromisoformat((minute + offset).upper())
    except ValueError:
        raise TimeFault("bad-time", "no such day, time of day or offset") from None
    if not YEARS_ACCEPTED[0] <= moment.year <= YEARS_ACCEPTED[1]:
        raise TimeFault("year-out-of-range", f"the year is outside {YEARS_ACCEPTED[0]}…{YEARS_ACCEPTED[1]}")
    return moment.astimezone(UTC).isoformat()[:16]


def _fault(text: str) -> TimeFault:
    if len(text) <= _TIME_MAX_CHARS and _WITHOUT.fullmatch(text):
        return TimeFault("time-without-offset", "the time lacks its offset from UTC, e.g. +08:00 or Z")
    return TimeFault("bad-time", "a time is written as 2026-04-01T09:00:00+08:00")
