"""What a command says, and where: the result on standard output, everything else on standard error.

With --json both are JSON: the result one value, standard error one object a line (`note`, and last of all `error`).

Texts are written once in both languages, `中文 · English`; a screen shows both, or the one that was asked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Literal

Language = Literal["zh", "en", "zh+en"]
BETWEEN = " · "
"""Stands between the Chinese and the English of a text."""
PIPE_COLUMNS = 100_000
"""Width of a table that is not shown on a terminal: nothing is wrapped or cut."""

Advance = Callable[[int, str], None]


@dataclass
class Screen:
    """One run of the command. `language` is what the user asked for; both where he did not."""

    json: bool = False
    quiet: bool = False
    verbose: int = 0
    language: Language = "zh+en"

    # ── the result ───────────────────────────────────────────────────────────────────────────────────────────────

    def result(self, data: Any, lines: Iterable[str]) -> None:
        """The result: `data` as JSON with --json, else `lines`."""
        if self.json:
            import orjson

            options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
            _write(sys.stdout, orjson.dumps(data, option=options, default=str).decode())
        else:
            for line in lines:
                _write(sys.stdout, line + "\n")

    def row(self, data: Any, line: str) -> None:
        """One row of a result that has no end (`tail`): a JSON object a line, or a line."""
        if self.json:
            import orjson

            line = orjson.dumps(data, default=str).decode()
        _write(sys.stdout, line + "\n")
        sys.stdout.flush()

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
        """Aligned columns under bilingual heads; wrapped to the terminal, uncut in a pipe."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for head in heads:
            table.add_column(self.said(head), overflow="fold")
        for row in rows:
            table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
        terminal = sys.stdout.isatty()
        console = Console(file=sys.stdout, width=None if terminal else PIPE_COLUMNS, highlight=False)
        with console.capture() as captured:
            console.print(table)
        return [line.rstrip() for line in captured.get().rstrip("\n").split("\n")]

    # ── beside the result ────────────────────────────────────────────────────────────────────────────────────────

    def note(self, text: str) -> None:
        """Something worth knowing beside the result; not with --quiet."""
        if self.quiet:
            return
        if self.json:
            import orjson

            zh, _, en = text.partition(BETWEEN)
            text = orjson.dumps({"note": {"zh": zh, "en": en}}).decode()
        _write(sys.stderr, self.said(text) + "\n")

    def detail(self, text: str) -> None:
        """Something for those who ask with -v."""
        if self.verbose:
            self.note(text)

    def complain(self, text: str) -> None:
        """An error: shown whatever was asked for."""
        _write(sys.stderr, text if text.endswith("\n") else text + "\n")

    def said(self, text: str) -> str:
        """`中文 · English` in the language of this screen."""
        return in_language(text, self.language)

    @property
    def asks(self) -> bool:
        """Whether somebody is there to answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str, *, yes: bool, flag: str = "--yes") -> None:
        """Go on only after a yes. LX-901 (exit 2) where nobody can be asked and the flag is missing."""
        if yes:
            return
        from engine.core.errors import LianxinError

        if not self.asks:
            raise LianxinError("LX-901", exit_code=2, flag=flag, what=self.said(question))
        _write(sys.stderr, f"{self.said(question)} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes", "是"):
            raise LianxinError("LX-902", exit_code=6, what=self.said(question))

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Advance]:
        """A bar on a terminal, silence elsewhere. Call `advance(done, text)` as the work goes on."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, text: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[said]}"),
        )
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
            task = bar.add_task(self.said(what), total=total, rate="", said="")

            def advance(done: int, text: str) -> None:
                speed = bar.tasks[0].speed
                bar.update(task, completed=done, said=text, rate=f"{speed:,.0f}/s" if speed else "")

            yield advance


def in_language(text: str, language: Language) -> str:
    """`中文 · English`, or only one of the two; a text without a separator as it stands."""
    if language == "zh+en" or BETWEEN not in text:
        return text
    zh, _, en = text.partition(BETWEEN)
    return zh if language == "zh" else en


def preferred_language(flag: str, environ: Mapping[str, str]) -> Language:
    """--language, then LIANXIN_LANGUAGE, then the locale; both languages where none of them says zh or en."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    for said in (flag, environ.get("LIANXIN_LANGUAGE", ""), locale):
        if said[:2].lower() == "zh":
            return "zh"
        if said[:2].lower() == "en":
            return "en"
    return "zh+en"


def silence_broken_pipe() -> None:
    """The reader has gone (`| head`): what is still buffered goes nowhere, without a word."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _write(stream: IO[str], text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a terminal that cannot show Chinese gets escapes instead of a traceback
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
