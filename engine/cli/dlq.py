"""`lianxin dlq …`: messages that could not be used; nothing is ever dropped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.case_group import AsOption
from engine.cli.command import Session, command, group

if TYPE_CHECKING:
    from engine.cli.installation import Installation
    from engine.cli.screen import Screen
    from engine.core.model import JsonObject
    from engine.store.batch import DeadLetterRow

app = group("dlq", "处理死信：不能使用的消息 · Dead letters: messages that could not be used")

FINDINGS = 1
NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="死信编号 · The dead letter's number")]
NumbersArgument = Annotated[
    list[int] | None, typer.Argument(metavar="NUMBER", min=1, help="死信编号 · The numbers of dead letters")
]
AllOption = Annotated[
    bool, typer.Option("--all", help="全部未处理的 · All that are open", show_default=False)
]  # fmt: skip


@command(
    app,
    "list",
    "列出死信及其原因，不含内容 · List dead letters with their reasons, without what was in them",
    project=True,
)
def list_letters(
    session: Session,
    state: Annotated[
        str, typer.Option("--state", help="open、retried 或 discarded；all 为全部 · open, retried, discarded, or all")
    ] = "open",
    limit: Annotated[int, typer.Option("--limit", min=1, help="最多几条 · How many at most")] = 100,
) -> None:
    from engine.cli.installation import Installation

    installation = Installation(session)
    screen = session.screen
    with installation.store() as store, store.read() as reader:
        rows = reader.dead_letters(state="" if state == "all" else state, limit=limit + 1)
    said = [as_json(row) for row in rows[:limit]]
    heads = ("号 · No", "收到 · Received", "来源 · Source", "原因 · Reason", "位置 · Place", "状态 · State")
    cells = ((r["number"], r["received_at"][:16], r["source"], r["reason"], _place(r), r["state"]) for r in said)
    screen.result(said, screen.table(heads, cells) if said else ())
    if len(rows) > limit:
        screen.note(f"只列出前 {limit} 条；--limit 可多列 · The first {limit} alone; --limit shows more")


@command(
    app,
    "show",
    "显示一条死信；看内容须 --reveal、--purpose 和 --as，并记入总账 · "
    "Show a dead letter; its content needs --reveal, --purpose and --as, and the reading goes on record",
    project=True,
)
def show(
    session: Session,
    number: NumberArgument,
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal", show_default=False,
            help="连同内容，可能有个人信息 · With its content, which may be personal",
        ),
    ] = False,
    purpose: Annotated[str, typer.Option("--purpose", metavar="TEXT", help="为何要看 · What it is read for")] = "",
    acting: AsOption = "",
) -> None:  # fmt: skip
    from engine.cli.installation import Installation

    installation = Installation(session)
    screen = session.screen
    with installation.store() as store, store.read() as reader:
        said = as_json(_row(reader.dead_letters(after=number - 1, limit=1), number))
    lines = _lines(said, screen)
    if reveal:
        from engine.runtime import dead_letters

        by = _by(installation, acting)
        with installation.office() as office:
            content = dead_letters.show(office, number, purpose, by).content.decode("utf-8", "backslashreplace")
        said["content"] = content
        lines += ["", content]
    screen.result(said, lines)


@command(app, "retry", "再试一次，可带改正后的内容 · Try again, with mended content if given", project=True)
def retry(
    session: Session,
    numbers: NumbersArgument = None,
    all_: AllOption = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="改正后的内容（限一条） · The mended content, for one of them"),
    ] = None,
    acting: AsOption = "",
) -> int:
    from engine.cli.installation import Installation
    from engine.runtime import dead_letters
    from engine.runtime.assembly import read_bytes

    installation = Installation(session)
    by = _by(installation, acting)
    content = read_bytes(data) if data is not None else None
    wanted = _numbers(installation, numbers, all_)
    with installation.office() as office:
        answers = dead_letters.retry(office, wanted, by, content)
    said = [
        {"number": number, "status": a.status, "case_id": a.case_id, "code": a.code, "facts": a.facts}
        for number, a in zip(wanted, answers, strict=True)
    ]
    screen = session.screen
    heads = ("号 · No", "结果 · Outcome", "事项 · Case", "原因 · Reason")
    cells = ((r["number"], r["status"], r["case_id"], r["code"]) for r in said)
    screen.result(said, screen.table(heads, cells) if said else ())
    return FINDINGS if any(answer.status == "dead-letter" for answer in answers) else 0


@command(app, "discard", "弃置，须说明理由；内容仍保留 · Put away, with a reason; the content is kept", project=True)
def discard(
    session: Session,
    numbers: NumbersArgument = None,
    all_: AllOption = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="理由 · The reason")] = "",
    acting: AsOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 · Do not ask", show_default=False)] = False,
) -> None:
    from engine.cli.installation import Installation
    from engine.runtime import dead_letters

    installation = Installation(session)
    by = _by(installation, acting)
    wanted = _numbers(installation, numbers, all_)
    count = len(wanted)
    session.screen.confirm(f"弃置 {count} 条死信？ · Put {count} dead letters away?", yes=yes)
    with installation.office() as office:
        dead_letters.discard(office, wanted, reason, by)
    session.screen.result({"discarded": wanted}, [session.screen.said(f"已弃置 {count} 条 · {count} put away")])


def as_json(row: DeadLetterRow) -> JsonObject:
    """A dead letter without its content."""
    from engine.core.catalogue import sentence
    from engine.core.catalogue.intake import CODE_OF_REASON

    code = CODE_OF_REASON.get(row.reason, "")
    facts = {"field": row.field, "detail": row.detail}
    said: JsonObject = {name: getattr(row, name) for name in row.__slots__ if name != "sealed"}
    explained = {lang: sentence(code, facts, lang) for lang in ("zh", "en")} if code else {}
    return {**said, "code": code, "explained": explained}


def _lines(said: JsonObject, screen: Screen) -> list[str]:
    labels = {
        "number": "号 · No",
        "state": "状态 · State",
        "received_at": "收到 · Received",
        "source": "来源 · Source",
        "id": "消息编号 · Message id",
        "reason": "原因 · Reason",
        "field": "字段 · Field",
        "detail": "详情 · Detail",
        "attempts": "次数 · Attempts",
    }
    lines = [f"{screen.said(label)}: {said[name]}" for name, label in labels.items() if said[name] not in ("", None)]
    if said["file"]:
        lines.append(f"{screen.said('文件 · File')}: {_place(said)}")
    if said["explained"]:
        lines.append(f"→ {said['code']} {screen.said(said['explained']['zh'] + ' · ' + said['explained']['en'])}")
    return lines


def _place(said: JsonObject) -> str:
    return f"{said['file']}:{said['row']}" if said["file"] else said["field"]


def _row(rows: list[DeadLetterRow], number: int) -> DeadLetterRow:
    from engine.core.errors import LianxinError

    if not rows or rows[0].number != number:
        raise LianxinError("LX-380", exit_code=3, number=number)
    return rows[0]


def _by(installation: Installation, acting: str) -> JsonObject:
    from engine.cli.actor import must_act

    return must_act(acting, installation.assembly.directory(installation.settings.directory)).as_json()


def _numbers(installation: Installation, numbers: list[int] | None, all_: bool) -> list[int]:
    """The dead letters that are meant. LX-907 (exit 2) where none or both ways of saying it were used."""
    from engine.core.errors import LianxinError
    from engine.runtime.dead_letters import open_numbers

    if bool(numbers) == all_:
        raise LianxinError("LX-907", exit_code=2, option="NUMBER", text="—", form="NUMBER… 或 or --all")
    if numbers:
        return list(dict.fromkeys(numbers))
    with installation.store() as store, store.read() as reader:
        return open_numbers(reader)
