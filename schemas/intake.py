"""The door: what other systems send, as CloudEvents 1.0. `read_event` says what came, or why it cannot be used.

    {"specversion": "1.0", "id": "a1", "source": "urn:city:hotline", "type": "org.city.hotline.call.logged",
     "subject": "HL-7", "time": "2026-04-01T09:00:00+08:00", "data": {"level": 3}}

Structured messages, binary ones (`read_binary`) and batches end in the same `IntakeEvent`. Checks are made by hand,
because this is the hottest line of the intake; schemas.envelope says the same as a JSON Schema, and a test holds the
two together.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

import orjson
from msgspec import Struct
from msgspec import field as made

from schemas.json_text import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_MESSAGE_BYTES,
    JsonFault,
    is_plain,
    parsed,
    read_json,
    refuse_ambiguous,
)
from schemas.rfc3339 import Instant, TimeFault, read_time

JSON = "application/json"
MAX_ATTRIBUTE_CHARS = 1024
MAX_BATCH_EVENTS = 500
TRANSPORT_ATTRIBUTES = frozenset(
    {
        "datacontenttype",
        "partitionkey",
        "recordedtime",
        "sampledrate",
        "sequence",
        "sequencetype",
        "traceparent",
        "tracestate",
    }
)
"""How a message travelled, not what it says: two deliveries of one fact may differ in them."""


class IntakeEvent(Struct):
    """One message that can be used. `extensions` holds every attribute without a field of its own.

    Nobody changes one; it is not `frozen` only because that would triple the time to make it.
    """

    id: str
    source: str
    type: str
    subject: str | None
    time: Instant
    data: Any
    sequence: int | None = None
    extensions: dict[str, Any] = made(default_factory=dict)
    time_claimed: bool = True
    """False where the message had no `time` and that of its arrival stands in; it is then no part of `content`."""
    packed: bytes = b""
    """Its `content`, where reading it has made that already."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a message cannot be used. `reason` is a fixed word, `field` the attribute or the path in `data`.

    `detail` explains to the sender and holds no value of the message. `source` and `id` where they could still be read.
    """

    reason: str
    detail: str
    field: str | None = None
    source: str | None = None
    id: str | None = None


def read_event(raw: bytes, received_at: Instant | None = None) -> IntakeEvent | Unreadable:
    """Read one structured message. Never raises, and works in proportion to at most 1 MiB.

    A message without `time` takes `received_at`, the instant of its arrival; without that it is unreadable.
    """
    try:
        value = parsed(raw)
        if (usual := _usual(raw, value)) is not None:
            return usual
        refuse_ambiguous(raw, value)
    except JsonFault as fault:
        return _unreadable(fault)
    return event_of(value, received_at)


def read_batch(raw: bytes, received_at: Instant | None = None) -> list[IntakeEvent | Unreadable] | Unreadable:
    """Read a JSON array of messages (`application/cloudevents-batch+json`), each with its own answer."""
    try:
        batch = read_json(raw)
    except JsonFault as fault:
        return Unreadable(fault.reason, fault.detail, fault.field)
    if not isinstance(batch, list):
        return Unreadable("wrong-type", "a batch is a JSON array of events")
    if len(batch) > MAX_BATCH_EVENTS:
        return Unreadable("too-large", f"{len(batch)} events; at most {MAX_BATCH_EVENTS} are taken at once")
    return [event_of(envelope, received_at) for envelope in batch]


def read_binary(
    headers: Iterable[tuple[str, str]], body: bytes, received_at: Instant | None = None
) -> IntakeEvent | Unreadable:
    """Read a message whose attributes are headers: `ce-id` (HTTP, percent-encoded) or `ce_id` (Kafka, plain)."""
    envelope: dict[str, Any] = {}
    try:
        envelope = binary_envelope(headers, body, envelope)
    except JsonFault as fault:
        return _unreadable(fault, envelope)
    return event_of(envelope, received_at)


def binary_envelope(
    headers: Iterable[tuple[str, str]], body: bytes, envelope: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The same as a parsed structured message; JsonFault where the body is not what its type says.

    With `envelope` the attributes are put there, so that they are known where the body cannot be read.
    """
    envelope = {} if envelope is None else envelope
    for name, text in headers:
        name = name.lower()
        if name.startswith("ce-"):
            envelope[name[3:]] = unquote(text)
        elif name.startswith("ce_"):
            envelope[name[3:]] = text
        elif name == "content-type":
            envelope["datacontenttype"] = text
    envelope["data"] = _payload(envelope.get("datacontenttype"), body) if body else None
    return envelope


