"""Compiling and linting in tests: the shipped tracks, directory and calendar; a fixed day; nothing left out."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from consumers import escalation, follow_up, moves, reminders, supervision
from engine.core.calendar import Calendar, load_calendar
from engine.core.directory import Directory, load_directory
from engine.core.errors import LianxinError, Problem
from engine.core.report import in_order
from engine.core.workflow import Workflow
from engine.language.compile import compile_workflow
from engine.language.lint import lint
from engine.language.yaml_source import load

ROOT = Path(__file__).parent.parent
WORKFLOWS = ROOT / "workflows"
BAD = Path(__file__).parent / "bad"
TODAY = date(2026, 1, 5)

ACTIONS = {
    spec.name: spec for module in (supervision, escalation, follow_up, reminders, moves) for spec in module.ACTIONS
}
TRACKS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((WORKFLOWS / "tracks").glob("*.yaml"))}
TEMPLATES = {path.stem for path in (WORKFLOWS / "letters").glob("*.yaml")}
SCHEMES = frozenset({"region"})
"""Lists of codes, for the corpus; which there are elsewhere is not asked."""


def compiled(text: str | bytes, file: str = "sample.yaml") -> Workflow:
    """The workflow; LianxinError with its problems where it has any."""
    return compile_workflow(text, file, ACTIONS, TRACKS)


def findings(text: str | bytes, file: str = "sample.yaml", schemes: frozenset[str] | None = SCHEMES) -> list[Problem]:
    """What `lianxin lint` says: the compiler's faults or, where there are none, the linter's findings."""
    try:
        workflow = compiled(text, file)
    except LianxinError as error:
        return in_order(error.problems)
    source = load(text, file)
    return lint(workflow, source, calendar(), directory(), today=TODAY, templates=TEMPLATES, schemes=schemes)


def codes(text: str | bytes) -> list[str]:
    """The codes of all findings, in order of place."""
    return [problem.code for problem in findings(text)]


@cache
def calendar() -> Calendar:
    return load_calendar(load((WORKFLOWS / "calendars" / "cn.yaml").read_bytes(), "cn.yaml").data)


@cache
def directory() -> Directory:
    return load_directory(load((WORKFLOWS / "directory.yaml").read_bytes(), "directory.yaml").data)


def shipped() -> list[Path]:
    """The workflows that ship, without scenarios, maps and the directory."""
    named = (path for path in sorted(WORKFLOWS.glob("*.yaml")) if path.name != "directory.yaml")
    return [path for path in named if path.name.count(".") == 1]
