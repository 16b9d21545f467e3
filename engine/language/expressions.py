"""Which names an expression may use where: one typed scope per place, every fault with its column in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.core.guards import Guard, GuardFaults, Kind, Scope, Shape, Untyped, interpolation, untyped
from engine.core.report import suggest
from engine.core.workflow import MAIN, Field, NamedCondition, State
from engine.language.compile_fields import constant_fault
from engine.language.compile_form import Path
from engine.language.notes import Notes
from schemas.workflow_file import Condition, WorkflowForm

EVENT_SHAPE: Mapping[str, Kind] = {
    "type": Kind("text"),
    "transition": Kind("text"),
    "from": Kind("text"),
    "to": Kind("text"),
    "deadline": Kind("text"),
    "run": Kind("int"),
    "due": Kind("instant", optional=True),
    "owner": Kind("unit", optional=True),
    "at": Kind("instant"),
    "role": Kind("text"),
    "unit": Kind("unit", optional=True),
}
"""What `event.` offers to every reaction; a reaction upon one move sees that move's own fields as well."""


def kind_of(field: Field, *, optional: bool | None = None) -> Kind:
    unset = field.optional or (field.default is None and not field.many)
    return Kind(
        field.type,
        optional=field.optional if optional is None else optional and unset,
        many=field.many,
        of=field.of,
    )


