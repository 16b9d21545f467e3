"""The relay: what the log says goes out on the bus. A cursor over the log by position, moved after the acknowledgement.

Each record goes out at least once, in order per case (the key is its id), under an id that is always the same, so
that a receiver can drop what comes again. Sealed matters go on a topic of their own; dead letters without their body.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.bus import CASE_EVENTS, CASE_SEALED, DEAD_LETTERS, Outgoing, TopicWriter
from engine.bus.kafka import events
from engine.core.errors import LianxinError
from engine.core.model import Case, Event, JsonObject
from engine.log import Log
from engine.runtime.handle import Line
from engine.store.batch import Batch, DeadLetterRow

GROUP = "relay"
LOG, DEAD = "log", "dead-letters"
SENT_MAX = 500
"""Records sent between two moves of the cursor."""
WAIT_SECONDS = 0.25
AFTER_FAILURE_SECONDS = 3.0
DEAD_LETTER_TYPE = "lianxin.dead-letter.v1"
PASSING = frozenset({"LX-524", "LX-527", "LX-529", "LX-550", "LX-557"})
"""The broker or the store is away, or another process relays: it is tried again."""


class Relay:
    """Step by step. Claims the cursor when it is made: whoever had it before moves it no more."""

    def __init__(self, line: Line, writer: TopicWriter, topic: Callable[[str], str], *, binary: bool = False) -> None:
        self.line, self.writer, self.topic = line, writer, topic
        self._written = events.binary if binary else events.structured
        self._source = f"lianxin:/case-events/{line.keys.key_id}"
        with line.store.transaction() as tx:
            self._epochs_and_places = {name: tx.claim(GROUP, name) for name in (DEAD, LOG)}

    def step(self) -> int:
        """Send one page of the log and one of the dead letters; how many were sent. LX-557 where they were not."""
        return self._send_log() + self._send_dead_letters()

    def _send_log(self) -> int:
        _, position = self._epochs_and_places[LOG]
        with self.line.store.read() as reader:
            found = reader.log(position, SENT_MAX)
            cases = reader.load({event.case_id for event in found if event.case_id})
        if found:
            self.writer.send([self._case_event(event, cases[event.case_id]) for event in found if event.case_id])
            self._move(LOG, found[-1].position)
        return len(found)

    def _send_dead_letters(self) -> int:
        _, number = self._epochs_and_places[DEAD]
        with self.line.store.read() as reader:
            found = reader.dead_letters(after=number, limit=SENT_MAX)
        if found:
            self.writer.send([self._dead_letter(row) for row in found])
            self._move(DEAD, found[-1].number)
        return len(found)

    def _move(self, name: str, to: int) -> None:
        epoch, place = self._epochs_and_places[name]
        with self.line.store.transaction() as tx:
            tx.append(Batch(offsets=[(GROUP, name, epoch, place, to)]))
        self._epochs_and_places[name] = epoch, to

    def _case_event(self, event: Event, case: Case) -> Outgoing:
        actor = {name: event.actor[name] for name in ("role", "unit") if event.actor.get(name)}
        said: JsonObject = {
            "specversion": "1.0",
            "id": str(event.position),
            "source": self._source,
            "type": event.type,
            "subject": event.case_id,
            "time": event.occurred_at,
            "recordedtime": event.recorded_at,
            "sequence": str(event.position),
            "partitionkey": event.case_id,
            "datacontenttype": "application/json",
            "data": {**event.data, "actor": actor, "version": event.version},
        }
        name = CASE_SEALED if self._sealed(event, case) else CASE_EVENTS
        headers, value = self._written(said)
        return Outgoing(self.topic(name), event.case_id.encode(), tuple(headers), value)

    def _sealed(self, event: Event, case: Case) -> bool:
        """Whether the case is sealed now, or was before or after the fact."""
        if not case.exists:
            return False
        states = self.line.book.pinned(case.workflow).workflow.main.states
        touched = {str(name) for name in (case.state, event.data.get("from"), event.data.get("to"))}
        return any(states[name].sealed_to for name in touched if name in states)

    def _dead_letter(self, row: DeadLetterRow) -> Outgoing:
        said: JsonObject = {
            "specversion": "1.0",
            "id": f"dead-letter-{row.number}",
            "source": self._source,
            "type": DEAD_LETTER_TYPE,
            "time": row.received_at,
            "partitionkey": row.source,
            "datacontenttype": "application/json",
            "data": {"source": row.source, "id": row.id, "reason": row.reason, "number": row.number},
        }
        headers, value = self._written(said)
        return Outgoing(self.topic(DEAD_LETTERS), row.source.encode(), tuple(headers), value)


@contextmanager
def relaying(made: Callable[[], Relay], log: Log) -> Iterator[None]:
    """A thread that relays, from here to the end of the block. Where the broker is away it tries again."""
    stop = threading.Event()
    thread = threading.Thread(target=_relay, args=(made, log, stop), name="relay", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(AFTER_FAILURE_SECONDS)


def _relay(made: Callable[[], Relay], log: Log, stop: threading.Event) -> None:
    relay: Relay | None = None
    while not stop.is_set():
        try:
            relay = relay or made()
            if sent := relay.step():
                log.tell("relay.sent", count=sent)
            else:
                stop.wait(WAIT_SECONDS)
        except LianxinError as error:
            log.tell("relay.waits", code=error.code)
            if error.code not in PASSING:
                raise
            if relay is not None:
                relay.writer.close()
                relay = None  # claimed and connected anew
            stop.wait(AFTER_FAILURE_SECONDS)
    if relay is not None:
        relay.writer.close()
