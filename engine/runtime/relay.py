"""The relay: what stands in the log goes out on the bus, each fact at least once, in order per case.

A cursor over the log, like the consumers': it reads by position, which has no gaps, and moves on only after the broker
has acknowledged. Whoever gets a fact twice knows it by (source, id). It runs on a thread of its own, because a broker
that is away for a while must keep nobody waiting who writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.bus import CASE_EVENTS, CASE_SEALED, DEAD_LETTERS, Outgoing, Outlet
from engine.core.errors import LianxinError
from engine.core.evolve import evolve
from engine.core.model import Case, Event, JsonObject
from engine.log import Log
from engine.runtime import outward
from engine.runtime.handle import Line
from engine.store.batch import Batch, DeadLetterRow, StaleEpoch
from engine.store.reader import Reader

GROUP = "relay"
FACTS, DEAD = "log", "dead-letters"
"""The two cursors: over the log by position, over the dead letters by number."""
PAGE = 500
IDLE_SECONDS = 0.1
"""Between two looks at a log that has nothing new."""
RETRY_SECONDS = 2.0
"""After the broker has not acknowledged, or the store could not be written to."""
STOP_SECONDS = 5.0
"""Until a thread that waits for a broker is left behind: what it sends then is sent again by the next one."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far one of the two has gone, under which epoch it is held."""

    partition: str
    epoch: int
    next: int


class Relay:
    """Runs from `start` to `close`; sends only while it is `allowed`: one process at a time."""

    def __init__(self, line: Line, outlet: Outlet, log: Log) -> None:
        self.line, self.outlet, self.log = line, outlet, log
        self._cursors: dict[str, Cursor] = {}
        self._allowed, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run_on, name="relay", daemon=True)
        self._bug: Exception | None = None
        with line.store.read() as reader:
            self._source = f"urn:lianxin:{reader.about().get('key_id', 'log')}"

    def start(self) -> None:
        """Begin, once."""
        self._thread.start()

    def allow(self, allowed: bool) -> None:
        """Whether it is for this process to send. Raises what ended the thread, where it was a fault of ours."""
        if self._bug is not None:
            raise self._bug
        if allowed:
            self._allowed.set()
        else:
            self._allowed.clear()

    def close(self) -> None:
        """Stop after the page at hand."""
        self._stop.set()
        self._allowed.set()  # so that a thread that waits for it looks up
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        self.outlet.sender.close()

    def step(self) -> int:
        """Send one page of each cursor, and commit how far it went; how many were sent.

        LX-557 where the broker has not acknowledged: nothing is settled, all of it is sent again. StaleEpoch where
        another process sends by now.
        """
        if not self._cursors:
            self._claim()
        return self._send(FACTS, self._facts) + self._send(DEAD, self._dead_letters)

    def _run_on(self) -> None:
        try:
            self._run()
        except Exception as error:  # on another thread nobody would hear of it: the worker raises it, and stops
            self._bug = error

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._allowed.wait(IDLE_SECONDS) or self._stop.is_set():
                self._cursors.clear()
                continue
            try:
                wait = 0.0 if self.step() else IDLE_SECONDS
            except StaleEpoch:
                self._cursors.clear()
                wait = RETRY_SECONDS
            except LianxinError as error:
                self.log.tell("relay.waits", code=error.code)
                wait = RETRY_SECONDS
            self._stop.wait(wait)

    def _claim(self) -> None:
        with self.line.store.transaction() as tx:
            self._cursors = {name: Cursor(name, *tx.claim(GROUP, name)) for name in (FACTS, DEAD)}

    def _send(self, name: str, read: Callable[[Reader, int], tuple[int, list[Outgoing]]]) -> int:
        cursor = self._cursors[name]
        with self.line.store.read() as reader:
            following, messages = read(reader, cursor.next)
        if following == cursor.next:
            return 0
        if messages:
            self.outlet.sender.send(messages)
        with self.line.store.transaction() as tx:
            tx.append(Batch(offsets=[(GROUP, name, cursor.epoch, cursor.next, following)]))
        self._cursors[name] = replace(cursor, next=following)
        self.log.tell("relay.sent", count=len(messages), position=following)
        return len(messages)

    # ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────

    def _facts(self, reader: Reader, after: int) -> tuple[int, list[Outgoing]]:
        """A page of the log. What belongs to no case (incidents of the engine itself) is nobody's business outside."""
        events = reader.log(after, PAGE)
        if not events:
            return after, []
        sealed = self._sealed(reader, events)
        found = [
            self._outgoing(CASE_SEALED if event.position in sealed else CASE_EVENTS, event.case_id, self._fact(event))
            for event in events
            if event.case_id
        ]
        return events[-1].position, found

    def _dead_letters(self, reader: Reader, after: int) -> tuple[int, list[Outgoing]]:
        rows = reader.dead_letters(after=after, limit=PAGE)
        found = [self._outgoing(DEAD_LETTERS, row.source, self._dead_letter(row)) for row in rows]
        return rows[-1].number if rows else after, found

    def _outgoing(self, topic: str, key: str, event: JsonObject) -> Outgoing:
        headers, value = self.outlet.encode(event)
        return Outgoing(self.outlet.topic(topic), key.encode(), tuple(headers), value)

    def _fact(self, event: Event) -> JsonObject:
        said = outward.fact(event)
        if summary := event.data.get("summary"):
            said["summary"] = outward.clean(summary)
        return {
            "specversion": "1.0",
            "id": str(event.position),
            "source": self._source,
            "type": event.type,
            "subject": event.case_id,
            "time": event.occurred_at,
            "partitionkey": event.case_id,
            "datacontenttype": "application/json",
            "data": said,
        }

    def _dead_letter(self, row: DeadLetterRow) -> JsonObject:
        """Why, and which one: whoever sent it knows it by its id. Nothing of what it said."""
        return {
            "specversion": "1.0",
            "id": f"dead-letter/{row.number}",
            "source": self._source,
            "type": "lianxin.dead-letter.v1",
            "time": row.received_at,
            "datacontenttype": "application/json",
            "data": {"source": row.source, "id": row.id, "reason": row.reason, "field": row.field},
        }

    def _sealed(self, reader: Reader, events: Sequence[Event]) -> set[int]:
        """The positions at which a case was sealed, or left that state: of workflows that know such a state at all."""
        found: set[int] = set()
        for case_id, case in reader.load({event.case_id for event in events if event.case_id}).items():
            if not case.exists:  # its opening was refused
                continue
            states = self.line.book.pinned(case.workflow).workflow.main.states
            hidden = frozenset(name for name, state in states.items() if state.sealed_to)
            if hidden:
                found |= _sealed_at(case_id, _whole(reader, case_id), hidden)
        return found


def _whole(reader: Reader, case_id: str) -> Iterator[Event]:
    """All records of a case: whether it was sealed at the last ones shows only from its beginning."""
    after = 0
    while page := reader.history(case_id, after):
        yield from page
        after = page[-1].position


def _sealed_at(case_id: str, history: Iterable[Event], hidden: frozenset[str]) -> set[int]:
    found: set[int] = set()
    case = Case(case_id)
    for event in history:
        before = case.state
        if event.version:
            case = evolve(case, event)
        if case.state in hidden or before in hidden:
            found.add(event.position)
    return found
