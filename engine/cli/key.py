"""`lianxin key …`: who may call over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.case_group import AsOption
from engine.cli.command import Session, command, group

if TYPE_CHECKING:
    from engine.cli.installation import Installation
    from engine.core.model import JsonObject

app = group("key", "其他系统的密钥 · Keys of other systems")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="名字，如 hotline · Its name, e.g. hotline")]


@command(
    app,
    "create",
    "新建密钥，只显示这一次 · A new key; it is shown this once",
    project=True,
)
def create(
    session: Session,
    name: NameArgument,
    source: Annotated[
        list[str],
        typer.Option(
            "--source", metavar="SOURCE",
            help="可以代表的来源，可多次给出，可以 * 结尾 · A source it may send for; may be repeated, may end in *",
        ),
    ],
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="TYPE",
            help="可以发送的消息类型，缺省为全部 · A type it may send; may be repeated, may end in *; by default all",
        ),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(
            "--unit", metavar="UNIT",
            help="只代表此单位及其下属 · It acts for this unit, and what is under it, alone; may be repeated",
        ),
    ] = None,
    read: Annotated[
        bool, typer.Option("--read", help="也可以查询事项 · It may ask about cases as well", show_default=False)
    ] = False,
    acting: AsOption = "",
) -> None:  # fmt: skip
    from engine.cli.installation import Installation
    from engine.runtime import keys_of_systems as keys

    installation = Installation(session)
    by = _by(installation, acting)
    with installation.office() as office:
        made = keys.create(
            office,
            name,
            sources=source,
            types=type_ or keys.EVERYTHING,
            units=unit,
            reads=read,
            by=by,
        )
    session.screen.result({"name": name, "key": made}, [made])
    session.screen.note(
        "请现在交给对方并妥善保管，以后无法再查看 · Hand it over now and keep it safe: nobody can look it up again"
    )


@command(app, "list", "列出密钥及其范围 · List the keys and what they may do", project=True)
def list_keys(session: Session) -> None:
    from engine.cli.installation import Installation
    from engine.runtime import keys_of_systems as keys

    screen = session.screen
    with Installation(session).office() as office:
        rows = keys.listed(office)
    heads = ("名字 · Name", "来源 · Sources", "类型 · Types", "单位 · Units", "查询 · Reads", "状态 · State")
    cells = [
        (
            row["name"],
            "、".join(row["sources"]),
            "、".join(row["types"]),
            "、".join(row["units"] or ()),
            screen.said("是 · yes") if row["reads"] else "",
            screen.said("已撤销 · revoked") if row["revoked_at"] else screen.said("有效 · holds"),
        )
        for row in rows
    ]
    screen.result(rows, screen.table(heads, cells) if cells else ())


@command(app, "revoke", "撤销密钥 · Revoke a key", project=True)
def revoke(
    session: Session,
    name: NameArgument,
    acting: AsOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 · Do not ask", show_default=False)] = False,
) -> None:
    from engine.cli.installation import Installation
    from engine.runtime import keys_of_systems as keys

    installation = Installation(session)
    by = _by(installation, acting)
    session.screen.confirm(f"撤销密钥 {name}？ · Revoke the key {name}?", yes=yes)
    with installation.office() as office:
        keys.revoke(office, name, by=by)
    session.screen.result({"revoked": name}, [session.screen.said(f"已撤销：{name} · Revoked: {name}")])


def _by(installation: Installation, acting: str) -> JsonObject:
    """Who does it, for the record; whoever runs the command line here need not say."""
    from engine.cli.actor import read_actor

    if not acting:
        return {}
    return read_actor(acting, installation.assembly.directory(installation.settings.directory)).as_json()
