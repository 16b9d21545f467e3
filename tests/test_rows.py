"""Rows of foreign files: each is read or told what is wrong with it, and one broken row spoils no other."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import LianxinError
from engine.runtime.files.csv_rows import ENCODINGS, MAX_RECORD_LINES, csv_rows
from engine.runtime.files.row import EXPANSION_FREE_BYTES, MAX_ROW_CHARS, BadRow, Row
from engine.runtime.files.rows import read_lines, read_rows
from engine.runtime.files.xes_rows import xes_rows


def written(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def csv_of(content: str | bytes, **options: Any) -> list[Row | BadRow]:
    raw = content.encode() if isinstance(content, str) else content
    return list(csv_rows(io.BytesIO(raw), "rows.csv", **options))


def brief(rows: list[Row | BadRow]) -> list[tuple[int, object]]:
    """(number, cells) of a row, (number, reason) of a bad one."""
    return [(row.number, row.cells if isinstance(row, Row) else row.reason) for row in rows]


def refusal(path: Path, format: Any, **options: Any) -> LianxinError:
    with pytest.raises(LianxinError) as caught:
        list(read_rows(path, format, **options))
    return caught.value


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────────────────────

HEADER = "编号,单位,内容\n"


def test_a_row_has_its_cells_by_column_and_the_number_of_its_line() -> None:
    assert brief(csv_of(HEADER + "A1,水务局,\nA2,住建局,漏水\n")) == [
        (2, {"编号": "A1", "单位": "水务局", "内容": ""}),
        (3, {"编号": "A2", "单位": "住建局", "内容": "漏水"}),
    ]


def test_a_quoted_cell_may_go_on_over_lines() -> None:
    rows = csv_of(HEADER + 'A1,水务局,"一，\n""二"",\r\n三"\nA2,,\n')
    assert rows[0] == Row(2, {"编号": "A1", "单位": "水务局", "内容": '一，\n"二",\r\n三'})
    assert rows[1].number == 5


BROKEN_ROWS = {
    "a cell too few": ("A2,水务局", "wrong-number-of-cells", None),
    "a cell too many": ("A2,水务局,漏水,漏水", "wrong-number-of-cells", None),
    "a cut row": ("A", "wrong-number-of-cells", None),
    "a quote that never closes": ('A2,"水务局,漏水', "bad-quotes", None),
    "a quote that closes too early": ('A2,"水"务局,漏水', "bad-quotes", None),
    "NUL": ("A2,水务\0局,漏水", "control-character", "单位"),
    "bytes of another encoding": ("A2,水务局,漏水".encode() + b"\xb9\xab", "undecodable", "内容"),
    "half a character": ("A2,水务局,漏水".encode()[:-1], "undecodable", "内容"),
    "a lost row": ("", "empty-row", None),
    "a stray carriage return": ("A2,水务\r局,漏水", "bad-quotes", None),
    "a row of a megabyte": ("A2,," + "水" * MAX_ROW_CHARS, "too-large", None),
    "a large cell": ("A2,," + "水" * 200_000, "too-large", None),
}


@pytest.mark.parametrize(("row", "reason", "field"), BROKEN_ROWS.values(), ids=BROKEN_ROWS.keys())
@pytest.mark.parametrize("quoted", [False, True], ids=["plain neighbours", "quoted neighbours"])
def test_one_broken_row_is_one_bad_row_and_the_rest_goes_on(
    row: str | bytes, reason: str, field: str | None, quoted: bool
) -> None:
    cells = '"水务局","漏水,两处"' if quoted else "水务局,漏水"
    good = "".join(f"B{number},{cells}\n" for number in range(5))
    raw = row.encode() if isinstance(row, str) else row
    rows = csv_of((HEADER + good).encode() + raw + b"\n" + good.encode())
    assert [one.number for one in rows if isinstance(one, Row)] == [2, 3, 4, 5, 6, 8, 9, 10, 11, 12]
    (bad,) = [one for one in rows if isinstance(one, BadRow)]
    assert (bad.number, bad.reason, bad.field) == (7, reason, field)


def test_the_raw_row_is_kept_for_its_dead_letter_and_is_not_in_its_reason() -> None:
    (bad,) = csv_of(HEADER + "A1,李秀英\n")
    assert isinstance(bad, BadRow)
    assert bad.raw_excerpt == "A1,李秀英\n"
    assert "李秀英" not in bad.reason + (bad.field or "")


def test_a_broken_row_over_lines_is_one_bad_row() -> None:
    rows = csv_of(HEADER + 'A1,"一\n二\n三",漏水,多了\nA2,水务局,"四\n五"\n')
    assert brief(rows) == [(2, "wrong-number-of-cells"), (5, {"编号": "A2", "单位": "水务局", "内容": "四\n五"})]


def test_an_open_quote_does_not_swallow_a_row_over_lines() -> None:
    rows = csv_of(HEADER + 'A1,"水务局,漏水\nA2,水务局,"四\n五"\nA3,,\n')
    assert [(row.number, type(row)) for row in rows] == [(2, BadRow), (3, Row), (5, Row)]


def test_blank_lines_at_the_end_are_nothing() -> None:
    assert [row.number for row in csv_of(HEADER + "A1,,\n\n\r\n\n")] == [2]
    assert csv_of(HEADER) == []


@given(st.lists(st.sampled_from(['"', ",", "\n", "a", '","', "\0", "\r", "灯"]), max_size=60).map("".join))
def test_no_text_makes_the_reader_fall_or_loop(text: str) -> None:
    rows = csv_of("a,b\n" + text)
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))
    assert all(2 <= number <= text.count("\n") + 2 for number in numbers)


@given(st.integers(0, 2**32))
def test_of_a_file_with_rows_broken_by_a_seed_exactly_those_are_bad(seed: int) -> None:
    chance = random.Random(seed)
    lines = [f'A{n},"水务,局{n}","第{n}件\n漏水"' if n % 7 == 0 else f"A{n},水务局,第{n}件" for n in range(200)]
    first = [2]
    for line in lines:
        first.append(first[-1] + 1 + line.count("\n"))
    broken = sorted(chance.sample([n for n in range(200) if n % 7], 12))
    for n in broken:
        lines[n] = chance.choice(
            [lines[n] + ",x", lines[n].replace(",", "", 1), lines[n].replace("水", '"水'), lines[n] + "\0"]
        )
    rows = csv_of(HEADER + "\n".join(lines) + "\n")
    assert [row.number for row in rows if isinstance(row, BadRow)] == [first[n] for n in broken]
    assert len(rows) == 200


@pytest.mark.parametrize("encoding", sorted(set(ENCODINGS) - {"latin-1", "cp1252"}))
def test_every_encoding_of_chinese_files_is_read(encoding: str) -> None:
    text = "編號,單位\nA1,水務局\n" if encoding == "big5" else "编号,单位\nA1,水务局\n"
    if encoding in ("gb2312", "utf-16"):
        text = text.replace("編", "编")
    (row,) = csv_of(text.encode(encoding), encoding=encoding)
    assert isinstance(row, Row)
    assert list(row.cells.values()) == text.split("\n")[1].split(",")


def test_a_wrong_encoding_is_told_by_column_and_keeps_the_rows_apart() -> None:
    rows = csv_of("No,Unit\nA1,水务局\nA2,x\n".encode("gb18030"))
    assert brief(rows) == [(2, "undecodable"), (3, {"No": "A2", "Unit": "x"})]
    assert isinstance(rows[0], BadRow)
    assert rows[0].field == "Unit"


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert brief(csv_of(b"\xef\xbb\xbfNo,Unit\nA1,x\n")) == [(2, {"No": "A1", "Unit": "x"})]


def test_the_header_may_stand_lower_and_cells_may_be_parted_otherwise() -> None:
    rows = csv_of("2026年4月登记表\n\n No ; Unit;\nA1;x;note\n", delimiter=";", header=3)
    assert brief(rows) == [(4, {"No": "A1", "Unit": "x"})]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "LX-321"),
        (b",,\n", "LX-321"),
        (b"a,b,a\n1,2,3\n", "LX-322"),
        (b"a,b\xff\n", "LX-321"),
        (b"a\0,b\n", "LX-321"),
        (b'a,"b\n1,2\n', "LX-321"),
        (b"a," * 3000 + b"b\n", "LX-321"),
        (b"PK\x03\x04\x00\x00\x00\x00\xff\xfe,\n", "LX-321"),
    ],
)
def test_a_file_without_a_usable_header_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    assert refusal(written(tmp_path, content), "csv").code == code


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    error = refusal(tmp_path / "none.csv", "csv")
    assert (error.code, error.exit_code) == ("LX-320", 3)
    assert refusal(tmp_path, "csv").code == "LX-320"


def test_a_quote_that_never_ends_costs_a_bounded_number_of_lines() -> None:
    rows = csv_of("a,b\n" + 'x","y\n' * 3 * MAX_RECORD_LINES)
    assert all(isinstance(row, BadRow) for row in rows)


# ── .gz ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_format_may_come_packed(tmp_path: Path) -> None:
    packed = written(tmp_path, gzip.compress(b"No,Unit\nA1,x\n"), "rows.csv.gz")
    assert brief(list(read_rows(packed, "csv"))) == [(2, {"No": "A1", "Unit": "x"})]
    assert list(read_lines(packed)) == [(1, b"No,Unit"), (2, b"A1,x")]
    book = written(tmp_path, gzip.compress(workbook([["No"], ["A1"]])), "rows.xlsx.gz")
    assert brief(list(read_rows(book, "xlsx"))) == [(2, {"No": "A1"})]


def test_a_cut_archive_gives_its_rows_and_says_where_it_ends(tmp_path: Path) -> None:
    chance = random.Random(7)
    lines = "".join(f"A{chance.random()},x\n" for _ in range(20_000))
    packed = gzip.compress(b"No,Unit\n" + lines.encode())
    rows = list(read_rows(written(tmp_path, packed[: len(packed) // 2]), "csv"))
    assert len(rows) > 1_000
    assert isinstance(rows[-1], BadRow)
    assert (rows[-1].reason, rows[-1].number) == ("broken-file", rows[-2].number + 1)
    assert refusal(written(tmp_path, packed[:20], "cut.csv"), "csv").code == "LX-321"


def test_an_archive_that_grows_out_of_proportion_is_not_read_to_its_end(tmp_path: Path) -> None:
    bomb = gzip.compress(b"No,Unit\n" + (b"A1," + b"x" * 496 + b"\n") * 50_000)
    rows = read_rows(written(tmp_path, bomb), "csv")
    count = 0
    for row in rows:
        count += isinstance(row, Row)
        assert isinstance(row, Row) or row.reason == "expands-too-much"
    assert EXPANSION_FREE_BYTES // 1000 < count < EXPANSION_FREE_BYTES // 100
    silent = gzip.compress(b"\0" * 40_000_000)
    assert refusal(written(tmp_path, silent, "nul.csv"), "csv").code in ("LX-321", "LX-323")


# ── XLSX ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def workbook(rows: list[list[Any]], title: str = "登记") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def repacked(content: bytes, part: str, old: str, new: str) -> bytes:
    """A workbook with one of its parts changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(old.encode(), new.encode()) if name == part else data)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_cells_of_a_workbook_become_the_texts_a_person_would_type(tmp_path: Path) -> None:
    moment, day, clock = datetime(2026, 4, 1, 9, 30), date(2026, 4, 2), time_of_day(17, 30)
    rows: list[list[Any]] = [
        ["编号", "时间", "日", "点", "数", "价", "是", None, "空"],
        ["A1", moment, day, clock, 17.0, 0.5, True, "x", None],
    ]
    assert brief(list(read_rows(written(tmp_path, workbook(rows), "a.xlsx"), "xlsx"))) == [
        (
            2,
            {
                "编号": "A1",
                "时间": "2026-04-01T09:30:00",
                "日": "2026-04-02T00:00:00",
                "点": "17:30:00",
                "数": "17",
                "价": "0.5",
                "是": "true",
                "空": "",
            },
        )
    ]


