"""verify.py finds whoever edits, deletes, inserts, reorders or cuts, and names the record."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invented_streams import Invented

from engine.audit import verify as verifier
from engine.audit.ndjson import log_lines
from engine.audit.verify import GENESIS, Finding, Report, main, verify
from engine.store.store import Store

SCRIPT = Path(verifier.__file__)
TRIGGERS = {
    verb: f"CREATE TRIGGER log_no_{verb} BEFORE {verb} ON log BEGIN SELECT RAISE(ABORT, 'no'); END"
    for verb in ("update", "delete")
}
ROW = "number, version, type, reacts, body, digest"


class Log:
    """Somebody with the database file in his hands."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path = path
        self.chance = chance
        self.connection = sqlite3.connect(path)
        for verb in TRIGGERS:
            self.connection.execute(f"DROP TRIGGER log_no_{verb}")
        self.last: int = self.one("SELECT max(position) FROM log")

    def close(self) -> None:
        """Leave no trace that the triggers were gone."""
        for sql in TRIGGERS.values():
            self.connection.execute(sql)
        self.connection.commit()
        self.connection.close()

    def one(self, sql: str, *values: object) -> Any:
        return self.connection.execute(sql, values).fetchone()[0]

    def row(self, position: int) -> list[Any]:
        return list(self.connection.execute(f"SELECT {ROW} FROM log WHERE position = ?", (position,)).fetchone())

    def put(self, position: int, row: list[Any]) -> None:
        values = ", ".join("?" * len(row))
        self.connection.execute(f"INSERT OR REPLACE INTO log (position, {ROW}) VALUES (?, {values})", (position, *row))

    def remove(self, position: int) -> None:
        self.connection.execute("DELETE FROM log WHERE position = ?", (position,))

    def shift(self, after: int, by: int) -> None:
        """Close or open a gap in the positions behind a record."""
        self.connection.execute("UPDATE log SET position = -(position + ?) WHERE position > ?", (by, after))
        self.connection.execute("UPDATE log SET position = -position WHERE position < 0")

    def a_position(self, where: str = "1") -> int:
        found: list[int] = [
            position for (position,) in self.connection.execute(f"SELECT position FROM log WHERE {where}")
        ]
        return self.chance.choice(found)

    def case_of(self, position: int) -> str:
        return str(json.loads(bytes(self.row(position)[4]))["case"])


Tamper = Callable[[Log], tuple[set[int], str | None]]
"""Does something to a log; the positions of which one must be named first, and the case if it must be named."""


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("honest") / "lianxin.db"
    with Store.open(f"sqlite:///{path}") as store:
        stream = Invented(11, cases_max=25)
        for _ in range(10):
            with store.transaction() as tx:
                stream.append(tx, 40)
        store.checkpoint()
    return path


def test_an_honest_log_verifies(honest: Path) -> None:
    report = verify(honest)
    assert report.ok, report.findings
    assert (report.records > 300, report.cases) == (True, 25)


# ── tampers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def edit_the_body(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position()
    row = log.row(position)
    body = bytearray(row[4])
    at = log.chance.randrange(len(body))
    body[at] = log.chance.choice([byte for byte in range(32, 127) if byte != body[at]])
    row[4] = bytes(body)
    log.put(position, row)
    return {position}, None


