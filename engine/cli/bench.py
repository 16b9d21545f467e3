"""`lianxin bench`: the benchmarks of a source checkout, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from engine.cli.command import Session, command, single

app = single()


@command(
    app,
    "bench",
    "性能基准：与裸 SQLite 及同类在同一次运行中比较 · The benchmarks, beside raw SQLite and a peer in one run",
)
def bench(
    session: Session,
    cases: Annotated[int, typer.Option("--cases", min=20, help="事项数 · Cases")] = 8_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=20, help="轮数 · Rounds")] = 3,
    page: Annotated[
        bool, typer.Option("--page", help="写入 docs/performance.md · Write docs/performance.md", show_default=False)
    ] = False,
) -> int:
    from engine.core.errors import LianxinError
    from engine.resources import workflows_dir

    script = workflows_dir().parent / "benchmarks" / "bench.py"
    if not script.exists():
        raise LianxinError(
            "LX-190", exit_code=5, file=str(script), reason="性能基准只随源码提供 only in a source checkout"
        )
    wanted = ["--cases", str(cases), "--rounds", str(rounds)]
    wanted += ["--json"] if session.screen.json else []
    wanted += ["--page"] if page else []
    return subprocess.run([sys.executable, str(script), *wanted], check=False).returncode
