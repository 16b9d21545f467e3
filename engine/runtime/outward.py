"""What goes out of this house: a fact as other systems may see it, over HTTP and on the bus.

No person, no commitment to a personal value, no id of a message, no path of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.core.model import Event, JsonObject
from engine.core.refusals import why_refused
from engine.runtime.stamp import REJECTED

UNSEEN = frozenset({"sealed"})
"""The only key of a commitment to a personal value."""
PRIVATE = frozenset({"person", "place", "contact"})


def fact(event: Event) -> JsonObject:
    """A record: what happened, when, by which role of which unit, and what was said with it."""
    data = event.data
    no = event.type == REJECTED
    said: JsonObject = {
        "version": event.version or None,
        "type": event.type,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "by": by(data.get("actor", {}) if no else event.actor),
    }
    for name in ("transition", "from", "to", "track", "deadline"):
        if data.get(name):
            said[name] = data[name]
    if no:
        said["transition"] = data["command"]
        said["refusal"] = refused(str(data["code"]), data["facts"])
    given = data.get("with") or {}
    said["with"] = clean(given if no else _joined(given.values()))
    return {name: value for name, value in said.items() if value not in (None, {}) or name in ("version", "by")}


def by(actor: Mapping[str, Any]) -> JsonObject:
    """Role and unit of who acted; persons are for people's own pages."""
    return {name: actor[name] for name in ("role", "unit") if actor.get(name)}


def refused(code: str, facts: Mapping[str, Any]) -> JsonObject:
    """Why not, as a code and in both languages."""
    facts = clean(dict(facts))
    return {"code": code, "reason": {"zh": why_refused(code, facts, "zh"), "en": why_refused(code, facts, "en")}}


def clean(value: Any) -> Any:
    """The value without commitments to personal values, persons and paths."""
    if isinstance(value, Mapping):
        return {n: clean(v) for n, v in value.items() if n not in PRIVATE and not _is_commitment(v)}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value if not _is_commitment(inner)]
    return value


def _joined(parts: Iterable[Mapping[str, Any]]) -> JsonObject:
    """What a move brought for the case, the track and the event, as one."""
    return {name: value for part in parts if isinstance(part, Mapping) for name, value in part.items()}


def _is_commitment(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == UNSEEN
