"""`lianxin calendar …`: which days count, and when a promise is due."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from engine.cli.installation import Installation
    from engine.core.calendar import Calendar
    from engine.core.model import JsonObject

app = group("calendar", "工作日历与期限推算 · Working days and due dates")

CalendarOption = Annotated[
    str, typer.Option("--calendar", metavar="NAME", help="哪一部日历，缺省 cn · Which calendar, by default cn")
]
DEFAULT = "cn"


@command(app, "list", "列出日历 · The calendars there are", project=True)
def list_calendars(session: Session) -> None:
    from engine.cli.installation import Installation

    screen = session.screen
    rows = [_about(calendar) for calendar in Installation(session).assembly.calendars().values()]
    heads = ("日历 · Calendar", "版本 · Edition", "时区 · Zone", "公布至 · Published until", "摘要 · Digest")
    cells = ((r["calendar"], r["edition"], r["zone"], r["published_until"] or "—", r["digest"][:12]) for r in rows)
    screen.result(rows, screen.table(heads, cells))


@command(
    app,
    "show",
    "一年中与周历不同的日子：放假与调休上班 · The days of a year that are not as the week says",
    project=True,
)
def show(
    session: Session,
    year: Annotated[int, typer.Argument(metavar="YEAR", min=1900, max=2200, help="年份 · The year")],
    calendar: CalendarOption = DEFAULT,
) -> None:
    from engine.cli.installation import Installation
    from engine.cli.moments import weekday

    found = _calendar(Installation(session), calendar)
    screen = session.screen
    days = list(_unusual(found, year))
    said = {
        **_about(found),
        "year": year,
        "working_days": sum(found.is_working(day) for day in _days(year)),
        "rest_days": [day.isoformat() for day, works in days if not works],
        "make_up_days": [day.isoformat() for day, works in days if works],
    }
    words = {True: "上班 · working", False: "放假 · rest"}
    heads = ("日期 · Day", "星期 · Weekday", "")
    lines = screen.table(heads, ((day, screen.said(weekday(day)), screen.said(words[works])) for day, works in days))
    if not any(found.is_published(day) for day in _days(year)):
        screen.note(f"{year} 年尚未公布，按周一至周五推算 · {year} is not published; Monday to Friday is assumed")
    total = said["working_days"]
    screen.result(said, [*lines, screen.said(f"工作日 {total} 天 · {total} working days")])


@command(
    app,
    "due",
    '从某日起算的到期日，如 due 2026-04-30 "5 working days" · When a length from a day is due',
    project=True,
)
def due(
    session: Session,
    start: Annotated[str, typer.Argument(metavar="DAY", help="起算日（第 0 天） · The first day, which is day 0")],
    length: Annotated[
        str,
        typer.Argument(
            metavar="LENGTH",
            help="长度，如 15个工作日、60 days、2 hours · A length such as 15 working days, 60 days, 3 months",
        ),
    ],
    calendar: CalendarOption = DEFAULT,
    roll: Annotated[
        bool, typer.Option("--roll", help="遇休息日顺延 · Moved off rest days", show_default=False)
    ] = False,
) -> None:
    from engine.cli.installation import Installation
    from engine.cli.moments import local, start_instant, weekday
    from engine.core import clocks
    from engine.core.errors import LianxinError
    from engine.core.lengths import parse_length

    found = _calendar(Installation(session), calendar)
    screen = session.screen
    at = start_instant(start, found)
    try:
        clock = clocks.start("due", "", 1, at, parse_length(length), found, roll=roll)
    except (ValueError, OverflowError) as error:
        raise LianxinError("LX-907", exit_code=2, option="LENGTH", text=str(error), form="15 working days") from error
    day = found.local_day(clock["due_at"])
    said: JsonObject = {
        "calendar": found.edition,
        "start": found.local_day(at).isoformat(),
        "length": length,
        "due_on": day.isoformat(),
        "due_at": clock["due_at"],
        "due_raw_at": clock["due_raw_at"],
        "working_day": found.is_working(day),
        "provisional": clock.get("provisional", False),
    }
    moment = local(clock["due_at"], found.zone)
    shown = f"{day}（{screen.said(weekday(day))}）" if clock["budget"]["unit"] != clocks.MICROSECONDS else moment
    lines = [f"{shown}  {screen.said('截止 · until')} {clock['due_at']}"]
    if said["provisional"]:
        last = found.last_day
        lines.append(screen.said(f"暂定：日历只公布到 {last} · provisional: the calendar is published until {last}"))
    screen.result(said, lines)


@command(
    app,
    "add",
    "换上新一版日历（如公布了下一年的放假安排） · Put a new edition of a calendar in place",
    project=True,
)
def add(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="日历文件 · The calendar's file")],
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 · Do not ask", show_default=False)] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只看有何变化 · Show what would change", show_default=False)
    ] = False,
) -> None:
    from engine.cli.installation import Installation
    from engine.core.calendar import load_calendar
    from engine.runtime.assembly import readable

    installation = Installation(session)
    screen = session.screen
    source = readable(file)
    new = load_calendar(source.data, str(file), source.span)
    old = installation.assembly.calendars().get(new.name)
    changed = _changes(old, new) if old else []
    said: JsonObject = {
        **_about(new),
        "replaces": old.digest if old else None,
        "changed_days": [{"day": day.isoformat(), "working": works} for day, works in changed],
        "dry_run": dry_run,
    }
    words = {True: "上班 · working", False: "放假 · rest"}
    lines = [f"{day}  {screen.said(words[works])}" for day, works in changed]
    if not dry_run and (old is None or old.digest != new.digest):
        target = _file_of(installation, new.name)
        question = f"把 {target} 换成 {new.edition}？ · Replace {target} by {new.edition}?"
        screen.confirm(question, yes=yes)
        target.write_bytes(file.read_bytes())
        screen.note(
            "在运行的期限由引擎重新推算，每一处移动都入账 · "
            "Running deadlines are projected anew by the engine, each move on record"
        )
    screen.result(said, lines)


def _calendar(installation: Installation, name: str) -> Calendar:
    from engine.core.errors import LianxinError
    from engine.core.report import suggest

    known = installation.assembly.calendars()
    if name not in known:
        close = suggest(name, known) or ""
        raise LianxinError("LX-921", exit_code=3, name=name, known="、".join(known), suggestion=close)
    return known[name]


def _file_of(installation: Installation, name: str) -> Path:
    """The file that holds a calendar now, or where a new one goes."""
    from engine.core.calendar import load_calendar
    from engine.runtime.assembly import readable

    folder = installation.assembly.folder / "calendars"
    for path in sorted(folder.glob("*.yaml")):
        source = readable(path)
        if load_calendar(source.data, str(path), source.span).name == name:
            return path
    return folder / f"{name}.yaml"


def _about(calendar: Calendar) -> JsonObject:
    return {
        "calendar": calendar.name,
        "edition": calendar.edition,
        "zone": calendar.zone.key,
        "published_until": calendar.last_day.isoformat() if calendar.notices else None,
        "digest": calendar.digest,
    }


def _days(year: int) -> Iterator[date]:
    from datetime import date, timedelta

    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += timedelta(days=1)


def _unusual(calendar: Calendar, year: int) -> Iterator[tuple[date, bool]]:
    """The days of a year on which people work or rest otherwise than the week says."""
    for day in _days(year):
        works = calendar.is_working(day)
        if works != calendar.week[day.weekday()]:
            yield day, works


def _changes(old: Calendar, new: Calendar) -> list[tuple[date, bool]]:
    """The days that the new edition judges otherwise."""
    first = min(old.first_day.year, new.first_day.year) if old.notices and new.notices else 2011
    last = max(old.last_day.year, new.last_day.year) if old.notices and new.notices else 2040
    days = (day for year in range(max(first, 1900), min(last, 2200) + 1) for day in _days(year))
    return [(day, new.is_working(day)) for day in days if old.is_working(day) != new.is_working(day)]
