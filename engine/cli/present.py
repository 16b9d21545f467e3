"""Whether a move is possible now: who may, what it needs, which conditions do not hold. Nothing is recorded."""

from __future__ import annotations

from typing import Any

from engine.core.desk import Desk, Refused, Rules, Sight
from engine.core.errors import LianxinError
from engine.core.guards import GuardFailed
from engine.core.instants import Instant
from engine.core.model import Actor, Case, Command, JsonObject
from engine.core.permits import check_role
from engine.core.refusals import why_refused
from engine.core.report import suggest
from engine.core.timing import runs
from engine.core.workflow import By, Field, Machine, NamedCondition, Transition
from engine.runtime.case_places import Places

PEOPLE_SHOWN_MAX = 6


def move_now(case: Case, name: str, rules: Rules, places: Places, now: Instant, actor: Actor | None) -> JsonObject:
    """What stands between the case and this move. LX-920 (exit 3) where the workflow has no such move."""
    machine, move, track_id = _meant(case, name, rules)
    state = case.tracks[track_id]["state"] if track_id else ("" if machine.name else case.state)
    row = machine.table.get((state, move))
    said: JsonObject = {
        "transition": name,
        "title": row.title if row else "",
        "track_id": track_id,
        "from_here": row is not None,
        "from": sorted(at for at, named in machine.table if named == move),
        "place": places.transition(machine.name, state if row else _a_state(machine, move), move),
        "roles": [],
        "needs": [],
        "conditions": [],
        "blocks": [],
        "signatures": None,
    }
    if row is None:
        said["verdict"] = "impossible"
        return said
    desk = Desk(case, _command(case, name, now, actor), rules)
    sight = desk.sight(track_id, machine=machine.name)
    by = row.by if not row.by.of_kind else rules.workflow.letters[case.tracks[track_id]["data"]["kind"]].sign
    said["to"] = row.to
    said["roles"] = [_role(role, row, desk, sight) for role in by.roles]
    said["signatures"] = _signatures(by, case, f"{track_id or 'case'}.{move}")
    said["needs"] = [_field(f) for f in (*row.case_needs, *row.event_needs) if not f.optional and f.default is None]
    said["conditions"] = [_condition(c, desk, sight, row) for c in row.conditions]
    said["blocks"] = _blocks(desk, row, machine, track_id)
    if actor is not None:
        said["actor"] = _may(desk, by, row, sight)
    said["verdict"] = _verdict(said)
    return said


def _a_state(machine: Machine, move: str) -> str:
    """A state in which the move stands, to point at its line."""
    return next((at for at, named in machine.table if named == move), "")


def _meant(case: Case, name: str, rules: Rules) -> tuple[Machine, str, str]:
    workflow = rules.workflow
    head, _, tail = name.partition(".")
    machine = workflow.tracks.get(head) if tail else workflow.main
    move = tail or name
    if machine is None or all(named != move for _, named in machine.table):
        known = sorted({named for _, named in workflow.main.table})
        known += sorted({f"{m.name}.{named}" for m in workflow.tracks.values() for _, named in m.table})
        raise LianxinError(
            "LX-920", exit_code=3, workflow=workflow.name, name=name, known="、".join(known),
            suggestion=suggest(name, known) or "",
        )  # fmt: skip
    mine = [key for key, track in case.tracks.items() if track["track"] == machine.name] if tail else []
    able = [key for key in mine if (case.tracks[key]["state"], move) in machine.table]
    return machine, move, (able or mine or [""])[-1]


def _command(case: Case, name: str, now: Instant, actor: Actor | None) -> Command:
    return Command("", "", case.case_id, case.workflow, "transition", name, actor or Actor(role=""), now)


def _role(name: str, row: Transition, desk: Desk, sight: Sight) -> JsonObject:
    """A role with those who could act in it now: relations, accused units and earlier acts are looked at."""
    role = desk.rules.workflow.roles.get(name)
    relation = ""
    if role is not None:
        parts = (("of", role.of), ("not_of", role.not_of), ("is", role.is_))
        relation = ", ".join(f"{word} {guard.text}" for word, guard in parts if guard is not None)
    people = []
    for person in desk.rules.directory.holders(name):
        desk.command = _command(desk.case, desk.command.name, desk.command.at, Actor(name, person.ref, person.unit))
        try:
            check_role(desk, By(any=(name,)), row.not_as, sight)
        except Refused:
            continue
        people.append(f"{person.ref}@{person.unit}")
    more = [f"+{len(people) - PEOPLE_SHOWN_MAX}"] if len(people) > PEOPLE_SHOWN_MAX else []
    return {"role": name, "relation": relation, "people": [*people[:PEOPLE_SHOWN_MAX], *more]}


