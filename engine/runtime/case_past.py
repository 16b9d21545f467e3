"""Why a case stands as it does: each record of the log with the rule it followed, its line and what it read then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import orjson

from engine.core.desk import Rules
from engine.core.evolve import evolve
from engine.core.model import Case, Event, JsonObject
from engine.core.refusals import why_refused
from engine.core.workflow import MAIN, Machine, NamedCondition
from engine.runtime.case_places import Places
from engine.runtime.stamp import REJECTED

DEADLINE = "lianxin.deadline."


def records(events: Iterable[Event], rules: Rules, places: Places) -> Iterator[JsonObject]:
    """What happened to a case, oldest first. Nothing is evaluated anew: the values are those on record."""
    case = Case("")
    for event in events:
        if event.version == 0:
            told = _refusal(event, case, rules, places) if event.type == REJECTED else _beside(event, rules, places)
            yield told
            continue
        yield _fact(event, case, rules, places)
        case = evolve(case, event)


def _fact(event: Event, before: Case, rules: Rules, places: Places) -> JsonObject:
    data = event.data
    transition = str(data.get("transition", ""))
    record = _record(event, rules, places) | {
        "transition": transition,
        "what": transition or event.type.removeprefix("lianxin.").removesuffix(".v1"),
        "from": data.get("from", ""),
        "to": data.get("to", ""),
        "inputs": data.get("inputs", {}),
    }
    if event.type.startswith(DEADLINE) and "deadline" in data:
        track = before.tracks.get(str(data.get("track", "")))
        record["place"] = places.deadline(track["track"] if track else MAIN, str(data["deadline"]))
        record["what"] += f" {data['deadline']}"
    elif transition in rules.workflow.opens and event.version == 1:
        record["place"] = places.opening(transition)
    elif transition:
        machine, state, name = _where(transition, str(data.get("track", "")), before, rules)
        row = machine.table.get((state, name))
        record["place"] = places.transition(machine.name, state, name)
        record["conditions"] = [_condition(c) for c in (row.conditions if row else ())]
    return record


def _beside(event: Event, rules: Rules, places: Places) -> JsonObject:
    """What was done about the case and changed nothing in it: read, erased, held back."""
    what = event.type.removeprefix("lianxin.").removesuffix(".v1")
    by, purpose = event.data.get("by", {}), event.data.get("purpose") or event.data.get("reason")
    what += f": {purpose}" if purpose else ""
    return _record(event, rules, places) | {
        "transition": "",
        "what": what,
        "from": "",
        "to": "",
        "inputs": {},
        "by": by,
    }


def _refusal(event: Event, case: Case, rules: Rules, places: Places) -> JsonObject:
    command, code, facts = str(event.data["command"]), str(event.data["code"]), event.data["facts"]
    record = _record(event, rules, places) | {
        "transition": command,
        "what": command,
        "from": "",
        "to": "",
        "inputs": facts.get("inputs", {}),
        "by": event.data.get("actor", {}),
        "refusal": {
            "code": code,
            "facts": facts,
            "reason": {"zh": why_refused(code, facts, "zh"), "en": why_refused(code, facts, "en")},
        },
    }
    place = str(facts.get("place", ""))
    if not place and command:
        machine, state, name = _where(command, "", case, rules)
        place = places.transition(machine.name, state, name)
    record["place"] = place
    return record


def _record(event: Event, rules: Rules, places: Places) -> JsonObject:
    cause = {**orjson.loads(event.body).get("cause", {}), **(event.data.get("cause") or {})}
    if cause.get("reaction"):
        cause["place"] = places.reaction(str(cause["reaction"]))
        found = [r for r in rules.workflow.reactions if r.name == cause["reaction"]]
        cause["conditions"] = [_condition(c) for r in found for c in r.conditions]
    return {
        "version": event.version or None,
        "position": event.position,
        "at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "type": event.type,
        "by": event.actor,
        "cause": cause,
        "conditions": [],
        "place": "",
    }


def _where(transition: str, track_id: str, case: Case, rules: Rules) -> tuple[Machine, str, str]:
    """The machine of a move, the state it was in, and the move's own name."""
    head, _, tail = transition.partition(".")
    if not tail or head not in rules.workflow.tracks:
        return rules.workflow.main, case.state, transition
    machine = rules.workflow.tracks[head]
    state = case.tracks[track_id]["state"] if track_id in case.tracks else machine.initial
    return machine, state, tail


def _condition(condition: NamedCondition) -> JsonObject:
    return {
        "name": condition.name,
        "expression": ("unless " if condition.unless else "") + condition.guard.text,
        "place": condition.place,
    }


def conditions(all_: Sequence[NamedCondition]) -> list[JsonObject]:
    """Conditions as they are told."""
    return [_condition(condition) for condition in all_]
