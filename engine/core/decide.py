"""`decide(case, command, rules) → Accepted | Rejection | Early`: the rules of the workflow, and nothing else.

Order of a move (language reference, States and transitions): role, needs, denial, guard, set, state, deadlines,
reactions. Pure: no clock, no store, no randomness; the same case, command and rules always give the same outcome.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from engine.core import clocks, timing, tracks
from engine.core.desk import ENGINE_ACTOR, Desk, Refused, Rules
from engine.core.inputs import sorted_values
from engine.core.lengths import parse_length
from engine.core.model import (
    ENGINE,
    Accepted,
    Actor,
    Case,
    Command,
    Draft,
    Early,
    JsonObject,
    Outcome,
    Rejection,
    Track,
)
from engine.core.permits import check_denial, check_role, check_there, signatures
from engine.core.workflow import MAIN, By, Deadline, Machine, Transition

BACK = "back"


def decide(case: Case, command: Command, rules: Rules) -> Outcome:
    """What the rules say to one command about one case."""
    desk = Desk(case, command, rules)
    try:
        match command.kind:
            case "open_case" if not (case.exists and rules.workflow.moves(command.name)):
                open_case(desk)
            case "open_case" | "transition":
                if early := _early(desk):
                    return early
                transition(desk)
            case "open_track":
                open_track(desk)
            case "rung":
                fire_rung(desk)
            case "escalate":
                escalate(desk)
            case "remind":
                remind(desk)
            case "arm":
                arm(desk)
            case "calendar":
                reproject(desk)
            case _:
                assert_never(command.kind)
    except Refused as refused:
        return refused.rejection
    return Accepted(tuple(desk.drafts))


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def open_case(desk: Desk) -> None:
    """The first fact of a case."""
    command, workflow = desk.command, desk.rules.workflow
    if desk.case.exists:
        raise Refused("case-exists")
    opening = workflow.opens[command.name]
    sight = desk.sight()
    check_role(desk, opening.by, (), sight)
    takes = [f for f in workflow.fields.values() if f not in opening.case_needs]
    of_case, of_event = sorted_values(command.values, opening.case_needs, opening.event_needs, takes)
    for field in workflow.fields.values():
        if field.name not in of_case and field.default is not None:
            of_case[field.name] = field.default
    check_denial(desk, workflow.main, "", of_case)
    initial = workflow.main.states[workflow.main.initial]
    names = ["case.opened", *workflow.names_of(MAIN, command.name, "", initial.name)]
    data: JsonObject = {
        "transition": command.name,
        "workflow": workflow.digest,
        "to": initial.name,
        "phase": initial.phase,
        "with": {"case": of_case},
    }
    if of_event:
        data["with"]["event"] = of_event
    _finish(desk, MAIN, "", data, names, f"lianxin.case.{initial.name}.v1")


# ── moves ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _early(desk: Desk) -> Early | None:
    """An intake fact whose case, or whose state, has not come yet."""
    command, case = desk.command, desk.case
    if not command.intake:
        return None
    if not case.exists:
        return Early(needs="case")
    main = desk.rules.workflow.main
    if "." in command.name or (case.state, command.name) in main.table or command.at < case.last_fact_at:
        return None
    if command.name in main.reachable.get(case.state, frozenset()):
        return Early(needs=f"a state in which {command.name} is possible")
    return None


def transition(desk: Desk) -> None:
    """A move of the main line, or (`letter.sign`) of one of its tracks."""
    command = desk.command
    check_there(desk)
    head, _, tail = command.name.partition(".")
    if not tail:
        if command.intake and command.at < desk.case.last_fact_at:
            correct_late(desk)
            return
        move(desk, desk.rules.workflow.main, "", command.name, command.values)
        return
    machine = desk.rules.workflow.tracks.get(head)
    if machine is None:
        raise Refused("no-transition", state=desk.case.state, transition=command.name)
    for track_id in _tracks_meant(desk, machine, tail):
        move(desk, machine, track_id, tail, command.values)


def _tracks_meant(desk: Desk, machine: Machine, name: str) -> list[str]:
    """The track named by id, those that `where` chooses, or the only one in which the move is possible."""
    command, case = desk.command, desk.case
    if command.track_id:
        if command.track_id not in case.tracks or case.tracks[command.track_id]["track"] != machine.name:
            raise Refused("no-track", track=command.track_id)
        return [command.track_id]
    mine = [key for key, track in case.tracks.items() if track["track"] == machine.name]
    if command.where:
        guard = desk.rules.workflow.wheres[machine.name, command.where]
        return [key for key in mine if desk.value(guard, desk.sight(key))]
    able = [key for key in mine if (case.tracks[key]["state"], name) in machine.table]
    if command.actor.role == ENGINE:
        return able
    if not able:
        states = sorted({case.tracks[key]["state"] for key in mine})
        raise Refused("no-transition", transition=command.name, state="、".join(states) or "no such track")
    if len(able) > 1:
        raise Refused("which-track", transition=command.name, tracks=able)
    return able


def move(desk: Desk, machine: Machine, track_id: str, name: str, values: JsonObject, *, forced: bool = False) -> None:
    """One move, in the order of the language. `forced` is the engine's own (an automatic letter): no role is asked."""
    track = desk.case.tracks[track_id] if track_id else None
    state = track["state"] if track else desk.case.state
    transition = machine.table.get((state, name))
    if transition is None:
        possible = sorted(move for at, move in machine.table if at == state)
        raise Refused("no-transition", state=state, transition=name, possible=possible)
    sight = desk.sight(track_id)
    by = transition.by
    if by.of_kind:
        assert track is not None, "only a letter has a kind"
        by = desk.rules.workflow.letters[track["data"]["kind"]].sign
    if not forced:
        check_role(desk, by, transition.not_as, sight)
    of_own, of_event = sorted_values(values, transition.case_needs, transition.event_needs, transition.takes)
    ends = transition.to is not None and transition.to != BACK and machine.states[transition.to].final
    check_denial(desk, machine, track_id, of_own, ends=ends)
    if of_own:  # conditions see the case (or track) with the needs laid over it
        own = "track" if track_id else "case"
        sight[own] = {**sight[own], **of_own}
    sight["event"] = of_event
    inputs: JsonObject = {}
    desk.check(transition.conditions, sight, inputs)
    _check_before(desk, transition, machine, track_id)
    signed = None
    if (by.all or by.two) and not forced:
        key = f"{track_id or 'case'}.{name}"
        signed, complete = signatures(desk, by, transition, key)
        if not complete:
            waiting: JsonObject = {"approvals": {key: signed}} | ({"inputs": inputs} if inputs else {})
            if of_event:
                waiting["with"] = {"event": of_event}
            desk.emit(f"lianxin.{machine.name or 'case'}.{name}.approved.v1", waiting, [])
            return
    sets = {}
    for field, value in transition.sets:
        sets[field.name] = desk.value(value, sight, inputs) if hasattr(value, "evaluate") else value
    if sets:
        check_denial(desk, machine, track_id, {**of_own, **sets}, ends=ends)
    data: JsonObject = {"transition": f"{machine.name}.{name}" if track_id else name}
    if signed is not None:
        data["approvals"] = {key: []}
        data["signers"] = [person for _, person in signed]
    if inputs:
        data["inputs"] = inputs
    if of_event:
        data["with"] = {"event": of_event}
    if transition.extension:
        _extend(desk, transition, machine, track_id, data)
    target = _target(desk, transition, machine, track_id)
    if target is not None and not track_id:
        _check_closing(desk, machine, target)
    names = list(desk.rules.workflow.names_of(machine.name, name, state, target))
    final = target is not None and not track_id and machine.states[target].final
    timing.miss_what_ends(desk, names, track_id, desk.command.at, final=final)
    if track_id:
        _track_data(desk, machine, track_id, data, state, target, {**of_own, **sets})
    else:
        if of_own:
            data.setdefault("with", {})["case"] = of_own
        if sets:
            data["set"] = sets
        if target is not None:
            data |= {"from": state, "to": target, "phase": machine.states[target].phase}
    type_ = f"lianxin.{machine.name or 'case'}.{target or name}.v1"
    _finish(desk, machine.name, track_id, data, names, type_)


