"""`lianxin case list` and `case show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.case_group import AsOption, CaseArgument, WorkflowOption, app, visible
from engine.cli.command import Session, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.cli.snapshot import Snapshot
    from engine.core.desk import Rules
    from engine.core.model import Actor, Case, JsonObject

CASES_PER_READ = 1_000


@command(app, "list", "列出事项，余时最少的在前 · List cases, those with the least time left first", project=True)
def list_cases(
    session: Session,
    workflow: WorkflowOption = "",
    phase: Annotated[
        str,
        typer.Option("--phase", help="阶段：received、assigned、handled、reviewed、closed · One of the five phases"),
    ] = "",
    state: Annotated[str, typer.Option("--state", help="环节 · The state")] = "",
    unit: Annotated[str, typer.Option("--unit", help="责任单位 · The liable unit")] = "",
    late: Annotated[bool, typer.Option("--late", help="只列超期的 · Late ones alone", show_default=False)] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="最多几件 · How many at most")] = 50,
    after: Annotated[
        str,
        typer.Option(
            "--after", metavar="PLACE", show_default=False,
            help="从这件事项之后列起：上一页所给的位置，或事项编号 · Go on after this case: a place, or a case's id",
        ),
    ] = "",
    acting: AsOption = "",
) -> None:  # fmt: skip
    from engine.cli.actor import read_actor
    from engine.cli.case_view import list_lines
    from engine.cli.installation import Installation
    from engine.runtime.case_page import summary

    installation = Installation(session)
    screen = session.screen
    now = installation.now()
    with installation.reading() as desk:
        actor = read_actor(acting, desk.book.directory) if acting else None
        filters = {"phase": phase, "state": state, "unit": unit, "late_at": now if late else ""}
        rows: list[JsonObject] = []
        calendars, place = {}, ""
        for at, case, rules in _cases(desk, workflow, filters, _place(desk, after), limit + 1, actor):
            row = summary(case, rules, now)
            if late and not row["late"]:
                continue
            if len(rows) == limit:
                screen.note(f"还有更多：--after {place} · There are more: --after {place}")
                break
            rows.append(row)
            calendars[rules.workflow.name] = rules.calendar
            place = f"{at}/{case.case_id}"
        screen.result(rows, list_lines(rows, screen, calendars, now))


@command(
    app, "show", "显示一件事项：环节、经过、期限、函件 · Show one case: state, path, deadlines, letters", project=True
)
def show(
    session: Session,
    case: CaseArgument,
    workflow: WorkflowOption = "",
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal", show_default=False,
            help="连同身份库中的个人信息；须用 --as 与 --purpose，查阅记入总账 · "
            "With what the vault holds; needs --as and --purpose, and goes on record",
        ),
    ] = False,
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="TEXT", help="查阅的用途 · What it is read for", show_default=False)
    ] = "",
    acting: AsOption = "",
) -> None:  # fmt: skip
    from engine.cli.actor import must_act
    from engine.cli.case_view import show_lines
    from engine.cli.installation import Installation
    from engine.runtime import people
    from engine.runtime.case_page import history, whole

    installation = Installation(session)
    now = installation.now()
    with installation.reading() as desk:
        found, rules = visible(desk, case, workflow, acting)
        actor = must_act(acting, desk.book.directory) if reveal else None
        said = whole(found, rules, history(desk.reader, found.case_id), now)
    if actor is not None:
        with installation.office() as office:
            said["revealed"] = people.read(office, found.case_id, purpose, actor.as_json())
    session.screen.result(said, show_lines(said, session.screen, rules.calendar, now))


def _place(desk: Snapshot, after: str) -> tuple[str, int]:
    """Where to go on: what the last page said, which holds also where that case has moved since; or a case's id."""
    from engine.core.errors import LianxinError

    if not after:
        return "", 0
    at, _, case_id = after.rpartition("/")
    found = desk.reader.place_by_due(case_id)
    if found is None:
        raise LianxinError("LX-903", exit_code=3, case=case_id)
    return at or found[0], found[1]


def _cases(
    desk: Snapshot, workflow: str, filters: dict[str, str], after: tuple[str, int], page: int, actor: Actor | None
) -> Iterator[tuple[str, Case, Rules]]:
    """Those that fit and that the actor may see, with their places, what is due first before the others."""
    from engine.cli.actor import exists_for
    from engine.core.errors import LianxinError
    from engine.core.report import suggest

    if workflow and workflow not in desk.workflow_names():
        known = desk.workflow_names()
        suggestion = suggest(workflow, known) or ""
        raise LianxinError("LX-909", exit_code=3, name=workflow, known="、".join(known), suggestion=suggestion)
    digests = [row["digest"] for row in desk.reader.editions("workflow") if row["name"] == workflow]
    if workflow and not digests:
        return  # known, and never used
    size = min(page, CASES_PER_READ)
    while found := desk.reader.cases_by_due(**filters, workflows=digests, after=after, limit=size):
        folds = desk.reader.load(case_id for _, _, case_id in found)
        for at, _, case_id in found:
            case = folds[case_id]
            rules = desk.book.pinned(case.workflow)
            if exists_for(case, actor, rules):
                yield at, case, rules
        after = found[-1][:2]
