"""The file behind a calendar, read strictly: a zone, a week, office hours, and the notices year by year.

    years:
      - year: 2026
        notices:
          - title: 国务院办公厅关于2026年部分节假日安排的通知
            number: 国办发明电〔2025〕7号            # null where it could not be verified, with a note
            published: 2025-11-04
            holidays:
              - {title: 元旦, from: 2026-01-01, until: 2026-01-03, days: 3, work: [2026-01-04]}

One entry says what one sentence of the notice says; `days` is the notice's own count and is checked. A later notice
of the same year says `amends: true` and overrules the days it names. `kind: plain` has no years: the week is all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from engine.core.findings import Findings, Path, SpanOf, kind, nowhere
from engine.core.instants import YEARS_ACCEPTED

DAY = timedelta(days=1)
HOLIDAY_DAYS_MAX = 60
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONDAY_TO_FRIDAY = (True, True, True, True, True, False, False)
OFFICE_HOURS = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII)
REACHES_BACK_TO = (12, 25)
"""A year's notice may decide the last days of the year before, for New Year's sake; never earlier ones."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days off in a row, both ends inclusive."""

    title: str
    first: date
    last: date

    def days(self) -> tuple[date, ...]:
        """Each day of it, weekends included."""
        return tuple(self.first + DAY * n for n in range((self.last - self.first).days + 1))


@dataclass(frozen=True, slots=True)
class Notice:
    """What one published notice says about one year. `number` is None where it could not be verified."""

    year: int
    title: str
    number: str | None
    published: date
    holidays: tuple[Holiday, ...] = ()
    working_days: tuple[date, ...] = ()
    amends: bool = False


@dataclass(frozen=True, slots=True)
class CalendarForm:
    """What a calendar file says, checked."""

    name: str
    zone: ZoneInfo
    week: tuple[bool, ...]
    hours: tuple[tuple[time, time], ...]
    notices: tuple[Notice, ...]


def read_calendar(data: object, file: str, span: SpanOf = nowhere) -> CalendarForm:
    """Read a parsed YAML file. LianxinError LX-800 with all its faults, each at its place."""
    found = Findings(file, span)
    plain = isinstance(data, dict) and data.get("kind") == "plain"
    needs = ("lianxin", "calendar", "zone") if plain else ("lianxin", "calendar", "zone", "years")
    form = found.form(data, (), needs, may=("kind", "title", "week", "office_hours"))
    if not plain and form.get("kind") is not None:
        found.add("LX-801", ("kind",), key="kind", expected="plain", found=kind(form["kind"]))
    found.version(form.get("lianxin"))
    name = found.text(form.get("calendar"), ("calendar",))
    zone = _zone(form.get("zone"), found)
    week = _week(form.get("week"), found)
    hours = _hours(form.get("office_hours"), found)
    notices = () if plain else _Years(week, found).read(form.get("years"))
    found.raise_if_any()
    assert zone is not None, "a missing zone is a finding"
    return CalendarForm(name, zone, week, hours, notices)


def _zone(value: object, found: Findings) -> ZoneInfo | None:
    name = found.text(value, ("zone",))
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder of zones
        found.add("LX-810", ("zone",), wrong=name, known=available_timezones(), zone=name)
        return None


def _week(value: object, found: Findings) -> tuple[bool, ...]:
    if value is None:
        return MONDAY_TO_FRIDAY
    names = found.items(value, ("week",))
    for index, name in enumerate(names):
        if name not in WEEKDAYS:
            found.add("LX-811", ("week", index), wrong=str(name), known=WEEKDAYS, name=name)
    week = tuple(name in names for name in WEEKDAYS)
    if not any(week):
        found.add("LX-801", ("week",), key="week", expected="至少一天 at least one weekday", found="空 nothing")
        return MONDAY_TO_FRIDAY
    return week


def _hours(value: object, found: Findings) -> tuple[tuple[time, time], ...]:
    hours: list[tuple[time, time]] = []
    for index, text in enumerate(found.items(value, ("office_hours",))):
        read = OFFICE_HOURS.fullmatch(str(text))
        start, end = (time.fromisoformat(part) for part in read.groups()) if read else (time.min, time.min)
        if start >= end or (hours and hours[-1][1] > start):
            found.add("LX-812", ("office_hours", index), found=text)
        else:
            hours.append((start, end))
    return tuple(hours)


