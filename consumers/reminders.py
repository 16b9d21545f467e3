"""点对点提醒: tell one unit, before anything is late."""

from __future__ import annotations

from engine.core.actions import ActionSpec, Param
from engine.core.desk import Rules
from engine.core.instants import Instant
from engine.core.model import Command, Event
from engine.core.reactions import wishes

NAME = "reminders"
ACTIONS = (
    ActionSpec(
        "remind",
        NAME,
        {
            "to": Param("unit", required=True, title_zh="提醒谁", title_en="whom"),
            "text": Param("text", title_zh="说什么", title_en="what"),
        },
    ),
)


def react(event: Event, rules: Rules, at: Instant) -> tuple[Command, ...]:
    """期限将至时提醒责任单位。"""
    return tuple(
        wish.command("remind", "reminder", {"to": wish.params.get("to"), "text": wish.params.get("text")})
        for wish in wishes(event, rules, NAME, ("remind",), at)
    )
