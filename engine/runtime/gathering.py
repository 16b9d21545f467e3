"""Group commit: the messages of many callers in one transaction, and to each caller the answers to its own.

What a caller may ask for beside `messages`:

    limits    what its key may do; where one message is beyond it, nothing of the request is taken
    once      {caller, key, digest}: an Idempotency-Key. What was told under it is told again, whatever came after
    firsts    say of duplicates what became of them the first time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import orjson

from engine.core.instants import Instant, plus
from engine.core.model import Event, JsonObject
from engine.runtime.asks import Ask, Source, Unusable
from engine.runtime.batching import Item
from engine.runtime.handle import Answer
from engine.runtime.operations import messages_of
from engine.runtime.requests import Ticket
from engine.runtime.stamp import REJECTED as REJECTED_TYPE
from engine.runtime.writer import Writer
from engine.store.access import KeptAnswer, keep_answers, kept_answer
from engine.store.reader import Reader
from engine.store.transaction import Tx

SEAL = b"kept-answer"
ANSWERS_KEPT = timedelta(days=30)
"""An Idempotency-Key is remembered so long; the ids of messages are for ever."""
FACTS_OF_MESSAGE_MAX = 64
"""Records that one message has produced; they are read to say which version of the case it led to."""


@dataclass(slots=True)
class Taken:
    """A request whose messages go into this transaction."""

    ticket: Ticket
    messages: list[Ask | Unusable]


def take_in_together(writer: Writer, tickets: Sequence[Ticket], now: Instant) -> None:
    """Carry the tickets' messages to one commit, and answer each ticket."""
    waiting = list(tickets)
    while waiting:  # twice at most: a second time for requests that came twice in this very batch
        taken, again = _sorted_out(writer, waiting)
        _carry(writer, taken, now)
        waiting = again


def _sorted_out(writer: Writer, tickets: Sequence[Ticket]) -> tuple[list[Taken], list[Ticket]]:
    """Those whose messages are to be taken; those that must wait for one of them. The others are answered."""
    taken: list[Taken] = []
    again: list[Ticket] = []
    keys: set[tuple[str, str]] = set()
    for ticket in tickets:
        once = ticket.request.get("once")
        if once is not None:
            name = (once["caller"], once["key"])
            if name in keys:
                again.append(ticket)
                continue
            if _told_before(writer, ticket, once):
                continue
        messages = messages_of(writer, ticket.request, ticket.received_at)
        if refused := _beyond(writer, messages, ticket.request.get("limits")):
            ticket.give({"refused": refused})
            continue
        if once is not None:
            keys.add(name)
        taken.append(Taken(ticket, messages))
    return taken, again


def _told_before(writer: Writer, ticket: Ticket, once: JsonObject) -> bool:
    with writer.line.store.read() as reader:
        kept = kept_answer(reader, once["caller"], once["key"])
    if kept is None:
        return False
    if kept.digest != once["digest"]:
        ticket.give({"refused": {"what": "once"}})
    else:
        ticket.give({"answers": orjson.loads(writer.line.keys.open(kept.sealed, SEAL)), "again": True})
    return True


def _beyond(writer: Writer, messages: Sequence[Ask | Unusable], limits: Source | None) -> JsonObject | None:
    """Which message the caller's key may not send, and for which of its attributes."""
    if limits is None:
        return None
    directory = writer.line.book.directory
    for index, message in enumerate(messages):
        what = limits.refuses(message, directory)[0] if isinstance(message, Ask) else ""
        if what:
            return {"what": what, "index": index}
    return None


def _carry(writer: Writer, taken: Sequence[Taken], now: Instant) -> None:
    if not taken:
        return
    items = [Item(message) for one in taken for message in one.messages]
    mine: list[list[Answer]] = []

    def closing(tx: Tx, answers: list[Answer]) -> None:
        mine[:] = _divided(taken, answers)
        kept = []
        for one, own in zip(taken, mine, strict=True):
            if one.ticket.request.get("firsts"):
                _say_firsts(tx, one.messages, own)
            if (once := one.ticket.request.get("once")) is not None:
                told = writer.line.keys.seal(orjson.dumps([asdict(a) for a in own]), SEAL)
                kept.append(KeptAnswer(once["caller"], once["key"], once["digest"], told, now))
        if kept:
            keep_answers(tx, kept)

    extras = any(t.ticket.request.get("firsts") or t.ticket.request.get("once") for t in taken)
    answers = writer.take_in(items, now, closing=closing if extras else None)
    if not extras:
        mine = _divided(taken, answers)
    for one, own in zip(taken, mine, strict=True):
        one.ticket.give({"answers": [asdict(answer) for answer in own]})


def _divided(taken: Sequence[Taken], answers: Sequence[Answer]) -> list[list[Answer]]:
    """Each request's own answers."""
    found, at = [], 0
    for one in taken:
        found.append(list(answers[at : at + len(one.messages)]))
        at += len(one.messages)
    return found


# ── what became of it the first time ─────────────────────────────────────────────────────────────────────────────


def _say_firsts(tx: Tx, messages: Sequence[Ask | Unusable], answers: Sequence[Answer]) -> None:
    for message, answer in zip(messages, answers, strict=True):
        if answer.status == "duplicate":
            answer.facts = {"first": asdict(_first(tx, message.source, message.id, answer.code))}


def _first(tx: Tx, source: str, id: str, status: str) -> Answer:
    """The answer that a message had when it came first, as far as it still stands: an early one may have settled."""
    seen = tx.seen([(source, id)]).get((source, id))
    if seen is not None and seen.position:
        return _from_log(tx, seen.position, source, id)
    if status == "dead-letter" and (row := tx.dead_letter_of(source, id)) is not None:
        return Answer(status, code=row.reason, facts={"field": row.field, "detail": row.detail})
    if status == "early" and (waiting := tx.parked_message(source, id)) is not None:
        return Answer(status, waiting.case_id, code="early", facts={"needs": waiting.needs})
    return Answer(status)


def _from_log(reader: Reader, position: int, source: str, id: str) -> Answer:
    events = reader.log(position - 1, FACTS_OF_MESSAGE_MAX)
    first = events[0]
    if first.type == REJECTED_TYPE:
        version = reader.load([first.case_id])[first.case_id].version
        return Answer("rejected", first.case_id, version, first.data["code"], first.data["facts"])
    mine = [event.version for event in events if _caused_by(event, first.case_id, source, id)]
    return Answer("accepted", first.case_id, max(mine, default=first.version))


def _caused_by(event: Event, case_id: str, source: str, id: str) -> bool:
    return event.case_id == case_id and orjson.loads(event.body).get("cause") == {"id": id, "source": source}


def forgotten_before(now: Instant) -> Instant:
    """Answers that are older need not be kept."""
    return plus(now, -ANSWERS_KEPT)
