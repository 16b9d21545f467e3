"""The one process that writes: what it knows, and how a batch, the clocks and the reactions go through it.

One batch is one transaction: its messages, what follows from them, its offset. A bug in handling one message rolls the
batch back; halving finds it; its case is put into quarantine, with an incident; everything else is committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from traceback import extract_tb
from typing import TypeVar

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import WAITS, Command, Event, JsonObject
from engine.log import Log
from engine.runtime.asks import Ask, Unusable, from_event
from engine.runtime.batching import Fence, Item, joined, waves
from engine.runtime.clock import INTAKE_INCOMPLETE, rungs
from engine.runtime.handle import BATCH_MESSAGES_MAX, QUARANTINE, Answer, Line, Message, carry
from engine.runtime.react import GROUP, LOG, Consumer, Place, catch_up, follow, wished
from engine.runtime.stamp import INCIDENT_OPENED, record
from engine.runtime.timekeeper import Timekeeper
from engine.runtime.watermarks import DONE, MAX_WAIT, Reach, Watermarks
from engine.store.batch import Batch, ParkedRow
from engine.store.reader import Reader
from engine.store.store import Meanwhile
from engine.store.transaction import Tx
from schemas.intake import IntakeEvent, Unreadable, read_event

INCIDENT_CLOSED = "lianxin.incident.closed.v1"
QUARANTINED, STANDS, GAVE_UP = "quarantine", "intake-incomplete", "early-gave-up"
"""Codes of the incidents that are opened here."""
OUR_BUG = "our-bug"
"""Reason of a dead letter that we could not read because of a fault of ours."""
GIVEN_UP_MAX = 500
PAGES_MAX = 1_000_000
VAIN_MAX = 5
"""How often a point that is due may be found to have been fired by another process."""

LOGGED = {
    "accepted": "accepted",
    "rejected": "rejected",
    "early": "early",
    "duplicate": "duplicates",
    "dead-letter": "dead_letters",
}
"""What became of a message, as the log's line of a batch counts it."""

Part = TypeVar("Part")
Closing = Callable[[Tx, list[Answer]], None]
"""What is written last in a batch's transaction, when its answers are known."""


class PointStuck(Exception):
    """A point of a clock that is due and does not fire: it would be asked for again without end."""


