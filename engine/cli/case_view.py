"""A case as `case list` and `case show` say it in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.cli.actor import actor_lines
from engine.cli.moments import local
from engine.cli.screen import Screen
from engine.core.calendar import Calendar
from engine.core.instants import Instant
from engine.core.model import JsonObject


def left(row: JsonObject | None, due_at: Instant = "", now: Instant = "", *, right: bool = False) -> str:
    """`remaining` in words. Nobody is late with a right: it is over."""
    if row is None:
        return ""
    if row.get("paused"):
        return "暂停 · paused"
    if "minutes" in row:
        hours, minutes = divmod(abs(row["minutes"]), 60)
        amount = f"{hours}:{minutes:02}"
        return f"还剩 {amount} · {amount} left" if row["minutes"] >= 0 else f"已过 {amount} · {amount} late"
    days = row["working_days"]
    if right and due_at < now:
        return "已届满 · over"
    if days < 0 or (due_at and due_at < now):
        return f"已过 {-days} 个工作日 · {-days} working days late"
    return f"还剩 {days} 个工作日 · {days} working days left" if days else "今天到期 · due today"


def list_lines(rows: list[JsonObject], screen: Screen, calendars: dict[str, Calendar], now: Instant) -> list[str]:
    """The list as a table; what is late says so in words."""
    heads = (
        "事项 · Case",
        "流程 · Workflow",
        "环节 · State",
        "单位 · Unit",
        "期限 · Due",
        "余时 · Left",
        "层级 · Levels",
    )
    cells = [
        (
            row["case_id"],
            row["workflow"],
            row["state"],
            row["unit"],
            local(row["due_at"], calendars[row["workflow"]].zone),
            screen.said(left(row["remaining"], row["due_at"] or "", now)) or _late(row, screen),
            " ".join(level for level in row["levels"].values() if level != "none"),
        )
        for row in rows
    ]
    return screen.table(heads, cells) if cells else []


def _late(row: JsonObject, screen: Screen) -> str:
    return screen.said("超期 · late") + f" {'、'.join(row['late'])}" if row["late"] else ""


def show_lines(said: JsonObject, screen: Screen, calendar: Calendar, now: Instant) -> list[str]:
    """The page of a case."""
    lines = [
        f"{screen.said('事项 · Case')}      {said['case_id']}",
        f"{screen.said('流程 · Workflow')}  {said['workflow']['title']} ({said['workflow']['name']} "
        f"{said['workflow']['digest'][:12]})",
        f"{screen.said('环节 · State')}     {_titled(said['state'], said['state_title'])} [{said['phase']}]",
    ]
    levels = {name: level for name, level in said["levels"].items() if level != "none"}
    if levels:
        lines.append(f"{screen.said('层级 · Levels')}    {_pairs(levels)}")
    if said["data"]:
        lines.append(f"{screen.said('数据 · Data')}      {_pairs(said['data'])}")
    if said["personal"]:
        in_vault = screen.said("在身份库中 · in the vault")
        lines.append(f"{screen.said('个人信息 · Personal')}  {'、'.join(said['personal'])} ({in_vault})")
    revealed = [
        (r["person"], r["field"], _text(r["value"]), screen.said("现值 · now" if r["current"] else "旧值 · before"))
        for r in said.get("revealed", ())
    ]
    revealed_heads: Sequence[str] = ("人 · Person", "字段 · Field", "内容 · Value", "现旧 · Now")
    lines += _section(screen, "身份库 · The vault", revealed_heads, revealed)
    zone = calendar.zone
    steps = [
        (
            s["version"],
            local(s["at"], zone),
            s["transition"],
            f"{s['from']} → {s['to']}".lstrip(" →"),
            actor_lines(s["by"]),
        )
        for s in said["path"]
    ]
    lines += _section(
        screen, "经过 · Path", ("序 · No", "时间 · At", "流转 · Move", "环节 · State", "经办 · By"), steps
    )
    clock_cells = [
        (
            c["clock"],
            c["status"],
            local(c["due_at"], zone) + (screen.said("（暂定） · (provisional)") if c["provisional"] else ""),
            screen.said(left(c.get("remaining"), c["due_at"], now, right=c["right"])),
            c["owner"],
        )
        for c in said["clocks"]
    ]
    heads: Sequence[str] = ("期限 · Deadline", "状态 · Status", "到期 · Due", "余时 · Left", "责任 · Owner")
    lines += _section(screen, "期限 · Deadlines", heads, clock_cells)
    letters = [(row["number"] or row["letter_id"], row["kind"], row["to"], row["state"]) for row in said["letters"]]
    heads = ("文号 · Number", "种类 · Kind", "主送 · To", "状态 · State")
    lines += _section(screen, "函件 · Letters", heads, letters)
    others = [
        (t["track_id"], t["track"], t["state"], _pairs(t["data"])) for t in said["tracks"] if t["track"] != "letter"
    ]
    heads = ("编号 · Id", "并行线 · Track", "环节 · State", "数据 · Data")
    lines += _section(screen, "并行线 · Tracks", heads, others)
    moves = [(m["transition"], m["title"], m["to"], "、".join(m["by"])) for m in said["moves"]]
    heads = ("流转 · Move", "名称 · Title", "到 · To", "角色 · By")
    lines += _section(screen, "可办 · Moves from here", heads, moves)
    if said["rejections"]:
        count = said["rejections"]
        lines += ["", screen.said(f"另有 {count} 次被驳回，见 case why · {count} commands were refused, see case why")]
    return lines


def _section(screen: Screen, title: str, heads: Sequence[str], rows: list[Any]) -> list[str]:
    return ["", screen.said(title), *screen.table(heads, rows)] if rows else []


def _titled(name: str, title: str) -> str:
    return f"{title} ({name})" if title and title != name else name


def _pairs(values: JsonObject) -> str:
    return ", ".join(f"{name}={_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "[" + "、".join(map(_text, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
