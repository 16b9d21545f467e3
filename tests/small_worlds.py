"""One case of a small workflow, decided step by step without a database: facts are stamped and folded as in the line.

world = World(WORKFLOW)
world.does("register", "clerk", "03-02 09:00", channel="phone")   # 2026, UTC
world.waits("03-20 00:00")                                        # clocks ring, reactions follow
assert world.case.state == "received"
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

import yaml

from engine.app import assemble, consumers
from engine.core.decide import decide
from engine.core.desk import ENGINE_ACTOR, Rules
from engine.core.directory import Directory, load_directory
from engine.core.errors import LianxinError
from engine.core.evolve import evolve
from engine.core.instants import Instant
from engine.core.model import Accepted, Actor, Case, Clock, Command, CommandKind, Event, Outcome, Rejection, Track
from engine.core.workflow import Workflow
from engine.language.compile import compile_workflow
from engine.runtime.rulebook import RuleBook
from engine.runtime.stamp import stamp

CASE_ID = "case1"
ROUNDS_MAX = 50
HEAD = """
lianxin: 1
workflow: small
calendar: plain_utc
"""

DIRECTORY = """
lianxin: 1
directory: village
office: 信访局
units:
  市政府:
    head: 市长
    leaders: {L2: post:市政府/副市长, L3: post:市政府/市长}
    posts: {市长: {holder: p-mayor, roles: [leader]}, 副市长: {holder: p-vice, roles: [leader]}}
  信访局: {parent: 市政府, head: 局长, posts: {局长: {holder: p-office, roles: [office]}}}
  甲局:
    parent: 市政府
    head: 局长
    posts: {局长: {holder: p-jia, roles: [handler, leader]}}
  甲站: {parent: 甲局, head: 站长, posts: {站长: {holder: p-station, roles: [handler]}}}
  乙局: {parent: 市政府, head: 局长, posts: {局长: {holder: p-yi, roles: [handler, leader]}}}
  丙局: {parent: 市政府, head: 局长, posts: {局长: {holder: p-bing, roles: [handler]}}}
