"""State machines by the `transitions` library: it checks the definition; a table read off it decides.

One library machine per workflow version and track is built when the workflow is loaded (a machine per case would cost
250 µs, a trigger on a shared one 12 µs; a look-up in the table costs 0.1 µs). A property test holds table and library
together. No string from a file is ever handed over as a callback: the library would import and call dotted names.
"""

from __future__ import annotations

from collections.abc import Mapping

from transitions import Machine as LibraryMachine
from transitions.core import Event as LibraryEvent

from engine.core.workflow import State, Transition

BACK = "back"


def library_machine(states: Mapping[str, State], rows: Mapping[tuple[str, str], Transition]) -> LibraryMachine:
    """The library's machine of these states and moves. One that stays is internal (`dest=None`), so is `to: back`."""
    initial = next((state.name for state in states.values() if state.initial), next(iter(states)))
    return LibraryMachine(
        model=None,
        states=list(states),
        initial=initial,
        model_attribute="_state",  # which no move can be called
        auto_transitions=False,
        transitions=[
            {"trigger": transition.name, "source": state, "dest": None if transition.to == BACK else transition.to}
            for (state, _), transition in rows.items()
            if state in states and (transition.to in (None, BACK) or transition.to in states)
        ],
    )


def build_table(
    states: Mapping[str, State], rows: Mapping[tuple[str, str], Transition]
) -> dict[tuple[str, str], Transition]:
    """The moves by (state, transition), read off the library's machine."""
    if not states:
        return {}
    machine = library_machine(states, rows)
    table = {}
    for trigger, event in machine.events.items():
        assert isinstance(event, LibraryEvent)
        for source, moves in event.transitions.items():
            assert len(moves) == 1, f"two moves named {trigger} leave {source}"
            table[source, trigger] = rows[source, trigger]
    return table


def later_transitions(
    states: Mapping[str, State], table: Mapping[tuple[str, str], Transition]
) -> dict[str, frozenset[str]]:
    """For each state, the moves that may become possible later: what an early fact may be waiting for."""
    leaving: dict[str, set[str]] = {state: set() for state in states}
    named: dict[str, set[str]] = {state: set() for state in states}
    for (state, name), transition in table.items():
        named[state].add(name)
        if transition.to == BACK:
            leaving[state] |= set(states)
        elif transition.to is not None:
            leaving[state].add(transition.to)
    found = {}
    for state in states:
        seen, frontier = set(), set(leaving[state])
        while frontier:
            seen |= frontier
            frontier = set().union(*(leaving.get(s, set()) for s in frontier)) - seen
        found[state] = frozenset().union(*(named.get(s, set()) for s in seen))
    return found
