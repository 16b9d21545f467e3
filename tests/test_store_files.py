"""The database as files: erasing, opening and refusing, full disks, crashes."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from invented_batches import a_case, append, counts
from invented_streams import Invented

from engine.audit.verify import verify
from engine.core.catalogue.database import CODES
from engine.core.errors import LianxinError
from engine.runtime.replay import replay
from engine.store import store as store_module
from engine.store.batch import Batch
from engine.store.keys import fixed_keys
from engine.store.schema import SCHEMA_VERSION
from engine.store.store import Store
from engine.store.vault import Secret, Vault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lianxin.db"


# ── people's data ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_vault_is_written_with_the_batch_and_erased_for_good(path: Path) -> None:
    vault = Vault(fixed_keys())
    with Store.open(f"sqlite:///{path}", vault=vault) as store:
        kept, gone = (
            vault.protect([Secret("c1", person, "name", 1, '"张三"')], {}) for person in ("case", "contact:1")
        )
        append(store, Batch(vault_keys=[*kept.keys, *gone.keys], vault_entries=[*kept.entries, *gone.entries]))
        with store.read() as reader:
            found = reader.wrapped_keys([("c1", "contact:1"), ("c1", "nobody")])
            assert found == {("c1", "contact:1"): gone.keys[0][2]}
        assert gone.keys[0][2] in on_disk(path)
        store.erase("c1", "contact:1")
        for secret in (gone.keys[0][2], gone.entries[0][4]):
            assert secret not in on_disk(path), "not in the database file, not in the WAL"
        assert kept.keys[0][2] in on_disk(path)
        with store.read() as reader:
            assert [person for person, *_ in reader.vault_entries("c1")] == ["case"]


def test_erasing_says_so_when_a_reader_keeps_the_old_bytes_alive(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.sqlite.BUSY_TIMEOUT_MS", 10)
    with Store.open(f"sqlite:///{path}", vault=Vault(fixed_keys())) as store:
        append(store, a_case("c1")[1])
        with store.read() as reader:
            reader.head()
            with pytest.raises(LianxinError) as caught:
                store.erase("c1", "case")
        assert caught.value.code == "LX-526"
        store.checkpoint()


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_database_opens_again_with_all_that_was_written(path: Path) -> None:
    with Store.open(f"sqlite:///{path}", time_zone="Europe/Rome") as store:
        append(store, a_case("c1")[1])
    with Store.open(f"sqlite:///{path}", create=False) as store, store.read() as reader:
        assert reader.head() == 1
        assert reader.about() == {"schema_version": str(SCHEMA_VERSION), "time_zone": "Europe/Rome"}


def test_a_missing_database_is_not_made_by_accident(path: Path) -> None:
    assert refusal(path, create=False) == "LX-520"
    assert not path.exists()


def test_a_new_database_is_read_by_nobody_but_its_owner(path: Path) -> None:
    with Store.open(f"sqlite:///{path}") as store:
        append(store, a_case("c1")[1])
        modes = {file.name: file.stat().st_mode & 0o077 for file in path.parent.glob("lianxin.db*")}
    assert {name: mode for name, mode in modes.items() if not name.endswith(".lock")} == {
        "lianxin.db": 0, "lianxin.db-wal": 0, "lianxin.db-shm": 0,
    }  # fmt: skip


def test_a_full_disk_is_said_and_the_work_goes_on_once_there_is_room(path: Path) -> None:
    stream = Invented(2)
    with Store.open(f"sqlite:///{path}") as store:
        with store.transaction() as tx:
            stream.append(tx, 50)
        before = counts(store)
        pages = store._database.driver.execute("PRAGMA page_count").fetchone()[0]
        store._database.driver.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LianxinError) as caught, store.transaction() as tx:
            stream.append(tx, 500)
        assert (caught.value.code, caught.value.exit_code) == ("LX-524", 5)
        assert counts(store) == before
        store._database.driver.execute("PRAGMA max_page_count = 1000000")
        with store.transaction() as tx:
            Invented(4).append(tx, 50)
        assert replay(store).equal


def test_a_database_of_a_newer_lianxin_is_refused(path: Path) -> None:
    Store.open(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE about SET value = ? WHERE name = 'schema_version'", (SCHEMA_VERSION + 1,))
    connection.close()
    assert refusal(path) == "LX-521"


def test_a_file_that_is_something_else_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"not a database, and long enough to look at" * 99)
    assert refusal(path) == "LX-522"
    assert path.read_bytes().startswith(b"not a database")
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE contacts (name)")
    connection.close()
    assert refusal(path) == "LX-522"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere" / "lianxin.db") == "LX-524"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("mysql://somebody:secret@localhost/db", "LX-528"),
        ("postgresql://somebody:secret@localhost/db", "LX-528"),
        ("no address at all", "LX-528"),
        ("postgresql+psycopg://somebody:secret@127.0.0.1:1/db", "LX-524"),
    ],
)
def test_a_database_that_is_not_spoken_or_not_there_is_named_without_its_password(url: str, code: str) -> None:
    with pytest.raises(LianxinError) as caught:
        Store.open(url)
    assert caught.value.code == code
    assert "secret" not in str(caught.value.facts)


def test_every_refusal_of_the_database_has_a_sentence_that_its_facts_fill() -> None:
    source = "".join(file.read_text() for file in Path(store_module.__file__).parent.glob("*.py"))
    raised = set(re.findall(r"LX-5[28]\d", source))
    assert raised == CODES.keys()
    for entry in CODES.values():
        wanted = set(re.findall(r"{(\w+)}", entry.zh + entry.en + entry.remedy_zh + entry.remedy_en))
        assert wanted <= {"path", "found", "known", "needed", "process", "reason", "url"} | {
            "group", "partition", "epoch", "expected", "cases", "messages", "series",
        }  # fmt: skip


def test_a_second_process_may_read_but_not_write(path: Path) -> None:
    with Store.open(f"sqlite:///{path}") as store:
        append(store, a_case("c1")[1])
        with Store.open(f"sqlite:///{path}") as second:
            with second.read() as reader:
                assert reader.head() == 1
            with pytest.raises(LianxinError) as caught, second.transaction():
                pass
            assert caught.value.code == "LX-523"
            assert caught.value.facts["process"] == str(os.getpid())
    with Store.open(f"sqlite:///{path}") as next_one, next_one.transaction() as tx:
        assert tx.head() == 1, "the lock goes with its holder"


def test_what_somebody_else_wrote_is_not_answered_from_memory(path: Path) -> None:
    with Store.open(f"sqlite:///{path}") as store:
        append(store, a_case("c1")[1])
        with sqlite3.connect(path) as connection:
            change = "CAST(replace(state_json, 'received', 'repaired') AS BLOB)"
            connection.execute(f'UPDATE "case" SET state_json = {change}')
        connection.close()
        with store.transaction() as tx:
            assert tx.load(["c1"])["c1"].state == "repaired"


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

CRASH = """
import os, signal, sys
from invented_streams import Invented
from engine.store.store import Store

