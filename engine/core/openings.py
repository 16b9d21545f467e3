"""What begins: a case, a track of it (a letter, a sponsor), a reminder to a unit."""

from __future__ import annotations

from engine.core import timing, tracks
from engine.core.desk import Desk, Missed, Refused, by_engine
from engine.core.inputs import sorted_values
from engine.core.model import ENGINE, JsonObject, Track
from engine.core.moves import attempted, check_once, end_overdue, finish, keep_what_came_with
from engine.core.permits import check_denial, check_role, check_there
from engine.core.workflow import MAIN, By, Machine


def open_case(desk: Desk) -> None:
    """The first fact of a case."""
    command, workflow = desk.command, desk.rules.workflow
    if desk.case.exists:
        raise Refused("case-exists")
    opening = workflow.opens[command.name]
    sight = desk.sight()
    check_role(desk, opening.by, (), sight)
    takes = workflow.fields.values()
    of_case, of_event = sorted_values(command.values, opening.case_needs, opening.event_needs, takes)
    for field in workflow.fields.values():
        if field.name not in of_case and field.default is not None:
            of_case[field.name] = field.default
    check_denial(desk, workflow.main, "", of_case)
    initial = workflow.main.states[workflow.main.initial]
    names = ("case.opened", *workflow.names_of(MAIN, command.name, "", initial.name))
    data: JsonObject = {
        "transition": command.name,
        "workflow": workflow.digest,
        "to": initial.name,
        "phase": initial.phase,
        "with": {"case": of_case},
    }
    if of_event:
        data["with"]["event"] = of_event
    finish(desk, MAIN, "", data, names, f"lianxin.case.{initial.name}.v1", final=initial.final)


def open_track(desk: Desk) -> None:
    """A new track: by a person where `opens:` allows it, or by a reaction."""
    command, workflow = desk.command, desk.rules.workflow
    check_there(desk)
    machine = workflow.tracks.get(command.name)
    if machine is None:
        raise Refused("no-track", track=command.name)
    check_once(desk)
    if command.actor.role != ENGINE:
        check_role(desk, By(any=machine.opens_by), (), desk.sight())
    tracks.check_opening(desk, machine)
    data: JsonObject = {}
    values = dict(command.values)
    if machine.name == tracks.LETTER:
        values = tracks.letter_values(desk, values, data)
    track = tracks.new_track(desk, machine, values)
    inputs: JsonObject = {}
    new = {**track["data"], "id": "", "state": track["state"], "open": True, "missed": Missed()}
    desk.check(machine.opens_when, desk.sight(new=new), inputs)
    if inputs:
        data["inputs"] = inputs
    _emit_new_track(desk, machine, track, data)


def _emit_new_track(desk: Desk, machine: Machine, track: Track, data: JsonObject) -> None:
    main = desk.rules.workflow.main
    if main.states[desk.case.state].final and machine.after_close != "keep":
        raise Refused("case-closed", track=machine.name)
    names = (f"{machine.name}.opened", f"{machine.name}.state.{machine.initial}.entered")
    version = desk.case.version + 1
    track_id = tracks.track_id(desk.case.case_id, machine.name, version, desk.command.cause)
    if track_id in desk.case.tracks:
        raise Refused("track-exists", track=track_id)
    end_overdue(desk, machine, track_id, names, None, machine.initial)
    if desk.command.cause:
        data["cause"] = desk.command.cause
    if desk.command.actor.role != ENGINE:
        track["fact_at"] = desk.command.at
    data |= {"track": track_id, "to": machine.initial, "tracks": {track_id: track}}
    final, type_ = machine.states[machine.initial].final, f"lianxin.{machine.name}.{machine.initial}.v1"
    finish(desk, machine.name, track_id, data, names, type_, final=final)
    if machine.name == tracks.LETTER and tracks.is_auto(desk, track):
        _issue(desk, machine, track_id)


def _issue(desk: Desk, machine: Machine, track_id: str) -> None:
    """The steps of an automatic letter. Where its track refuses one, a person goes on from there, and is told."""
    desk.command = by_engine(desk.command, desk.command.at)
    for name in tracks.AUTO_PATH:
        row = machine.table.get((desk.case.tracks[track_id]["state"], name))
        proof = {"proof": "auto"} if row and any(f.name == "proof" for f in row.event_needs) else {}
        refused = attempted(desk, machine, track_id, name, proof, forced=True)
        if refused is not None:
            facts = {"transition": f"{machine.name}.{name}", "refused": refused.code}
            desk.incident(desk.drafts[-1].data, "auto-refused", **facts)
            return


def escalate(desk: Desk) -> None:
    """提级包案: open the one sponsor track, or raise it. The liable unit stays liable."""
    check_once(desk)
    machine = desk.rules.workflow.tracks.get(tracks.SPONSOR)
    if machine is None:
        raise Refused("no-track", track=tracks.SPONSOR)
    data: JsonObject = {}
    open_id, values = tracks.sponsor_for(desk, desk.command.values, data)
    if not open_id:
        _emit_new_track(desk, machine, tracks.new_track(desk, machine, values), data)
        return
    track = desk.case.tracks[open_id]
    data |= {"track": open_id, "tracks": {open_id: {**track, "data": {**track["data"], **values}}}}
    if desk.command.cause:
        data["cause"] = desk.command.cause
    finish(desk, machine.name, open_id, data, (f"{machine.name}.raised",), "lianxin.sponsor.raised.v1")


def remind(desk: Desk) -> None:
    """点对点提醒: a reminder to a unit, on record; the level says so unless a letter already stands higher."""
    check_once(desk)
    to = timing.resolved(desk, str(desk.command.values.get("to") or ""))
    if not to:
        raise Refused("no-recipient", kind="reminder")
    if desk.denied(to):
        raise Refused("accused-unit", field="to")
    data: JsonObject = {"to_unit": to, "text": str(desk.command.values.get("text") or ""), "cause": desk.command.cause}
    keep_what_came_with(desk.command, data)
    if desk.case.levels["supervision"] == "none":
        data["levels"] = {"supervision": "reminded"}
    desk.emit("lianxin.case.reminded.v1", data, ["case.reminded"])
