"""`decide(case, command, rules) → Accepted | Rejection | Early`: the rules of the workflow, and nothing else.

Order of a move (language reference, States and transitions): role, needs, denial, guard, set, state, deadlines,
reactions. Pure: no clock, no store, no randomness; the same case, command and rules always give the same outcome.
"""

from __future__ import annotations

from typing import assert_never

from engine.core.desk import Desk, Refused, Rules
from engine.core.late_facts import correct_late, last_fact_of
from engine.core.model import ENGINE, Accepted, Case, Command, Early, Outcome, Track
from engine.core.moves import attempted, check_once, is_cancelled, move
from engine.core.openings import escalate, open_case, open_track, remind
from engine.core.permits import check_there
from engine.core.points import arm, fire_rung, reproject
from engine.core.workflow import Machine


def decide(case: Case, command: Command, rules: Rules) -> Outcome:
    """What the rules say to one command about one case."""
    desk = Desk(case, command, rules)
    try:
        match command.kind:
            case "open_case" if not (case.version and rules.workflow.moves(command.name)):
                open_case(desk)
            case "open_case" | "transition":
                possible = not command.intake or (case.state, command.name) in rules.workflow.main.table
                if not possible and (early := _early(desk)):
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


def _early(desk: Desk) -> Early | None:
    """An intake fact whose case, or whose state, has not come yet."""
    command, case = desk.command, desk.case
    if not case.version:
        return Early(needs="case")
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
    if command.once:
        check_once(desk)
    if "." not in command.name:
        main, late = desk.rules.workflow.main, command.intake and command.at < desk.case.last_fact_at
        if late:
            correct_late(desk, main, "", command.name)
        else:
            move(desk, main, "", command.name, command.values)
        return
    head, _, tail = command.name.partition(".")
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


def _fire_each(desk: Desk, machine: Machine, name: str) -> None:
    """`fire: T.transition` with `where`: every instance it holds for and that can; each is decided by itself.

    What some refuse is on record with the last fact; where all refuse, so is the command.
    """
    guard = desk.rules.workflow.wheres[machine.name, desk.command.where]
    able = [key for key in _tracks_of(desk.case, machine) if _can(desk.case.tracks[key], machine, name)]
    meant = [key for key in able if desk.value(guard, desk.sight(key))]
    refusals = {key: attempted(desk, machine, key, name, desk.command.values) for key in meant}
    refused = {key: refusal for key, refusal in refusals.items() if refusal is not None}
    if refused and len(refused) == len(meant):
        first = next(iter(refused.values()))
        raise Refused(first.code, **first.facts)
    for key, refusal in refused.items():
        facts = {"transition": f"{machine.name}.{name}", "track": key, "refused": refusal.code}
        desk.incident(desk.drafts[-1].data, "fire-refused", **facts)


def _tracks_of(case: Case, machine: Machine) -> list[str]:
    return [key for key, track in case.tracks.items() if track["track"] == machine.name]


def _can(track: Track, machine: Machine, name: str) -> bool:
    """Whether the move leads out of the state the track is in; of one that ended with its case, none does."""
    return (track["state"], name) in machine.table and not is_cancelled(track, machine)


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
