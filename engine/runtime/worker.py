"""`lianxin run all`: one loop that takes what has arrived, reacts, rings the clocks, and waits without spinning.

requests (local socket) ─┐
files (spool)            ├─► one transaction a batch ─► answers ─► clocks as far as the intake has come ─► again
imports (local socket)  ─┘
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential,
)

from engine.bus import Delivery, Outlet, TopicReader
from engine.bus.spool import Spool
from engine.core.errors import LianxinError
from engine.core.instants import MICROSECOND, Instant, plus
from engine.log import Log
from engine.runtime.asks import Ask, Unusable
from engine.runtime.batching import Item
from engine.runtime.doors import Door, Hall
from engine.runtime.duties import ALL, Duty
from engine.runtime.garbage import seldom_collected
from engine.runtime.gathering import forgotten_before, take_in_together
from engine.runtime.handle import BATCH_MESSAGES_MAX, Line
from engine.runtime.local_socket import Server, socket_path
from engine.runtime.operations import operate
from engine.runtime.pulse import Pulse
from engine.runtime.react import Consumer
from engine.runtime.relay import Relay
from engine.runtime.reprojection import reproject_all
from engine.runtime.requests import Queue
from engine.runtime.sharing import CLOCK_LEASE, CONSUMERS_LEASE, Sharing
from engine.runtime.timekeeper import Timekeeper
from engine.runtime.topic_intake import MARK, TopicIntake
from engine.runtime.watermarks import LIVE, MAX_WAIT, SPOOL
from engine.runtime.writer import Writer
from engine.store.access import FORGOTTEN_MAX, forget_answers
from engine.store.batch import StaleEpoch

IDLE_SECONDS = 0.25
"""Between two looks at the clock and the folder while nobody asks for anything."""
TOPIC_LOOK_SECONDS = 0.01
"""Between two looks whether the broker has sent something: it does not wake whoever waits for requests."""
FORGET_EVERY = timedelta(hours=1)
RETRY_SECONDS_MAX = 5.0
"""Longest wait between two attempts while the store cannot be written to."""
MAY_PASS = frozenset({"LX-524", "LX-529"})
"""The store cannot be written to just now; other processes were quicker each time."""
UNWIPED = "LX-526"
SPOOL_GROUP = "spool"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What an operator may set. `spool`: the folder of files to take in; `topic`: the intake on Kafka; `outlet`: where
    facts go out; None: none."""

    spool: Path | None = None
    topic: TopicReader | None = None
    outlet: Outlet | None = None
    max_wait: timedelta = MAX_WAIT
    messages_max: int = BATCH_MESSAGES_MAX
    listen: bool = True
    duties: frozenset[Duty] = ALL


def run(
    line: Line,
    consumers: Sequence[Consumer],
    settings: WorkerSettings,
    stop: threading.Event,
    *,
    time: Timekeeper,
    log: Log,
    doors: Sequence[Door] = (),
) -> None:
    """Work until `stop` is set, then finish the batch at hand and go. LX-523 where another process writes."""
    with Worker(line, consumers, settings, time, log, doors) as worker:
        worker.run(stop)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set. For the main thread."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading a file goes on, under which epoch it is held."""

    partition: str
    epoch: int
    offset: int


