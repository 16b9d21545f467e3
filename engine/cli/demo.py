"""`lianxin demo`: a city on virtual time, to its end; `lianxin demo tamper`: one byte of its log is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.screen import Screen
    from engine.core.instants import Instant
    from engine.core.model import JsonObject
    from engine.runtime.demo import City
    from engine.runtime.demo_tamper import Tampering

app = single()
NOT_FOUND = 1

HEADS = {
    "received": "收到 · Received",
    "closed": "办结 · Closed",
    "late": "超期 · Late",
    "open_late": "超期未结 · Late, open",
    "warned": "发函 · Letters",
    "escalated": "提级 · Raised",
    "visited": "回访 · Called back",
}


@command(
    app, "demo", "在虚拟时间里运行一座虚构的城市，直至结束 · A city on virtual time, to its end; all of it is invented"
)
def demo(
    session: Session,
    what: Annotated[
        Literal["city", "tamper"],
        typer.Argument(
            metavar="[tamper]", show_default=False,
            help="tamper：改动其总账（副本）的一个字节，看它被发现 · "
            "tamper: change one byte of (a copy of) its log, to see it found",
        ),
    ] = "city",
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="写到哪个目录，缺省 demo-city · Where to, by default demo-city")
    ] = Path("demo-city"),
) -> int:  # fmt: skip
    from engine.core.errors import LianxinError
    from engine.runtime.demo import run
    from engine.runtime.demo_tamper import tamper

    if out.exists() and not out.is_dir():
        raise LianxinError("LX-914", exit_code=5, path=out, reason="不是目录 not a folder")
    screen = session.screen
    with screen.progress("城市 · The city") as advance:

        def progress(done: int, total: int, now: Instant) -> None:
            advance(done, f"{total}  {now[:10]}")

        if what == "tamper":
            done = tamper(session.assemble(None), out, progress)
            screen.result(_as_json(done), _tampered(done, screen))
            return NOT_FOUND if done.report.ok else 0
        city = run(session.assemble(None), out, progress)
    said = {
        "folder": str(city.folder),
        "figures": city.figures,
        "units": city.units,
        "letters": [str(path) for path in city.letters],
    }
    screen.result(said, _lines(city, screen))
    return 0


def _lines(city: City, screen: Screen) -> list[str]:
    rows = [(unit, *(figures[name] for name in HEADS)) for unit, figures in city.units.items()]
    rows.append((screen.said("合计 · Total"), *(city.figures[name] for name in HEADS)))
    folder = city.folder
    return [
        *screen.table(("单位 · Unit", *HEADS.values()), rows),
        "",
        f"{screen.said('函件 · letters')}    {folder / 'letters'}  ({len(city.letters)})",
        f"{screen.said('结果 · results')}    {folder / 'out'}",
        f"{screen.said('再看 · go on')}      lianxin case list --database-url sqlite:///{folder / 'lianxin.db'}",
        f"                  lianxin verify {folder / 'lianxin.db'}",
    ]


def _as_json(done: Tampering) -> JsonObject:
    return {
        "file": str(done.file),
        "position": done.position,
        "case_id": done.case_id,
        "offset": done.offset,
        "before": done.before,
        "after": done.after,
        "findings": done.report.as_json()["findings"],
    }


def _tampered(done: Tampering, screen: Screen) -> list[str]:
    found = screen.said("没有发现 · not found") if done.report.ok else screen.said("被发现 · found")
    return [
        f"{screen.said('改动 · changed')}  {done.file}:{done.offset}  {done.before} → {done.after}",
        f"          {screen.said(f'第 {done.position} 条 · position {done.position}')}  [{done.case_id}]",
        f"{screen.said('结果 · result')}   {found}",
        *(f"          {finding.told(screen.language)}" for finding in done.report.findings),
        "",
        f"lianxin verify {done.file}",
    ]
