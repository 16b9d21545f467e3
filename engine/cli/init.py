"""`lianxin init DIR`: a new project, ready for `lianxin test` and `lianxin run all`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.runtime.assembly import Assembly

app = single()

STARTER = "complaint"
"""The workflow that ships to be read first, and to start one's own from."""
FOLDERS = ("calendars", "tracks", "letters")
KEY_FILE, SETTINGS_FILE, DATABASE = "lianxin.key", "lianxin.toml", "lianxin.db"

SETTINGS = """\
# 连心的设置；lianxin config show 列出全部设置及其来源。
# Settings of lianxin; `lianxin config show` lists them all with their origin.
database_url = "sqlite:///lianxin.db"
key_file = {key}  # 与数据库分开备份，丢失后身份信息无法恢复 · back it up apart from the database
workflows_dir = "workflows"

# 供其他系统使用的 HTTP 接口；密钥由 lianxin key create 签发
# HTTP for other systems; their keys come from `lianxin key create`
# [api]
# listen = "127.0.0.1:8087"

# 每个来源可以发哪些指令、以哪些角色、可把时间写早多久；没有列出的来源不收。
# What each source may send, in which roles, and how far it may date its facts back; others are not taken.
[sources."urn:example:hotline"]
commands = ["register", "answer"]
roles = ["clerk", "handler"]
max_backdate = "1h"
"""

IGNORED = """\
# 密钥与数据库不进版本库 · neither the key nor the database belongs into version control
lianxin.key
lianxin.db*
"""


@command(
    app,
    "init",
    "新建一个项目：设置、流程与场景、日历、名录、函件模板、密钥、数据库 · "
    "Begin a new project: settings, workflow and scenarios, calendars, directory, letter templates, key, database",
)
def init(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="项目目录 · The project's folder")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只列出会写的文件 · Only list what would be written", show_default=False)
    ] = False,
) -> None:
    from engine.core.errors import LianxinError
    from engine.store.keys import create_key_file, read_key_file
    from engine.store.store import Store
    from engine.store.vault import Vault

    assembly = session.assemble(None)
    key_file = Path(session.environ.get("LIANXIN_KEY_FILE") or folder / KEY_FILE).expanduser()
    files = _files(assembly, folder, key_file)
    taken = [path for path in (folder, *files) if path.exists() and not (path == folder and path.is_dir())]
    if taken or (folder / DATABASE).exists():
        raise LianxinError("LX-913", exit_code=4, path=taken[0] if taken else folder / DATABASE)
    screen = session.screen
    elsewhere = session.environ.get("LIANXIN_DATABASE_URL")  # its tables are made there; a password stays out of files
    written = [str(path) for path in files] + [str(key_file)] + ([] if elsewhere else [str(folder / DATABASE)])
    if not dry_run:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        keys = read_key_file(key_file) if key_file.exists() else create_key_file(key_file)
        Store.open(elsewhere or f"sqlite:///{folder / DATABASE}", vault=Vault(keys)).close()
        screen.note(
            f"密钥在 {key_file}，请与数据库分开备份 · The key is at {key_file}: back it up apart from the database"
        )
    next_steps = ["cd " + str(folder), "lianxin test", "lianxin doctor", "lianxin run all"]
    said = {"folder": str(folder), "files": written, "key_file": str(key_file), "dry_run": dry_run, "next": next_steps}
    lines = written if dry_run else [screen.said("接下来 · Next") + ":", *(f"  {step}" for step in next_steps)]
    screen.result(said, lines)


def _files(assembly: Assembly, folder: Path, key_file: Path) -> dict[Path, bytes]:
    """Every file of a new project, with its content."""
    import json

    from engine.language.editor_schema import workflow_schema

    source, target = assembly.folder, folder / "workflows"
    shown = key_file.name if key_file.parent == folder else str(key_file.absolute())
    files = {
        folder / SETTINGS_FILE: SETTINGS.format(key=json.dumps(shown, ensure_ascii=False)).encode(),
        folder / ".gitignore": IGNORED.encode(),
        target / ".lianxin" / "workflow.schema.json": _pretty(workflow_schema(assembly.actions)),
    }
    names = [f"{STARTER}.yaml", f"{STARTER}.test.yaml", "directory.yaml"]
    paths = [source / name for name in names]
    paths += [path for name in FOLDERS for path in sorted((source / name).glob("*.yaml"))]
    return files | {target / path.relative_to(source): path.read_bytes() for path in paths}


def _pretty(schema: object) -> bytes:
    import json

    return (json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()
