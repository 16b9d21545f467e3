"""From a request to its messages: CloudEvents over HTTP, structured, binary and in batches."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.message import Message

import orjson
from starlette.requests import ClientDisconnect, Request

from engine.api.problems import Refused, unfit
from engine.core.instants import Instant
from engine.runtime.messages import Read
from schemas.intake import MAX_BATCH_EVENTS, Unreadable, event_of, read_binary, read_event
from schemas.json_text import MAX_MESSAGE_BYTES, JsonFault, read_json

BODY_BYTES_MAX = MAX_MESSAGE_BYTES
"""Of one request, be it one message or a batch."""
BODY_SECONDS_MAX = 10.0
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
OF_THE_WHOLE = frozenset({"not-json", "not-utf8", "too-deep", "not-an-object", "duplicate-key"})
"""Faults that leave no message to speak of: 400 rather than 422."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one request brings. `digest` is the same for the same request sent again."""

    messages: list[Read]
    batch: bool
    digest: bytes


def size_of(request: Request) -> int:
    """How many bytes to make room for. Refused (413) where it says itself that it is too large."""
    said = request.headers.get("content-length", "")
    size = int(said) if said.isascii() and said.isdigit() and len(said) < 16 else BODY_BYTES_MAX
    if size > BODY_BYTES_MAX or (said.isdigit() and len(said) >= 16):
        raise too_large()
    return size


def too_large() -> Refused:
    return Refused(413, "LX-392", close=True, max=BODY_BYTES_MAX)


async def body_of(request: Request) -> bytes:
    """The body, once it is there. Refused with 413 as soon as it is too large, with 408 where it does not come."""
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for part in request.stream():
                found += part
                if len(found) > BODY_BYTES_MAX:
                    raise too_large()
    except TimeoutError:
        raise Refused(408, "LX-388", close=True, seconds=int(BODY_SECONDS_MAX)) from None
    except ClientDisconnect:  # nobody is there any more to be told
        raise Refused(400, "LX-394", close=True, reason="incomplete") from None
    return bytes(found)


def must_be_readable(request: Request) -> None:
    """Refused (415) for a body in a form that is not understood; looked at before the body is read."""
    kind, charset = _media_type(request)
    if charset not in ("", "utf-8", "utf8", "us-ascii") or request.headers.get("content-encoding", "identity") != (
        "identity"
    ):
        raise Refused(415, "LX-393", close=True, more={"field": "content-type"})
    binary = any(name.startswith("ce-") for name in request.headers)
    if kind not in (STRUCTURED, BATCH) and (kind.startswith("application/cloudevents") or not binary):
        raise Refused(415, "LX-393", close=True, more={"field": "content-type"})


def delivery(request: Request, body: bytes, received_at: Instant, caller: str) -> Delivery:
    """The messages of a request. Refused with 400, 413 or 422 where there are none, or the only one is unreadable."""
    kind, _ = _media_type(request)
    headers = _ce_headers(request)
    digest = hashlib.sha256(orjson.dumps([kind, sorted(headers)]) + body).digest()
    if kind == BATCH:
        return Delivery(_batch(body, received_at, caller), True, digest)
    if kind == STRUCTURED:
        event = read_event(body, received_at)
    else:
        content_type = request.headers.get("content-type")
        event = read_binary([*headers, *([("content-type", content_type)] if content_type else [])], body, received_at)
    if isinstance(event, Unreadable):
        raise _unreadable(event)
    return Delivery([Read(event, body)], False, digest)


def _batch(body: bytes, received_at: Instant, caller: str) -> list[Read]:
    try:
        envelopes = read_json(body)
    except JsonFault as fault:
        raise _unreadable(Unreadable(fault.reason, fault.detail, fault.field)) from None
    if not isinstance(envelopes, list):
        raise _unreadable(Unreadable("not-an-object", "a batch is a JSON array of events"))
    if len(envelopes) > MAX_BATCH_EVENTS:
        raise unfit(413, "too-large", "", f"{len(envelopes)} events; at most {MAX_BATCH_EVENTS} are taken at once")
    return [_member(envelope, received_at, caller) for envelope in envelopes]


def _member(envelope: object, received_at: Instant, caller: str) -> Read:
    """One message of a batch. One that cannot be read becomes a dead letter, known by what it says."""
    event = event_of(envelope, received_at)
    if not isinstance(event, Unreadable):
        return Read(event, b"")
    raw = orjson.dumps(envelope)
    named = replace(
        event,
        source=event.source or f"urn:lianxin:http:{caller}",
        id=event.id or f"sha256:{hashlib.sha256(raw).hexdigest()}",
    )
    return Read(named, raw)


def _unreadable(event: Unreadable) -> Refused:
    if event.reason == "too-large" and not event.field:
        return too_large()
    status = 400 if event.reason in OF_THE_WHOLE else 422
    return unfit(status, event.reason, event.field or "", event.detail, kept=False)


def _media_type(request: Request) -> tuple[str, str]:
    """The media type and the charset of the body, in lower case."""
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    charset = message.get_param("charset", "")
    return given, charset.lower() if isinstance(charset, str) else "?"


def _ce_headers(request: Request) -> Sequence[tuple[str, str]]:
    """The attributes among the headers. Refused (422) where one stands twice: who would know which is meant?"""
    found: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw:
        name = raw_name.decode("latin-1").lower()
        if not name.startswith("ce-"):
            continue
        if name in found:
            raise unfit(422, "duplicate-key", name.removeprefix("ce-"), "the header stands twice", kept=False)
        found[name] = _unquoted(raw_value.decode("latin-1"))
    return list(found.items())


def _unquoted(value: str) -> str:
    """A header's value without the double quotes of RFC 7230 around it, as the HTTP binding asks."""
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return value
    inner, out, escaped = value[1:-1], [], False
    for character in inner:
        if character == "\\" and not escaped:
            escaped = True
            continue
        out.append(character)
        escaped = False
    return "".join(out)
