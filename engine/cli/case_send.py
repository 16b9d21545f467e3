"""`lianxin case send CASE TRANSITION --with field=value …`: a person's command, through the one door."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.case_group import AsOption, CaseArgument, WorkflowOption, app, visible
from engine.cli.command import Session, command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.cli.snapshot import Snapshot
    from engine.core.desk import Rules
    from engine.core.model import Actor, Case, Command, JsonObject, Outcome
    from engine.runtime.asks import Ask
    from engine.runtime.handle import Answer

SOURCE = "lianxin:/cli"
REFUSED = 6
WRITER_GONE = "LX-534"
DATA_BYTES_MAX = 1024 * 1024


@command(
    app,
    "send",
    "办理：让事项流转一步，或登记新事项 · Move a case one step, or open a new one",
    project=True,
)
def send(
    session: Session,
    case: CaseArgument,
    transition: Annotated[
        str,
        typer.Argument(
            metavar="TRANSITION",
            help="流转名，如 assign；并行线的写成 letter.sign · The transition, e.g. assign; of a track: letter.sign",
        ),
    ],
    acting: AsOption = "",
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="FIELD=VALUE", help="填写的字段，可重复 · A field and its value; may be repeated"
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            "--data", metavar="FILE",
            help="JSON 文件（- 为标准输入）：{\"with\": {…}, \"petitioner\": {…}}；个人信息请用它，不要写在命令行上 · "
            "A JSON file (- is standard input): {\"with\": {…}, \"petitioner\": {…}}. Use it for personal data: others "
            "can see a command line",
        ),
    ] = "",
    track: Annotated[
        str, typer.Option("--track", metavar="ID", help="哪一条并行线 · Which track, where several fit")
    ] = "",
    workflow: WorkflowOption = "",
    id_: Annotated[
        str,
        typer.Option(
            "--id", metavar="ID",
            help="消息编号，缺省新编；重发时用同一个，便不会办两次 · "
            "The message's id, by default a new one; sent again under the same, it is carried out once",
        ),
    ] = "",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="只问结果，不留痕迹 · Ask what would happen, and leave no trace", show_default=False,
        ),
    ] = False,
) -> int:  # fmt: skip
    from engine.cli.actor import must_act
    from engine.cli.installation import Installation
    from engine.core.decide import decide
    from engine.runtime.office import submit

    values, petitioner = _brought(given or [], data)
    installation = Installation(session)
    with installation.reading() as desk:
        actor = must_act(acting, desk.book.directory)
        ask = _ask(desk, actor, case, transition, acting, track, workflow, values, petitioner, id_)
        command, rules, found = _understood(ask, desk)
        answer = _answer_of(decide(found, command, rules), found) if dry_run else None
    if answer is None:
        with installation.office() as office:
            (answer,) = _submitted(session, ask, lambda: submit(office, [ask]))
    said = _said(answer, ask, actor, dry_run)
    if answer.status == "accepted" and not dry_run:
        with installation.reading() as desk:
            moved = desk.reader.load([answer.case_id])[answer.case_id]
            said |= {"state": moved.state, "phase": moved.phase}
    session.screen.result(said, _lines(said, session))
    return 0 if answer.status in ("accepted", "duplicate") else REFUSED


def _ask(
    desk: Snapshot,
    actor: Actor,
    case: str,
    transition: str,
    acting: str,
    track: str,
    workflow: str,
    values: Mapping[str, Any],
    petitioner: Mapping[str, str],
    id_: str,
) -> Ask:
    """The wish, about a case that exists and that the actor may see, or about one it is to open."""
    import uuid

    import orjson

    from engine.core.errors import LianxinError
    from engine.runtime.asks import Ask

    case_id, key = "", ""
    try:
        found, rules = visible(desk, case, workflow, acting)
        case_id, name = found.case_id, rules.workflow.name
    except LianxinError as error:
        openings = {n: w for n, w in desk.book.workflows.items() if transition in w.opens}
        if error.code != "LX-903" or not openings or _hidden(desk, case, workflow):
            raise
        key, name = case, _workflow_to_open(openings, workflow, transition)
    said = {"case": case, "does": transition, "values": values, "petitioner": petitioner, "actor": actor.as_json()}
    return Ask(
        source=SOURCE,
        id=id_ or str(uuid.uuid4()),
        workflow=name,
        does=transition,
        role=actor.role,
        person=actor.person,
        unit=actor.unit,
        case_key=key,
        case_id=case_id,
        time=desk.installation.now(),
        values=values,
        petitioner=petitioner,
        track=track,
        intake=False,
        content=orjson.dumps(said, option=orjson.OPT_SORT_KEYS),
    )


def _hidden(desk: Snapshot, case: str, workflow: str) -> bool:
    """Whether the case is there after all: one that the actor may not see cannot be opened a second time."""
    from engine.core.errors import LianxinError

    try:
        desk.case(case, workflow)
    except LianxinError:
        return False
    return True


def _workflow_to_open(openings: Mapping[str, object], workflow: str, transition: str) -> str:
    from engine.core.errors import LianxinError
    from engine.core.report import suggest

    known = "、".join(sorted(openings))
    if workflow:
        if workflow not in openings:
            suggestion = suggest(workflow, openings) or ""
            raise LianxinError("LX-909", exit_code=3, name=workflow, known=known, suggestion=suggestion)
        return workflow
    if len(openings) > 1:
        raise LianxinError("LX-908", exit_code=2, count=len(openings), name=transition, known=known)
    return next(iter(openings))


def _understood(ask: Ask, desk: Snapshot) -> tuple[Command, Rules, Case]:
    """The command in the wish. A slip of the person at the keyboard is told at once: it becomes no dead letter."""
    from engine.core.catalogue.intake import CODE_OF_REASON
    from engine.core.errors import LianxinError
    from engine.runtime.asks import Unusable
    from engine.runtime.decode import decode

    case_id = ask.case_id or desk.installation.keys.case_id(ask.workflow, ask.case_key)
    case = desk.reader.load([case_id])[case_id]
    rules = desk.book.pinned(case.workflow) if case.exists else desk.book.current(ask.workflow)
    assert rules is not None, "the workflow was found before"
    found = decode(ask, case_id, rules)
    if isinstance(found, Unusable):
        code = CODE_OF_REASON.get(found.reason, "LX-357")
        raise LianxinError(code, exit_code=2, field=found.field, detail=found.detail)
    return found.command, rules, case


def _answer_of(outcome: Outcome, case: Case) -> Answer:
    """What the rules would say, without asking anybody to carry it out."""
    from engine.core.model import Accepted, Rejection
    from engine.runtime.handle import Answer

    if isinstance(outcome, Accepted):
        return Answer("accepted", case.case_id, case.version + len(outcome.drafts))
    assert isinstance(outcome, Rejection), "a person's command is never early"
    return Answer("rejected", case.case_id, case.version, outcome.code, outcome.facts)


def _submitted(session: Session, ask: Ask, submit: Callable[[], list[Answer]]) -> list[Answer]:
    from engine.core.errors import LianxinError

    try:
        return submit()
    except LianxinError as error:
        if error.code == WRITER_GONE:
            session.screen.complain(session.screen.said(f"再发请加 --id {ask.id} · To send it again add --id {ask.id}"))
        raise


def _said(answer: Answer, ask: Ask, actor: Actor, dry_run: bool) -> JsonObject:
    said: JsonObject = {
        "status": answer.status,
        "case_id": answer.case_id,
        "id": ask.id,
        "transition": ask.does,
        "as": actor.as_json(),
        "version": answer.version,
        "code": answer.code,
        "facts": answer.facts,
        "dry_run": dry_run,
    }
    if answer.code:
        from engine.core.refusals import why_refused

        said["reason"] = {lang: why_refused(answer.code, answer.facts, lang) for lang in ("zh", "en")}
    return said


def _lines(said: JsonObject, session: Session) -> Sequence[str]:
    screen = session.screen
    dry = screen.said("（试问，未记录） ·  (asked only, nothing recorded)") if said["dry_run"] else ""
    if said["status"] == "accepted":
        where = f" → {said['state']}" if "state" in said else ""
        return [f"{screen.said('受理 · accepted')}{dry}  {said['case_id']}  {said['transition']}{where}"]
    reason = screen.said(f"{said['reason']['zh']} · {said['reason']['en']}") if "reason" in said else ""
    lines = [
        f"{screen.said('驳回 · refused')}{dry}  {said['case_id']}  {said['transition']}: {said['code']}",
        f"  → {reason}",
    ]
    inputs = said["facts"].get("inputs")
    if inputs:
        lines.append(f"  {screen.said('当时的值 · values then')}: " + ", ".join(f"{k}={v}" for k, v in inputs.items()))
    if said["facts"].get("place"):
        lines.append(f"  {said['facts']['place']}")
    return lines


def _brought(given: Sequence[str], data: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields of --with, laid over those of --data."""
    from engine.core.errors import LianxinError

    values, petitioner = _from_file(data) if data else ({}, {})
    own: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise LianxinError("LX-907", exit_code=2, option="--with", text=pair, form="字段=值 FIELD=VALUE")
        if name in own:  # a list, item by item
            earlier = own[name] if isinstance(own[name], list) else [own[name]]
            own[name] = [*earlier, text]
        else:
            own[name] = text
    return {**values, **own}, petitioner


def _from_file(data: str) -> tuple[dict[str, Any], dict[str, str]]:
    import sys

    from engine.core.errors import LianxinError
    from engine.runtime.assembly import read_bytes
    from schemas.json_text import JsonFault, read_json

    raw = sys.stdin.buffer.read(DATA_BYTES_MAX + 1) if data == "-" else read_bytes(Path(data))
    form = '{"with": {…}, "petitioner": {…}}'
    try:
        said = read_json(raw)
    except JsonFault as fault:
        raise LianxinError("LX-907", exit_code=2, option=f"--data {data}", text=fault.reason, form=form) from fault
    parts = [said.get(name, {}) for name in ("with", "petitioner")] if isinstance(said, dict) else []
    unknown = set(said) - {"with", "petitioner"} if isinstance(said, dict) else {"JSON"}
    if unknown or not all(isinstance(part, dict) for part in parts):
        text = "、".join(sorted(unknown)) or "with / petitioner"
        raise LianxinError("LX-907", exit_code=2, option=f"--data {data}", text=text, form=form)
    return parts[0], {name: str(value) for name, value in parts[1].items()}
