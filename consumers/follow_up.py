"""回查回访: schedule a call or visit by somebody outside the handling unit."""

from __future__ import annotations

from engine.core.actions import ActionSpec, Param
from engine.core.desk import Rules
from engine.core.instants import Instant
from engine.core.model import Command, Event
from engine.core.reactions import wishes

NAME = "follow_up"
ACTIONS = (
    ActionSpec(
        "schedule_follow_up",
        NAME,
        {
            "after": Param("duration", required=True, title_zh="多久之内", title_en="first attempt within"),
            "by": Param("role", required=True, title_zh="由谁", title_en="by whom"),
            "purpose": Param("text", title_zh="目的", title_en="purpose"),
        },
    ),
)


def react(event: Event, rules: Rules, at: Instant) -> tuple[Command, ...]:
    """答复之后回访。The first attempt is due `after` from the fact."""
    found = []
    for wish in wishes(event, rules, NAME, ("schedule_follow_up",), at):
        values = {
            "purpose": wish.params.get("purpose"),
            "first_within": wish.params["after"],
            "caller": wish.params["by"],
        }
        found.append(wish.command("open_track", "follow_up", values))
    return tuple(found)
