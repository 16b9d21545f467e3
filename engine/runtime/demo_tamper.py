"""One byte of the demo city's log, changed on the disk, behind the engine's back: to see it found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.audit.verify import Report, verify
from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import Event
from engine.runtime.assembly import Assembly
from engine.runtime.demo import DATABASE, run
from engine.store.reader import ROWS_MAX, Reader
from engine.store.store import Store

TAMPERED = "tampered.db"
BREACH = "lianxin.deadline.missed.v1"
"""What somebody might wish to be a day younger."""
DAY = re.compile(rb'"occurred_at":"(\d{4}-\d\d-\d(\d))')


@dataclass(frozen=True, slots=True)
class Tampering:
    """What was changed where, and what an auditor finds. `position` in the log, `offset` in the file."""

    file: Path
    position: int
    case_id: str
    offset: int
    before: str
    after: str
    report: Report


def tamper(assembly: Assembly, folder: Path, progress: Callable[[int, int, Instant], None]) -> Tampering:
    """Copy the city's database, change one digit of a breach's date in the copy, and verify that.

    The city is built first where the folder has none. LX-522 where what lies there is no city.
    """
    city, copy = folder / DATABASE, folder / TAMPERED
    if not city.exists():
        run(assembly, folder, progress)
    with Store.open(f"sqlite:///{city}", create=False) as store:
        store.checkpoint()
        content = bytearray(city.read_bytes())
        with store.read() as reader:
            # A body longer than a page lies in pieces; the others stand in the file as they are.
            event = next((e for e in _records(reader) if e.type == BREACH and content.find(e.body) > 0), None)
    if event is None:
        raise LianxinError("LX-522", exit_code=5, path=city)
    *_, day = DAY.finditer(event.body)
    offset = content.find(event.body) + day.start(2)
    content[offset] ^= 1  # 0 and 1, 2 and 3, …
    after = day[1][:-1] + content[offset : offset + 1]
    copy.unlink(missing_ok=True)
    copy.touch(mode=0o600)
    copy.write_bytes(content)
    report = verify(copy)
    return Tampering(copy, event.position, event.case_id, offset, day[1].decode(), after.decode(), report)


def _records(reader: Reader) -> Iterator[Event]:
    after = 0
    while page := reader.log(after, ROWS_MAX):
        yield from page
        after = page[-1].position
