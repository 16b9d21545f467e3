"""Reactions that set each other off without end: a search over what follows what by itself.

A step leads from a reaction, in a state of the case, to the reactions that hear what it does: at once, or when a
deadline that it starts has passed. People's moves are no step. A condition stops the search where it cannot hold, or
where it asks about something that the steps may change: then the loop may well end, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.core.model import ENGINE
from engine.core.tracks import AUTO_PATH, LETTER
from engine.core.workflow import MAIN, Action, Reaction
from engine.language.compile_reactions import TRACKS_OF_ACTIONS
from engine.language.lint_logic import holds, reads
from engine.language.lint_subject import Arrow, Subject

MAX_SITUATIONS = 3_000
"""Situations looked at; a workflow with more is not searched to the end."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A reaction about to act, the state of the case and the kind of letter it hears of ("" where nobody knows)."""

    reaction: str
    state: str
    kind: str


def check(subject: Subject) -> None:
    """LX-256: one finding per loop, at the reaction that comes first in the file."""
    search = Search(subject)
    for loop in search.loops():
        first = min(loop, key=search.order.index)
        names = " → ".join([*loop[loop.index(first) :], *loop[: loop.index(first)], first])
        subject.note("LX-256", ("reactions", first), loop=names)


class Search:
    """Everything that can follow from each reaction of one workflow."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.reactions = {reaction.name: reaction for reaction in subject.workflow.reactions}
        self.order = list(self.reactions)
        moved = [a.row for arrows in subject.arrows.values() for a in arrows if (a.machine, a.name) in subject.fired]
        self.moves_the_case = any(machine == MAIN for machine, _ in subject.fired)
        self.changing = {f"case.{field.name}" for row in moved for field, _ in row.sets}
        self.changing |= {f"case.{field.name}" for row in moved for field in (*row.case_needs, *row.takes)}
        self.next = lru_cache(maxsize=MAX_SITUATIONS)(self._next)

    def loops(self) -> list[list[str]]:
        """Each loop once, as the names of its reactions in order."""
        found: dict[frozenset[str], list[str]] = {}
        seen: set[Situation] = set()
        for start in self._starts():
            path: list[Situation] = []
            stack: list[Iterator[Situation]] = [iter((start,))]
            while stack and len(seen) <= MAX_SITUATIONS:
                here = next(stack[-1], None)
                if here is None:
                    stack.pop()
                    if path:
                        path.pop()
                elif here in path:
                    loop = [situation.reaction for situation in path[path.index(here) :]]
                    found.setdefault(frozenset(loop), loop)
                elif here not in seen:
                    seen.add(here)
                    path.append(here)
                    stack.append(iter(self.next(here)))
        return list(found.values())

    def _starts(self) -> Iterator[Situation]:
        for reaction in self.reactions.values():
            for state in self._states(reaction):
                yield Situation(reaction.name, state, "")

    def _states(self, reaction: Reaction) -> list[str]:
        """The states of the case in which the reaction may hear of what it waits for."""
        if not self.moves_the_case:
            return [""]
        reachable = self.subject.reachable[MAIN]
        entered = {f"state.{state}.entered": state for state in reachable}
        if all(name in entered for name in reaction.upon):
            return [entered[name] for name in sorted(reaction.upon)]
        return sorted(reachable)

    # ── one step ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _next(self, here: Situation) -> tuple[Situation, ...]:
        reaction = self.reactions[here.reaction]
        if reaction.once or not self._goes_on(reaction, here):
            return ()
        found: dict[Situation, None] = {}
        for action in reaction.do:
            for names, state, kind in self._done(action, here):
                for name in sorted(names & self.subject.workflow.listened):
                    for other in self.subject.workflow.by_name[name]:
                        found[Situation(other.name, state, kind)] = None
        return tuple(found)

    def _goes_on(self, reaction: Reaction, here: Situation) -> bool:
        """Whether the reaction acts here for some case, and again the next time round."""
        values: dict[str, Any] = {}
        if here.state:
            values = {"case.state": here.state, "case.phase": self.subject.workflow.main.states[here.state].phase}
        if here.kind:
            values["track.kind"] = here.kind
        for condition in reaction.conditions:
            verdict = holds([condition], values)
            if verdict is False:
                return False
            seen = reads(condition.guard.text)
            settled = {path for path in seen.paths if path.startswith("case.")} - self.changing | values.keys()
            if verdict is None and (seen.opaque or seen.paths - settled):
                return False
        return True

    def _done(self, action: Action, here: Situation) -> Iterator[tuple[set[str], str, str]]:
        """What an action brings about: the names that fire, the state of the case then, the kind of letter."""
        name = action.params.get("transition")
        if action.name == "fire" and isinstance(name, str):
            head, _, tail = name.partition(".")
            machine, move = (head, tail) if head in self.subject.workflow.tracks else (MAIN, name)
            for arrow in self.subject.arrows[machine]:
                fits = machine != MAIN or arrow.state == here.state
                if arrow.name == move and fits and ENGINE in arrow.row.by.roles:
                    names = self._with_clocks(machine, set(self.subject.names_of(arrow)), opened=False)
                    yield names, arrow.target if machine == MAIN else here.state, ""
            return
        track = TRACKS_OF_ACTIONS.get(action.name, action.params.get("track"))
        if isinstance(track, str) and track in self.subject.workflow.tracks:
            kind = action.params.get("kind")
            kind = kind if isinstance(kind, str) else ""
            yield self._with_clocks(track, self._opened(track, kind), opened=True), here.state, kind

    def _opened(self, track: str, kind: str) -> set[str]:
        """The names fired when a track opens; a letter that the engine sends goes all the way to its delivery."""
        names = set(self.subject.opened_names[track])
        letter = self.subject.workflow.letters.get(kind)
        if track == LETTER and letter is not None and letter.auto:
            sent: list[Arrow] = [arrow for arrow in self.subject.arrows[track] if arrow.name in AUTO_PATH]
            names |= {name for arrow in sent for name in self.subject.names_of(arrow)}
        return names

    def _with_clocks(self, machine: str, names: set[str], *, opened: bool) -> set[str]:
        """And what the clocks that these names start will fire by themselves."""
        prefix = f"{machine}.deadline" if machine else "deadline"
        found = set(names)
        for deadline in self.subject.machines[machine].deadlines.values():
            if deadline.starts & names and (opened or deadline.again != "never"):
                found |= {f"{prefix}.{deadline.name}.{what}" for what in ("started", "missed", "lapsed")}
                found |= {f"{prefix}.{deadline.name}.reminder"} if deadline.remind else set()
        return found
