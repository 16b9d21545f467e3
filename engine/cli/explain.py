"""`lianxin explain CODE`: what a code means and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.command import Session, command, single

app = single()


@command(app, "explain", "解释一个错误码；不给错误码时列出全部 · The page of a code; without one, all codes")
def explain(
    session: Session,
    code: Annotated[str, typer.Argument(metavar="CODE", help="如 LX-103 · For example LX-103")] = "",
) -> None:
    from engine.core.catalogue import CODES, sentence
    from engine.core.catalogue import explain as page
    from engine.core.errors import LianxinError
    from engine.core.report import suggest

    screen = session.screen
    if not code:
        everything = {name: {"zh": entry.zh, "en": entry.en} for name, entry in CODES.items()}
        screen.result(everything, (f"{name}  {sentence(name, {}, screen.language)}" for name in CODES))
        return
    wanted = _canonical(code)
    entry = CODES.get(wanted)
    if entry is None:
        raise LianxinError("LX-912", exit_code=3, wanted=code, suggestion=suggest(wanted, CODES) or "")
    said = {
        "code": wanted,
        "meaning": {"zh": entry.zh, "en": entry.en},
        "remedy": {"zh": entry.remedy_zh, "en": entry.remedy_en},
    }
    screen.result(said, page(wanted, screen.language).rstrip("\n").split("\n"))


def _canonical(code: str) -> str:
    """`lx103`, `103` and `LX-103` are one code."""
    digits = code.upper().removeprefix("LX").lstrip("-_ ")
    return f"LX-{digits}"
