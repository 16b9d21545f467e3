"""`lianxin run all|engine|consumers|clock|api`: take messages in, react, ring the clocks, answer over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.cli.command import Session, command, single

app = single()

API_LISTEN = "127.0.0.1:8087"
"""Where `run api` listens unless `[api] listen` says otherwise; `run all` has HTTP only where it says so."""


@command(
    app,
    "run",
    "运行引擎，直到 Ctrl-C 或 SIGTERM；日志写到标准错误 · "
    "Run the engine until Ctrl-C or SIGTERM; its log goes to standard error",
    project=True,
)
def run(
    session: Session,
    what: Annotated[
        Literal["all", "engine", "consumers", "clock", "api"],
        typer.Argument(
            metavar="WHAT",
            help="engine 收件，consumers 做提交后的事，clock 走钟，api 接口；all 一个进程做全部（SQLite 只能如此）"
            " · engine takes messages in, consumers does what may come after a commit, clock rings the clocks, "
            "api answers over HTTP; all: everything in one process, as SQLite needs it",
        ),
    ] = "all",
    spool: Annotated[
        Path | None,
        typer.Option(
            "--spool", metavar="DIR",
            help="收件目录：其中的 NDJSON 文件逐个收下 · A folder whose NDJSON files are taken in",
        ),
    ] = None,
) -> None:  # fmt: skip
    from engine.bus.kafka.opened import opened
    from engine.cli.installation import Installation
    from engine.core.errors import LianxinError
    from engine.log import Log
    from engine.runtime.duties import Duty, duties_of
    from engine.runtime.worker import WorkerSettings, stopped_by_signals
    from engine.runtime.worker import run as work

    if spool is not None and not spool.is_dir():
        raise LianxinError("LX-190", exit_code=3, file=str(spool), reason="没有这个目录 no such folder")
    installation = Installation(session)
    settings, screen = installation.settings, session.screen
    if what != "all" and settings.database_url.startswith("sqlite:"):
        raise LianxinError("LX-531", exit_code=2, what=what)
    if not settings.sources:
        screen.note(
            "lianxin.toml 没有列出任何来源（[sources.…]），外来消息都会成为死信 · "
            "lianxin.toml lists no source ([sources.…]): every message from outside becomes a dead letter"
        )
    duties = duties_of(what)
    topic, outlet = opened(settings, reads=Duty.INTAKE in duties, sends=Duty.CONSUMERS in duties)
    working = WorkerSettings(
        spool=spool,
        topic=topic,
        outlet=outlet,
        max_wait=settings.clock.max_wait,
        messages_max=settings.batch.messages_max,
        listen=what == "all",
        duties=duties,
    )
    log = Log(least="warning" if screen.quiet else "debug" if screen.verbose else "info")
    with installation.line() as line, stopped_by_signals() as stop:
        assembly, doors, api = installation.assembly, [], settings.api
        if what == "api" and not api.listen:
            api = api.model_copy(update={"listen": API_LISTEN})
        if Duty.API in working.duties and api.listen:
            assert assembly.http is not None, "engine.app brings it"
            doors.append(assembly.http(api, assembly))
        work(line, assembly.consumers, working, stop, time=installation.time, log=log, doors=doors)
    screen.result({"stopped": True}, ())
