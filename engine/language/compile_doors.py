"""Doors: how a case begins, and which foreign event types become which commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.core.guards import interpolation
from engine.core.workflow import MAIN, Field, IntakeRule, Machine, Opening, Transition
from engine.language.compile_deadlines import moves_of
from engine.language.compile_form import Path
from engine.language.compile_moves import compile_needs
from engine.language.context import Context
from schemas.workflow_file import IntakeForm

OPEN = "open"
"""`does: follow_up.open` opens a track."""


def compile_openings(compiler: Context, main: Machine) -> dict[str, Opening]:
    """The commands that begin a case, by name."""
    return {name: _opening(compiler, name, main) for name in compiler.form.opens}


def compile_intake(compiler: Context, opens: Mapping[str, Opening], main: Machine) -> dict[str, tuple[IntakeRule, ...]]:
    """The intake rules by foreign event type."""
    return {type_: (_rule(compiler, type_, form, opens, main),) for type_, form in compiler.form.intake.items()}


def required(fields: Iterable[Field]) -> list[str]:
    """Names of the fields that are neither optional nor have a default."""
    return [field.name for field in fields if not field.optional and field.default is None]


def must_bring(move: Transition | Opening) -> list[str]:
    """Names of the fields that a command must bring: those of the case it names, and those it declares as needed."""
    return [*(field.name for field in move.case_needs), *required(move.event_needs)]


def _opening(compiler: Context, name: str, main: Machine) -> Opening:
    form, path = compiler.form.opens[name], ("opens", name)
    by = compiler.by(form.by, (*path, "by"))
    if form.needs is None:
        needed = tuple(f for f in compiler.fields.values() if not f.optional and f.default is None)
        opening = Opening(name, by, needed)
    else:
        opening = Opening(name, by, *compile_needs(compiler, MAIN, form.needs, (*path, "needs")))
    _check_same_fields(compiler, opening, main, path)
    return opening


def _check_same_fields(compiler: Context, opening: Opening, main: Machine, path: Path) -> None:
    """An opening that is a move too: a field both take is read, and kept from sight, before it is known which it is."""
    takes = {**compiler.fields, **{f.name: f for f in opening.event_needs}}
    for (_, name), row in main.table.items():
        for field in row.event_needs if name == opening.name else ():
            other = takes.get(field.name, field)
            if (field.type, field.of, field.many, field.personal) != (other.type, other.of, other.many, other.personal):
                reason = (
                    f"{opening.name} 既登记又流转，两处的这一字段须为同一类型",
                    f"{opening.name} opens a case and moves one; to both, the field is of one type",
                )
                compiler.problem("LX-215", path, key=True, name=field.name, reason=reason)
                return


def _rule(compiler: Context, type_: str, form: IntakeForm, opens: Mapping[str, Opening], main: Machine) -> IntakeRule:
    path: Path = ("intake", type_)
    _check_command(compiler, form, path, opens, main)
    for key in form.petitioner:
        if key not in compiler.form.privacy.petitioner:
            known = compiler.form.privacy.petitioner
            compiler.unknown("a petitioner field", key, known, (*path, "petitioner", key), key=True)

    def foreign(value: Any, *at: str | int) -> Any:
        return compiler.expressions.foreign(value, (*path, *at), "event")

    when = f"={form.when}" if form.when and interpolation(form.when) is None else form.when
    return IntakeRule(
        type=type_,
        does=form.does,
        role=form.as_,
        case_key=foreign(form.case_key, "case_key"),
        values={key: foreign(value, "with", key) for key, value in form.with_.items()},
        petitioner={key: foreign(value, "petitioner", key) for key, value in form.petitioner.items()},
        unit=foreign(form.unit, "unit"),
        when=foreign(when, "when"),
    )


def _check_command(
    compiler: Context, form: IntakeForm, path: Path, opens: Mapping[str, Opening], main: Machine
) -> None:
    """What the event does exists, its role may do it, and it brings what that needs and nothing else."""
    compiler.role_known(form.as_, (*path, "as"), engine=False)
    head, _, tail = form.does.partition(".")
    machine, move = (compiler.machines[head], tail) if tail and head in compiler.machines else (main, form.does)
    opening = opens.get(move) if machine is main else None
    rows = [row for (_, name), row in machine.table.items() if name == move]
    opened = machine if machine is not main and move == OPEN else None
    if opening is None and opened is None and not rows:
        if move not in moves_of(compiler, machine.name):
            doable = {*(opens if machine is main else [OPEN]), *(name for _, name in machine.table)}
            compiler.unknown("a transition or opening", move, doable, (*path, "does"))
        return
    allowed = {role for row in rows for role in row.by.roles} | set(opened.opens_by if opened else ())
    allowed |= set(opening.by.roles if opening else ())
    if form.as_ in compiler.form.roles and form.as_ not in allowed and not any(row.by.of_kind for row in rows):
        known = "、".join(sorted(allowed))
        compiler.problem("LX-228", (*path, "as"), role=form.as_, does=form.does, known=known)
    takes = {f.name for row in rows for f in (*row.case_needs, *row.event_needs, *row.takes)}
    takes |= set(opened.fields if opened else ())
    ways = [must_bring(row) for row in rows] + ([required(opened.fields.values())] if opened else [])
    if opening is not None:
        takes |= {*compiler.fields, *(f.name for f in opening.event_needs)}
        ways.append(must_bring(opening))
    for key in form.with_:
        if key not in takes:
            compiler.unknown("a field", key, takes, (*path, "with", key), key=True)
    compiler.check_given(form.does, ways, form.with_, path)
