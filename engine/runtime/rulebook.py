"""The editions in force: workflows (current by name, pinned by digest), calendars, the directory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from engine.core.calendar import Calendar
from engine.core.desk import Rules
from engine.core.directory import Directory, Lookups
from engine.core.errors import LianxinError
from engine.core.workflow import IntakeRule, Workflow

Recall = Callable[[str], Workflow | None]
"""Finds an earlier version of a workflow by its digest, in the database's own editions."""


@dataclass
class RuleBook:
    """What rules apply to a case. Immutable for its user; a newly published edition makes a new book."""

    workflows: Mapping[str, Workflow]
    calendars: Mapping[str, Calendar]
    directory: Directory
    recall: Recall = lambda digest: None
    _rules: dict[str, Rules] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for workflow in self.workflows.values():
            self._rules[workflow.digest] = self._made(workflow)
        self.intake: dict[str, list[tuple[Workflow, IntakeRule]]] = {}
        for workflow in self.workflows.values():
            for type_, rules in workflow.intake.items():
                self.intake.setdefault(type_, []).extend((workflow, rule) for rule in rules)

    def current(self, name: str) -> Rules | None:
        """The rules of the version that new cases begin with."""
        workflow = self.workflows.get(name)
        return self._rules[workflow.digest] if workflow else None

    def pinned(self, digest: str) -> Rules:
        """The rules of the version a case began with. LX-410 where no file and no edition has it."""
        rules = self._rules.get(digest)
        if rules is None:
            workflow = self.recall(digest)
            if workflow is None:
                raise LianxinError("LX-410", exit_code=5, digest=digest)
            rules = self._rules[digest] = self._made(workflow)
        return rules

    def calendar(self, name: str) -> Calendar:
        """LX-411 for an unknown one."""
        found = self.calendars.get(name)
        if found is None:
            raise LianxinError("LX-411", exit_code=2, name=name, known="、".join(self.calendars))
        return found

    def _made(self, workflow: Workflow) -> Rules:
        calendar = self.calendar(workflow.calendar)
        joined = f"{workflow.digest}|{calendar.digest}|{self.directory.digest}"
        return Rules(
            workflow=workflow,
            calendar=calendar,
            directory=self.directory,
            lookups=Lookups(self.directory, calendar),
            edition=hashlib.sha256(joined.encode()).hexdigest()[:32],
        )

    def editions(self) -> Iterable[tuple[str, str, str, bytes]]:
        """(digest, kind, name, content) of everything in force, for the database to keep."""
        sort, directory = orjson.OPT_SORT_KEYS, self.directory
        for workflow in self.workflows.values():
            yield workflow.digest, "workflow", workflow.name, workflow.content
        for calendar in self.calendars.values():
            yield calendar.digest, "calendar", calendar.name, orjson.dumps(calendar.content(), option=sort)
        yield directory.digest, "directory", directory.name, orjson.dumps(directory.content(), option=sort)
        for rules in self._rules.values():
            triple = {
                "workflow": rules.workflow.digest,
                "calendar": rules.calendar.digest,
                "directory": directory.digest,
            }
            yield rules.edition, "rules", rules.workflow.name, orjson.dumps(triple, option=sort)
