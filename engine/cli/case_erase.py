"""`lianxin case erase`: destroy the key of a person's data, so that nobody reads it again, on no copy."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.case_group import AsOption, CaseArgument, WorkflowOption, app, visible
from engine.cli.command import Session, command


@command(
    app,
    "erase",
    "销毁一件事项中个人信息的密钥，无法恢复 · Destroy the keys of a case's personal data; it cannot be undone",
    project=True,
)
def erase(
    session: Session,
    case: CaseArgument,
    person: Annotated[
        str,
        typer.Option(
            "--person", metavar="PERSON",
            help="contact:1 等，或 case；缺省为全部 · contact:1 and so on, or case; by default everybody",
        ),
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="理由，记入总账 · The reason; it goes on record")
    ] = "",
    workflow: WorkflowOption = "",
    acting: AsOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 · Do not ask", show_default=False)] = False,
) -> None:  # fmt: skip
    from engine.cli.actor import must_act
    from engine.cli.installation import Installation
    from engine.core.errors import LianxinError
    from engine.runtime import people

    if not reason.strip():
        raise LianxinError("LX-383", exit_code=2, what="reason")
    installation = Installation(session)
    with installation.reading() as desk:
        actor = must_act(acting, desk.book.directory)
        found, _ = visible(desk, case, workflow, acting)
    whom = person or "全部 everybody"
    session.screen.confirm(
        f"永久销毁 {found.case_id} 中 {whom} 的个人信息？ · Destroy the data of {whom} in {found.case_id} for ever?",
        yes=yes,
    )
    with installation.office() as office:
        erased = people.erase(office, found.case_id, person, reason, actor.as_json())
    text = f"已销毁：{'、'.join(erased)} · Destroyed: {', '.join(erased)}"
    session.screen.result({"case_id": found.case_id, "erased": erased}, [session.screen.said(text)])
