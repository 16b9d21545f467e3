"""What a reaction may do: the registry of actions, filled by consumers, resolved when a workflow is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of an action. `kind`: unit, text, int, duration, role, level, letter_kind, transition or track."""

    kind: str
    required: bool = False
    title_zh: str = ""
    title_en: str = ""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """A name that may stand under `do:`, the consumer that carries it out, its typed parameters."""

    name: str
    consumer: str
    params: Mapping[str, Param] = field(default_factory=dict)
    positional: str = ""  # the parameter meant by `- fire: reopen`


ENGINE_CONSUMER = "engine"
ENGINE_ACTIONS = (
    ActionSpec("fire", ENGINE_CONSUMER, {"transition": Param("transition", required=True)}, positional="transition"),
    ActionSpec("open", ENGINE_CONSUMER, {"track": Param("track", required=True)}, positional="track"),
)
"""What the engine itself can do: make a move, open a track."""

LEVELS = ("L1", "L2", "L3", "L4", "L5")
"""Levels of a sponsor (包案领导): unit head … city principal."""
