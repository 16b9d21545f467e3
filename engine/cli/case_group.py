"""What the commands about cases share: how a case is named, who asks, and whether it exists for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.command import group
from engine.cli.completion import case_ids, workflow_names

if TYPE_CHECKING:
    from engine.cli.snapshot import Snapshot
    from engine.core.desk import Rules
    from engine.core.model import Case

app = group("case", "办理与查询事项 · Work with cases")

CaseArgument = Annotated[
    str,
    typer.Argument(
        metavar="CASE",
        help="事项编号（或开头六位以上），或来件编号 · "
        "The case's id, its first six characters or more, or the number its source knows it by",
        autocompletion=case_ids,
    ),
]
WorkflowOption = Annotated[
    str,
    typer.Option(
        "--workflow",
        metavar="NAME",
        help="流程名 · The workflow's name",
        show_default=False,
        autocompletion=workflow_names,
    ),
]
AsOption = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="PERSON:ROLE@UNIT",
        help="以谁的身份，如 p-1028:desk@信访局 · Who acts, e.g. p-1028:desk@信访局",
        show_default=False,
    ),
]


def visible(desk: Snapshot, name: str, workflow: str, acting: str) -> tuple[Case, Rules]:
    """The case, if it exists for whoever asks; LX-903 (exit 3) is the same for a missing one and a hidden one."""
    from engine.cli.actor import exists_for, read_actor
    from engine.core.errors import LianxinError

    actor = read_actor(acting, desk.book.directory) if acting else None
    found = desk.case(name, workflow)
    rules = desk.book.pinned(found.workflow)
    if not exists_for(found, actor, rules):
        raise LianxinError("LX-903", exit_code=3, case=name)
    return found, rules