"""


@lru_cache(maxsize=8)
def directory(text: str = DIRECTORY) -> Directory:
    return load_directory(yaml.safe_load(text))


@lru_cache(maxsize=256)
def compiled(text: str) -> Workflow:
    """The workflow of a text (`lianxin`, `workflow` and `calendar` are put in front of it)."""
    assembly = assemble()
    try:
        return compile_workflow(HEAD + text, "small.yaml", assembly.actions, assembly.tracks())
    except LianxinError as error:
        raise AssertionError([(p.code, p.span and p.span.line, dict(p.facts)) for p in error.problems]) from None


@lru_cache(maxsize=256)
def rules_of(text: str) -> Rules:
    rules = book_of(text).current("small")
    assert rules is not None
    return rules


@lru_cache(maxsize=256)
def book_of(text: str) -> RuleBook:
    return RuleBook({"small": compiled(text)}, assemble().calendars(), directory())


def at(local: str) -> Instant:
    """`03-02 09:00` of 2026, UTC."""
    day, _, time = local.partition(" ")
    return f"2026-{day}T{time or '00:00'}:00.000000Z"


class World:
    """One case and its log. `does` decides one command; what is accepted is stamped and folded."""

    def __init__(self, text: str) -> None:
        self.rules = rules_of(text)
        self.case = Case(CASE_ID)
        self.events: list[Event] = []
        self.refused: list[tuple[Command, Rejection]] = []
        self.read = 0
        self.done: set[str] = set()
        self.numbers: dict[tuple[str, str, int], int] = {}
        self.commands = 0

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────

    def does(
        self,
        name: str,
        role: str,
        when: str,
        *,
        who: str = "",
        track: str = "",
        intake: bool = False,
        **values: Any,
    ) -> Outcome:
        """A wish from outside: an opening, a move, `T.open`, `T.move`. `who`: `p-jia@甲局`; without, a system."""
        person, _, unit = who.partition("@")
        kind: CommandKind = "open_case" if name in self.rules.workflow.opens else "transition"
        head, _, tail = name.partition(".")
        if tail == "open":
            kind, name = "open_track", head
        self.commands += 1
        command = Command(
            source="test", id=str(self.commands), case_id=CASE_ID, workflow="small", kind=kind, name=name,
            actor=Actor(role, person, unit), at=at(when), values=values, track_id=track, intake=intake,
        )  # fmt: skip
        return self.settle(command)

    def opens(self, when: str = "03-02 09:00", **values: Any) -> World:
        """The case begins by its first opening."""
        (name, opening), *_ = self.rules.workflow.opens.items()
        outcome = self.does(name, opening.by.roles[0], when, **values)
        assert isinstance(outcome, Accepted), outcome
        return self

    def waits(self, until: str, *, react: bool = True) -> World:
        """Every point of a clock up to an instant, one after the other, each with what follows from it."""
        for _ in range(ROUNDS_MAX):
            if react:
                self.follows()
            due = [(c["rungs"][0]["at"], k) for k, c in self.case.clocks.items() if _is_armed(c)]
            if not due or min(due)[0] > at(until):
                return self
            assert isinstance(self.rings(min(due)[1], until), Accepted)
        raise AssertionError("it goes on without end")

    def rings(self, key: str, until: str) -> Outcome:
        """The next point of one clock; time is known to have come so far."""
        rungs = self.case.clocks[key]["rungs"] if key in self.case.clocks else []
        name = rungs[0]["name"] if rungs else ""
        return self.settle(
            Command("clock", f"{key}/{name}", CASE_ID, "", kind="rung", name=key, actor=ENGINE_ACTOR, at=at(until))
        )

    def follows(self) -> World:
        """Reactions to what is in the log, and to what follows from them."""
        for _ in range(ROUNDS_MAX):
            heard = [event for event in self.events[self.read :] if event.reacts]
            self.read = len(self.events)
            wished = self.wished(heard)
            if not wished:
                return self
            for command in wished:
                if command.id not in self.done:
                    self.settle(command)
        raise AssertionError("reactions without end")

    def wished(self, events: list[Event]) -> list[Command]:
        found = []
        for event in events:
            mine = [c for consumer in consumers() for c in consumer.react(event, self.rules, event.occurred_at)]
            order = [reaction.name for reaction in self.rules.workflow.reactions]
            found += sorted(mine, key=lambda c: (order.index(c.cause["reaction"]), c.cause["index"]))
        return found

    def settle(self, command: Command) -> Outcome:
        """Decide one command, twice, and fold what it gave: deciding changes nothing it was given."""
        before = self.case.state_bytes()
        again = decide(self.case, deepcopy(command), self.rules)
        outcome = decide(self.case, command, self.rules)
        assert outcome == again, "deciding the same again gives the same"
        assert self.case.state_bytes() == before, "deciding changes no case"
        self.done.add(command.id)
        if isinstance(outcome, Rejection):
            self.refused.append((command, outcome))
        elif isinstance(outcome, Accepted):
            for draft in outcome.drafts:
                event = stamp(draft, self.case, command, self.rules, draft.occurred_at, self._number)
                self.events.append(event)
                self.case = evolve(self.case, event)
        return outcome

    def _number(self, organisation: str, kind: str, year: int) -> int:
        self.numbers[organisation, kind, year] = last = self.numbers.get((organisation, kind, year), 0) + 1
        return last

    # ── what it came to ──────────────────────────────────────────────────────────────────────────────────────────

    def clock(self, name: str, run: int = 1) -> Clock:
        return self.case.clocks[f"{name}#{run}"]

    def tracks(self, name: str) -> dict[str, Track]:
        return {key: track for key, track in self.case.tracks.items() if track["track"] == name}

    def track(self, name: str) -> tuple[str, Track]:
        ((key, track),) = self.tracks(name).items()
        return key, track

    def types(self) -> list[str]:
        """What happened, without `lianxin.` and `.v1`."""
        return [event.type.removeprefix("lianxin.").removesuffix(".v1") for event in self.events]

    def incidents(self) -> list[str]:
        return [one["code"] for event in self.events for one in event.data.get("incidents", ())]

    def statuses(self) -> Mapping[str, str]:
        return {key: clock["status"] for key, clock in self.case.clocks.items()}


def code(outcome: Outcome) -> str:
    """The code of a refusal; "" where there was none."""
    return outcome.code if isinstance(outcome, Rejection) else ""


def _is_armed(clock: Clock) -> bool:
    return clock["status"] == "running" and bool(clock["rungs"]) and "since" in clock
