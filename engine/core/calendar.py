"""Which days count: working days, holidays and the local day, from versioned data files.

A calendar is an immutable edition: the notices it was made from, its zone and its digest. It answers for every day.
Beyond the last published day it answers Monday to Friday, and whoever asks marks the answer provisional
(`is_published`). A published December may still move by a day or two: a year's notice may reach back into the last
days of the year before (2018-12-31 became a rest day by one of 2018-12-04). No clock: days and instants come in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson

from engine.core.calendar_form import MONDAY_TO_FRIDAY, Notice, read_calendar
from engine.core.findings import SpanOf, nowhere
from engine.core.instants import MICROSECOND, Instant, from_datetime, plus, to_datetime
from engine.core.workday_table import WorkdayTable

MEMO_DAYS_MAX = 16_384
"""Days a calendar remembers the boundaries of, 45 years; beyond it the memory starts anew."""

DAY = timedelta(days=1)
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Calendar:
    """Working days of one place. Equal and hashable by digest."""

    name: str
    zone: ZoneInfo
    week: tuple[bool, ...] = MONDAY_TO_FRIDAY
    hours: tuple[tuple[time, time], ...] = ()
    notices: tuple[Notice, ...] = ()
    digest: str = field(init=False)
    first_day: date = field(init=False)
    last_day: date = field(init=False)
    _table: WorkdayTable = field(init=False, repr=False)
    _starts: dict[date, Instant] = field(init=False, repr=False)
    _ends: dict[date, Instant] = field(init=False, repr=False)
    _midnights: dict[str, tuple[Instant, date, date]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        assert any(self.week), "a week has a working day"
        years = [notice.year for notice in self.notices]
        derived = {
            "digest": sha256(orjson.dumps(self.content(), option=orjson.OPT_SORT_KEYS)).hexdigest(),
            "first_day": date(min(years), 1, 1) if years else date.min,
            "last_day": date(max(years), 12, 31) if years else date.max,
            "_table": WorkdayTable(self.week, _changed_days(self.notices)),
            "_starts": {},
            "_ends": {},
            "_midnights": {},
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def edition(self) -> str:
        """For people: `cn 2025-11`, the month in which the newest notice was published. The digest is what is exact."""
        if not self.notices:
            return self.name
        return f"{self.name} {max(notice.published for notice in self.notices):%Y-%m}"

    def content(self) -> dict[str, Any]:
        """What the digest is the SHA-256 of, as canonical JSON: everything an auditor needs to count again."""
        return {
            "calendar": self.name,
            "zone": self.zone.key,
            "week": list(self.week),
            "office_hours": [f"{start:%H:%M}-{end:%H:%M}" for start, end in self.hours],
            "notices": [_notice_content(notice) for notice in self.notices],
        }

    def is_published(self, day: date) -> bool:
        """Whether a notice, and not only the week, says what kind of day this is."""
        return self.first_day <= day <= self.last_day

    def is_working(self, day: date) -> bool:
        """Whether people work on this day."""
        return self._table.is_working(day.toordinal())

    def add_working_days(self, day: date, n: int) -> date:
        """The n-th working day after `day`, which is day 0 whatever kind of day it is; n < 0 counts back.

        OverflowError or ValueError where that would be outside the years 1 to 9999.
        """
        if n == 0:
            return day
        table, ordinal = self._table, day.toordinal()
        rank = table.count(ordinal) + n if n > 0 else table.count(ordinal - 1) + n + 1
        return date.fromordinal(table.nth(rank))

    def working_days(self, after: date, until: date) -> int:
        """How many working days d there are with after < d <= until; negative where `until` is before `after`."""
        return self._table.count(until.toordinal()) - self._table.count(after.toordinal())

    def next_working_day(self, day: date) -> date:
        """The day itself if people work on it, else the first one after it on which they do."""
        return day if self.is_working(day) else self.add_working_days(day, 1)

    def previous_working_day(self, day: date) -> date:
        """The day itself if people work on it, else the last one before it on which they did."""
        return day if self.is_working(day) else self.add_working_days(day, -1)

    def local_day(self, instant: Instant) -> date:
        """The date on the wall at that instant."""
        known = self._midnights.get(instant[:10])
        if known is None:
            known = _remember(self._midnights, instant[:10], self._midnight_within(instant[:10]))
        midnight, before, since = known
        return since if instant >= midnight else before

    def day_start(self, day: date) -> Instant:
        """The first instant of the local day: 00:00, or later where clocks leap over midnight."""
        known = self._starts.get(day)
        return known or _remember(self._starts, day, from_datetime(datetime.combine(day, time.min, self.zone)))

    def day_end(self, day: date) -> Instant:
        """The last instant of the local day, 23:59:59.999999: one microsecond before the next day starts."""
        return self._ends.get(day) or _remember(self._ends, day, plus(self.day_start(day + DAY), -MICROSECOND))

    def office_hours(self, instant: Instant) -> bool:
        """Whether the office is open then: a working day, within its hours (all day where the file names none)."""
        local = to_datetime(instant).astimezone(self.zone)
        if not self.is_working(local.date()):
            return False
        return not self.hours or any(start <= local.time() < end for start, end in self.hours)

    def _midnight_within(self, utc_day: str) -> tuple[Instant, date, date]:
        """For one UTC day: the instant at which the local date changes, the date before it and the date since."""
        first = to_datetime(f"{utc_day}T00:00:00.000000Z").astimezone(self.zone).date()
        last = to_datetime(f"{utc_day}T23:59:59.999999Z").astimezone(self.zone).date()
        return self.day_start(last), first, last


def load_calendar(data: object, file: str = "calendar", span: SpanOf = nowhere) -> Calendar:
    """The calendar a parsed YAML file describes. LianxinError LX-800 with all its faults, each at its place."""
    form = read_calendar(data, file, span)
    return Calendar(form.name, form.zone, form.week, form.hours, form.notices)


def calendar_until(calendar: Calendar, year: int) -> Calendar:
    """The edition as published up to and including that year: later notices are not known yet.

    A calendar without notices stays as it is. AssertionError where nothing was published by then.
    """
    if not calendar.notices:
        return calendar
    known = tuple(notice for notice in calendar.notices if notice.year <= year)
    assert known, f"{calendar.name} has no notice up to {year}"
    return Calendar(calendar.name, calendar.zone, calendar.week, calendar.hours, known)


def _remember(memo: dict[Key, Value], key: Key, value: Value) -> Value:
    """Keep an answer; what is kept is bounded."""
    if len(memo) >= MEMO_DAYS_MAX:
        memo.clear()
    memo[key] = value
    return value


def _changed_days(notices: tuple[Notice, ...]) -> dict[date, bool]:
    """Each day a notice names, and whether people work on it; a later notice overrules an earlier one."""
    changed: dict[date, bool] = {}
    for notice in notices:
        changed |= dict.fromkeys((day for holiday in notice.holidays for day in holiday.days()), False)
        changed |= dict.fromkeys(notice.working_days, True)
    return changed


def _notice_content(notice: Notice) -> dict[str, Any]:
    return {
        "year": notice.year,
        "title": notice.title,
        "number": notice.number,
        "published": notice.published.isoformat(),
        "amends": notice.amends,
        "holidays": [[h.title, h.first.isoformat(), h.last.isoformat()] for h in notice.holidays],
        "working_days": [day.isoformat() for day in notice.working_days],
    }
