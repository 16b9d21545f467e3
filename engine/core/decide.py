"""`decide(case, command, rules) → Accepted | Rejection | Early`: the rules of the workflow, and nothing else.

Order of a move (language reference, States and transitions): role, needs, denial, guard, set, state, deadlines,
reactions. Pure: no clock, no store, no randomness; the same case, command and rules always give the same outcome.
"""

from __future__ import annotations

from typing import assert_never

from engine.core import clocks, timing, tracks
from engine.core.desk import Desk, Missed, Refused, Rules, Sight, by_engine
from engine.core.inputs import sorted_values
from engine.core.instants import Instant
from engine.core.lengths import parse_length
from engine.core.model import (
    ENGINE,
    Accepted,
    Actor,
    Case,
    Clock,
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
            case "undecided":
                raise Refused("guard-failed", **command.values)
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
    _finish(desk, MAIN, "", data, names, f"lianxin.case.{initial.name}.v1")


# ── moves ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _early(desk: Desk) -> Early | None:
    """An intake fact whose case, or whose state, has not come yet."""
    command, case = desk.command, desk.case
    if not command.intake:
        return None
    if not case.exists:
        return Early(needs="case")
    if (case.state, command.name) in desk.rules.workflow.main.table:
        return None  # mostly so
    head, _, tail = command.name.partition(".")
    if not tail:
        at_work = [(desk.rules.workflow.main, case.state, case.last_fact_at)]
    elif machine := desk.rules.workflow.tracks.get(head):
        meant = [case.tracks[key] for key in _tracks_of(case, machine) if command.track_id in ("", key)]
        at_work = [(machine, t["state"], t.get("fact_at", "")) for t in meant if t["open"]]
    else:
        return None
    name = tail or head
    if any((state, name) in machine.table or command.at < last for machine, state, last in at_work):
        return None
    if any(name in machine.reachable.get(state, frozenset()) for machine, state, _ in at_work):
        return Early(needs=f"a state in which {command.name} is possible")
    return None


def transition(desk: Desk) -> None:
    """A move of the main line, or (`letter.sign`) of one of its tracks."""
    command = desk.command
    check_there(desk)
    _once(desk)
    head, _, tail = command.name.partition(".")
    if not tail:
        _move_or_correct(desk, desk.rules.workflow.main, "", command.name)
        return
    machine = desk.rules.workflow.tracks.get(head)
    if machine is None:
        raise Refused("no-transition", state=desk.case.state, transition=command.name)
    if command.where:
        _fire_each(desk, machine, tail)
        return
    for track_id in _tracks_meant(desk, machine, tail):
        _move_or_correct(desk, machine, track_id, tail)


def _move_or_correct(desk: Desk, machine: Machine, track_id: str, name: str) -> None:
    if desk.command.intake and desk.command.at < last_fact_of(desk.case, track_id):
        correct_late(desk, machine, track_id, name)
    else:
        move(desk, machine, track_id, name, desk.command.values)


def last_fact_of(case: Case, track_id: str) -> str:
    """The instant of the last fact of the main line, or of a track; a fact before it is late."""
    return case.tracks[track_id].get("fact_at", "") if track_id else case.last_fact_at


def _fire_each(desk: Desk, machine: Machine, name: str) -> None:
    """`fire: T.transition` with `where`: every instance it holds for and that can; each is decided by itself.

    What some refuse is on record with the last fact; where all refuse, so is the command.
    """
    guard = desk.rules.workflow.wheres[machine.name, desk.command.where]
    able = [key for key in _tracks_of(desk.case, machine) if _can(desk.case.tracks[key], machine, name)]
    refusals: list[tuple[str, Refused]] = []
    moved = 0
    for key in [key for key in able if desk.value(guard, desk.sight(key))]:
        drafts = len(desk.drafts)
        try:
            move(desk, machine, key, name, desk.command.values)
            moved += 1
        except Refused as refused:
            assert len(desk.drafts) == drafts, "a refused move leaves no fact"
            refusals.append((key, refused))
    if refusals and not moved:
        raise refusals[0][1]
    for key, refusal in refusals:
        facts = {"transition": f"{machine.name}.{name}", "track": key, "refused": refusal.rejection.code}
        desk.incident(desk.drafts[-1].data, "fire-refused", **facts)


def _tracks_of(case: Case, machine: Machine) -> list[str]:
    return [key for key, track in case.tracks.items() if track["track"] == machine.name]


def _can(track: Track, machine: Machine, name: str) -> bool:
    """Whether the move leads out of the state the track is in; of one that ended with its case, none does."""
    return (track["state"], name) in machine.table and not _is_cancelled(track, machine)


def _is_cancelled(track: Track, machine: Machine) -> bool:
    return not track["open"] and not machine.states[track["state"]].final


def _tracks_meant(desk: Desk, machine: Machine, name: str) -> list[str]:
    """The track named by id, or the only one in which the move is possible; the engine means all in which it is."""
    command, case = desk.command, desk.case
    if command.track_id:
        if command.track_id not in case.tracks or case.tracks[command.track_id]["track"] != machine.name:
            raise Refused("no-track", track=command.track_id)
        return [command.track_id]
    mine = _tracks_of(case, machine)
    able = [key for key in mine if _can(case.tracks[key], machine, name)]
    if command.actor.role == ENGINE:
        return able
    if not able and command.intake:
        able = [key for key in mine if command.at < last_fact_of(case, key)]
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
    if transition is None or (track is not None and _is_cancelled(track, machine)):
        possible = sorted(move for at, move in machine.table if at == state) if transition is None else []
        raise Refused("no-transition", state=state, transition=name, possible=possible)
    sight = desk.sight(track_id)
    by = transition.by
    if by.of_kind:
        assert track is not None, "only a letter has a kind"
        by = desk.rules.workflow.letters[track["data"]["kind"]].sign
    if not forced:
        check_role(desk, by, transition.not_as, sight)
    of_own, of_event = sorted_values(values, transition.case_needs, transition.event_needs, transition.takes)
    target = _target(desk, transition, machine, track_id)
    ends = target is not None and machine.states[target].final
    check_denial(desk, machine, track_id, of_own, ends=ends)
    if of_own:  # conditions see the case (or track) with the needs laid over it
        own = "track" if track_id else "case"
        sight[own] = {**sight[own], **of_own}
    sight["event"] = of_event
    data: JsonObject = {"transition": f"{machine.name}.{name}" if track_id else name}
    inputs: JsonObject = {}
    desk.check(transition.conditions, sight, inputs)
    _check_before(desk, transition, machine, track_id)
    if (by.all or by.two) and not forced and not _signed(desk, by, transition, track_id, data, inputs, of_event):
        return
    names = desk.rules.workflow.names_of(machine.name, name, state, target)
    if _end_overdue(desk, machine, track_id, names, target, state):
        move(desk, machine, track_id, name, values, forced=forced)  # decided on what that left
        return
    sets = {}
    for field, value in transition.sets:
        sets[field.name] = desk.value(value, sight, inputs) if hasattr(value, "evaluate") else value
    if sets:
        check_denial(desk, machine, track_id, {**of_own, **sets}, ends=ends)
    if inputs:
        data["inputs"] = inputs
    if of_event:
        data["with"] = {"event": of_event}
    if transition.extension:
        _extend(desk, transition, machine, track_id, data)
    if ends and not track_id:
        _check_closing(desk)
    if track_id:
        _track_data(desk, machine, track_id, data, state, target, {**of_own, **sets})
    else:
        _main_data(desk, machine, data, state, target, of_own, sets)
    if forced and not track_id:  # a move that the end of a deadline makes, at its own instant
        data["fact_at"] = max(desk.command.at, desk.case.last_fact_at)
    _finish(desk, machine.name, track_id, data, names, f"lianxin.{machine.name or 'case'}.{target or name}.v1")


def _signed(
    desk: Desk,
    by: By,
    transition: Transition,
    track_id: str,
    data: JsonObject,
    inputs: JsonObject,
    of_event: JsonObject,
) -> bool:
    """Whether everybody has signed with this command; if not, the signature is a fact of its own, and waits."""
    key = f"{track_id or 'case'}.{transition.name}"
    signed, complete = signatures(desk, by, transition, key)
    if complete:
        data["approvals"] = {key: []}
        data["signers"] = [person for _, person in signed]
        return True
    waiting: JsonObject = {"approvals": {key: signed}} | ({"inputs": inputs} if inputs else {})
    if of_event:
        waiting["with"] = {"event": of_event}
    machine = desk.case.tracks[track_id]["track"] if track_id else MAIN
    if track_id:
        waiting["track"] = track_id
    _finish(desk, machine, track_id, waiting, (), f"lianxin.{machine or 'case'}.{transition.name}.approved.v1")
    return False


def _end_overdue(
    desk: Desk, machine: Machine, track_id: str, names: tuple[str, ...], to: str | None, state: str
) -> bool:
    """What this fact would end, but whose time was over before, ends first, at its own instant; whether any did."""
    found = timing.overdue(desk, machine, track_id, names, to, to or state)
    for deadline, key, clock in found:
        if desk.case.clocks[key] == clock:  # the one before may have ended it
            _end_clock(desk, deadline, key, clock)
    return bool(found)


def _end_clock(desk: Desk, deadline: Deadline, key: str, clock: Clock, at: Instant = "") -> None:
    """The breach (or lapse), and the move that it makes: `at` an instant, else at the first one after it was due."""
    at = at or clock["rungs"][-1]["at"]
    timing.emit_end(desk, deadline, key, clock, at)
    if not deadline.then:
        return
    command, breach = desk.command, desk.drafts[-1].data
    desk.command = by_engine(command, at)
    try:
        move(desk, desk.rules.workflow.machine(deadline.machine), clock["track"], deadline.then, {}, forced=True)
    except Refused as refused:  # the end stands; that nothing followed from it is for a person to see
        desk.incident(breach, "then-refused", transition=deadline.then, refused=refused.rejection.code)
    desk.command = command


def _check_before(desk: Desk, transition: Transition, machine: Machine, track_id: str) -> None:
    """`before: DEADLINE`: only while that deadline runs and its instant has not passed; a late fact, had not passed."""
    if transition.before is None:
        return
    owner, name = transition.before
    deadline = desk.rules.workflow.machine(owner).deadlines[name]
    for _, clock in reversed(timing.runs(desk, deadline, track_id if owner else "")):
        if clocks.has_time(clock, desk.command.at) or clocks.was_in_time(clock, desk.command.at):
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


def _check_closing(desk: Desk) -> None:
    for key, track in desk.case.tracks.items():
        if track["open"] and desk.rules.workflow.tracks[track["track"]].after_close == "block":
            raise Refused("track-open", track=key)


def _main_data(
    desk: Desk,
    machine: Machine,
    data: JsonObject,
    state: str,
    target: str | None,
    of_own: JsonObject,
    sets: JsonObject,
) -> None:
    if of_own:
        data.setdefault("with", {})["case"] = of_own
    if sets:
        data["set"] = sets
    if target is not None:
        data |= {"from": state, "to": target, "phase": machine.states[target].phase}
    accused = desk.rules.workflow.accused
    if accused and accused in {**of_own, **sets}:
        _tell_of_accused_tracks(desk, data, {**of_own, **sets}[accused])


def _tell_of_accused_tracks(desk: Desk, data: JsonObject, accused: list[str] | None) -> None:
    """Who accuses a unit that has a track in hand leaves it there; that somebody must end it is for a person to see."""
    for key, track in desk.case.tracks.items():
        fields = desk.rules.workflow.tracks[track["track"]].fields.values()
        held = [track["data"].get(field.name) for field in fields if field.type in ("unit", "person")]
        units = [who for value in held for who in (value if isinstance(value, list) else [value])]
        if track["open"] and any(isinstance(who, str) and desk.denied(who, accused or []) for who in units):
            desk.incident(data, "accused-in-track", track=key)


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
    if desk.command.actor.role != ENGINE:
        changed["fact_at"] = max(desk.command.at, track.get("fact_at", ""))
    data["tracks"] = {track_id: changed}


def _extend(desk: Desk, transition: Transition, machine: Machine, track_id: str, data: JsonObject) -> None:
    """Ask for, grant or refuse the extension of a running deadline: before it is due, and no oftener than allowed."""
    assert transition.extension is not None
    what, name = transition.extension
    deadline = machine.deadlines[name]
    extension = deadline.extension
    assert extension is not None
    running = [(k, c) for k, c in timing.runs(desk, deadline, track_id) if c["status"] == "running"]
    if not running or not clocks.has_time(running[-1][1], desk.command.at):
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
    data["clocks"] = {key: clocks.extend(clock, extension.by, desk.rules.calendar, roll=deadline.roll)}


def _finish(desk: Desk, machine: str, track_id: str, data: JsonObject, names: tuple[str, ...], type_: str) -> None:
    """The last steps of every move: clocks, what a final state ends, levels; then the fact, and what follows it."""
    command, workflow = desk.command, desk.rules.workflow
    if command.actor.role != ENGINE and not track_id:
        data["fact_at"] = max(command.at, desk.case.last_fact_at)
    _keep_what_came_with(command, data)
    if "to" in data:
        _drop_signatures(desk.case, track_id, data)
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
        names = (*names, *effects.names)
        tracks.mark_corrected(desk, effects.names, data)
        born_late = effects.born_late
    if "tracks" in data and (levels := tracks.levels_after(desk.case, data["tracks"], workflow.letters)):
        data["levels"] = levels
    number = None
    if machine == tracks.LETTER and data.get("to") == "signed" and "number" not in desk.case.tracks[track_id]:
        number = (str(desk.case.tracks[track_id]["data"]["kind"]), track_id)
    desk.emit(type_, data, names, letter_number=number)
    for deadline, key in born_late:
        _born_late(desk, deadline, key)


def _keep_what_came_with(command: Command, data: JsonObject) -> None:
    """What a command says beside its values: a claimed time, a contact, which reaction it is."""
    if command.claimed_at:
        data["backdated"] = True
        data["claimed_at"] = command.claimed_at
    if command.once:
        data["once"] = {command.once: command.cause["version"]}
    if command.contact:
        data["contact"] = command.contact


def _drop_signatures(case: Case, track_id: str, data: JsonObject) -> None:
    """A signature is for the state it was given in: with it, what waits for others is over."""
    waiting: JsonObject = {key: [] for key in case.approvals if key.startswith(f"{track_id or 'case'}.")}
    if waiting:
        data["approvals"] = waiting | data.get("approvals", {})


def _end_what_a_final_state_ends(desk: Desk, effects: timing.Effects, track_id: str, data: JsonObject) -> None:
    """The clocks of what is final, and the tracks that a closed case cancels."""
    if track_id:
        effects.end_all(f"{track_id}/", keep=False)
        return
    effects.end_all("", keep=True)
    for key in timing.cancelled_by_closing(desk):
        data.setdefault("tracks", {})[key] = {**desk.case.tracks[key], "open": False}
        effects.end_all(f"{key}/", keep=False)


def _born_late(desk: Desk, deadline: Deadline, key: str) -> None:
    """A run that kept a due day which has passed is missed at the instant it starts."""
    _end_clock(desk, deadline, key, desk.case.clocks[key], desk.command.at)


def correct_late(desk: Desk, machine: Machine, track_id: str, name: str) -> None:
    """A fact older than the last one is never a move: it corrects a breach that was none, or it is refused."""
    command, workflow = desk.command, desk.rules.workflow
    rows = [row for (_, move), row in machine.table.items() if move == name and not (row.by.all or row.by.two)]
    prefix = f"{machine.name}." if track_id else ""
    names = {f"{prefix}transition.{name}", *(f"{prefix}state.{row.to}.entered" for row in rows if row.to)}
    corrected, fired = {}, []
    for fact in sorted(names):
        for what, deadline in workflow.clock_index.get(fact, ()):
            for key, clock in timing.runs(desk, deadline, track_id):
                if what == "stop" and clocks.was_in_time(clock, command.at):
                    corrected[key] = clocks.correct(clock, command.at, desk.rules.calendar)
                    fired.append(f"{prefix if deadline.machine else ''}deadline.{deadline.name}.corrected")
    if not corrected:
        raise Refused("late-fact", at=command.at, last_fact_at=last_fact_of(desk.case, track_id))
    _, of_event = _as_one_of(desk, rows, desk.sight(track_id))
    data: JsonObject = {"transition": command.name, "clocks": corrected}
    if track_id:
        data["track"] = track_id
    if of_event:
        data["with"] = {"event": of_event}
    _keep_what_came_with(command, data)
    tracks.mark_corrected(desk, fired, data)
    desk.emit("lianxin.deadline.corrected.v1", data, fired)


def _as_one_of(desk: Desk, rows: list[Transition], sight: Sight) -> tuple[JsonObject, JsonObject]:
    """What a late fact brings, by the first of the moves of its name that its sender may make and that is whole."""
    assert rows, "only what moves stops a clock"
    refusals = []
    for row in rows:
        try:
            check_role(desk, row.by, row.not_as, sight)
            return sorted_values(desk.command.values, row.case_needs, row.event_needs, row.takes)
        except Refused as refused:
            refusals.append(refused)
    raise refusals[0]


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
    _end_overdue(desk, machine, track_id, names, None, machine.initial)
    if desk.command.cause:
        data["cause"] = desk.command.cause
    if desk.command.actor.role != ENGINE:
        track["fact_at"] = desk.command.at
    data |= {"track": track_id, "to": machine.initial, "tracks": {track_id: track}}
    _finish(desk, machine.name, track_id, data, names, f"lianxin.{machine.name}.{machine.initial}.v1")
    if machine.name == tracks.LETTER and tracks.is_auto(desk, track):
        _issue(desk, machine, track_id)


def _issue(desk: Desk, machine: Machine, track_id: str) -> None:
    """The steps of an automatic letter. Where its track refuses one, a person goes on from there, and is told."""
    desk.command = by_engine(desk.command, desk.command.at)
    for name in tracks.AUTO_PATH:
        row = machine.table.get((desk.case.tracks[track_id]["state"], name))
        proof = {"proof": "auto"} if row and any(f.name == "proof" for f in row.event_needs) else {}
        try:
            move(desk, machine, track_id, name, proof, forced=True)
        except Refused as refused:
            facts = {"transition": f"{machine.name}.{name}", "refused": refused.rejection.code}
            desk.incident(desk.drafts[-1].data, "auto-refused", **facts)
            return


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
    _finish(desk, machine.name, open_id, data, (f"{machine.name}.raised",), "lianxin.sponsor.raised.v1")


def remind(desk: Desk) -> None:
    """点对点提醒: a reminder to a unit, on record; the level says so unless a letter already stands higher."""
    _once(desk)
    to = timing.resolved(desk, str(desk.command.values.get("to") or ""))
    if not to:
        raise Refused("no-recipient", kind="reminder")
    if desk.denied(to):
        raise Refused("accused-unit", field="to")
    data: JsonObject = {"to_unit": to, "text": str(desk.command.values.get("text") or ""), "cause": desk.command.cause}
    _keep_what_came_with(desk.command, data)
    if desk.case.levels["supervision"] == "none":
        data["levels"] = {"supervision": "reminded"}
    desk.emit("lianxin.case.reminded.v1", data, ["case.reminded"])


def _once(desk: Desk) -> None:
    """A reaction marked `once` fires upon one fact alone: all its actions upon that one, none upon another."""
    command = desk.command
    if command.once and desk.case.fired.get(command.once, command.cause["version"]) != command.cause["version"]:
        raise Refused("once", reaction=command.once)


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def fire_rung(desk: Desk) -> None:
    """The next rung of a clock, at its own instant; time is known to have come as far as `command.at`."""
    command, case, workflow = desk.command, desk.case, desk.rules.workflow
    key = command.name
    clock = case.clocks.get(key)
    if clock is None or not clock["rungs"] or clocks.is_paused(clock) or clock["rungs"][0]["at"] > command.at:
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
    _end_clock(desk, deadline, key, clock)


def arm(desk: Desk) -> None:
    """A delayed reaction (`after: 30 days`): a durable clock; its condition is asked again when it rings."""
    command, case = desk.command, desk.case
    reaction = f"reaction.{command.name}"
    run = 1 + sum(clock["deadline"] == reaction for clock in case.clocks.values())
    length = parse_length(str(command.values["after"]))
    armed = {"event": command.values["event"], "track": command.values.get("track", "")}
    clock = clocks.arm(reaction, run, command.at, length, desk.rules.calendar, armed)
    clock["owner"] = ENGINE
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
