"""A new edition of a calendar: every running clock is computed again, and each that moves is a fact with its reason.

Done once per database and edition, before anything else is taken in: the offset row of the edition says so, and it is
written with the last page. Interrupted, it is simply done again; what has moved does not move twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from engine.core.calendar import Calendar
from engine.core.desk import ENGINE_ACTOR
from engine.core.instants import Instant
from engine.core.model import Command
from engine.runtime.handle import BATCH_MESSAGES_MAX, Answer, Line, carry
from engine.store.transaction import Tx

SOURCE = "lianxin:/calendar"
GROUP = "calendar"
DONE = 1
"""The offset of an edition whose pages have all been written."""


Carry = Callable[[Tx, Sequence[Command], Instant], Sequence[Answer]]
"""How commands are carried, and followed, inside a transaction."""


def reproject_all(line: Line, now: Instant, by: Carry | None = None) -> int:
    """Re-project the running clocks under every calendar in force; how many cases had a clock that moved.

    `by`: the writer's own way to carry, which reacts to what moved.
    """
    carried: Carry = by or (lambda tx, page, at: carry(tx, page, line, at))
    return sum(_reproject(line, calendar, now, carried) for calendar in line.book.calendars.values())


def _reproject(line: Line, calendar: Calendar, now: Instant, carried: Carry) -> int:
    with line.store.transaction() as tx:
        epoch, done = tx.claim(GROUP, calendar.digest)
    if done >= DONE:
        return 0
    moved = 0
    with line.store.transaction() as tx:
        for page in _pages(tx, line, calendar, now):
            answers = carried(tx, page, now)
            moved += sum(answer.status == "accepted" for answer in answers)
        carry(tx, [], line, now, offsets=[(GROUP, calendar.digest, epoch, 0, DONE)])
    return moved


def _pages(tx: Tx, line: Line, calendar: Calendar, now: Instant) -> Iterator[list[Command]]:
    """One command for each case with a running clock that counts by this calendar, in the order they began."""
    after = (0, "")
    while True:
        rows = tx.deadlines(status="running", after=after, limit=BATCH_MESSAGES_MAX)
        if not rows:
            return
        after = (int(rows[-1]["number"]), str(rows[-1]["key"]))
        cases = tx.load(dict.fromkeys(str(row["case_id"]) for row in rows))
        page = [
            Command(
                source=SOURCE,
                id=f"{case_id}/{calendar.digest}",
                case_id=case_id,
                workflow="",
                kind="calendar",
                name=calendar.name,
                actor=ENGINE_ACTOR,
                at=now,
            )
            for case_id, case in cases.items()
            if line.book.pinned(case.workflow).workflow.calendar == calendar.name
        ]
        if page:
            yield page
