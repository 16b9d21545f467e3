"""What must hold of a database after whatever has happened to it: one function, asked after every suite that hurts it.

1 accepted messages are in the log once · 2 and 3 tables are what the log says · 4 versions and positions are dense ·
5 chains hold · 6 one letter for each cause, numbers dense · 7 a point fires once, never early · 8 only moves that the
workflow has · 10 offsets agree with what was taken · 16 nothing is left undone (asked for with `drained`)
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import orjson

from engine.core.instants import Instant
from engine.core.model import GENESIS, Event
from engine.core.workflow import Workflow
from engine.runtime.replay import replay_snapshot
from engine.store.batch import ACCEPTED, DEAD_LETTER, PARKED, REJECTED
from engine.store.reader import Reader
from engine.store.schema import inbox, key_of
from engine.store.store import Store

REMINDER = "lianxin.deadline.reminder."
POINTS = (REMINDER, "lianxin.deadline.missed.", "lianxin.deadline.lapsed.")


def broken(store: Store, workflows: Iterable[Workflow], now: Instant, *, drained: bool = True) -> list[str]:
    """Every invariant that does not hold, in words."""
    machines = {workflow.digest: workflow for workflow in workflows}
    with store.read() as reader:
        log = list(_all(reader))
        wrong = [*_chains(log), *_messages(reader, log), *_letters(reader, log), *_points(log)]
        wrong += [*_moves(log, machines), *_places(reader)]
        rebuilt = replay_snapshot(reader)
        if not rebuilt.equal:
            wrong.append(f"the tables are not what the log says: {rebuilt.differences} {rebuilt.faults}")
        if drained:
            wrong += _undone(reader, now)
    return wrong


def _all(reader: Reader) -> Iterator[Event]:
    after = 0
    while page := reader.log(after):
        yield from page
        after = page[-1].position


def _chains(log: list[Event]) -> Iterator[str]:
    heads: dict[str, tuple[int, bytes]] = {}
    for place, event in enumerate(log, 1):
        if event.position != place:
            yield f"position {event.position} where {place} must be"
        version, before = heads.get(event.case_id, (0, GENESIS))
        if event.version and event.version != version + 1:
            yield f"position {place}: version {event.version} after {version}"
        if hashlib.sha256((before if event.version else GENESIS) + event.body).digest() != event.digest:
            yield f"position {place}: the chain is broken"
        if event.version:
            heads[event.case_id] = (event.version, event.digest)


def _messages(reader: Reader, log: list[Event]) -> Iterator[str]:
    """The inbox and the log tell the same story of each message; each is in the log in one piece."""
    causes: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in log:
        cause = orjson.loads(event.body).get("cause") or {}
        if cause.get("id"):
            causes[cause["source"], cause["id"]].append(event)
    known: set[tuple[str, str]] = set()
    dead = {(row.source, row.id) for row in reader.dead_letters(limit=1_000_000)}
    parked = {(row.source, row.id) for row in reader.parked(limit=1_000_000)}
    for source, id_, _, outcome, position in reader.rows(inbox, key_of(inbox)):
        known.add((source, id_))
        mine = causes.get((source, id_), [])
        if outcome == ACCEPTED and position and (not mine or mine[0].position != position):
            yield f"message {id_} is accepted, and not where the inbox says"
        if outcome == REJECTED and (len(mine) != 1 or mine[0].position != position):
            yield f"message {id_} is refused, and its refusal is not there once"
        if outcome in (PARKED, DEAD_LETTER) and mine:
            yield f"message {id_} waits or is dead, and has an effect"
        if outcome == DEAD_LETTER and (source, id_) not in dead:
            yield f"dead letter {id_} is not kept"
        if outcome == PARKED and (source, id_) not in parked:
            yield f"message {id_} is nowhere"
    for (source, id_), events in causes.items():
        if (source, id_) not in known:
            yield f"the effect of {source} {id_} is in the log, and the inbox does not know it"
        places = [event.position for event in events]
        if places != list(range(places[0], places[0] + len(places))):
            yield f"message {source} {id_} has its effect in several pieces: {places}"


def _letters(reader: Reader, log: list[Event]) -> Iterator[str]:
    drafted = Counter(
        (event.case_id, cause["version"], cause["reaction"], cause["index"])
        for event in log
        if event.type == "lianxin.letter.drafted.v1" and (cause := event.data.get("cause"))
    )
    yield from (f"letter drafted {times} times upon {cause}" for cause, times in drafted.items() if times > 1)
    series = defaultdict(list)
    for row in reader.letters(limit=1_000_000):
        if row["serial"] is not None:
            series[row["organisation"], row["kind"], row["year"]].append(row["serial"])
    for name, taken in series.items():
        if sorted(taken) != list(range(1, len(taken) + 1)):
            yield f"numbers of {name}: {sorted(taken)}"
    last = {(row["organisation"], row["kind"], row["year"]): row["last"] for row in reader.numbers()}
    if last != {name: len(taken) for name, taken in series.items()}:
        yield f"last numbers: {last}"


def _points(log: list[Event]) -> Iterator[str]:
    """Of a clock that rings, once each; never before its instant."""
    fired: Counter[tuple[object, ...]] = Counter()
    for event in log:
        data = event.data
        if not event.type.startswith(POINTS):
            continue
        point = (event.case_id, data.get("track"), data["deadline"], data["run"], event.type, data.get("reminder"))
        fired[point] += 1
        if event.occurred_at > event.recorded_at:
            yield f"position {event.position}: rang before its time"
        if not event.type.startswith(REMINDER) and event.occurred_at <= data["due"]:
            yield f"position {event.position}: over at {event.occurred_at}, and in time until {data['due']}"
    yield from (f"point {point} fired {times} times" for point, times in fired.items() if times > 1)


def _moves(log: list[Event], machines: dict[str, Workflow]) -> Iterator[str]:
    """The main line goes where its workflow lets it, from where it stood."""
    states: dict[str, tuple[str, str]] = {}  # of a case: its workflow and its state
    for event in log:
        data = event.data
        if not event.version or "track" in data or "transition" not in data or "to" not in data:
            continue
        if event.version == 1:
            states[event.case_id] = (data["workflow"], data["to"])
            continue
        workflow, state = states[event.case_id]
        row = machines[workflow].main.table.get((data["from"], data["transition"]))
        if data["from"] != state or row is None or row.to not in (data["to"], None, "back"):
            yield f"position {event.position}: {state} ─ {data['transition']} → {data['to']}"
        states[event.case_id] = (workflow, data["to"])


def _places(reader: Reader) -> Iterator[str]:
    for row in reader.offsets():
        if row["next"] < 0 or row["epoch"] < 1:
            yield f"offset {row}"


def _undone(reader: Reader, now: Instant) -> Iterator[str]:
    if waiting := reader.log(0, 10, reacts_only=True):
        yield f"facts that nobody has reacted to: {[event.position for event in waiting]}"
    late = [row for row in reader.deadlines(status="running", limit=1_000_000) if "" < row["next_rung_at"] <= now]
    if late:
        yield f"{len(late)} points are due and have not fired"
