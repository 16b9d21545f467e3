"""The shape of a catalogue entry, apart from the catalogue so that every area can import it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code means (`zh`, `en`; `{name}` is filled from the finding's facts) and what to do about it."""

    zh: str
    en: str
    remedy_zh: str
    remedy_en: str
