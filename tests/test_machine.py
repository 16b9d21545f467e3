"""Table and library agree: for every state and trigger, and on random walks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transitions.core import MachineError
from workflow_checks import BAD, compiled, shipped

from engine.core.machine import BACK, build_table, later_transitions, library_machine
from engine.core.workflow import By, Machine, State, Transition

NAMES = st.sampled_from(["a", "b", "c", "d", "state", "trigger", "initial", "machine", "to_b"])
Rows = dict[tuple[str, str], Transition]


@dataclass
class Model:
    """What the library moves."""

    _state: str = ""


@st.composite
def definitions(draw: st.DrawFn) -> tuple[dict[str, State], Rows]:
    """States and moves, some staying, some going back, some from or to states that are not there."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    first = draw(st.sampled_from(names))
    states = {name: State(name, "", initial=name == first) for name in names}
    anywhere = st.one_of(st.sampled_from(names), st.just("nowhere"))
    rows: Rows = {}
    for source, name, to in draw(
        st.lists(st.tuples(anywhere, NAMES, st.one_of(anywhere, st.none(), st.just(BACK))), max_size=20)
    ):
        rows.setdefault((source, name), Transition(name, to, By(any=("clerk",))))
    return states, rows


def library_answers(states: Mapping[str, State], rows: Rows, state: str, trigger: str) -> str | None:
    """The state after a trigger by the library; None where it refuses. A move back stays, to the library."""
    model = Model()
    machine = library_machine(states, rows)
    machine.add_model(model, initial=state)
    try:
        model.trigger(trigger)  # type: ignore[attr-defined]
    except (MachineError, AttributeError):
        return None
    return model._state


def table_answers(table: Mapping[tuple[str, str], Transition], state: str, trigger: str) -> str | None:
    """The state after a trigger by the table; None where there is no such move."""
    row = table.get((state, trigger))
    if row is None:
        return None
    return state if row.to in (None, BACK) else row.to


@given(definitions())
def test_table_and_library_agree_on_every_state_and_trigger(definition: tuple[dict[str, State], Rows]) -> None:
    states, rows = definition
    table = build_table(states, rows)
    for state in states:
        for trigger in {name for _, name in rows} | {"unheard_of"}:
            assert table_answers(table, state, trigger) == library_answers(states, rows, state, trigger)


@given(definitions(), st.lists(NAMES, max_size=25))
def test_table_and_library_walk_the_same_way(definition: tuple[dict[str, State], Rows], walk: list[str]) -> None:
    states, rows = definition
    table = build_table(states, rows)
    model = Model()
    machine = library_machine(states, rows)
    machine.add_model(model)
    here = str(machine.initial)
    for trigger in walk:
        following = table_answers(table, here, trigger)
        if following is None:
            with pytest.raises((MachineError, AttributeError)):
                model.trigger(trigger)  # type: ignore[attr-defined]
        else:
            model.trigger(trigger)  # type: ignore[attr-defined]
            here = following
        assert model._state == here


def machines() -> list[tuple[str, Machine]]:
    paths = [*shipped(), *sorted(BAD.glob("*.mended.yaml"))[:12]]
    workflows = [compiled(path.read_bytes(), path.name) for path in paths]
    return [(f"{w.name}.{m.name}", m) for w in workflows for m in (w.main, *w.tracks.values())]


@pytest.mark.parametrize("machine", [pytest.param(machine, id=name) for name, machine in machines()])
def test_the_machines_of_shipped_workflows_agree_with_the_library(machine: Machine) -> None:
    rows = dict(machine.table)
    for state in machine.states:
        for trigger in {name for _, name in rows}:
            expected = library_answers(machine.states, rows, state, trigger)
            assert table_answers(machine.table, state, trigger) == expected


@given(definitions())
def test_a_move_that_may_come_later_is_one_some_walk_can_make(definition: tuple[dict[str, State], Rows]) -> None:
    states, rows = definition
    table = build_table(states, rows)
    later = later_transitions(states, table)
    for state in states:
        ahead: set[str] = set()
        frontier = {state}
        while frontier:
            stepped = {target for one in frontier for target in _targets(states, table, one)}
            frontier = stepped - ahead
            ahead |= stepped
        assert later[state] == {name for one, name in table if one in ahead}


def _targets(states: Mapping[str, State], table: Mapping[tuple[str, str], Transition], state: str) -> set[str]:
    """The states that a case may be in after one move that leaves: by `back`, any state there is."""
    rows = [row for (source, _), row in table.items() if source == state and row.to is not None]
    return {str(row.to) for row in rows if row.to != BACK} | (set(states) if any(r.to == BACK for r in rows) else set())


def test_no_text_of_a_file_becomes_a_callback() -> None:
    states = {name: State(name, "", initial=name == "a") for name in ("a", "b")}
    machine = library_machine(states, {("a", "go"): Transition("go", "b", By(any=("clerk",)))})
    for state in machine.states.values():
        assert state.on_enter == []
        assert state.on_exit == []
    for event in machine.events.values():
        for moves in event.transitions.values():
            for move in moves:
                assert (move.prepare, move.conditions, move.before, move.after) == ([], [], [], [])
