"""Reactions: what they wait for, and what they do with which typed parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.core.actions import ENGINE_ACTIONS, LEVELS, ActionSpec
from engine.core.guards import Scope, interpolation
from engine.core.lengths import parse_length
from engine.core.model import ENGINE
from engine.core.workflow import MAIN, Action, Field, Machine, Reaction
from engine.language.compile_deadlines import moves_of
from engine.language.compile_doors import must_bring, required
from engine.language.compile_facts import not_a_length, reserved
from engine.language.compile_form import Path
from engine.language.context import Context
from schemas.workflow_file import RESERVED_ACTIONS, ActionForm, ReactionForm

TRACKS_OF_ACTIONS: Mapping[str, str] = {
    "issue_letter": "letter",
    "escalate": "sponsor",
    "schedule_follow_up": "follow_up",
}
"""Which track an action of the shipped consumers opens: without it the action would always be refused."""
CLOCK_EVENTS = ("started", "reminder", "missed", "met", "lapsed", "corrected")


def compile_reactions(compiler: Context, main: Machine, tracks: Mapping[str, Machine]) -> tuple[Reaction, ...]:
    """The reactions in the order of the file."""
    known = {**compiler.actions, **{spec.name: spec for spec in ENGINE_ACTIONS}}
    machines = {MAIN: main, **tracks}
    return tuple(
        _reaction(compiler, name, form, ("reactions", name), known, machines)
        for name, form in compiler.form.reactions.items()
    )


def _reaction(
    compiler: Context,
    name: str,
    form: ReactionForm,
    path: Path,
    known: Mapping[str, ActionSpec],
    machines: Mapping[str, Machine],
) -> Reaction:
    owners, fields = set(), []
    for text in form.upon:
        owner, moves = _upon(compiler, text, (*path, "upon"))
        owners.add(owner)
        fields.append(_event_fields(compiler, owner, moves, machines))
    shared = [f for f in fields[0] if all(f in other for other in fields)] if fields else []
    tracks = owners if MAIN not in owners else set()
    scope = compiler.expressions.of_reaction(tracks, shared)
    conditions = compiler.expressions.conditions(scope, form.when, (*path, "when"), name)
    after = None
    if form.after is not None:
        try:
            after = parse_length(form.after)
        except ValueError as error:
            compiler.problem("LX-201", (*path, "after"), field="after", reason=not_a_length(error))
    return Reaction(
        name=name,
        upon=frozenset(form.upon),
        conditions=tuple(c if c.name else replace(c, name=f"{name}.{n}") for n, c in enumerate(conditions, 1)),
        do=tuple(_action(compiler, scope, a, i, (*path, "do", i), known, machines) for i, a in enumerate(form.do)),
        after=after,
        once=form.once,
        place=compiler.place(path),
    )


def _upon(compiler: Context, text: str, path: Path) -> tuple[str, str]:
    """The machine a name belongs to and, of `transition.X`, X. A name nothing fires is a fault."""
    if text in ("case.opened", "case.closed"):
        return MAIN, ""
    head, _, tail = text.partition(".")
    if head == "linked":
        compiler.problem("LX-203", path, name=text, what=reserved("linked cases"))
        return MAIN, ""
    owner, rest = (head, tail) if head in compiler.form.tracks else (MAIN, text)
    parts = rest.split(".")
    states = compiler.states[owner]
    deadlines = compiler.form.tracks[owner].deadlines if owner else compiler.form.deadlines
    match parts:
        case ["transition", name]:
            if name not in (moves := moves_of(compiler, owner)):
                compiler.unknown("a transition", name, moves, path)
            return owner, name
        case ["state", state, "entered" | "left"]:
            if state not in states:
                compiler.unknown("a state", state, states, path)
            return owner, ""
        case ["deadline", deadline, what]:
            if deadline not in deadlines:
                compiler.unknown("a deadline", deadline, deadlines, path)
            if what not in CLOCK_EVENTS:
                compiler.unknown("what a deadline does", what, CLOCK_EVENTS, path)
            return owner, ""
    compiler.problem("LX-221", path, name=text)
    return MAIN, ""


def _event_fields(compiler: Context, owner: str, move: str, machines: Mapping[str, Machine]) -> list[Field]:
    """What the move of that name takes on the spot, wherever it is defined."""
    if not move or owner not in machines:
        return []
    takes = [row.event_needs for (_, name), row in machines[owner].table.items() if name == move]
    if owner == MAIN and move in compiler.opens:
        takes.append(compiler.opens[move].event_needs)
    return [f for f in takes[0] if all(f in fields for fields in takes)] if takes else []


def _action(
    compiler: Context,
    scope: Scope,
    form: ActionForm,
    index: int,
    path: Path,
    known: Mapping[str, ActionSpec],
    machines: Mapping[str, Machine],
) -> Action:
    if form.action in RESERVED_ACTIONS:
        what = reserved(RESERVED_ACTIONS[form.action])
        compiler.problem("LX-203", (*path, form.action), key=True, name=form.action, what=what)
        return Action(form.action, {}, index)
    spec = known.get(form.action)
    if spec is None:
        compiler.unknown("an action", form.action, known, (*path, form.action), key=True)
        return Action(form.action, {}, index)
    given = form.params if isinstance(form.params, dict) else {}
    if not isinstance(form.params, dict) and spec.positional:
        given = {spec.positional: form.params}
    at: Path = (*path, form.action)
    for name in given:
        if name not in spec.params:
            compiler.unknown("a parameter", name, spec.params, (*at, name), key=True)
    for name, param in spec.params.items():
        if param.required and given.get(name) is None:
            compiler.problem("LX-205", at, key=True, name=name)
    params: dict[str, Any] = {
        name: _param(compiler, scope, spec.params[name].kind, value, (*at, name))
        for name, value in given.items()
        if name in spec.params
    }
    if form.with_:
        params["with"] = _with(compiler, scope, form, given, path)
    if form.where is not None:
        params["where"] = form.where
        _where(compiler, form, given, (*path, "where"))
    track = TRACKS_OF_ACTIONS.get(spec.name)
    if track is not None and track not in compiler.form.tracks:
        compiler.problem("LX-280", at, key=True, action=spec.name, track=track)
    if spec.name == "fire":
        _check_fired(compiler, str(given.get("transition", "")), form, at, machines)
    elif spec.name == "open":
        _check_opened(compiler, str(given.get("track", "")), form, at)
    return Action(form.action, params, index)


def _check_fired(compiler: Context, name: str, form: ActionForm, path: Path, machines: Mapping[str, Machine]) -> None:
    """The engine is listed for the move it is to make, and brings what that needs."""
    head, _, tail = name.partition(".")
    owner, move = (head, tail) if head in compiler.form.tracks else (MAIN, name)
    rows = [row for (_, row_name), row in machines[owner].table.items() if row_name == move]
    if rows and not any(ENGINE in row.by.roles for row in rows):
        compiler.problem("LX-226", path, name=name)
        return
    ways = [must_bring(row) for row in rows if ENGINE in row.by.roles]
    compiler.check_given(name, ways, form.with_, path)


def _check_opened(compiler: Context, name: str, form: ActionForm, path: Path) -> None:
    """What is opened gets the data it cannot do without."""
    if name in compiler.track_fields:
        compiler.check_given(name, [required(compiler.track_fields[name].values())], form.with_, path)


def check_ends(compiler: Context, machines: Mapping[str, Machine]) -> None:
    """`then:` of a deadline: the engine is listed for that move, and nobody is there to give what it needs."""
    for machine in machines.values():
        root: Path = ("tracks", machine.name, "deadlines") if machine.name else ("deadlines",)
        for deadline in machine.deadlines.values():
            rows = [row for (_, name), row in machine.table.items() if name == deadline.then]
            path: Path = (*root, deadline.name, "then")
            if rows and not any(ENGINE in row.by.roles for row in rows):
                compiler.problem("LX-226", path, name=deadline.then)
            else:
                ways = [must_bring(row) for row in rows]
                compiler.check_given(deadline.then, ways, (), path)


def _with(compiler: Context, scope: Scope, form: ActionForm, given: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What goes with `open: TRACK` (the track's data) or `fire: TRANSITION` (what it needs or takes)."""
    if "track" in given:
        fields = dict(compiler.track_fields.get(str(given["track"]), {}))
    else:
        head, _, tail = str(given.get("transition", "")).partition(".")
        owner, move = (head, tail) if head in compiler.form.tracks else (MAIN, head)
        fields = {**(compiler.track_fields[owner] if owner else compiler.fields), **compiler.given_to(owner, move)}
    found = {}
    for name, value in form.with_.items():
        at: Path = (*path, "with", name)
        if name in fields:
            found[name] = compiler.expressions.value(scope, value, fields[name], at)
        else:
            compiler.unknown("a field", name, fields, at, key=True)
    return found


