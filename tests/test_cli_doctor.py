"""`lianxin doctor`: each check finds what it is there for, and says how to mend it."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest
from cli_parts import CLERK, HANDLER, Cli, clean_environment

from engine.app import assemble
from engine.cli import checks
from engine.cli.completion import case_ids, workflow_names
from engine.cli.main import run
from engine.store import keys
from engine.store.store import Store


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun") / "office"
    with pytest.MonkeyPatch.context() as monkeypatch:
        clean_environment(monkeypatch)
        assert run(assemble, ["init", str(folder), "-q", "--json"]) == 0
    return folder


@pytest.fixture
def cli(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    folder = tmp_path / "office"
    shutil.copytree(begun, folder)
    monkeypatch.setattr(checks, "FONT_FOLDERS", ())  # what fonts this machine has is none of these tests' business
    return Cli(folder, monkeypatch, capsys)


def told(cli: Cli) -> dict[str, str]:
    """The codes doctor tells, with their levels; its exit code must fit them."""
    ran = cli("doctor", "--json")
    found = {check["code"]: check["level"] for check in ran.json["checks"] if check["code"]}
    assert ran.code == (1 if "error" in found.values() else 0)
    for check in ran.json["checks"]:
        assert check["said"]["zh"]
        assert check["said"]["en"]
        if check["code"]:
            assert check["remedy"]["zh"]
            assert check["remedy"]["en"]
    found.pop("LX-935", None)
    return found


def test_nothing_is_wrong_with_a_new_project(cli: Cli) -> None:
    assert told(cli) == {}
    text = cli.ok("doctor").out
    assert "✓ 设置可读" in text
    assert "0 个错误" in text


def test_settings_that_cannot_be_read(cli: Cli) -> None:
    (cli.folder / "lianxin.toml").write_text("bus = 7\n")
    assert told(cli) == {"LX-540": "error"}
    assert "✗ LX-540" in cli("doctor").out


def test_no_source_is_listed(cli: Cli) -> None:
    (cli.folder / "lianxin.toml").write_text('language = "zh"\n')
    assert told(cli) == {"LX-930": "warning"}


def test_a_sqlite_that_loses_pages(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.sqlite.SQLITE_OLDEST", (99, 0, 0))
    assert told(cli)["LX-525"] == "error"


def test_no_database_yet(cli: Cli) -> None:
    (cli.folder / "lianxin.db").unlink()
    assert told(cli) == {"LX-520": "warning"}


def test_a_database_that_is_none(cli: Cli) -> None:
    for path in cli.folder.glob("lianxin.db*"):
        path.unlink()
    (cli.folder / "lianxin.db").write_text("nothing of the kind" * 100)
    assert told(cli)["LX-522"] == "error"


def test_messages_and_incidents_that_wait(cli: Cli) -> None:
    (cli.folder / "rows.csv").write_text("no,day\nA,someday\n")
    (cli.folder / "rows.map.yaml").write_text(
        "workflow: complaint\nformat: csv\ntime_zone: Asia/Shanghai\nrows:\n"
        "  - {does: register, as: clerk, id: =row.no, case_key: =row.no, time: =row.day}\n"
    )
    cli("import", "rows.csv", "--map", "rows.map.yaml")
    assert told(cli) == {"LX-932": "warning"}


def test_an_open_incident(cli: Cli) -> None:
    """A clock whose owner nobody knows: the case was never assigned, and its deadline has passed."""
    cli.register("HL-1")
    cli.turn("2026-05-20 09:00")
    cli.register("HL-2")  # whoever writes rings the clocks
    (cli.folder / "one.csv").write_text("no,day\n")
    (cli.folder / "one.map.yaml").write_text(
        "workflow: complaint\nformat: csv\ntime_zone: Asia/Shanghai\nrows:\n"
        "  - {does: register, as: clerk, id: =row.no, case_key: =row.no, time: =row.day}\n"
    )
    cli.ok("import", "one.csv", "--map", "one.map.yaml")
    assert told(cli)["LX-931"] == "warning"
    (first, *_) = cli.ok("incident", "list", "--json").json
    name = f"{first['position']}.{first['ordinal']}"
    assert cli("incident", "close", name, "--as", CLERK).code == 2
    cli.ok("incident", "close", name, "--as", CLERK, "--reason", "已补派")
    assert name not in cli.ok("incident", "list").out
    assert cli("incident", "close", name, "--as", CLERK, "--reason", "x").code == 3
    assert cli("incident", "release", "nocase", "--as", CLERK, "--reason", "x").code == 3


def test_no_key_file(cli: Cli) -> None:
    (cli.folder / "lianxin.key").unlink()
    assert told(cli) == {"LX-501": "error"}


def test_a_key_file_that_others_can_read(cli: Cli) -> None:
    (cli.folder / "lianxin.key").chmod(0o644)
    assert told(cli) == {"LX-502": "error"}


def test_a_damaged_key_file(cli: Cli) -> None:
    (cli.folder / "lianxin.key").write_text("{}")
    assert told(cli) == {"LX-503": "error"}


def test_the_key_file_of_another_database(cli: Cli) -> None:
    cli.register("HL-1")
    (cli.folder / "lianxin.key").unlink()
    keys.create_key_file(cli.folder / "lianxin.key")
    assert told(cli) == {"LX-508": "error"}
    ran = cli.send("HL-2", "register", CLERK, "channel=web")
    assert (ran.code, ran.error["code"]) == (6, "LX-508")


def test_the_wrong_key_file_is_refused_by_name_before_anything_is_written(cli: Cli) -> None:
    assert cli.send("HL-1", "register", HANDLER, "channel=web").code == 6  # so the vault is still empty
    right = cli.folder / "lianxin.key"
    wanted = keys.read_key_file(right).key_id
    kept = right.read_bytes()
    right.unlink()
    found = keys.create_key_file(right).key_id
    before = _written(cli)
    assert told(cli) == {"LX-508": "error"}
    ran = cli.send("HL-2", "register", CLERK, "channel=web")
    assert (ran.code, ran.error["code"]) == (6, "LX-508")
    assert (ran.error["facts"]["expected"], ran.error["facts"]["found"]) == (wanted, found)
    assert cli("case", "show", "HL-1", "--json").error["code"] == "LX-508", "not: no such case"
    assert _written(cli) == before
    right.unlink()
    right.write_bytes(kept)
    right.chmod(0o600)
    cli.register("HL-2")


def _written(cli: Cli) -> list[object]:
    with Store.open(f"sqlite:///{cli.folder / 'lianxin.db'}", create=False) as store, store.read() as reader:
        return [reader.counts(), reader.about(), reader.head()]


def test_a_workflow_with_faults(cli: Cli) -> None:
    path = cli.folder / "workflows" / "complaint.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("calendar: cn", "calender: cn"), encoding="utf-8")
    assert told(cli) == {"LX-200": "error"}


def test_a_letter_template_with_faults(cli: Cli) -> None:
    (cli.folder / "workflows" / "letters" / "supervision.yaml").write_text("letter: [")
    assert told(cli) == {"LX-191": "error"}


def test_a_project_without_workflows(cli: Cli) -> None:
    (cli.folder / "workflows" / "complaint.yaml").unlink()
    assert told(cli) == {"LX-933": "warning"}


def test_a_workflow_whose_calendar_is_missing(cli: Cli) -> None:
    path = cli.folder / "workflows" / "complaint.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("calendar: cn", "calendar: moon"), encoding="utf-8")
    assert told(cli)["LX-411"] == "error"


def test_a_calendar_that_ends_before_the_longest_promise(cli: Cli) -> None:
    cli.turn("2026-12-20 09:00")
    assert told(cli) == {"LX-934": "warning"}


def test_no_font_for_letters(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "NotoSansCJK-broken.ttc").write_bytes(b"no font")
    monkeypatch.setattr(checks, "FONT_FOLDERS", (str(tmp_path / "fonts"),))
    found = {check["code"]: check["level"] for check in cli.ok("doctor", "--json").json["checks"]}
    assert found["LX-935"] == "warning"


def test_a_full_disk(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**12, 10**12, 500 * 1024**2))
    assert told(cli) == {"LX-937": "warning"}
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**12, 10**12, 1024**2))
    assert told(cli) == {"LX-937": "error"}


def test_a_clock_behind_the_log(cli: Cli) -> None:
    cli.register("HL-1")
    cli.turn("2026-03-31 09:00")
    assert told(cli) == {"LX-938": "error"}


def test_a_clock_file_without_an_instant(cli: Cli) -> None:
    (cli.folder / "clock").write_text("noon")
    assert told(cli)["LX-530"] == "error"


def test_files_that_are_not_those_of_the_release(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "engine").mkdir(parents=True)
    (site / "engine" / "app.py").write_text("print('hello')\n")
    info = site / "lianxin-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lianxin\nVersion: 0.1\n")
    good = "sha256=WjBdIYTZ_QNzY-Ul5lAFiKTDvjwbwxR6m2T0OTh9-QM"
    (info / "RECORD").write_text(f"engine/app.py,{good},15\nengine/gone.py,{good},15\nlianxin-0.1.dist-info/RECORD,,\n")
    installed: Distribution = PathDistribution(info)
    assert list(checks.changed_files(installed)) == ["engine/app.py", "engine/gone.py"]
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: installed)
    assert told(cli) == {"LX-936": "error"}


def test_files_as_they_were_released(tmp_path: Path) -> None:
    import base64
    import hashlib

    (tmp_path / "engine").mkdir()
    content = b"print('hello')\n"
    (tmp_path / "engine" / "app.py").write_bytes(content)
    info = tmp_path / "lianxin-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lianxin\nVersion: 0.1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    (info / "RECORD").write_text(f"engine/app.py,sha256={digest},{len(content)}\n")
    assert list(checks.changed_files(PathDistribution(info))) == []


# ── completion ───────────────────────────────────────────────────────────────────────────────────────────────────


class _Context:
    def __init__(self, session: object) -> None:
        self.obj = session

    def find_root(self) -> _Context:
        return self


def test_the_shell_is_offered_ids_and_names_and_never_an_error(cli: Cli) -> None:
    from engine.cli.command import Session
    from engine.cli.screen import Screen

    case_id = cli.register("HL-1")
    session = Session(assemble, Screen(), os.environ)
    context = _Context(session)
    assert case_ids(context, case_id[:3]) == [case_id]
    assert case_ids(context, case_id) == [case_id]
    assert case_ids(context, "0") == []
    assert workflow_names(context, "com") == ["complaint"]
    (cli.folder / "lianxin.db").unlink()
    assert case_ids(context, "") == []
    (cli.folder / "lianxin.toml").write_text("bus = 7")
    assert workflow_names(context, "") == []
    assert case_ids(_Context(None), "") == []
