"""Messages between our own processes: an `Ask` or an `Unusable` as JSON, and back; and the answers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from engine.core.model import JsonObject
from engine.runtime.asks import Ask, Unusable
from engine.runtime.handle import Answer
from schemas.intake import IntakeEvent, Unreadable


@dataclass(frozen=True, slots=True)
class Read:
    """A message from outside that a door of this process has read already; `raw` is how it came."""

    event: IntakeEvent | Unreadable
    raw: bytes


def packed(message: Ask | Unusable) -> JsonObject:
    """The message as JSON."""
    if isinstance(message, Ask):
        wish: JsonObject = orjson.loads(message.packed())
        return wish
    return {**asdict(message), "content": base64.b64encode(message.content).decode()}


def unpacked(message: JsonObject | Ask | Unusable) -> Ask | Unusable:
    """The message in JSON; one that is no JSON comes from this process and is given back as it is."""
    if isinstance(message, Ask | Unusable):
        return message
    if "does" in message:
        return Ask.unpacked(orjson.dumps(message))
    return Unusable(**{**message, "content": base64.b64decode(message["content"])})


def answered(answers: Sequence[Answer]) -> JsonObject:
    """Answers as JSON."""
    return {"answers": [asdict(answer) for answer in answers]}


def answers_in(reply: JsonObject) -> list[Answer]:
    """Answers from JSON."""
    found: list[dict[str, Any]] = reply["answers"]
    return [Answer(**answer) for answer in found]