def content(event: IntakeEvent) -> bytes:
    """What the message says, as canonical bytes: the same for every delivery of one fact (see TRANSPORT_ATTRIBUTES)."""
    if event.packed:
        return event.packed
    time = event.time if event.time_claimed else ""
    said = {
        "data": event.data,
        "id": event.id,
        "source": event.source,
        "subject": event.subject,
        "time": time or None,
        "type": event.type,
    }
    for name, value in event.extensions.items():
        if name not in TRANSPORT_ATTRIBUTES:
            said[f"+{name}"] = value
    packed = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    if packed.count(b".0") > (time[19:21] == ".0"):  # 1.0 and 1 are one number, and gateways write either
        said["data"] = _whole(event.data)
        packed = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return packed


def _usual(raw: bytes, envelope: object) -> IntakeEvent | None:
    """Most messages: the seven usual attributes, nothing escaped, no float. None where the whole reading must decide.

    Accepts nothing that the whole reading would not accept, and gives what it would give (a test says so).
    """
    if type(envelope) is not dict or len(envelope) != len(_USUAL) or b"\\" in raw:
        return None
    try:
        version, id_, source, type_, subject, time, data = _usual_values(envelope)
        attributes = "".join((id_, source, type_, subject))
        at = read_time(time)
    except (KeyError, TypeError, TimeFault):  # TypeError: one of them is no text
        return None
    if (
        version != "1.0"
        or not (id_ and source and type_ and subject)
        or len(attributes) > MAX_ATTRIBUTE_CHARS
        or not attributes.isprintable()
        or not is_plain(data, MAX_DEPTH - 1)
    ):
        return None
    said = {"data": data, "id": id_, "source": source, "subject": subject, "time": at, "type": type_}
    packed = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    # As long as it would be written anew, with its version: then no key stood twice. Blanks make it longer; then the
    # quotes are counted: another pair is a key that was dropped.
    if len(raw) - len(time) != len(packed) - len(at) + VERSION_BYTES and raw.count(b'"') != packed.count(b'"') + 4:
        return None
    return IntakeEvent(id_, source, type_, subject, at, data, None, {}, True, packed)


def event_of(envelope: object, received_at: Instant | None = None) -> IntakeEvent | Unreadable:
    """The event of a parsed message: what `read_event` does after `read_json`."""
    if type(envelope) is not dict:
        return Unreadable("not-an-object", "an event is a JSON object with specversion, id, source and type")
    try:
        return _event(envelope, received_at)
    except JsonFault as fault:
        return _unreadable(fault, envelope)


def _event(envelope: dict[str, Any], received_at: Instant | None) -> IntakeEvent:
    version = envelope.get("specversion")
    if version != "1.0":
        raise _version_fault(version)
    id_ = _attribute("id", envelope.get("id"))
    source = _attribute("source", envelope.get("source"))
    type_ = _attribute("type", envelope.get("type"))
    subject = envelope.get("subject")
    if subject is not None:
        subject = _attribute("subject", subject)
    time, claimed = _time(envelope.get("time"), received_at)
    sequence = envelope.get("sequence")
    if sequence is not None:
        sequence = _sequence(sequence)
    content_type = envelope.get("datacontenttype", JSON)
    extensions = {} if content_type == JSON and envelope.keys() <= _KNOWN else _extensions(envelope)
    data = envelope.get("data")
    if "data_base64" in envelope:
        data = _decoded(envelope)
    return IntakeEvent(id_, source, type_, subject, time, data, sequence, extensions, claimed)


_KNOWN = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "sequence", "datacontenttype", "data", "data_base64"}
)
_USUAL = ("specversion", "id", "source", "type", "subject", "time", "data")
_usual_values = itemgetter(*_USUAL)
VERSION_BYTES = len('"specversion":"1.0",')
_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
# CloudEvents 1.0, type String: no control characters, no noncharacters, no surrogates.
_NEVER_IN_ATTRIBUTES = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def _attribute(name: str, value: object) -> str:
    if type(value) is not str:
        if value is None:
            raise JsonFault("missing-attribute", f"`{name}` is required", name)
        raise JsonFault("wrong-type", f"`{name}` is a text, not {_kind(value)}", name)
    if not 0 < len(value) <= MAX_ATTRIBUTE_CHARS:
        if not value:
            raise JsonFault("missing-attribute", f"`{name}` is empty", name)
        raise JsonFault("too-large", f"`{name}` has {len(value)} characters of {MAX_ATTRIBUTE_CHARS}", name)
    if not value.isprintable() and (wrong := _NEVER_IN_ATTRIBUTES.search(value)):
        reason = "surrogate" if "\ud800" <= wrong[0] <= "\udfff" else "control-character"
        raise JsonFault(reason, f"U+{ord(wrong[0]):04X} in `{name}`", name)
    return value


