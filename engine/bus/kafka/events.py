"""CloudEvents 1.0 by the Kafka protocol binding, both modes, read and written.

structured    header content-type: application/cloudevents+json; the value is the whole event
binary        headers ce_id, ce_source, …; the value is the data, content-type says of what kind

The key of a message is the case's key on the intake and the case's id on what we send (extension `partitionkey`).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from engine.core.instants import Instant
from schemas.intake import JSON, IntakeEvent, Unreadable, read_binary, read_event

STRUCTURED = "application/cloudevents"
STRUCTURED_JSON = "application/cloudevents+json"
CONTENT_TYPE = "content-type"
PREFIX = "ce_"
HEADERS_MAX = 200
"""Of one message; one with more is no CloudEvent of ours."""

Header = tuple[str, bytes]
Headers = list[Header]
Given = Iterable[tuple[str, bytes | None]]


def read(headers: Given, value: bytes | None, received_at: Instant | None = None) -> IntakeEvent | Unreadable:
    """The event in a message, or why there is none. Never raises.

    Without a content type and without `ce_` headers the value is taken for a structured event.
    """
    value = value or b""
    try:
        texts = [(name, given.decode("utf-8")) for name, given in headers if given is not None]
    except UnicodeDecodeError:
        return Unreadable("not-utf8", "a header of the message is not UTF-8")
    if len(texts) > HEADERS_MAX:
        return Unreadable("too-large", f"{len(texts)} headers; at most {HEADERS_MAX} are read")
    kind = next((text for name, text in texts if name.lower() == CONTENT_TYPE), "")
    mode, _, parameters = kind.lower().partition(";")
    if mode.strip() == STRUCTURED_JSON:
        if "charset" in parameters and "utf-8" not in parameters:
            return Unreadable("unsupported-content", "the message's charset; send UTF-8", "datacontenttype")
        return read_event(value, received_at)
    if mode.startswith(STRUCTURED):
        return Unreadable("unsupported-content", f"structured events are {STRUCTURED_JSON}", "datacontenttype")
    if any(name.lower().startswith(PREFIX) for name, _ in texts):
        return read_binary(texts, value, received_at)
    return read_event(value, received_at)


def kept(headers: Given, value: bytes | None) -> bytes:
    """A message as bytes that hold all of it and can be read again as a structured event, once mended.

    The value itself, or, where attributes came as headers, a structured event made from both.
    """
    value = value or b""
    attributes: dict[str, Any] = {}
    for name, given in headers:
        text = (given or b"").decode("utf-8", errors="replace")
        if name.lower().startswith(PREFIX):
            attributes[name[len(PREFIX) :].lower()] = text
        elif name.lower() == CONTENT_TYPE:
            attributes["datacontenttype"] = text
    if len(attributes) == (1 if "datacontenttype" in attributes else 0):
        return value
    return orjson.dumps({**attributes, "data_base64": base64.b64encode(value).decode()})


def structured(event: Mapping[str, Any]) -> tuple[Headers, bytes]:
    """Headers and value of an event given as its JSON object (attributes and `data`), structured."""
    return [(CONTENT_TYPE, STRUCTURED_JSON.encode())], orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


def binary(event: Mapping[str, Any]) -> tuple[Headers, bytes]:
    """The same, binary: the value is the data alone, as JSON."""
    headers = [(CONTENT_TYPE, str(event.get("datacontenttype", JSON)).encode())]
    for name, value in sorted(event.items()):
        if name not in ("data", "datacontenttype") and value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            headers.append((PREFIX + name, text.encode()))
    data = event.get("data")
    return headers, b"" if data is None else orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


__all__ = ["binary", "kept", "read", "structured"]