def _check_before(desk: Desk, transition: Transition, machine: Machine, track_id: str) -> None:
    """`before: DEADLINE`: only while that deadline runs and its instant has not passed."""
    if transition.before is None:
        return
    owner, name = transition.before
    deadline = desk.rules.workflow.machine(owner).deadlines[name]
    for _, clock in reversed(timing.runs(desk, deadline, track_id if owner else "")):
        if clock["status"] == "running" and desk.command.at <= clock["due_at"]:
            return
        break
    raise Refused("too-late", deadline=name, transition=transition.name)


def _target(desk: Desk, transition: Transition, machine: Machine, track_id: str) -> str | None:
    if transition.to != BACK:
        return transition.to
    came_from = desk.case.tracks[track_id].get("came_from", "") if track_id else desk.case.came_from
    if came_from not in machine.states:
        raise Refused("no-transition", transition=transition.name, reason="there is no state to go back to")
    return came_from


def _check_closing(desk: Desk, machine: Machine, target: str) -> None:
    if not machine.states[target].final:
        return
    for key, track in desk.case.tracks.items():
        if track["open"] and desk.rules.workflow.tracks[track["track"]].after_close == "block":
            raise Refused("track-open", track=key)


def _track_data(
    desk: Desk, machine: Machine, track_id: str, data: JsonObject, state: str, target: str | None, changes: JsonObject
) -> None:
    track = desk.case.tracks[track_id]
    changed = {**track, "data": {**track["data"], **changes}}
    data["track"] = track_id
    if target is not None:
        data |= {"from": state, "to": target}
        changed |= {
            "state": target,
            "came_from": state,
            "open": not machine.states[target].final,
            "entered": {**track["entered"], target: desk.command.at},
        }
    data["tracks"] = {track_id: changed}


