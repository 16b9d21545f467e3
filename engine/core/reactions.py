"""From a fact to wishes: which reactions a fact wakes, whether their conditions hold, what they want with which values.

Consumers turn wishes into commands (consumers/). All pure: a fact that some reaction waits for carries the summary of
its case, so nothing is looked up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from engine.core.actions import ENGINE_CONSUMER
from engine.core.desk import ENGINE_ACTOR, Missed, Rules
from engine.core.guards import Guard, GuardFailed
from engine.core.instants import Instant
from engine.core.model import Command, CommandKind, Event, JsonObject
from engine.core.workflow import NamedCondition, Reaction

ARM = "arm"


@dataclass(frozen=True, slots=True)
class Wish:
    """One action that one reaction wants, upon one fact."""

    consumer: str
    reaction: Reaction
    event: Event
    action: str
    index: int
    params: Mapping[str, Any]
    at: Instant
    failed: Mapping[str, str] | None = None
    """Why it could not be decided: the expression, and what is wrong with it."""

    @property
    def trigger(self) -> str:
        """The name that woke the reaction."""
        heard: list[str] = self.event.data["names"]
        return next((name for name in heard if name in self.reaction.upon), heard[0])

    def command(self, kind: CommandKind, name: str, values: JsonObject, *, where: str = "") -> Command:
        """The wish as a command. Its id is derived, so that reading the log again changes nothing.

        A wish that could not be decided is a command all the same, to be refused on record.
        """
        if self.failed is not None:
            kind, name, values, where = "undecided", self.reaction.name, dict(self.failed), ""
        key = f"{self.consumer}\x1f{self.reaction.name}\x1f{self.event.case_id}\x1f{self.event.version}"
        digest = hashlib.sha256(f"{key}\x1f{self.action}\x1f{self.index}".encode()).hexdigest()
        return Command(
            source=f"lianxin:/consumer/{self.consumer}",
            id=digest[:40],
            case_id=self.event.case_id,
            workflow="",
            kind=kind,
            name=name,
            actor=ENGINE_ACTOR,
            at=self.at,
            values={key: value for key, value in values.items() if value not in (None, "", [])},
            where=where,
            cause={"version": self.event.version, "reaction": self.reaction.name, "index": self.index},
            once=self.reaction.name if self.reaction.once and self.action != ARM else "",
            notes=tuple(self.event.data.get("notes", ())),
        )


def wishes(event: Event, rules: Rules, consumer: str, actions: Collection[str], at: Instant) -> list[Wish]:
    """What `consumer`, which carries out `actions`, is asked to do after `event`, in the order of the file."""
    workflow = rules.workflow
    woken = dict.fromkeys(r for name in event.data.get("names", ()) for r in workflow.by_name.get(name, ()))
    found = []
    for reaction in sorted(woken, key=workflow.reactions.index):
        delayed = reaction.after is not None and reaction.due_name not in event.data["names"]
        if delayed and consumer != ENGINE_CONSUMER:
            continue
        mine = [action for action in reaction.do if action.name in actions]
        if not delayed and not mine:
            continue
        if reaction.once and reaction.name in event.data["summary"].get("fired", ()):
            continue
        sight = reaction_sight(event)
        try:
            if not all(_holds(condition, sight, rules) for condition in reaction.conditions):
                continue
        except Undecided as failed:
            unmet = [(ARM, 0)] if delayed else [(action.name, action.index) for action in mine]
            found += [Wish(consumer, reaction, event, name, n, NOTHING, at, failed.facts) for name, n in unmet]
            continue
        if delayed:
            params = {"after": str(reaction.after), "event": sight["event"], "track": event.data.get("track", "")}
            found.append(Wish(consumer, reaction, event, ARM, 0, params, at))
            continue
        for action in mine:
            try:
                params = {name: _resolved(value, sight, rules) for name, value in action.params.items()}
                found.append(Wish(consumer, reaction, event, action.name, action.index, params, at))
            except Undecided as failed:
                wish = Wish(consumer, reaction, event, action.name, action.index, NOTHING, at, failed.facts)
                found.append(wish)
    return found


class Undecided(Exception):
    """An expression of a reaction that gives no value."""

    def __init__(self, guard: Guard, failed: GuardFailed) -> None:
        self.facts = {"expression": guard.text, "reason": failed.reason}
        super().__init__(guard.text)


class _Nothing(dict[str, Any]):
    """The parameters of a wish that could not be decided: whoever asks gets none."""

    def __missing__(self, name: str) -> None:
        return None


NOTHING = _Nothing()


def _holds(condition: NamedCondition, sight: Mapping[str, Any], rules: Rules) -> bool:
    return bool(_value(condition.guard, sight, rules)) is not condition.unless


def _value(guard: Guard, sight: Mapping[str, Any], rules: Rules) -> Any:
    try:
        return guard.evaluate(sight, rules.lookups).value
    except GuardFailed as failed:
        raise Undecided(guard, failed) from failed


def reaction_sight(event: Event) -> dict[str, Any]:
    """What a reaction's expressions see: the fact, and the summary of the case as it stood after it."""
    data, summary = event.data, event.data["summary"]
    sight: dict[str, Any] = {
        "case": {**summary["data"], "id": event.case_id, "state": summary["state"], "phase": summary["phase"]},
        "now": event.occurred_at,
        "event": data.get("event") if event.type.startswith("lianxin.reaction.due.") else event_view(event),
        "tracks": summary.get("tracks", {}),
        "counts": summary.get("counts", {}),
    }
    if "track" in summary:
        track = summary["track"]
        sight["track"] = {**track, "missed": Missed(track.get("missed", {}))}
    return sight


def event_view(event: Event) -> JsonObject:
    """`event.` in a reaction: what every fact offers, and what came with the move."""
    data = event.data
    view: JsonObject = {
        "type": event.type,
        "transition": data.get("transition", ""),
        "from": data.get("from", ""),
        "to": data.get("to", ""),
        "deadline": data.get("deadline", ""),
        "run": data.get("run", 0),
        "at": event.occurred_at,
        "role": event.actor.get("role", ""),
    }
    for name, value in (
        ("due", data.get("due")),
        ("owner", data.get("owner")),
        ("unit", event.actor.get("unit")),
    ):
        if value:
            view[name] = value
    given = data.get("with", {}).get("event", {})
    return {**{name: value for name, value in given.items() if not _is_commitment(value)}, **view}


def _is_commitment(value: object) -> bool:
    return isinstance(value, dict) and "sealed" in value


def _resolved(value: Any, sight: Mapping[str, Any], rules: Rules) -> Any:
    if hasattr(value, "evaluate"):
        return _value(value, sight, rules)
    if isinstance(value, dict):
        return {name: _resolved(inner, sight, rules) for name, inner in value.items()}
    return value