def test_rows_of_a_workbook_keep_their_numbers_and_empty_ones_are_nothing(tmp_path: Path) -> None:
    content = workbook([["标题"], [], ["编号"], ["A1"], [None], ["#REF!"], ["A2"]])
    assert brief(list(read_rows(written(tmp_path, content, "a.xlsx"), "xlsx", header=3))) == [
        (4, {"编号": "A1"}),
        (6, "cell-error"),
        (7, {"编号": "A2"}),
    ]


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, workbook([["编号"], ["A1"]], "四月"), "a.xlsx")
    assert len(list(read_rows(path, "xlsx", sheet="四月"))) == 1
    assert refusal(path, "xlsx", sheet="五月").code == "LX-321"


def test_a_sheet_that_lies_about_its_size_is_read_whole(tmp_path: Path) -> None:
    content = repacked(workbook([["编号", "单位"], ["A1", "水务局"]]), SHEET, 'ref="A1:B2"', 'ref="A1"')
    assert brief(list(read_rows(written(tmp_path, content, "a.xlsx"), "xlsx"))) == [
        (2, {"编号": "A1", "单位": "水务局"})
    ]


def test_a_row_that_claims_to_be_the_billionth_is_not_waited_for(tmp_path: Path) -> None:
    content = repacked(workbook([["编号"], ["A1"], ["A2"]]), SHEET, '<row r="3">', '<row r="999999999999">')
    assert brief(list(read_rows(written(tmp_path, content, "a.xlsx"), "xlsx"))) == [(2, {"编号": "A1"})]


