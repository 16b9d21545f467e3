"""Commands on files: lint, test, simulate, calendar, demo, import; with files that are missing, broken or folders."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest
from cli_parts import COMPLAINT, Cli

EVENTS = [
    {
        "id": "1",
        "type": "lianxin.case.register",
        "subject": "T-1",
        "time": "2026-04-01T09:00:00+08:00",
        "data": {"workflow": "complaint", "actor": {"role": "clerk"}, "with": {"channel": "phone"}},
    },
    {
        "id": "2",
        "type": "lianxin.case.assign",
        "subject": "T-1",
        "time": "2026-04-01T10:00:00+08:00",
        "data": {"workflow": "complaint", "actor": {"role": "desk"}, "with": {"unit": "住建局"}},
    },
]
MAP = """\
workflow: complaint
format: csv
time_zone: Asia/Shanghai
time_format: "%Y-%m-%d"
rows:
  - {does: register, as: clerk, id: =row.no, case_key: =row.no, time: =row.day, with: {channel: phone}}
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path, monkeypatch, capsys)


@pytest.fixture
def files(cli: Cli) -> Cli:
    """Good files and bad ones of every kind."""
    lines = [{"specversion": "1.0", "source": "urn:test", **event} for event in EVENTS]
    (cli.folder / "events.ndjson").write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\nnot json\n")
    (cli.folder / "rows.csv").write_text("no,day\nA-1,2026-03-02\nA-2,someday\n", encoding="utf-8")
    (cli.folder / "rows.map.yaml").write_text(MAP, encoding="utf-8")
    (cli.folder / "broken.yaml").write_text("workflow: [\nstates: {a: b", encoding="utf-8")
    (cli.folder / "wrong.yaml").write_text("lianxin: 1\nworkflow: wrong\ncalender: cn\n", encoding="utf-8")
    (cli.folder / "broken.map.yaml").write_text("workflow: complaint\nformat: docx\n", encoding="utf-8")
    (cli.folder / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    (cli.folder / "folder").mkdir()
    return cli


# ── whatever is given, one clear error ───────────────────────────────────────────────────────────────────────────

SIMULATE = ("simulate", COMPLAINT, "--events", "events.ndjson", "--out", "out")


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("lint", "missing.yaml"), "LX-190", 3),
        (("lint", "folder"), "LX-190", 3),
        (("test", "missing.yaml"), "LX-190", 3),
        (("test", "folder"), "LX-190", 3),
        (("test", "broken.yaml"), "LX-190", 3),
        (("test", COMPLAINT, "--only", "no_such_scenario"), "LX-922", 3),
        (("simulate", "missing.yaml", *SIMULATE[2:]), "LX-190", 3),
        (("simulate", "folder", *SIMULATE[2:]), "LX-190", 3),
        (("simulate", "broken.yaml", *SIMULATE[2:]), "LX-200", 1),
        (("simulate", COMPLAINT, "--events", "missing.ndjson", "--out", "out"), "LX-320", 3),
        (("simulate", COMPLAINT, "--events", "folder", "--out", "out"), "LX-320", 3),
        (("simulate", COMPLAINT, "--events", "rows.csv", "--map", "missing.map.yaml", "--out", "out"), "LX-320", 3),
        (("simulate", COMPLAINT, "--events", "rows.csv", "--map", "broken.map.yaml", "--out", "out"), "LX-310", 1),
        (("simulate", COMPLAINT, "--events", "rows.csv", "--map", "rows.map.yaml", "--out", "rows.csv"), "LX-914", 5),
        ((*SIMULATE, "--until", "someday"), "LX-915", 2),
        ((*SIMULATE, "--order", "backwards"), "LX-900", 2),
        ((*SIMULATE, "--directory", "missing.yaml"), "LX-190", 3),
        ((*SIMULATE, "--directory", "broken.yaml"), "LX-191", 1),
        (("simulate", COMPLAINT, "--out", "out"), "LX-900", 2),
        (("import", "rows.csv", "--map", "rows.map.yaml"), "LX-501", 3),
        (("import", "missing.csv", "--map", "rows.map.yaml", "--dry-run"), "LX-320", 3),
        (("import", "folder", "--map", "rows.map.yaml", "--dry-run"), "LX-320", 3),
        (("import", "rows.csv", "--map", "broken.map.yaml", "--dry-run"), "LX-310", 1),
        (("verify", "missing.db"), "LX-190", 3),
        (("verify", "folder"), "LX-190", 3),
        (("verify",), "LX-190", 3),
        (("replay",), "LX-520", 3),
        (("replay", "--database-url", "sqlite:///rows.csv"), "LX-522", 5),
        (("case", "list", "--database-url", "nonsense"), "LX-540", 2),
        (("case", "show", "x"), "LX-520", 3),
        (("case", "why", "x"), "LX-520", 3),
        (("case", "send", "x", "assign", "--as", "p-1028:desk"), "LX-520", 3),
        (("case", "erase", "x", "--as", "p-1028:desk", "--yes"), "LX-383", 2),
        (("letter", "list"), "LX-520", 3),
        (("letter", "show", "x"), "LX-520", 3),
        (("tail",), "LX-520", 3),
        (("tail", "-n", "-1"), "LX-900", 2),
        (("dlq", "list"), "LX-520", 3),
        (("dlq", "show", "1"), "LX-520", 3),
        (("dlq", "retry", "--as", "p-1023:office"), "LX-907", 2),
        (("dlq", "discard", "1", "--all", "--as", "p-1023:office"), "LX-907", 2),
        (("incident", "list"), "LX-520", 3),
        (("incident", "close", "x", "--reason", "r", "--as", "p-1023:office"), "LX-907", 2),
        (("incident", "release", "x", "--as", "p-1023:office"), "LX-383", 2),
        (("run", "all"), "LX-501", 3),
        (("calendar", "show", "x"), "LX-900", 2),
        (("calendar", "show", "2026", "--calendar", "cm"), "LX-921", 3),
        (("calendar", "due", "x", "5 days"), "LX-915", 2),
        (("calendar", "due", "2026-04-30", "five days"), "LX-907", 2),
        (("calendar", "due", "2026-04-30", "99999 years"), "LX-907", 2),
        (("calendar", "add", "missing.yaml"), "LX-190", 3),
        (("calendar", "add", "broken.yaml"), "LX-191", 1),
        (("calendar", "add", "wrong.yaml"), "LX-800", 1),
        (("demo", "--out", "rows.csv"), "LX-914", 5),
        (("schema", "letters"), "LX-900", 2),
        (("explain", "x"), "LX-912", 3),
        (("config", "show", "--project", "missing"), "LX-190", 3),
        (("lint", "--workflows-dir", "missing"), "LX-190", 3),
        (("init",), "LX-900", 2),
    ],
)
def test_whatever_is_wrong_is_said_once_with_its_code(
    files: Cli, arguments: tuple[str | Path, ...], code: str, exit_code: int
) -> None:
    ran = files(*arguments, "--json")
    assert (ran.code, ran.out) == (exit_code, ""), ran
    assert ran.error["code"] == code
    assert ran.error["message"]["zh"] != ran.error["message"]["en"]
    assert ran.error["remedy"]["zh"]
    text = files(*arguments)
    assert text.code == exit_code
    assert text.out == ""
    assert text.err.count(f" {code}:") == 1
    assert "Traceback" not in text.err
    assert "LX-970:" not in text.err


