"""A case as `case list` and `case show` tell it: where it stands, how it came there, what time is left.

No personal value is in it: what is personal lies in the vault, and only its field's name is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from engine.cli.actor import actor_lines
from engine.cli.moments import local
from engine.cli.screen import Screen
from engine.core import clocks
from engine.core.calendar import Calendar
from engine.core.desk import Rules
from engine.core.instants import Instant, to_datetime
from engine.core.model import Case, Clock, Event, JsonObject
from engine.runtime.outputs import letter_rows, number_text
from engine.store.reader import ROWS_MAX, Reader

HISTORY_MAX = 100_000
"""Records of one case that are read; no case has as many."""


def history(reader: Reader, case_id: str) -> list[Event]:
    """All records of a case, rejections among them."""
    found: list[Event] = []
    while len(found) < HISTORY_MAX:
        page = reader.history(case_id, found[-1].position if found else 0)
        found += page
        if len(page) < ROWS_MAX:
            break
    return found


def summary(case: Case, rules: Rules, now: Instant) -> JsonObject:
    """One row of the list."""
    running = sorted(running_clocks(case), key=lambda clock: clock["due_at"])
    first = running[0] if running else None
    late = sorted({c["deadline"] for c in case.clocks.values() if is_late(c, now)})
    return {
        "case_id": case.case_id,
        "workflow": rules.workflow.name,
        "version": case.version,
        "phase": case.phase,
        "state": case.state,
        "unit": case.data.get("unit"),
        "levels": case.levels,
        "due_at": first["due_at"] if first else None,
        "deadline": first["deadline"] if first else None,
        "remaining": remaining(first, now, rules.calendar) if first else None,
        "late": late,
    }


def whole(case: Case, rules: Rules, events: Iterable[Event], now: Instant) -> JsonObject:
    """Everything `case show` tells."""
    workflow = rules.workflow
    state = workflow.main.states.get(case.state)
    fields = workflow.fields
    return {
        "case_id": case.case_id,
        "workflow": {"name": workflow.name, "title": workflow.title, "digest": workflow.digest},
        "version": case.version,
        "phase": case.phase,
        "state": case.state,
        "state_title": state.title if state else "",
        "unit": case.data.get("unit"),
        "levels": case.levels,
        "data": {n: v for n, v in sorted(case.data.items()) if n in fields and not fields[n].personal},
        "personal": sorted(n for n in case.data if n in fields and fields[n].personal),
        "path": list(path(events)),
        "rejections": sum(event.version == 0 for event in events),
        "clocks": [clock_row(key, clock, now, rules.calendar) for key, clock in sorted(case.clocks.items())],
        "tracks": [track_row(case, key, rules) for key in sorted(case.tracks)],
        "letters": list(letter_rows(case)),
        "moves": possible_moves(case, rules),
    }


def path(events: Iterable[Event]) -> Iterator[JsonObject]:
    """The states of the main line in the order they were entered, with who moved it and when."""
    for event in events:
        if "to" in event.data and "track" not in event.data:
            yield {
                "version": event.version,
                "at": event.occurred_at,
                "transition": event.data.get("transition", ""),
                "from": event.data.get("from", ""),
                "to": event.data["to"],
                "by": event.actor,
            }


def possible_moves(case: Case, rules: Rules) -> list[JsonObject]:
    """What may be done where the case stands, and in which roles; whether it may be done now is `case why`."""
    table = rules.workflow.main.table
    return [
        {"transition": name, "title": row.title, "to": row.to, "by": list(row.by.roles)}
        for (state, name), row in sorted(table.items())
        if state == case.state
    ]


def track_row(case: Case, track_id: str, rules: Rules) -> JsonObject:
    """A letter, a follow-up, a sponsor: without its personal fields."""
    track = case.tracks[track_id]
    machine = rules.workflow.tracks[track["track"]]
    fields = machine.fields
    return {
        "track_id": track_id,
        "track": machine.name,
        "title": machine.title,
        "state": track["state"],
        "open": track["open"],
        "opened_at": track["opened_at"],
        "number": number_text(track.get("number")),
        "data": {n: v for n, v in sorted(track["data"].items()) if not (n in fields and fields[n].personal)},
    }


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def running_clocks(case: Case) -> list[Clock]:
    """The deadlines that run; delayed reactions are none."""
    return [clock for clock in case.clocks.values() if clock["status"] == "running" and "armed" not in clock]


def is_late(clock: Clock, now: Instant) -> bool:
    """Past its due instant and not met: missed and still open, or about to be found missed."""
    if "armed" in clock or clock.get("right"):
        return False
    if clock["status"] == "running":
        return not clocks.is_paused(clock) and clock["due_at"] < now
    return clock["status"] == "missed" and "ended_at" not in clock


def remaining(clock: Clock, now: Instant, calendar: Calendar) -> JsonObject:
    """What is left: working days (negative when late) for lengths in days, whole minutes for others."""
    if clocks.is_paused(clock):
        return {"paused": True}
    budget = clock.get("budget")
    if budget is not None and budget["unit"] == clocks.MICROSECONDS:
        left = to_datetime(clock["due_at"]) - to_datetime(now)
        return {"minutes": int(left.total_seconds() // 60)}
    return {"working_days": calendar.working_days(calendar.local_day(now), calendar.local_day(clock["due_at"]))}


def clock_row(key: str, clock: Clock, now: Instant, calendar: Calendar) -> JsonObject:
    """A run of a deadline, or a delayed reaction."""
    row: JsonObject = {
        "clock": key,
        "deadline": clock["deadline"],
        "track_id": clock["track"],
        "run": clock["run"],
        "status": clock["status"],
        "owner": clock.get("owner"),
        "started_at": clock["started_at"],
        "due_at": clock["due_at"],
        "due_raw_at": clock["due_raw_at"],
        "missed_at": clock.get("missed_at"),
        "provisional": clock.get("provisional", False),
        "right": clock.get("right", False),
        "pauses": clock.get("pauses", []),
    }
    if clock["status"] == "running":
        row["remaining"] = remaining(clock, now, calendar)
    return row


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


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


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
