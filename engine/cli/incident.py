"""`lianxin incident …`: what a person must look at, and cases in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.case_group import AsOption
from engine.cli.command import Session, command, group

if TYPE_CHECKING:
    from engine.cli.installation import Installation
    from engine.core.model import JsonObject

app = group("incident", "处理异常与隔离的事项 · Incidents, and cases in quarantine")

ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="理由，记入总账 · The reason; it goes on record")
]


@command(app, "list", "列出未关闭的异常 · List the incidents that are open", project=True)
def list_incidents(
    session: Session,
    all_: Annotated[bool, typer.Option("--all", help="连同已关闭的 · Closed ones too", show_default=False)] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="最多几条 · How many at most")] = 100,
) -> None:
    from engine.cli.installation import Installation

    screen = session.screen
    with Installation(session).store() as store, store.read() as reader:
        rows = reader.incidents(open_only=not all_, limit=limit)
    said = [{name: value for name, value in row.items() if name != "number"} for row in rows]
    heads = ("编号 · Id", "时间 · At", "异常 · Incident", "事项 · Case", "事实 · Facts")
    cells = ((_name(r), str(r["opened_at"])[:16], r["code"], r["case_id"], _facts(r["facts"])) for r in said)
    screen.result(said, screen.table(heads, cells) if said else ())


@command(app, "close", "关闭一条异常，须说明理由 · Close an incident, with a reason", project=True)
def close(
    session: Session,
    incident: Annotated[
        str,
        typer.Argument(metavar="ID", help="编号，如 1543.0 · Its id, e.g. 1543.0"),
    ],
    reason: ReasonOption = "",
    acting: AsOption = "",
) -> None:  # fmt: skip
    from engine.cli.installation import Installation
    from engine.core.errors import LianxinError
    from engine.runtime import incidents

    installation = Installation(session)
    position, dot, ordinal = incident.partition(".")
    if not (position.isdecimal() and (ordinal.isdecimal() or not dot)):
        raise LianxinError("LX-907", exit_code=2, option="ID", text=incident, form="1543.0")
    by = _by(installation, acting, reason)
    with installation.office() as office:
        incidents.close(office, int(position), int(ordinal or 0), reason, by)
    session.screen.result({"closed": incident}, [session.screen.said(f"已关闭 {incident} · {incident} closed")])


@command(
    app,
    "release",
    "解除一件事项的隔离：修好所遇到的错误之后 · Let a case out of quarantine, once what it met is mended",
    project=True,
)
def release(
    session: Session,
    case: Annotated[str, typer.Argument(metavar="CASE", help="事项编号 · The case's id")],
    reason: ReasonOption = "",
    acting: AsOption = "",
) -> None:
    from engine.cli.installation import Installation
    from engine.runtime import incidents

    installation = Installation(session)
    by = _by(installation, acting, reason)
    with installation.office() as office:
        waiting = incidents.release(office, case, reason, by)
    text = f"已解除；等候的 {waiting} 条消息随之办理 · Released; {waiting} messages that waited were taken up"
    session.screen.result({"released": case, "waiting": waiting}, [session.screen.said(text)])


def _by(installation: Installation, acting: str, reason: str) -> JsonObject:
    """Who does it; LX-383 (exit 2) without a reason."""
    from engine.cli.actor import must_act
    from engine.core.errors import LianxinError

    if not reason.strip():
        raise LianxinError("LX-383", exit_code=2, what="reason")
    return must_act(acting, installation.assembly.directory(installation.settings.directory)).as_json()


def _name(row: JsonObject) -> str:
    return f"{row['position']}.{row['ordinal']}"


def _facts(facts: JsonObject) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(facts.items()))