class Worker:
    """The loop, step by step: `step` does a little of everything that waits and says whether there was anything."""

    def __init__(
        self,
        line: Line,
        consumers: Sequence[Consumer],
        settings: WorkerSettings,
        time: Timekeeper,
        log: Log,
        doors: Sequence[Door] = (),
    ) -> None:
        self.settings, self.time, self.log = settings, time, log
        self.writer = Writer(line, consumers, time, log, max_wait=settings.max_wait, messages_max=settings.messages_max)
        self.queue = Queue(time)
        self.pulse = Pulse()
        self.sharing = Sharing(self.writer, settings.duties, log) if self.writer.shared else None
        self.spool = Spool(settings.spool) if settings.spool is not None else None
        self._spool_mark = SPOOL  # its lease as well
        if self.spool is not None:
            if self.sharing is not None:  # others may take from other folders
                self._spool_mark = f"{SPOOL}:{self.spool.folder.resolve()}"
            self.writer.wait_for(self._spool_mark)
        elif self.sharing is None:
            self.writer.marks.drop(SPOOL)  # whoever took the folder away does not wait for it
        if settings.topic is None and self.sharing is None:
            for name in self.writer.marks.names(MARK):
                self.writer.marks.drop(name)
        self._began: set[str] = set()  # what this process holds the lease of, and has begun
        self.topic = self._topic(settings.topic)
        self._claims: dict[str, tuple[int, int]] = {}  # of a file: epoch and offset
        self._forget_at: Instant = ""
        self._ahead: tuple[Place, list[Item]] | None = None  # what was read while the disk wrote
        self._closing = ExitStack()
        self._closing.enter_context(seldom_collected())
        if self.sharing is not None:
            self._closing.callback(self.sharing.close)
        path = line.store.path
        if settings.listen and path is not None:
            server = Server(socket_path(path), self.queue.perform, log)
            self._closing.callback(server.close)
        try:
            for door in doors:  # left after the queue is closed, so that whoever waits behind one is told
                self._closing.enter_context(door(Hall(line, self.queue, self.writer, self.pulse, time, log)))
        except BaseException:
            self._closing.close()
            raise
        self._closing.callback(self.queue.close)
        if self.spool is not None:
            self._closing.callback(self.spool.close)
        if self.topic is not None:
            self._closing.callback(self.topic.close)
        self.relay = Relay(line, settings.outlet, log) if settings.outlet is not None else None
        if self.relay is not None:
            self._closing.callback(self.relay.close)
            self.relay.start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def run(self, stop: threading.Event) -> None:
        """Steps until `stop` is set. While the store cannot be written to, the same step again, ever more slowly."""
        self.log.tell("worker.started", pid=os.getpid(), position=self.writer.place.position)
        if self.sharing is None:
            self._apply_calendars()
        patient = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=wait_exponential(multiplier=0.1, max=RETRY_SECONDS_MAX),
            sleep=sleep_using_event(stop),
            stop=stop_when_event_set(stop),
            before_sleep=self._tell_of_failure,
        )
        while not stop.is_set():
            try:
                worked = patient(self.step)
            except RetryError:  # told to stop while the store could not be written to: nothing is lost
                break
            if not worked:
                self._rest()
        self.log.tell("worker.stopped", pid=os.getpid(), position=self.writer.place.position)

    def step(self) -> bool:
        """Take one batch of what has arrived, ring one page of what is due; whether there was anything to do."""
        self.pulse.beat()
        try:
            return self._step(self.time.now())
        except StaleEpoch:
            if self.sharing is None:
                raise
            self.sharing.lost()  # somebody else does it by now: whatever was held is asked for anew
            self._began.clear()
            self._claims.clear()
            self._ahead = None
            return True

    def _step(self, now: Instant) -> bool:
        self.pulse.behind = self.time.behind
        if self.time.behind:
            self.log.tell("clock.behind", until=now)
        worked = self._answer_requests(now)
        consumes = self._may(Duty.CONSUMERS, CONSUMERS_LEASE, self.writer.take_log)
        clocks = self._may(Duty.CLOCK, CLOCK_LEASE, self._apply_calendars)
        if consumes:
            worked = bool(self.writer.catch_up(now)) or worked
        if self.relay is not None:
            self.relay.allow(consumes)
        if self.topic is not None:
            worked = self.topic.step(now) or worked
        reads = self.spool is not None and self._may(Duty.INTAKE, self._spool_mark, self._claims.clear)
        file = self._next_file(now) if reads else None
        # A file is taken in whole, and then what was due by its arrival rings, before the next one, whoever rings else:
        # so it is, however it was cut or cut off, and however many processes there are.
        rings = clocks or file is not None
        in_its_midst = file is not None and self._claim(file)[1] and self.writer.marks.beyond(now) is None
        if rings and not in_its_midst and self.writer.ring(now):
            worked = True
        elif file is not None:
            worked = self._take_file(file, now) or worked
        if clocks:
            worked = bool(self.writer.give_up(now)) or worked
        if Duty.API in self.settings.duties:
            self._forget(now)
        self._wipe()
        self.pulse.failing, self.pulse.standing = "", tuple(sorted(self.writer.standing))
        if self.sharing is not None:
            self.sharing.tell(now)
        return worked

    def _may(self, duty: Duty, lease: str, begin: Callable[[], None]) -> bool:
        """Whether it is for this process to do; where it has just become so, it is begun."""
        if duty not in self.settings.duties:
            return False
        if self.sharing is None:
            return True
        if not self.sharing.may(lease):
            self._began.discard(lease)
            return False
        if lease not in self._began:
            begin()
            self._began.add(lease)
        return True

    def _apply_calendars(self) -> None:
        if Duty.CLOCK not in self.settings.duties:
            return
        if moved := reproject_all(self.writer.line, self.time.now(), self.writer.carry):
            self.log.tell("calendar.applied", count=moved)

    def drain(self) -> None:
        """Steps until nothing is left to do at this instant."""
        while self.step():
            pass

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer_requests(self, now: Instant) -> bool:
        tickets = self.queue.take(self.settings.messages_max)
        try:
            if tickets and tickets[0].size:
                take_in_together(self.writer, tickets, now)
            elif tickets:
                tickets[0].give(operate(self.writer, tickets[0].request, now))
        except LianxinError as error:
            for ticket in tickets:
                ticket.refuse(error)
            if _may_pass(error):
                raise  # the callers know; the worker waits until the store can be written to
        except BaseException:
            for ticket in tickets:
                ticket.refuse(LianxinError("LX-532", exit_code=5))
            raise
        oldest = self.queue.oldest()
        live = LIVE if self.sharing is None else self.sharing.live
        if live:
            self.writer.marks.move(live, before(oldest) if oldest else now, now)
        return bool(tickets)

    # ── files ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _next_file(self, now: Instant) -> str | None:
        """The file that has waited longest. Where none waits, the spool has been read up to now."""
        if self.spool is None:
            return None
        try:
            waiting = self.spool.waiting(now)
        except LianxinError as error:  # the mark stands still; after a while that is an incident
            self.log.tell("intake.file_unreadable", code=error.code)
            return None
        if not waiting:
            self.writer.marks.move(self._spool_mark, now, now)
            return None
        return waiting[0]

    def _take_file(self, partition: str, now: Instant) -> bool:
        """Its next lines, or, where none is left, its end."""
        assert self.spool is not None
        place = Place(partition, *self._claim(partition))
        ahead, self._ahead = self._ahead, None
        try:
            items = ahead[1] if ahead is not None and ahead[0] == place else self._items(self.spool, place)
        except LianxinError as error:
            self.log.tell("intake.file_unreadable", code=error.code)
            return False
        if not items:  # killed between the commit of its last line and its end
            self._end_file(partition)
            return partition not in self._claims
        del self._claims[partition]  # asked for anew unless all of it commits: a part of it may have
        following = replace(place, offset=items[-1].following)
        self.writer.take_in(items, now, meanwhile=lambda: self._read_ahead(following))
        self._claims[partition] = (following.epoch, following.offset)
        self.writer.marks.progress(self._spool_mark, now)
        if (mark := items[-1].watermark) is not None:
            self.writer.marks.move(self._spool_mark, mark[1], now)
            self._end_file(partition)
        return True

    def _items(self, spool: Spool, place: Place) -> list[Item]:
        """The next lines of a file, each with its offset; the last one of all with the file's mark."""
        found, partition, epoch, offset = [], place.partition, place.epoch, place.offset
        for delivery in spool.take(partition, offset, self.settings.messages_max):
            following = delivery.following
            mark = (self._spool_mark, delivery.received_at) if delivery.last else None
            found.append(Item(self._read(delivery), (SPOOL_GROUP, partition, epoch, offset, following), mark))
            offset = following
        return found

    def _read_ahead(self, place: Place) -> None:
        """While the disk writes one batch, the next one is read; at most that one. Nothing is decided yet."""
        assert self.spool is not None
        with suppress(Exception):  # it is read again when its turn comes, and what is wrong with it shows then
            self._ahead = (place, self._items(self.spool, place))

    def _end_file(self, partition: str) -> None:
        """Its last line is committed. Where it cannot be removed, it is looked at again and again, and told."""
        assert self.spool is not None
        _, count = self._claims[partition]
        try:
            self.spool.settled(partition)
        except LianxinError as error:
            self.log.tell("intake.file_unreadable", code=error.code)
            return
        del self._claims[partition]
        self.log.tell("intake.file_done", count=count)

    def _claim(self, partition: str) -> tuple[int, int]:
        if partition not in self._claims:
            with self.writer.line.store.transaction() as tx:
                self._claims[partition] = tx.claim(SPOOL_GROUP, partition)
        return self._claims[partition]

    def _read(self, delivery: Delivery) -> Ask | Unusable:
        """A line; one without a readable id is known by its place, so that it is a dead letter once."""
        message = self.writer.read_in(delivery.raw, delivery.received_at)
        if isinstance(message, Ask):
            message.file, message.row = delivery.file, delivery.row
            return message
        if not (message.source and message.id):
            source = message.source or f"spool:{delivery.file}"
            message = replace(message, source=source, id=message.id or f"{delivery.partition}:{delivery.row}")
        return replace(message, file=delivery.file, row=delivery.row)

    # ── topic ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _topic(self, reader: TopicReader | None) -> TopicIntake | None:
        if reader is None:
            return None
        return TopicIntake(reader, self.writer, self.log, messages_max=self.settings.messages_max)

    def _rest(self) -> None:
        """Until somebody asks for something, a message has come, or it is time to look at the clock."""
        if self.topic is None:
            self.queue.wait(IDLE_SECONDS)
            return
        until = monotonic() + IDLE_SECONDS
        while monotonic() < until and not self.queue.oldest() and not self.topic.arrived():
            self.queue.wait(TOPIC_LOOK_SECONDS)

    # ── beside that ───────────────────────────────────────────────────────────────────────────────────────────

    def _forget(self, now: Instant) -> None:
        """Answers that are kept to be given again are kept for a while; looked at now and then."""
        if now < self._forget_at:
            return
        with self.writer.line.store.transaction() as tx:
            full = forget_answers(tx, forgotten_before(now)) == FORGOTTEN_MAX
        self._forget_at = now if full else plus(now, FORGET_EVERY)

    def _wipe(self) -> None:
        """After somebody was erased while a reader held an older snapshot: the files once more."""
        if self.writer.unwiped:
            try:
                self.writer.line.store.checkpoint()
            except LianxinError as error:
                if error.code != UNWIPED:
                    raise
                return
            self.writer.unwiped = False

    def _tell_of_failure(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        code = error.code if isinstance(error, LianxinError) else ""
        self.pulse.failing = code
        self.log.tell("store.unavailable", code=code, count=state.attempt_number)


def before(instant: Instant) -> Instant:
    """The instant just before: up to there the intake has been read, while something of `instant` still waits."""
    return plus(instant, -MICROSECOND)


def _may_pass(error: BaseException) -> bool:
    """A full disk, a lock held too long: nothing was written, and it may work again later."""
    return isinstance(error, LianxinError) and error.code in MAY_PASS