class Expressions:
    """The scopes of one workflow, and the compiling of its expressions."""

    def __init__(
        self,
        notes: Notes,
        fields: Mapping[str, Field],
        tracks: Mapping[str, Mapping[str, Field]],
        states: Mapping[str, Mapping[str, State]],
        form: WorkflowForm,
    ) -> None:
        self.notes = notes
        self.form = form
        self.fields = fields
        self.tracks = tracks
        text = Kind("text")
        self.case: dict[str, Kind | Shape] = {
            **{name: kind_of(field) for name, field in fields.items() if not field.personal},
            "id": text,
            "state": text,
            "phase": text,
        }
        self.hidden = {
            f"case.{name}": "personal, in the vault; no expression can read it · 属个人信息，只在保险库中"
            for name, field in fields.items()
            if field.personal
        }
        integer = Kind("int")
        self.counters: dict[str, Shape] = {
            name: {"open": integer, "count": integer, "at": dict.fromkeys(states[name], integer)} for name in tracks
        }
        self.counts = dict.fromkeys(form.counts, integer)
        self._scopes: dict[object, Scope] = {}

    # ── scopes ───────────────────────────────────────────────────────────────────────────────────────────────────

    def scope(self, more: Shape | None = None, *, counts: bool = True) -> Scope:
        more = more or {}
        key = repr((counts, sorted((name, repr(shape)) for name, shape in more.items())))
        if key not in self._scopes:
            variables: dict[str, Kind | Shape] = {"case": self.case, "now": Kind("instant"), **more}
            if self.counters:
                variables["tracks"] = self.counters
            if counts and self.counts:
                variables["counts"] = self.counts
            self._scopes[key] = Scope(variables, hidden=self.hidden)
        return self._scopes[key]

    def track_shape(self, name: str) -> Shape:
        fields = self.tracks.get(name, {})
        deadlines = self.form.tracks[name].deadlines if name in self.form.tracks else {}
        shape: dict[str, Kind | Shape] = {
            **{n: kind_of(field) for n, field in fields.items() if not field.personal},
            "id": Kind("text"),
            "state": Kind("text"),
            "open": Kind("bool"),
        }
        if deadlines:
            shape["missed"] = {deadline: Kind("bool") for deadline in deadlines}
        return shape

    def of_machine(self, machine: str) -> Scope:
        return self.of_track(machine) if machine else self.scope()

    def of_track(self, name: str, *, counts: bool = True) -> Scope:
        return self.scope({"track": self.track_shape(name)}, counts=counts)

    def with_any_track(self) -> Scope:
        """For roles, which are shared by all tracks: a track field is offered if any track has it."""
        if not self.tracks:
            return self.scope()
        merged: dict[str, Kind | Shape] = {}
        for name in self.tracks:
            for field, kind in self.track_shape(name).items():
                if isinstance(kind, Kind):
                    merged.setdefault(field, Kind(kind.name, optional=True, many=kind.many, of=()))
        return self.scope({"track": merged})

    def of_transition(self, machine: str, event_needs: Sequence[Field]) -> Scope:
        event = {field.name: kind_of(field) for field in event_needs if not field.personal}
        more: dict[str, Kind | Shape] = {"event": event} if event else {}
        if machine:
            more["track"] = self.track_shape(machine)
        return self.scope(more)

    def opening(self, track: str) -> Scope:
        return self.scope({"new": self.track_shape(track)})

    def of_reaction(self, tracks: set[str], event_fields: Iterable[Field]) -> Scope:
        event = dict(EVENT_SHAPE)
        for field in event_fields:
            if not field.personal:
                event[field.name] = kind_of(field, optional=True) if field.optional else kind_of(field)
        more: dict[str, Kind | Shape] = {"event": event}
        if len(tracks) == 1:
            more["track"] = self.track_shape(next(iter(tracks)))
        return self.scope(more)

    # ── compiling ────────────────────────────────────────────────────────────────────────────────────────────────

    def guard(
        self,
        scope: Scope,
        text: str,
        path: Path,
        *,
        want: str | None,
        optional_ok: bool = False,
        present: frozenset[str] = frozenset(),
        of: tuple[str, ...] = (),
    ) -> Guard:
        """The compiled expression; where it has faults, they are noted and a guard that is never run stands in."""
        expression = interpolation(text)
        shift = 0 if expression is None else len(text) - len(expression)
        try:
            return scope.compile(text[shift:], want=want, present=present, optional_ok=optional_ok, of=of)
        except GuardFaults as faults:
            self._note(faults, path, shift)
            return scope.compile({"bool": "true", "int": "0"}.get(want or "", "''"))

    def conditions(
        self,
        scope: Scope,
        forms: Sequence[Condition],
        path: Path,
        owner: str,
        *,
        unless: bool = False,
        present: frozenset[str] = frozenset(),
    ) -> tuple[NamedCondition, ...]:
        found = []
        for number, form in enumerate(forms):
            at: Path = (*path, number)
            guard = self.guard(scope, form.condition, at, want="bool", present=present)
            present = present | (guard.refutes if unless else guard.ensures)  # what held is known to the next
            found.append(NamedCondition(form.name, guard, unless, self.notes.place(at)))
        return tuple(found)

    def value(
        self, scope: Scope, value: Any, field: Field, path: Path, *, present: frozenset[str] = frozenset()
    ) -> Any:
        """A constant of the field's type, or the expression after `=`."""
        if isinstance(value, str) and interpolation(value) is not None:
            want = f"{field.type}[]" if field.many else field.type
            return self.guard(scope, value, path, want=want, optional_ok=True, present=present, of=field.of)
        if value is None:  # takes the value away
            return None
        if fault := constant_fault(field, value):
            near = suggest(str(value), field.of)
            self.notes.problem("LX-229", path, suggestion=near, name=field.name, value=str(value), reason=fault)
        return str(value) if field.type == "decimal" and not field.many else value

    def foreign(self, value: Any, path: Path, variable: str) -> Any:
        """A constant, or an untyped expression over foreign data."""
        if not isinstance(value, str) or (expression := interpolation(value)) is None:
            return value
        try:
            return untyped(expression, [variable])
        except GuardFaults as faults:
            self._note(faults, path, len(value) - len(expression))
            return None

    def _note(self, faults: GuardFaults, path: Path, shift: int) -> None:
        """The faults of one expression, unless it speaks of a name whose own faults have been told."""
        notes = self.notes
        words = set(_WORD.findall(faults.text))
        if notes.reading.is_consequence(path) or words & notes.reading.doubted:
            return
        at = notes.reading.real(path)
        notes.problems += [
            fault.problem(notes.file, notes.source.locate(at, shift + fault.column)) for fault in faults.faults
        ]


_WORD = re.compile(r"[a-z][a-z0-9_]*")


__all__ = ["EVENT_SHAPE", "MAIN", "Expressions", "Untyped", "kind_of"]
