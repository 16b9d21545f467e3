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
    from engine.core.model import Actor, Case

CASES_SCANNED_MAX = 20_000
"""Cases that one `case list` looks through; beyond it the list says so and asks for a filter."""
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
    acting: AsOption = "",
) -> None:
    from engine.cli.actor import read_actor
    from engine.cli.case_view import list_lines, summary
    from engine.cli.installation import Installation

    installation = Installation(session)
    screen = session.screen
    now = installation.now()
    with installation.reading() as desk:
        actor = read_actor(acting, desk.book.directory) if acting else None
        rows, calendars, scanned = [], {}, 0
        for case, rules in _cases(desk, workflow, phase, state, unit, actor):
            scanned += 1
            calendars[rules.workflow.name] = rules.calendar
            row = summary(case, rules, now)
            if row["late"] or not late:
                rows.append(row)
        rows.sort(key=lambda row: (row["due_at"] is None, row["due_at"] or "", row["case_id"]))
        shown = rows[:limit]
        screen.result(shown, list_lines(shown, screen, calendars, now))
        if len(shown) < len(rows):
            screen.note(f"共 {len(rows)} 件，列出 {len(shown)} 件；--limit 可多列 · "
                        f"{len(shown)} of {len(rows)} cases; --limit shows more")  # fmt: skip
        if scanned >= CASES_SCANNED_MAX:
            screen.note(f"只看了前 {CASES_SCANNED_MAX} 件，请加筛选条件 · "
                        f"Only the first {CASES_SCANNED_MAX} cases were looked at; add a filter")  # fmt: skip


@command(
    app, "show", "显示一件事项：环节、经过、期限、函件 · Show one case: state, path, deadlines, letters", project=True
)
def show(session: Session, case: CaseArgument, workflow: WorkflowOption = "", acting: AsOption = "") -> None:
    from engine.cli.case_view import history, show_lines, whole
    from engine.cli.installation import Installation

    installation = Installation(session)
    now = installation.now()
    with installation.reading() as desk:
        found, rules = visible(desk, case, workflow, acting)
        said = whole(found, rules, history(desk.reader, found.case_id), now)
        session.screen.result(said, show_lines(said, session.screen, rules.calendar, now))


def _cases(
    desk: Snapshot, workflow: str, phase: str, state: str, unit: str, actor: Actor | None
) -> Iterator[tuple[Case, Rules]]:
    """Those that fit and that the actor may see, in the order of their ids."""
    from engine.cli.actor import exists_for
    from engine.core.errors import LianxinError
    from engine.core.report import suggest

    digests = [row["digest"] for row in desk.reader.editions("workflow") if row["name"] == workflow]
    if workflow and workflow not in desk.workflow_names():
        known = desk.workflow_names()
        suggestion = suggest(workflow, known) or ""
        raise LianxinError("LX-909", exit_code=3, name=workflow, known="、".join(known), suggestion=suggestion)
    left = CASES_SCANNED_MAX
    for digest in digests if workflow else [""]:
        after = ""
        while left > 0:
            size = min(CASES_PER_READ, left)
            rows = desk.reader.cases(phase=phase, state=state, unit=unit, workflow=digest, after=after, limit=size)
            folds = desk.reader.load(row["case_id"] for row in rows)
            left -= len(rows)
            for case in folds.values():
                rules = desk.book.pinned(case.workflow)
                if exists_for(case, actor, rules):
                    yield case, rules
            if len(rows) < size:
                break
            after = rows[-1]["case_id"]
