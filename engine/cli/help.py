"""Help pages: the same layout for every command, in the reader's language, wrapped to what the terminal can hold.

用法 Usage: lianxin case list [选项 OPTIONS]

列出事项 · List cases

选项 Options:
  --unit UNIT   责任单位 · Liable unit
"""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Iterable, Sequence
from typing import Any, cast

from typer.core import TyperCommand, TyperGroup

from engine.cli.screen import Language, in_language

WIDTH_MAX = 100
WIDTH_MIN = 50
NAMES_MAX = 34
"""Cells of the left column; a longer name stands on a line of its own."""

Entry = tuple[str, str]
"""What is explained, and its explanation in both languages."""


class Page:
    """What `--help` shows; mixed into commands and groups."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        language: Language = ctx.obj.screen.language if ctx.obj is not None else "zh+en"
        width = min(max(shutil.get_terminal_size().columns, WIDTH_MIN), WIDTH_MAX)
        formatter.write("\n".join(page(cast(TyperCommand, self), ctx, language, width)) + "\n")

    def subcommands(self, ctx: Any) -> list[Entry]:
        """Names and one-line explanations; a plain command has none."""
        return []


class Command(Page, TyperCommand):
    """A command with our help page."""


class Group(Page, TyperGroup):
    """A group of commands with our help page."""

    def subcommands(self, ctx: Any) -> list[Entry]:
        shown = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        return [(name, first_line(command.help)) for name, command in shown if not command.hidden]


def page(command: TyperCommand, ctx: Any, language: Language, width: int) -> list[str]:
    """The lines of a help page."""

    def said(text: str) -> str:
        return in_language(text, language)

    usage = [ctx.command_path, *_placeholders(command, ctx, said)]
    lines = [f"{said('用法 · Usage')}: {' '.join(usage)}", ""]
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        for text in (*_texts(paragraph, language), ""):
            lines += wrapped(text, width)
    sections: list[tuple[str, list[Entry]]] = [("命令 · Commands", cast(Page, command).subcommands(ctx))]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options: list[Any] = [p for p in command.get_params(ctx) if p.param_type_name == "option"]
    options = [p for p in options if not p.hidden]
    sections.append(("参数 · Arguments", [(_argument(p), _explained(p)) for p in arguments]))
    sections.append(("选项 · Options", [(_option(p), _explained(p)) for p in options if not is_common(p)]))
    sections.append(("通用 · Common", [(_option(p), _explained(p)) for p in options if is_common(p)]))
    for title, entries in sections:
        if entries:
            lines += [f"{said(title)}:", *_listed(entries, language, width), ""]
    return lines[:-1]


def first_line(text: str | None) -> str:
    """The first paragraph of a help text."""
    return (text or "").split("\n\n")[0].strip()


def is_common(parameter: Any) -> bool:
    """Whether every command has this option."""
    return bool(parameter.rich_help_panel == COMMON) or "--help" in parameter.opts


OF_TYPER = {
    "--help": "显示本页 · Show this page",
    "--install-completion": "为当前 shell 安装补全 · Install completion for this shell",
    "--show-completion": "显示补全脚本 · Show the completion script",
}
"""Options that Typer brings, in our words."""
COMMON = "common"
"""The panel of the options that every command has."""


def cells(text: str) -> int:
    """How many terminal cells a text of ours takes: Chinese characters and full-width marks take two."""
    return sum(2 if character >= "\u2e80" else 1 for character in text)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells: between Chinese characters, else at blanks."""
    lines, line = [], ""
    for piece in re.findall(r"[\u2e80-\uffff][，。；：、）」》？！]*|[^\s\u2e80-\uffff]+|\s+", text):
        if line.strip() and cells(line) + cells(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()]


def _texts(paragraph: str, language: Language) -> list[str]:
    """A paragraph's Chinese on its own lines and its English below, or only one of them."""
    return in_language(" ".join(paragraph.split("\n")), language).split(" · ", 1)


def _placeholders(command: TyperCommand, ctx: Any, said: Any) -> Iterable[str]:
    if cast(Page, command).subcommands(ctx):
        return [said("命令 · COMMAND"), "…"]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    found = [said("[选项 · OPTIONS]") if said("a · b") == "a · b" else f"[{said('选项 · OPTIONS')}]"]
    for parameter in arguments:
        found.append(_argument(parameter) if parameter.required else f"[{_argument(parameter)}]")
    return found


def _argument(parameter: Any) -> str:
    name = str(parameter.metavar or parameter.name).upper()
    return f"{name}…" if parameter.nargs != 1 else name


def _option(parameter: Any) -> str:
    names = ", ".join(sorted([*parameter.opts, *parameter.secondary_opts], key=lambda name: (len(name), name)))
    if parameter.is_flag or parameter.count:
        return names
    choices = parameter.type_descriptor.choices if parameter.type_descriptor.is_choice else None
    value = parameter.metavar or ("|".join(map(str, choices)) if choices else str(parameter.name).upper())
    return f"{names} {value}"


def _explained(parameter: Any) -> str:
    if parameter.opts[0] in OF_TYPER:
        return OF_TYPER[parameter.opts[0]]
    text = str(parameter.help or "")
    if parameter.required and parameter.param_type_name == "option":
        zh, _, en = text.partition(" · ")
        text = f"{zh}（必填） · {en} (required)"
    return text


def _listed(entries: Sequence[Entry], language: Language, width: int) -> list[str]:
    widest = max((cells(name) for name, _ in entries if cells(name) <= NAMES_MAX), default=0)
    lines = []
    for name, text in entries:
        explained = wrapped(in_language(text, language), width - widest - 5)
        if cells(name) > NAMES_MAX:
            lines.append(f"  {name}")
            first = ""
        else:
            first = name
        for line in explained:
            lines.append(f"  {first}{' ' * (widest - cells(first))}   {line}".rstrip())
            first = ""
    return lines
