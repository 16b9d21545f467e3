"""`lianxin demo`: a city on virtual time, to its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.screen import Screen
    from engine.runtime.demo import City

app = single()

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
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="写到哪个目录，缺省 demo-city · Where to, by default demo-city")
    ] = Path("demo-city"),
) -> None:
    from engine.core.errors import LianxinError
    from engine.runtime.demo import run

    if out.exists() and not out.is_dir():
        raise LianxinError("LX-914", exit_code=5, path=out, reason="不是目录 not a folder")
    screen = session.screen
    with screen.progress("城市 · The city") as advance:
        city = run(session.assemble(None), out, lambda done, total, now: advance(done, f"{total}  {now[:10]}"))
    said = {
        "folder": str(city.folder),
        "figures": city.figures,
        "units": city.units,
        "letters": [str(path) for path in city.letters],
    }
    screen.result(said, _lines(city, screen))


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