def _where(compiler: Context, form: ActionForm, given: Mapping[str, Any], path: Path) -> None:
    """`fire: T.transition` with `where:`: a condition over each track T."""
    head = str(given.get("transition", "")).partition(".")[0]
    if head not in compiler.form.tracks:
        compiler.problem("LX-222", path, key=True)
    else:
        scope, text = compiler.expressions.of_track(head), form.where or ""
        compiler.wheres[head, text] = compiler.expressions.guard(scope, text, path, want="bool")


_WANTS = {
    "unit": "unit|unit[]|person", "text": None, "int": "int", "duration": "duration", "role": "code",
    "level": "enum|code", "letter_kind": "letter_kind|code", "transition": "code", "track": "code",
}  # fmt: skip
"""The kind of result that an expression for a parameter gives."""


def _param(compiler: Context, scope: Scope, kind: str, value: Any, path: Path) -> Any:
    if isinstance(value, str) and interpolation(value) is not None:
        return compiler.expressions.guard(scope, value, path, want=_WANTS.get(kind), optional_ok=True)
    if not isinstance(value, str) and kind not in ("int", "unit", "text", "duration"):
        compiler.problem("LX-201", path, field=str(path[-1]), reason=("应为文字", "a text is wanted"))
        return value
    match kind:
        case "duration":
            try:
                parse_length(str(value))
            except ValueError as error:
                compiler.problem("LX-201", path, field=str(path[-1]), reason=not_a_length(error))
        case "role":
            compiler.role_known(str(value), path)
        case "letter_kind" if value not in compiler.form.letters:
            compiler.unknown("a letter", str(value), compiler.form.letters, path)
        case "level" if value not in LEVELS:
            compiler.unknown("a level", str(value), LEVELS, path)
        case "track" if value not in compiler.form.tracks:
            compiler.unknown("a track", str(value), compiler.form.tracks, path)
        case "transition":
            head, _, tail = str(value).partition(".")
            owner, move = (head, tail) if head in compiler.form.tracks else (MAIN, str(value))
            if move not in (moves := moves_of(compiler, owner)):
                compiler.unknown("a transition", move, moves, path)
        case "int" if not isinstance(value, int) or isinstance(value, bool):
            compiler.problem("LX-201", path, field=str(path[-1]), reason=("应为整数", "a whole number is wanted"))
        case "unit" | "text" if not isinstance(value, str | list):
            compiler.problem("LX-201", path, field=str(path[-1]), reason=("应为文字", "a text is wanted"))
    return value
