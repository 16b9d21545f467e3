"""One move of a case or of one of its tracks, from the role that may make it to the clocks that it stops and starts."""

from __future__ import annotations

from engine.core import clocks, timing, tracks
from engine.core.desk import Desk, Refused, by_engine
from engine.core.inputs import sorted_values
from engine.core.instants import Instant
from engine.core.model import ENGINE, Case, Clock, Command, Draft, JsonObject, Rejection, Track
from engine.core.permits import check_denial, check_role, signatures
from engine.core.workflow import MAIN, By, Deadline, Machine, Transition

BACK = "back"
ENDS_FOLLOWED_MAX = 5
"""Moves that ends of deadlines make upon one command; beyond it they start what ends at once, and go on for ever."""


def move(desk: Desk, machine: Machine, track_id: str, name: str, values: JsonObject, *, forced: bool = False) -> None:
    """One move, in the order of the language. `forced` is the engine's own (an automatic letter): no role is asked."""
    case, workflow = desk.case, desk.rules.workflow
    track = case.tracks[track_id] if track_id else None
    state = track["state"] if track else case.state
    transition = machine.table.get((state, name))
    if transition is None or (track is not None and is_cancelled(track, machine)):
        possible = sorted(move for at, move in machine.table if at == state) if transition is None else []
        raise Refused("no-transition", state=state, transition=name, possible=possible)
    sight = desk.sight(track_id)
    by = transition.by
    if by.of_kind:
        assert track is not None, "only a letter has a kind"
        by = workflow.letters[track["data"]["kind"]].sign
    if not forced:
        check_role(desk, by, transition.not_as, sight)
    of_own, of_event = sorted_values(values, transition.case_needs, transition.event_needs, transition.takes)
    target = transition.to if transition.to != BACK else _back(desk, transition, machine, track_id)
    step = workflow.step(machine, name, state, target)
    if workflow.accused and (case.data.get(workflow.accused) or workflow.accused in of_own):
        check_denial(desk, machine, track_id, of_own, ends=step.ends)
    if of_own:  # conditions see the case (or track) with the needs laid over it
        own = "track" if track_id else "case"
        sight[own] = {**sight[own], **of_own}
    sight["event"] = of_event
    data: JsonObject = {**step.said}
    inputs: JsonObject = {}
    if transition.conditions:
        desk.check(transition.conditions, sight, inputs)
    if transition.before is not None:
        _check_before(desk, transition.before, transition.name, track_id)
    if (
        (by.all or by.two)
        and not forced
        and not _signed(desk, by, transition, track_id, data, inputs, of_own, of_event)
    ):
        return
    if case.clocks and end_overdue(desk, machine, track_id, step.names, target, state):
        move(desk, machine, track_id, name, values, forced=forced)  # decided on what that left
        return
    sets = {}
    for field, value in transition.sets:
        sets[field.name] = desk.value(value, sight, inputs) if hasattr(value, "evaluate") else value
    if sets and workflow.accused:
        check_denial(desk, machine, track_id, {**of_own, **sets}, ends=step.ends)
    if inputs:
        data["inputs"] = inputs
    if of_event:
        data["with"] = {"event": of_event}
    if transition.extension:
        _extend(desk, transition, machine, track_id, data)
    if track_id:
        _track_data(desk, machine, track_id, data, state, target, {**of_own, **sets})
    else:
        if step.ends:
            _check_closing(desk)
        if of_own or sets:
            _main_data(desk, data, of_own, sets)
    if forced and not track_id:  # a move that the end of a deadline makes, at its own instant
        data["fact_at"] = max(desk.command.at, case.last_fact_at)
    finish(desk, machine.name, track_id, data, step.names, step.type, final=step.ends)


def attempted(
    desk: Desk, machine: Machine, track_id: str, name: str, values: JsonObject, *, forced: bool = False
) -> Rejection | None:
    """One move among several: why it was refused, if it was. Then it leaves no fact."""
    drafts = len(desk.drafts)
    try:
        move(desk, machine, track_id, name, values, forced=forced)
    except Refused as refused:
        desk.take_back(drafts)
        return refused.rejection
    return None


