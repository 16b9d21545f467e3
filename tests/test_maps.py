"""Mapping files: what an operator writes is checked as a whole, and what rows become is exactly what he wrote."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.catalogue.intake import CODE_OF_REASON, CODES
from engine.core.errors import LianxinError, Problem
from engine.runtime.files.maps import Map, MappedCommand, events_of, load_map, read_commands, read_map
from engine.runtime.files.row import BadRow, Row
from schemas.map_file import json_schema

RIVER = """\
workflow: complaint
format: csv
time_zone: Asia/Shanghai
time_format: ["%Y/%m/%d %H:%M", "%Y/%m/%d"]
rows:
  - {does: register, as: clerk, id: "=row['登记编号'] + '-open'", case_key: "=row['登记编号']", time: =row.received,
     with: {channel: phone, severity: =row.level, accused: [=row.unit, 水务局], due: =row.due},
     petitioner: {name: =row.caller, phone: =row.phone}}
  - does: answer
    as: handler
    when: [row.answered != '', row.level != '0']
    id: =row['登记编号'] + '-answer'
    case_key: =row['登记编号']
    time: =row.answered
    unit: =row.unit
"""
COLUMNS = ["登记编号", "received", "answered", "level", "unit", "due", "caller", "phone"]
FIRST = ["H-1", "2026/04/01 09:00", "2026/04/03", "3", "江北区", "", "王小明", "13000000000"]
SECOND = ["H-2", "2026/04/01 09:05", "", "2", "江北区", "2026/05/01", "", ""]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def mapped(folder: Path, text: str) -> Map:
    return read_map(written(folder, "river.map.yaml", text))


def table(*rows: list[str], columns: list[str] = COLUMNS) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([columns, *rows])
    return out.getvalue()


def commands(folder: Path, text: str, name: str, content: str | bytes) -> list[MappedCommand | BadRow]:
    return list(read_commands(written(folder, name, content), mapped(folder, text)))


def plain(text: str, **cells: Any) -> list[MappedCommand | BadRow]:
    """What a map of one rule makes of one row with these cells."""
    rule = {"does": "register", "as": "clerk", "id": "=row.no", "case_key": "=row.no", "time": "=row.at"}
    rules = json.loads(text) if text else {}
    read = load_map({"workflow": "complaint", "format": "csv", "rows": [{**rule, **rules}]}, "a.map.yaml")
    return events_of(Row(2, {"no": "A1", "at": "2026-04-01T09:00:00Z", **cells}), read, "a.csv")


def one(found: list[MappedCommand | BadRow]) -> MappedCommand:
    (command,) = found
    assert isinstance(command, MappedCommand), command
    return command


def bad(found: list[MappedCommand | BadRow]) -> BadRow:
    (row,) = found
    assert isinstance(row, BadRow), row
    return row


# ── what rows become ─────────────────────────────────────────────────────────────────────────────────────────────


def test_each_rule_that_applies_gives_one_command_of_the_row(tmp_path: Path) -> None:
    found = commands(tmp_path, RIVER, "river.csv", table(FIRST, SECOND))
    opened, answered, second = (one([command]) for command in found)
    assert (opened.does, opened.role, opened.unit, opened.workflow) == ("register", "clerk", "", "complaint")
    assert (opened.source, opened.id, opened.case_key) == ("file:river.csv", "H-1-open", "H-1")
    assert opened.time == "2026-04-01T01:00:00.000000Z"
    assert opened.values == {"channel": "phone", "severity": "3", "accused": ["江北区", "水务局"]}
    assert opened.petitioner == {"name": "王小明", "phone": "13000000000"}
    assert (answered.does, answered.role, answered.unit) == ("answer", "handler", "江北区")
    assert answered.time == "2026-04-02T16:00:00.000000Z"
    assert (second.id, second.values["due"], second.petitioner) == ("H-2-open", "2026/05/01", {})
    assert [(command.row, command.file) for command in (opened, answered, second)] == [
        (2, "river.csv"),
        (2, "river.csv"),
        (3, "river.csv"),
    ]


def test_the_sequence_keeps_the_order_of_rows_and_of_rules(tmp_path: Path) -> None:
    found = commands(tmp_path, RIVER, "river.csv", table(FIRST, SECOND))
    assert [one([command]).sequence for command in found] == [2000, 2001, 3000]


def test_a_column_may_say_the_sequence(tmp_path: Path) -> None:
    text = RIVER.replace("rows:", "sequence: phone\nrows:", 1)
    assert one(commands(tmp_path, text, "river.csv", table([*SECOND[:7], "17"]))).sequence == 17_000
    row = bad(commands(tmp_path, text, "river.csv", table(SECOND)))
    assert (row.reason, row.field) == ("not-an-int", "phone")
    row = bad(commands(tmp_path, text, "river.csv", table([*SECOND[:7], "9007199254740991"])))
    assert (row.reason, row.field) == ("number-out-of-range", "phone")
    row = bad(commands(tmp_path, text, "river.csv", table([*SECOND[:7], "-1"])))
    assert row.reason == "number-out-of-range"


def test_the_map_may_name_the_source(tmp_path: Path) -> None:
    text = "source: urn:city:river\n" + RIVER
    assert one(commands(tmp_path, text, "river.csv", table(SECOND))).source == "urn:city:river"


def test_a_command_says_the_same_wherever_in_a_file_its_row_stands(tmp_path: Path) -> None:
    once = commands(tmp_path, RIVER, "river.csv", table(FIRST))
    again = commands(tmp_path, RIVER, "river.csv", table(SECOND, FIRST))
    assert [one([command]).content() for command in once] == [one([command]).content() for command in again[1:]]
    other = commands(tmp_path, RIVER, "river.csv", table([*FIRST[:3], "4", *FIRST[4:]]))
    assert one(once[:1]).content() != one(other[:1]).content()


@pytest.mark.parametrize(
    ("cells", "reason", "field"),
    [
        ([*FIRST[:1], "", *FIRST[2:]], "missing-value", "received"),
        ([*FIRST[:1], "01.04.2026", *FIRST[2:]], "bad-time", "received"),
        ([*FIRST[:1], "2026/13/01", *FIRST[2:]], "bad-time", "received"),
        ([*FIRST[:1], "9999/12/31", *FIRST[2:]], "year-out-of-range", "received"),
        ([*FIRST[:2], "soon", *FIRST[3:]], "bad-time", "answered"),
        (["H\n1", *FIRST[1:]], "control-character", "登记编号"),
        (["H" * 1100, *FIRST[1:]], "too-large", "登记编号"),
    ],
)
def test_a_cell_that_cannot_be_used_makes_its_whole_row_a_bad_one(
    tmp_path: Path, cells: list[str], reason: str, field: str
) -> None:
    found = commands(tmp_path, RIVER, "river.csv", table(SECOND, cells, SECOND))
    assert [type(command) for command in found] == [MappedCommand, BadRow, MappedCommand]
    row = bad(found[1:2])
    assert (row.number, row.reason, row.field) == (3, reason, field)
    assert row.raw_excerpt is not None
    assert "王小明" in row.raw_excerpt
    assert "王小明" not in f"{row.reason} {row.field}"


def test_an_empty_id_is_missing_and_one_with_a_suffix_is_not() -> None:
    assert bad(plain("", no="")).reason == "missing-value"
    assert bad(plain("", no="  ")).field == "no"
    assert one(plain('{"id": "=row.no + \'-open\'"}', no=" A1")).id == "A1-open"


def test_an_expression_that_cannot_be_computed_makes_a_bad_row() -> None:
    row = bad(plain('{"with": {"x": "=int(row.level) + 1"}}', level="three"))
    assert (row.reason, row.field) == ("expression-failed", "level")
    row = bad(plain('{"with": {"x": "=row.a + row.b.c"}}', a="1", b="2"))
    assert (row.reason, row.field) == ("expression-failed", "rows[0].with.x")
    assert one(plain('{"with": {"x": "=int(row.level) + 1"}}', level="3")).values == {"x": 4}


def test_a_condition_that_is_no_yes_or_no_makes_a_bad_row() -> None:
    row = bad(plain('{"when": "row.level"}', level="true"))
    assert (row.reason, row.field) == ("not-a-bool", "level")
    assert plain('{"when": false}') == []
    assert one(plain('{"when": [true, "row.no != \'\'"]}'))


def test_constants_stay_what_they_are_and_what_is_empty_is_left_out() -> None:
    command = one(plain('{"with": {"a": 3, "b": true, "c": "", "d": "=row.x", "e": ["=row.x"], "f": ["", "y"]}}', x=""))
    assert command.values == {"a": 3, "b": True, "f": ["y"]}


def test_a_time_without_offset_needs_a_zone() -> None:
    row = bad(plain("", at="2026-04-01 09:00"))
    assert (row.reason, row.field) == ("time-without-offset", "at")


def test_of_several_times_the_earliest_that_is_there_counts() -> None:
    times = '{"time": ["=row.at", "=row.ended"]}'
    assert one(plain(times, ended="2026-04-01T09:00:00+08:00")).time == "2026-04-01T01:00:00.000000Z"
    assert one(plain(times, ended="2026-04-01T09:00:00-08:00")).time == "2026-04-01T09:00:00.000000Z"
    assert one(plain(times, ended="")).time == "2026-04-01T09:00:00.000000Z"
    assert bad(plain(times, at="", ended="")).reason == "missing-value"
    assert bad(plain(times, ended="soon")).field == "ended"


def test_values_of_json_lines_stay_what_they_are_and_numbers_may_be_names(tmp_path: Path) -> None:
    text = RIVER.replace("format: csv", "format: ndjson")
    line = {"登记编号": "17", "received": "2026/04/01 09:00", "level": 3, "unit": None, "due": "2026/05/01"}
    found = one(commands(tmp_path, text, "river.ndjson", json.dumps(line)))
    assert found.values == {"channel": "phone", "severity": 3, "accused": ["水务局"], "due": "2026/05/01"}
    assert one(plain("", no=17)).id == "17"
    assert bad(plain("", no=[17])).reason == "not-a-text"


# ── formats ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_workbook_gives_the_same_commands_as_the_table(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["登记表"])
    sheet.append(COLUMNS)
    sheet.append(["H-1", datetime(2026, 4, 1, 9), datetime(2026, 4, 3), 3, "江北区", None, "王小明", "13000000000"])
    file = io.BytesIO()
    book.save(file)
    text = RIVER.replace("format: csv", "format: xlsx\nheader: 2")
    found = commands(tmp_path, text, "river.xlsx", file.getvalue())
    expected = commands(tmp_path, RIVER, "river.csv", table(FIRST))
    assert [(c.id, c.time, c.values, c.row) for c in (one([c]) for c in found)] == [
        (c.id, c.time, c.values, 3) for c in (one([c]) for c in expected)
    ]


FINES = """\
workflow: fines
format: xes
rows:
  - {does: register, as: clerk, when: "row['concept:name'] == '开具'", id: "=row['case:concept:name'] + '-open'",
     case_key: "=row['case:concept:name']", time: "=row['time:timestamp']",
     with: {amount: =row.amount, note: =row.note}}
  - {does: pay, as: clerk, when: "has(row.paid)", id: "=row['case:concept:name'] + '-paid'",
     case_key: "=row['case:concept:name']", time: "=row['time:timestamp']"}
