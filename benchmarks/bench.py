"""`make bench`: lianxin beside the raw limit and a peer, in rounds A B A B, each run in a process of its own.

Writes docs/performance.md (the part between its marks) and prints a table; `--json` prints the figures.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import fsync_ms

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin (written by make bench) -->", "<!-- figures: end -->"
RUNS = ("raw", "ours", "peer", "latency", "growth", "growth_random")
PEER_SHARE = 8
"""The peer gets one case in so many: its rate does not depend on the number, and it is slow."""


def one(what: str, cases: int, folder: Path) -> dict[str, Any]:
    """One run, in this process."""
    if what == "raw":
        import raw_sqlite

        return raw_sqlite.run(cases, folder)
    if what == "peer":
        import peer_eventsourcing

        return peer_eventsourcing.run(max(cases // PEER_SHARE, 20), folder)
    import ours

    runs = {"ours": ours.run, "latency": ours.latency, "growth": ours.growth, "growth_random": ours.growth_random}
    return runs[what](cases, folder)


def apart(what: str, cases: int, folder: Path) -> dict[str, Any]:
    """One run in a process of its own; its figures. A run that fails its checks prints none, and ends everything."""
    command = [sys.executable, str(HERE / "bench.py"), "--one", what, "--cases", str(cases), "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{what}: no figure, the run did not end as it must\n{done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def measured(cases: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Medians over the rounds, and the ratios round by round."""
    runs: dict[str, list[dict[str, Any]]] = {"raw": [], "ours": [], "peer": []}
    for number in range(rounds):
        for what, found in runs.items():
            print(f"round {number + 1}/{rounds}: {what} …", file=sys.stderr)
            found.append(apart(what, cases, folder))
    result: dict[str, Any] = {what: _medians(found) for what, found in runs.items()}
    pairs = list(zip(runs["ours"], runs["raw"], runs["peer"], strict=True))
    result["ratios"] = {
        "ours_to_raw": statistics.median(o["events_per_s"] / r["events_per_s"] for o, r, _ in pairs),
        "ours_to_raw_cpu": statistics.median(r["cpu_s_per_1000"] / o["cpu_s_per_1000"] for o, r, _ in pairs),
        "ours_to_peer": statistics.median(o["events_per_s"] / p["events_per_s"] for o, _, p in pairs),
        "fold_to_peer": statistics.median(o["fold_events_per_s"] / p["fold_events_per_s"] for o, _, p in pairs),
        "rebuild_to_raw": statistics.median(o["rebuild_events_per_s"] / r["events_per_s"] for o, r, _ in pairs),
    }
    for what in ("latency", "growth", "growth_random"):
        print(f"{what} …", file=sys.stderr)
        result[what] = apart(what, cases, folder)
    result["fsync_ms"] = fsync_ms(folder)
    result["cases"], result["rounds"] = cases, rounds
    ours = result["ours"]
    ours |= {
        "raw_events_per_s": result["raw"]["events_per_s"],
        "ratio": result["ratios"]["ours_to_raw"],
        "p50_ms": result["latency"]["p50_ms"],
        "p99_ms": result["latency"]["p99_ms"],
        "fsync_ms": result["fsync_ms"],
    }
    return result


def _medians(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: statistics.median(run[name] for run in found) if isinstance(value, int | float) else value
        for name, value in found[0].items()
    }


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown, with what they must reach."""
    ratios, ours, raw, peer = (result[name] for name in ("ratios", "ours", "raw", "peer"))
    rows = [
        ("CPU-seconds per 1,000 events", "cpu_s_per_1000", ".4f"),
        ("events a second (wall)", "events_per_s", ",.0f"),
        ("fold, events a second", "fold_events_per_s", ",.0f"),
        ("rebuild of all tables, compared, events a second", "rebuild_events_per_s", ",.0f"),
        ("bytes on disk a case", "bytes_per_case", ",.0f"),
    ]
    goals = [
        ("SQLite: events a second ÷ raw SQLite", ratios["ours_to_raw"], 0.20),
        ("SQLite: events a second ÷ eventsourcing", ratios["ours_to_peer"], 12),
        ("fold ÷ eventsourcing's rebuild", ratios["fold_to_peer"], 6),
        ("growth, 10 × the cases, ids in order of time", result["growth"]["ratio"], 0.8),
    ]
    lines = [
        f"{result['cases']:,} cases ({result['cases'] * 5:,} events), {result['rounds']} rounds, medians; fsync p50 "
        f"{result['fsync_ms']:.2f} ms; Python {platform.python_version()}, {platform.machine()}, shared cores.",
        "",
        "| | lianxin | raw SQLite | eventsourcing |",
        "|---|--:|--:|--:|",
        *(f"| {name} | {_cells(key, form, ours, raw, peer)} |" for name, key, form in rows),
        "",
        "| ratio, inside one run | found | floor | |",
        "|---|--:|--:|---|",
        *(
            f"| {name} | {value:.2f} | {floor} | {'reached' if value >= floor else '**missed**'} |"
            for name, value, floor in goals
        ),
        f"| growth with random ids | {result['growth_random']['ratio']:.2f} | | reported |",
        f"| rebuild ÷ raw SQLite | {ratios['rebuild_to_raw']:.2f} | | reported |",
        f"| raw CPU ÷ ours | {ratios['ours_to_raw_cpu']:.2f} | | reported |",
        "",
        f"Accepted → durable at 1,000 a second: p50 {result['latency']['p50_ms']:.1f} ms, p99 "
        f"{result['latency']['p99_ms']:.1f} ms (fsync p50 {result['fsync_ms']:.2f} ms).",
        "",
        f"On in lianxin: {ours['what_is_on']}.",
        "The peer has no guards, clocks in working days, vault, read models or chain; the raw limit writes ready rows.",
    ]
    return "\n".join(lines)


def _cells(key: str, form: str, *sides: dict[str, Any]) -> str:
    return " | ".join(format(side[key], form) if key in side else "" for side in sides)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--page", action="store_true", help="write docs/performance.md")
    parser.add_argument("--one", choices=RUNS)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.cases, given.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        result = measured(given.cases, given.rounds, Path(folder))
    print(json.dumps(result, indent=2) if given.json else table(result))
    if given.page:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table(result)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