store = Store.open(f"sqlite:///{sys.argv[1]}")
stream, statements = Invented(7), 0

def die(sql):
    global statements
    statements += 1
    if statements == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

store._database.driver.set_trace_callback(die)
while True:
    with store.transaction() as tx:
        stream.append(tx, 20)
    print(store._database.driver.execute("SELECT max(position) FROM log").fetchone()[0], flush=True)
"""


@pytest.mark.parametrize("statement", [1, 3, 12, 40, 77, 78, 79, 80, 160, 251, 333, 502])
def test_a_process_killed_in_the_middle_of_an_append_loses_nothing_and_leaves_no_half(
    path: Path, statement: int
) -> None:
    Store.open(f"sqlite:///{path}").close()
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parent.parent}"}
    child = subprocess.run(
        [sys.executable, "-c", CRASH, path, str(statement)],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    committed = [int(line) for line in child.stdout.split()]
    with Store.open(f"sqlite:///{path}") as store:
        with store.read() as reader:
            assert reader.head() >= (committed[-1] if committed else 0), "what was reported is there"
        assert replay(store).equal
        assert verify(path).ok
        stream = Invented(8)
        with store.transaction() as tx:
            stream.append(tx, 20)
        assert replay(store).equal


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def refusal(path: Path, *, create: bool = True) -> str:
    with pytest.raises(LianxinError) as caught:
        Store.open(f"sqlite:///{path}", create=create)
    return caught.value.code
