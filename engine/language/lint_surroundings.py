"""What a workflow expects around it: people in its roles, units, a calendar, letter templates, lists of codes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from engine.core.calendar import Calendar
from engine.core.directory import OPEN_ROOT, Directory
from engine.core.lengths import Length, add_months, parse_length
from engine.core.model import ENGINE
from engine.core.timing import OFFICE
from engine.core.workflow import Deadline, Role
from engine.language.compile_form import Path
from engine.language.lint_subject import Subject


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the caller knows; what is None is not asked about."""

    calendar: Calendar | None = None
    directory: Directory | None = None
    day: date | None = None
    """The day on which it is linted."""
    templates: Collection[str] | None = None
    schemes: Collection[str] | None = None


def check(subject: Subject, around: Surroundings) -> None:
    """LX-258 to LX-264."""
    if around.calendar is not None and around.day is not None:
        _calendar(subject, around.calendar, around.day)
    if around.templates is not None:
        for name, letter in subject.workflow.letters.items():
            if letter.template not in around.templates:
                known = "、".join(sorted(around.templates))
                subject.note("LX-259", ("letters", name, "template"), key=False, template=letter.template, known=known)
    _roles(subject, around.directory)
    if around.directory is not None and around.directory.office != OPEN_ROOT:
        for unit, path in _units(subject):
            if unit != OFFICE and unit not in around.directory:
                subject.note("LX-262", path, word=unit, unit=unit)
    if around.schemes is not None:
        for scheme, path in _schemes(subject):
            if scheme not in around.schemes:
                known = "、".join(sorted(around.schemes))
                subject.note("LX-263", path, key=False, scheme=scheme, known=known)


# ── calendar ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _calendar(subject: Subject, calendar: Calendar, today: date) -> None:
    """A case that begins today can still be running when the published days end."""
    ends = [(end, name) for end, name in _ends(subject, calendar, today) if end > calendar.last_day]
    if ends and calendar.notices:
        end, name = max(ends)
        last_day = calendar.last_day.isoformat()
        subject.note(
            "LX-258",
            ("calendar",),
            key=False,
            calendar=calendar.name,
            last_day=last_day,
            deadline=name,
            ends=end.isoformat(),
        )


def _ends(subject: Subject, calendar: Calendar, today: date) -> Iterator[tuple[date, str]]:
    for deadline, _ in subject.deadlines():
        for length in _lengths(deadline):
            end = _last_day(today, length, calendar)
            if deadline.extension is not None:
                for _ in range(min(deadline.extension.times, EXTENSIONS_COUNTED)):
                    end = _last_day(end, deadline.extension.by, calendar)
            yield end, deadline.name
    for letter in subject.workflow.letters.values():
        yield _last_day(today, parse_length(letter.reply_within), calendar), letter.name


PETITIONER = "petitioner"
"""The role of people whom no directory lists."""
EXTENSIONS_COUNTED = 12
"""More extensions than this say nothing new about a calendar."""


def _lengths(deadline: Deadline) -> list[Length]:
    if deadline.within is not None:
        return [deadline.within]
    return list(deadline.within_by[1].values()) if deadline.within_by else []


def _last_day(day: date, length: Length, calendar: Calendar) -> date:
    try:
        match length.unit:
            case "working days":
                return calendar.add_working_days(day, length.amount)
            case "months" | "years":
                return add_months(day, length.amount * (12 if length.unit == "years" else 1))
            case "days":
                return day + timedelta(days=length.amount)
        return day + length.span
    except (OverflowError, ValueError):
        return date.max


# ── roles and units ──────────────────────────────────────────────────────────────────────────────────────────────────


def _roles(subject: Subject, directory: Directory | None) -> None:
    """Each role is used; where there is a directory with people, somebody holds it (`is` names the person itself)."""
    used = set(_roles_used(subject))
    named = {rule.role for rules in subject.workflow.intake.values() for rule in rules}
    for name, role in subject.workflow.roles.items():
        written = name in (subject.source.data.get("roles") or {})
        if name not in used | named:
            if written:  # a shipped track may bring one that a change made idle
                subject.note("LX-261", ("roles", name), role=name)
        elif directory is not None and directory.people and _is_missing(directory, role, named):
            subject.note("LX-260", ("roles", name) if written else ("tracks",), role=name, directory=directory.name)


def _is_missing(directory: Directory, role: Role, vouched: set[str]) -> bool:
    """Whether nobody holds a role that people of the directory must hold."""
    outside = role.is_ is not None or role.name in vouched or role.name == PETITIONER
    return not outside and not directory.holders(role.name)


def _roles_used(subject: Subject) -> Iterator[str]:
    workflow = subject.workflow
    for machine in subject.machines.values():
        yield from machine.opens_by
        yield from (state.sealed_to for state in machine.states.values())
        for row in machine.table.values():
            yield from (*row.by.roles, *row.not_as)
    for opening in workflow.opens.values():
        yield from opening.by.roles
    for letter in workflow.letters.values():
        yield from letter.sign.roles
    for role in workflow.roles.values():
        yield from role.not_as
    for reaction in workflow.reactions:
        for action in reaction.do:
            yield from (value for value in action.params.values() if isinstance(value, str) and value != ENGINE)


def _units(subject: Subject) -> Iterator[tuple[str, Path]]:
    """Every unit that is named outright, and where."""
    for deadline, path in subject.deadlines():
        for key, unit in (("owner", deadline.owner), ("else_to", deadline.else_to)):
            if unit:
                yield unit, (*path, key)
    for reaction in subject.workflow.reactions:
        for action in reaction.do:
            for key in ("to", "copy", "else_to"):
                value = action.params.get(key)
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, str):
                        yield one, ("reactions", reaction.name, "do", action.index, action.name, key)


def _schemes(subject: Subject) -> Iterator[tuple[str, Path]]:
    for name, field in subject.form.case.items():
        if field.scheme:
            yield field.scheme, ("case", name, "scheme")
    for track, form in subject.form.tracks.items():
        for name, field in form.data.items():
            if field.scheme:
                yield field.scheme, ("tracks", track, "data", name, "scheme")
