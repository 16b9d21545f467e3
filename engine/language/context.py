"""What the parts of the compiler share: the form, what is known of it so far, and where to note a fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.core.actions import ActionSpec
from engine.core.guards import Guard
from engine.core.model import ENGINE
from engine.core.workflow import MAIN, By, Field, Machine, Opening, State
from engine.language.compile_fields import compile_field, field_problem, name_problem
from engine.language.compile_form import Path
from engine.language.expressions import Expressions
from engine.language.notes import Notes
from engine.language.yaml_source import Source
from schemas.workflow_file import ByForm, FieldForm, WorkflowForm

PHASES = ("received", "assigned", "handled", "reviewed", "closed")


class Context(Notes):
    """One workflow on its way: `compile.py` fills it in, in this order, and its parts read what they need."""

    form: WorkflowForm
    states: dict[str, dict[str, State]]
    fields: dict[str, Field]
    track_fields: dict[str, dict[str, Field]]
    expressions: Expressions
    opens: dict[str, Opening]
    machines: dict[str, Machine]

    def __init__(
        self, source: Source, file: str, actions: Mapping[str, ActionSpec], shipped: Mapping[str, str]
    ) -> None:
        super().__init__(source, file, shipped)
        self.actions = actions
        self.wheres: dict[tuple[str, str], Guard] = {}

    def field(self, path: Path, name: str, form: FieldForm, taken: frozenset[str] = frozenset()) -> Field:
        """The field of a form; its faults are noted. `taken` are names that mean something else there."""
        self.name_of(name, path, taken)
        field = compile_field(name, form)
        if fault := field_problem(name, form, field):
            code, at, facts = fault
            self.note(code, (*path, *at), facts, key=not at)
        return field

    def name_of(self, name: str, path: Path, taken: frozenset[str] = frozenset()) -> None:
        """Note what is wrong with a name."""
        if code := name_problem(name, taken):
            self.problem(code, path, key=True, name=name)

    def role_known(self, role: str, path: Path, *, engine: bool = True) -> None:
        if role not in self.form.roles and not (engine and role == ENGINE):
            self.unknown("a role", role, self.form.roles, path)

    def by(self, form: ByForm, path: Path, *, letter: bool = False) -> By:
        """Who may: one of the four forms. `{kind: sign}` is a letter's alone."""
        by = By(tuple(form.any), tuple(form.all), form.two or "", form.kind == "sign")
        alone = sum(map(bool, (by.any, by.all, by.two, by.of_kind))) == 1 and (letter or not by.of_kind)
        if not alone or len(set(by.roles)) != len(by.roles) or (by.all and len(by.all) < 2):
            self.problem("LX-210", path)
        for role in by.roles:
            self.role_known(role, path)
        return by

    def given_to(self, machine: str, move: str) -> dict[str, Field]:
        """The fields that a move of that name takes on the spot, wherever it is defined."""
        rows = [row for (_, name), row in self.machines[machine].table.items() if name == move]
        return {field.name: field for row in rows for field in row.event_needs}

    def check_given(self, command: str, ways: list[list[str]], given: Iterable[str], path: Path) -> None:
        """A command made by the file itself brings what it needs, in one of the ways it can be carried out."""
        given = set(given)
        missing = [[name for name in needed if name not in given] for needed in ways]
        if missing and all(missing):
            names = "、".join(sorted(missing, key=len)[0])
            self.problem("LX-227", path, key=True, command=command, names=names)

    def states_meant(self, names: Iterable[str]) -> list[str]:
        """States of the main line: by name, by phase, or "*" for every state neither final nor sealed."""
        found: list[str] = []
        for name in names:
            if name == "*":
                found += [s.name for s in self.states[MAIN].values() if not s.final and not s.sealed_to]
            elif name in self.states[MAIN]:
                found.append(name)
            else:
                found += [s.name for s in self.states[MAIN].values() if s.phase == name]
        return list(dict.fromkeys(found))

    def known_states(self, names: Iterable[str], path: Path) -> list[str]:
        """The same; a name that is none of them is noted."""
        for name in names:
            if name != "*" and name not in self.states[MAIN] and name not in PHASES:
                self.unknown("a state or phase", name, [*self.states[MAIN], *PHASES], path)
        return self.states_meant(names)
