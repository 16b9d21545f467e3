"""verify.py finds whoever edits, deletes, inserts, reorders or cuts, and names the record."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from invented_streams import Invented
from tampers import TAMPERS, Log, Tamper, edit_the_body

from engine.audit import verify as verifier
from engine.audit.ndjson import log_lines
from engine.audit.verify import Finding, Report, main, verify
from engine.store.store import Store

SCRIPT = Path(verifier.__file__)


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