# ── lint ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_findings_are_the_result_with_place_and_caret(files: Cli) -> None:
    ran = files("lint", "wrong.yaml", COMPLAINT)
    assert ran.code == 1
    assert "wrong.yaml:3:1" in ran.out
    assert "^^^^^^^^" in ran.out
    assert "calendar" in ran.out
    said = files("lint", "wrong.yaml", "broken.yaml", "binary.yaml", "--json")
    assert {problem["file"] for problem in said.json["problems"]} == {"wrong.yaml", "broken.yaml", "binary.yaml"}
    assert said.json["errors"] >= 3


def test_findings_in_sarif_are_for_tools(files: Cli) -> None:
    ran = files("lint", "wrong.yaml", "--sarif")
    assert ran.code == 1
    assert ran.json["version"] == "2.1.0"
    assert ran.json["runs"][0]["results"]


def test_warnings_are_errors_when_strict(cli: Cli) -> None:
    text = COMPLAINT.read_text(encoding="utf-8").replace(
        "deadlines:\n",
        "deadlines:\n  extra: {within: 5 working days, from: assigned, until: [handled], again: never}\n",
    )
    (cli.folder / "unwise.yaml").write_text(text, encoding="utf-8")
    lax, strict = cli("lint", "unwise.yaml", "--json"), cli("lint", "unwise.yaml", "--strict", "--json")
    assert lax.json["warnings"] > 0
    assert (lax.code, strict.code) == (0, 1)


