"""`lianxin letter …`: letters with their numbers, states and documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.case_group import AsOption
from engine.cli.command import Session, command, group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.cli.snapshot import Snapshot
    from engine.core.model import Actor, JsonObject

app = group("letter", "查询函件 · Letters")

LETTERS_SCANNED_MAX = 100_000
LETTERS_PER_READ = 1_000
HEADS = (
    "文号 · Number",
    "种类 · Kind",
    "主送 · To",
    "环节 · State",
    "签发 · Signed",
    "答复期限 · Reply due",
    "编号 · Id",
)


@command(app, "list", "列出函件，新的在前 · List letters, the newest first", project=True)
def list_letters(
    session: Session,
    kind: Annotated[str, typer.Option("--kind", help="种类，如 supervision · The kind, e.g. supervision")] = "",
    state: Annotated[str, typer.Option("--state", help="环节，如 delivered · The state, e.g. delivered")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="最多几件 · How many at most")] = 50,
    acting: AsOption = "",
) -> None:
    from engine.cli.actor import read_actor
    from engine.cli.installation import Installation
    from engine.cli.moments import local

    installation = Installation(session)
    screen = session.screen
    with installation.reading() as desk:
        actor = read_actor(acting, desk.book.directory) if acting else None
        found = sorted(_letters(desk, kind, state, actor), key=lambda row: (row["drafted_at"], row["letter_id"]))[::-1]
        zone = _zone(desk)
        cells = (
            (r["number"] or "—", r["kind"], r["to"], r["state"], local(r["signed_at"], zone)[:10],
             local(r["reply_due_at"], zone)[:10], r["letter_id"])
            for r in found[:limit]
        )  # fmt: skip
        screen.result(found[:limit], screen.table(HEADS, cells) if found else ())
        if len(found) > limit:
            screen.note(f"共 {len(found)} 件，列出 {limit} 件 · {limit} of {len(found)} letters")


@command(app, "show", "显示一件函件；--out 写出文件 · Show a letter; --out writes its documents", project=True)
def show(
    session: Session,
    letter: Annotated[
        str, typer.Argument(metavar="LETTER", help="编号，或发文字号 · The letter's id, or its number")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="写出 PDF、DOCX 与网页的目录 · Write PDF, DOCX and page here"),
    ] = None,
    acting: AsOption = "",
) -> None:  # fmt: skip
    from engine.cli.actor import read_actor
    from engine.cli.installation import Installation
    from engine.core.errors import LianxinError
    from engine.runtime.case_page import clock_row, history, track_row

    installation = Installation(session)
    screen = session.screen
    with installation.reading() as desk:
        actor = read_actor(acting, desk.book.directory) if acting else None
        fitting = (row for row in _letters(desk, "", "", actor) if letter in (row["letter_id"], row["number"]))
        row = next(fitting, None)
        if row is None:
            raise LianxinError("LX-918", exit_code=3, letter=letter)
        case = desk.reader.load([row["case_id"]])[row["case_id"]]
        rules = desk.book.pinned(case.workflow)
        events = [e for e in history(desk.reader, case.case_id) if e.data.get("track") == row["letter_id"]]
        said: JsonObject = {
            **row,
            "track": track_row(case, row["letter_id"], rules),
            "clocks": [
                clock_row(key, clock, installation.now(), rules.calendar)
                for key, clock in sorted(case.clocks.items())
                if clock["track"] == row["letter_id"]
            ],
            "path": [
                {"at": e.occurred_at, "transition": e.data.get("transition", ""), "to": e.data["to"], "by": e.actor}
                for e in events
                if "to" in e.data
            ],
            "files": _documents(desk, row, out, session) if out else [],
        }
        screen.result(said, _lines(said, session, _zone(desk)))


def _letters(desk: Snapshot, kind: str, state: str, actor: Actor | None) -> Iterator[JsonObject]:
    """The letters of the cases that the actor may see: of an accused unit's case there is no letter either."""
    from engine.cli.actor import exists_for
    from engine.runtime.outputs import letter_rows

    after, scanned = (0, ""), 0
    while scanned < LETTERS_SCANNED_MAX:
        rows = desk.reader.letters(kind=kind, state=state, after=after, limit=LETTERS_PER_READ)
        cases = desk.reader.load({row["case_id"] for row in rows})
        wanted = {row["letter_id"] for row in rows}
        for case in cases.values():
            if exists_for(case, actor, desk.book.pinned(case.workflow)):
                yield from (row for row in letter_rows(case) if row["letter_id"] in wanted)
        scanned += len(rows)
        if len(rows) < LETTERS_PER_READ:
            return
        after = (rows[-1]["number"], rows[-1]["letter_id"])


def _zone(desk: Snapshot) -> Any:
    """The zone that dates are shown in: that of the database."""
    from zoneinfo import ZoneInfo

    return ZoneInfo(desk.reader.about()["time_zone"])


def _documents(desk: Snapshot, row: JsonObject, out: Path, session: Session) -> list[str]:
    """The letter as PDF, DOCX and page; the same bytes whenever they are written."""
    from engine.core.catalogue import remedy
    from engine.letters.documents import write_documents
    from engine.letters.fonts import NO_FONT, fonts_here
    from engine.runtime.case_page import history
    from engine.runtime.letter_office import content_of, templates

    case = desk.reader.load([row["case_id"]])[row["case_id"]]
    rules = desk.book.pinned(case.workflow)
    content = content_of(case, row["letter_id"], history(desk.reader, case.case_id), rules)
    template = templates(desk.installation.assembly.folder)[rules.workflow.letters[content.kind].template]
    fonts = fonts_here()
    if fonts is None:
        session.screen.note(remedy(NO_FONT, {}, session.screen.language))
    return [str(path) for path in write_documents(content, template, fonts, out)]


def _lines(said: JsonObject, session: Session, zone: Any) -> list[str]:
    from engine.cli.actor import actor_lines
    from engine.cli.moments import local

    screen = session.screen
    lines = [
        f"{screen.said('函件 · Letter')}  {said['number'] or said['letter_id']}",
        f"{screen.said('编号 · Id')}      {said['letter_id']}",
        f"{screen.said('事项 · Case')}    {said['case_id']}",
        f"{screen.said('种类 · Kind')}    {said['kind']}",
        f"{screen.said('主送 · To')}      {said['to']}",
        f"{screen.said('环节 · State')}   {said['state']}",
        f"{screen.said('事由 · Cause')}   {said['cause'] or ''}",
    ]
    if said["reply_due_at"]:
        lines.append(f"{screen.said('答复期限 · Reply due')}  {local(said['reply_due_at'], zone)}")
    steps = [(local(s["at"], zone), s["transition"], s["to"], actor_lines(s["by"])) for s in said["path"]]
    heads = ("时间 · At", "流转 · Move", "环节 · State", "经办 · By")
    lines += ["", *screen.table(heads, steps)] if steps else []
    return [*lines, *(f"→ {path}" for path in said["files"])]
