"""SIGKILL at any moment, and started again: the same end as if nothing had been, judged by an independent reader."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import oracle
import pytest
from invented_history import CLOCK, write_history
from lives import (
    NAMES,
    asks_to_import,
    at_work,
    begun,
    born,
    each_time,
    ended,
    imports,
    listens,
    lived_through,
    workflows,
    works,
)
from worker_parts import at, open_line

from engine.app import assemble
from engine.audit.digests import state_digest
from engine.audit.verify import verify
from engine.core.errors import LianxinError
from engine.log import Log
from engine.runtime.importer import import_file
from engine.runtime.local_socket import Caller, socket_path
from engine.runtime.office import Here
from engine.runtime.replay import replay
from engine.runtime.timekeeper import timekeeper
from engine.runtime.worker import WorkerSettings, run, stopped_by_signals
from engine.store.store import Store

KILLS = {"": 60, "short": 600, "long": 10_000}[os.environ.get("LIANXIN_TEST_TORTURE", "")]
CASES = 160
SEED = 20260615
STATEMENTS_MAX = 2_500
"""SQL statements of one life; some lives end before, at a random one of them."""
LIFE_MS_MAX = 400


def prepared(folder: Path, kept: Path) -> Path:
    """A folder to work in, with copies of the input and a clock that stands after its end."""
    folder.mkdir()
    shutil.copytree(kept, folder, dirs_exist_ok=True)  # with the files' times: they say when a message arrived
    (folder / "clock").write_text(at(CLOCK))
    return folder


def digest_of(folder: Path) -> str:
    with Store.open(f"sqlite:///{folder / NAMES}", create=False) as store, store.read() as reader:
        return state_digest(reader)


def judged(folder: Path, kept: Path) -> list[str]:
    """What the independent reader finds, and what `lianxin replay` and `lianxin verify` do."""
    calendar = assemble().folder / "calendars" / "cn.yaml"
    wrong = oracle.judge(folder / NAMES, kept, datetime.fromisoformat(at(CLOCK)), calendar)
    with Store.open(f"sqlite:///{folder / NAMES}", create=False) as store:
        rebuilt = replay(store)
    wrong += [] if rebuilt.equal else [f"replay: {rebuilt.differences} {rebuilt.faults}"]
    return wrong + [str(finding) for finding in verify(folder / NAMES).findings]


# ── the kill loop ────────────────────────────────────────────────────────────────────────────────────────────────


def test_killed_sixty_times_a_run_and_an_import_end_where_an_undisturbed_one_ends(tmp_path: Path) -> None:
    kept = write_history(tmp_path / "input", SEED, CASES).kept
    calm = prepared(tmp_path / "calm", kept)
    with at_work(calm, batch=500) as (_, worker):
        import_file(Here(worker.writer), calm / "old.csv", calm / "old.map.yaml")
        worker.drain()
    assert judged(calm, kept) == []
    chance = random.Random(SEED)
    torn, done, killed = prepared(tmp_path / "torn0", kept), set[str](), 0
    while killed < KILLS:
        what = "import" if chance.random() < 0.5 else "run"
        by_itself = chance.random() < 0.5
        statement = chance.randrange(1, STATEMENTS_MAX) if by_itself else 0
        pid, pipe = born((imports if what == "import" else works)(torn, statement))
        begun(pipe)
        code = ended(pid, None if by_itself else chance.randrange(LIFE_MS_MAX))
        if code is None:
            os.kill(pid, signal.SIGKILL)
            code = ended(pid)
        assert code in (0, -signal.SIGKILL)
        killed += code != 0
        if code == 0:
            done = {what} if what == "import" else done | {what}  # what an import has found, a run goes on with
        if done == {"import", "run"}:
            assert judged(torn, kept) == []
            assert digest_of(torn) == digest_of(calm)
            torn, done = prepared(tmp_path / f"torn{killed}-{chance.getrandbits(32)}", kept), set()
    for last in (imports(torn), works(torn)):
        lived_through(last)
    assert judged(torn, kept) == []
    assert digest_of(torn) == digest_of(calm)


def test_a_worker_killed_under_an_import_that_asks_it_loses_nothing(tmp_path: Path) -> None:
    """The import is one process, the worker that it asks over the socket another; the worker is killed in between."""
    kept = write_history(tmp_path / "input", SEED + 1, 60).kept
    torn = prepared(tmp_path / "torn", kept)
    chance = random.Random(SEED)
    lost = 0
    for life in range(100):
        pid, pipe = born(listens(torn, chance.randrange(200, 1_500) if life < 8 else 0))
        begun(pipe)
        code = lived_through(asks_to_import(torn))
        if code == 0:
            os.kill(pid, signal.SIGTERM)
            assert ended(pid) == 0
            break
        assert code == 1, "the worker has gone: to be started again"
        assert ended(pid) == -signal.SIGKILL
        lost += 1
    assert lost
    lived_through(works(torn))
    assert judged(torn, kept) == []


# ── two processes on one database ────────────────────────────────────────────────────────────────────────────────


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(at(CLOCK))
    pid, pipe = born(listens(tmp_path, 0))
    begun(pipe)
    with pytest.raises(LianxinError) as refused, at_work(tmp_path):
        pass
    assert (refused.value.code, refused.value.facts["process"]) == ("LX-523", str(pid))
    caller = Caller(socket_path(tmp_path / NAMES))
    assert caller.call({"do": "status"})["quarantined"] == []
    caller.close()
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    with at_work(tmp_path):  # the kernel has freed the lock
        pass


def test_a_reading_process_sees_a_prefix_that_grows(tmp_path: Path) -> None:
    """The writer is frozen again and again, mostly in the middle of a transaction; the reader looks meanwhile."""
    kept = write_history(tmp_path / "input", SEED + 2, 80).kept
    folder = prepared(tmp_path / "db", kept)

    def life(tell: Callable[[], None]) -> None:
        with at_work(folder) as (line, worker):
            each_time(line.store, 97, lambda: os.kill(os.getpid(), signal.SIGSTOP))
            tell()
            worker.drain()

    pid, pipe = born(life)
    begun(pipe)
    seen: list[tuple[int, bytes]] = []
    grown = 0
    with Store.open(f"sqlite:///{folder / NAMES}", create=False) as store:
        while os.WIFSTOPPED(status := os.waitpid(pid, os.WUNTRACED)[1]):
            with store.read() as reader:
                events = reader.log(0, 100_000)
                cases = {row["case_id"]: row["version"] for row in reader.cases()}
            log = [(event.position, event.digest) for event in events]
            assert log[: len(seen)] == seen
            assert [position for position, _ in log] == list(range(1, len(log) + 1))
            assert cases == {event.case_id: event.version for event in events if event.version}
            grown += len(log) > len(seen)
            seen = log
            os.kill(pid, signal.SIGCONT)
    assert os.waitstatus_to_exitcode(status) == 0
    assert grown > 5


def test_sigterm_ends_it_cleanly_within_the_promised_time(tmp_path: Path) -> None:
    """Promised are 10 s; asked here are three times that, on whatever machine this is."""
    kept = write_history(tmp_path / "input", SEED + 3, 200).kept
    folder = prepared(tmp_path / "db", kept)

    def life(tell: Callable[[], None]) -> None:
        settings = WorkerSettings(spool=folder / "intake", messages_max=25)
        with stopped_by_signals() as stop, open_line(folder, workflows=workflows()) as line:
            tell()
            log = Log(io.StringIO(), silent=True)
            run(line, assemble().consumers, settings, stop, time=timekeeper(folder / "clock"), log=log)

    for sent in (signal.SIGTERM, signal.SIGINT):
        pid, pipe = born(life)
        begun(pipe)
        assert ended(pid, 300) is None, "it waits for more"
        os.kill(pid, sent)
        assert ended(pid, 30_000) == 0
        assert not socket_path(folder / NAMES).exists()
    lived_through(imports(folder))
    lived_through(works(folder))
    assert judged(folder, kept) == []


# ── the judge itself ─────────────────────────────────────────────────────────────────────────────────────────────

CASE = """UPDATE "case" SET state_json = CAST(replace(CAST(state_json AS TEXT), '{}', '{}') AS BLOB) WHERE {}"""
FAULTS = {
    "a fact twice": "INSERT INTO log SELECT (SELECT max(position) + 1 FROM log), number, version + 100, type, reacts, "
    "body, digest FROM log WHERE position = 2",
    "a fact lost": "DELETE FROM log WHERE position = (SELECT max(position) FROM log)",
    "a body changed": "UPDATE log SET body = CAST(replace(CAST(body AS TEXT), 'phone', 'visit') AS BLOB) "
    "WHERE position = (SELECT min(position) FROM log WHERE CAST(body AS TEXT) LIKE '%phone%')",
    "a gap in the numbers": "UPDATE letter SET serial = 9999 WHERE serial = 1",
    "a message forgotten": "DELETE FROM inbox WHERE id = (SELECT max(id) FROM inbox WHERE id LIKE 'N%-r')",
    "a dead letter lost": "DELETE FROM dead_letter WHERE number = 1",
    "a case in another state": CASE.format('"state":"closed"', '"state":"handled"', "state = 'closed'"),
    "a verdict turned": CASE.format('"status":"missed"', '"status":"met"', "CAST(state_json AS TEXT) LIKE '%missed%'"),
    "a case behind its log": """UPDATE "case" SET version = version - 1 WHERE number = 1""",
}


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("judge")
    kept = write_history(folder / "input", SEED + 4, 60).kept
    db = prepared(folder / "db", kept)
    with at_work(db) as (_, worker):
        import_file(Here(worker.writer), db / "old.csv", db / "old.map.yaml")
        worker.drain()
    assert judged(db, kept) == []
    return db, kept


@pytest.mark.parametrize("fault", FAULTS)
def test_the_judge_finds_what_is_wrong(right: tuple[Path, Path], tmp_path: Path, fault: str) -> None:
    db, kept = right
    shutil.copy(db / NAMES, tmp_path / NAMES)
    with sqlite3.connect(tmp_path / NAMES) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        for (trigger,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        assert raw.execute(FAULTS[fault]).rowcount > 0
    calendar = assemble().folder / "calendars" / "cn.yaml"
    assert oracle.judge(tmp_path / NAMES, kept, datetime.fromisoformat(at(CLOCK)), calendar) != []
