"""Any number of processes on PostgreSQL come to what one process on SQLite comes to, whoever dies on the way."""

from __future__ import annotations

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