def _signed(
    desk: Desk,
    by: By,
    transition: Transition,
    track_id: str,
    data: JsonObject,
    inputs: JsonObject,
    of_own: JsonObject,
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
    if of_own:
        waiting["proposed"] = of_own  # the case gets what the last one signs
    machine = desk.case.tracks[track_id]["track"] if track_id else MAIN
    if track_id:
        waiting["track"] = track_id
    finish(desk, machine, track_id, waiting, (), f"lianxin.{machine or 'case'}.{transition.name}.approved.v1")
    return False


def is_cancelled(track: Track, machine: Machine) -> bool:
    return not track["open"] and not machine.states[track["state"]].final


def _check_before(desk: Desk, before: tuple[str, str], transition: str, track_id: str) -> None:
    """`before: DEADLINE`: only while that deadline runs and its instant has not passed; a late fact, had not passed."""
    owner, name = before
    deadline = desk.rules.workflow.machine(owner).deadlines[name]
    for _, clock in reversed(timing.runs(desk, deadline, track_id if owner else "")):
        if clocks.has_time(clock, desk.command.at) or clocks.was_in_time(clock, desk.command.at):
            return
        break
    raise Refused("too-late", deadline=name, transition=transition)


def _back(desk: Desk, transition: Transition, machine: Machine, track_id: str) -> str:
    """The state before."""
    came_from = desk.case.tracks[track_id].get("came_from", "") if track_id else desk.case.came_from
    if came_from not in machine.states:
        raise Refused("no-transition", transition=transition.name, reason="there is no state to go back to")
    return came_from


def _check_closing(desk: Desk) -> None:
    for key, track in desk.case.tracks.items():
        if track["open"] and desk.rules.workflow.tracks[track["track"]].after_close == "block":
            raise Refused("track-open", track=key)


def _main_data(desk: Desk, data: JsonObject, of_own: JsonObject, sets: JsonObject) -> None:
    if of_own:
        data.setdefault("with", {})["case"] = of_own
    if sets:
        data["set"] = sets
    accused = desk.rules.workflow.accused
    if accused and (accused in of_own or accused in sets):
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


def finish(
    desk: Desk,
    machine: str,
    track_id: str,
    data: JsonObject,
    names: tuple[str, ...],
    type_: str,
    *,
    final: bool = False,
) -> None:
    """The last steps of every move: clocks, what a final state ends, levels; then the fact, and what follows it.

    `final`: the machine enters a final state.
    """
    command, workflow, case = desk.command, desk.rules.workflow, desk.case
    if not track_id and command.actor.role != ENGINE:
        data["fact_at"] = command.at if command.at > case.last_fact_at else case.last_fact_at
    if command.claimed_at or command.once or command.contact:
        keep_what_came_with(command, data)
    if case.approvals and "to" in data:
        _drop_signatures(case, track_id, data)
    born_late = []
    if final or timing.concerns(case, workflow, machine, names):
        effects = timing.Effects(desk, Draft(type_, command.at, command.actor, data), track_id, machine)
        effects.apply(names)
        if final:
            _end_what_a_final_state_ends(desk, effects, track_id, data)
        if effects.changed:
            data["clocks"] = effects.changed
        for code, facts in effects.incidents:
            desk.incident(data, code, **facts)
        if effects.names:
            names = (*names, *effects.names)
            tracks.mark_corrected(desk, effects.names, data)
        born_late = effects.born_late
    if "tracks" in data and (levels := tracks.levels_after(case, data["tracks"], workflow.letters)):
        data["levels"] = levels
    number = None
    if track_id and machine == tracks.LETTER and data.get("to") == "signed" and "number" not in case.tracks[track_id]:
        number = (str(case.tracks[track_id]["data"]["kind"]), track_id)
    desk.emit(type_, data, names, letter_number=number)
    for deadline, key in born_late:
        _born_late(desk, deadline, key)


def keep_what_came_with(command: Command, data: JsonObject) -> None:
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
    end_clock(desk, deadline, key, desk.case.clocks[key], desk.command.at)


def end_overdue(
    desk: Desk, machine: Machine, track_id: str, names: tuple[str, ...], to: str | None, state: str
) -> bool:
    """What this fact would end, but whose time was over before, ends first, at its own instant; whether any did."""
    found = timing.overdue(desk, machine, track_id, names, to, to or state)
    for deadline, key, clock in found:
        if desk.case.clocks[key] == clock:  # the one before may have ended it
            end_clock(desk, deadline, key, clock)
    return bool(found)


def end_clock(desk: Desk, deadline: Deadline, key: str, clock: Clock, at: Instant = "") -> None:
    """The breach (or lapse), and the move that it makes: `at` an instant, else at the first one after it was due."""
    at = at or clock["rungs"][-1]["at"]
    timing.emit_end(desk, deadline, key, clock, at)
    if not deadline.then:
        return
    command, breach = desk.command, desk.drafts[-1].data
    if desk.ends_followed >= ENDS_FOLLOWED_MAX:
        desk.incident(breach, "then-refused", transition=deadline.then, refused="loop")
        return
    desk.ends_followed += 1
    desk.command = by_engine(command, at)
    machine = desk.rules.workflow.machine(deadline.machine)
    refused = attempted(desk, machine, clock["track"], deadline.then, {}, forced=True)
    if refused is not None:  # the end stands; that nothing followed from it is for a person to see
        desk.incident(breach, "then-refused", transition=deadline.then, refused=refused.code)
    desk.command = command


def check_once(desk: Desk) -> None:
    """A reaction marked `once` fires upon one fact alone: all its actions upon that one, none upon another."""
    command = desk.command
    if command.once and desk.case.fired.get(command.once, command.cause["version"]) != command.cause["version"]:
        raise Refused("once", reaction=command.once)
