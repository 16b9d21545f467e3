"""`lianxin simulate`: a whole history through the real engine, on the events' own time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.screen import Screen
    from engine.core.model import JsonObject
    from engine.runtime.asks import Ask, Unusable
    from engine.runtime.rulebook import RuleBook
    from engine.store.keys import Keys

app = single()


@command(
    app,
    "simulate",
    "在虚拟时间里跑完一段历史，把事项、事实、函件、期限写成文件 · "
    "Run a whole history on virtual time and write cases, events, letters and deadlines to files",
    project=True,
)
def simulate(
    session: Session,
    workflows: Annotated[list[Path], typer.Argument(metavar="WORKFLOW", help="流程文件 · Workflow files")],
    events: Annotated[
        Path,
        typer.Option(
            "--events", metavar="FILE",
            help="事件：每行一个 CloudEvent，或映射所述的文件，可为 .gz · "
            "The events: one CloudEvent a line, or a file that the map describes; .gz too",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="结果目录 · Where the results go")],
    map: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="映射文件，说明各行如何成为事件 · A map: how rows become events"),
    ] = None,
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="T",
            help="运行到此时刻为止（含），缺省为最后一个事件；只写日期则到当日结束 · "
            "Run up to and including this instant, by default the last event; a date means its end",
        ),
    ] = "",
    order: Annotated[
        Literal["occurred", "arrival"],
        typer.Option(
            "--order",
            help="按发生先后，或按文件中的先后（考验停放与更正） · "
            "In the order things occurred, or as they stand in the file, which exercises parking and correction",
        ),
    ] = "occurred",
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory", metavar="FILE",
            help="名录；缺省用项目的名录，有映射时接受任何单位 · "
            "The directory of units; by default the project's own, with a map any unit is taken",
        ),
    ] = None,
) -> None:  # fmt: skip
    import tempfile

    from engine.cli.installation import Installation
    from engine.cli.moments import last_instant
    from engine.runtime.assembly import any_units
    from engine.runtime.outputs import write
    from engine.runtime.simulate import Simulation
    from engine.store.keys import fixed_keys
    from engine.store.store import Store
    from engine.store.vault import Vault, seeded_random

    assembly = Installation(session).assembly
    units = any_units() if map is not None and directory is None else assembly.directory(directory)
    book = assembly.book(assembly.workflows(workflows), units)
    calendar = book.calendar(next(iter(book.workflows.values())).calendar)
    end = last_instant(until, calendar) if until else None
    keys = fixed_keys()
    vault = Vault(keys, seeded_random(b"simulate"))
    out.mkdir(parents=True, exist_ok=True)
    screen = session.screen
    with (
        tempfile.TemporaryDirectory(prefix="lianxin-simulate-") as folder,
        Store.open(f"sqlite:///{folder}/simulate.db", vault=vault, durable=False, time_zone=calendar.zone.key) as store,
        screen.progress("模拟 · Simulating") as advance,
    ):
        line = assembly.line(store, keys, vault, book)
        run = Simulation(line, assembly.consumers, order, lambda done, now: advance(done, now[:10]))
        now = run.run(_counted(_messages(events, map, book, keys), screen), end)
        summary = write(line, out, run.answers, now)
    screen.result(summary, _lines(summary, out))


def _messages(events: Path, map: Path | None, book: RuleBook, keys: Keys) -> Iterator[Ask | Unusable]:
    """The wishes in a file, in its order."""
    from engine.runtime.asks import UNLIMITED, Unusable, from_event, from_row
    from engine.runtime.whole_rows import Broken, by_row, messages_of, whole

    if map is not None:
        from engine.runtime.files.maps import read_map

        description = read_map(map)
        rules = book.current(description.workflow)
        for one in by_row(messages_of(events, description)):
            taken = whole(one, rules, keys)
            yield from [taken] if isinstance(taken, Unusable) else taken
        return
    from engine.runtime.files.row import BadRow
    from engine.runtime.files.rows import read_lines
    from schemas.intake import IntakeEvent, read_event

    broken = Broken()
    for line in read_lines(events):
        if isinstance(line, BadRow):
            row = from_row(line, f"file:{events.name}", events.name)
            taken = whole([broken.counted(row)] if isinstance(row, Unusable) else [], None, keys)
            yield from [taken] if isinstance(taken, Unusable) else taken
            continue
        number, raw = line
        event = read_event(raw)
        at = event.time if isinstance(event, IntakeEvent) else ""
        found = from_event(event, book, {"*": UNLIMITED}, at, raw)
        if isinstance(found, Unusable):
            from dataclasses import replace

            found = replace(found, file=events.name, row=number)
        yield found


def _counted(messages: Iterator[Ask | Unusable], screen: Screen) -> Iterator[Ask | Unusable]:
    count = 0
    for message in messages:
        count += 1
        yield message
    screen.detail(f"读入 {count} 条消息 · {count} messages read")


def _lines(summary: JsonObject, out: Path) -> list[str]:
    counts = ", ".join(f"{name} {count}" for name, count in summary["counts"].items())
    answers = ", ".join(f"{name} {count}" for name, count in summary["answers"].items())
    return [
        f"out             {out}",
        f"now             {summary['now']}",
        f"counts          {counts}",
        f"answers         {answers}",
        f"state_digest    {summary['state_digest']}",
        f"letters_digest  {summary['letters_digest']}",
    ]
