"""lianxin on PostgreSQL beside the raw limit, in rounds A B A B, each run in a process and on a cluster of its own.

`python benchmarks/postgres_bench.py [--cases N] [--rounds N] [--json]`. A run that does not end as it must prints no
figure. CPU-seconds are those of the client; the server's stand beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))  # the cluster that the tests start

import postgres  # noqa: E402
import workload  # noqa: E402
from measure import Measure, fsync_ms  # noqa: E402


def ours(cases: int, cluster: postgres.Cluster) -> dict[str, Any]:
    """The workload through lianxin's own door; each event once, nothing pending, all verified."""
    import ours as line_of

    from engine.audit.ndjson import log_lines
    from engine.audit.verify import verify_lines
    from engine.runtime.replay import replay

    with cluster.database() as name, line_of.office_on(cluster.url(name)) as (line, place):
        messages = list(workload.messages(cases))
        answers: Counter[str] = Counter()
        with Measure(len(messages)) as measure:
            line_of.feed_all(line, place, messages, answers)
        wanted = cases * len(workload.STEPS)
        assert answers == {"accepted": wanted, "duplicate": len(messages) - wanted}, answers
        with line.store.read() as reader:
            assert reader.head() == wanted
            assert not reader.deadlines(status="running", limit=1), "a deadline is pending"
            report = verify_lines(log_lines(reader))
        assert not report.findings, report.findings[:1]
        assert replay(line.store).equal
        return measure.figures() | {"what_is_on": line_of.ON}


def raw(cases: int, cluster: postgres.Cluster) -> dict[str, Any]:
    """COPY and arrays."""
    import raw_postgres

    with cluster.database(empty=True) as name:
        return raw_postgres.run(cases, f"host=127.0.0.1 port={cluster.port} dbname={name} user={postgres.USER}")


RUNS = {"raw": raw, "ours": ours}


def one(what: str, cases: int) -> dict[str, Any]:
    """One run, in this process."""
    with postgres.cluster() as cluster:
        before = server_cpu(cluster.postmaster)
        figures = RUNS[what](cases, cluster)
        spent = server_cpu(cluster.postmaster) - before
        return figures | {"server_cpu_s_per_1000": spent / (cases * len(workload.STEPS)) * 1000}


def server_cpu(postmaster: int) -> float:
    """CPU-seconds of the server: of its first process, and of those it has seen end or that still run."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid, parent = int(stat.parent.name), int(fields[1])
        if pid == postmaster:
            ticks += sum(map(int, fields[11:15]))  # its own, and its ended children's
        elif parent == postmaster:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def measured(cases: int, rounds: int) -> dict[str, Any]:
    """Medians over the rounds, and the ratio round by round."""
    found: dict[str, list[dict[str, Any]]] = {"raw": [], "ours": []}
    for number in range(rounds):
        for what, runs in found.items():
            print(f"round {number + 1}/{rounds}: {what} on PostgreSQL …", file=sys.stderr)
            command = [sys.executable, __file__, "--one", what, "--cases", str(cases)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{what}: no figure, the run did not end as it must\n{done.stderr}")
            runs.append(json.loads(done.stdout))
    ratios = [o["events_per_s"] / r["events_per_s"] for o, r in zip(found["ours"], found["raw"], strict=True)]
    names = ("events_per_s", "cpu_s_per_1000", "server_cpu_s_per_1000")
    said: dict[str, Any] = {
        what: {name: statistics.median(run[name] for run in runs) for name in names} for what, runs in found.items()
    }
    said["ours"] |= {"ratio": statistics.median(ratios), "raw_events_per_s": said["raw"]["events_per_s"]}
    said["ours"]["what_is_on"] = found["ours"][0]["what_is_on"]
    return said | {"cases": cases, "rounds": rounds, "fsync_ms": fsync_ms(Path("/tmp"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=RUNS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.cases)))
        return
    found = measured(given.cases, given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for what in ("raw", "ours"):
        figures = found[what]
        print(
            f"{what:5} {figures['events_per_s']:9,.0f} events/s  {figures['cpu_s_per_1000']:.4f} CPU-s per 1,000 here, "
            f"{figures['server_cpu_s_per_1000']:.4f} in the server"
        )
    print(f"ratio {found['ours']['ratio']:.2f}  fsync p50 {found['fsync_ms']:.2f} ms")


if __name__ == "__main__":
    main()