class Writer:
    """Takes the database's lock, and works on it until `close`. LX-523 where another process has it."""

    def __init__(
        self,
        line: Line,
        consumers: Sequence[Consumer],
        time: Timekeeper,
        log: Log,
        *,
        max_wait: timedelta = MAX_WAIT,
        messages_max: int = BATCH_MESSAGES_MAX,
    ) -> None:
        self.line, self.consumers, self.time, self.log = line, consumers, time, log
        self.messages_max = messages_max
        self.shared = line.store.shared
        """Whether other processes write as well."""
        with line.store.transaction() as tx:
            last = tx.log(tx.head() - 1, 1)
            if last:
                time.not_before(last[0].recorded_at)
            self.marks = Watermarks(tx.watermarks(), time.now(), max_wait)
            self.held: set[str] = tx.quarantined(QUARANTINED)
            """Cases in quarantine."""
        self.place = Place(0, 0)
        if not self.shared:
            self.take_log()
        self.clock_fences: Callable[[], list[Fence]] = list
        """What is written with every point that fires, where one process at a time rings the clocks."""
        self.learn: Callable[[Reader, Watermarks, Instant], None] = lambda reader, marks, now: None
        """How far other processes have read the intake."""
        self._vain: Counter[str] = Counter()  # points that did not fire: another process was quicker, or they are stuck
        self._told: set[str] = set()  # partitions that stand still, and have an incident
        self.counts: Counter[str] = Counter()
        """What became of the messages since this process began."""
        self.unwiped = False
        """Somebody was erased while a reader held an older snapshot: the files must be wiped later."""

    @property
    def standing(self) -> frozenset[str]:
        """Partitions of the intake that have stood still for too long."""
        return frozenset(self._told)

    def take_log(self) -> None:
        """From here on this process takes up the facts that nobody has reacted to; whoever did so can no more."""
        with self.line.store.transaction() as tx:
            self.place = Place(*tx.claim(GROUP, LOG))

    def look(self, tx: Tx) -> None:
        """What other processes may have changed since: which cases are held. Asked before anything is written."""
        if self.shared:
            self.held = tx.quarantined(QUARANTINED)

    def wait_for(self, partition: str) -> None:
        """From here on no clock rings beyond what was read of this partition; other processes know it too."""
        self.marks.move(partition, "", self.time.now())
        with self.line.store.transaction() as tx:
            tx.append(Batch(watermarks=[(partition, "")]))

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def take_in(
        self,
        items: Sequence[Item],
        now: Instant,
        meanwhile: Meanwhile | None = None,
        closing: Closing | None = None,
    ) -> list[Answer]:
        """Carry messages, and what follows from them, to their commit; one answer each. `meanwhile`: see the store.

        `closing` sees the answers and may write more, in the same transaction (after a bug was isolated: in the next).
        """
        answers: dict[int, Answer] = {}
        closed = closing is None

        def work(tx: Tx, part: Sequence[int]) -> None:
            nonlocal closed
            self.look(tx)
            taken = [items[index] for index in part]
            fences, marks = joined(taken), [item.watermark for item in taken if item.watermark]
            for wave in waves(part, items, self.case_of):
                messages = [items[index].message for index in wave]
                given = self.carry(tx, messages, now, offsets=fences, watermarks=marks)
                answers.update(zip(wave, given, strict=True))
                fences, marks = [], []
            if closing is not None and len(part) == len(items):
                closing(tx, [answers[index] for index in part])
                closed = True

        def quarantine(index: int, error: Exception) -> None:
            item = items[index]
            if not isinstance(item.message, Ask):
                raise error  # there is no case to hold: the worker must stop
            case_id = self.case_of(item.message)
            with self.line.store.transaction() as tx:
                marks = [item.watermark] if item.watermark else []
                held = {*self.held, case_id}
                (answers[index],) = carry(
                    tx, [item.message], self.line, now, offsets=joined([item]), watermarks=marks, held=held
                )
                self._open_quarantine(tx, case_id, error, now)
            self.held.add(case_id)

        began = monotonic()
        self._isolated(range(len(items)), work, quarantine, meanwhile)
        if closing is not None and not closed:
            with self.line.store.transaction() as tx:
                closing(tx, [answers[index] for index in range(len(items))])
        if items:
            self.counts.update(answer.status for answer in answers.values())
            counts = Counter(LOGGED[answer.status] for answer in answers.values())
            spent = round((monotonic() - began) * 1000)
            self.log.tell("batch.committed", messages=len(items), ms=spent, **counts)
        return [answers[index] for index in range(len(items))]

    def carry(
        self,
        tx: Tx,
        messages: Sequence[Message],
        now: Instant,
        *,
        offsets: Sequence[Fence] = (),
        watermarks: Sequence[tuple[str, Instant]] = (),
        again: bool = False,
    ) -> list[Answer]:
        """The messages, and what follows from them, inside a transaction; at most one message of a case.

        A process without consumers leaves what follows to one that has them.
        """
        facts: list[Event] = []
        answers = carry(
            tx,
            messages,
            self.line,
            now,
            offsets=offsets,
            watermarks=watermarks,
            again=again,
            held=self.held,
            heard=facts if self.consumers else None,
        )
        follow(tx, facts, self.line, self.consumers, now, held=self.held)
        return answers

    def case_of(self, ask: Ask) -> str:
        """The id of the case that is meant."""
        return ask.case_id or self.line.keys.case_id(ask.workflow, ask.case_key)

    def read_in(
        self, raw: bytes, received_at: Instant, event: IntakeEvent | Unreadable | None = None
    ) -> Ask | Unusable:
        """The wish in a CloudEvent as it came, by what its source may do. `event`: where it was read already."""
        event = read_event(raw, received_at) if event is None else event
        try:
            return from_event(event, self.line.book, self.line.sources, received_at, raw)
        except (AssertionError, LianxinError, MemoryError):
            raise
        except Exception as error:  # kept as a dead letter, with an incident: the others go on
            with self.line.store.transaction() as tx:
                self.open_incident(tx, "", OUR_BUG, {"error": type(error).__name__, "place": where(error)}, received_at)
            return Unusable(event.source or "", event.id or "", OUR_BUG, f"{type(error).__name__}", content=raw)

    # ── clocks and reactions ─────────────────────────────────────────────────────────────────────────────────────

    def ring(self, now: Instant) -> int:
        """Fire points that are due as far as the intake has come, one page of them; how many."""
        if self.shared:
            with self.line.store.read() as reader:
                self.learn(reader, self.marks, now)
        fired = self._fire(self.marks.reach(now), now, ())
        beyond = self.marks.beyond(now)
        self._tell_of(beyond, now)
        if not fired and beyond is not None:
            fired = self._fire(beyond, now, (INTAKE_INCOMPLETE,))
        return fired

    def settle(self, now: Instant) -> None:
        """Everything that follows by itself up to `now`: reactions, clocks, what has waited too long."""
        for _ in range(PAGES_MAX):
            if not (self.catch_up(now) or self.ring(now) or self.give_up(now)):
                return
        raise AssertionError("clocks ring without end")

    def catch_up(self, now: Instant) -> int:
        """React to facts that nobody has reacted to, one page of them: those of processes without consumers."""
        if not self.consumers:
            return 0
        with self.line.store.transaction() as tx:
            events = tx.log(self.place.position, BATCH_MESSAGES_MAX, reacts_only=True)

        def work(tx: Tx, part: Sequence[Event]) -> Callable[[], None]:
            self.look(tx)
            to = part[-1].position
            place = catch_up(tx, self.line, self.consumers, self.place, now, held=self.held, to=to)
            return lambda: self._reached(place)

        def quarantine(event: Event, error: Exception) -> None:
            self._hold(event.case_id, error, now, past=event.position)

        self._isolated(events, work, quarantine)
        return len(events)

    def give_up(self, now: Instant) -> int:
        """Open an incident for what has waited too long for the fact it needs. It stays, and is tried on."""
        with self.line.store.transaction() as tx:
            waiting = tx.parked(give_up_until=now, limit=GIVEN_UP_MAX)
            if not waiting:
                return 0
            batch = Batch(parked=[replace(row, give_up_at=DONE) for row in waiting])
            late = [row for row in waiting if row.needs != QUARANTINE]  # those have their incident
            batch.events = [_incident(row.case_id, GAVE_UP, _facts(row), now) for row in late]
            tx.append(batch)
        if late:
            self.log.tell("message.given_up", count=len(late))
        return len(waiting)

    def _fire(self, reach: Reach, now: Instant, notes: tuple[str, ...]) -> int:
        with self.line.store.transaction() as tx:
            self.look(tx)
            commands = rungs(
                tx,
                reach.until,
                self.line,
                notes=notes,
                without_cases=self.held,
                without_workflows=reach.held,
                imported=self.marks.imported,
            )
            if commands and self.shared:
                commands = self._without_importing(tx, commands, now)

        def work(tx: Tx, part: Sequence[Command]) -> Callable[[], None]:
            self.look(tx)
            part = [command for command in part if command.case_id not in self.held]
            offsets = self.clock_fences()
            answers = self.carry(tx, part, now, offsets=offsets, watermarks=self.marks.as_rows())
            vain = [command.id for command, answer in zip(part, answers, strict=True) if answer.status != "accepted"]
            if any(self._vain[id_] >= self.vain_max for id_ in vain):
                raise PointStuck
            return lambda: self._vain.update(vain)

        def quarantine(command: Command, error: Exception) -> None:
            self._hold(command.case_id, error, now)
            self._vain.pop(command.id, None)

        if commands:
            self._isolated(commands, work, quarantine)
            self.log.tell("clock.fired", count=len(commands), until=reach.until)
        elif self._vain:
            self._vain.clear()
        return len(commands)

    @property
    def vain_max(self) -> int:
        """How often a point that is due may not fire before it is a fault: where others ring too, they may have."""
        return VAIN_MAX if self.shared else 0

    def _without_importing(self, tx: Tx, commands: list[Command], now: Instant) -> list[Command]:
        """Those of workflows that no import is on its way for; asked after the points were, so that none slips in."""
        self.learn(tx, self.marks, now)
        importing = self.marks.reach(now).held
        cases = tx.load({command.case_id for command in commands}) if importing else {}
        return [
            command
            for command in commands
            if not importing or self.line.book.pinned(cases[command.case_id].workflow).workflow.name not in importing
        ]

    # ── bugs ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _isolated(
        self,
        parts: Sequence[Part],
        work: Callable[[Tx, Sequence[Part]], Callable[[], None] | None],
        quarantine: Callable[[Part, Exception], None],
        meanwhile: Meanwhile | None = None,
    ) -> None:
        """Do all of it in one transaction; where a bug shows, halve until the part that has it is found."""
        if not parts:
            return
        try:
            committed = self.line.store.write(lambda tx: work(tx, parts), meanwhile)
        except (AssertionError, LianxinError, MemoryError):
            raise  # store, chain or fence are broken, or an operator must mend something: the worker must not go on
        except Exception as error:
            if len(parts) == 1:
                quarantine(parts[0], error)
                return
            half = len(parts) // 2
            self._isolated(parts[:half], work, quarantine)
            self._isolated(parts[half:], work, quarantine)
            return
        if committed is not None:
            committed()

    def _reached(self, place: Place) -> None:
        self.place = place

    def _hold(self, case_id: str, error: Exception, now: Instant, past: int = 0) -> None:
        with self.line.store.transaction() as tx:
            self._open_quarantine(tx, case_id, error, now)
            if past:
                fence = (GROUP, LOG, self.place.epoch, self.place.position, past)
                tx.append(Batch(offsets=[fence]))
        if past:
            self.place = replace(self.place, position=past)
        self.held.add(case_id)

    def _open_quarantine(self, tx: Tx, case_id: str, error: Exception, now: Instant) -> None:
        facts = {"error": type(error).__name__, "place": where(error)}
        if case_id not in self.held:
            self.open_incident(tx, case_id, QUARANTINED, facts, now)
        self.log.tell("case.quarantined", case_id=case_id, **facts)

    def open_incident(self, tx: Tx, case_id: str, code: str, facts: JsonObject, now: Instant) -> None:
        """Something a person must look at, on record."""
        tx.append(Batch(events=[_incident(case_id, code, facts, now)]))

    def release(self, case_id: str, now: Instant, cause: JsonObject) -> int:
        """Take a case out of quarantine, in one transaction; how many messages were waiting.

        Its incidents are closed, what its facts should have caused is caused, and its messages are tried. Raises what
        the case was quarantined for, where that is not mended: nothing has changed then.
        """

        def work(tx: Tx) -> tuple[int, set[str]]:
            waiting = len(tx.parked_for([case_id]))
            for incident in open_incidents(tx, case_id):
                if incident["code"] == QUARANTINED:
                    closed = {"position": incident["position"], "ordinal": incident["ordinal"]} | cause
                    tx.append(Batch(events=[record(case_id, INCIDENT_CLOSED, closed, {}, now, now)]))
            held, at = (tx.quarantined(QUARANTINED) if self.shared else self.held) - {case_id}, 0
            facts: list[Event] = []
            while events := tx.history(case_id, at):
                at = events[-1].position
                passed_over = [event for event in events if event.reacts == WAITS]
                carry(tx, wished(passed_over, self.line, self.consumers, now), self.line, now, heard=facts)
            follow(tx, facts, self.line, self.consumers, now, held=held)
            waited: list[Event] = []
            carry(tx, [], self.line, now, retry={case_id}, heard=waited)
            follow(tx, waited, self.line, self.consumers, now, held=held)
            return waiting, held

        waiting, self.held = self.line.store.write(work)
        self.log.tell("case.released", case_id=case_id, count=waiting)
        return waiting

    def _tell_of(self, beyond: Reach | None, now: Instant) -> None:
        standing = set(beyond.standing) if beyond is not None else set()
        for partition in sorted(standing - self._told):
            with self.line.store.transaction() as tx:
                told = {i["facts"].get("partition") for i in open_incidents(tx) if i["code"] == STANDS}
                if partition not in told:
                    facts = {"partition": partition, "until": self.marks.reach(now).until}
                    self.open_incident(tx, "", STANDS, facts, now)
            self.log.tell("intake.stands", partition=partition.partition("/")[0])
        self._told = standing


def where(error: BaseException) -> str:
    """The place in the code where an exception came from, without a value."""
    frames = extract_tb(error.__traceback__)
    if not frames:
        return ""
    last = frames[-1]
    return f"{'/'.join(Path(last.filename).parts[-3:])}:{last.lineno}"


def open_incidents(reader: Reader, case_id: str = "") -> list[JsonObject]:
    """All incidents that nobody has closed."""
    found: list[JsonObject] = []
    after = (0, 0)
    while page := reader.incidents(case_id=case_id, open_only=True, after=after):
        found += page
        after = (page[-1]["position"], page[-1]["ordinal"])
    return found


def _incident(case_id: str, code: str, facts: JsonObject, now: Instant) -> Event:
    return record(case_id, INCIDENT_OPENED, {"code": code, "facts": facts}, {}, now, now)


def _facts(row: ParkedRow) -> JsonObject:
    return {"source": row.source, "id": row.id, "needs": row.needs, "since": row.parked_at}