def _time(value: object, received_at: Instant | None) -> tuple[Instant, bool]:
    if value is None:
        if received_at is None:
            raise JsonFault("missing-attribute", "`time` is required here: nothing else says when it happened", "time")
        return received_at, False
    if type(value) is not str:
        raise JsonFault("wrong-type", f"`time` is a text, not {_kind(value)}", "time")
    try:
        return read_time(value), True
    except TimeFault as fault:
        raise JsonFault(fault.reason, fault.detail, "time") from None


def _sequence(value: object) -> int:
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 24:
        value = int(value)
    if type(value) is not int:
        raise JsonFault("wrong-type", "`sequence` is a whole number, or digits", "sequence")
    if not 0 <= value <= MAX_INTEGER:
        raise JsonFault("number-out-of-range", f"`sequence` is from 0 to {MAX_INTEGER}", "sequence")
    return value


def _extensions(envelope: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in envelope.items():
        if (name in _KNOWN and name != "datacontenttype") or value is None:
            continue
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise JsonFault("bad-name", f"the attribute {name[:64]!a}: names are a-z and 0-9 only", name[:64])
        if type(value) is str:
            value = _attribute(name, value) if value else value
        elif type(value) is not int and type(value) is not bool:
            raise JsonFault("wrong-type", f"`{name}` is a text, a whole number or a bool, not {_kind(value)}", name)
        found[name] = value
    return found


def _decoded(envelope: dict[str, Any]) -> Any:
    """The data of `data_base64`."""
    encoded = envelope["data_base64"]
    if encoded is None:
        return envelope.get("data")
    if envelope.get("data") is not None:
        raise JsonFault("data-twice", "`data` and `data_base64` exclude each other", "data_base64")
    if type(encoded) is not str:
        raise JsonFault("wrong-type", f"`data_base64` is a text, not {_kind(encoded)}", "data_base64")
    try:
        body = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise JsonFault("bad-base64", "`data_base64` is not base64", "data_base64") from None
    return _payload(envelope.get("datacontenttype"), body)


def _payload(content_type: object, body: bytes) -> Any:
    """The value of a body that came beside its attributes: JSON by default, else a text."""
    kind, _, parameters = (content_type if type(content_type) is str else JSON).lower().partition(";")
    kind = kind.strip()
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters)
    if charset and charset[1] not in ("utf-8", "utf8", "us-ascii"):
        raise JsonFault("unsupported-content", "the body's charset; send UTF-8", "datacontenttype")
    if kind.endswith(("/json", "+json")):
        try:
            return read_json(body)
        except JsonFault as fault:
            raise JsonFault(fault.reason, fault.detail, f"data.{fault.field}" if fault.field else "data") from None
    if len(body) > MAX_MESSAGE_BYTES:
        raise JsonFault("too-large", f"{len(body)} bytes; at most {MAX_MESSAGE_BYTES} are taken", "data")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as broken:
        raise JsonFault("not-utf8", f"byte {broken.start} of the body is not UTF-8", "data") from None
    if "\0" in text:
        raise JsonFault("control-character", "U+0000 in the body", "data")
    return text


def _version_fault(version: object) -> JsonFault:
    if version is None:
        return JsonFault("missing-attribute", '`specversion` is required: "1.0"', "specversion")
    if type(version) is not str:
        return JsonFault("wrong-type", f"`specversion` is a text, not {_kind(version)}", "specversion")
    return JsonFault("unsupported-version", 'only `specversion` "1.0" is understood', "specversion")


def _unreadable(fault: JsonFault, envelope: object = None) -> Unreadable:
    known = envelope if envelope is not None else fault.value
    names: dict[str, str | None] = {"source": None, "id": None}
    if isinstance(known, dict):
        for name in names:
            value = known.get(name)
            if (
                type(value) is str
                and 0 < len(value) <= MAX_ATTRIBUTE_CHARS
                and value.isprintable()
                and fault.field != name
            ):
                names[name] = value
    return Unreadable(fault.reason, fault.detail, fault.field, names["source"], names["id"])


def _whole(value: Any) -> Any:
    """The value with every float that is a whole number as an int."""
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is dict:
        return {key: _whole(inner) for key, inner in value.items()}
    if type(value) is list:
        return [_whole(inner) for inner in value]
    return value


def _kind(value: object) -> str:
    """What a JSON value is, in a reader's words."""
    names: dict[type, str] = {dict: "an object", list: "an array", str: "a text", bool: "a bool", int: "a number"}
    return names.get(type(value), "a number")
