#!/usr/bin/env python3
"""Verify a log without lianxin: this one file and Python's standard library (3.9 or later).

    python verify.py lianxin.db        a database; it is opened read-only and may be in use
    python verify.py log.ndjson        an export, one record a line
    python verify.py --json FILE       the findings as JSON

Exit code 0: every record is as it was written, as far as the list below goes. 1: findings, the first one first.
2: usage. 3: no such file.

A record's digest is SHA-256(digest of the record before it in its case, 32 zero bytes for the first ‖ body). A record
that belongs to no version of a case (a rejection, an incident) stands alone: SHA-256(32 zero bytes ‖ body).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

CHECKED = (
    "总序从 1 起连续，无缺号 · positions are dense from 1",
    "每个事项的记录首尾相扣，案序连续 · each case's records form a chain of digests, versions dense",
    "每条记录的正文与摘要、各列与正文一致 · each body fits its digest, each column its body",
    "每个事项的最后一条与事项表一致（截尾、删尾可见） · each case's last record is the one the case table names",
    "收件箱所指的记录都在 · every record the inbox points to is there",
    "总账的防改触发器在位 · the triggers that guard the log are in place",
)
NOT_COVERED = (
    "同时改写某事项的全部后续摘要与事项表 · a chain rewritten to its end together with the case table",
    "从总账、事项表、收件箱一并删去的末尾记录 · last records removed from log, case table and inbox alike",
    "不同事项的记录互换位置 · records of different cases that changed places",
    "无案序的记录：连同摘要改写，或在末尾添加 · records without case version: rewritten with their digest, or added",
    "列 reacts · the column `reacts`",
    "以上须凭默克尔树与库外公布的检查点核验 · these need the Merkle tree and checkpoints kept outside the database",
)
GENESIS = b"\0" * 32
FINDINGS_MAX = 1000
LINE_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written. `position` is the first record concerned, `case` its case, if known.

    Where two records may be the altered one, `or_position` is the other: the one before it in its case.
    """

    position: int | None
    case: str | None
    code: str
    zh: str
    en: str
    or_position: int | None = None

    def __str__(self) -> str:
        return self.told("zh+en")

    def told(self, language: str) -> str:
        """In Chinese ("zh"), English ("en") or both."""
        zh, en = "zh" in language, "en" in language

        def both(chinese: str, english: str) -> str:
            return " · ".join([chinese] * zh + [english] * en)

        place = "" if self.position is None else both(f"第 {self.position} 条", f"position {self.position}") + ": "
        case = f" [{self.case}]" if self.case else ""
        other = "" if self.or_position is None else both(f"或第 {self.or_position} 条", f"or {self.or_position}")
        return f"{place}{both(self.zh, self.en)}{f'（{other}）' if other else ''}{case}"


@dataclass
class Report:
    """What was verified and what was found: at most FINDINGS_MAX findings, of the log in the order of position."""

    records: int = 0
    cases: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.findings

    def add(self, code: str, zh: str, en: str, **place: Any) -> None:
        if len(self.findings) < FINDINGS_MAX:
            place = {"position": None, "case": None, **place}
            self.findings.append(Finding(code=code, zh=zh, en=en, **place))

    def as_json(self) -> dict[str, Any]:
        findings = [asdict(found) for found in self.findings]
        return {"ok": self.ok, "records": self.records, "cases": self.cases, "findings": findings,
                "checked": CHECKED, "not_covered": NOT_COVERED}  # fmt: skip


@dataclass(frozen=True)
class Record:
    """A row of the log. `number` is the position of its case's first record, 0 where it belongs to no case."""

    position: int
    number: int
    version: int | None
    type: str
    body: bytes
    digest: bytes


@dataclass
class Chain:
    """A case as far as its records have been read. `ends`: digests the next record may follow from."""

    case: str
    version: int
    position: int
    ends: tuple[bytes, ...]


def verify(path: str | Path) -> Report:
    """Verify a database or an exported log. FileNotFoundError where there is none."""
    with open(path, "rb") as file:
        is_database = file.read(16) == b"SQLite format 3\0"
        file.seek(0)
        return _verified(lambda: _Database(path) if is_database else _Export(_lines(file)))


def verify_lines(lines: Iterable[bytes]) -> Report:
    """Verify a log as it is being exported: one record a line, as in the file."""
    return _verified(lambda: _Export(lines))


