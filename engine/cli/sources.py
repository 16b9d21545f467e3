"""What each source may do, from the settings to the door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.runtime.asks import Source
from schemas.settings import Settings


class Policies(Mapping[str, Source]):
    """By source: its own entry in lianxin.toml, else the longest `prefix*` that fits; others are not taken."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __getitem__(self, name: str) -> Source:
        found = self._settings.source(name)
        if found is None:
            raise KeyError(name)
        return Source(found.max_backdate, found.commands, found.roles, found.types, found.units)

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings.sources)

    def __len__(self) -> int:
        return len(self._settings.sources)
