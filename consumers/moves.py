"""What the engine itself may do upon a fact: make a move, open a track, wait for a delayed reaction's time."""

from __future__ import annotations

from engine.core.actions import ENGINE_ACTIONS, ENGINE_CONSUMER
from engine.core.desk import Rules
from engine.core.instants import Instant
from engine.core.model import Command, Event
from engine.core.reactions import ARM, wishes

NAME = ENGINE_CONSUMER
ACTIONS = ENGINE_ACTIONS


def react(event: Event, rules: Rules, at: Instant) -> tuple[Command, ...]:
    """自动流转：`fire`、`open`，以及到时再议的响应。"""
    found = []
    for wish in wishes(event, rules, NAME, ("fire", "open"), at):
        values = dict(wish.params.get("with", {}))
        if wish.action == ARM:
            found.append(wish.command("arm", wish.reaction.name, dict(wish.params)))
        elif wish.action == "fire":
            where = str(wish.params.get("where", ""))
            found.append(wish.command("transition", str(wish.params["transition"]), values, where=where))
        else:
            found.append(wish.command("open_track", str(wish.params["track"]), values))
    return tuple(found)
