"""督办: issue letters (督办函, 风险警示函, 问责建议函) when the workflow says so.

An accountability recommendation is only ever drafted here: the engine never signs one (条例 第四十条).
"""

from __future__ import annotations

from engine.core.actions import ActionSpec, Param
from engine.core.desk import Rules
from engine.core.instants import Instant
from engine.core.model import Command, Event
from engine.core.reactions import wishes

NAME = "supervision"
ACTIONS = (
    ActionSpec(
        "issue_letter",
        NAME,
        {
            "kind": Param("letter_kind", required=True, title_zh="函的种类", title_en="kind of letter"),
            "to": Param("unit", required=True, title_zh="主送", title_en="recipient"),
            "copy": Param("unit", title_zh="抄送", title_en="copy"),
            "else_to": Param("unit", title_zh="无主送时改送", title_en="recipient where there is none"),
        },
    ),
)


def react(event: Event, rules: Rules, at: Instant) -> tuple[Command, ...]:
    """期限已过、函件未答等事实之后，向责任单位发函。One `open_track` per letter wished for."""
    found = []
    for wish in wishes(event, rules, NAME, ("issue_letter",), at):
        copy = wish.params.get("copy") or []
        values = {
            "kind": wish.params["kind"],
            "recipient": wish.params.get("to"),
            "else_to": wish.params.get("else_to"),
            "copy": copy if isinstance(copy, list) else [copy],
            "trigger": wish.trigger,
            "deadline": event.data.get("deadline"),
        }
        found.append(wish.command("open_track", "letter", values))
    return tuple(found)
