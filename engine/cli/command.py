"""How commands are written: a function that gets a `Session` first and returns an exit code (None is 0).

    @command(app, "show", "显示一件事项 · Show one case", project=True)
    def show(session: Session, case: CaseArgument) -> None: ...

Every command gets --json, --quiet, -v and --language; with `project=True` also where its project is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.cli.help import COMMON, Command, Group
from engine.cli.screen import Screen, silence_broken_pipe

if TYPE_CHECKING:
    from engine.runtime.assembly import Assembly

PIPE_GONE = 141
"""Exit code where the reader of our output has gone: what a shell gives a program that SIGPIPE ended."""


@dataclass
class Session:
    """One run of the command line: what it was told, and what it may build."""

    assemble: Callable[[Path | None], Assembly]
    screen: Screen
    environ: Mapping[str, str]
    project: Path | None = None
    flags: dict[str, str | None] = field(default_factory=dict)


def group(name: str, help: str) -> typer.Typer:
    """A group of commands, `lianxin case …`."""
    app = typer.Typer(
        name=name, help=help, cls=Group, no_args_is_help=True, rich_markup_mode=None, add_completion=False
    )
    app.callback()(_nothing)  # so that a group of one command stays a group
    return app


def _nothing() -> None:
    """What a group does by itself."""


def single() -> typer.Typer:
    """The home of one command that stands alone, `lianxin lint`."""
    return typer.Typer(cls=Group, rich_markup_mode=None, add_completion=False)


def command(
    app: typer.Typer, name: str, help: str, *, project: bool = False, hidden: bool = False
) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Register a function as a command. Its first parameter is the session; the others are Typer's."""

    def register(function: Callable[..., int | None]) -> Callable[..., int | None]:
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())[1:]
        extra = [*(_PROJECT if project else ()), *_COMMON]

        def call(ctx: typer.Context, **given: Any) -> None:
            session: Session = ctx.obj
            _adopt(session, {parameter.name: given.pop(parameter.name) for parameter in extra})
            try:
                code = function(session, **given)
            except BrokenPipeError:
                silence_broken_pipe()
                code = PIPE_GONE
            raise typer.Exit(code or 0)

        app.command(name, cls=Command, help=help, hidden=hidden)(_shaped(call, function, [*own, *extra]))
        return function

    return register


def add_common(function: Callable[..., None]) -> Callable[..., None]:
    """The callback of the whole command line, with the options that may stand before the command's name."""
    signature = inspect.signature(function, eval_str=True)

    def call(ctx: typer.Context, **given: Any) -> None:
        _adopt(ctx.obj, {parameter.name: given.pop(parameter.name) for parameter in _COMMON})
        function(**given)

    return _shaped(call, function, [*signature.parameters.values(), *_COMMON])


def _shaped(call: Callable[..., None], function: Any, own: list[inspect.Parameter]) -> Callable[..., None]:
    """`call` with the parameters that Typer is to see."""
    parameters = [inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    parameters += [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    call.__doc__ = function.__doc__
    return call


def _adopt(session: Session, given: dict[str, Any]) -> None:
    """What the common options say. --language was read before parsing, so that help pages and errors obey it too."""
    screen = session.screen
    screen.json = screen.json or given["json_output"]
    screen.quiet = screen.quiet or given["quiet"]
    screen.verbose = max(screen.verbose, given["verbose"])
    if given.get("project") is not None:
        session.project = given["project"]
    for key in ("database_url", "key_file", "workflows_dir"):
        if given.get(key):
            session.flags[key] = str(given[key])


def _option(name: str, type_: Any, default: Any, *names: str, **settings: Any) -> inspect.Parameter:
    annotation = Annotated[type_, typer.Option(*names, show_default=False, **settings)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_COMMON = (
    _option(
        "json_output", bool, False, "--json",
        help="结果写成 JSON · The result as JSON", rich_help_panel=COMMON,
    ),
    _option(
        "quiet", bool, False, "--quiet", "-q",
        help="只输出结果与错误 · The result and errors alone", rich_help_panel=COMMON,
    ),
    _option(
        "verbose", int, 0, "--verbose", "-v", count=True,
        help="说得详细些 · Say more", rich_help_panel=COMMON,
    ),
    _option(
        "language", Literal["zh", "en", "zh+en"] | None, None, "--language",
        help="只用中文或英文 · Chinese or English alone", rich_help_panel=COMMON,
    ),
)  # fmt: skip

_PROJECT = (
    _option(
        "project", Path | None, None, "--project", metavar="DIR",
        help="项目目录，缺省为当前目录或其上含 lianxin.toml 者 · The project's folder; by default the one at or above "
        "this one that has a lianxin.toml",
    ),
    _option(
        "database_url", str | None, None, "--database-url", metavar="URL",
        help="数据库，如 sqlite:///lianxin.db · The database, e.g. sqlite:///lianxin.db",
    ),
    _option("key_file", str | None, None, "--key-file", metavar="FILE", help="密钥文件 · The key file"),
    _option(
        "workflows_dir", str | None, None, "--workflows-dir", metavar="DIR",
        help="流程目录 · The folder of workflows",
    ),
)  # fmt: skip
