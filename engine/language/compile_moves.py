"""Moves: what a person may do in a state, what that needs, when it is possible, and the moves that `extend:` makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from engine.core.workflow import MAIN, By, Deadline, Field, Transition
from engine.language.compile_deadlines import states_it_runs_in
from engine.language.compile_fields import BUILT_IN_NEEDS, OF_EVENT
from engine.language.compile_form import Path
from engine.language.compile_letters import LETTER, check_engine
from engine.language.context import Context
from schemas.workflow_file import FieldForm, TransitionForm

BACK = "back"


def compile_transition(compiler: Context, machine: str, name: str, form: TransitionForm, path: Path) -> Transition:
    if form.to is not None and form.to != BACK and form.to not in compiler.states[machine]:
        compiler.unknown("a state", form.to, [*compiler.states[machine], BACK], (*path, "to"))
    case_needs, event_needs = compile_needs(compiler, machine, form.needs, (*path, "needs"))
    scope = compiler.expressions.of_transition(machine, event_needs)
    owner = "track" if machine else "case"
    present = frozenset(f"{owner}.{field.name}" for field in case_needs)
    conditions = [
        *compiler.expressions.conditions(scope, form.when, (*path, "when"), name, present=present),
        *compiler.expressions.conditions(scope, form.unless, (*path, "unless"), name, unless=True, present=present),
    ]
    named = [
        condition if condition.name else replace(condition, name=f"{name}.{number}")
        for number, condition in enumerate(conditions, start=1)
    ]
    for role in form.not_as:
        compiler.role_known(role, (*path, "not_as"))
    by = compiler.by(form.by, (*path, "by"), letter=machine == LETTER)
    check_engine(compiler, machine, name, form.to, form.title.zh, by, path)
    return Transition(
        name=name,
        to=form.to,
        by=by,
        case_needs=case_needs,
        event_needs=event_needs,
        takes=_takes(compiler, machine, form.takes, (*path, "takes")),
        conditions=tuple(named),
        before=_before(compiler, machine, form.before, (*path, "before")),
        sets=_sets(compiler, machine, form.set, scope, (*path, "set"), present),
        not_as=tuple(form.not_as),
        title=form.title.zh,
    )


def compile_needs(
    compiler: Context, machine: str, needs: Mapping[str, FieldForm | None], path: Path
) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """(fields of the case or track, fields kept with the event) that `needs` names or declares."""
    fields = compiler.track_fields[machine] if machine else compiler.fields
    of_case, of_event = [], []
    for name, form in needs.items():
        if form is not None:
            of_event.append(compiler.field((*path, name), name, form, OF_EVENT))
        elif name in fields:
            of_case.append(fields[name])
        elif name in BUILT_IN_NEEDS:
            of_event.append(BUILT_IN_NEEDS[name])
        else:
            compiler.unknown("a field", name, [*fields, *BUILT_IN_NEEDS], (*path, name), key=True)
    return tuple(of_case), tuple(of_event)


def _takes(compiler: Context, machine: str, names: Iterable[str], path: Path) -> tuple[Field, ...]:
    fields = compiler.track_fields[machine] if machine else compiler.fields
    for name in names:
        if name not in fields:
            compiler.unknown("a field", name, fields, path)
    return tuple(fields[name] for name in names if name in fields)


def _before(compiler: Context, machine: str, text: str | None, path: Path) -> tuple[str, str] | None:
    if text is None:
        return None
    owner, name = (MAIN, text.removeprefix("case.")) if text.startswith("case.") else (machine, text)
    known = compiler.form.tracks[owner].deadlines if owner else compiler.form.deadlines
    if name not in known:
        compiler.unknown("a deadline", text, known, path)
    return owner, name


def _sets(
    compiler: Context, machine: str, sets: Mapping[str, Any], scope: Any, path: Path, present: frozenset[str]
) -> tuple[tuple[Field, Any], ...]:
    fields = compiler.track_fields[machine] if machine else compiler.fields
    found = []
    for name, value in sets.items():
        if name not in fields:
            compiler.unknown("a field", name, fields, (*path, name), key=True)
            continue
        field = fields[name]
        found.append((field, compiler.expressions.value(scope, value, field, (*path, name), present=present)))
    return tuple(found)


def add_extension(compiler: Context, rows: dict[tuple[str, str], Transition], machine: str, deadline: Deadline) -> None:
    """`extend:` makes two or three moves that stay: ask, grant, refuse (request, approval, cap; 条例 三十四)."""
    name, extension = deadline.name, deadline.extension
    assert extension is not None
    where = states_it_runs_in(deadline, compiler.states[machine], rows)
    reason = (BUILT_IN_NEEDS["reason"],)
    moves = {"grant": By(any=extension.approved_by)}
    if extension.asked_by:
        moves |= {"ask": By(any=extension.asked_by), "refuse": By(any=extension.approved_by)}
    for what, by in moves.items():
        transition = Transition(
            name=f"{what}_extension_{name}", to=None, by=by, event_needs=reason, extension=(what, name)
        )
        for state in where:
            rows.setdefault((state, transition.name), transition)