def _extend(desk: Desk, transition: Transition, machine: Machine, track_id: str, data: JsonObject) -> None:
    """Ask for, grant or refuse the extension of a running deadline: before it is due, and no oftener than allowed."""
    assert transition.extension is not None
    what, name = transition.extension
    deadline = machine.deadlines[name]
    extension = deadline.extension
    assert extension is not None
    running = [(k, c) for k, c in timing.runs(desk, deadline, track_id) if c["status"] == "running"]
    if not running or running[-1][1]["due_at"] < desk.command.at:
        raise Refused("too-late", deadline=name, transition=transition.name)
    key, clock = running[-1]
    if what == "ask":
        if clock.get("extended", 0) >= extension.times:
            raise Refused("extension-cap", deadline=name, times=extension.times)
        data["clocks"] = {key: {**clock, "asked": True}}
        return
    if extension.asked_by and not clock.get("asked"):
        raise Refused("not-asked", deadline=name)
    if what == "refuse":
        data["clocks"] = {key: {k: v for k, v in clock.items() if k != "asked"}}
        return
    if clock.get("extended", 0) >= extension.times:
        raise Refused("extension-cap", deadline=name, times=extension.times)
    data["clocks"] = {key: clocks.extend(clock, extension.by, desk.rules.calendar)}


def _finish(desk: Desk, machine: str, track_id: str, data: JsonObject, names: list[str], type_: str) -> None:
    """The last steps of every move: clocks, what a final state ends, levels; then the fact, and what follows it."""
    command, workflow = desk.command, desk.rules.workflow
    if command.actor.role != ENGINE and not track_id:
        data["fact_at"] = max(command.at, desk.case.last_fact_at)
    if command.claimed_at:
        data["backdated"] = True
        data["claimed_at"] = command.claimed_at
    if command.once:
        data["once"] = command.once
    if command.contact:
        data["contact"] = command.contact
    final = "to" in data and workflow.machine(machine).states[data["to"]].final
    born_late = []
    if final or timing.concerns(desk.case, workflow, machine, names):
        effects = timing.Effects(desk, Draft(type_, command.at, command.actor, data), track_id, machine)
        effects.apply(names)
        if final:
            _end_what_a_final_state_ends(desk, effects, track_id, data)
        if effects.changed:
            data["clocks"] = effects.changed
        for code, facts in effects.incidents:
            desk.incident(data, code, **facts)
        names = [*names, *effects.names]
        born_late = effects.born_late
    if "tracks" in data and (levels := tracks.levels_after(desk.case, data["tracks"])):
        data["levels"] = levels
    number = None
    if machine == tracks.LETTER and data.get("to") == "signed":
        number = (str(desk.case.tracks[track_id]["data"]["kind"]), track_id)
    desk.emit(type_, data, names, letter_number=number)
    for deadline, key in born_late:
        _born_late(desk, deadline, key)


