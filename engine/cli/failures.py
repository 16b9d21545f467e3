"""How a run ends badly: one clear error with its code and remedy, and the right exit code. Never a traceback."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import typer

from engine.cli.screen import Screen
from engine.core.errors import LianxinError, Problem

USAGE, UNAVAILABLE, OUR_BUG = 2, 5, 70
CAUSES_MAX = 10
"""Of a chain of exceptions, in a report."""
SOURCE_BYTES_MAX = 4 * 1024 * 1024
"""A larger file is not read only to show one of its lines."""


def failed(error: Exception, screen: Screen, arguments: Sequence[str]) -> int:
    """Say what went wrong on standard error; the exit code."""
    if isinstance(error, LianxinError):
        show(error, screen)
        return error.exit_code
    if isinstance(error, typer.TyperException):
        return _usage(error, screen)
    if isinstance(error, OSError) and error.filename is not None:
        show(LianxinError("LX-914", exit_code=UNAVAILABLE, path=error.filename, reason=error.strerror), screen)
        return UNAVAILABLE
    report = write_report(error, arguments)
    show(LianxinError("LX-970", exit_code=OUR_BUG, type=type(error).__name__, report=report), screen)
    return OUR_BUG


def show(error: LianxinError, screen: Screen) -> None:
    """An error with its findings, as text or as JSON, on standard error."""
    if screen.json:
        import orjson

        screen.complain(orjson.dumps(as_json(error)).decode())
        return
    screen.complain("\n".join(lines_of(error, screen)))


def as_json(error: LianxinError) -> dict[str, Any]:
    """The error as a tool reads it: code, exit code, sentences in both languages, facts and findings."""
    from engine.core.catalogue import remedy, sentence
    from engine.core.report import as_json as findings

    return {
        "error": {
            "code": error.code,
            "exit_code": error.exit_code,
            "message": {"zh": sentence(error.code, error.facts, "zh"), "en": sentence(error.code, error.facts, "en")},
            "remedy": {"zh": remedy(error.code, error.facts, "zh"), "en": remedy(error.code, error.facts, "en")},
            "facts": error.facts,
            "problems": findings(error.problems),
        }
    }


def lines_of(error: LianxinError, screen: Screen) -> list[str]:
    """The error as people read it."""
    from engine.core.catalogue import remedy, sentence

    lines = []
    if error.problems:
        from engine.core.report import text

        lines.append(text(error.problems, sources_of(error.problems), screen.language))
    first, *rest = [sentence(error.code, error.facts, language) for language in languages(screen)]
    lines += [f"{screen.said('错误 · Error')} {error.code}: {first}", *(f"  {text}" for text in rest)]
    if not error.problems:
        todo = [remedy(error.code, error.facts, language) for language in languages(screen)]
        lines += [f"  → {text}" for text in dict.fromkeys(todo) if text]
    if error.facts.get("suggestion"):
        lines.append(f"  → {screen.said('是否想写 · did you mean')}: {error.facts['suggestion']}")
    return lines


def languages(screen: Screen) -> list[Literal["zh", "en"]]:
    """The languages that whole sentences are told in, each on a line of its own."""
    return ["zh", "en"] if screen.language == "zh+en" else [screen.language]


def sources_of(problems: Iterable[Problem]) -> dict[str, str]:
    """The texts of the files with findings, as far as they can be read again to show their lines."""
    found = {}
    for name in {problem.file for problem in problems}:
        path = Path(name)
        try:
            if path.is_file() and path.stat().st_size <= SOURCE_BYTES_MAX:
                found[name] = path.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
        except OSError:  # the finding is shown without its line
            continue
    return found


def write_report(error: BaseException, arguments: Sequence[str]) -> Path | str:
    """What we need to find a bug: where it was raised and under what. No message, no values: they may be personal."""
    frames = traceback.extract_tb(error.__traceback__)
    names = [a.partition("=")[0] for a in arguments if a.startswith("-")]
    command = [a for a in arguments[:2] if a.isascii() and a.isidentifier()]
    said = [
        f"lianxin {_version()}  Python {platform.python_version()}  {platform.system()} {platform.machine()}",
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  command: {' '.join([*command, *names])}",
        *_chain(error),
        *(f"  {_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames),
    ]
    try:
        handle, path = tempfile.mkstemp(prefix="lianxin-report-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(said) + "\n")
    except OSError as fault:
        return f"({fault.strerror})"
    return Path(path)


def _usage(error: Any, screen: Screen) -> int:
    context = getattr(error, "ctx", None)
    zh, en = _reason(error, context)
    if type(error).__name__ == "NoArgsIsHelpError":
        screen.complain(error.format_message())
        return USAGE
    command = context.command_path if context is not None else "lianxin"
    show(LianxinError("LX-900", exit_code=USAGE, reason_zh=zh, reason_en=en, help=f"{command} --help"), screen)
    return USAGE


def _reason(error: Any, context: Any) -> tuple[str, str]:
    """What Typer says, in both languages."""
    en = str(error.format_message()).rstrip(".").replace("\n", " ").replace("\t", "")
    kind = type(error).__name__
    parameter = getattr(error, "param", None)
    name = " / ".join(parameter.opts) if parameter is not None and parameter.opts else ""
    if parameter is not None and parameter.param_type_name == "argument":
        name = str(parameter.metavar or parameter.name).upper()
    if en.startswith("No such command"):
        return _no_command(en, context)
    if kind == "MissingParameter":
        return f"缺少 {name}", f"{name} is missing"
    if kind == "NoSuchOption":
        near = "、".join(sorted(error.possibilities or ()))
        hint = f"；是否想写 {near}" if near else ""
        return f"没有选项 {error.option_name}{hint}", en
    if kind == "BadParameter":
        return f"{name} 的值不能用：{error.message.rstrip('.')}", f"{name}: {error.message.rstrip('.')}"
    if kind == "BadOptionUsage":
        return f"选项 {error.option_name} 用法有误：{error.message.rstrip('.')}", en
    if en.startswith("Got unexpected extra argument"):
        return en.replace("Got unexpected extra argument(s)", "多余的参数"), en
    if en == "Missing command":
        return "缺少子命令", "a subcommand is missing"
    return en, en


def _no_command(en: str, context: Any) -> tuple[str, str]:
    """A command that nobody knows, with did-you-mean among those that are there."""
    from engine.core.report import suggest

    name = en.partition("'")[2].partition("'")[0]
    meant = suggest(name, context.command.list_commands(context)) if context is not None else None
    zh, en = f"没有命令 {name}", f"there is no command {name}"
    return (f"{zh}；是否想写 {meant}", f"{en}; did you mean {meant}") if meant else (zh, en)


def _chain(error: BaseException) -> list[str]:
    kinds: list[str] = []
    link: BaseException | None = error
    while link is not None and len(kinds) < CAUSES_MAX:
        kinds.append(f"{type(link).__module__}.{type(link).__qualname__}")
        link = link.__cause__ or link.__context__
    return [" from ".join(kinds)]


def _place(filename: str) -> str:
    """The part of a path that says which code it is, without the user's own folders."""
    for mark in ("site-packages/", "dist-packages/"):
        if mark in filename:
            return filename.rpartition(mark)[2]
    root = str(Path(__file__).resolve().parent.parent.parent)
    return filename.removeprefix(root + "/") if filename.startswith(root) else Path(filename).name


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lianxin")
    except PackageNotFoundError:
        return "(not installed)"