def test_maps_and_scenarios_are_checked_too(files: Cli) -> None:
    assert files("lint", "rows.map.yaml", COMPLAINT.with_name("complaint.test.yaml")).code == 0
    assert files("lint", "broken.map.yaml").code == 1


# ── test ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_scenarios_that_pass_and_the_arrows_they_took(cli: Cli) -> None:
    ran = cli.ok("test", COMPLAINT, "--only", "late_then_supervised", "--junit", "report.xml")
    assert "✓ complaint  late_then_supervised" in ran.out
    assert "流转覆盖" in ran.out
    suite = ElementTree.parse(cli.folder / "report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


def test_a_scenario_that_fails_says_where_what_and_what_instead(cli: Cli) -> None:
    (cli.folder / "own.yaml").write_bytes(COMPLAINT.read_bytes())
    (cli.folder / "own.test.yaml").write_text(
        "scenarios:\n  wrong:\n    steps:\n"
        "      - {at: 2026-04-01 09:00, do: register, by: clerk, with: {channel: phone}, expect: {state: closed}}\n",
        encoding="utf-8",
    )
    ran = cli("test", "own.yaml", "--junit", "report.xml", "--json")
    assert ran.code == 1
    (failure,) = ran.json["scenarios"][0]["failures"]
    assert failure["place"].startswith("own.test.yaml:4:")
    assert (failure["expected"], failure["found"]) == ("closed", "received")
    assert ElementTree.parse(cli.folder / "report.xml").getroot()[0][0][0].tag == "failure"
    assert "应为 · expected closed" in cli("test", "own.test.yaml").out


# ── simulate ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_history_of_events_is_run_to_its_files(files: Cli) -> None:
    said = files.ok(*SIMULATE, "--until", "2026-05-31", "--json").json
    assert said["counts"]["cases"] == 1
    assert said["answers"]["accepted"] >= 2
    assert said["now"] == "2026-05-31T15:59:59.999999Z"
    (case,) = (orjson.loads(line) for line in (files.folder / "out" / "cases.ndjson").read_bytes().splitlines())
    assert (case["case_key"], case["unit"], case["state"]) == ("T-1", "住建局", "assigned")
    (dead,) = (orjson.loads(line) for line in (files.folder / "out" / "dead_letters.ndjson").read_bytes().splitlines())
    assert (dead["reason"], dead["file"], dead["row"]) == ("not-json", "events.ndjson", 3)
    letters = (files.folder / "out" / "letters.ndjson").read_text(encoding="utf-8")
    assert "示信督〔2026〕1号" in letters


def test_the_same_history_gives_the_same_files(files: Cli) -> None:
    first = files.ok(*SIMULATE, "--json").json
    second = files.ok(*SIMULATE[:-1], "again", "--json").json
    assert first == second
    for path in (files.folder / "out").iterdir():
        assert path.read_bytes() == (files.folder / "again" / path.name).read_bytes()


def test_rows_are_simulated_by_way_of_a_map_and_any_unit_is_taken(files: Cli) -> None:
    said = files.ok(
        "simulate", COMPLAINT, "--events", "rows.csv", "--map", "rows.map.yaml", "--out", "out", "--json"
    ).json  # fmt: skip
    assert (said["counts"]["cases"], said["counts"]["dead_letters"]) == (1, 1)
    assert "digest" in files.ok(*SIMULATE[:-1], "text").out


# ── calendar ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("start", "length", "due"),
    [
        ("2026-04-30", "5 working days", "2026-05-11"),  # over the holidays, with a make-up day
        ("2026-09-28", "15个工作日", "2026-10-23"),
        ("2026-01-31", "1 month", "2026-02-28"),
        ("2026-04-01", "60 days", "2026-05-31"),
    ],
)
def test_a_due_day_is_the_one_the_engine_counts(cli: Cli, start: str, length: str, due: str) -> None:
    assert cli.ok("calendar", "due", start, length, "--json").json["due_on"] == due