def _end_what_a_final_state_ends(desk: Desk, effects: timing.Effects, track_id: str, data: JsonObject) -> None:
    """The clocks of what is final, and the tracks that a closed case cancels."""
    if track_id:
        effects.end_all(f"{track_id}/", keep=False)
        return
    effects.end_all("", keep=True)
    for key, track in desk.case.tracks.items():
        if track["open"] and desk.rules.workflow.tracks[track["track"]].after_close == "cancel":
            data.setdefault("tracks", {})[key] = {**track, "open": False}
            effects.end_all(f"{key}/", keep=False)


def _born_late(desk: Desk, deadline: Deadline, key: str) -> None:
    """A run that kept a due day which has passed is missed at the instant it starts."""
    timing.emit_end(desk, deadline, key, desk.case.clocks[key], desk.command.at)


def correct_late(desk: Desk) -> None:
    """A fact older than the case's last one is never a move: it corrects a breach that was none, or it is refused."""
    command, case, workflow = desk.command, desk.case, desk.rules.workflow
    rows = [row for (_, name), row in workflow.main.table.items() if name == command.name]
    names = {f"transition.{command.name}", *(f"state.{row.to}.entered" for row in rows if row.to)}
    corrected, fired = {}, []
    for name in sorted(names):
        for what, deadline in workflow.clock_index.get(name, ()):
            for key, clock in timing.runs(desk, deadline, ""):
                in_time = clock["started_at"] <= command.at <= clock["due_at"]
                if what == "stop" and clock["status"] == "missed" and in_time:
                    corrected[key] = clocks.correct(clock, command.at)
                    fired.append(f"deadline.{deadline.name}.corrected")
    if not corrected:
        raise Refused("late-fact", at=command.at, last_fact_at=case.last_fact_at)
    desk.emit("lianxin.deadline.corrected.v1", {"transition": command.name, "clocks": corrected}, fired)


# ── tracks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def open_track(desk: Desk) -> None:
    """A new track: by a person where `opens:` allows it, or by a reaction."""
    command, workflow = desk.command, desk.rules.workflow
    check_there(desk)
    machine = workflow.tracks.get(command.name)
    if machine is None:
        raise Refused("no-track", track=command.name)
    _once(desk)
    if command.actor.role != ENGINE:
        check_role(desk, By(any=machine.opens_by), (), desk.sight())
    tracks.check_opening(desk, machine)
    data: JsonObject = {}
    values = dict(command.values)
    if machine.name == tracks.LETTER:
        values = tracks.letter_values(desk, values, data)
    track = tracks.new_track(desk, machine, values)
    inputs: JsonObject = {}
    desk.check(machine.opens_when, desk.sight(new={**track["data"], "state": track["state"], "open": True}), inputs)
    if inputs:
        data["inputs"] = inputs
    _emit_new_track(desk, machine, track, data)


def _emit_new_track(desk: Desk, machine: Machine, track: Track, data: JsonObject) -> None:
    track_id = tracks.track_id(desk.case.case_id, machine.name, desk.case.version + 1, desk.command.cause)
    if track_id in desk.case.tracks:
        raise Refused("track-exists", track=track_id)
    if desk.command.cause:
        data["cause"] = desk.command.cause
    data |= {"track": track_id, "to": machine.initial, "tracks": {track_id: track}}
    names = [f"{machine.name}.opened", f"{machine.name}.state.{machine.initial}.entered"]
    _finish(desk, machine.name, track_id, data, names, f"lianxin.{machine.name}.{machine.initial}.v1")
    if machine.name == tracks.LETTER and tracks.is_auto(desk, track):
        desk.command = _as_engine(desk.command)
        for name in tracks.AUTO_PATH:
            row = machine.table.get((desk.case.tracks[track_id]["state"], name))
            proof = {"proof": "auto"} if row and any(f.name == "proof" for f in row.event_needs) else {}
            move(desk, machine, track_id, name, proof, forced=True)


def _as_engine(command: Command) -> Command:
    return replace(command, actor=ENGINE_ACTOR, once="")


def escalate(desk: Desk) -> None:
    """提级包案: open the one sponsor track, or raise it. The liable unit stays liable."""
    _once(desk)
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
    _finish(desk, machine.name, open_id, data, [f"{machine.name}.raised"], "lianxin.sponsor.raised.v1")


