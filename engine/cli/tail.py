"""`lianxin tail`: the facts of the log, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from engine.core.model import Event, JsonObject

app = single()

POLL_SECONDS = 0.5
FACTS_PER_READ = 500


@command(app, "tail", "查看总账中的事实，新的在后 · The facts of the log, the newest last", project=True)
def tail(
    session: Session,
    count: Annotated[
        int, typer.Option("-n", "--lines", metavar="N", min=0, help="最后几条 · How many of the last")
    ] = 20,
    after: Annotated[
        int | None,
        typer.Option("--after", metavar="POSITION", min=0, help="从此总序之后开始 · Those after this position"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="继续等待新的事实，Ctrl-C 结束 · Go on as facts come, until Ctrl-C")
    ] = False,
    type_: Annotated[
        str, typer.Option("--type", metavar="PREFIX", help="只看此类，如 lianxin.deadline · Only types that begin so")
    ] = "",
    case: Annotated[str, typer.Option("--case", metavar="CASE", help="只看此事项 · Only this case's")] = "",
) -> None:  # fmt: skip
    import time
    from zoneinfo import ZoneInfo

    from engine.cli.installation import Installation
    from engine.cli.snapshot import Snapshot

    installation = Installation(session)
    with installation.store() as store:
        case_id = ""
        with store.read() as reader:
            zone = ZoneInfo(reader.about()["time_zone"])
            if case:
                case_id = Snapshot(installation, reader, installation.book(store, {})).case(case).case_id
            head = reader.head()
        position = after if after is not None else _start(session, store, head, count, type_, case_id)
        while True:
            with store.read() as reader:
                events = reader.log(position, FACTS_PER_READ)
            for event in events:
                position = event.position
                if event.type.startswith(type_) and case_id in ("", event.case_id):
                    session.screen.row(_row(event), _line(event, zone))
            if len(events) == FACTS_PER_READ:
                continue
            if not follow:
                return
            time.sleep(POLL_SECONDS)


def _start(session: Session, store: object, head: int, count: int, type_: str, case_id: str) -> int:
    """The position after which the last `count` facts that fit stand; looked for backwards, page by page."""
    from engine.store.store import Store

    assert isinstance(store, Store)
    last = head
    found: list[int] = []
    with store.read() as reader:
        while last > 0 and len(found) < count:
            first = max(last - FACTS_PER_READ, 0)
            events = reader.log(first, last - first)
            fitting = [e.position for e in events if e.type.startswith(type_) and case_id in ("", e.case_id)]
            found = [*fitting, *found]
            last = first
    if not count:
        return head
    return found[-count] - 1 if len(found) >= count else 0


def _row(event: Event) -> JsonObject:
    return {
        "position": event.position,
        "case_id": event.case_id,
        "version": event.version or None,
        "type": event.type,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "actor": event.actor,
        "data": event.data,
    }


def _line(event: Event, zone: ZoneInfo) -> str:
    from engine.cli.actor import actor_lines
    from engine.cli.moments import local

    data = event.data
    what = str(data.get("transition") or data.get("command") or data.get("deadline") or "")
    change = f"{data.get('from', '')} → {data['to']}".lstrip(" →") if "to" in data else str(data.get("code", ""))
    parts = (
        f"{event.position:>8}",
        local(event.occurred_at, zone),
        event.case_id[:12],
        event.type.removeprefix("lianxin.").removesuffix(".v1"),
        what,
        change,
        actor_lines(event.actor or data.get("actor", {})),
    )
    return "  ".join(part for part in parts if part)
