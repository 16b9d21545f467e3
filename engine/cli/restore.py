"""`lianxin restore FILE`: a backup put in the place of a database that is not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.screen import Screen
    from engine.runtime.backup import Backup

app = single()


@command(
    app,
    "restore",
    "把备份恢复为本项目的数据库：先核验，只写入空的位置；须用原来的密钥文件 · "
    "Make a backup the project's database: verified first, into an empty place alone, with the key file it had",
    project=True,
)
def restore(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="备份 · The backup")],
) -> None:
    from engine.cli.backup import as_json, database_file
    from engine.cli.installation import Installation
    from engine.runtime.backup import restore as put_back

    installation, screen = Installation(session), session.screen
    database = database_file(installation)
    with screen.progress("恢复 · Restoring") as advance:
        done = put_back(
            file, database, lambda: installation.keys, installation.now(), lambda copied, _: advance(copied, "")
        )
    screen.result({**as_json(done), "database": str(database)}, _lines(done, database, screen))


def _lines(done: Backup, database: Path, screen: Screen) -> list[str]:
    from engine.cli.backup import lines_of

    lines = [f"{screen.said('已恢复 · restored')}  {database}", *lines_of(done, screen)]
    for row in done.contents.numbers:
        series = f"{row['organisation']} {row['kind']} {row['year']}"
        lines.append(f"{screen.said('最后的文号 · last number')}  {series}  {row['last']}")
    for row in done.contents.offsets:
        lines.append(f"{screen.said('读至 · read up to')}  {row['group']} {row['partition']}  {row['next']}")
    said = (
        "此后发生的事，此库一概不知。启动引擎之前，请逐类核对发文登记簿与上列文号，并请各来源重发其后的消息；"
        "详见 docs/backup.md · "
        "Of what happened after that this database knows nothing. Before the engine starts, compare the register of "
        "letters sent with the numbers above and let the sources send again what came after it: docs/backup.md"
    )
    return [*lines, screen.said(said)]
