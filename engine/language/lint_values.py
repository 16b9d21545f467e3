"""Which values a field can have in which state: what needs, sets and conditions on the way there leave possible.

A field is followed where its values can be listed (yes-or-no, an enum) or where only matters whether it is set.
Everything is an over-estimate: a value that is missing here cannot occur, one that is here may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from engine.core.guards import Guard
from engine.core.guards.kinds import Kind
from engine.core.tracks import SPONSOR
from engine.core.workflow import MAIN, Field, Machine, NamedCondition, Transition
from engine.language.expressions import kind_of
from engine.language.lint_logic import UNSET, assignments, can_be_tried, domain_of, holds, reads
from engine.language.lint_subject import Arrow, Subject

Environment = dict[str, frozenset[Any]]
"""Dotted path → the values it can have."""

MAX_STEPS = 4_000
"""Moves followed at most; a workflow that needs more is not narrowed at all."""


@dataclass
class Possible:
    """The values that a machine's own fields can have in its states."""

    subject: Subject
    machine: Machine
    _tables: dict[tuple[tuple[str, bool], ...], list[dict[str, Any]] | None] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return "track" if self.machine.name else "case"

    @cached_property
    def whole(self) -> Environment:
        """Every followed field with all its values, set or not."""
        numbers = self._numbers()
        found = {}
        for one in self.machine.fields.values():
            if not one.personal:
                path = f"{self.prefix}.{one.name}"
                of = tuple(self.subject.workflow.letters) if one.type == "letter_kind" else one.of
                kind = kind_of(one)
                unset = one.optional or one.default is None
                kind = Kind(kind.name, optional=unset, many=kind.many, of=of)
                found[path] = frozenset(domain_of(kind, numbers.get(path, ()), one.min, one.max))
        return found

    def _numbers(self) -> Mapping[str, set[int]]:
        """The whole numbers that fields are compared with, by the expressions that read them."""
        found: dict[str, set[int]] = {}
        for row in dict.fromkeys(self.machine.table.values()):
            for condition in row.conditions:
                seen = reads(condition.guard.text)
                for path in seen.paths:
                    found.setdefault(path, set()).update(seen.numbers)
        return found

    def at(self, state: str) -> Environment:
        """What the fields can be in a state; all their values where nobody followed them."""
        return self._states.get(state, self.whole)

    @cached_property
    def _states(self) -> dict[str, Environment]:
        if self.machine.name == SPONSOR:  # raised by the engine at any time
            return {}
        first = {path: self._opened(path, values) for path, values in self.whole.items()}
        found: dict[str, Environment] = {self.machine.initial: first}
        todo, steps = [self.machine.initial], 0
        while todo:
            state = todo.pop()
            for arrow in self.subject.leaving(self.machine.name, state):
                steps += 1
                if steps > MAX_STEPS:
                    return {}
                if self._join(found, arrow, self.after(found[state], arrow.row)):
                    todo.append(arrow.target)
        return found

    @staticmethod
    def _join(found: dict[str, Environment], arrow: Arrow, after: Environment | None) -> bool:
        """Add what a move leaves possible to its target. Whether anything was new."""
        if after is None:
            return False
        before = found.get(arrow.target)
        joined = after if before is None else {path: values | before[path] for path, values in after.items()}
        found[arrow.target] = joined
        return joined != before

    def _opened(self, path: str, values: frozenset[Any]) -> frozenset[Any]:
        """What a field can be when the case, or the track, begins: it may be given; it is set if it has to be."""
        one = self.machine.fields[path.partition(".")[2]]
        given = one.default is not None
        if self.machine.name == MAIN:
            openings = self.subject.workflow.opens.values()
            given = given or all(any(f.name == one.name for f in o.case_needs) for o in openings)
        else:
            given = given or not one.optional
        return values - {UNSET} if given else values

    def after(self, before: Environment, row: Transition) -> Environment | None:
        """What a move leaves possible; None where its conditions rule it out."""
        here = dict(before)
        for one in row.case_needs:
            if (path := f"{self.prefix}.{one.name}") in here:
                here[path] = self.whole[path] - {UNSET}
        for one in row.takes:
            if (path := f"{self.prefix}.{one.name}") in here:
                here[path] |= self.whole[path] - {UNSET}
        for condition in row.conditions:
            narrowed = self._narrowed(here, condition)
            if narrowed is None:
                return None
            here = narrowed
        for one, value in row.sets:
            if (path := f"{self.prefix}.{one.name}") in here:
                here[path] = self._set(one, path, value)
        return here

    def _set(self, one: Field, path: str, value: Any) -> frozenset[Any]:
        whole = self.whole[path]
        if isinstance(value, Guard):
            return whole
        if value is None:
            return frozenset({UNSET})
        return frozenset({value}) if value in whole else whole

    def can_hold(self, conditions: Iterable[NamedCondition]) -> bool:
        """Whether these conditions can hold together, whatever the state."""
        here: Environment | None = self.whole
        for condition in conditions:
            here = self._narrowed(here, condition) if here is not None else None
        return here is not None

    def _narrowed(self, here: Environment, condition: NamedCondition) -> Environment | None:
        """The environment in which a condition can hold; None where it cannot."""
        followed = sorted(reads(condition.guard.text).paths & here.keys())
        table = self._table(condition, followed)
        if not followed or table is None:
            return here
        rows = [row for row in table if all(row[path] in here[path] for path in followed)]
        if not rows:
            return None
        return {**here, **{path: frozenset(row[path] for row in rows) for path in followed}}

    def _table(self, condition: NamedCondition, followed: Sequence[str]) -> list[dict[str, Any]] | None:
        """The combinations under which a condition can hold; None where there are too many to try."""
        key = ((condition.guard.text, condition.unless),)
        if key not in self._tables:
            domains = {path: tuple(self.whole[path]) for path in followed}
            self._tables[key] = (
                [row for row in assignments(domains) if holds([condition], row) is not False]
                if can_be_tried(domains)
                else None
            )
        return self._tables[key]


def domains_at(possible: Possible, state: str, conditions: Iterable[NamedCondition]) -> dict[str, tuple[Any, ...]]:
    """What the paths that conditions read can be in a state: fields as followed, numbers of tracks, its own name."""
    here = possible.at(state)
    found: dict[str, tuple[Any, ...]] = {}
    numbers = {n for condition in conditions for n in reads(condition.guard.text).numbers}
    for condition in conditions:
        for path in reads(condition.guard.text).paths:
            if path in here:
                found[path] = tuple(sorted(here[path], key=str))
            elif path == f"{possible.prefix}.state":
                found[path] = (state,)
            elif path == "case.phase" and not possible.machine.name:
                found[path] = (possible.machine.states[state].phase,)
            elif path.startswith(("tracks.", "counts.")):
                found[path] = domain_of(Kind("int"), numbers, low=0)
    return found
