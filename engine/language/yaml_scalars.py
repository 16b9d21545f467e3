"""What a plain (unquoted) word means: the same in YAML 1.1 and 1.2, or it is refused."""

from __future__ import annotations

import re
from decimal import Decimal

SAFE_INTEGER = 2**53 - 1
"""Integers beyond this lose digits in JSON readers; such numbers are identifiers and belong in quotes."""


class NotPlain(Exception):
    """A plain word that would mean different things to different readers: catalogue code and facts."""

    def __init__(self, code: str, **facts: str) -> None:
        self.code = code
        self.facts = facts
        super().__init__(code, facts)


def plain_value(text: str) -> str | int | Decimal | bool | None:
    """The value of a plain scalar; NotPlain where YAML 1.1 and 1.2 disagree or the number is out of range.

    Dates and dates with a time stay text, whole numbers are `int`, other numbers `Decimal`.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in _SWITCHES:
        raise NotPlain("LX-112", word=text)
    if text[0] in _NUMERIC_START:
        return _number(text)
    return text


def key_text(text: str) -> str:
    """The text of a plain key. NotPlain for words that are no text everywhere; a whole number stays as written."""
    value = plain_value(text)
    if isinstance(value, bool) or value is None:
        raise NotPlain("LX-115", kind=text or "空 nothing")
    if isinstance(value, Decimal):
        raise NotPlain("LX-115", kind=text)
    return text


def _number(text: str) -> str | int | Decimal:
    if _INTEGER.fullmatch(text):
        number = int(text)
        if abs(number) > SAFE_INTEGER:
            raise NotPlain("LX-113", number=text)
        return number
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    if _TIME_OF_DAY.fullmatch(text):
        raise NotPlain("LX-114", time=text)
    if _OTHER_NUMBER.fullmatch(text):
        raise NotPlain("LX-113", number=text)
    return text


_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SWITCHES = frozenset(
    case(word) for word in ("y", "n", "yes", "no", "on", "off") for case in (str.lower, str.upper, str.capitalize)
)
_NUMERIC_START = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
_TIME_OF_DAY = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)
# Everything that is a number in one of: YAML 1.1, PyYAML's 1.1, the core schema of 1.2.
_OTHER_NUMBER = re.compile(
    r"[-+]?(?:"
    r"0b[01_]+|0o[0-7]+|0x[0-9a-fA-F_]+"
    r"|[0-9][0-9_]*"
    r"|(?:[0-9][0-9_]*)?\.[0-9_]+(?:[eE][-+]?[0-9]+)?"
    r"|[0-9][0-9_]*\.?(?:[eE][-+]?[0-9]+)?"
    r"|\.(?:inf|Inf|INF|nan|NaN|NAN)"
    r")",
    re.ASCII,
)
