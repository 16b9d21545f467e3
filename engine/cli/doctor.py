"""`lianxin doctor`: what is wrong here, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.checks import Found
    from engine.cli.screen import Screen
    from engine.core.model import JsonObject

app = single()
FINDINGS = 1
MARKS = {"ok": "✓", "warning": "!", "error": "✗"}


@command(
    app,
    "doctor",
    "检查设置、数据库、密钥、流程、日历、字体、磁盘、时钟，并说明如何解决 · "
    "Look at settings, database, key, workflows, calendars, fonts, disk and clock, and say how to mend what is wrong",
    project=True,
)
def doctor(session: Session) -> int:
    from engine.cli.checks import CHECKS, WITHOUT_SETTINGS, settings
    from engine.cli.installation import Installation

    installation = Installation(session)
    first = list(settings(installation))
    readable = all(found.level != "error" for found in first)
    checks = [check for check in (CHECKS if readable else WITHOUT_SETTINGS) if check is not settings]
    everything = [*first, *(found for check in checks for found in check(installation))]
    screen = session.screen
    said = [_said(found) for found in everything]
    errors = sum(found.level == "error" for found in everything)
    warnings = sum(found.level == "warning" for found in everything)
    lines = [line for found in everything for line in _lines(found, screen)]
    total = f"{errors} 个错误，{warnings} 个提醒 · {errors} errors, {warnings} warnings"
    screen.result({"errors": errors, "warnings": warnings, "checks": said}, [*lines, screen.said(total)])
    return FINDINGS if errors else 0


def _said(found: Found) -> JsonObject:
    from engine.core.catalogue import remedy

    zh, _, en = found.said.partition(" · ")
    return {
        "check": found.check,
        "level": found.level,
        "code": found.code,
        "said": {"zh": zh, "en": en},
        "remedy": {lang: remedy(found.code, found.facts, lang) if found.code else "" for lang in ("zh", "en")},
        "facts": found.facts,
    }


def _lines(found: Found, screen: Screen) -> list[str]:
    from engine.cli.failures import languages
    from engine.core.catalogue import remedy

    code = f" {found.code}" if found.code else ""
    lines = [f"{MARKS[found.level]}{code} {screen.said(found.said)}"]
    if found.code:
        lines += [f"    → {remedy(found.code, found.facts, language)}" for language in languages(screen)]
    return lines
