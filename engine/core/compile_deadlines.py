"""Deadlines: what starts, stops and cancels them, how long they are, whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.core.clocks import check_reminder
from engine.core.guards import Guard, Scope, interpolation
from engine.core.lengths import Length, parse_length
from engine.core.workflow import MAIN, Deadline, Extension, NamedCondition
from schemas.workflow_file import Condition, DeadlineForm

if TYPE_CHECKING:
    from engine.core.compile import Compiler, Path

ANY_EVENT = "any event"


def compile_deadlines(compiler: Compiler, machine: str) -> dict[str, Deadline]:
    """The deadlines of the main line or of one kind of track."""
    forms = compiler.form.tracks[machine].deadlines if machine else compiler.form.deadlines
    root: Path = ("tracks", machine, "deadlines") if machine else ("deadlines",)
    return {name: _deadline(compiler, machine, name, form, (*root, name)) for name, form in forms.items()}


def _deadline(compiler: Compiler, machine: str, name: str, form: DeadlineForm, path: Path) -> Deadline:
    scope = compiler.expressions.of_machine(machine)
    fields = [text for text in form.from_ if interpolation(text) is not None]
    names = [text for text in form.from_ if text != ANY_EVENT and text not in fields]
    starts = trigger_names(compiler, machine, names, (*path, "from"))
    any_event = ANY_EVENT in form.from_
    within = _within(compiler, scope, form, path)
    _check(compiler, form, path, within, restartable=any_event or _may_start_again(compiler, machine, starts))
    owner = form.owner or ""
    expression = interpolation(owner)
    return Deadline(
        name=name,
        machine=machine,
        title=form.title.zh or name,
        starts=starts,
        stops=trigger_names(compiler, machine, form.until, (*path, "until")),
        cancels=trigger_names(compiler, machine, form.cancel, (*path, "cancel")),
        again=form.again or "never",
        start_field=(
            compiler.expressions.guard(scope, fields[0], (*path, "from"), want=None, optional_ok=True)
            if fields
            else None
        ),
        any_event=any_event,
        **within,
        due=(
            compiler.expressions.guard(scope, form.due, (*path, "due"), want=None, optional_ok=True)
            if form.due
            else None
        ),
        owner="" if expression is not None else owner,
        owner_expression=(
            compiler.expressions.guard(scope, owner, (*path, "owner"), want=None, optional_ok=True)
            if expression is not None
            else None
        ),
        else_to=form.else_to or "",
        remind=_reminders(compiler, form.remind, (*path, "remind")),
        roll=form.roll == "next working day",
        right=form.right,
        then=_then(compiler, machine, form.then, (*path, "then")),
        conditions=_named(compiler, scope, form.when, (*path, "when"), name),
        pause_states=frozenset(form.pause.while_) if form.pause else frozenset(),
        pause_conditions=(
            _named(compiler, scope, form.pause.when, (*path, "pause", "when"), f"{name}.pause") if form.pause else ()
        ),
        pause_law=(form.pause.law or "") if form.pause else "",
        law=form.law or "",
        extension=_extension(compiler, form, (*path, "extend")),
        keep_after_close=form.after_close == "keep",
        on_breach=form.on_breach or "",
    )


def trigger_names(compiler: Compiler, machine: str, texts: Iterable[str], path: Path) -> frozenset[str]:
    """`handled`, `transition.X`, `T.state.S`, `T.transition.X` → the names that moves fire."""
    found = set()
    for text in texts:
        owner, rest = machine, text
        head, _, tail = text.partition(".")
        if machine == MAIN and head in compiler.form.tracks and tail:
            owner, rest = head, tail
        prefix = f"{owner}." if owner else ""
        states, moves = compiler.states[owner], moves_of(compiler, owner)
        if rest.startswith("transition."):
            if (name := rest.removeprefix("transition.")) not in moves:
                compiler.unknown("a transition", name, moves, path)
            found.add(f"{prefix}{rest}")
        else:
            if (name := rest.removeprefix("state.").removesuffix(".entered")) not in states:
                compiler.unknown("a state", name, states, path)
            found.add(f"{prefix}state.{name}.entered")
    return frozenset(found)


def moves_of(compiler: Compiler, machine: str) -> set[str]:
    """Names of all moves of a machine; of the main line, openings too."""
    states = compiler.form.tracks[machine].states if machine else compiler.form.states
    names = {name for state in states.values() for name in state.transitions}
    if not machine:
        names |= set(compiler.form.transitions) | set(compiler.form.opens)
    deadlines: Mapping[str, DeadlineForm] = (
        compiler.form.tracks[machine].deadlines if machine else compiler.form.deadlines
    )
    for name, form in deadlines.items():
        if form.extend:
            names |= {f"{what}_extension_{name}" for what in ("ask", "grant", "refuse")}
    return names


def _within(compiler: Compiler, scope: Scope, form: DeadlineForm, path: Path) -> dict[str, Any]:
    if form.within is None:
        return {}
    at: Path = (*path, "within")
    if isinstance(form.within, dict):
        table = dict(form.within)
        by = table.pop("by", None)
        lengths = {key: length for key, text in table.items() if (length := _length(compiler, text, (*at, key)))}
        if by is None:
            compiler.problem("LX-205", at, name="by")
            return {}
        return {"within_by": (compiler.expressions.guard(scope, by, (*at, "by"), want=None), lengths)}
    if interpolation(form.within) is not None:
        guard = compiler.expressions.guard(scope, form.within, at, want="duration", optional_ok=True)
        return {"within_expression": guard}
    return {"within": _length(compiler, form.within, at)}


def _length(compiler: Compiler, text: str, path: Path) -> Length | None:
    try:
        return parse_length(text)
    except ValueError as error:
        compiler.problem("LX-201", path, field=str(path[-1]), reason=str(error))
        return None


def _reminders(compiler: Compiler, texts: list[str], path: Path) -> tuple[str, ...]:
    for number, text in enumerate(texts):
        try:
            check_reminder(text)
        except ValueError as error:
            compiler.problem("LX-201", (*path, number), field="remind", reason=str(error))
    return tuple(texts)


def _check(compiler: Compiler, form: DeadlineForm, path: Path, within: Mapping[str, Any], *, restartable: bool) -> None:
    if (form.within is None) == (form.due is None):
        compiler.problem("LX-217", path)
    length = within.get("within")
    lengths = [length] if length else list(within["within_by"][1].values()) if "within_by" in within else []
    rolls = any(length.in_days and length.unit != "working days" for length in lengths)
    if rolls and form.roll is None:
        compiler.problem("LX-218", path)
    if form.again is None and restartable:
        compiler.problem("LX-219", path)
    if form.extend and form.due is not None:
        compiler.problem("LX-220", (*path, "extend"))
    for state in form.pause.while_ if form.pause else ():
        machine = str(path[1]) if path[0] == "tracks" else MAIN
        if state not in compiler.states[machine]:
            compiler.unknown("a state", state, compiler.states[machine], (*path, "pause", "while"))


def _may_start_again(compiler: Compiler, machine: str, starts: frozenset[str]) -> bool:
    """Whether a second start is possible: several triggers, or a state that can be entered again."""
    if len(starts) != 1:
        return len(starts) > 1
    (name,) = starts
    prefix = f"{machine}." if machine else ""
    states = compiler.form.tracks[machine].states if machine else compiler.form.states
    entered = name.removeprefix(prefix)
    if not entered.startswith("state."):
        move = entered.removeprefix("transition.")
        moves = [move in state.transitions for state in states.values()]
        return move not in compiler.form.opens or any(moves) or (not machine and move in compiler.form.transitions)
    state = entered.removeprefix("state.").removesuffix(".entered")
    moves = [t for form in states.values() for t in form.transitions.values()]
    if not machine:
        moves += list(compiler.form.transitions.values())
    into = [move for move in moves if move.to in (state, "back")]
    return len(into) > 1 or (bool(into) and states[state].initial) if state in states else False


def _then(compiler: Compiler, machine: str, name: str | None, path: Path) -> str:
    if name is not None and name not in moves_of(compiler, machine):
        compiler.unknown("a transition", name, moves_of(compiler, machine), path)
    return name or ""


def _extension(compiler: Compiler, form: DeadlineForm, path: Path) -> Extension | None:
    if form.extend is None:
        return None
    for role in [*form.extend.asked_by, *form.extend.approved_by]:
        compiler.role_known(role, path)
    length = _length(compiler, form.extend.by, (*path, "by"))
    if length is None:
        return None
    return Extension(length, form.extend.times, tuple(form.extend.asked_by), tuple(form.extend.approved_by))


def _named(
    compiler: Compiler, scope: Scope, forms: list[Condition], path: Path, name: str
) -> tuple[NamedCondition, ...]:
    found = compiler.expressions.conditions(scope, forms, path, name)
    return tuple(c if c.name else replace(c, name=f"{name}.{n}") for n, c in enumerate(found, start=1))


__all__ = ["Guard", "compile_deadlines", "moves_of", "trigger_names"]
