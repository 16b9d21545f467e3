"""How far the intake has come: no point of a clock fires before every partition has been read past its instant.

live                        requests that wait in this process; live/N where there are several
spool                       files that wait in a folder
kafka/TOPIC/PARTITION       a partition of the intake's topic, as far as it was read
import/WORKFLOW/FILE#HASH   an import on its way: holds back the clocks of its workflow until its last row is in
imported/WORKFLOW           the instant the last import of a workflow ended
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from engine.core.instants import Instant, plus

LIVE, SPOOL = "live", "spool"
IMPORT, IMPORTED = "import/", "imported/"
DONE: Instant = "9999-12-31T23:59:59.999999Z"
"""The watermark of an import whose last row is in."""
MAX_WAIT = timedelta(minutes=15)


def import_name(workflow: str, partition: str) -> str:
    """The watermark's name of an import."""
    return f"{IMPORT}{workflow}/{partition}"


@dataclass(slots=True)
class _Mark:
    at: Instant
    moved_at: Instant
    own: bool = True  # moved by this process: it tells the others


@dataclass(frozen=True, slots=True)
class Reach:
    """Up to which instant points may fire, of which workflows not at all, and which partitions stand still."""

    until: Instant
    held: frozenset[str]
    standing: tuple[str, ...] = ()


class Watermarks:
    """The partitions' marks in memory, begun with those of the database. Pure: instants come in."""

    def __init__(self, stored: Mapping[str, Instant], now: Instant, max_wait: timedelta = MAX_WAIT) -> None:
        self._marks: dict[str, _Mark] = {}
        self._max_wait = max_wait
        self._read: dict[str, int] = {}
        self.imported: dict[str, Instant] = {}
        """By workflow, when its last import ended."""
        self.learn(stored, now)  # time while nobody was running does not count as standing still

    def learn(self, stored: Mapping[str, Instant], now: Instant) -> None:
        """The marks as the database has them, other processes' among them."""
        for name, at in stored.items():
            if name.startswith(IMPORTED):
                self.imported[name.removeprefix(IMPORTED)] = at
            elif at == DONE:
                self._marks.pop(name, None)
            elif name not in self._marks:
                self._marks[name] = _Mark(at, now, own=False)
            elif at > self._marks[name].at:
                self._marks[name].at, self._marks[name].moved_at = at, now

    def read_on(self, read: Mapping[str, int], now: Instant) -> None:
        """How many messages of a partition were taken, by whomever: where more were, it does not stand still."""
        for name, count in read.items():
            if self._read.get(name, count) != count and name in self._marks:
                self.progress(name, now)
            self._read[name] = count

    def move(self, name: str, at: Instant, now: Instant) -> None:
        """A partition has been read up to what was recorded at `at`; marks never go back."""
        mark = self._marks.setdefault(name, _Mark("", now))
        mark.own = True
        if at > mark.at:
            mark.at, mark.moved_at = at, now

    def progress(self, name: str, now: Instant) -> None:
        """Something of the partition was read, though not past another instant: it does not stand still."""
        self._marks[name].moved_at = now

    def names(self, prefix: str) -> set[str]:
        """The partitions that are waited for, of one kind."""
        return {name for name in self._marks if name.startswith(prefix)}

    def drop(self, name: str) -> None:
        """Nobody waits for this partition any more."""
        self._marks.pop(name, None)

    def begin_import(self, name: str, now: Instant) -> None:
        """An import is on its way, or sends another batch."""
        self._marks[name] = _Mark(now, now)

    def end_import(self, name: str, workflow: str, now: Instant) -> None:
        """Its last row is in, or it was given up."""
        self._marks.pop(name, None)
        self.imported[workflow] = max(now, self.imported.get(workflow, ""))

    def reach(self, now: Instant) -> Reach:
        """What may fire as the intake stands."""
        return Reach(self._until(now, self._general()), self._importing())

    def beyond(self, now: Instant) -> Reach | None:
        """What may fire, marked incomplete, because some partition has stood still too long; None where none has."""
        standing = {name for name, mark in self._marks.items() if self._stands(mark, now)}
        if not standing:
            return None
        moving = self._general() - standing
        return Reach(self._until(now, moving), self._importing(standing), tuple(sorted(standing)))

    def as_rows(self) -> list[tuple[str, Instant]]:
        """The marks worth keeping that this process has moved: (partition, instant)."""
        return [(name, mark.at) for name, mark in sorted(self._marks.items()) if mark.at and mark.own]

    def _general(self) -> set[str]:
        return {name for name in self._marks if not name.startswith(IMPORT)}

    def _until(self, now: Instant, names: set[str]) -> Instant:
        return min((self._marks[name].at for name in names), default=now)

    def _importing(self, without: set[str] | None = None) -> frozenset[str]:
        names = {name for name in self._marks if name.startswith(IMPORT)} - (without or set())
        return frozenset(name.removeprefix(IMPORT).partition("/")[0] for name in names)

    def _stands(self, mark: _Mark, now: Instant) -> bool:
        return mark.at < now and now > plus(mark.moved_at, self._max_wait)
