"""`lianxin import FILE --map MAP`: rows into intake events; safe to interrupt and to start again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.screen import Screen
    from engine.core.model import JsonObject
    from engine.runtime.importer import Imported

app = single()
FINDINGS = 1


@command(
    app,
    "import",
    "把文件中的各行作为事件导入；坏行成为死信；中断后再次运行即接着做 · "
    "Rows of a file into intake events; bad rows become dead letters; started again, it goes on where it stopped",
    project=True,
)
def import_rows(
    session: Session,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV、XLSX、NDJSON 或 XES，可为 .gz · The file, .gz too")
    ],
    map: Annotated[Path, typer.Option("--map", metavar="FILE", help="映射文件 · The map: how rows become events")],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="只读一遍，报告坏行 · Read it only, and report bad rows", show_default=False),
    ] = False,
) -> int:
    from engine.cli.installation import Installation
    from engine.runtime.importer import import_file

    screen = session.screen
    if dry_run:
        return _read_only(file, map, screen)
    installation = Installation(session)
    total = _count(file, map) if screen.asks and not screen.quiet else None
    with (
        installation.office() as office,
        screen.progress(f"导入 {file.name} · Importing {file.name}", total) as advance,
    ):
        imported = import_file(office, file, map, lambda state: advance(state.done, _counts(state.answers)))
    said = _said(imported)
    screen.result(said, _lines(said, screen))
    return FINDINGS if imported.answers.get("dead-letter") else 0


def _count(file: Path, map: Path) -> int:
    """How many messages the file has, so that the bar can tell the time left."""
    from engine.runtime.files.maps import read_commands, read_map

    return sum(1 for _ in read_commands(file, read_map(map)))


def _read_only(file: Path, map: Path, screen: Screen) -> int:
    from engine.core.catalogue import sentence
    from engine.core.catalogue.intake import CODE_OF_REASON
    from engine.runtime.files.maps import read_commands, read_map
    from engine.runtime.files.row import BadRow

    good, bad = 0, []
    for one in read_commands(file, read_map(map)):
        if isinstance(one, BadRow):
            code = CODE_OF_REASON.get(one.reason, "")
            bad.append({"row": one.number, "reason": one.reason, "field": one.field, "code": code})
        else:
            good += 1
    lines = [
        f"{file}:{row['row']}  {row['code']} "
        f"{sentence(str(row['code']), {'field': str(row['field'] or '')}, screen.language)}"
        for row in bad
    ]
    total = screen.said(f"{good} 条消息，{len(bad)} 行不能用 · {good} messages, {len(bad)} rows that cannot be used")
    screen.result({"messages": good, "bad_rows": bad, "dry_run": True}, [*lines, total])
    return FINDINGS if bad else 0


def _said(imported: Imported) -> JsonObject:
    return {
        "partition": imported.partition,
        "messages": imported.done,
        "before": imported.before,
        "answers": dict(sorted(imported.answers.items())),
        "complete": imported.complete,
    }


def _lines(said: JsonObject, screen: Screen) -> list[str]:
    new = said["messages"] - said["before"]
    lines = [
        screen.said(f"导入 {new} 条消息 · {new} messages imported") + (f": {_counts(said['answers'])}" if new else "")
    ]
    if said["before"]:
        before = said["before"]
        lines.append(screen.said(f"此前已导入 {before} 条 · {before} were in already"))
    if said["answers"].get("dead-letter"):
        lines.append(screen.said("坏行见 lianxin dlq list · Bad rows: lianxin dlq list"))
    return lines


def _counts(answers: JsonObject) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(answers.items()))