def _verified(opened: Callable[[], _Database | _Export]) -> Report:
    report = Report()
    log = _Log(report)
    try:
        source = opened()
        for record in source.records():
            log.read(record)
        log.compare(source.heads())
        source.check_rest(report, log.position)
    except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
        report.add(
            "unreadable", f"无法继续读取：{error}", f"cannot be read any further: {error}", position=log.position + 1
        )
    report.records, report.cases = log.records, len(log.chains)
    return report


class _Log:
    """Reads records in the order of their positions and says what does not fit."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.position = 0
        self.records = 0
        self.chains: dict[int, Chain] = {}
        self.numbers: dict[str, int] = {}

    def read(self, record: Record) -> None:
        self.records += 1
        if record.position <= self.position:
            self._at(record, None, "order", "位置重复或倒退", "a position that came before")
        elif record.position != self.position + 1:
            self._found(
                "missing", f"缺第 {self.position + 1} 至 {record.position - 1} 条",
                f"records {self.position + 1} to {record.position - 1} are missing", position=self.position + 1,
            )  # fmt: skip
        self.position = record.position
        said = self._body(record)
        case = str(said.get("case", "")) if said is not None else None
        if said is not None and said.get("type") != record.type:
            self._differs(record, case, "type", said.get("type"))
        if said is not None and (said.get("version") or None) != record.version:
            self._differs(record, case, "version", said.get("version"))
        if record.version is None:
            self._alone(record, case)
        else:
            self._chained(record, case)

    def _chained(self, record: Record, case: str | None) -> None:
        chain = self.chains.get(record.number)
        if record.version == 1 and chain is None:
            if record.number != record.position:
                self._differs(record, case, "number", record.position)
            chain = Chain(case or "", 0, record.position, (GENESIS,))
            self.numbers.setdefault(chain.case, record.number)
        elif chain is None:
            self._at(record, case, "no-beginning", "其事项的首条记录不在", "the first record of its case is not there")
            chain = Chain(case or "", (record.version or 1) - 1, record.position, ())
        elif case is not None and case != chain.case:
            self._differs(record, case, "number", f"case {chain.case}")
        assert record.version is not None
        if record.version != chain.version + 1:
            self._at(
                record, chain.case, "version",
                f"案序应为 {chain.version + 1}，实为 {record.version}：其间的记录被删、被换或被添",
                f"version should be {chain.version + 1}, is {record.version}: "
                "a record between was removed, exchanged or added",
            )  # fmt: skip
            chain.ends = ()  # what it follows from is not here to be compared
        computed = [hashlib.sha256(end + record.body).digest() for end in chain.ends]
        if chain.ends and record.digest not in computed:
            before = chain.position if chain.version else None
            self._at(
                record, chain.case, "digest", "正文与摘要不符，或前一条已被改写",
                "the body does not fit its digest, or the record before it was rewritten", or_position=before,
            )  # fmt: skip
            ends = (record.digest, *computed)  # the digest may have been altered, or the body: either may be followed
        else:
            ends = (record.digest,)
        self.chains[record.number] = Chain(chain.case, record.version, record.position, ends)

    def _alone(self, record: Record, case: str | None) -> None:
        if hashlib.sha256(GENESIS + record.body).digest() != record.digest:
            self._at(record, case, "digest", "正文与摘要不符", "the body does not fit its digest")
        elif record.number != self.numbers.get(case or "", 0):
            self._differs(record, case, "number", self.numbers.get(case or "", 0))

    def compare(self, heads: Iterator[tuple[int, str, int, bytes]]) -> None:
        """Each case's end in the log against what the case table says it is."""
        seen = set()
        for number, case, version, digest in heads:
            seen.add(number)
            chain = self.chains.get(number)
            if chain is None or chain.version < version:
                last = chain.version if chain else 0
                self._found(
                    "cut", f"案序 {last + 1} 至 {version} 的记录不在：总账被截断，或末尾被删",
                    f"versions {last + 1} to {version} are missing: the log was cut, or its end removed",
                    position=self.position + 1 if chain or number > self.position else number, case=case,
                )  # fmt: skip
            elif chain.version > version:
                self._found("added", f"事项表只到案序 {version}", f"the case table ends at version {version}",
                            position=chain.position, case=case)  # fmt: skip
            elif digest not in chain.ends[:1] or case != chain.case:
                self._found(
                    "head", "事项的最后一条与事项表不符", "its case's last record is not the one the case table names",
                    position=chain.position, case=case,
                )  # fmt: skip
        for number, chain in self.chains.items():
            if number not in seen:
                self._found("no-case", "事项表中没有此事项", "the case table does not know this case",
                            position=number, case=chain.case)  # fmt: skip

    def _body(self, record: Record) -> dict[str, Any] | None:
        try:
            said = json.loads(record.body)
            if isinstance(said, dict):
                return said
        except ValueError:
            pass
        self._at(record, None, "body", "正文不是 JSON 对象", "the body is no JSON object")
        return None

    def _differs(self, record: Record, case: str | None, column: str, expected: object) -> None:
        self._at(record, case, "column", f"列 {column} 与正文不符（应为 {expected}）",
                 f"column {column} is not what the body says ({expected})")  # fmt: skip

    def _at(self, record: Record, case: str | None, code: str, zh: str, en: str, **place: Any) -> None:
        self._found(code, zh, en, position=record.position, case=case, **place)

    def _found(self, code: str, zh: str, en: str, **place: Any) -> None:
        self.report.add(code, zh, en, **place)


