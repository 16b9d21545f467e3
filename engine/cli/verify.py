"""`lianxin verify`: check the log, without trusting the engine that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.audit.verify import Report

app = single()
FINDINGS = 1


@command(
    app,
    "verify",
    "校验总账：摘要、链、案序；缺省为项目的数据库 · "
    "Check a log: digests, chains, versions; by default the project's own",
    project=True,
)
def verify(
    session: Session,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="数据库，或导出的 NDJSON · A database, or an export")
    ] = None,
) -> int:
    report = _of_file(file) if file is not None else _of_project(session)
    screen = session.screen
    said = report.as_json()
    lines = [found.told(session.screen.language) for found in report.findings]
    count = len(report.findings)
    verdict = "没有发现 · nothing found" if report.ok else f"发现 {count} 处 · {count} findings"
    records, cases = report.records, report.cases
    total = screen.said(f"{records} 条记录，{cases} 件事项 · {records} records, {cases} cases")
    screen.result(said, [*lines, f"{total}: {screen.said(verdict)}"])
    for text in said["not_covered"]:
        screen.detail(f"尚不能校验：{text.partition(' · ')[0]} · not yet covered: {text.partition(' · ')[2]}")
    return 0 if report.ok else FINDINGS


def _of_file(path: Path) -> Report:
    from engine.audit.verify import verify as check
    from engine.core.errors import LianxinError

    try:
        return check(path)
    except OSError as error:
        raise LianxinError("LX-190", exit_code=3, file=str(path), reason=error.strerror or str(error)) from error


def _of_project(session: Session) -> Report:
    """The project's database: the file itself, or what a server's log is exported as, line by line."""
    from engine.audit.ndjson import log_lines
    from engine.audit.verify import verify_lines
    from engine.cli.installation import Installation

    installation = Installation(session)
    url = installation.settings.database_url
    if url.startswith("sqlite:///"):
        return _of_file(Path(url.removeprefix("sqlite:///")))
    with installation.store() as store, store.read() as reader:
        return verify_lines(log_lines(reader))