def test_a_last_day_may_roll_off_rest_days_and_may_be_provisional(cli: Cli) -> None:
    assert cli.ok("calendar", "due", "2026-04-21", "10 days", "--roll", "--json").json["due_on"] == "2026-05-06"
    said = cli.ok("calendar", "due", "2026-12-30", "5 working days", "--json").json
    assert said["provisional"] is True
    assert "暂定" in cli.ok("calendar", "due", "2026-12-30", "5 working days").out
    assert cli.ok("calendar", "due", "2026-04-01 09:00", "2 hours", "--json").json["due_at"] == (
        "2026-04-01T03:00:00.000000Z"
    )


def test_the_days_that_are_not_as_the_week_says(cli: Cli) -> None:
    said = cli.ok("calendar", "show", "2026", "--json").json
    assert "2026-05-09" in said["make_up_days"]
    assert "2026-10-01" in said["rest_days"]
    assert "尚未公布" in cli.ok("calendar", "show", "2027").err
    assert any(row["calendar"] == "cn" for row in cli.ok("calendar", "list", "--json").json)


def test_a_new_edition_is_put_in_place_after_a_yes(cli: Cli) -> None:
    cli.ok("init", "office")
    project = cli.folder / "office"
    target = project / "workflows" / "calendars" / "cn.yaml"
    text = target.read_text(encoding="utf-8")
    day = "2026-05-09"
    assert day in text
    (cli.folder / "cn.yaml").write_text(text.replace(day, "2026-05-10"), encoding="utf-8")
    arguments = ("calendar", "add", cli.folder / "cn.yaml", "--project", project, "--json")
    said = cli.ok(*arguments, "--dry-run").json
    assert said["changed_days"] == [{"day": day, "working": False}, {"day": "2026-05-10", "working": True}]
    assert cli(*arguments).error["code"] == "LX-901"
    assert target.read_text(encoding="utf-8") == text
    cli.ok(*arguments, "--yes")
    assert "2026-05-10" in target.read_text(encoding="utf-8")


# ── demo ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_demo_runs_a_city_to_its_end(cli: Cli) -> None:
    said = cli.ok("demo", "--out", "city", "--json").json
    assert said["figures"]["received"] == 200
    assert said["figures"]["warned"] > 0
    assert all(Path(path).is_file() for path in said["letters"])
    url = f"sqlite:///{cli.folder / 'city' / 'lianxin.db'}"
    assert len(cli.ok("case", "list", "--late", "--database-url", url, "--json").json) > 0
    assert cli.ok("replay", "--database-url", url, "--json").json["equal"]


def test_one_byte_changed_in_a_copy_of_its_log_is_found_and_the_city_stays_as_it_is(cli: Cli) -> None:
    said = cli.ok("demo", "tamper", "--out", "city", "--json").json
    assert said["before"] != said["after"]
    assert [(found["position"], found["code"]) for found in said["findings"]] == [(said["position"], "digest")]
    city, copy = (cli.folder / "city" / name for name in ("lianxin.db", "tampered.db"))
    one, other = city.read_bytes(), copy.read_bytes()
    assert [n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b] == [said["offset"]]
    assert cli("verify", copy).code == 1
    assert cli.ok("verify", city)
    english = cli.ok("--language", "en", "demo", "tamper", "--out", "city").out
    assert "found" in english
    assert not _chinese(english.replace(str(copy), ""))


# ── one language ─────────────────────────────────────────────────────────────────────────────────────────────────


def _chinese(text: str) -> list[str]:
    return re.findall(r"[\u4e00-\u9fff]+", text)


def test_findings_and_explanations_are_told_in_the_language_that_was_asked_for(cli: Cli) -> None:
    (cli.folder / "bad.yaml").write_text("lianxin: 1\nworkflow: sample\ncalender: cn\n", encoding="utf-8")
    for arguments in (("lint", "bad.yaml"), ("explain", "LX-202"), ("explain",), ("graph", "x"), ("case", "show", "x")):
        english = cli("--language", "en", *arguments)
        assert not _chinese(english.out + english.err), arguments
        chinese = cli("--language", "zh", *arguments)
        assert _chinese(chinese.out + chinese.err)
        assert "did you mean" not in chinese.out + chinese.err
    both = cli("lint", "bad.yaml").out
    assert "是否想写 did you mean: calendar" in both
