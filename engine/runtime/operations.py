"""What the process that writes can be asked to do: from the name in a request to the function that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import structs

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.runtime import dead_letters, importer, incidents, keys_of_systems, people
from engine.runtime.asks import Ask, Unusable
from engine.runtime.batching import Item
from engine.runtime.messages import Read, answered, unpacked
from engine.runtime.writer import Writer

Operation = Callable[[Writer, JsonObject, Instant], JsonObject]


def operate(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """Do what a request asks; its answer. LX-535 where nobody knows the operation, or it lacks something."""
    operation = OPERATIONS.get(str(request.get("do")))
    if operation is None:
        raise LianxinError("LX-535", exit_code=2, name=request.get("do"), known="、".join(OPERATIONS))
    try:
        return operation(writer, request, now)
    except KeyError as error:
        raise LianxinError("LX-535", exit_code=2, name=request["do"], known=str(error)) from error


def submit(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """Messages of one caller: wishes, or CloudEvents as they came."""
    messages = messages_of(writer, request, now)
    return answered(writer.take_in([Item(message) for message in messages], now))


def settle(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """Ring every clock that is due, as far as the intake has come."""
    if not writer.shared:  # else that is for the processes that run
        writer.settle(now)
    return {}


def status(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """How the process that writes is doing."""
    reach = writer.marks.reach(now)
    with writer.line.store.read() as reader:
        position = reader.head()
    return {
        "now": now,
        "until": reach.until,
        "waiting_for_imports": sorted(reach.held),
        "position": position,
        "quarantined": sorted(writer.held),
    }


OPERATIONS: Mapping[str, Operation] = {
    "submit": submit,
    "settle": settle,
    "status": status,
    **importer.OPERATIONS,
    **dead_letters.OPERATIONS,
    **incidents.OPERATIONS,
    **people.OPERATIONS,
    **keys_of_systems.OPERATIONS,
}
"""Every operation by its name."""


def messages_of(writer: Writer, request: JsonObject, received_at: Instant) -> list[Ask | Unusable]:
    """The messages in a request to submit. A person's wish has the instant at which it arrived here."""
    found = []
    for packed in request["messages"]:
        if isinstance(packed, str):
            message = writer.read_in(packed.encode(), received_at)
        elif isinstance(packed, Read):
            message = writer.read_in(packed.raw, received_at, packed.event)
        else:
            message = unpacked(packed)
        if isinstance(message, Ask) and not message.intake:
            message = structs.replace(message, time=received_at)
        found.append(message)
    return found