def test_a_workbook_broken_in_the_middle_says_so(tmp_path: Path) -> None:
    content = repacked(workbook([["编号"], ["A1"], ["A2"]]), SHEET, '<row r="3">', "<row r=>")
    rows = list(read_rows(written(tmp_path, content, "a.xlsx"), "xlsx"))
    assert isinstance(rows[-1], BadRow)
    assert rows[-1].reason == "broken-file"


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    good = workbook([["编号"], ["A1"]])
    entity = '<!DOCTYPE x [<!ENTITY a "b">]><worksheet'
    bombs = io.BytesIO()
    with zipfile.ZipFile(bombs, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"<a/>" + b" " * 60_000_000)
    cases = {
        "text": (b"No,Unit\n", "LX-321"),
        "old": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "LX-321"),
        "empty": (b"", "LX-321"),
        "cut": (good[: len(good) // 2], "LX-321"),
        "other zip": (bombs.getvalue()[:30] + b"x", "LX-321"),
        "entities": (repacked(good, SHEET, "<worksheet", entity), "LX-321"),
        "no header": (workbook([[None]]), "LX-321"),
        "equal columns": (workbook([["a", "a"]]), "LX-322"),
        "bomb": (bombs.getvalue(), "LX-323"),
    }
    for name, (content, code) in cases.items():
        assert refusal(written(tmp_path, content, f"{name}.xlsx"), "xlsx").code == code, name


@given(st.binary(max_size=200))
def test_no_damage_to_a_workbook_makes_the_reader_fall(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    content = workbook([["编号"], ["A1"]])
    cut = len(noise) * 37 % len(content)
    path = tmp_path_factory.mktemp("noise") / "a.xlsx"
    path.write_bytes(content[:cut] + noise + content[cut + len(noise) :])
    try:
        rows = list(read_rows(path, "xlsx"))
    except LianxinError:
        return
    assert all(isinstance(row, Row | BadRow) for row in rows)


# ── NDJSON ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_lines_of_json_keep_their_values_and_bad_ones_their_numbers(tmp_path: Path) -> None:
    lines = [b'\xef\xbb\xbf{"a":1,"b":{"c":null}}', b"", b"[1]", b'{"a":', b'{"a":1,"a":2}', b"\xff", b" {} "]
    assert brief(list(read_rows(written(tmp_path, b"\r\n".join(lines)), "ndjson"))) == [
        (1, {"a": 1, "b": {"c": None}}),
        (3, "not-an-object"),
        (4, "not-json"),
        (5, "duplicate-key"),
        (6, "not-utf8"),
        (7, {}),
    ]


def test_a_line_without_end_is_one_bad_row(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"a":"' + b"x" * 3_000_000 + b'"}\n{"a":1}\n')
    assert brief(list(read_rows(path, "ndjson"))) == [(1, "too-large"), (2, {"a": 1})]


# ── XES ──────────────────────────────────────────────────────────────────────────────────────────────────────────

XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
  <string key="creator" value="nobody"/>
  <trace>
    <string key="concept:name" value="案件1"><string key="inner" value="not mine"/></string>
    <event>
      <string key="concept:name" value="受理"/><date key="time:timestamp" value="2026-04-01T09:00:00+08:00"/>
    </event>
    <event>
      <string key="concept:name" value="办结"/><list key="l"><values><int key="x" value="1"/></values></list>
    </event>
  </trace>
  <trace><int key="no" value="2"/><event><boolean key="ok" value="true"/><string key="empty"/></event></trace>
</log>
"""


def xes_of(text: str | bytes) -> list[Row | BadRow]:
    return list(xes_rows(io.BytesIO(text.encode() if isinstance(text, str) else text), "log.xes"))


def test_an_event_is_a_row_with_its_own_and_its_traces_attributes() -> None:
    assert brief(xes_of(XES)) == [
        (1, {"case:concept:name": "案件1", "concept:name": "受理", "time:timestamp": "2026-04-01T09:00:00+08:00"}),
        (2, {"case:concept:name": "案件1", "concept:name": "办结"}),
        (3, {"case:no": "2", "ok": "true", "empty": ""}),
    ]


def test_a_log_that_breaks_off_gives_what_it_had() -> None:
    rows = xes_of(XES[: XES.index("办结")])
    assert [(row.number, type(row)) for row in rows] == [(1, Row), (2, BadRow)]


BOMB = '<!DOCTYPE log [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><log><trace/></log>'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No,Unit\n",
        "<html></html>",
        "<log><trace><event>",
        BOMB,
        '<!DOCTYPE log SYSTEM "file:///etc/passwd"><log/>',
        "<log>" + "<a>" * 1000,
        "<log><a></b></log>",
    ],
)
def test_what_is_no_event_log_is_refused(text: str) -> None:
    with pytest.raises(LianxinError) as caught:
        xes_of(text)
    assert caught.value.code == "LX-321"


# ── real rows ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "format", "count"),
    [
        ("zh_replies_706.csv", "csv", 706),
        ("baltimore311_3402.csv", "csv", 3402),
        ("boston311-100.csv", "csv", 100),
        ("nyc311_924.csv", "csv", 924),
        ("cfpb_349.csv", "csv", 349),
        ("receipt.csv", "csv", 8577),
        ("bpi2013_problems.csv.gz", "csv", 6660),
        ("roadtraffic100traces.xes", "xes", 390),
        ("running-example.xes", "xes", 42),
    ],
)
def test_every_row_of_the_real_files_is_read(data_dir: Path, name: str, format: Any, count: int) -> None:
    rows = list(read_rows(data_dir / name, format))
    assert [row for row in rows if isinstance(row, BadRow)] == []
    assert len(rows) == count
