"""Rows of a file on their way in: each is taken whole, or is one dead letter that says where and why.

A row may become several commands. What a row's dead letter is called does not depend on where in the file it stands, so
a file in another order brings the same, and a mended one is not taken for something else.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
from msgspec import structs

from engine.core.desk import Rules
from engine.runtime.asks import Ask, Unusable, from_row
from engine.runtime.decode import read_value
from engine.runtime.files.maps import SEQUENCE_STEP, Map, read_commands
from engine.store.keys import Keys

WISHES = "wishes"
"""Key of the content of a row's dead letter, where it could be read: its wishes."""
NUMBER = "#"
BROKEN_TOLD_APART_MAX = 1_000_000
"""Different broken rows of one file whose repetitions are counted (100 bytes each); beyond it equal ones are one."""


def messages_of(path: Path, map_: Map) -> Iterator[Ask | Unusable]:
    """What the file says, in its order; the same every time it is read. LX-316, LX-320…LX-323 as `read_commands`."""
    source = map_.source or f"file:{path.name}"
    broken = Broken()
    for mapped in read_commands(path, map_):
        message = from_row(mapped, source, path.name)
        yield broken.counted(message) if isinstance(message, Unusable) else message


class Broken:
    """The rows of one file that could not be read: of equal ones, which one it is stands in their names."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def counted(self, row: Unusable) -> Unusable:
        """The row as the how-manieth of its kind; `whole` gives it the rest of its name."""
        said = hashlib.blake2b(_said(row), digest_size=16).digest()
        if said in self._seen or len(self._seen) < BROKEN_TOLD_APART_MAX:
            self._seen[said] += 1
        return replace(row, id=f"{NUMBER}{self._seen[said] or 1}")


def by_row(messages: Iterable[Ask | Unusable]) -> Iterator[list[Ask | Unusable]]:
    """The messages of each row together."""
    return (list(group) for _, group in groupby(messages, key=lambda message: message.row))


def whole(row: Sequence[Ask | Unusable], rules: Rules | None, keys: Keys) -> list[Ask] | Unusable:
    """The wishes of one row, or its dead letter: where a value cannot be read as its field, none of them comes in.

    `rules` None: nobody knows the workflow, and each wish is answered so.
    """
    wishes: list[Ask] = []
    for message in row:
        if isinstance(message, Ask):
            wishes.append(message)
            if rules is not None and (fault := _fault(message, rules)):
                return _dead([one for one in row if isinstance(one, Ask)], *fault, keys)
        elif len(row) > 1:  # a wish that its source may not have
            return _dead([one for one in row if isinstance(one, Ask)], message.reason, message.field, keys)
        else:
            digest = keys.content_digest(_said(message)).hex()
            return replace(message, id=f"row:{digest}{message.id}") if message.id.startswith(NUMBER) else message
    return wishes


def _fault(ask: Ask, rules: Rules) -> tuple[str, str] | None:
    """The first value that cannot be read: why, and its column."""
    zone = ZoneInfo(ask.zone) if ask.zone else rules.calendar.zone
    for name, raw in ask.values.items():
        try:
            read_value(ask.does, name, raw, rules, zone, ask.time_formats)
        except ValueError as fault:
            return str(fault), ask.columns.get(name, name)
    return None


def _dead(wishes: Sequence[Ask], reason: str, field: str, keys: Keys) -> Unusable:
    """The dead letter of a row that could be read. Its content can be mended and tried again, all wishes together."""
    first = wishes[0]
    placeless = [structs.replace(w, file="", row=0, sequence=w.sequence % SEQUENCE_STEP, columns={}) for w in wishes]
    name = f"row:{keys.content_digest(_packed([structs.replace(wish, notes=()) for wish in placeless])).hex()}"
    detail = f"{first.file}, row {first.row}: {reason}"
    return Unusable(first.source, name, reason, detail, field, first.file, first.row, _packed(placeless))


def _packed(wishes: Sequence[Ask]) -> bytes:
    return orjson.dumps({WISHES: [orjson.loads(wish.packed()) for wish in wishes]}, option=orjson.OPT_SORT_KEYS)


def _said(broken: Unusable) -> bytes:
    return f"{broken.reason}\x1f{broken.field}\x1f".encode() + broken.content
