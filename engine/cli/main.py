"""`lianxin`: which commands there are, and how a run ends.

Exit codes: 0 ok, 1 findings, 2 usage, 3 not found, 4 conflict, 5 unavailable, 6 refused, 70 our bug.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.main import get_command

from engine.cli.command import PIPE_GONE, Session, add_common
from engine.cli.help import Entry, Group
from engine.cli.screen import Screen, preferred_language, silence_broken_pipe

if TYPE_CHECKING:
    from engine.runtime.assembly import Assembly

NAME = "lianxin"
INTERRUPTED = 130

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "在虚拟时间里运行一座城市，直至结束 · A city on virtual time, to its end"),
    "init": ("init", "新建一个项目 · Begin a new project"),
    "doctor": ("doctor", "检查这里有什么问题、如何解决 · What is wrong here and how to mend it"),
    "config": ("config", "查看设置及其来源 · Settings with their origin"),
    "lint": ("lint", "检查流程文件 · Check workflow files"),
    "test": ("scenarios", "运行流程旁的场景测试 · Run the scenario files beside the workflows"),
    "simulate": ("simulate", "在虚拟时间里跑完一段历史 · Run a whole history on virtual time"),
    "schema": ("schema", "供编辑器使用的 JSON Schema · JSON Schema for editors"),
    "import": ("importing", "把文件中的各行作为事件导入 · Rows of a file into intake events"),
    "run": ("worker", "运行引擎 · Run the engine"),
    "case": ("case", "办理与查询事项 · Work with cases"),
    "key": ("key", "其他系统的密钥 · Keys of other systems"),
    "tail": ("tail", "查看总账中的事实 · The facts of the log as they come"),
    "letter": ("letter", "查询函件 · Letters"),
    "calendar": ("calendar", "工作日历与期限推算 · Working days and due dates"),
    "dlq": ("dlq", "处理死信 · Dead letters"),
    "incident": ("incident", "处理异常与隔离的事项 · Incidents, and cases in quarantine"),
    "replay": ("replay", "由总账重建并比对 · Rebuild from the log and compare"),
    "verify": ("verify", "校验总账 · Check the log"),
    "backup": ("backup", "备份数据库，引擎可继续运行 · Back up the database while the engine runs"),
    "restore": ("restore", "从备份恢复到空的位置 · Put a backup in an empty place"),
    "explain": ("explain", "解释一个错误码 · The page of a code"),
    "bench": ("bench", "性能基准 · The benchmarks"),
}
"""Every command in the order of the help page: its module in this package, and its line."""

HIDDEN = {"reference": "reference"}
"""Commands for our own use."""


def run(assemble: Callable[[Path | None], Assembly], arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line; the exit code. Never a traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    screen = Screen(json=_json_flag(arguments), language=preferred_language(_language_flag(arguments), os.environ))
    session = Session(assemble, screen, os.environ)
    try:
        done = get_command(root).main(arguments, prog_name=NAME, standalone_mode=False, obj=session)
        code = done if isinstance(done, int) else 0
        sys.stdout.flush()
        return code
    except SystemExit as end:  # of shell completion
        return end.code if isinstance(end.code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        silence_broken_pipe()
        return PIPE_GONE
    except Exception as error:
        from engine.cli.failures import failed

        return failed(error, screen, arguments)


class Root(Group):
    """The commands, each imported when it is asked for: the help page needs none of them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*COMMANDS]

    def subcommands(self, ctx: Any) -> list[Entry]:
        return [(name, line) for name, (_, line) in COMMANDS.items()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module = COMMANDS[cmd_name][0] if cmd_name in COMMANDS else HIDDEN.get(cmd_name)
        return load(module, cmd_name) if module else None


def load(module: str, name: str) -> Any:
    """The command or group that a module of this package holds."""
    from importlib import import_module

    found = get_command(import_module(f"engine.cli.{module}").app)
    found.name = name
    return found


def _json_flag(arguments: Sequence[str]) -> bool:
    """--json is needed before the command line is parsed: usage errors obey it too."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before


def _language_flag(arguments: Sequence[str]) -> str:
    """--language is needed before the command line is parsed: help pages and usage errors obey it too."""
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--language="):
            return argument.partition("=")[2]
        if argument == "--language" and index + 1 < len(arguments):
            return arguments[index + 1]
    return ""


root = typer.Typer(name=NAME, cls=Root, no_args_is_help=True, rich_markup_mode=None, add_completion=True)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        sys.stdout.write(f"{NAME} {version(NAME)}\n")
        raise typer.Exit()


def _begin(
    version: Annotated[
        bool,
        typer.Option("--version", help="版本号 · The version", callback=_version, is_eager=True, show_default=False),
    ] = False,
) -> None:
    """信访与投诉办理的事件驱动流程引擎 · An event-driven workflow engine for public petitions and complaints"""


root.callback()(add_common(_begin))
