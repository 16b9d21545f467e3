"""Requests on their way to the process that writes: queued by threads, answered by its one loop after the commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.runtime.timekeeper import Timekeeper

QUEUE_REQUESTS_MAX = 1_000
"""Callers beyond it wait outside."""


@dataclass(slots=True)
class Ticket:
    """One request, and the place where its caller waits for the answer."""

    request: JsonObject
    received_at: Instant
    answer: JsonObject | None = None
    error: LianxinError | None = None
    done: threading.Event = field(default_factory=threading.Event)
    then: Callable[[Ticket], None] | None = None
    """Called in the worker's thread once there is an answer, for callers that do not wait in a thread of their own."""

    @property
    def size(self) -> int:
        """How many messages it brings; 0: it is no batch of messages, and goes alone."""
        messages = self.request.get("messages")
        return len(messages) if self.request["do"] == "submit" and isinstance(messages, list) else 0

    def give(self, answer: JsonObject) -> None:
        self.answer = answer
        self._settled()

    def refuse(self, error: LianxinError) -> None:
        self.error = error
        self._settled()

    def _settled(self) -> None:
        self.done.set()
        if self.then is not None:
            self.then(self)


class Queue:
    """Bounded, first come first served."""

    def __init__(self, time: Timekeeper) -> None:
        self._time = time
        self._tickets: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def perform(self, request: JsonObject) -> JsonObject:
        """Wait in line, and for the commit; the answer. LX-532 where the worker stops before."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._tickets) < QUEUE_REQUESTS_MAX)
            if self._closed:
                raise _stopping()
            # Inside the lock, so that the order of arrival is the order of the queue.
            ticket = Ticket(request, self._time.now())
            self._tickets.append(ticket)
            self._changed.notify_all()
        ticket.done.wait()
        if ticket.error is not None:
            raise ticket.error
        assert ticket.answer is not None
        return ticket.answer

    def offer(self, request: JsonObject, then: Callable[[Ticket], None]) -> bool:
        """Stand in line without waiting; False where there is no room. `then` gets the ticket with its answer.

        LX-532 where the worker is stopping.
        """
        with self._changed:
            if self._closed:
                raise _stopping()
            if len(self._tickets) >= QUEUE_REQUESTS_MAX:
                return False
            self._tickets.append(Ticket(request, self._time.now(), then=then))
            self._changed.notify_all()
        return True

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._tickets)

    def take(self, messages_max: int) -> list[Ticket]:
        """As many batches of messages as fit into one, or one request of another kind."""
        taken: list[Ticket] = []
        room = messages_max
        with self._changed:
            while self._tickets and self._fits(self._tickets[0], taken, room):
                ticket = self._tickets.popleft()
                taken.append(ticket)
                room -= ticket.size
                if not ticket.size:
                    break
            self._changed.notify_all()
        return taken

    def oldest(self) -> Instant:
        """When the one that has waited longest arrived; "" where nobody waits."""
        with self._changed:
            return self._tickets[0].received_at if self._tickets else ""

    def wait(self, seconds: float) -> None:
        """Until somebody asks for something, or so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._tickets, timeout=seconds)

    def close(self) -> None:
        """Take nothing more; who still waits is told so."""
        with self._changed:
            self._closed = True
            left = list(self._tickets)
            self._tickets.clear()
            self._changed.notify_all()
        for ticket in left:
            ticket.refuse(_stopping())

    @staticmethod
    def _fits(ticket: Ticket, taken: list[Ticket], room: int) -> bool:
        return not taken or (bool(ticket.size) and bool(taken[-1].size) and ticket.size <= room)


def _stopping() -> LianxinError:
    return LianxinError("LX-532", exit_code=5)
