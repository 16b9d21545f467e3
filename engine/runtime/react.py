"""Reactions: facts go to the consumers, and what they wish for comes in at the door, in the transaction of the fact.

Whoever appends a fact follows it (`follow`); what nobody has followed, a cursor over the log takes up (`catch_up`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson
from msgspec.structs import replace

from engine.core.desk import Rules
from engine.core.instants import Instant, plus
from engine.core.lengths import Length
from engine.core.model import Command, Event
from engine.runtime.consumer import Consumer
from engine.runtime.handle import BATCH_MESSAGES_MAX, Line, carry
from engine.store.transaction import Tx

__all__ = [
    "GROUP",
    "IMPORTED",
    "LOG",
    "REACTION_LAG_MAX",
    "ROUNDS_MAX",
    "Consumer",
    "Place",
    "ReactionsLoop",
    "catch_up",
    "follow",
    "wished",
]

REACTION_LAG_MAX = timedelta(hours=1)
"""A reaction happens at the instant of its cause, unless we are later than this: our delay costs nobody his time."""
ROUNDS_MAX = 200
"""Reactions to reactions to one batch; beyond it a workflow loops."""
GROUP, LOG = "reactions", "log"
"""One group for all consumers, so that their wishes come in by cause, and then in the order of the workflow's file."""
IMPORTED = "imported"
"""Mark of a fact that an import found. Automatic letters for it stay drafts, where it is old."""


class ReactionsLoop(Exception):
    """Reactions to reactions without end: a fault of a workflow, found at the case it shows in."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far the consumers have read, under which epoch they hold the log."""

    epoch: int
    position: int


def wished(events: Sequence[Event], line: Line, consumers: Sequence[Consumer], now: Instant) -> list[Command]:
    """What the consumers wish for after these facts: by cause, then in the order of the reactions in the file."""
    found: list[Command] = []
    for event in events:
        rules = line.book.pinned(event.data["summary"]["workflow"])
        at = event.occurred_at if now <= plus(event.occurred_at, REACTION_LAG_MAX) else now
        wishes = [command for consumer in consumers for command in consumer.react(event, rules, at)]
        order = {reaction.name: number for number, reaction in enumerate(rules.workflow.reactions)}
        wishes.sort(key=lambda c: (order[c.cause["reaction"]], c.cause["index"]))
        if IMPORTED in event.data.get("notes", ()) and _is_fresh(
            event.occurred_at, now, rules, line.auto_letter_max_age
        ):
            wishes = [replace(c, notes=tuple(note for note in c.notes if note != IMPORTED)) for c in wishes]
        found += wishes
    return found


def follow(
    tx: Tx, facts: list[Event], line: Line, consumers: Sequence[Consumer], now: Instant, *, held: Collection[str] = ()
) -> None:
    """What follows from facts that this transaction has appended, and from that, until nothing does.

    `facts` is what `carry` has put into its `heard`. So what follows from a message commits with it, and comes before
    its case's next message, whichever process that comes to.
    """
    for _ in range(ROUNDS_MAX):
        if not facts:
            return
        commands = wished([_as_logged(event) for event in facts], line, consumers, now)
        facts = []
        if commands:
            carry(tx, commands, line, now, held=held, heard=facts)
    if facts:
        raise ReactionsLoop


def catch_up(
    tx: Tx,
    line: Line,
    consumers: Sequence[Consumer],
    place: Place,
    now: Instant,
    *,
    held: Collection[str] = (),
    to: int | None = None,
) -> Place:
    """One page of the facts after `place` that nobody has reacted to, and what follows from them; the place reached.

    Commands and offset commit with the caller's transaction. Reading the log again from its beginning changes nothing,
    because the ids of the commands are derived. Facts of `held` cases are passed over; `to` limits the page.
    """
    events = tx.log(place.position, BATCH_MESSAGES_MAX, reacts_only=True)
    if to is not None:
        events = [event for event in events if event.position <= to]
    if not events:
        return place
    reached = events[-1].position
    commands = wished([event for event in events if event.case_id not in held], line, consumers, now)
    facts: list[Event] = []
    offsets = [(GROUP, LOG, place.epoch, place.position, reached)]
    carry(tx, commands, line, now, offsets=offsets, held=held, heard=facts)
    follow(tx, facts, line, consumers, now, held=held)
    return Place(place.epoch, reached)


def _as_logged(event: Event) -> Event:
    """The fact as whoever reads the log sees it: a consumer never gets what shares memory with a case."""
    said = orjson.loads(event.body)
    return replace(event, actor=said["actor"], data=said["data"])


def _is_fresh(at: Instant, now: Instant, rules: Rules, age: Length) -> bool:
    """Whether a fact is young enough, by the workflow's calendar, to be answered automatically."""
    if not age.in_days:
        return now <= plus(at, age.span)
    calendar = rules.calendar
    day = calendar.local_day(at)
    if age.unit == "working days":
        last = calendar.add_working_days(day, age.amount)
    else:
        last = day + timedelta(days=age.amount)
    return calendar.local_day(now) <= last
