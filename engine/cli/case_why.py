"""`lianxin case why CASE [TRANSITION]`: why it stands as it does, and why a move is or is not possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.case_group import AsOption, CaseArgument, WorkflowOption, app, visible
from engine.cli.command import Session, command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from engine.cli.screen import Screen
    from engine.core.model import JsonObject


@command(
    app,
    "why",
    "为什么：哪条规则、哪一行、当时读到什么；给出流转名则说明现在能不能做、还缺什么 · "
    "Why: which rule, which line, what it read then; with a transition also whether it is possible now, and what "
    "it lacks",
    project=True,
)
def why(
    session: Session,
    case: CaseArgument,
    transition: Annotated[
        str,
        typer.Argument(
            metavar="TRANSITION", help="流转名，如 close 或 letter.sign · For example close, or letter.sign"
        ),
    ] = "",
    workflow: WorkflowOption = "",
    acting: AsOption = "",
) -> None:
    from engine.cli.actor import read_actor
    from engine.cli.installation import Installation
    from engine.cli.present import move_now
    from engine.runtime.case_page import history
    from engine.runtime.case_past import records
    from engine.runtime.case_places import Places

    installation = Installation(session)
    screen = session.screen
    with installation.reading() as desk:
        found, rules = visible(desk, case, workflow, acting)
        places = Places(installation.assembly, rules.workflow)
        events = history(desk.reader, found.case_id)
        past = [r for r in records(events, rules, places) if not transition or r["transition"] == transition]
        said: JsonObject = {"case_id": found.case_id, "state": found.state, "past": past}
        if transition:
            actor = read_actor(acting, desk.book.directory) if acting else None
            said["now"] = move_now(found, transition, rules, places, installation.now(), actor)
        zone = rules.calendar.zone
        lines = [line for record in past for line in past_lines(record, screen, zone)]
        lines += now_lines(said["now"], screen) if transition else []
        screen.result(said, lines)


def past_lines(record: JsonObject, screen: Screen, zone: ZoneInfo) -> list[str]:
    """One fact or refusal in words."""
    from engine.cli.actor import actor_lines
    from engine.cli.moments import local

    number = f"#{record['version']}" if record["version"] else screen.said("驳回 · refused")
    number = number if record["version"] or record.get("refusal") else screen.said("另记 · beside")
    change = f"  {record['from']} → {record['to']}" if record.get("to") else ""
    by = actor_lines(record["by"])
    head = f"{local(record['at'], zone)}  {number}  {record['what']}{change}" + (f"  ({by})" if by else "")
    lines = [head]
    if record["place"]:
        lines.append(f"    {screen.said('规则 · rule')}: {record['place']}")
    cause = record["cause"]
    if cause.get("reaction"):
        text = screen.said(f"响应 {cause['reaction']}，因第 {cause['version']} 条 · reaction {cause['reaction']}, upon "
                           f"#{cause['version']}")  # fmt: skip
        lines.append(f"    {text}  {cause.get('place', '')}".rstrip())
    elif cause.get("source"):
        lines.append(f"    {screen.said('来源 · source')}: {cause['source']} {cause['id']}")
    for condition in record["conditions"]:
        lines.append(f"    {screen.said('条件成立 · held')}: {_condition(condition)}")
    if record["inputs"]:
        lines.append(f"    {screen.said('当时的值 · values then')}: {_pairs(record['inputs'])}")
    if record.get("refusal"):
        lines.append(f"    → {screen.said(_both(record['refusal']['reason']))}")
    return lines


def now_lines(now: JsonObject, screen: Screen) -> list[str]:
    """Whether a move is possible now, in words."""
    title = f"{now['transition']}" + (f"（{now['title']}）" if now["title"] else "")
    verdict = {
        "possible": "现在可以 · possible now",
        "impossible": "现在不可以 · not possible now",
        "depends": "要看所填的内容 · depends on what is filled in",
    }[now["verdict"]]
    lines = ["", f"{title}: {screen.said(verdict)}"]
    if now["place"]:
        lines.append(f"    {screen.said('规则 · rule')}: {now['place']}")
    if not now["from_here"]:
        where = "、".join(now["from"]) or "—"
        lines.append(
            f"    {screen.said(f'此环节没有这一步；它在这些环节：{where} · not in this state; it is in: {where}')}"
        )
        return lines
    for role in now["roles"]:
        people = "、".join(role["people"]) or screen.said("名录中无人 · nobody in the directory")
        relation = f"  {role['relation']}" if role["relation"] else ""
        lines.append(f"    {screen.said('角色 · role')}: {role['role']}{relation}: {people}")
    if now["signatures"]:
        lines.append(f"    {screen.said(_both(now['signatures']))}")
    if now["needs"]:
        lines.append(
            f"    {screen.said('须填 · needs')}: " + ", ".join(f"{n['name']} ({n['type']})" for n in now["needs"])
        )
    words = {True: "成立 · holds", False: "不成立 · does not hold", None: "要看所填 · depends on what is filled in"}
    for condition in now["conditions"]:
        mark = screen.said(words[condition["holds"]])
        lines.append(f"    {screen.said('条件 · condition')}: {_condition(condition)}: {mark}")
        if condition["inputs"]:
            lines.append(f"        {screen.said('现在的值 · values now')}: {_pairs(condition['inputs'])}")
    for block in now["blocks"]:
        lines.append(f"    ✗ {screen.said(_both(block['reason']))}")
    if "actor" in now:
        lines.append(f"    --as: {screen.said(_both(now['actor']['reason']))}")
    return lines


def _condition(condition: JsonObject) -> str:
    place = f"  ({condition['place']})" if condition["place"] else ""
    return f"{condition['name']}  {condition['expression']}{place}"


def _both(texts: JsonObject) -> str:
    return f"{texts['zh']} · {texts['en']}"


def _pairs(values: JsonObject) -> str:
    pairs: Sequence[str] = [f"{name} = {value}" for name, value in values.items()]
    return ", ".join(pairs)
