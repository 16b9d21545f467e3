"""A fact from another system that is older than what is on record: it corrects, or it is refused; it never moves."""

from __future__ import annotations

from engine.core import clocks, timing, tracks
from engine.core.desk import Desk, Refused, Sight
from engine.core.inputs import sorted_values
from engine.core.model import Case, JsonObject
from engine.core.moves import keep_what_came_with
from engine.core.permits import check_role
from engine.core.workflow import Machine, Transition


def last_fact_of(case: Case, track_id: str) -> str:
    """The instant of the last fact of the main line, or of a track; a fact before it is late."""
    return case.tracks[track_id].get("fact_at", "") if track_id else case.last_fact_at


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
    if not corrected or not rows:  # what several people sign, none of them can say afterwards
        raise Refused("late-fact", at=command.at, last_fact_at=last_fact_of(desk.case, track_id))
    _, of_event = _as_one_of(desk, rows, desk.sight(track_id))
    data: JsonObject = {"transition": command.name, "clocks": corrected}
    if track_id:
        data["track"] = track_id
    if of_event:
        data["with"] = {"event": of_event}
    keep_what_came_with(command, data)
    tracks.mark_corrected(desk, fired, data)
    desk.emit("lianxin.deadline.corrected.v1", data, fired)


def _as_one_of(desk: Desk, rows: list[Transition], sight: Sight) -> tuple[JsonObject, JsonObject]:
    """What a late fact brings, by the first of the moves of its name that its sender may make and that is whole."""
    refusals = []
    for row in rows:
        try:
            check_role(desk, row.by, row.not_as, sight)
            return sorted_values(desk.command.values, row.case_needs, row.event_needs, row.takes)
        except Refused as refused:
            refusals.append(refused)
    raise refusals[0]
