"""Backup and restore: a snapshot taken while a real engine writes is a prefix that verifies and can be gone on from."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from cli_parts import CLERK, ROOT, Cli, clean_environment, real
from invented_history import CLOCK, write_history
from worker_parts import SOURCE, at

from engine.app import assemble
from engine.cli.main import run
from engine.store import backup as copies

CASES = 120
SEED = 20260701


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `lianxin init` leaves it, which takes messages of the hotline."""
    folder = tmp_path_factory.mktemp("begun") / "office"
    with pytest.MonkeyPatch.context() as monkeypatch:
        clean_environment(monkeypatch)
        assert run(assemble, ["init", str(folder), "-q", "--json"]) == 0
    with (folder / "lianxin.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[sources."{SOURCE}"]\ncommands = "*"\nroles = "*"\nmax_backdate = "unlimited"\n')
    return folder


@pytest.fixture
def cli(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    folder = tmp_path / "office"
    shutil.copytree(begun, folder)
    return Cli(folder, monkeypatch, capsys)


@pytest.fixture
def filled(cli: Cli) -> Path:
    """A backup of two cases, one of them with a name in the vault."""
    cli.register("HL-1")
    data = {"with": {"channel": "web", "text": "漏水"}, "petitioner": {"name": "王小明"}}
    (cli.folder / "data.json").write_text(orjson.dumps(data).decode())
    cli.ok("case", "send", "HL-2", "register", "--as", CLERK, "--data", "data.json")
    cli.ok("backup", "kept.db")
    return cli.folder / "kept.db"


# ── under load ───────────────────────────────────────────────────────────────────────────────────────────────────


class Engine:
    """`lianxin run all` in a process of its own, its log read line by line. Ends with SIGTERM."""

    def __init__(self, folder: Path) -> None:
        self.told: Counter[str] = Counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engine.app", "run", "all", "--spool", "intake"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "LIANXIN_BATCH_MESSAGES_MAX": "20"},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )

    def wait_for(self, event: str, count: int) -> None:
        """Until it has told so many of these events."""
        assert self.process.stderr is not None
        while self.told[event] < count:
            line = self.process.stderr.readline()
            assert line, f"the engine ended: {self.told}"
            self.told[orjson.loads(line)["event"]] += 1

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr is not None
        self.process.stderr.read()
        self.process.stderr.close()
        assert self.process.wait(30) == 0


def drained(cli: Cli, engine: Engine, files: list[Path]) -> None:
    """Wait until every file was taken in, then until nothing more is written."""
    engine.wait_for("intake.file_done", len(files))
    heads = [-2, -1]
    while heads[-1] != heads[-2]:  # each answer is one step of the engine; a step that writes nothing has nothing to do
        cli("case", "send", "PROBE", "register", "--as", CLERK, "--dry-run", "--with", "channel=web")
        heads.append(orjson.loads(cli.ok("tail", "-n", "1", "--json").out.splitlines()[-1])["position"])


def log_of(path: Path) -> list[tuple[int, bytes, bytes]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT position, body, digest FROM log ORDER BY position").fetchall()


def given(files: list[Path], folder: Path) -> None:
    """The outside sends these files (again); they keep the instants at which they were written."""
    for path in files:
        shutil.copy2(path, folder / "intake" / f".{path.name}")
        (folder / "intake" / f".{path.name}").rename(folder / "intake" / path.name)


def test_a_backup_under_load_is_a_prefix_that_verifies_and_goes_on_to_the_same_end(
    cli: Cli, begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted((write_history(tmp_path / "input", SEED, CASES).kept / "intake").iterdir())
    office, again = cli.folder, tmp_path / "again"
    (office / "intake").mkdir()
    (office / "clock").write_text(at(CLOCK))
    backups = []
    with Engine(office) as engine:
        for number, path in enumerate(files):
            committed = engine.told["batch.committed"]
            given([path], office)
            engine.wait_for("batch.committed", committed + 1)  # it is in the midst of this file
            made = cli.ok("backup", f"{number}.db", "--json").json
            backups.append((made["position"], office / f"{number}.db"))
        drained(cli, engine, files)
    end = log_of(office / "lianxin.db")
    assert len({position for position, _ in backups}) > len(files) // 2
    for position, path in backups:
        assert 0 < position < len(end)
        assert log_of(path) == end[:position]
    there = cli.ok("replay", "--json").json
    assert there["equal"]

    shutil.copytree(begun, again)
    (again / "lianxin.db").unlink()
    (again / "intake").mkdir()
    for path in (office / "lianxin.key", office / "clock"):
        shutil.copy2(path, again)
    position, kept = backups[len(backups) // 2]
    monkeypatch.chdir(again)
    monkeypatch.setenv("LIANXIN_CLOCK_FILE", str(again / "clock"))
    assert cli.ok("restore", kept, "--json").json["position"] == position
    assert cli.ok("verify", "--json").json["records"] == position
    assert cli.ok("replay", "--json").json["equal"]
    given(files, again)  # everything: what it knows already changes nothing
    with Engine(again) as engine:
        drained(cli, engine, files)
    here = cli.ok("replay", "--json").json
    assert here["equal"]
    assert here["state_digest"] == there["state_digest"]
    assert log_of(again / "lianxin.db")[:position] == end[:position]
    assert cli.ok("verify", "--json").json["ok"]


# ── backup ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_backup_is_one_file_of_its_owner_alone_without_the_key(cli: Cli, filled: Path) -> None:
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600
    beside = [path.name for path in cli.folder.iterdir() if path.name.startswith("kept.db") or ".part" in path.name]
    assert beside == ["kept.db"]
    os.chmod(filled, 0o400)
    assert cli.ok("verify", filled).code == 0
    content = filled.read_bytes()
    key = orjson.loads((cli.folder / "lianxin.key").read_bytes())
    assert "王小明".encode() not in content
    assert all(str(value).encode() not in content for name, value in key.items() if name == "key")


def test_a_backup_says_where_the_key_is_and_how_far_it_goes(cli: Cli) -> None:
    cli.register("HL-1")
    ran = cli.ok("backup", "kept.db", "--json")
    note = orjson.loads(ran.err.splitlines()[-1])["note"]
    assert str(cli.folder / "lianxin.key") in note["zh"]
    assert "apart" in note["en"]
    said = ran.json
    assert (said["cases"], said["position"]) == (1, len(log_of(cli.folder / "lianxin.db")))
    digest = subprocess.run(["sha256sum", "kept.db"], cwd=cli.folder, capture_output=True, text=True, check=True)
    assert digest.stdout.split()[0] == said["sha256"]


def test_in_a_folder_a_backup_is_named_by_the_instant_and_never_overwrites(cli: Cli) -> None:
    cli.register("HL-1")
    (cli.folder / "backups").mkdir()
    made = Path(cli.ok("backup", "backups", "--json").json["file"])
    assert made == cli.folder / "backups" / "lianxin-20260401T010000Z.db"
    before = made.read_bytes()
    ran = cli("backup", "backups", "--json")
    assert (ran.code, ran.error["code"]) == (4, "LX-570")
    assert made.read_bytes() == before


def test_no_database_no_folder_no_space_are_clear_errors(cli: Cli, tmp_path: Path) -> None:
    cli.register("HL-1")
    assert cli("backup", "nowhere/kept.db", "--json").error["code"] == "LX-571"
    assert cli("backup", "kept.db", "--database-url", "sqlite:///none.db", "--json").error["code"] == "LX-520"
    (cli.folder / "text.db").write_text("no database at all, " * 100)
    assert cli("backup", "kept.db", "--database-url", "sqlite:///text.db", "--json").error["code"] == "LX-522"
    elsewhere = "postgresql+psycopg://lianxin:secret@db/lianxin"
    ran = cli("backup", "kept.db", "--database-url", elsewhere, "--json")
    assert (ran.code, ran.error["code"]) == (2, "LX-575")
    assert "secret" not in ran.err
    small = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
    script = small + "from engine.app import main; sys.argv[1:] = ['backup', 'kept.db', '--json']; main()"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], cwd=cli.folder, env=env, capture_output=True, check=False)
    assert orjson.loads(done.stderr.splitlines()[-1])["error"]["code"] == "LX-571", done.stderr
    assert not [path.name for path in cli.folder.iterdir() if "kept" in path.name or ".part" in path.name]


def test_a_database_that_does_not_verify_gives_no_backup(cli: Cli) -> None:
    cli.register("HL-1")
    with closing(sqlite3.connect(cli.folder / "lianxin.db")) as raw:
        raw.executescript(
            "DROP TRIGGER log_no_update; "
            "UPDATE log SET body = CAST(replace(CAST(body AS TEXT), 'phone', 'visit') AS BLOB);"
        )
    ran = cli("backup", "kept.db", "--json")
    assert (ran.code, ran.error["code"]) == (1, "LX-572")
    assert not [path.name for path in cli.folder.iterdir() if "kept" in path.name or ".part" in path.name]


# ── restore ──────────────────────────────────────────────────────────────────────────────────────────────────────


def emptied(cli: Cli) -> None:
    """The disk with the database is gone; project and key are there."""
    for suffix in copies.BESIDE:
        Path(f"{cli.folder / 'lianxin.db'}{suffix}").unlink(missing_ok=True)


@pytest.mark.parametrize("left", copies.BESIDE)
def test_a_restore_overwrites_nothing(cli: Cli, filled: Path, left: str) -> None:
    emptied(cli)
    there = Path(f"{cli.folder / 'lianxin.db'}{left}")
    there.write_bytes(b"something")
    ran = cli("restore", filled, "--json")
    assert (ran.code, ran.error["code"]) == (4, "LX-573")
    assert there.read_bytes() == b"something"
    there.unlink()
    cli.ok("restore", filled)


def test_what_was_restored_reads_its_names_and_says_that_it_was_restored(cli: Cli, filled: Path) -> None:
    emptied(cli)
    said = cli.ok("restore", filled)
    assert "发文登记簿" in said.out
    assert "docs/backup.md" in said.out
    assert len(cli.ok("case", "list", "--json").json) == 2
    checks = [check["said"]["en"] for check in cli("doctor", "--json").json["checks"]]
    assert "this database was restored from a backup at 2026-04-01T01:00:00.000000Z" in checks
    cli.turn("2026-04-02 09:00")
    cli.register("HL-3")
    again = cli.ok("backup", "later.db", "--json").json
    assert again["restored"] == ["2026-04-01T01:00:00.000000Z"]
    emptied(cli)
    assert cli.ok("restore", "later.db", "--json").json["cases"] == 3


def test_the_key_of_another_office_is_refused_and_nothing_is_put_in_place(cli: Cli, filled: Path) -> None:
    emptied(cli)
    (cli.folder / "lianxin.key").rename(cli.folder / "own.key")
    assert cli("restore", filled, "--json").error["code"] == "LX-501"
    other = real("init", "other", cwd=cli.folder)
    assert other.code == 0, other
    shutil.copy2(cli.folder / "other" / "lianxin.key", cli.folder)
    ran = cli("restore", filled, "--json")
    assert (ran.code, ran.error["code"]) == (6, "LX-508")
    assert not (cli.folder / "lianxin.db").exists()
    shutil.copy2(cli.folder / "own.key", cli.folder / "lianxin.key")
    cli.ok("restore", filled)


@pytest.mark.parametrize("where", [0.2, 0.5, 0.9])
def test_a_damaged_backup_is_not_restored(cli: Cli, filled: Path, where: float) -> None:
    emptied(cli)
    content = bytearray(filled.read_bytes())
    begin = int(len(content) * where) // 8192 * 8192
    content[begin : begin + 8192] = os.urandom(8192)
    filled.write_bytes(content)
    ran = cli("restore", filled, "--json")
    assert ran.error["code"] in {"LX-522", "LX-574"}, ran
    assert not (cli.folder / "lianxin.db").exists()
    filled.write_bytes(content[: len(content) // 2])
    assert cli("restore", filled, "--json").error["code"] in {"LX-522", "LX-571", "LX-574"}
    assert cli("restore", "none.db", "--json").error["code"] == "LX-520"


def test_a_file_system_without_hard_links_gets_its_backup_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "a.part").write_text("new")
    copies.placed(tmp_path / "a.part", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "new"
    (tmp_path / "b.part").write_text("newer")
    with pytest.raises(FileExistsError):
        copies.placed(tmp_path / "b.part", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "new"
