"""Reading JSON that strangers send: bounded work, and every refusal has a fixed word.

orjson alone would keep the last of two equal keys, turn an integer of twenty digits into a rounded float and hand on
1,024 levels. `read_json` refuses all of that, at the price of one `dumps` and one walk over the values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson

MAX_MESSAGE_BYTES = 1024 * 1024
"""A longer message is refused by its size, before a byte of it is parsed."""
MAX_DEPTH = 32
"""Levels of objects and arrays, one within the other."""
MAX_INTEGER = 2**53 - 1
"""Beyond it two readers may see two numbers (RFC 8785); such a number is sent as a text."""

BOM = b"\xef\xbb\xbf"


class JsonFault(ValueError):
    """Why a text was refused: `reason` is a fixed word, `detail` holds nothing of the content but key names.

    `value` is what was understood nevertheless (None where nothing was), so that a caller may name the sender.
    """

    def __init__(self, reason: str, detail: str, field: str | None = None, value: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.field = field
        self.value = value


def read_json(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8 (a byte order mark is tolerated). JsonFault says why not."""
    value = parsed(raw)
    refuse_ambiguous(raw, value)
    return value


def parsed(raw: bytes) -> Any:
    """What orjson makes of it. JsonFault where that is nothing; what can be read in two ways is yet to be refused."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise JsonFault("too-large", f"{len(raw)} bytes; at most {MAX_MESSAGE_BYTES} are taken")
    raw = raw.removeprefix(BOM)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise _explain(raw, fault) from None


def refuse_ambiguous(raw: bytes, value: Any) -> None:
    """Refuse what readers could understand in two ways, or not at all: depth, unsafe numbers, equal keys, NUL."""
    if (reason := _unsafe(value, MAX_DEPTH)) is not None:
        if reason == "too-deep":
            raise JsonFault(reason, f"more than {MAX_DEPTH} levels of objects and arrays", None, value)
        detail = f"a number beyond ±{MAX_INTEGER}; send it as a text"
        raise JsonFault(reason, detail, _where(value, _is_unsafe_number), value)
    # A text is a pair of quotes, in the message as in the value written out again; a dropped key is a pair less.
    # Over-counting (an escaped backslash before u0022) only costs the slow look, which is exact.
    quotes = raw.count(b'"')
    escapes = b"\\" in raw
    if escapes:
        quotes += raw.count(b"\\u0022")
    if quotes != orjson.dumps(value).count(b'"') and (key := _twice(raw)) is not None:
        raise JsonFault("duplicate-key", f"the key {key[:64]!a} stands twice in one object", key[:64], value)
    if escapes and b"\\u0000" in raw and (field := _where(value, _has_nul)) is not None:
        raise JsonFault("control-character", "U+0000 in a text", field, value)


def _unsafe(value: Any, levels: int) -> str | None:
    """`too-deep` below that many levels, `number-out-of-range` beyond ±(2^53-1), else None.

    orjson has made rounded floats of the longest integers; they are beyond as well.
    """
    kind = type(value)
    if kind is dict:
        inners = value.values()
    elif kind is list:
        inners = value
    else:
        return "number-out-of-range" if _is_unsafe_number(value) else None
    if not levels:
        return "too-deep"
    for inner in inners:
        kind = type(inner)
        if kind is str:
            continue
        if kind is int or kind is float:
            if not -MAX_INTEGER <= inner <= MAX_INTEGER:
                return "number-out-of-range"
        elif (kind is dict or kind is list) and (reason := _unsafe(inner, levels - 1)) is not None:
            return reason
    return None


def is_plain(value: Any, levels: int) -> bool:
    """Nothing but texts, whole numbers that are safe, true, false and null, in no more than so many levels."""
    kind = type(value)
    if kind is dict:
        inners = value.values()
    elif kind is list:
        inners = value
    else:
        return kind is not float and (kind is not int or -MAX_INTEGER <= value <= MAX_INTEGER)
    if not levels:
        return False
    for inner in inners:
        kind = type(inner)
        if kind is str:
            continue
        if kind is int:
            if not -MAX_INTEGER <= inner <= MAX_INTEGER:
                return False
        elif not is_plain(inner, levels - 1 if kind is dict or kind is list else levels):
            return False
    return True


def _twice(raw: bytes) -> str | None:
    """The first key that stands twice in one object."""
    found: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                found.append(key)
            seen.add(key)

    json.loads(raw, object_pairs_hook=pairs, parse_int=len, parse_float=len)
    return found[0] if found else None


def _is_unsafe_number(value: Any) -> bool:
    return isinstance(value, int | float) and not -MAX_INTEGER <= value <= MAX_INTEGER


def _has_nul(value: Any) -> bool:
    return isinstance(value, str) and "\0" in value


def _where(value: Any, is_wrong: Callable[[Any], bool], path: str = "") -> str | None:
    """The path (`data.with.level`; the whole text is "message") of the first key or value that is wrong, if any."""
    if is_wrong(value):
        return path or "message"
    if isinstance(value, dict):
        for key, inner in value.items():
            below = f"{path}.{key[:64]}" if path else key[:64]
            if (found := path or "message" if is_wrong(key) else _where(inner, is_wrong, below)) is not None:
                return found
    elif isinstance(value, list):
        return next((found for inner in value if (found := _where(inner, is_wrong, path)) is not None), None)
    return None


def _explain(raw: bytes, fault: orjson.JSONDecodeError) -> JsonFault:
    """Which of the fixed words fits a text that orjson refused."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as broken:
        return JsonFault(*_not_utf8(raw, broken))
    at = f"line {fault.lineno} column {fault.colno}"
    if "depth limit" in fault.msg:
        return JsonFault("too-deep", f"more than {MAX_DEPTH} levels of objects and arrays")
    if "surrogate" in fault.msg:
        return JsonFault("surrogate", f"half of a surrogate pair at {at}")
    if "infinity" in fault.msg:
        return JsonFault("number-out-of-range", f"a number too large for any reader at {at}")
    if "control character" in fault.msg:
        return JsonFault("control-character", f"a control character that is not escaped at {at}")
    return JsonFault("not-json", f"{fault.msg.partition(':')[0]} at {at}" if raw.strip() else "the message is empty")


def _not_utf8(raw: bytes, broken: UnicodeDecodeError) -> tuple[str, str]:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "not-utf8", "the message is UTF-16; JSON is sent as UTF-8"
    if raw[broken.start] == 0xED and broken.start + 1 < len(raw) and raw[broken.start + 1] >= 0xA0:
        return "surrogate", f"a surrogate written as UTF-8 at byte {broken.start}"
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return "not-utf8", f"byte {broken.start} is not UTF-8"
    return "not-utf8", f"byte {broken.start} is not UTF-8 (the bytes would be GB18030); send UTF-8"
