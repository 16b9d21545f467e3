"""Histories run through the whole engine on virtual time, as `lianxin simulate` does, and what it wrote, read back.

Everything a test says about a run comes from the files that simulate writes, or from the inbox, which keeps what became
of each message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from engine.app import assemble
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.runtime import outputs
from engine.runtime.asks import OUR_SOURCE, Ask, Unusable
from engine.runtime.assembly import Assembly, any_units
from engine.runtime.files.maps import read_map
from engine.runtime.handle import NAMES
from engine.runtime.rulebook import RuleBook
from engine.runtime.simulate import Order, Simulation
from engine.runtime.whole_rows import by_row, messages_of, whole
from engine.store import schema
from engine.store.keys import fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault, seeded_random


@dataclass(frozen=True)
class History:
    """What there is to run: rows, the map that reads them, the workflow they go through, the instant to run until."""

    workflow: Path
    map: Path
    events: Path
    until: Instant | None = None
    order: Order = "occurred"
    folder: Path | None = None  # of workflows, calendars and tracks; by default those that ship


@dataclass(frozen=True)
class Written:
    """The files that simulate wrote, line by line; `inbox` counts what became of the messages from outside."""

    summary: JsonObject
    cases: list[JsonObject]
    events: list[JsonObject]
    letters: list[JsonObject]
    deadlines: list[JsonObject]
    followups: list[JsonObject]
    dead_letters: list[JsonObject]
    inbox: Counter[str] = field(default_factory=Counter)

    @property
    def digests(self) -> tuple[str, str]:
        return self.summary["state_digest"], self.summary["letters_digest"]

    @property
    def case_of(self) -> dict[str, JsonObject]:
        return {case["case_id"]: case for case in self.cases}

    def missed(self, deadline: str) -> set[str]:
        """The keys of the cases in which this deadline of the main line was missed."""
        cases = self.case_of
        return {
            cases[row["case_id"]]["case_key"]
            for row in self.deadlines
            if row["deadline"] == deadline and row["status"] == "missed"
        }

    def by_case(self, *, numbers: bool = True) -> dict[str, JsonObject]:
        """Everything about each case, by its key; without what depends on other cases unless `numbers`."""
        found: dict[str, JsonObject] = {}
        for case in self.cases:
            kept = {name: value for name, value in case.items() if name != "version"}
            found[case["case_id"]] = {"case": kept, "letters": [], "deadlines": [], "followups": []}
        for name in ("letters", "deadlines", "followups"):
            for row in getattr(self, name):
                kept = {key: value for key, value in row.items() if numbers or key != "number"}
                found[row["case_id"]][name].append(kept)
        return {said["case"]["case_key"]: said for said in found.values()}


def run(history: History, out: Path) -> Written:
    """One run of a history; its files stand in `out` afterwards."""
    assembly = assemble(history.folder)
    workflow = assembly.workflow(history.workflow)
    book = assembly.book({workflow.name: workflow}, any_units())
    return simulated(assembly, book, messages(history, book), out, history.until, history.order)


def simulated(
    assembly: Assembly,
    book: RuleBook,
    asks: Iterator[Ask | Unusable],
    out: Path,
    until: Instant | None = None,
    order: Order = "occurred",
) -> Written:
    """These messages, carried by a fresh engine with the fixed key."""
    keys = fixed_keys()
    vault = Vault(keys, seeded_random(b"simulate"))
    with Store.open("sqlite://", vault=vault, durable=False) as store:
        line = assembly.line(store, keys, vault, book)
        simulation = Simulation(line, assembly.consumers, order)
        now = simulation.run(asks, until)
        summary = outputs.write(line, out, simulation.answers, now)
        with store.read() as reader:
            columns = [column.name for column in schema.inbox.c]
            seen = [dict(zip(columns, row, strict=True)) for row in reader.rows(schema.inbox, ("source", "id"))]
    inbox = Counter(NAMES[row["outcome"]] for row in seen if not row["source"].startswith(OUR_SOURCE))
    return Written(summary=summary, inbox=inbox, **{name: _lines(out / f"{name}.ndjson") for name in FILES})


FILES = ("cases", "events", "letters", "deadlines", "followups", "dead_letters")


def messages(history: History, book: RuleBook) -> Iterator[Ask | Unusable]:
    """The wishes in the rows of a history's file, in its order."""
    described = read_map(history.map)
    rules = book.current(described.workflow)
    for row in by_row(messages_of(history.events, described)):
        taken = whole(row, rules, fixed_keys())
        yield from [taken] if isinstance(taken, Unusable) else taken


def _lines(path: Path) -> list[JsonObject]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]
