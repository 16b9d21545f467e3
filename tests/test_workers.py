"""Any number of processes on PostgreSQL come to what one process on SQLite comes to, whoever dies on the way."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from fleet import fleet, line_at, silent, wait_until
from invariants import broken
from invented_history import CLOCK, write_history
from lives import at_work, workflows
from test_kill import digest_of, judged, prepared
from worker_parts import at

from engine.app import assemble
from engine.audit.digests import state_digest
from engine.core.instants import parse
from engine.runtime.duties import Duty
from engine.runtime.handle import Line
from engine.runtime.importer import import_file
from engine.runtime.office import Here
from engine.runtime.timekeeper import timekeeper
from engine.runtime.writer import Writer
from engine.store.leases import leases

SEED = 20261123
CASES = 60


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The input, and what one process on SQLite makes of it."""
    folder = tmp_path_factory.mktemp("calm")
    kept = write_history(folder / "input", SEED, CASES).kept
    db = prepared(folder / "db", kept)
    with at_work(db) as (_, worker):
        import_file(Here(worker.writer), db / "old.csv", db / "old.map.yaml")
        worker.drain()
    assert judged(db, kept) == []
    return kept, digest_of(db)


def imported(url: str, folder: Path) -> None:
    """`lianxin import`, in a process that is no worker."""
    with line_at(url) as line:
        writer = Writer(line, assemble().consumers, timekeeper(folder / "clock"), silent())
        import_file(Here(writer), folder / "old.csv", folder / "old.map.yaml")


def done(line: Line, folder: Path) -> bool:
    """Whether nothing is left to do for anybody."""
    if list((folder / "intake").glob("*.ndjson")):
        return False
    with line.store.read() as reader:
        late = [r for r in reader.deadlines(status="running", limit=100_000) if "" < r["next_rung_at"] <= NOW]
        return not late and not reader.log(0, 1, reacts_only=True)


NOW = parse(at(CLOCK))


def test_engine_clock_and_consumers_apart_come_to_what_one_process_comes_to(
    calm: tuple[Path, str], postgres_url: str, tmp_path: Path
) -> None:
    kept, digest = calm
    folder = prepared(tmp_path / "db", kept)
    with fleet(postgres_url, folder) as processes, line_at(postgres_url) as line:
        imported(postgres_url, folder)
        for duty in (Duty.INTAKE, Duty.INTAKE, Duty.CLOCK, Duty.CLOCK, Duty.CONSUMERS):
            processes.run(duty)
        wait_until(lambda: done(line, folder), "everything done")
        assert [processes.kill(pid, 15) for pid in [*processes.pids]] == [0] * 5, processes.said()
        assert broken(line.store, workflows().values(), NOW) == []
        with line.store.read() as reader:
            assert state_digest(reader) == digest


# ── killed, stopped, replaced ────────────────────────────────────────────────────────────────────────────────────

KILLS = {"": 15, "short": 100, "long": 1_000}[os.environ.get("LIANXIN_TEST_TORTURE", "")]
FROZEN_MS_MAX = 400
TROUPES = ((Duty.INTAKE,), (Duty.CLOCK,), (Duty.CONSUMERS,), ())
"""What a process may be: an engine, a clock, consumers, or all of it."""


def test_two_to_four_workers_killed_and_frozen_at_any_moment_come_to_the_same(
    calm: tuple[Path, str], postgres_url: str, tmp_path: Path
) -> None:
    """A frozen process wakes up when others do its work: what it still wants to write under its old epoch is refused."""
    kept, digest = calm
    chance = random.Random(SEED)
    folder = prepared(tmp_path / "db", kept)
    imported(postgres_url, folder)
    with fleet(postgres_url, folder, batch=7) as processes, line_at(postgres_url) as line:
        hurt = 0
        while hurt < KILLS:
            while len(processes.pids) < chance.randint(2, 4):
                processes.run(*chance.choice(TROUPES))
            victim = chance.choice(processes.pids)
            time.sleep(chance.randrange(FROZEN_MS_MAX) / 1000)
            if chance.random() < 0.6:
                assert processes.kill(victim) == -signal.SIGKILL
            else:
                os.kill(victim, signal.SIGSTOP)
                time.sleep(chance.randrange(FROZEN_MS_MAX) / 1000)
                os.kill(victim, signal.SIGCONT)
            hurt += 1
            if hurt % 5 == 0:
                assert broken(line.store, workflows().values(), NOW, drained=False) == []
        processes.run()
        wait_until(lambda: done(line, folder), "everything done after the last kill")
        assert {processes.kill(pid, signal.SIGTERM) for pid in [*processes.pids]} == {0}, processes.said()
        assert broken(line.store, workflows().values(), NOW) == []
        with line.store.read() as reader:
            assert state_digest(reader) == digest


def test_a_frozen_holder_is_replaced_and_writes_nothing_when_it_wakes(postgres_url: str, tmp_path: Path) -> None:
    kept = write_history(tmp_path / "input", SEED + 1, CASES).kept
    folder = prepared(tmp_path / "db", kept)
    with fleet(postgres_url, folder, batch=3) as processes, line_at(postgres_url) as line:
        first = processes.run(Duty.INTAKE)
        wait_until(lambda: head(line) > 5, "the first one at work")
        os.kill(first, signal.SIGSTOP)
        processes.run(Duty.INTAKE, Duty.CLOCK)
        wait_until(lambda: changes_of_hands(line) > 1, "another one in its place")
        os.kill(first, signal.SIGCONT)
        wait_until(lambda: done(line, folder), "everything done")
        assert {processes.kill(pid, signal.SIGTERM) for pid in [*processes.pids]} == {0}, processes.said()
        assert broken(line.store, workflows().values(), NOW) == []


def test_sigterm_ends_every_kind_of_process_within_the_promised_time_and_lets_others_go_on(
    postgres_url: str, tmp_path: Path
) -> None:
    """Promised are 10 s; asked here are three times that (in Fleet.kill). Their leases are free at once."""
    folder = prepared(tmp_path / "db", write_history(tmp_path / "input", SEED + 2, CASES).kept)
    with fleet(postgres_url, folder) as processes, line_at(postgres_url) as line:
        for duties in TROUPES:
            processes.run(*duties)
        wait_until(lambda: head(line) > 5, "somebody at work")
        assert {processes.kill(pid, signal.SIGTERM) for pid in [*processes.pids]} == {0}, processes.said()
        with line.store.read() as reader:
            assert [lease.name for lease in leases(reader) if lease.live] == []


def head(line: Line) -> int:
    with line.store.read() as reader:
        return reader.head()


def changes_of_hands(line: Line) -> int:
    """How often the folder of files was taken."""
    with line.store.read() as reader:
        (lease,) = [lease for lease in leases(reader) if lease.name.startswith("spool")]
    return lease.epoch