class _Database:
    """A database of lianxin on SQLite, read-only; a writer may be at work, what it commits meanwhile is not seen."""

    def __init__(self, path: str | Path) -> None:
        address = f"file:{quote(str(Path(path).resolve()))}?mode=ro"
        try:
            self.connection = sqlite3.connect(address, uri=True, isolation_level=None)
            self.connection.execute("BEGIN")
            self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            # A folder in which nothing may be written: then nobody writes to the database either.
            if Path(f"{path}-wal").exists():
                raise
            self.connection = sqlite3.connect(address + "&immutable=1", uri=True, isolation_level=None)

    def records(self) -> Iterator[Record]:
        sql = "SELECT position, number, version, type, body, digest FROM log ORDER BY position"
        return (Record(*row) for row in self.connection.execute(sql))

    def heads(self) -> Iterator[tuple[int, str, int, bytes]]:
        return iter(self.connection.execute('SELECT number, case_id, version, digest FROM "case" ORDER BY number'))

    def check_rest(self, report: Report, last: int) -> None:
        found = self.connection.execute("SELECT min(position) FROM inbox WHERE position > ?", (last,)).fetchone()
        if found[0] is not None:
            report.add("cut", f"收件箱所指的第 {found[0]} 条不在：总账被截断",
                       f"the inbox points to record {found[0]}: the log was cut", position=last + 1)  # fmt: skip
        sql = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN ('log_no_update', 'log_no_delete')"
        if self.connection.execute(sql).fetchone()[0] != 2:
            report.add("triggers", "总账的防改触发器被删除", "the triggers that guard the log were removed")


class _Export:
    """Lines of JSON: records {position, number, version, type, body, digest}, then {case, number, version, digest}.

    The second kind says where each case ends. `body` is the text that was hashed, `digest` hexadecimal.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.lines = lines
        self.rest: list[dict[str, Any]] = []

    def records(self) -> Iterator[Record]:
        for line in self.lines:
            if len(line) > LINE_BYTES_MAX:
                raise ValueError(f"a line of more than {LINE_BYTES_MAX} bytes")
            said = json.loads(line)
            if "position" not in said:
                self.rest.append(said)
                continue
            body, digest = said["body"].encode(), bytes.fromhex(said["digest"])
            yield Record(said["position"], said["number"], said["version"], said["type"], body, digest)

    def heads(self) -> Iterator[tuple[int, str, int, bytes]]:
        return ((said["number"], said["case"], said["version"], bytes.fromhex(said["digest"])) for said in self.rest)

    def check_rest(self, report: Report, last: int) -> None:
        """An export has no inbox and no triggers."""


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LINE_BYTES_MAX + 1):
        yield line


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(description="核验连心总账 · verify a log of lianxin")
    parser.add_argument("file", help="数据库或导出的 NDJSON · a database or an exported NDJSON")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        report = verify(options.file)
    except OSError as error:
        print(f"{options.file}: {error.strerror}", file=sys.stderr)
        return 3
    if options.json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
        return 0 if report.ok else 1
    for found in report.findings:
        print(found)
    verdict = (
        "无异常 · nothing found" if report.ok else f"异常 {len(report.findings)} 处 · {len(report.findings)} findings"
    )
    print(f"{report.records} 条记录 · records，{report.cases} 个事项 · cases：{verdict}")
    print("尚不能核验 · not yet covered:", *NOT_COVERED, sep="\n  ", file=sys.stderr)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
