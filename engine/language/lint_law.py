"""Limits of the national regulation: a deadline that is longer than the law's says which law allows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.lengths import Length, parse_length
from engine.core.workflow import MAIN, Deadline, Extension
from engine.language.compile_form import Path
from engine.language.lint_subject import Subject

REGULATION = "信访工作条例"
CALENDAR = "cn"
"""The calendar of those whom the regulation binds."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What an article allows: a length, and once more so much where it may be extended."""

    within: str
    extension: str = ""


ARTICLES: Mapping[int, Limit] = {
    22: Limit("15 days"),  # 登记、转送、交办
    23: Limit("15 days"),  # 告知；异议为 5 个工作日
    34: Limit("60 days", "30 days"),  # 办理，经批准可延长一次
    35: Limit("30 days"),  # 复查
    36: Limit("30 days"),  # 复核
}
"""Longest limits by article of 信访工作条例 (2022)."""
OBJECTION = Limit("5 working days")
"""第二十三条: what a unit has to say that a matter is not its own; a right, so it stands beside the 15 days."""

_CITED = re.compile(REGULATION + r"》?[^第]{0,10}第\s*([一二三四五六七八九十百零〇\d]{1,5})\s*条")
_DIGITS = {character: number for number, character in enumerate("〇一二三四五六七八九")} | {"零": 0}


def check(subject: Subject) -> None:
    """LX-257."""
    for deadline, path in subject.deadlines():
        if (limit := _limit(subject, deadline)) is not None:
            article, allowed = limit
            for length in _lengths(deadline):
                if days(length) > days(parse_length(allowed.within)):
                    _note(subject, (*path, "within"), deadline, str(length), article, allowed.within)
                    break
            if deadline.extension is not None and _extends_too_far(deadline.extension, allowed):
                most = f"{allowed.extension} × 1" if allowed.extension else "0"
                _note(subject, (*path, "extend"), deadline, _said(deadline.extension), article, most)


def cited_article(law: str) -> int | None:
    """The article of the regulation that a text cites; None where it cites something else, or nothing."""
    found = _CITED.search(law)
    return _number(found[1]) if found else None


def days(length: Length) -> float:
    """How many calendar days a length takes up at least: five working days are a week."""
    match length.unit:
        case "minutes":
            return length.amount / 1440
        case "hours":
            return length.amount / 24
        case "working days":
            return length.amount + 2 * (length.amount // 5)
        case "months":
            return length.amount * 30
        case "years":
            return length.amount * 365
    return length.amount


def _limit(subject: Subject, deadline: Deadline) -> tuple[int, Limit] | None:
    """The article that binds a deadline: the one it cites, or, citing none, that of what it plainly measures."""
    article = cited_article(deadline.law)
    if article is not None:
        if deadline.right:
            return (23, OBJECTION) if article == 23 else None  # a longer right harms nobody
        return (article, ARTICLES[article]) if article in ARTICLES else None
    if deadline.law or deadline.right or deadline.machine != MAIN or subject.workflow.calendar != CALENDAR:
        return None
    return (34, ARTICLES[34]) if _measures_handling(subject, deadline) else None


def _measures_handling(subject: Subject, deadline: Deadline) -> bool:
    """From when the matter is received or assigned until it is handled."""
    states = subject.workflow.main.states
    phases = {name: state.phase for name, state in states.items()}

    def of(names: frozenset[str]) -> set[str]:
        found = {phases.get(name.removeprefix("state.").removesuffix(".entered"), "") for name in names}
        return found - {""}

    return (
        bool(of(deadline.starts))
        and of(deadline.starts) <= {"received", "assigned"}
        and "handled" in of(deadline.stops)
    )


def _lengths(deadline: Deadline) -> list[Length]:
    if deadline.within is not None:
        return [deadline.within]
    return list(deadline.within_by[1].values()) if deadline.within_by else []


def _extends_too_far(extension: Extension, allowed: Limit) -> bool:
    if not allowed.extension:
        return True
    return extension.times > 1 or days(extension.by) > days(parse_length(allowed.extension))


def _said(extension: Extension) -> str:
    return f"{extension.by} × {extension.times}"


def _note(subject: Subject, path: Path, deadline: Deadline, length: str, article: int, allowed: str) -> None:
    law = f"{REGULATION} 第{article}条"
    subject.note("LX-257", path, deadline=deadline.name, length=length, law=law, allowed=allowed)


def _number(text: str) -> int:
    """`三十四` or `34` as a number; articles have two digits, or three."""
    if text.isdecimal():
        return int(text)
    hundreds, _, rest = text.rpartition("百")
    tens, ten, ones = rest.rpartition("十")
    total = 100 * _DIGITS.get(hundreds[-1:], 1 if "百" in text else 0)
    total += 10 * _DIGITS.get(tens[-1:], 1) if ten else 0
    return total + _DIGITS.get(ones[-1:], 0)
