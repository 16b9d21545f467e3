"""From a workflow file to a `Workflow`: every name resolved, every expression typed, every fault found in one run.

text ─► yaml_source.load ─► schemas.WorkflowForm ─► here ─► Workflow, or all problems with their places
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from engine.core.actions import ActionSpec
from engine.core.errors import LianxinError, Problem
from engine.core.machine import build_table, later_transitions
from engine.core.model import ENGINE
from engine.core.workflow import (
    MAIN,
    Count,
    Deadline,
    Machine,
    Role,
    State,
    Transition,
    Workflow,
)
from engine.language.compile_deadlines import compile_deadlines
from engine.language.compile_doors import compile_intake, compile_openings
from engine.language.compile_fields import (
    OF_CASE,
    OF_TRACK,
    TRACK_WORDS,
)
from engine.language.compile_form import Path
from engine.language.compile_letters import compile_letter
from engine.language.compile_moves import add_extension, compile_transition
from engine.language.compile_reactions import check_ends, compile_reactions
from engine.language.context import PHASES, Context
from engine.language.expressions import Expressions
from engine.language.yaml_source import load
from schemas.workflow_file import StateForm, Texts, TrackForm, WorkflowForm

MAX_TOLD = 500
"""Faults told of one file; who has more mends these first."""


def compile_workflow(
    text: str | bytes,
    file: str,
    actions: Mapping[str, ActionSpec],
    shipped_tracks: Mapping[str, str] | None = None,
) -> Workflow:
    """The workflow in `text`. `shipped_tracks`: name → YAML text of `workflows/tracks/`, for `{use: letter}`.

    Raises LianxinError LX-200 with every problem found, each with file, line and column.
    """
    source = load(text, file)
    if not source.whole:
        raise LianxinError("LX-200", exit_code=1, problems=source.problems, file=file)
    compiler = Compiler(source, file, actions, shipped_tracks or {})
    workflow = compiler.workflow(compiler.reading.form) if compiler.reading.form is not None else None
    problems = (*source.problems, *_beside(compiler.problems, source.problems))[:MAX_TOLD]
    if problems or workflow is None:
        raise LianxinError("LX-200", exit_code=1, problems=problems, file=file)
    return workflow


def _beside(problems: Iterable[Problem], told: Iterable[Problem]) -> list[Problem]:
    """Without what follows from faults of the YAML itself: on the same line, or missing where a key was refused."""
    lines = {problem.span.line for problem in told if problem.span}
    return [p for p in problems if not (lines and (p.code == "LX-205" or (p.span and p.span.line in lines)))]


class Compiler(Context):
    """One run over one file: collects problems instead of stopping at the first."""

    # ── meaning ──────────────────────────────────────────────────────────────────────────────────────────────────

    def workflow(self, form: WorkflowForm) -> Workflow:
        self.form = form
        fields = {name: self.field(("case", name), name, f, OF_CASE) for name, f in form.case.items()}
        tracks = {
            name: {n: self.field(("tracks", name, "data", n), n, f, OF_TRACK) for n, f in track.data.items()}
            for name, track in form.tracks.items()
        }
        for name in form.tracks:
            self.name_of(name, ("tracks", name), TRACK_WORDS)
        for name in form.counts:
            self.name_of(name, ("counts", name))
        states = {
            MAIN: self._states(form.states, ("states",), main=True),
            **{n: self._states(t.states, ("tracks", n, "states"), main=False) for n, t in form.tracks.items()},
        }
        self.states, self.fields, self.track_fields = states, fields, tracks
        self.expressions = Expressions(self, fields, tracks, states, form)
        roles = {name: self._role(name) for name in form.roles}
        letters = {name: compile_letter(self, name) for name in form.letters}
        main = self._machine(MAIN, form.states, ("states",), None)
        machines = {
            name: self._machine(name, t.states, ("tracks", name, "states"), t) for name, t in form.tracks.items()
        }
        counts = {name: self._count(name) for name in form.counts}
        self.opens = opens = compile_openings(self, main)
        self.machines = {MAIN: main, **machines}
        reactions = compile_reactions(self, main, machines)
        check_ends(self, self.machines)
        listened = frozenset().union(*(r.upon | {r.due_name} for r in reactions)) if reactions else frozenset()
        content = orjson.dumps(
            form.model_dump(mode="json", by_alias=True, exclude_defaults=True), option=orjson.OPT_SORT_KEYS
        )
        accused = (form.privacy.accused or "").removeprefix("case.")
        if accused and (accused not in fields or fields[accused].type != "unit" or not fields[accused].many):
            self.problem("LX-207", ("privacy", "accused"), name=accused)
        return Workflow(
            name=form.workflow,
            digest=hashlib.sha256(content).hexdigest(),
            title=form.title.zh or form.workflow,
            calendar=form.calendar,
            fields=fields,
            roles=roles,
            opens=opens,
            intake=compile_intake(self, opens, main),
            main=main,
            tracks=machines,
            letters=letters,
            counts=counts,
            reactions=reactions,
            petitioner=dict(form.privacy.petitioner),
            accused=accused,
            content=content,
            listened=listened,
            by_name={n: tuple(r for r in reactions if n in r.upon or n == r.due_name) for n in listened},
            wheres=self.wheres,
            **_clock_indexes(main, machines),
        )

    def _states(self, states: Mapping[str, StateForm], path: Path, *, main: bool) -> dict[str, State]:
        found = {}
        for name, form in states.items():
            self.name_of(name, (*path, name))
            if form.sealed:
                self.role_known(form.sealed.to, (*path, name, "sealed", "to"), engine=False)
            phase = form.phase or (name if name in PHASES else "")
            if main and not phase:
                self.problem("LX-208", (*path, name), key=True, state=name)
            found[name] = State(
                name, phase, form.title.zh, form.initial, form.final, form.sealed.to if form.sealed else ""
            )
        initial = [name for name, form in states.items() if form.initial]
        if len(initial) != 1:
            self.problem("LX-209", path, key=True, count=str(len(initial)))
        return found

    def _role(self, name: str) -> Role:
        form, path = self.form.roles[name], ("roles", name)
        if name == ENGINE:
            self.problem("LX-211", path, key=True, name=name)
        for other in form.not_as:
            self.role_known(other, (*path, "not_as"))
        scope = self.expressions.with_any_track()
        relation = {
            key: self.expressions.guard(
                scope, value, (*path, key), want="person" if key == "is" else "unit", optional_ok=True
            )
            for key, value in (("of", form.of), ("not_of", form.not_of), ("is", form.is_))
            if value is not None
        }
        return Role(
            name,
            form.title.zh,
            relation.get("of"),
            relation.get("not_of"),
            relation.get("is"),
            tuple(form.not_as),
        )

    def _count(self, name: str) -> Count:
        form, path = self.form.counts[name], ("counts", name)
        if form.of not in self.form.tracks:
            self.unknown("a track", form.of, self.form.tracks, (*path, "of"))
        scope = self.expressions.of_track(form.of, counts=False)
        return Count(form.of, self.expressions.guard(scope, form.where, (*path, "where"), want="bool"))

    # ── machines ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _machine(self, name: str, forms: Mapping[str, StateForm], path: Path, track: TrackForm | None) -> Machine:
        rows: dict[tuple[str, str], Transition] = {}
        for state, form in forms.items():
            for transition, move in form.transitions.items():
                rows[state, transition] = compile_transition(
                    self, name, transition, move, (*path, state, "transitions", transition)
                )
        if name == MAIN:
            for transition, move in self.form.transitions.items():
                at: Path = ("transitions", transition)
                compiled = compile_transition(self, name, transition, move, at)
                for state in self.known_states(move.from_, (*at, "from")):
                    rows.setdefault((state, transition), compiled)
        deadlines = compile_deadlines(self, name)
        for deadline in deadlines.values():
            if deadline.extension:
                add_extension(self, rows, name, deadline)
        table = build_table(self.states[name], rows)
        initial = next((s for s, form in forms.items() if form.initial), "")
        opens = track.opens if track else None
        opens_path: Path = ("tracks", name, "opens")
        for role in opens.by if opens else ():
            self.role_known(role, (*opens_path, "by"))
        return Machine(
            name=name,
            states=self.states[name],
            initial=initial,
            table=table,
            deadlines=deadlines,
            fields=self.track_fields[name] if track else self.fields,
            title=(track.title.zh or name) if track else "",
            many=bool(track and track.many),
            opens_by=tuple(opens.by) if opens else (),
            opens_from=frozenset(self.known_states(opens.from_, (*opens_path, "from"))) if opens else frozenset(),
            opens_when=(
                self.expressions.conditions(self.expressions.opening(name), opens.when, (*opens_path, "when"), name)
                if opens
                else ()
            ),
            after_close=track.after_close if track else "keep",
            reachable=later_transitions(self.states[name], table),
        )


def _clock_indexes(main: Machine, tracks: Mapping[str, Machine]) -> dict[str, Any]:
    """Which deadlines a fired name cancels, stops and starts, so that a move looks up instead of searching."""
    deadlines = [deadline for machine in (main, *tracks.values()) for deadline in machine.deadlines.values()]
    everywhere = any(d.any_event or d.start_field for d in main.deadlines.values())  # other machines' facts count too
    restless = {d.machine for d in deadlines if d.any_event or d.start_field or d.pause_states}
    index: dict[str, list[tuple[str, Deadline]]] = {}
    names_of: dict[str, Callable[[Deadline], frozenset[str]]] = {
        "cancel": lambda d: d.cancels,
        "stop": lambda d: d.stops,
        "start": lambda d: d.starts,
    }
    for what, names in names_of.items():
        for deadline in deadlines:
            for name in names(deadline):
                index.setdefault(name, []).append((what, deadline))
    return {
        "clock_index": {name: tuple(entries) for name, entries in index.items()},
        "any_event": tuple(d for d in deadlines if d.any_event),
        "start_fields": tuple(d for d in deadlines if d.start_field),
        "pausing": tuple(d for d in deadlines if d.pause_states),
        "restless": frozenset([main.name, *tracks] if everywhere else restless),
    }


__all__ = ["Texts", "compile_workflow"]
