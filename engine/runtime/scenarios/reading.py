"""Reading a scenario file: every step resolved against its workflow, every fault found in one run with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from engine.core.calendar import Calendar
from engine.core.directory import Directory
from engine.core.errors import LianxinError, Span
from engine.core.instants import Instant
from engine.core.model import ENGINE
from engine.core.report import suggest
from engine.core.workflow import By, Machine, Workflow
from engine.language.yaml_source import Source, load
from engine.runtime.assembly import SCENARIO_SUFFIX, Assembly, read_bytes
from engine.runtime.scenarios.checks import Checks, Path
from schemas.scenario_file import (
    ExpectForm,
    GivenForm,
    RefusedForm,
    ScenarioFileForm,
    ScenarioForm,
    SignersForm,
    StepForm,
)

ONE_CASE = "case"
"""The name of a scenario's case where no step names one; else a step is about the case of the step above."""
OPEN = "open"


@dataclass(frozen=True, slots=True)
class Step:
    """One step, resolved. `at` "" is the instant of the step before; `does` "" only expects."""

    number: int
    path: Path
    at: Instant
    case: str
    does: str
    roles: tuple[str, ...]
    """Who does it: one role, or each of several people."""
    person: str
    unit: str
    values: Mapping[str, Any]
    petitioner: Mapping[str, str]
    track: Mapping[str, Any]
    refused: RefusedForm | None
    expect: ExpectForm | None

    @property
    def kind(self) -> str:
        """The track it opens or moves; "" for the main line."""
        return self.does.partition(".")[0] if "." in self.does else ""


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    numbers: Mapping[str, int]
    directory: Directory
    steps: tuple[Step, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """A file that was read without a fault."""

    file: str
    source: Source
    workflow: Workflow
    calendar: Calendar
    scenarios: tuple[Scenario, ...]


def workflow_beside(path: FilePath) -> FilePath:
    """`petition.test.yaml` → `petition.yaml` in the same folder. LX-238 (exit 3) where it is not there."""
    beside = path.with_name(path.name.removesuffix(SCENARIO_SUFFIX) + ".yaml")
    if not beside.is_file():
        raise LianxinError("LX-238", exit_code=3, file=str(path), workflow=str(beside))
    return beside


def read_scenarios(path: FilePath, assembly: Assembly) -> ScenarioFile:
    """The scenarios of a file, with the workflow they try out.

    LX-230 with every fault of the file, LX-200 with those of the workflow.
    """
    workflow = assembly.workflow(workflow_beside(path))
    source = load(read_bytes(path), str(path))
    if source.problems:
        raise LianxinError("LX-230", exit_code=1, problems=source.problems, file=str(path))
    calendar = assembly.calendars()[workflow.calendar]
    reading = _Reading(source, workflow, calendar, assembly, path.parent)
    scenarios = reading.scenarios()
    if reading.problems:
        raise LianxinError("LX-230", exit_code=1, problems=tuple(reading.problems), file=str(path))
    return ScenarioFile(str(path), source, workflow, calendar, scenarios)


@dataclass
class _Reading(Checks):
    """One run over one file, step by step."""

    assembly: Assembly
    folder: FilePath
    directories: dict[FilePath | None, Directory] = field(default_factory=dict)

    def scenarios(self) -> tuple[Scenario, ...]:
        try:
            form = ScenarioFileForm.model_validate(self.source.data)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False, include_context=False):
                self._form_problem(fault)
            return ()
        return tuple(self._scenario(name, one) for name, one in form.scenarios.items())

    def _form_problem(self, fault: Any) -> None:
        loc: Path = tuple(part for part in fault["loc"] if part not in ("[key]", "SignersForm", "str"))
        name = str(loc[-1]) if loc else ""
        if fault["type"] == "extra_forbidden":
            known = _keys_at(loc)
            self.problem("LX-233", loc, key=True, suggestion=suggest(name, known), name=name, known="、".join(known))
        else:
            self.problem("LX-231", loc, field=".".join(map(str, loc)), reason=str(fault["msg"]))

    # ── scenarios and steps ──────────────────────────────────────────────────────────────────────────────────────

    def _scenario(self, name: str, form: ScenarioForm) -> Scenario:
        path: Path = ("scenarios", name)
        directory = self._directory(form.given, (*path, "given"))
        for kind in form.given.numbers:
            self.known("a kind of letter", kind, self.workflow.letters, (*path, "given", "numbers", kind), key=True)
        steps: list[Step] = []
        about = [ONE_CASE]
        for one in form.steps:
            about.append(one.case or about[-1])
        cases = {case for case, one in zip(about[1:], form.steps, strict=True) if one.do in self.workflow.opens}
        now = ""
        for number, one in enumerate(form.steps):
            at: Path = (*path, "steps", number)
            step = self._step(number + 1, one, at, about[number + 1], cases, directory)
            if one.at is None and (number == 0 or step.does):
                self.problem("LX-235", at)
            elif step.at and step.at < now:
                self.problem("LX-234", (*at, "at"), at=str(one.at), before=str(form.steps[number - 1].at or now))
            now = step.at or now
            steps.append(step)
        return Scenario(name, form.given.numbers, directory, tuple(steps), self.source.span(path, key=True))

    def _directory(self, given: GivenForm, path: Path) -> Directory:
        file = self.folder / given.directory if given.directory is not None else None
        if file is not None and not file.is_file():
            self.problem("LX-231", (*path, "directory"), field="directory", reason=f"there is no file {file}")
            file = None
        if file not in self.directories:
            self.directories[file] = self.assembly.directory(file)
        return self.directories[file]

    def _step(self, number: int, form: StepForm, path: Path, case: str, cases: set[str], directory: Directory) -> Step:
        does = self._does(form, path)
        if case not in cases:
            self.known("a case of this scenario", case, cases, (*path, "case"))
        person, unit = self.somebody(form.as_, (*path, "as"), directory)
        if does:
            self._values(does, form, path)
        kind = does.partition(".")[0] if "." in does else ""
        if form.track:
            self.track(kind, form.track, (*path, "track"), choosing=True)
        if form.expect is not None:
            self.expectations(form.expect, kind, (*path, "expect"), cases, directory)
        return Step(
            number=number,
            path=path,
            at=self.instant(form.at, (*path, "at")),
            case=case,
            does=does,
            roles=self._roles(form.by, does, path) if does else (),
            person=person,
            unit=unit,
            values=form.with_,
            petitioner=form.petitioner,
            track=form.track,
            refused=form.refused,
            expect=form.expect,
        )

    def _does(self, form: StepForm, path: Path) -> str:
        if (form.do is not None and form.open is not None) or (
            form.do is None and form.open is None and (form.expect is None or form.refused is not None)
        ):
            self.problem("LX-236", path)
            return ""
        if form.open is not None:
            known = self.known("a track", form.open, self.workflow.tracks, (*path, "open"))
            return f"{form.open}.{OPEN}" if known else ""
        if form.do is None:
            return ""
        moves = {*self.workflow.opens, *_moves(self.workflow.main)}
        moves |= {f"{name}.{move}" for name, machine in self.workflow.tracks.items() for move in _moves(machine)}
        return form.do if self.known("a transition", form.do, moves, (*path, "do")) else ""

    def _roles(self, by: str | SignersForm | None, does: str, path: Path) -> tuple[str, ...]:
        if isinstance(by, str):
            self.known("a role", by, self.workflow.roles, (*path, "by"))
            return (by,)
        if by is not None:
            roles = tuple(by.all) or ((by.two, by.two) if by.two else ())
            if not roles:
                self.problem("LX-231", (*path, "by"), field="by", reason="a role, {two: a} or {all: [a, b]}")
            for role in roles:
                self.known("a role", role, self.workflow.roles, (*path, "by"))
            return roles
        allowed = sorted(may_do(self.workflow, does) - {ENGINE})
        if len(allowed) != 1:
            self.problem("LX-237", path, name=does, known="、".join(allowed or self.workflow.roles))
            return ()
        return tuple(allowed)

    def _values(self, does: str, form: StepForm, path: Path) -> None:
        head, _, tail = does.partition(".")
        kind = "open_track" if tail == OPEN else "open_case" if does in self.workflow.opens else "transition"
        fields = self.workflow.inputs(kind, head if tail == OPEN else does)
        if form.refused is None or form.refused.code not in ("unknown-field", "bad-value"):
            for name in form.with_:
                self.known("a field", name, fields, (*path, "with", name), key=True)
        for name in form.petitioner:
            self.known(
                "a field of the petitioner", name, self.workflow.petitioner, (*path, "petitioner", name), key=True
            )


def may_do(workflow: Workflow, does: str) -> set[str]:
    """The roles that may do something, wherever it may be done."""
    if does in workflow.opens:
        return set(workflow.opens[does].by.roles)
    head, _, tail = does.partition(".")
    if tail == OPEN:
        return set(workflow.tracks[head].opens_by)
    machine, move = (workflow.tracks[head], tail) if tail else (workflow.main, does)
    roles: set[str] = set()
    for (_, name), transition in machine.table.items():
        if name == move:
            roles |= _signers(workflow, transition.by)
    return roles


def _signers(workflow: Workflow, by: By) -> set[str]:
    if not by.of_kind:
        return set(by.roles)
    return {role for kind in workflow.letters.values() for role in kind.sign.roles}


def _moves(machine: Machine) -> set[str]:
    return {name for _, name in machine.table}


def _keys_at(loc: Path) -> list[str]:
    """The keys that may stand where an unknown one stands."""
    if len(loc) == 1:
        form: Any = ScenarioFileForm
    elif len(loc) == 3:
        form = ScenarioForm
    else:
        form = {"given": GivenForm, "refused": RefusedForm, "by": SignersForm}.get(str(loc[-2]), StepForm)
    return sorted(info.alias or name for name, info in form.model_fields.items())
