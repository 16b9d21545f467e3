"""Deadlines: what starts, stops and cancels them, how long they are, whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from engine.core.clocks import check_reminder
from engine.core.guards import Guard, Scope, interpolation
from engine.core.lengths import Length, parse_length
from engine.core.workflow import MAIN, Deadline, Extension, NamedCondition, State, Transition
from engine.language.compile_facts import not_a_length
from engine.language.compile_form import Path
from engine.language.context import Context
from schemas.workflow_file import Condition, DeadlineForm

ANY_EVENT = "any event"


def compile_deadlines(compiler: Context, machine: str) -> dict[str, Deadline]:
    """The deadlines of the main line or of one kind of track."""
    forms = compiler.form.tracks[machine].deadlines if machine else compiler.form.deadlines
    root: Path = ("tracks", machine, "deadlines") if machine else ("deadlines",)
    return {name: _deadline(compiler, machine, name, form, (*root, name)) for name, form in forms.items()}


def _deadline(compiler: Context, machine: str, name: str, form: DeadlineForm, path: Path) -> Deadline:
    scope = compiler.expressions.of_machine(machine)
    fields = [text for text in form.from_ if interpolation(text) is not None]
    names = [text for text in form.from_ if text != ANY_EVENT and text not in fields]
    starts = trigger_names(compiler, machine, names, (*path, "from"))
    any_event = ANY_EVENT in form.from_
    within = _within(compiler, machine, scope, form, path)
    _check(compiler, form, path, within, restartable=any_event or may_start_again(compiler, machine, starts))
    if len(fields) > 1:
        compiler.problem(
            "LX-201", (*path, "from"), field="from", reason=("只能有一个日期字段", "one date field at most")
        )
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
            compiler.expressions.guard(scope, fields[0], (*path, "from", 0), want="date|instant", optional_ok=True)
            if fields
            else None
        ),
        any_event=any_event,
        **within,
        due=(
            compiler.expressions.guard(scope, form.due, (*path, "due"), want="date|instant", optional_ok=True)
            if form.due
            else None
        ),
        owner="" if expression is not None else owner,
        owner_expression=(
            compiler.expressions.guard(scope, owner, (*path, "owner"), want="unit|person", optional_ok=True)
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


def trigger_names(compiler: Context, machine: str, texts: Iterable[str], path: Path) -> frozenset[str]:
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


def states_it_runs_in(
    deadline: Deadline, states: Mapping[str, State], rows: Mapping[tuple[str, str], Transition]
) -> list[str]:
    """The states that may be reached while a deadline runs: where it can be extended. Final ones are none of them."""
    prefix = f"{deadline.machine}." if deadline.machine else ""
    known = {f"{prefix}state.{state}.entered": {state} for state in states}
    for (state, name), move in rows.items():
        known.setdefault(f"{prefix}transition.{name}", set()).update(_targets(state, move, states))
    everywhere = deadline.any_event or deadline.start_field is not None or not deadline.starts <= set(known)
    reached = set(states) if everywhere else set().union(*(known[name] for name in deadline.starts))
    ends, frontier = deadline.stops | deadline.cancels, set(reached)
    while frontier:
        found = set()
        for (state, name), move in rows.items():
            if state in frontier and f"{prefix}transition.{name}" not in ends:
                found |= {to for to in _targets(state, move, states) if f"{prefix}state.{to}.entered" not in ends}
        frontier = found - reached
        reached |= found
    return [state for state in states if state in reached and not states[state].final]


def _targets(state: str, move: Transition, states: Mapping[str, State]) -> set[str]:
    """Where a move may lead; `back` may lead to any state."""
    if move.to == "back":
        return set(states)
    return {move.to or state}


def moves_of(compiler: Context, machine: str) -> set[str]:
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


def _within(compiler: Context, machine: str, scope: Scope, form: DeadlineForm, path: Path) -> dict[str, Any]:
    if form.within is None:
        return {}
    at: Path = (*path, "within")
    if isinstance(form.within, dict):
        table = dict(form.within)
        by = table.pop("by", None)
        lengths = {key: length for key, text in table.items() if (length := _length(compiler, text, (*at, key)))}
        if by is None:
            compiler.problem("LX-205", at, key=True, name="by")
            return {}
        guard = compiler.expressions.guard(scope, by, (*at, "by"), want="enum|code")
        choices = _choices(compiler, machine, guard)
        for key in table if choices else ():
            if key not in choices:
                compiler.unknown("a value", key, choices, (*at, key), key=True)
        return {"within_by": (guard, lengths)}
    if interpolation(form.within) is not None:
        guard = compiler.expressions.guard(scope, form.within, at, want="duration", optional_ok=True)
        return {"within_expression": guard}
    return {"within": _length(compiler, form.within, at)}


def _choices(compiler: Context, machine: str, guard: Guard) -> tuple[str, ...]:
    """The values of the enum field that a table of lengths chooses by."""
    owner, _, name = guard.text.partition(".")
    fields = compiler.track_fields.get(machine, {}) if owner == "track" else compiler.fields
    return fields[name].of if name in fields else ()


def _length(compiler: Context, text: str, path: Path) -> Length | None:
    try:
        return parse_length(text)
    except ValueError as error:
        compiler.problem("LX-201", path, field=str(path[-1]), reason=not_a_length(error))
        return None


def _reminders(compiler: Context, texts: list[str], path: Path) -> tuple[str, ...]:
    for number, text in enumerate(texts):
        try:
            check_reminder(text)
        except ValueError as error:
            compiler.problem(
                "LX-201",
                (*path, number),
                field="remind",
                reason=(f"不是提醒的时点（{text}），写法如 50%、3 working days before", str(error)),
            )
    return tuple(texts)


def _check(compiler: Context, form: DeadlineForm, path: Path, within: Mapping[str, Any], *, restartable: bool) -> None:
    if (form.within is None) == (form.due is None):
        compiler.problem("LX-217", path, key=True)
    length = within.get("within")
    lengths = [length] if length else list(within["within_by"][1].values()) if "within_by" in within else []
    rolls = any(length.in_days and length.unit != "working days" for length in lengths)
    if rolls and form.roll is None:
        compiler.problem("LX-218", (*path, "within"), key=True)
    if form.again is None and restartable:
        compiler.problem("LX-219", path, key=True)
    if form.extend and form.due is not None:
        compiler.problem("LX-220", (*path, "extend"), key=True)
    for state in form.pause.while_ if form.pause else ():
        machine = str(path[1]) if path[0] == "tracks" else MAIN
        if state not in compiler.states[machine]:
            compiler.unknown("a state", state, compiler.states[machine], (*path, "pause", "while"))


def may_start_again(compiler: Context, machine: str, starts: frozenset[str]) -> bool:
    """Whether a second start is possible: a way through the machine that passes two starts, the opening included.

    Starts in a track count as possible again where many of it may be open.
    """
    prefix = f"{machine}." if machine else ""
    own = {name.removeprefix(prefix) for name in starts if name.startswith(prefix or ("state.", "transition."))}
    if len(own) < len(starts):
        tracks = {name.partition(".")[0] for name in starts} & set(compiler.form.tracks)
        if len(starts) > 1 or any(compiler.form.tracks[track].many for track in tracks):
            return True
        return any(may_start_again(compiler, track, starts) for track in tracks if track != machine)
    arrows = list(_arrows(compiler, machine))
    states = compiler.states[machine]
    ways: dict[str, set[str]] = {state: set() for state in states}
    for source, _, target, _ in arrows:
        ways.setdefault(source, set()).add(target)
    starting = [
        (source, target)
        for source, name, target, enters in arrows
        if f"transition.{name}" in own or (enters and f"state.{target}.entered" in own)
    ]
    opened = [state.name for state in states.values() if state.initial]
    opens = {f"transition.{name}" for name in compiler.form.opens} if not machine else set()
    first = opened if own & ({f"state.{state}.entered" for state in opened} | opens) else []
    after = [*first, *(target for _, target in starting)]
    return any(source in _reachable(ways, target) for target in after for source, _ in starting)


def _arrows(compiler: Context, machine: str) -> Iterable[tuple[str, str, str, bool]]:
    """(state, transition, state after it, whether that is entered); `back` may enter any state that leads here."""
    form = compiler.form.tracks[machine] if machine else compiler.form
    moves = [(state, name, move.to) for state, f in form.states.items() for name, move in f.transitions.items()]
    if not machine:
        for name, move in compiler.form.transitions.items():
            moves += [(state, name, move.to) for state in compiler.states_meant(move.from_)]
    for state, name, to in moves:
        if to == "back":
            yield from ((state, name, other, True) for other, _, target in moves if target == state)
        else:
            yield state, name, to or state, to is not None
    for deadline, extended in form.deadlines.items():
        if extended.extend:
            for what in ("ask", "grant", "refuse"):
                yield from ((state, f"{what}_extension_{deadline}", state, False) for state in form.states)


def _reachable(ways: Mapping[str, set[str]], start: str) -> set[str]:
    seen, frontier = {start}, {start}
    while frontier:
        frontier = set().union(*(ways.get(state, set()) for state in frontier)) - seen
        seen |= frontier
    return seen


def _then(compiler: Context, machine: str, name: str | None, path: Path) -> str:
    """The move made when the deadline ends: the engine must be listed, and nobody is there to fill in what it needs."""
    if name is None:
        return ""
    if name not in moves_of(compiler, machine):
        compiler.unknown("a transition", name, moves_of(compiler, machine), path)
    return name


def _extension(compiler: Context, form: DeadlineForm, path: Path) -> Extension | None:
    if form.extend is None:
        return None
    for role in [*form.extend.asked_by, *form.extend.approved_by]:
        compiler.role_known(role, path)
    length = _length(compiler, form.extend.by, (*path, "by"))
    if length is None:
        return None
    return Extension(length, form.extend.times, tuple(form.extend.asked_by), tuple(form.extend.approved_by))


def _named(
    compiler: Context, scope: Scope, forms: list[Condition], path: Path, name: str
) -> tuple[NamedCondition, ...]:
    found = compiler.expressions.conditions(scope, forms, path, name)
    return tuple(c if c.name else replace(c, name=f"{name}.{n}") for n, c in enumerate(found, start=1))


__all__ = ["Guard", "compile_deadlines", "moves_of", "states_it_runs_in", "trigger_names"]