"""
LOG = """\
<log><trace><string key="concept:name" value="N1"/>
<event><string key="concept:name" value="开具"/><date key="time:timestamp" value="2026-04-01T09:00:00.000+08:00"/>
  <float key="amount" value="35.0"/></event>
<event><string key="concept:name" value="缴纳"/><date key="time:timestamp" value="2026-04-09T09:00:00.000+08:00"/>
  <string key="paid" value="35.0"/></event>
<event><string key="concept:name" value="归档"/></event>
</trace></log>
"""


def test_events_of_a_log_become_commands_and_lack_what_they_lack(tmp_path: Path) -> None:
    opened, paid = (one([command]) for command in commands(tmp_path, FINES, "fines.xes", LOG))
    assert (opened.id, opened.values, opened.time) == ("N1-open", {"amount": "35.0"}, "2026-04-01T01:00:00.000000Z")
    assert (paid.id, paid.row) == ("N1-paid", 2)


def test_a_column_that_the_file_lacks_is_a_fault_of_the_map(tmp_path: Path) -> None:
    columns = [{"received": "Received", "level": "grade"}.get(name, name) for name in COLUMNS]
    with pytest.raises(LianxinError) as caught:
        commands(tmp_path, RIVER, "river.csv", table(FIRST, columns=columns))
    assert caught.value.code == "LX-316"
    assert [(p.facts["column"], p.suggestion, p.span is not None) for p in caught.value.problems] == [
        ("received", "Received", True),
        ("level", None, True),
    ]


# ── what operators write ─────────────────────────────────────────────────────────────────────────────────────────


def problems(folder: Path, text: str) -> list[Problem]:
    with pytest.raises(LianxinError) as caught:
        mapped(folder, text)
    assert caught.value.code == "LX-310"
    return list(caught.value.problems)


RULE = "rows:\n  - {does: register, as: clerk, id: =row.a, case_key: =row.a, time: =row.t}\n"
HEAD = "workflow: complaint\nformat: csv\n"


@pytest.mark.parametrize(
    ("text", "code", "line", "suggestion"),
    [
        ("", "LX-313", None, None),
        ("- a\n", "LX-313", 1, None),
        (HEAD, "LX-312", 1, None),
        (HEAD + "rows: []\n", "LX-313", 3, None),
        (HEAD + "timezone: Asia/Shanghai\n" + RULE, "LX-311", 3, "time_zone"),
        (HEAD + "time_zone: Asia/Shangai\n" + RULE, "LX-314", 3, "Asia/Shanghai"),
        (HEAD + "time_zone: ../../etc/passwd\n" + RULE, "LX-314", 3, None),
        (HEAD + 'time_format: "%c"\n' + RULE, "LX-315", 3, None),
        (HEAD + 'time_format: "%H:%M"\n' + RULE, "LX-315", 3, None),
        (HEAD + 'time_format: "%m/%d/%Y %I:%M"\n' + RULE, "LX-315", 3, None),
        (HEAD + 'time_format: "%Y-%m-%d %"\n' + RULE, "LX-315", 3, None),
        (HEAD + "encoding: gbk2\n" + RULE, "LX-313", 3, None),
        (HEAD + "header: 0\n" + RULE, "LX-313", 3, None),
        (HEAD.replace("csv", "xls") + RULE, "LX-313", 2, None),
        (HEAD + RULE.replace("as: clerk", "role: clerk"), "LX-311", 4, None),
        (HEAD + RULE.replace("as: clerk, ", ""), "LX-312", 4, None),
        (HEAD + RULE.replace("does: register", "does: 登记"), "LX-313", 4, None),
        (HEAD + RULE.replace("time:", "with: {Unit: 1}, time:"), "LX-313", 4, None),
        (HEAD + RULE.replace("time:", "with: {a: {b: 1}}, time:"), "LX-313", 4, None),
        (HEAD + RULE.replace("=row.t", "=row.t +"), "LX-150", 4, None),
        (HEAD + RULE.replace("time:", "when: rw.a != '', time:"), "LX-151", 4, "row.a"),
        (HEAD + RULE.replace("time:", "petitioner: {name: 7}, time:"), "LX-313", 4, None),
    ],
)
def test_a_slip_in_a_map_is_told_with_its_place(
    tmp_path: Path, text: str, code: str, line: int | None, suggestion: str | None
) -> None:
    found = problems(tmp_path, text)
    assert [problem.code for problem in found][:1] == [code]
    assert found[0].suggestion == suggestion
    assert (found[0].span.line if found[0].span else None) == line


def test_all_slips_of_a_map_are_told_in_one_run(tmp_path: Path) -> None:
    text = (
        HEAD + "time_zone: Mars\ntime_format: '%Q'\n" + RULE.replace("=row.a,", "=row.a +,").replace("=row.t", "=r.t")
    )
    assert [problem.code for problem in problems(tmp_path, text)] == ["LX-314", "LX-315", "LX-150", "LX-150", "LX-151"]


def test_the_caret_stands_where_the_expression_is_wrong(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, HEAD + RULE.replace("time:", "when: row.a == 'x' && rw.b, time:"))
    line = (HEAD + RULE.replace("time:", "when: row.a == 'x' && rw.b, time:")).split("\n")[3]
    assert problem.span is not None
    assert line[problem.span.column - 1 :].startswith("rw.b")


def test_yaml_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    found = problems(tmp_path, HEAD + "rows: [\n")
    assert found[0].code.startswith("LX-1")


def test_a_map_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LianxinError) as caught:
        read_map(tmp_path / "none.map.yaml")
    assert caught.value.code == "LX-320"


def test_editors_get_a_schema_of_maps() -> None:
    schema = json_schema()
    assert {"workflow", "format", "rows", "time_zone"} <= set(schema["properties"])
    assert {"does", "as", "with"} <= set(schema["$defs"]["RuleForm"]["properties"])


keys = st.sampled_from(
    ["workflow", "format", "time_zone", "time_format", "rows", "does", "as", "id", "with", "when", "x"]
)
texts = (
    st.sampled_from(["csv", "complaint", "=row.a", "=row.", "row.a", "Asia/Shanghai", "%Y-%m-%d", "", "a"]) | st.text()
)
yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=8),
    max_leaves=20,
)


@given(yaml_values)
def test_no_data_makes_the_reader_of_maps_fall(data: Any) -> None:
    with contextlib.suppress(LianxinError):
        load_map(data, "a.map.yaml")


cells = st.dictionaries(st.sampled_from(["no", "at", "level"]), st.text() | st.integers() | st.none() | st.floats())


@given(cells)
def test_no_cells_make_a_map_fall(given_cells: dict[str, Any]) -> None:
    row = {"no": "A1", "at": "2026-04-01T09:00:00Z", "level": "3", **given_cells}
    for found in plain('{"when": "row.level != \'\'", "with": {"level": "=row.level"}}', **row):
        assert isinstance(found, MappedCommand | BadRow)
        if isinstance(found, BadRow):
            assert found.reason in CODE_OF_REASON


# ── the page of every reason ─────────────────────────────────────────────────────────────────────────────────────


def test_every_reason_that_the_door_gives_has_a_page() -> None:
    root = Path(__file__).parent.parent
    files = [
        *root.glob("schemas/*.py"),
        *root.glob("engine/runtime/files/*rows.py"),
        root / "engine/core/conversion.py",
        root / "engine/runtime/files/maps.py",
    ]
    pattern = re.compile(
        r'(?:Fault\(|Unusable\(|BadRow\([^"]*|ValueError\(|_refused\(event, |, )"([a-z0-9]+(?:-[a-z0-9]+)+)"'
    )
    given_reasons = {reason for file in files for reason in pattern.findall(file.read_text(encoding="utf-8"))}
    assert len(given_reasons) > 30
    assert given_reasons - {"utf-8", "utf-8-sig", "utf-16", "us-ascii", "latin-1", "dead-letter"} <= set(CODE_OF_REASON)
    assert set(CODE_OF_REASON.values()) <= set(CODES)


def test_sentences_use_the_same_facts_in_both_languages() -> None:
    for code, entry in CODES.items():
        assert set(re.findall(r"{(\w+)}", entry.zh)) == set(re.findall(r"{(\w+)}", entry.en)), code


# ── real rows ────────────────────────────────────────────────────────────────────────────────────────────────────

BALTIMORE = """\
workflow: baltimore
format: csv
time_zone: America/New_York
time_format: "%m/%d/%Y %I:%M:%S %p"
rows:
  - {does: register, as: clerk, id: =row.ServiceRequestNum + '-open', case_key: =row.ServiceRequestNum,
     time: =row.CreatedDate, with: {due_at: =row.DueDate}}
  - {does: answer, as: handler, when: row.CloseDate != '', id: =row.ServiceRequestNum + '-close',
     case_key: =row.ServiceRequestNum, time: =row.CloseDate}
