"""`lianxin schema`: JSON Schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.cli.command import Session, command, single

app = single()


@command(
    app,
    "schema",
    "供编辑器使用的 JSON Schema（draft-07），随响应模块的参数一同生成 · "
    "JSON Schema (draft-07) for editors, with the parameters of the registered consumers",
)
def schema(
    session: Session,
    what: Annotated[
        Literal["workflow", "map", "envelope"],
        typer.Argument(
            metavar="WHAT",
            help="workflow 流程、map 映射、envelope 来件 · workflow, map, or envelope: what other systems send",
        ),
    ] = "workflow",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="写到文件 · Write it to a file")
    ] = None,
) -> None:  # fmt: skip
    import json

    from engine.language.editor_schema import draft_07, workflow_schema
    from schemas import envelope, map_file

    screen = session.screen
    if what == "workflow":
        found = workflow_schema(session.assemble(None).actions)
    elif what == "map":
        found = draft_07(map_file.json_schema())
    else:
        found = draft_07(envelope.json_schema())
    text = json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    if out is None:
        screen.result(found, text.rstrip("\n").split("\n"))
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    screen.result({"written": str(out)}, [str(out)])
