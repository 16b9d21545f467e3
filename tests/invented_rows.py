"""Rows that nobody recorded: calls, assignments and answers of invented cases, and the workflow they go through.

Also what may happen to the rows of any file on their way: numbered, shuffled within some lines, repeated.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

WINDOW_LINES = 200
"""How far a row is moved from its place, at most."""
REPEATED_SHARE = 0.05
UNITS = ("甲局", "乙局", "丙镇")
CHANNELS = ("letter", "visit", "phone", "web")
START = datetime(2026, 3, 2, 9)


@dataclass(frozen=True)
class Row:
    """One thing that happened; `n` is its place in the order in which it was written down."""

    n: int
    id: str
    case: str
    does: str
    at: str
    unit: str = ""
    channel: str = ""
    satisfied: str = ""
    caller: str = ""


def invented(seed: int, cases: int = 40) -> list[Row]:
    """What happened in some weeks, in order: `call` opens a case, a later one adds to it; some of it is not allowed."""
    chance = random.Random(seed)
    happened = [thing for number in range(cases) for thing in _of_case(number, chance)]
    happened.sort(key=lambda thing: thing[0])
    return [
        Row(n, f"m{n}", f"2026-{case:04}", does, f"{at:%Y-%m-%d %H:%M}", **cells)
        for n, (at, case, does, cells) in enumerate(happened, start=1)
    ]


def _of_case(number: int, chance: random.Random) -> list[tuple[datetime, int, str, dict[str, str]]]:
    at = START + timedelta(hours=chance.randrange(24 * 40))
    found = [(at, number, "call", {"channel": chance.choice(CHANNELS), "caller": f"某{number}"})]

    def then(does: str, hours: int, **cells: str) -> None:
        nonlocal at
        at += timedelta(hours=chance.randrange(hours + 1))
        found.append((at, number, does, cells))

    if chance.random() < 0.2:
        then("call", 30, channel=chance.choice(CHANNELS), caller=f"另{number}")
    if chance.random() < 0.9:
        then("assign", 20, unit=chance.choice(UNITS))
        if chance.random() < 0.1:
            then("approve", 2)  # nothing to approve yet: refused
        while chance.random() < 0.9:
            then("answer", 24 * 14, satisfied=chance.choice(("", "是", "否")))
            if chance.random() < 0.7:
                then("approve", 24 * 5)
                break
            then("rework", 24 * 2)
    return found


def write(rows: Iterable[Row], path: Path) -> None:
    """The rows as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in rows)


def disordered(rows: Sequence[T], seed: int, window: int = WINDOW_LINES, repeated: float = REPEATED_SHARE) -> list[T]:
    """The same rows, each near its place, a share of them twice."""
    chance = random.Random(seed)
    twice = chance.sample(range(len(rows)), round(len(rows) * repeated))
    places = [(place + chance.random() * window, place) for place in [*range(len(rows)), *twice]]
    return [rows[place] for _, place in sorted(places)]


def numbered_copy(source: Path, target: Path, column: str) -> None:
    """A CSV file with the number of each row in a first column; a .gz is unpacked."""
    with gzip.open(source, "rt", newline="") if source.suffix == ".gz" else source.open(newline="") as file:
        header, *rows = csv.reader(file)
    with target.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column, *header])
        writer.writerows([str(number), *row] for number, row in enumerate(rows, start=1))


def shuffled_copy(source: Path, target: Path, seed: int) -> None:
    """A CSV file with its rows out of order and some of them repeated; no cell goes over lines."""
    header, *lines = source.read_bytes().splitlines()
    target.write_bytes(b"\n".join([header, *disordered(lines, seed)]) + b"\n")


WORKFLOW = """\
lianxin: 1
workflow: invented
title: {zh: 虚构热线, en: An invented hotline}
calendar: cn
case:
  channel:   {type: enum, of: [letter, visit, phone, web]}
  unit:      {type: unit, optional: true}
  satisfied: {type: bool, optional: true}
  calls:     {type: int, default: 1}
privacy:
  petitioner: {name: text}
roles:
  clerk: 登记员
  desk: 分办员
  handler: 承办人
  unit_head: 单位负责人
opens: {call: {by: clerk, needs: [channel]}}
transitions:
  call:
    from: "*"
    by: clerk
    needs: {channel: {type: enum, of: [letter, visit, phone, web]}}
    set: {calls: =case.calls + 1}
states:
  received: {initial: true, transitions: {assign: {to: assigned, by: desk, needs: [unit]}}}
  assigned: {transitions: {answer: {to: handled, by: handler, takes: [satisfied]}}}
  handled:
    transitions:
      approve: {to: reviewed, by: unit_head}
      rework:  {to: assigned, by: unit_head}
  reviewed: {final: true}
deadlines:
  handling:
    within: 5 working days
    from: received
    until: [handled]
    again: never
    owner: =case.unit
    else_to: office
    remind: [50%]
  review:   {within: 24 hours, from: handled, until: [reviewed, assigned], again: restart, owner: =case.unit}
letters:
  supervision:
    {title: 督办函, mark: 示信督, template: supervision, sign: desk, auto: true, reply_within: 5 working days}
tracks:
  letter: {use: letter, after_close: keep}
  follow_up: {use: follow_up}
reactions:
  supervise:
    upon: [deadline.handling.missed, deadline.review.missed]
    do: [{issue_letter: {kind: supervision, to: =event.owner, else_to: office}}]
  clear_the_unit:
    upon: deadline.handling.corrected
    do: [{remind: {to: =case.unit, text: 按期办理，系统补录}}]
  call_back:
    upon: state.handled.entered
    when: has(case.satisfied) && !case.satisfied
    do: [{schedule_follow_up: {after: 3 working days, by: caller}}]
"""

MAP = """\
workflow: invented
source: test:hotline
format: csv
time_zone: Asia/Shanghai
time_format: "%Y-%m-%d %H:%M"
sequence: "n"
rows:
  - does: call
    as: clerk
    when: row.does == 'call'
    id: &id =row.id
    case_key: &key =row.case
    time: &time =row.at
    with: {channel: =row.channel}
    petitioner: {name: =row.caller}
  - {does: assign, as: desk, when: row.does == 'assign', id: *id, case_key: *key, time: *time, with: {unit: =row.unit}}
  - does: answer
    as: handler
    when: row.does == 'answer'
    id: *id
    case_key: *key
    time: *time
    with: {satisfied: =row.satisfied}
  - {does: approve, as: unit_head, when: row.does == 'approve', id: *id, case_key: *key, time: *time}
  - {does: rework, as: unit_head, when: row.does == 'rework', id: *id, case_key: *key, time: *time}
"""
