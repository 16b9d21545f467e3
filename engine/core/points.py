"""The points of a clock: a reminder, the end, the time of a delayed reaction; and a new edition of the calendar."""

from __future__ import annotations

from engine.core import clocks, timing
from engine.core.desk import Desk, Refused
from engine.core.lengths import parse_length
from engine.core.model import ENGINE, JsonObject
from engine.core.moves import end_clock


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
    end_clock(desk, deadline, key, clock)


def arm(desk: Desk) -> None:
    """A delayed reaction (`after: 30 days`): a durable clock; its condition is asked again when it rings."""
    command, case = desk.command, desk.case
    reaction = f"reaction.{command.name}"
    run = 1 + sum(clock["deadline"] == reaction for clock in case.clocks.values())
    if run > timing.RUNS_MAX:
        raise Refused("starts-for-ever", clock=reaction)
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