def _signatures(by: By, case: Case, key: str) -> JsonObject | None:
    signed = "、".join(f"{role} {person}" for role, person in case.approvals.get(key, ())) or "—"
    if by.all:
        roles = "、".join(by.all)
        return {"zh": f"须由 {roles} 各一人签署，已签：{signed}", "en": f"signed by each of {roles}; so far: {signed}"}
    if by.two:
        return {"zh": f"须由两名 {by.two} 签署，已签：{signed}", "en": f"signed by two of {by.two}; so far: {signed}"}
    return None


def _field(field: Field) -> JsonObject:
    kind = f"list of {field.type}" if field.many else field.type
    return {"name": field.name, "type": kind, "of": list(field.of), "title": field.title, "personal": field.personal}


def _condition(condition: NamedCondition, desk: Desk, sight: Sight, row: Transition) -> JsonObject:
    """Whether it holds as things stand; None where it reads what the move brings."""
    said: JsonObject = {
        "name": condition.name,
        "expression": ("unless " if condition.unless else "") + condition.guard.text,
        "place": condition.place,
        "inputs": {},
        "holds": None,
    }
    brought = {f"case.{f.name}" for f in (*row.case_needs, *row.takes)}
    brought |= {f"track.{f.name}" for f in (*row.case_needs, *row.takes)}
    reads: set[str] = set(condition.guard.reads)
    if any(path in brought or path.startswith("event.") for path in reads):
        return said
    try:
        evaluation = condition.guard.evaluate(sight, desk.rules.lookups)
    except GuardFailed as failed:
        return said | {"holds": False, "inputs": {"error": failed.reason}}
    return said | {"holds": bool(evaluation.value) is not condition.unless, "inputs": evaluation.inputs}


def _blocks(desk: Desk, row: Transition, machine: Machine, track_id: str) -> list[JsonObject]:
    """What else stands in the way: a deadline that is over, a track that must end first."""
    found: list[tuple[str, dict[str, Any]]] = []
    if row.before is not None:
        owner, name = row.before
        deadline = desk.rules.workflow.machine(owner).deadlines[name]
        last = [clock for _, clock in runs(desk, deadline, track_id if owner else "")][-1:]
        if not any(clock["status"] == "running" and desk.command.at <= clock["due_at"] for clock in last):
            found.append(("too-late", {"deadline": name, "transition": row.name}))
    target = machine.states.get(row.to or "")
    if target is not None and target.final and not track_id:
        for key, track in desk.case.tracks.items():
            if track["open"] and desk.rules.workflow.tracks[track["track"]].after_close == "block":
                found.append(("track-open", {"track": key}))
    return [
        {"code": code, "facts": facts, "reason": {lang: why_refused(code, facts, lang) for lang in ("zh", "en")}}
        for code, facts in found
    ]


def _may(desk: Desk, by: By, row: Transition, sight: Sight) -> JsonObject:
    desk.command = _command(desk.case, desk.command.name, desk.command.at, desk.command.actor)
    try:
        check_role(desk, by, row.not_as, sight)
    except Refused as refused:
        rejection = refused.rejection
        reason = {lang: why_refused(rejection.code, rejection.facts, lang) for lang in ("zh", "en")}
        return {"may": False, "code": rejection.code, "facts": rejection.facts, "reason": reason}
    return {"may": True, "reason": {"zh": "此人可以", "en": "this person may"}}


def _verdict(said: JsonObject) -> str:
    if said["blocks"] or any(condition["holds"] is False for condition in said["conditions"]):
        return "impossible"
    if "actor" in said and not said["actor"]["may"]:
        return "impossible"
    return "depends" if any(condition["holds"] is None for condition in said["conditions"]) else "possible"