def edit_the_body_and_its_digest(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position("version IS NOT NULL")
    number, version, *_ = row = log.row(position)
    said = json.loads(bytes(row[4]))
    said["occurred_at"] = "2026-01-01T00:00:00.000000Z"
    row[4] = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    sql = "SELECT digest FROM log WHERE number = ? AND version = ?"
    before = log.connection.execute(sql, (number, version - 1)).fetchone()
    row[5] = hashlib.sha256((before[0] if before else GENESIS) + row[4]).digest()
    log.put(position, row)
    return {position}, said["case"]


def edit_a_column(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position()
    row = log.row(position)
    column = log.chance.choice([0, 1, 2, 5])
    row[column] = {0: 100_000, 1: 100_000, 2: "lianxin.case.closed.v2", 5: hashlib.sha256(b"another").digest()}[column]
    log.put(position, row)
    return {position}, None


def delete(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position(f"position < {log.last}")
    log.remove(position)
    return {position}, None


def delete_and_close_the_gap(log: Log) -> tuple[set[int], str | None]:
    # Not the last of its case: then it is the case table that tells, and it names the end of the log.
    position = log.a_position(
        "EXISTS (SELECT 1 FROM log l WHERE l.number = log.number AND l.version = log.version + 1)"
    )
    case = log.case_of(position)
    log.remove(position)
    log.shift(position, -1)
    return set(range(position, log.last)), case


def insert_at_the_end(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position("version = (SELECT max(version) FROM log l WHERE l.number = log.number)")
    number, version, kind, reacts, body, digest = log.row(position)
    said = json.loads(bytes(body)) | {"version": version + 1}
    forged = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    row = [number, said["version"], kind, reacts, forged, hashlib.sha256(bytes(digest) + forged).digest()]
    log.put(log.last + 1, row)
    return {log.last + 1}, said["case"]


def insert_between(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position(f"version IS NOT NULL AND position < {log.last}")
    row = log.row(position)
    row[1] = 1000 + log.chance.randrange(1000)
    log.shift(position, 1)
    log.put(position + 1, row)
    return {position + 1}, None


def exchange_two_records_of_a_case(log: Log) -> tuple[set[int], str | None]:
    one, other = two_of_a_case(log)
    rows = log.row(one), log.row(other)
    log.remove(one)
    log.remove(other)
    log.put(one, rows[1])
    log.put(other, rows[0])
    return {min(one, other)}, log.case_of(one)


def exchange_two_bodies_of_a_case(log: Log) -> tuple[set[int], str | None]:
    one, other = two_of_a_case(log)
    first, second = log.row(one), log.row(other)
    first[4:], second[4:] = second[4:], first[4:]
    log.put(one, first)
    log.put(other, second)
    return {min(one, other)}, log.case_of(one)


def cut_the_end(log: Log) -> tuple[set[int], str | None]:
    versioned = log.one("SELECT max(position) FROM log WHERE version IS NOT NULL")
    first = versioned - log.chance.randrange(60)
    for position in range(first, log.last + 1):
        log.remove(position)
    return {first}, None


def two_of_a_case(log: Log) -> tuple[int, int]:
    one = log.a_position(
        "version IS NOT NULL AND EXISTS (SELECT 1 FROM log l WHERE l.number = log.number AND l.version > 1)"
    )
    number = log.row(one)[0]
    other = log.a_position(f"number = {number} AND version IS NOT NULL AND position <> {one}")
    return one, other


TAMPERS: list[Tamper] = [
    edit_the_body, edit_the_body_and_its_digest, edit_a_column, delete, delete_and_close_the_gap, insert_at_the_end,
    insert_between, exchange_two_records_of_a_case, exchange_two_bodies_of_a_case, cut_the_end,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda tamper: tamper.__name__)
def test_every_tamper_is_found_and_the_record_named(honest: Path, tmp_path: Path, tamper: Tamper, seed: int) -> None:
    path = tmp_path / "lianxin.db"
    path.write_bytes(honest.read_bytes())
    log = Log(path, random.Random(f"{tamper.__name__} {seed}"))
    positions, case = tamper(log)
    log.close()
    report = verify(path)
    assert not report.ok
    first = report.findings[0]
    assert {first.position, first.or_position} & positions, report.findings[:3]
    assert case is None or case in {found.case for found in report.findings}


@pytest.mark.parametrize("seed", range(20))
def test_one_byte_changed_in_the_file_is_found(honest: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    raw = bytearray(honest.read_bytes())
    with sqlite3.connect(honest) as connection:
        rows = connection.execute("SELECT position, body FROM log").fetchall()
    connection.close()
    position, body = chance.choice([(position, body) for position, body in rows if raw.count(body) == 1])
    at = raw.index(body) + chance.randrange(len(body))
    raw[at] ^= 1 << chance.randrange(8)
    path = tmp_path / "lianxin.db"
    path.write_bytes(raw)
    assert verify(path).findings[0].position == position


def test_removed_triggers_are_said(honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "lianxin.db"
    path.write_bytes(honest.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER log_no_delete")
    connection.close()
    assert [found.code for found in verify(path).findings] == ["triggers"]


def test_the_end_of_the_log_is_held_by_the_inbox_where_no_case_knows_it(honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "lianxin.db"
    path.write_bytes(honest.read_bytes())
    with Store.open(f"sqlite:///{path}") as store:
        stream = Invented(12)
        versions: list[int] = []
        while versions[-1:] != [0]:  # until a rejection stands at the end
            with store.transaction() as tx:
                versions += [event.version for event in stream.append(tx, 1).events]
        store.checkpoint()
        with store.read() as reader:
            end = reader.head()
    log = Log(path, random.Random(0))
    answered = log.one("SELECT count(*) FROM inbox WHERE position = ?", end)
    log.remove(end)
    log.close()
    assert answered
    assert [(found.code, found.position) for found in verify(path).findings] == [("cut", end)]


def test_a_damaged_database_is_a_finding_not_a_traceback(honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "lianxin.db"
    path.write_bytes(honest.read_bytes()[: 4096 * 12])
    assert verify(path).findings[-1].code == "unreadable"


# ── as it is used ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_script_runs_alone_beside_a_living_writer(tmp_path: Path) -> None:
    path = tmp_path / "lianxin.db"
    with Store.open(f"sqlite:///{path}") as store:
        stream = Invented(3)
        with store.transaction() as tx:
            stream.append(tx, 30)
        with store.transaction() as tx:
            stream.append(tx, 30)  # in the middle of a transaction
            found = run(path)
        assert found.returncode == 0, found.stdout + found.stderr
        before = json.loads(found.stdout)["records"]
        with store.read() as reader:
            assert 0 < before < reader.head()
        assert json.loads(run(path).stdout)["records"] > before


def test_a_folder_in_which_nothing_may_be_written_is_no_hindrance(
    honest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def as_on_a_read_only_medium(address: str, **options: bool) -> sqlite3.Connection:
        if "immutable" not in address:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(address, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", as_on_a_read_only_medium)
    assert verify(honest).ok


def test_exit_codes_and_words(honest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(honest)]) == 0
    out, err = capsys.readouterr()
    assert "无异常 · nothing found" in out
    assert "Merkle" in err, "what is not covered is always said"
    assert main([str(tmp_path / "missing.db")]) == 3
    path = tmp_path / "lianxin.db"
    path.write_bytes(honest.read_bytes())
    log = Log(path, random.Random(1))
    (position,), _ = edit_the_body(log)
    log.close()
    capsys.readouterr()
    assert main([str(path)]) == 1
    assert f"第 {position} 条 · position {position}" in capsys.readouterr().out


def test_an_export_verifies_like_its_database(honest: Path, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{honest}", create=False) as store, store.read() as reader:
        lines = list(log_lines(reader))
    export = tmp_path / "log.ndjson"
    export.write_bytes(b"".join(lines))
    report = verify(export)
    assert (report.ok, report.records, report.cases) == (True, verify(honest).records, 25)
    assert findings(export, lines[:40] + lines[41:])[0].position == 41
    assert findings(export, [*lines[:9], lines[10], lines[9], *lines[11:]])[0].position == 10
    changed = lines[20].replace(b"occurred_at", b"0ccurred_at")
    assert findings(export, [*lines[:20], changed, *lines[21:]])[0].position == 21
    assert findings(export, [*lines[:5], b"{not json\n"])[0].code == "unreadable"


def test_findings_are_bounded() -> None:
    report = Report()
    for _ in range(verifier.FINDINGS_MAX + 5):
        report.add("digest", "", "", position=1)
    assert len(report.findings) == verifier.FINDINGS_MAX


def findings(path: Path, lines: list[bytes]) -> list[Finding]:
    path.write_bytes(b"".join(lines))
    return verify(path).findings


def run(path: Path) -> subprocess.CompletedProcess[str]:
    """With nothing but the standard library: isolated, without site-packages."""
    command = [sys.executable, "-I", "-S", str(SCRIPT), "--json", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