class _Years:
    """Reads the notices in order and remembers which days have been named."""

    def __init__(self, week: tuple[bool, ...], found: Findings) -> None:
        self.week = week
        self.found = found
        self.named: set[date] = set()
        self.published = date.min

    def read(self, value: object) -> tuple[Notice, ...]:
        """All notices, the oldest first; gaps between the years are noted."""
        notices: list[Notice] = []
        previous: int | None = None
        for index, entry in enumerate(self.found.items(value, ("years",))):
            path: Path = ("years", index)
            form = self.found.form(entry, path, needs=("year", "notices"))
            year = form.get("year")
            if type(year) is not int or not YEARS_ACCEPTED[0] <= year <= YEARS_ACCEPTED[1]:
                if year is not None:
                    self.found.add(
                        "LX-801",
                        (*path, "year"),
                        key="year",
                        expected="年份，如 2026 a year such as 2026",
                        found=kind(year),
                    )
                continue
            if previous is not None and year != previous + 1:
                self.found.add("LX-813", (*path, "year"), year=year, previous=previous, expected=previous + 1)
            previous = year
            for number, notice in enumerate(self.found.items(form.get("notices"), (*path, "notices"))):
                notices.append(self._notice(notice, (*path, "notices", number), year))
        return tuple(notices)

    def _notice(self, value: object, path: Path, year: int) -> Notice:
        keys = ("number", "note", "source", "amends", "holidays")
        form = self.found.form(value, path, needs=("title", "published"), may=keys)
        published = self.found.day(form.get("published"), (*path, "published")) or self.published
        if published < self.published:
            self.found.add("LX-818", (*path, "published"), published=published, previous=self.published)
        self.published = max(published, self.published)
        amends = form.get("amends") is True
        if form.get("amends") not in (None, True, False):
            self.found.add("LX-801", (*path, "amends"), key="amends", expected="true", found=kind(form["amends"]))
        named: set[date] = set() if amends else self.named
        holidays: list[Holiday] = []
        work: list[date] = []
        for index, entry in enumerate(self.found.items(form.get("holidays"), (*path, "holidays"))):
            holiday = self._holiday(entry, (*path, "holidays", index), year, named, work)
            if holiday is not None:
                holidays.append(holiday)
        self.named |= named
        number = self.found.text(form.get("number"), (*path, "number")) or None
        title = self.found.text(form.get("title"), (*path, "title"))
        return Notice(year, title, number, published, tuple(holidays), tuple(work), amends)

    def _holiday(self, value: object, path: Path, year: int, named: set[date], work: list[date]) -> Holiday | None:
        found = self.found
        form = found.form(value, path, needs=("title", "from"), may=("until", "days", "work"))
        for index, text in enumerate(found.items(form.get("work"), (*path, "work"))):
            day = found.day(text, (*path, "work", index))
            if day is not None and self._name(day, (*path, "work", index), year, named):
                work.append(day)
                if self.week[day.weekday()]:
                    found.add(
                        "LX-817",
                        (*path, "work", index),
                        day=day,
                        weekday=WEEKDAYS[day.weekday()].title(),
                        weekday_zh="一二三四五六日"[day.weekday()],
                    )
        first = found.day(form.get("from"), (*path, "from"))
        last = found.day(form.get("until"), (*path, "until")) or first
        title = found.text(form.get("title"), (*path, "title"))
        if first is None or last is None:
            return None
        length = (last - first).days + 1
        if not 1 <= length <= HOLIDAY_DAYS_MAX:
            found.add("LX-816", (*path, "until"), first=first, last=last, most=HOLIDAY_DAYS_MAX)
            return None
        if form.get("days") not in (None, length):
            found.add("LX-819", (*path, "days"), title=title, days=form["days"], found=length)
        holiday = Holiday(title, first, last)
        for day in holiday.days():
            if not self._name(day, (*path, "from" if day < last else "until"), year, named):
                break  # one finding is enough for a range
        return holiday

    def _name(self, day: date, path: Path, year: int, named: set[date]) -> bool:
        """Note that a notice of `year` names this day; False after a finding: outside its year, or named before."""
        if not date(year - 1, *REACHES_BACK_TO) <= day <= date(year, 12, 31):
            self.found.add("LX-815", path, day=day, year=year)
            return False
        if day in named:
            self.found.add("LX-814", path, day=day)
            return False
        named.add(day)
        return True
