"""A project on the command line: begun, worked in, asked why, and put right; with wrong input on the way."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

import orjson
import pytest
from cli_parts import ACCUSED, CLERK, DESK, HANDLER, HEAD, OFFICE, UNDER_ACCUSED, Cli, clean_environment, real

from engine.app import assemble
from engine.cli.main import run
from engine.store.store import Store


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `lianxin init` leaves it."""
    folder = tmp_path_factory.mktemp("begun") / "office"
    with pytest.MonkeyPatch.context() as monkeypatch:
        clean_environment(monkeypatch)
        assert run(assemble, ["init", str(folder), "-q", "--json"]) == 0
    return folder


@pytest.fixture
def cli(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    folder = tmp_path / "office"
    shutil.copytree(begun, folder)
    return Cli(folder, monkeypatch, capsys)


@pytest.fixture
def handled(cli: Cli) -> str:
    """A case that 水务局 has answered; 城管局 is accused in it."""
    case_id = cli.register("HL-1", "severity=4")
    assert cli.send("HL-1", "assign", DESK, "unit=水务局", "accused=城管局").code == 0
    assert cli.send("HL-1", "answer", HANDLER, "opinion=已修复").code == 0
    return case_id


# ── init ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_project_is_complete_and_its_own_tests_pass(cli: Cli) -> None:
    for name in ("lianxin.toml", ".gitignore", "workflows/complaint.yaml", "workflows/.lianxin/workflow.schema.json"):
        assert (cli.folder / name).is_file()
    assert stat.S_IMODE((cli.folder / "lianxin.key").stat().st_mode) == 0o600
    assert cli.ok("test", "--json").json["failed"] == 0
    assert cli.ok("lint", "--json").json["errors"] == 0
    assert cli.ok("case", "list", "--json").json == []
    assert cli("doctor", "--json").json["errors"] == 0


def test_init_overwrites_nothing(cli: Cli, tmp_path: Path) -> None:
    before = (cli.folder / "lianxin.key").read_bytes()
    ran = cli("init", cli.folder, "--json")
    assert ran.code == 4
    assert ran.error["code"] == "LX-913"
    assert (cli.folder / "lianxin.key").read_bytes() == before
    (tmp_path / "file").write_text("x")
    assert cli("init", tmp_path / "file").code == 4


def test_init_says_what_it_would_write_and_writes_nothing(cli: Cli, tmp_path: Path) -> None:
    ran = cli.ok("init", tmp_path / "later", "--dry-run", "--json")
    assert str(tmp_path / "later" / "lianxin.toml") in ran.json["files"]
    assert not (tmp_path / "later").exists()


def test_the_key_may_lie_elsewhere(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANXIN_KEY_FILE", str(tmp_path / "safe.key"))
    cli.ok("init", tmp_path / "second")
    assert (tmp_path / "safe.key").is_file()
    assert not (tmp_path / "second" / "lianxin.key").exists()
    assert str(tmp_path / "safe.key") in (tmp_path / "second" / "lianxin.toml").read_text(encoding="utf-8")


# ── cases ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_case_is_opened_moved_and_shown(cli: Cli, handled: str) -> None:
    said = cli.ok("case", "show", "HL-1", "--json").json
    assert said["case_id"] == handled
    assert (said["state"], said["phase"], said["unit"]) == ("handled", "handled", "水务局")
    assert [step["transition"] for step in said["path"]] == ["register", "assign", "answer"]
    assert said["path"][1]["by"] == {"role": "desk", "person": "p-1028", "unit": "信访局"}
    handling = next(clock for clock in said["clocks"] if clock["deadline"] == "handling")
    assert (handling["status"], handling["owner"]) == ("met", "水务局")
    assert {move["transition"] for move in said["moves"]} == {"approve", "rework"}
    text = cli.ok("case", "show", handled[:6]).out
    assert "已答复 (handled)" in text
    assert "p-1048@水务局" in text


def test_what_the_vault_holds_is_shown_for_a_purpose_that_goes_on_record(cli: Cli) -> None:
    cli.register("HL-1", "text=楼道里的水管冻裂了")
    plain = [cli.ok("case", "show", "HL-1").out, cli.ok("case", "show", "HL-1", "--json").out]
    assert not any("水管" in out for out in plain)
    asked = ("case", "show", "HL-1", "--reveal", "--purpose", "回访前核对", "--as", DESK)
    shown = cli.ok(*asked, "--json").json["revealed"]
    assert {(one["person"], one["field"]): one["value"] for one in shown} == {
        ("case", "case key"): "HL-1",
        ("case", "text"): "楼道里的水管冻裂了",
    }
    assert all(one["current"] for one in shown)
    assert "楼道里的水管冻裂了" in cli.ok(*asked).out
    read = [
        row for row in cli.ok("case", "why", "HL-1", "--json").json["past"] if row["type"] == "lianxin.case.read.v1"
    ]
    assert len(read) == 2
    assert read[0]["by"] == {"role": "desk", "person": "p-1028", "unit": "信访局"}
    assert "回访前核对" in cli.ok("case", "why", "HL-1").out
    assert cli.ok("case", "show", "HL-1", "--json").json["rejections"] == 0
    for arguments, code in ((asked[:4], "LX-923"), ((*asked[:4], "--as", DESK), "LX-383")):
        assert cli(*arguments, "--json").error["code"] == code
    assert cli.ok("replay", "--json").json
    with Store.open(f"sqlite:///{cli.folder / 'lianxin.db'}", create=False) as store, store.read() as reader:
        (record, _) = [event for event in reader.log(0) if event.type == "lianxin.case.read.v1"]
        assert record.data["fields"] == ["case case key", "case text"]
        assert "水管" not in record.body.decode()
    assert cli("verify", cli.folder / "lianxin.db").code == 0


def test_a_unit_accused_reads_nothing_and_learns_nothing(cli: Cli) -> None:
    cli.send("HL-9", "register", CLERK, "channel=web", "accused=城管局", "text=被反映单位的事")
    for acting in (ACCUSED, UNDER_ACCUSED):
        hidden = cli("case", "show", "HL-9", "--reveal", "--purpose", "看", "--as", acting, "--json")
        missing = cli("case", "show", "HL-0", "--reveal", "--purpose", "看", "--as", acting, "--json")
        assert (hidden.code, hidden.out) == (missing.code, missing.out) == (3, "")
        assert hidden.err.replace("HL-9", "HL-0") == missing.err
    assert "case.read" not in cli.ok("case", "why", "HL-9", "--json").out


def test_time_left_is_told_in_working_days(cli: Cli) -> None:
    cli.register("HL-2")
    said = cli.ok("case", "list", "--json").json[0]
    assert said["due_at"] == "2026-04-23T15:59:59.999999Z"
    assert said["remaining"] == {"working_days": 15}
    cli.turn("2026-04-27 09:00")
    late = cli.ok("case", "list", "--late", "--json").json[0]
    assert late["remaining"] == {"working_days": -2}
    assert late["late"] == ["handling"]
    assert "已过 2 个工作日" in cli.ok("case", "list").out


def test_the_list_goes_on_page_by_page_to_its_end_whatever_moves_meanwhile(cli: Cli) -> None:
    for number in range(5):
        cli.turn(f"2026-04-0{1 + number} 09:00")
        cli.register(f"HL-{number}")
    whole = [row["case_id"] for row in cli.ok("case", "list", "--json").json]
    assert len(whole) == 5
    found: list[str] = []
    place = ""
    while True:
        ran = cli.ok("case", "list", "--limit", "2", "--json", *(["--after", place] if place else []))
        found += [row["case_id"] for row in ran.json]
        if "--after" not in ran.err:
            break
        place = ran.err.split("--after ")[1].split('"')[0].split("。")[0]
        cli.turn("2026-05-20 09:00")  # the first page moves to the end
    assert found == whole
    tail = cli.ok("case", "list", "--after", whole[3], "--json").json
    assert [row["case_id"] for row in tail] == whole[4:]
    assert cli("case", "list", "--after", "nobody", "--json").error["code"] == "LX-903"


def test_the_list_begins_with_what_is_due_first_and_obeys_filters(cli: Cli) -> None:
    later = cli.register("HL-LATE")
    cli.turn("2026-04-02 09:00")
    cli.register("HL-NEXT")
    rows = cli.ok("case", "list", "--json").json
    assert rows[0]["case_id"] == later
    assert len(cli.ok("case", "list", "--limit", "1", "--json").json) == 1
    assert cli.ok("case", "list", "--state", "closed", "--json").json == []
    assert len(cli.ok("case", "list", "--workflow", "complaint", "--phase", "received", "--json").json) == 2
    assert [row["case_id"] for row in cli.ok("case", "list", "--unit", "水务局", "--json").json] == []
    ran = cli("case", "list", "--workflow", "complain", "--json")
    assert (ran.code, ran.error["code"]) == (3, "LX-909")
    assert ran.error["facts"]["suggestion"] == "complaint"


def test_no_personal_value_is_shown(cli: Cli) -> None:
    data = {"with": {"channel": "web", "text": "我家漏水"}, "petitioner": {"name": "王小明", "phone": "10012345678"}}
    (cli.folder / "data.json").write_text(orjson.dumps(data).decode())
    cli.ok("case", "send", "HL-3", "register", "--as", CLERK, "--data", "data.json")
    for command in (
        ("case", "show", "HL-3"),
        ("case", "show", "HL-3", "--json"),
        ("case", "list", "--json"),
        ("case", "why", "HL-3", "--json"),
        ("tail", "--json"),
        ("tail",),
    ):
        out = cli.ok(*command).out
        assert not any(secret in out for secret in ("漏水", "王小明", "10012345678", "HL-3")), command
    assert cli.ok("case", "show", "HL-3", "--json").json["personal"] == ["text"]


def test_data_may_come_from_standard_input(cli: Cli) -> None:
    env = {"LIANXIN_CLOCK_FILE": str(cli.folder / "clock")}
    text = orjson.dumps({"with": {"channel": "web"}}).decode()
    ran = real(
        "case", "send", "HL-4", "register", "--as", CLERK, "--data", "-", cwd=cli.folder, env=env, input=text
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "→ received" in ran.out


@pytest.mark.parametrize("acting", [ACCUSED, UNDER_ACCUSED])
def test_for_an_accused_unit_the_case_does_not_exist(cli: Cli, handled: str, acting: str) -> None:
    for arguments in (
        ("case", "show", "NAME"),
        ("case", "why", "NAME"),
        ("case", "why", "NAME", "approve"),
        ("case", "send", "NAME", "approve"),
        ("case", "erase", "NAME", "--reason", "x", "--yes"),
    ):
        answers = []
        for name in ("HL-1", "HL-7"):
            given = [name if argument == "NAME" else argument for argument in arguments]
            ran = cli(*given, "--as", acting)
            assert (ran.code, ran.out) == (3, ""), given
            answers.append(ran.err.replace(name, "NAME"))
        assert answers[0] == answers[1]
    assert cli.ok("case", "list", "--as", acting, "--json").json == []
    assert len(cli.ok("case", "list", "--as", HANDLER, "--json").json) == 1


def test_a_refusal_is_an_answer_with_its_reason_and_is_on_record(cli: Cli) -> None:
    cli.register("HL-5")
    ran = cli.send("HL-5", "assign", CLERK, "unit=水务局")
    assert (ran.code, ran.err) == (6, "")
    assert (ran.json["status"], ran.json["code"]) == ("rejected", "role-not-allowed")
    assert "desk" in ran.json["reason"]["zh"]
    text = cli("case", "send", "HL-5", "assign", "--as", DESK).out
    assert "驳回 · refused" in text
    assert "缺少 unit" in text
    past = cli.ok("case", "why", "HL-5", "assign", "--json").json["past"]
    assert [record["refusal"]["code"] for record in past] == ["role-not-allowed", "needs"]
    assert cli.ok("case", "show", "HL-5", "--json").json["rejections"] == 2


def test_a_slip_at_the_keyboard_is_told_at_once_and_leaves_nothing_behind(cli: Cli) -> None:
    cli.register("HL-6")
    ran = cli.send("HL-6", "assign", DESK, "unit=水务具")
    assert (ran.code, ran.error["code"]) == (2, "LX-357")
    assert "水务局" in ran.error["message"]["zh"]
    assert cli.send("HL-6", "letter.sgin", DESK).code in (2, 6)
    assert cli.send("HL-6", "leter.sign", DESK).code == 2
    assert cli.ok("dlq", "list", "--json").json == []


def test_asking_what_would_happen_leaves_no_trace(cli: Cli) -> None:
    cli.register("HL-8")
    head = cli.ok("tail", "-n", "1", "--json").json["position"]
    ran = cli("case", "send", "HL-8", "assign", "--as", DESK, "--with", "unit=水务局", "--dry-run", "--json")
    assert (ran.code, ran.json["status"], ran.json["dry_run"]) == (0, "accepted", True)
    refused = cli("case", "send", "HL-8", "close", "--as", OFFICE, "--dry-run", "--json")
    assert (refused.code, refused.json["code"]) == (6, "no-transition")
    assert cli.ok("tail", "-n", "1", "--json").json["position"] == head
    new = cli("case", "send", "HL-NEW", "register", "--as", CLERK, "--with", "channel=web", "--dry-run", "--json")
    assert new.code == 0
    assert cli("case", "show", "HL-NEW").code == 3


def test_the_same_id_sent_twice_is_carried_out_once(cli: Cli) -> None:
    first = cli("case", "send", "HL-9", "register", "--as", CLERK, "--with", "channel=web", "--id", "m-1", "--json")
    again = cli("case", "send", "HL-9", "register", "--as", CLERK, "--with", "channel=web", "--id", "m-1", "--json")
    assert (first.json["status"], again.json["status"]) == ("accepted", "duplicate")
    assert again.code == 0


@pytest.mark.parametrize(
    ("acting", "code", "exit_code"),
    [
        ("", "LX-923", 2),
        ("nobody at all", "LX-905", 2),
        ("p-1028:desk@信访局@x", "LX-905", 2),
        ("p-1029:clerk@信访局", "LX-906", 6),
        ("p-1028:desk@水务局", "LX-906", 6),
        ("p-9999:desk", "LX-906", 6),
        ("p-1:somebody@无此局", "LX-906", 6),
    ],
)
def test_who_acts_must_be_somebody_who_may(cli: Cli, acting: str, code: str, exit_code: int) -> None:
    cli.register("HL-10")
    given = ["--as", acting] if acting else []
    ran = cli("case", "send", "HL-10", "assign", *given, "--with", "unit=水务局", "--json")
    assert (ran.code, ran.error["code"], ran.out) == (exit_code, code, "")


def test_a_person_needs_no_unit_where_there_is_only_one(cli: Cli) -> None:
    cli.register("HL-11")
    assert cli.send("HL-11", "assign", "p-1028:desk", "unit=水务局").json["as"]["unit"] == "信访局"


def test_an_ambiguous_name_is_no_case(cli: Cli) -> None:
    ids = {cli.register(f"HL-{number}") for number in range(20, 26)}
    assert cli("case", "show", "zzzzzzzz").code == 3
    assert cli("case", "show", next(iter(ids))[:8]).code == 0


# ── why ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_why_names_the_rule_its_line_and_what_it_read(cli: Cli, handled: str) -> None:
    lines = (cli.folder / "workflows" / "complaint.yaml").read_text(encoding="utf-8").splitlines()
    past = cli.ok("case", "why", "HL-1", "--json").json["past"]
    for record in past:
        if record["place"]:
            path, _, line = record["place"].rpartition(":")
            if path.endswith("complaint.yaml"):
                assert record["transition"].partition(".")[2] or record["transition"] in lines[int(line) - 1]
    reaction = next(record for record in past if record["cause"].get("reaction"))
    assert reaction["cause"]["reaction"] == "call_back"
    path, _, line = reaction["cause"]["place"].rpartition(":")
    assert "call_back" in lines[int(line) - 1]
    assert reaction["cause"]["conditions"][0]["expression"].startswith("has(case.satisfied)")


def test_why_not_says_which_condition_does_not_hold_now(cli: Cli, handled: str) -> None:
    assert cli.send("HL-1", "approve", HEAD).code == 0
    refused = cli.send("HL-1", "close", OFFICE, "ending=settled")
    assert (refused.code, refused.json["code"]) == (6, "guard")
    now = cli.ok("case", "why", "HL-1", "close", "--as", OFFICE, "--json").json["now"]
    assert now["verdict"] == "impossible"
    (condition,) = now["conditions"]
    assert (condition["name"], condition["holds"]) == ("follow_ups_done", False)
    assert condition["inputs"] == {"tracks.follow_up.open": 1}
    assert condition["place"].rpartition(":")[0].endswith("complaint.yaml")
    assert now["actor"]["may"] is True
    assert [need["name"] for need in now["needs"]] == ["ending"]
    text = cli.ok("case", "why", "HL-1", "close").out
    assert "不成立" in text
    assert "tracks.follow_up.open = 1" in text


def test_why_not_says_who_may_and_where(cli: Cli, handled: str) -> None:
    now = cli.ok("case", "why", "HL-1", "approve", "--as", HANDLER, "--json").json["now"]
    assert (now["verdict"], now["actor"]["code"]) == ("impossible", "role-not-allowed")
    assert now["roles"][0]["people"] == ["p-1045@水务局", "p-1046@水务局"]
    elsewhere = cli.ok("case", "why", "HL-1", "close", "--json").json["now"]
    assert (elsewhere["from_here"], elsewhere["from"]) == (False, ["reviewed"])
    ran = cli("case", "why", "HL-1", "aprove", "--json")
    assert (ran.code, ran.error["code"], ran.error["facts"]["suggestion"]) == (3, "LX-920", "approve")


def test_the_rules_a_case_began_with_explain_it_after_the_file_has_changed(cli: Cli, handled: str) -> None:
    path = cli.folder / "workflows" / "complaint.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("15 working days", "30 working days"), encoding="utf-8")
    said = cli.ok("case", "why", "HL-1", "approve", "--json").json
    assert said["now"]["verdict"] == "possible"
    assert said["now"]["place"] == ""  # the line is not in any file any more
    assert cli.ok("case", "show", "HL-1", "--json").json["clocks"]
    path.write_text("workflow: [", encoding="utf-8")
    assert cli.ok("case", "show", "HL-1", "--json").json["state"] == "handled"
    assert cli("case", "send", "HL-1", "approve", "--as", HEAD).code == 1


# ── letters, log, evidence ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def supervised(cli: Cli) -> str:
    """A case that is late; the worker has issued its letter."""
    case_id = cli.register("HL-LATE")
    assert cli.send("HL-LATE", "assign", DESK, "unit=水务局", "accused=城管局").code == 0
    cli.turn("2026-04-24 09:00")
    cli.ok("import", _nothing(cli.folder), "--map", _map(cli.folder), "-q")  # whatever writes rings the clocks
    return case_id


def test_letters_are_listed_with_their_numbers_and_written_as_documents(cli: Cli, supervised: str) -> None:
    (row,) = cli.ok("letter", "list", "--json").json
    assert (row["case_id"], row["to"], row["state"], row["number"]) == (
        supervised, "水务局", "delivered", "示信督〔2026〕1号",
    )  # fmt: skip
    said = cli.ok("letter", "show", "示信督〔2026〕1号", "--out", cli.folder / "letters", "--json").json
    assert [step["to"] for step in said["path"]] == ["drafted", "checked", "signed", "delivered"]
    assert all(Path(path).stat().st_size for path in said["files"])
    assert [Path(path).suffix for path in said["files"]] == [".pdf", ".docx", ".html"]
    assert row["letter_id"] in cli.ok("letter", "show", row["letter_id"]).out
    ran = cli("letter", "show", "示信督〔2026〕99号", "--json")
    assert (ran.code, ran.error["code"]) == (3, "LX-918")
    assert "示信督〔2026〕1号" in cli.ok("case", "show", "HL-LATE").out


def test_a_letter_of_a_hidden_case_is_not_there(cli: Cli, supervised: str) -> None:
    (row,) = cli.ok("letter", "list", "--as", HANDLER, "--json").json
    assert cli.ok("letter", "list", "--as", UNDER_ACCUSED, "--json").json == []
    for name in (row["number"], row["letter_id"]):
        assert cli("letter", "show", name, "--as", ACCUSED).code == 3


def test_the_tail_of_the_log_is_one_fact_a_line(cli: Cli, handled: str) -> None:
    rows = [orjson.loads(line) for line in cli.ok("tail", "-n", "2", "--json").out.splitlines()]
    assert len(rows) == 2
    assert rows[0]["position"] + 1 == rows[1]["position"]
    everything = cli.ok("tail", "--after", "0", "--json").out.splitlines()
    assert [orjson.loads(line)["position"] for line in everything] == list(range(1, len(everything) + 1))
    assert all("follow_up" in line for line in cli.ok("tail", "--type", "lianxin.follow_up").out.splitlines())
    assert cli.ok("tail", "-n", "0").out == ""
    assert len(cli.ok("tail", "--case", "HL-1").out.splitlines()) == len(everything)


def test_the_database_replays_and_verifies(cli: Cli, handled: str) -> None:
    said = cli.ok("replay", "--json").json
    assert said["equal"] is True
    assert said["state_digest"]
    assert cli.ok("verify", "--json").json["ok"] is True
    assert "一致" in cli.ok("replay").out


def test_a_changed_byte_is_a_finding(cli: Cli, handled: str) -> None:
    path = cli.folder / "lianxin.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.checkpoint()
    raw = path.read_bytes()
    assert raw.count(b'"transition":"assign"') == 1
    path.write_bytes(raw.replace(b'"transition":"assign"', b'"transition":"assagn"'))
    ran = cli("verify", "--json")
    assert ran.code == 1
    assert ran.json["findings"]


# ── imports and dead letters ─────────────────────────────────────────────────────────────────────────────────────


MAP = """\
workflow: complaint
format: csv
time_zone: Asia/Shanghai
time_format: "%Y-%m-%d %H:%M"
rows:
  - {does: register, as: clerk, id: =row.no, case_key: =row.no, time: =row.time, with: {channel: =row.channel}}
"""


def _map(folder: Path) -> Path:
    path = folder / "rows.map.yaml"
    path.write_text(MAP, encoding="utf-8")
    return path


def _nothing(folder: Path) -> Path:
    path = folder / "nothing.csv"
    path.write_text("no,time,channel\n", encoding="utf-8")
    return path


@pytest.fixture
def imported(cli: Cli) -> Cli:
    (cli.folder / "rows.csv").write_text(
        "no,time,channel\nA-1,2026-03-02 09:00,phone\nA-2,nonsense,web\nA-3,2026-03-03 10:00,pigeon\n", encoding="utf-8"
    )
    _map(cli.folder)
    ran = cli("import", "rows.csv", "--map", "rows.map.yaml", "--json")
    assert ran.code == 1  # rows that could not be used are findings
    assert ran.json["answers"]["accepted"] == 1
    assert ran.json["answers"]["dead-letter"] >= 1
    return cli


def test_rows_are_imported_once_and_bad_ones_are_dead_letters(imported: Cli) -> None:
    again = imported("import", "rows.csv", "--map", "rows.map.yaml", "--json")
    assert (again.code, again.json["complete"], again.json["answers"]) == (0, True, {})
    rows = imported.ok("dlq", "list", "--json").json
    assert {row["file"] for row in rows} == {"rows.csv"}
    assert {row["row"] for row in rows} == {3, 4}
    assert "pigeon" not in imported.ok("dlq", "list").out
    assert len(imported.ok("case", "list", "--json").json) == 1


def test_an_import_may_be_tried_without_writing(imported: Cli) -> None:
    ran = imported("import", "rows.csv", "--map", "rows.map.yaml", "--dry-run", "--json")
    assert ran.code == 1
    assert ran.json["messages"] == 2
    assert ran.json["bad_rows"][0]["row"] == 3


def test_a_dead_letter_is_read_only_with_a_purpose_and_on_record(imported: Cli) -> None:
    number = imported.ok("dlq", "list", "--json").json[-1]["number"]
    assert "content" not in imported.ok("dlq", "show", str(number), "--json").json
    ran = imported("dlq", "show", str(number), "--reveal", "--json")
    assert (ran.code, ran.error["code"]) == (2, "LX-923")
    ran = imported("dlq", "show", str(number), "--reveal", "--as", OFFICE, "--json")
    assert (ran.code, ran.error["code"]) == (2, "LX-383")
    said = imported.ok("dlq", "show", str(number), "--reveal", "--purpose", "改错", "--as", OFFICE, "--json").json
    assert "pigeon" in said["content"]
    read = imported.ok("tail", "--type", "lianxin.dead_letter.read", "--json").json
    assert read["data"]["purpose"] == "改错"
    assert read["data"]["by"]["person"] == "p-1023"


def test_a_dead_letter_is_mended_or_put_away(imported: Cli) -> None:
    first, second = (row["number"] for row in imported.ok("dlq", "list", "--json").json)
    said = imported.ok("dlq", "show", str(second), "--reveal", "--purpose", "改错", "--as", OFFICE, "--json").json
    (imported.folder / "mended.json").write_text(said["content"].replace("pigeon", "letter"))
    vain = imported("dlq", "retry", str(second), "--as", OFFICE, "--json")
    assert (vain.code, vain.json[0]["status"]) == (1, "dead-letter")
    done = imported.ok("dlq", "retry", str(second), "--data", "mended.json", "--as", OFFICE, "--json").json
    assert done[0]["status"] == "accepted"
    ran = imported("dlq", "discard", str(first), "--reason", "无用", "--as", OFFICE, "--json")
    assert (ran.code, ran.error["code"]) == (2, "LX-901")  # nobody to ask, and no --yes
    assert "--yes" in ran.error["remedy"]["zh"]
    assert imported.ok("dlq", "discard", str(first), "--reason", "无用", "--as", OFFICE, "--yes", "--json").json == {
        "discarded": [first]
    }
    assert imported.ok("dlq", "list", "--json").json == []
    assert {row["state"] for row in imported.ok("dlq", "list", "--state", "all", "--json").json} == {
        "retried", "discarded",
    }  # fmt: skip
    assert imported("dlq", "retry", str(first), "--as", OFFICE).code == 4


def test_erasing_a_person_asks_first_and_goes_on_record(cli: Cli) -> None:
    cli.register("HL-30")
    ran = cli("case", "erase", "HL-30", "--reason", "保存期满", "--as", OFFICE, "--json")
    assert (ran.code, ran.error["code"]) == (2, "LX-901")
    assert cli("case", "erase", "HL-30", "--as", OFFICE, "--yes").code == 2
    done = cli.ok("case", "erase", "HL-30", "--reason", "保存期满", "--as", OFFICE, "--yes", "--json").json
    assert done["erased"]
    assert "保存期满" in cli.ok("tail", "--type", "lianxin.person", "--json").out
    assert cli("case", "erase", done["case_id"], "--reason", "x", "--as", OFFICE, "--yes").code == 3


# ── the process that writes ──────────────────────────────────────────────────────────────────────────────────────


def test_commands_reach_a_worker_that_runs(cli: Cli) -> None:
    import subprocess
    import sys

    from cli_parts import ROOT

    env = {**os.environ, "PYTHONPATH": str(ROOT), "LIANXIN_CLOCK_FILE": str(cli.folder / "clock")}
    worker = subprocess.Popen(
        [sys.executable, "-m", "engine.app", "run", "all"], cwd=cli.folder, env=env, stderr=subprocess.PIPE, text=True
    )
    assert worker.stderr is not None
    try:
        for line in worker.stderr:
            if "worker.started" in line:
                break
        case_id = cli.register("HL-40")
        assert cli.ok("case", "list", "--json").json[0]["case_id"] == case_id
        assert cli.ok("incident", "list", "--json").json == []
    finally:
        worker.terminate()
        said = worker.stderr.read()
        assert worker.wait() == 0
        worker.stderr.close()
    assert "batch.committed" in said
    assert "worker.stopped" in said


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_setting_says_where_it_comes_from(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANXIN_CLOCK_MAX_WAIT", "5m")
    rows = {row["key"]: row for row in cli.ok("config", "show", "--key-file", "k", "--json").json["settings"]}
    assert (rows["clock.max_wait"]["value"], rows["clock.max_wait"]["where"]) == ("5m", "LIANXIN_CLOCK_MAX_WAIT")
    assert (rows["key_file"]["origin"], rows["key_file"]["where"]) == ("flag", "--key-file")
    assert rows["database_url"]["where"].startswith("lianxin.toml:")
    assert rows["bus"]["origin"] == "default"


def test_the_language_of_the_project_is_spoken_where_nobody_asked_for_another(cli: Cli) -> None:
    with (cli.folder / "lianxin.toml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write('language = "en"\n' + text)
    assert "找不到" not in cli("case", "show", "nobody").err
    assert "找不到" in cli("case", "show", "nobody", "--language", "zh").err


def test_a_wrong_setting_is_pointed_at(cli: Cli) -> None:
    (cli.folder / "lianxin.toml").write_text('databse_url = "sqlite:///x.db"\n')
    ran = cli("case", "list")
    assert ran.code == 2
    assert "lianxin.toml:1:1" in ran.err
    assert "database_url" in ran.err


def test_a_project_is_found_from_below_and_by_name(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cli.register("HL-50")
    monkeypatch.chdir(cli.folder / "workflows")
    assert len(cli.ok("case", "list", "--json").json) == 1
    monkeypatch.chdir(tmp_path)
    assert len(cli.ok("case", "list", "--project", cli.folder, "--json").json) == 1
    assert cli("case", "list", "--project", "nowhere").code == 3
    assert re.search(r"LX-520", cli("case", "list").err)


@pytest.mark.parametrize("what", ["engine", "consumers", "clock", "api"])
def test_on_sqlite_one_process_does_everything_and_a_part_of_it_is_refused(cli: Cli, what: str) -> None:
    ran = cli("run", what, "--json")
    assert (ran.code, ran.error["code"]) == (2, "LX-531")
    assert "run all" in ran.err


def test_what_cannot_be_run_is_said(cli: Cli) -> None:
    assert cli("run", "everything").code == 2
    assert cli("run", "all", "--spool", "nowhere").code == 3


def test_on_sqlite_a_second_worker_is_refused_and_told_which_process_writes(cli: Cli) -> None:
    with Store.open(f"sqlite:///{cli.folder / 'lianxin.db'}") as store, store.transaction():
        ran = cli("run", "all", "--json")
    assert (ran.code, ran.error["code"]) == (5, "LX-523")
    assert str(os.getpid()) in ran.err
