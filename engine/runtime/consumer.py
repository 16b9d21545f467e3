"""What a consumer is. Apart from what runs it, so that whoever only reads workflows loads no database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.core.actions import ActionSpec
from engine.core.desk import Rules
from engine.core.instants import Instant
from engine.core.model import Command, Event


@dataclass(frozen=True, slots=True)
class Consumer:
    """A named, pure function from facts to commands, and the actions it carries out."""

    name: str
    actions: tuple[ActionSpec, ...]
    react: Callable[[Event, Rules, Instant], Sequence[Command]]
