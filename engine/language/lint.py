"""The linter that thinks: what a workflow that compiles will do to people, units and clocks that nobody can have meant.

    lint(workflow, source, calendar, directory) → warnings (and, where people are scored or ranked, errors)

The compiler (compile.py) finds what is wrong; this finds what is unwise. A warning is answered in the file,
where the language has a word for it (`on_breach: list`, `law:` of a pause, `again:`), or by mending it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from engine.core.calendar import Calendar
from engine.core.directory import Directory
from engine.core.errors import Problem
from engine.core.report import in_order
from engine.core.workflow import Workflow
from engine.language import (
    lint_choices,
    lint_clocks,
    lint_law,
    lint_loops,
    lint_people,
    lint_reach,
    lint_surroundings,
)
from engine.language.lint_subject import Subject
from engine.language.lint_surroundings import Surroundings
from engine.language.yaml_source import Source

__all__ = ["ethical_line", "lint"]


def lint(
    workflow: Workflow,
    source: Source,
    calendar: Calendar | None = None,
    directory: Directory | None = None,
    *,
    today: date | None = None,
    templates: Collection[str] | None = None,
    schemes: Collection[str] | None = None,
) -> list[Problem]:
    """Everything unwise about a compiled workflow, in order of place. `source` is what it was compiled from.

    What is not given is not asked about: the calendar's end needs `calendar` and `today`, roles and units need
    `directory`, letters need the names of the `templates` there are, codes those of the `schemes`.
    """
    subject = Subject(workflow, source)
    lint_reach.check(subject)
    lint_clocks.check(subject)
    lint_choices.check(subject)
    lint_loops.check(subject)
    lint_law.check(subject)
    lint_people.check(subject)
    lint_surroundings.check(subject, Surroundings(calendar, directory, today, templates, schemes))
    return in_order(subject.problems)


def ethical_line(workflow: Workflow, source: Source) -> list[Problem]:
    """Only the errors: names that score people, counts over people, closing that asks for satisfaction.

    For whoever loads a file without linting it: such a workflow is not run at all.
    """
    subject = Subject(workflow, source)
    lint_people.check(subject)
    return in_order(subject.problems)