def remind(desk: Desk) -> None:
    """点对点提醒: a reminder to a unit, on record; the level says so unless a letter already stands higher."""
    _once(desk)
    to = timing.resolved(desk, str(desk.command.values.get("to") or ""))
    if not to:
        raise Refused("no-recipient", kind="reminder")
    if desk.denied(to):
        raise Refused("accused-unit", field="to")
    data: JsonObject = {"to_unit": to, "text": str(desk.command.values.get("text") or ""), "cause": desk.command.cause}
    if desk.case.levels["supervision"] == "none":
        data["levels"] = {"supervision": "reminded"}
    desk.emit("lianxin.case.reminded.v1", data, ["case.reminded"])


def _once(desk: Desk) -> None:
    if desk.command.once and desk.command.once in desk.case.fired:
        raise Refused("once", reaction=desk.command.once)


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def fire_rung(desk: Desk) -> None:
    """The next rung of a clock, at its own instant; time is known to have come as far as `command.at`."""
    command, case, workflow = desk.command, desk.case, desk.rules.workflow
    key = command.name
    clock = case.clocks.get(key)
    if clock is None or not clock["rungs"] or clock["rungs"][0]["at"] > command.at:
        raise Refused("rung-gone", clock=key)
    rung, rest = clock["rungs"][0], clock["rungs"][1:]
    if "armed" in clock:
        done = {**clock, "status": "met", "rungs": [], "ended_at": rung["at"]}
        data: JsonObject = {"clocks": {key: done}, **clock["armed"]}
        desk.emit("lianxin.reaction.due.v1", data, [f"{clock['deadline']}.due"], at=rung["at"])
        return
    machine = workflow.main if not clock["track"] else workflow.tracks[case.tracks[clock["track"]]["track"]]
    deadline = machine.deadlines[clock["deadline"]]
    if rung["name"] != clocks.END:
        data = timing.clock_data(key, {**clock, "rungs": rest}) | {"reminder": rung["name"]}
        prefix = f"{machine.name}." if machine.name else ""
        desk.emit("lianxin.deadline.reminder.v1", data, [f"{prefix}deadline.{deadline.name}.reminder"], at=rung["at"])
        return
    timing.emit_end(desk, deadline, key, clock)
    if deadline.then:
        desk.command = _at(command, rung["at"])
        try:
            move(desk, machine, clock["track"], deadline.then, {}, forced=True)
        except Refused as refused:  # the end stands; that nothing followed from it is for a person to see
            facts = {"transition": deadline.then, "refused": refused.rejection.code}
            desk.incident(desk.drafts[-1].data, "then-refused", **facts)


def _at(command: Command, at: str) -> Command:
    return replace(command, at=at, actor=ENGINE_ACTOR)


def arm(desk: Desk) -> None:
    """A delayed reaction (`after: 30 days`): a durable clock; its condition is asked again when it rings."""
    command, case = desk.command, desk.case
    _once(desk)
    reaction = f"reaction.{command.name}"
    run = 1 + sum(clock["deadline"] == reaction for clock in case.clocks.values())
    length = parse_length(str(command.values["after"]))
    clock = clocks.start(reaction, "", run, command.at, length, desk.rules.calendar, roll=False)
    clock["armed"] = {"event": command.values["event"], "track": command.values.get("track", "")}
    clock["owner"] = ENGINE
    clock["keep"] = True  # what was promised for later comes, although the case may be closed by then
    if clock["budget"]["unit"] != clocks.MICROSECONDS:  # a day's reaction comes at the beginning of that day
        clock["rungs"] = [
            {"at": desk.rules.calendar.day_start(desk.rules.calendar.local_day(clock["due_at"])), "name": clocks.END}
        ]
    desk.emit("lianxin.reaction.armed.v1", {"clocks": {f"{reaction}#{run}": clock}, "cause": command.cause}, [])


def reproject(desk: Desk) -> None:
    """A new edition of the calendar: every running clock that moves, with the rule that moved it."""
    calendar = desk.rules.calendar
    moved, why = {}, []
    for key, clock in desk.case.clocks.items():
        after = clocks.reproject(clock, calendar)
        if after is not clock:
            moved[key] = after
            why.append({"clock": key, "from": clock["due_at"], "to": after["due_at"], "calendar": calendar.digest})
    if not moved:
        raise Refused("nothing-moved")
    data = {"clocks": moved, "moved": why, "rule": f"calendar {calendar.name} {calendar.digest[:16]}"}
    desk.emit("lianxin.deadline.moved.v1", data, [])


__all__ = ["Actor", "Rejection", "Rules", "decide"]