"""


@pytest.mark.real
def test_every_request_of_the_real_file_arrives(tmp_path: Path, data_dir: Path) -> None:
    reference = json.loads((data_dir / "reference.json").read_text())["baltimore311_3402"]
    found = list(read_commands(data_dir / "baltimore311_3402.csv", mapped(tmp_path, BALTIMORE)))
    assert not [command for command in found if isinstance(command, BadRow)]
    opened = [command for command in found if isinstance(command, MappedCommand) and command.does == "register"]
    assert len(opened) == reference["rows"]
    assert len(found) - len(opened) == reference["closed"]
    assert sum("due_at" in command.values for command in opened) == reference["with_due"]


@pytest.mark.real
def test_exactly_the_broken_rows_of_the_real_file_are_bad(tmp_path: Path, data_dir: Path) -> None:
    lines = (data_dir / "baltimore311_3402.csv").read_text(encoding="utf-8").split("\n")
    broken = set(range(50, 3400, 100))
    for number in broken:
        line = lines[number - 1]
        ways = [
            line + ",x",
            line.replace(",", "", 1),
            line.replace(",", ',"', 1),
            line.replace("/20", "/9920"),
            line + "\0",
        ]
        lines[number - 1] = ways[number // 100 % 5]
    copy = written(tmp_path, "broken.csv", "\n".join(lines))
    found = read_commands(copy, mapped(tmp_path, BALTIMORE))
    assert {command.number for command in found if isinstance(command, BadRow)} == broken
