"""The tables that are looked at, made anew from the log alone: the fold of every case, and what `project` makes of it.

Case by case in the order they were opened, so that memory does not grow with the number of cases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.core.evolve import fold
from engine.core.instants import Instant
from engine.core.model import GENESIS, Case, Event
from engine.store.projection import (
    FOLLOW_UP,
    LETTER,
    MonthOf,
    Row,
    Rows,
    TallyKey,
    case_row,
    clock_count,
    deadline_row,
    followup_row,
    incidents,
    letter_count,
    letter_row,
    openings,
)
from engine.store.reader import Reader

Series = tuple[str, str, int]
"""organisation, kind, year"""


@dataclass(frozen=True, slots=True)
class CaseRows:
    """What the log says about one case: its rows, each table's in the order of its key."""

    case: Row
    deadlines: list[Row]
    letters: list[Row]
    followups: list[Row]


@dataclass(slots=True)
class Rebuild:
    """Folds a log. `cases()` gives the rows of each case; when it has ended the totals below are complete."""

    reader: Reader
    month_of: MonthOf
    events: int = 0
    faults: list[str] = field(default_factory=list)
    """Records that do not follow from the one before in their case; at most FAULTS_MAX of them."""
    letter_numbers: dict[Series, int] = field(default_factory=dict)
    totals: Rows = field(default_factory=Rows)
    """Its incidents and tally; the rest of it is not used."""

    def cases(self) -> Iterator[CaseRows]:
        """The rows of every case, by its number."""
        case, number, updated_at = Case(""), 0, ""
        for found, event in self.reader.records_by_case():
            if found != number:
                if number:
                    yield self._rows(number, case, updated_at)
                case, number = Case(event.case_id), found
            self._check(case, number, event)
            self._count(event)
            fold(case, event)
            updated_at = event.recorded_at
        if number:
            yield self._rows(number, case, updated_at)
        for event in self.reader.records_without_case_version():
            self.events += 1
            incidents(event, event.position, self.totals)

    def incident_rows(self) -> list[Row]:
        """The incidents, closed ones with the instant they were closed."""
        closed = {(position, ordinal): at for at, position, ordinal in self.totals.closed_incidents}
        rows = sorted(self.totals.incidents)
        return [(*row[:-1], closed.get((row[0], row[1]))) for row in rows]

    def letter_number_rows(self) -> list[Row]:
        """The last number of each series."""
        return sorted((*series, last) for series, last in self.letter_numbers.items())

    def tally_rows(self) -> list[Row]:
        """What units answered for; nothing stands for 0."""
        return sorted((*key, amount) for key, amount in self.totals.tally.items() if amount)

    def _check(self, case: Case, number: int, event: Event) -> None:
        follows = event.version == case.version + 1 and event.case_id == case.case_id
        begins = (event.version == 1) == (event.position == number)
        digest = hashlib.sha256((case.digest or GENESIS) + event.body).digest()
        if follows and begins and event.digest == digest:
            return
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"position {event.position}, case {event.case_id}, version {event.version}")

    def _count(self, event: Event) -> None:
        self.events += 1
        for opening in openings(event, self.month_of):
            self.totals.count(None, opening)
        if "incidents" in event.data:
            incidents(event, event.position, self.totals)

    def _rows(self, number: int, case: Case, updated_at: Instant) -> CaseRows:
        rows = CaseRows(case_row(number, case, updated_at), [], [], [])
        for key, clock in sorted(case.clocks.items()):
            rows.deadlines.append(deadline_row(number, case.case_id, key, clock))
            self._add(clock_count(clock, self.month_of))
        for track_id, track in sorted(case.tracks.items()):
            if track["track"] == LETTER:
                rows.letters.append(letter_row(number, case, track_id, track))
                self._add(letter_count(track, self.month_of))
                if "number" in track:
                    series = (track["data"]["organisation"], track["data"]["kind"], track["number"]["year"])
                    last = self.letter_numbers.get(series, 0)
                    self.letter_numbers[series] = max(last, track["number"]["number"])
            elif track["track"] == FOLLOW_UP:
                rows.followups.append(followup_row(number, case, track_id, track))
        return rows

    def _add(self, key: TallyKey | None) -> None:
        self.totals.count(None, key)


FAULTS_MAX = 100
