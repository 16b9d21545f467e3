"""`lianxin backup FILE`: a verified copy of the database, taken while the engine runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.installation import Installation
    from engine.cli.screen import Screen
    from engine.core.instants import Instant
    from engine.runtime.backup import Backup

app = single()
SQLITE = "sqlite:///"


@command(
    app,
    "backup",
    "备份数据库：引擎可继续运行；副本经核验后才得名，从不覆盖；密钥文件须另行备份 · "
    "Back up the database while the engine runs: the copy is verified before it gets its name and overwrites nothing; "
    "the key file is backed up apart from it",
    project=True,
)
def backup(
    session: Session,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="写到哪个文件；是目录则按时刻取名 · Where to; in a folder the file is named by the instant",
        ),
    ],
) -> None:  # fmt: skip
    from engine.cli.installation import Installation
    from engine.runtime.backup import back_up

    installation, screen = Installation(session), session.screen
    database = database_file(installation)
    file = file.absolute()
    target = file / name_at(installation.now()) if file.is_dir() else file
    with screen.progress("备份 · Backing up") as advance:
        made = back_up(database, target, lambda done, _: advance(done, ""))
    lines = [
        f"{screen.said('备份 · backup')}  {made.file}",
        *lines_of(made, screen),
        screen.said("核验无异常 · verified: nothing found"),
    ]
    screen.result(as_json(made), lines)
    key = installation.settings.key_file
    screen.note(
        f"密钥文件 {key} 不在备份内，请另行备份、分开存放；没有它，身份信息无法恢复 · "
        f"The key file {key} is not in it: back it up apart, keep it elsewhere; without it no identity can be read"
    )


def database_file(installation: Installation) -> Path:
    """The file of the project's database. LX-575 (exit 2) where it is PostgreSQL."""
    from engine.core.errors import LianxinError

    url = installation.settings.database_url
    if not url.startswith(SQLITE):
        raise LianxinError("LX-575", exit_code=2, url=url.partition("://")[0])
    return Path(url.removeprefix(SQLITE))


def name_at(now: Instant) -> str:
    """`lianxin-20260401T010000Z.db`: in the order of their names the latest comes last."""
    return f"lianxin-{now[:19].replace('-', '').replace(':', '')}Z.db"


def as_json(made: Backup) -> dict[str, Any]:
    """What a script needs to know of a backup."""
    held = made.contents
    return {
        "file": str(made.file),
        "bytes": made.bytes,
        "sha256": made.sha256,
        "position": held.position,
        "cases": held.cases,
        "last_recorded_at": held.last_recorded_at,
        "letter_numbers": held.numbers,
        "offsets": held.offsets,
        "restored": held.restored,
    }


def lines_of(made: Backup, screen: Screen) -> list[str]:
    """The same for people."""
    held = made.contents
    until = f"（{held.last_recorded_at}） · position {held.position} ({held.last_recorded_at})"
    return [
        f"sha256  {made.sha256}",
        screen.said(f"{made.bytes} 字节，{held.cases} 件事项 · {made.bytes} bytes, {held.cases} cases"),
        screen.said(f"至总序 {held.position}{until}" if held.position else "总账为空 · the log is empty"),
    ]
