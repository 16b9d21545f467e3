"""Small batches by hand, for tests of the store."""

from __future__ import annotations

from invented_streams import clock, stamp

from engine.core.evolve import evolve
from engine.core.instants import Instant
from engine.core.model import Case, Event
from engine.store.batch import ACCEPTED, DEAD_LETTER, NO_EVENT, PARKED, Batch, DeadLetterRow, ParkedRow
from engine.store.store import Store
from engine.store.transaction import Tx

AT = "2026-04-01T01:00:00.000000Z"
LATER = "2026-04-02T01:00:00.000000Z"


def a_case(case_id: str, **data: object) -> tuple[Case, Batch]:
    event = stamp(Case(case_id), "lianxin.case.received.v1", AT, opening(**data))
    case = evolve(Case(case_id), event)
    return case, Batch(events=[event], cases={case_id: case})


def opening(**data: object) -> dict[str, object]:
    return {"workflow": "w", "to": "received", "phase": "received", "with": {"case": data}}


def signed_letter(case_id: str, number: int) -> Batch:
    track = {"track": "letter", "state": "signed", "open": True, "opened_at": AT, "entered": {"signed": AT}}
    track["data"] = {"kind": "supervision", "organisation": "示信局", "recipient": "水务局"}
    track["number"] = {"mark": "示信督", "year": 2026, "number": number}
    event = stamp(Case(case_id), "x", AT, opening() | {"tracks": {f"letter-{case_id}": track}})
    return Batch(events=[event], cases={case_id: evolve(Case(case_id), event)})


def full_batch(tx: Tx) -> None:
    number = tx.next_number("示信局", "supervision", 2026)
    batch = signed_letter("c2", number)
    case = batch.cases["c2"]
    more: Event = stamp(case, "y", LATER, {"clocks": {"handling#1": clock(LATER)}, "incidents": [{"code": "odd"}]})
    batch.events.append(more)
    batch.cases["c2"] = evolve(case, more)
    batch.inbox = [("s", f"m{n}", b"d", outcome, NO_EVENT) for n, outcome in enumerate((ACCEPTED, PARKED, DEAD_LETTER))]
    batch.parked = [parked("m1", AT, 0)]
    batch.dead_letters = [DeadLetterRow("s", "m2", "unreadable", "", "", "", 0, AT, b"sealed")]
    batch.watermarks = [("0", AT)]
    tx.append(batch)


def parked(message_id: str, at: Instant, sequence: int, case_id: str = "c1") -> ParkedRow:
    return ParkedRow("s", message_id, case_id, at, sequence, b"sealed", "case", AT, LATER)


def merged(one: Batch, other: Batch) -> Batch:
    return Batch(
        events=one.events + other.events, cases={**one.cases, **other.cases}, inbox=[*one.inbox, *other.inbox]
    )  # fmt: skip


def append(store: Store, batch: Batch) -> int:
    """The position of its first record (the next one where it has none)."""
    with store.transaction() as tx:
        tx.append(batch)
    with store.read() as reader:
        return reader.head() + 1 - len(batch.events)


def counts(store: Store) -> dict[str, int]:
    with store.read() as reader:
        return reader.counts()
