"""The relay and the reactions: facts go to the consumers in log order, and what they wish for comes in at the door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from engine.core.actions import ActionSpec
from engine.core.desk import Rules
from engine.core.instants import Instant, plus
from engine.core.model import Command, Event
from engine.runtime.handle import BATCH_MESSAGES_MAX, Answer, Line, carry
from engine.store.transaction import Tx

REACTION_LAG_MAX = timedelta(hours=1)
"""A reaction happens at the instant of its cause, unless we are later than this: our own delay costs nobody his time."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A named, pure function from facts to commands, and the actions it carries out."""

    name: str
    actions: tuple[ActionSpec, ...]
    react: Callable[[Event, Rules, Instant], Sequence[Command]]


def wished(events: Sequence[Event], line: Line, consumers: Sequence[Consumer], now: Instant) -> list[Command]:
    """What the consumers wish for after these facts: by cause, then in the order of the reactions in the file."""
    found: list[Command] = []
    for event in events:
        rules = line.book.pinned(event.data["summary"]["workflow"])
        at = event.occurred_at if now <= plus(event.occurred_at, REACTION_LAG_MAX) else now
        wishes = [command for consumer in consumers for command in consumer.react(event, rules, at)]
        order = {reaction.name: number for number, reaction in enumerate(rules.workflow.reactions)}
        found += sorted(wishes, key=lambda c: (order[c.cause["reaction"]], c.cause["index"]))
    return found


def react(
    tx: Tx, line: Line, consumers: Sequence[Consumer], group: str, epoch: int, position: int, now: Instant
) -> tuple[int, list[Answer]]:
    """The next facts for one group of consumers: their commands and the offset commit together. (new offset, answers)"""
    head = tx.head()
    events = tx.log(position, BATCH_MESSAGES_MAX, reacts_only=True)
    following = events[-1].position if len(events) == BATCH_MESSAGES_MAX else head
    if following == position:
        return position, []
    commands = wished(events, line, consumers, now)
    if not commands:
        return following, []  # nothing to commit: the offset moves with the next batch that has something
    answers = carry(tx, commands, line, now, offsets=[(group, "log", epoch, position, following)])
    return following, answers
