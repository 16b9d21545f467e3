"""A whole history on virtual time: the real engine, its clock turned by the events themselves.

At one instant commands come before reactions (by cause), and these before the clocks' points (by due, case, deadline).
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import Command
from engine.runtime.asks import Ask, Unusable
from engine.runtime.clock import rungs
from engine.runtime.handle import BATCH_MESSAGES_MAX, Answer, Line, carry
from engine.runtime.react import ROUNDS_MAX, Consumer, wished
from engine.store.transaction import Tx

Order = Literal["occurred", "arrival"]
SORTED_IN_MEMORY_MAX = 200_000
"""Messages held before a sorted run is written to a temporary file."""
STEPS_PER_COMMIT = 2_000
POINTS_PER_INSTANT_MAX = 10_000
"""Pages of points of clocks that are due at one instant; beyond it clocks ring without end."""

Progress = Callable[[int, Instant], None]


@dataclass
class Simulation:
    """One run. `now` is the virtual instant; `answers` counts what became of the messages."""

    line: Line
    consumers: Sequence[Consumer]
    order: Order = "occurred"
    progress: Progress = lambda done, now: None
    now: Instant = ""
    cursor: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    def run(self, messages: Iterable[Ask | Unusable], until: Instant | None = None) -> Instant:
        """All messages, then time alone up to `until` (inclusive; by default the last message's instant)."""
        self.line.park = self.order == "arrival"
        batches = self._instants(messages) if self.order == "occurred" else self._arrivals(messages)
        done, steps, tx, stack = 0, 0, None, ExitStack()
        with stack:
            tx = stack.enter_context(self.line.store.transaction())
            for at, batch in batches:
                if until is not None and at > until:
                    break
                self.advance(tx, at)
                self._carry(tx, batch)
                self._settle(tx)
                done, steps = done + len(batch), steps + 1
                if steps % STEPS_PER_COMMIT == 0:
                    stack.close()
                    tx = stack.enter_context(self.line.store.transaction())
                    self.progress(done, self.now)
            if until is not None and until > self.now:
                self.advance(tx, until)
                self.now = until
            if self.now:
                self._settle(tx, to=self.now)
        self.progress(done, self.now)
        return self.now

    def step(self, tx: Tx, at: Instant, batch: Sequence[Ask | Unusable]) -> list[Answer]:
        """One instant by hand: time up to it, these messages, then all that follows at it. Their answers."""
        self.advance(tx, at)
        answers = self._carry(tx, batch)
        self._settle(tx)
        return answers

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, tx: Tx, at: Instant) -> None:
        """Every point of a clock before `at`, each at its own instant with what follows from it."""
        while (due := tx.next_due()) is not None and due < at:
            self.now = max(self.now, due)
            self._settle(tx, to=due)
        self.now = max(self.now, at)

    def _settle(self, tx: Tx, to: Instant = "") -> None:
        """At this instant: reactions until none is left, then the points due now, and again."""
        for _ in range(POINTS_PER_INSTANT_MAX):
            self._react(tx)
            due = rungs(tx, to or self.now, self.line, limit=BATCH_MESSAGES_MAX)
            if not due:
                return
            self._carry(tx, due)
        raise AssertionError("clocks ring without end")

    def _react(self, tx: Tx) -> None:
        commands: list[Command] = []
        for _ in range(ROUNDS_MAX):
            events = tx.log(self.cursor, BATCH_MESSAGES_MAX, reacts_only=True)
            if not events:
                return
            self.cursor = events[-1].position
            commands = wished(events, self.line, self.consumers, self.now)
            if commands:
                self._carry(tx, commands)
        names = dict.fromkeys(command.cause["reaction"] for command in commands)
        case_id = commands[0].case_id if commands else ""
        raise LianxinError("LX-412", exit_code=1, reactions="、".join(names), case_id=case_id, at=self.now)

    def _carry(self, tx: Tx, batch: Sequence[Ask | Unusable | Command]) -> list[Answer]:
        answers = carry(tx, batch, self.line, self.now)
        for answer in answers:
            self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
        return answers

    # ── order ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _instants(self, messages: Iterable[Ask | Unusable]) -> Iterator[tuple[Instant, list[Ask | Unusable]]]:
        """Sorted by (occurred_at, sequence, source, id); what cannot be read comes first, at the first instant."""
        dead: list[Ask | Unusable] = []
        sorted_asks = _sorted(_asks(messages, dead))
        first = True
        for at, group in groupby(sorted_asks, key=lambda ask: ask.time):
            batch: list[Ask | Unusable] = list(group)
            if first:
                batch, first = [*dead, *batch], False
            for start in range(0, len(batch), BATCH_MESSAGES_MAX):
                yield at, batch[start : start + BATCH_MESSAGES_MAX]
        if first and dead:
            yield self.now, dead

    def _arrivals(self, messages: Iterable[Ask | Unusable]) -> Iterator[tuple[Instant, list[Ask | Unusable]]]:
        """As they come: the clock follows the latest instant seen, and late facts are late."""
        at = self.now
        for message in messages:
            at = max(at, message.time) if isinstance(message, Ask) else at
            yield at, [message]


def _asks(messages: Iterable[Ask | Unusable], dead: list[Ask | Unusable]) -> Iterator[Ask]:
    for message in messages:
        if isinstance(message, Ask):
            yield message
        else:
            dead.append(message)


def _key(ask: Ask) -> tuple[Instant, int, str, str]:
    return ask.time, ask.sequence, ask.source, ask.id


def _sorted(asks: Iterable[Ask]) -> Iterator[Ask]:
    """An external merge sort: runs of bounded size on disk (encrypted storage is the operator's), merged lazily."""
    with ExitStack() as stack:
        files, run = [], []
        for ask in asks:
            run.append(ask)
            if len(run) >= SORTED_IN_MEMORY_MAX:
                file = stack.enter_context(tempfile.TemporaryFile())
                for one in sorted(run, key=_key):
                    file.write(one.packed() + b"\n")
                file.seek(0)
                files.append(file)
                run = []
        runs: list[Iterator[Ask]] = [(Ask.unpacked(line) for line in file) for file in files]
        yield from heapq.merge(*runs, iter(sorted(run, key=_key)), key=_key)
