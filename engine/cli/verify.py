"""`lianxin verify`: check the log, without trusting the engine that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.command import Session, command, single

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
    from engine.audit.verify import verify as check
    from engine.core.errors import LianxinError

    path = file or _database(session)
    try:
        report = check(path)
    except OSError as error:
        raise LianxinError("LX-190", exit_code=3, file=str(path), reason=error.strerror or str(error)) from error
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


def _database(session: Session) -> Path:
    """The project's database, where it is a file."""
    from engine.cli.installation import Installation
    from engine.core.errors import LianxinError

    url = Installation(session).settings.database_url
    if not url.startswith("sqlite:///"):
        raise LianxinError("LX-919", exit_code=5, what=f"verify {url.partition(':')[0]}")
    return Path(url.removeprefix("sqlite:///"))
