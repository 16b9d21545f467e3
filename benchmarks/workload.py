"""The one workload that everything here runs: what a case's life costs.

A case: received → assigned → handled → reviewed → closed. Each of the five events is a CloudEvent of about 384 bytes;
1 % come twice. `assign` starts a deadline, `handle` meets it. Events come round by round within blocks of `width`
cases, so that thousands of cases are open at once and no case's events lie together. All of it is invented.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import orjson

STEPS = ("receive", "assign", "handle", "review", "close")
STATES = ("received", "assigned", "handled", "reviewed", "closed")
NOTE = "居民反映小区夜间施工噪声扰民，请依法依规核实处理并按期答复来信人。请责任单位限期回告结果。" + "." * 12
UNITS = ("住建局", "水务局", "城管局", "人社局", "教育局")
DUPLICATES = 0.01
WIDTH = 2_000
SOURCE = "urn:example:intake"


def message(case: int, step: int, *, time_ordered: bool = True) -> bytes:
    """One CloudEvent. Its id grows with time, as emitters are advised; otherwise it is spread like a random one."""
    number = case * len(STEPS) + step
    ident = f"{number:016x}" if time_ordered else f"{(number * 0x9E3779B97F4A7C15) & (2**64 - 1):016x}"
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": ident,
            "source": SOURCE,
            "type": f"org.example.{STEPS[step]}",
            "subject": f"LX{case:012d}",
            "time": f"2026-05-{4 + step:02d}T01:{case % 60:02d}:00Z",
            "data": {"unit": UNITS[case % len(UNITS)], "level": case % 3 + 1, "step": step, "note": NOTE},
        }
    )


def messages(
    cases: int, *, first: int = 0, duplicates: float = DUPLICATES, time_ordered: bool = True
) -> Iterator[bytes]:
    """The events of `cases` cases, the duplicated ones at once after the original."""
    chance = random.Random(7)
    for block in range(first, first + cases, WIDTH):
        members = range(block, min(block + WIDTH, first + cases))
        for step in range(len(STEPS)):
            for case in members:
                raw = message(case, step, time_ordered=time_ordered)
                yield raw
                if chance.random() < duplicates:
                    yield raw
