"""What the linter looks at: the compiled workflow, the form it came from, and the places of both in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine.core.errors import Problem, Severity
from engine.core.model import ENGINE
from engine.core.tracks import AUTO_PATH, LETTER
from engine.core.workflow import MAIN, Deadline, Machine, Transition, Workflow
from engine.language.compile_facts import Fact, in_words
from engine.language.compile_form import FormReading, Path
from engine.language.compile_reactions import TRACKS_OF_ACTIONS
from engine.language.yaml_source import Source
from schemas.workflow_file import WorkflowForm

BACK = "back"


@dataclass(frozen=True, slots=True, eq=False)
class Arrow:
    """One move from one state. `target` is the state after it: the same where it stays, each possible one of `back`."""

    machine: str
    state: str
    name: str
    row: Transition
    target: str
    path: Path

    @property
    def enters(self) -> bool:
        """Whether a state is entered (also the same one again)."""
        return self.row.to is not None


@dataclass
class Subject:
    """One workflow under the linter."""

    workflow: Workflow
    source: Source
    problems: list[Problem] = field(default_factory=list)

    def note(
        self, code: str, path: Path, *, severity: Severity = "warning", key: bool = True, word: str = "", **facts: Fact
    ) -> None:
        """A finding at a path of the form: at its key, or at `word` within what stands there."""
        span = self.reading.span(path, key=key and not word, word=word)
        self.problems.append(Problem(code, self.source.file, span, in_words(facts), severity))

    def asked(self, arrow: Arrow) -> Path:
        """Where the conditions of a move stand, else the move itself."""
        for key in ("when", "unless"):
            if self.reading.real((*arrow.path, key))[-1:] == (key,):
                return (*arrow.path, key)
        return arrow.path

    @cached_property
    def reading(self) -> FormReading:
        return FormReading(self.source)

    @cached_property
    def form(self) -> WorkflowForm:
        """The form as the compiler read it: shipped tracks and their roles are in it."""
        return WorkflowForm.model_validate_json(self.workflow.content)

    @cached_property
    def machines(self) -> dict[str, Machine]:
        """The main line first, then the tracks."""
        return {MAIN: self.workflow.main, **self.workflow.tracks}

    def states_meant(self, names: Iterable[str]) -> list[str]:
        """States of the main line by name, by phase, or "*": neither final nor sealed."""
        found = []
        for state in self.workflow.main.states.values():
            free = not state.final and not state.sealed_to
            if state.name in names or state.phase in names or ("*" in names and free):
                found.append(state.name)
        return found

    def deadlines(self) -> Iterator[tuple[Deadline, Path]]:
        """Every deadline with its path."""
        for machine in self.machines.values():
            for deadline in machine.deadlines.values():
                yield deadline, (*root_of(machine.name), "deadlines", deadline.name)

    # ── moves ────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def fired(self) -> set[tuple[str, str]]:
        """(machine, move) of every move that the engine makes by itself."""
        found = {(d.machine, d.then) for d, _ in self.deadlines() if d.then}
        for reaction in self.workflow.reactions:
            for action in reaction.do:
                name = action.params.get("transition")
                if isinstance(name, str):
                    head, _, tail = name.partition(".")
                    found.add((head, tail) if head in self.workflow.tracks else (MAIN, name))
        if any(kind.auto for kind in self.workflow.letters.values()):
            found |= {(LETTER, name) for name in AUTO_PATH}
        return found

    @cached_property
    def arrows(self) -> dict[str, list[Arrow]]:
        """The moves of each machine that somebody, or the engine, can make."""
        return {name: list(self._arrows(machine)) for name, machine in self.machines.items()}

    def _arrows(self, machine: Machine) -> Iterator[Arrow]:
        own = self.form.tracks[machine.name].states if machine.name else self.form.states
        into: dict[str, list[str]] = {}
        for (state, _), row in machine.table.items():
            if row.to not in (None, BACK):
                into.setdefault(str(row.to), []).append(state)
        for (state, name), row in machine.table.items():
            people = row.by.of_kind or any(role != ENGINE for role in row.by.roles)
            if not people and (machine.name, name) not in self.fired:
                continue
            path: Path = ("transitions", name)
            if row.extension:
                path = (*root_of(machine.name), "deadlines", row.extension[1], "extend")
            elif name in own[state].transitions:
                path = (*root_of(machine.name), "states", state, "transitions", name)
            targets = dict.fromkeys(into.get(state, ())) if row.to == BACK else [row.to or state]
            for target in targets:
                yield Arrow(machine.name, state, name, row, target, path)

    def leaving(self, machine: str, state: str) -> list[Arrow]:
        """The moves possible in a state."""
        return self._by_state.get((machine, state), [])

    @cached_property
    def _by_state(self) -> dict[tuple[str, str], list[Arrow]]:
        found: dict[tuple[str, str], list[Arrow]] = {}
        for name, arrows in self.arrows.items():
            for arrow in arrows:
                found.setdefault((name, arrow.state), []).append(arrow)
        return found

    @cached_property
    def reachable(self) -> dict[str, set[str]]:
        """The states of each machine that can be reached from its initial one."""
        return {name: self.ahead(name, [machine.initial]) for name, machine in self.machines.items()}

    def ahead(self, machine: str, states: Iterable[str]) -> set[str]:
        """These states and all that can be reached from them."""
        seen: set[str] = set()
        frontier = list(states)
        while frontier:
            state = frontier.pop()
            if state not in seen:
                seen.add(state)
                frontier += [arrow.target for arrow in self.leaving(machine, state)]
        return seen

    def leading_to(self, machine: str, states: Iterable[str]) -> set[str]:
        """These states and all from which one of them can be reached."""
        into: dict[str, list[str]] = {}
        for arrow in self.arrows[machine]:
            into.setdefault(arrow.target, []).append(arrow.state)
        seen: set[str] = set()
        frontier = list(states)
        while frontier:
            state = frontier.pop()
            if state not in seen:
                seen.add(state)
                frontier += into.get(state, [])
        return seen

    def firing(self, machine: str, names: Iterable[str]) -> list[Arrow]:
        """The moves of a machine that fire one of these names."""
        return [arrow for name in names for arrow in self._by_name.get((machine, name), ())]

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[Arrow]]:
        found: dict[tuple[str, str], list[Arrow]] = {}
        for machine, arrows in self.arrows.items():
            for arrow in arrows:
                for name in self.names_of(arrow):
                    found.setdefault((machine, name), []).append(arrow)
        return found

    def names_of(self, arrow: Arrow) -> tuple[str, ...]:
        """The names a move fires."""
        target = arrow.target if arrow.enters else None
        return self.workflow.names_of(arrow.machine, arrow.name, arrow.state, target)

    @cached_property
    def opened_names(self) -> dict[str, set[str]]:
        """The names that the opening of a case, or of a track, fires."""
        main = self.workflow.main
        moves = {f"transition.{name}" for name in self.workflow.opens}
        found = {MAIN: {"case.opened", f"state.{main.initial}.entered", *moves}}
        for name, track in self.workflow.tracks.items():
            found[name] = {f"{name}.opened", f"{name}.state.{track.initial}.entered"}
        return found

    @cached_property
    def openable(self) -> set[str]:
        """The tracks that somebody or something opens; all of them where an unknown action might."""
        found = {name for name, track in self.workflow.tracks.items() if track.opens_by}
        known = {*TRACKS_OF_ACTIONS, "open", "fire", "remind"}
        for reaction in self.workflow.reactions:
            for action in reaction.do:
                track = TRACKS_OF_ACTIONS.get(action.name, action.params.get("track"))
                found |= {track} if isinstance(track, str) else set()
                if action.name not in known:
                    return set(self.workflow.tracks)
        return found

    @cached_property
    def possible(self) -> dict[str, set[str]]:
        """By machine, every name that its reachable moves and its opening can fire."""
        found: dict[str, set[str]] = {}
        for name, arrows in self.arrows.items():
            opened = name == MAIN or name in self.openable
            found[name] = set(self.opened_names[name]) if opened else set()
            if opened:
                found[name] |= {n for a in arrows if a.state in self.reachable[name] for n in self.names_of(a)}
        return found

    # ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────

    def runs_in(self, deadline: Deadline) -> set[str]:
        """The states of its machine in which a deadline can be running."""
        return self._runs[deadline.machine, deadline.name]

    @cached_property
    def _runs(self) -> Mapping[tuple[str, str], set[str]]:
        return {(d.machine, d.name): self._running(d) for d, _ in self.deadlines()}

    def _running(self, deadline: Deadline) -> set[str]:
        name, machine = deadline.machine, self.machines[deadline.machine]
        foreign = (
            any(start not in self.possible[name] for start in deadline.starts)
            and name == MAIN
            and any(start.partition(".")[0] in self.workflow.tracks for start in deadline.starts)
        )
        frontier = [machine.initial] if deadline.starts & self.opened_names[name] else []
        if deadline.any_event or deadline.start_field is not None or foreign:
            frontier += self.reachable[name]
        for arrow in self.firing(name, deadline.starts):
            if arrow.state in self.reachable[name]:
                frontier.append(arrow.target)
        ending = set(self.firing(name, deadline.stops | deadline.cancels))
        seen: set[str] = set()
        while frontier:
            state = frontier.pop()
            if state in seen or (machine.states[state].final and not deadline.keep_after_close):
                continue
            seen.add(state)
            frontier += [arrow.target for arrow in self.leaving(name, state) if arrow not in ending]
        return seen


def root_of(machine: str) -> Path:
    """Where the definition of a machine stands in the form."""
    return ("tracks", machine) if machine else ()
