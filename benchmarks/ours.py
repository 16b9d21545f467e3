"""lianxin itself through its own door: read_event → from_event → handle, batches of whatever has come (up to 500)."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import workload
from measure import Measure, cpu, fresh

from engine.app import consumers
from engine.audit.verify import verify
from engine.core.evolve import fold
from engine.core.model import GENESIS, Case, Event
from engine.runtime.asks import UNLIMITED, Ask, Unusable, from_event
from engine.runtime.assembly import Assembly
from engine.runtime.garbage import seldom_collected
from engine.runtime.handle import BATCH_MESSAGES_MAX, Line, carry
from engine.runtime.react import Place, follow
from engine.runtime.replay import replay
from engine.store.keys import fixed_keys
from engine.store.store import Meanwhile, Store
from engine.store.vault import Vault
from schemas.intake import read_event

ON = (
    "CloudEvents checked at the door, permanent inbox with keyed digests, typed CEL guards, ledger deadlines, "
    "chain of digests, encrypted vault (petition text, case key), case table, deadline table, read models, offsets, "
    "one filtered consumer, WAL, synchronous=FULL, secure_delete"
)
REACTING = consumers()
NOW = "2026-05-20T00:00:00.000000Z"
SOURCES = {"*": UNLIMITED}
INTAKE = ("bench", "0")
"""Group and partition whose offset commits with each batch."""
PACED_PER_S = 1_000
PACED_SECONDS = 3


@contextmanager
def office(folder: Path, name: str = "ours.db") -> Iterator[tuple[Line, Place]]:
    """A fresh database on disk and the line over it, with the place in its intake."""
    with office_on(f"sqlite:///{fresh(folder / name)}") as found:
        yield found


@contextmanager
def office_on(url: str) -> Iterator[tuple[Line, Place]]:
    """The line over an empty database, with the place in its intake."""
    assembly = Assembly(REACTING)
    flow = assembly.workflow(Path(__file__).with_name("workload.yaml"))
    keys = fixed_keys()
    vault = Vault(keys)
    with Store.open(url, vault=vault) as store:
        line = assembly.line(store, keys, vault, assembly.book({flow.name: flow}, store=store))
        with store.transaction() as tx:
            place = Place(*tx.claim(*INTAKE))
        with seldom_collected():
            yield line, place


Wishes = list[Ask | Unusable]


def wishes(line: Line, messages: Sequence[bytes]) -> Wishes:
    """The messages of a batch, read at the door."""
    return [from_event(read_event(raw), line.book, SOURCES, NOW, raw) for raw in messages]


def feed(line: Line, place: Place, asks: Wishes, answers: Counter[str], meanwhile: Meanwhile | None = None) -> Place:
    """One batch along the line: messages, what follows from them, offset; one transaction."""
    with line.store.transaction(meanwhile) as tx:
        facts: list[Event] = []
        reached = Place(place.epoch, place.position + len(asks))
        fence = (*INTAKE, place.epoch, place.position, reached.position)
        for answer in carry(tx, asks, line, NOW, offsets=[fence], heard=facts):
            answers[answer.status] += 1
        follow(tx, facts, line, REACTING, NOW)
    return reached


def feed_all(line: Line, place: Place, messages: Sequence[bytes], answers: Counter[str]) -> Place:
    """All of them as `run` does: while the disk writes one batch, the next one is read."""
    ahead = wishes(line, messages[:BATCH_MESSAGES_MAX])
    for start in range(BATCH_MESSAGES_MAX, len(messages) + BATCH_MESSAGES_MAX, BATCH_MESSAGES_MAX):
        following: list[Wishes] = []
        rest = messages[start : start + BATCH_MESSAGES_MAX]
        place = feed(line, place, ahead, answers, lambda: following.append(wishes(line, rest)))  # noqa: B023
        (ahead,) = following
    return place


def check(line: Line, answers: Counter[str], cases: int, sent: int) -> None:
    """No figure unless each event moved its case once, each repetition was refused, nothing hangs, the chain holds."""
    wanted = cases * len(workload.STEPS)
    assert answers == {"accepted": wanted, "duplicate": sent - wanted}, f"events were lost or doubled: {answers}"
    with line.store.read() as reader:
        assert reader.head() == wanted, f"{reader.head()} records for {wanted} events"
        assert not reader.deadlines(status="running", limit=1), "a deadline is pending"
    path = line.store.path
    assert path is not None
    report = verify(path)
    assert not report.findings, report.findings[:1]


def run(cases: int, folder: Path) -> dict[str, Any]:
    """The workload; then the fold of the log with every digest checked; then the rebuild of all tables, compared."""
    with office(folder) as (line, place):
        messages = list(workload.messages(cases))
        answers: Counter[str] = Counter()
        with Measure(len(messages)) as measure:
            feed_all(line, place, messages, answers)
        check(line, answers, cases, len(messages))
        figures: dict[str, Any] = measure.figures() | {"what_is_on": ON}
        events = cases * len(workload.STEPS)
        with Measure(events) as folding:
            assert _fold(line) == events
        figures |= {f"fold_{name}": value for name, value in folding.figures().items()}
        with Measure(events) as rebuilding:
            assert replay(line.store).equal
        figures |= {f"rebuild_{name}": value for name, value in rebuilding.figures().items()}
        line.store.checkpoint()
        assert line.store.path is not None
        figures["bytes_per_case"] = line.store.path.stat().st_size / cases
        return figures


def _fold(line: Line) -> int:
    """Log → case states, each digest computed again; how many records."""
    count, case, of = 0, Case(""), 0
    with line.store.read() as reader:
        for number, event in reader.records_by_case():
            if number != of:
                case, of = Case(event.case_id), number
            assert hashlib.sha256((case.digest or GENESIS) + event.body).digest() == event.digest
            fold(case, event)
            count += 1
    return count


def latency(cases: int, folder: Path) -> dict[str, Any]:
    """Accepted → durable, one sender at 1,000 messages a second; batches are whatever has come meanwhile."""
    messages = list(workload.messages(PACED_PER_S * PACED_SECONDS // len(workload.STEPS), duplicates=0))
    waits: list[float] = []
    with office(folder, "paced.db") as (line, place):
        begun, done = time.perf_counter(), 0
        while done < len(messages):
            now = time.perf_counter()
            arrived = min(int((now - begun) * PACED_PER_S) + 1, len(messages), done + BATCH_MESSAGES_MAX)
            if arrived == done:
                time.sleep(0.0002)
                continue
            place = feed(line, place, wishes(line, messages[done:arrived]), Counter())
            durable = time.perf_counter()
            waits += [durable - (begun + index / PACED_PER_S) for index in range(done, arrived)]
            done = arrived
    waits.sort()
    return {"p50_ms": waits[len(waits) // 2] * 1000, "p99_ms": waits[int(len(waits) * 0.99)] * 1000}


def growth(cases: int, folder: Path, *, time_ordered: bool = True) -> dict[str, Any]:
    """The rate of the last tenth of ten times as many cases, beside that of the first tenth."""
    with office(folder, "growth.db") as (line, place):
        rates = []
        for tenth in range(10):
            messages = list(workload.messages(cases, first=tenth * cases, time_ordered=time_ordered))
            answers: Counter[str] = Counter()
            with Measure(len(messages)) as measure:
                place = feed_all(line, place, messages, answers)
            assert answers["accepted"] == cases * len(workload.STEPS)
            rates.append(measure.figures()["cpu_s_per_1000"])
        return {"first_cpu_s_per_1000": rates[0], "last_cpu_s_per_1000": rates[-1], "ratio": rates[0] / rates[-1]}


def growth_random(cases: int, folder: Path) -> dict[str, Any]:
    """The same with ids that are spread like random ones."""
    return growth(cases, folder, time_ordered=False)


__all__ = ["cpu", "growth", "growth_random", "latency", "run"]
