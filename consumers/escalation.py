"""领导包案、提级包案: open or raise the one sponsor of a case. The liable unit stays liable."""

from __future__ import annotations

from engine.core.actions import ActionSpec, Param
from engine.core.desk import Rules
from engine.core.instants import Instant
from engine.core.model import Command, Event
from engine.core.reactions import wishes

NAME = "escalation"
ACTIONS = (
    ActionSpec(
        "escalate",
        NAME,
        {
            "levels": Param("int", title_zh="提升几级", title_en="how many levels up"),
            "to_level": Param("level", title_zh="提到哪一级", title_en="to which level"),
        },
    ),
)


def react(event: Event, rules: Rules, at: Instant) -> tuple[Command, ...]:
    """提级: from none to L2 by one step, otherwise one level up or to the level named."""
    return tuple(
        wish.command("escalate", "sponsor", dict(wish.params)) for wish in wishes(event, rules, NAME, ("escalate",), at)
    )
