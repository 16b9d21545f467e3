"""`lianxin reference` (hidden): docs/cli.md, made from the help pages that `--help` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.cli.command import Session, command, single
from engine.cli.help import first_line, page

app = single()
WIDTH = 96

HEAD = """# 命令参考 · Command reference

<!-- 由 `lianxin reference > docs/cli.md` 生成，请勿手改 · made by `lianxin reference > docs/cli.md`; do not edit -->

每条命令都有 `--json`；标准输出只有结果，其余写到标准错误。
Every command has `--json`; standard output is the result, everything else goes to standard error.

| 退出码 · exit code | 含义 · meaning |
|---|---|
| 0 | 正常 · ok |
| 1 | 有发现（检查、测试、比对） · findings |
| 2 | 用法不对 · usage |
| 3 | 找不到 · not found |
| 4 | 冲突 · conflict |
| 5 | 不可用 · unavailable |
| 6 | 驳回 · refused |
| 70 | 连心自身的错误 · our bug |
| 130 | 被 Ctrl-C 中断 · interrupted |

错误码见 `lianxin explain` · The page of an error code: `lianxin explain CODE`.
"""


@command(app, "reference", "生成 docs/cli.md · Write docs/cli.md", hidden=True)
def reference(session: Session) -> None:
    text = "\n".join(pages())
    session.screen.result({"markdown": text}, text.split("\n"))


def pages() -> Iterator[str]:
    """The whole page, part by part: every command that is not hidden, in the order of the help page."""
    import typer
    from typer.main import get_command

    from engine.cli.main import COMMANDS, NAME, load, root

    yield HEAD
    top: Any = get_command(root)
    context = typer.Context(top, info_name=NAME)
    yield _page(NAME, top, context)
    for name, (module, line) in COMMANDS.items():
        found = load(module, name)
        inner = typer.Context(found, info_name=name, parent=context)
        yield f"## lianxin {name}\n\n{line}\n"
        commands = getattr(found, "commands", {})
        if not commands:
            yield _page("", found, inner)
        for sub in commands.values():
            if not sub.hidden:
                yield f"### lianxin {name} {sub.name}\n\n{first_line(sub.help)}\n"
                yield _page("", sub, typer.Context(sub, info_name=sub.name, parent=inner))


def _page(title: str, command: Any, context: Any) -> str:
    head = f"## {title}\n\n" if title else ""
    return head + "\n".join(["```text", *page(command, context, "zh+en", WIDTH), "```", ""])
