"""The files of one letter."""

from __future__ import annotations

from pathlib import Path

from engine.letters.content import LetterContent, path_of
from engine.letters.fonts import FontSet
from engine.letters.pdf import render_pdf
from engine.letters.template import Template
from engine.letters.web import render_html
from engine.letters.word import render_docx


def documents(content: LetterContent, template: Template, fonts: FontSet | None) -> dict[str, bytes]:
    """The letter as `pdf`, `docx` and `html`: all or none, the same bytes whenever they are made.

    Without fonts there is no PDF. LianxinError as `render_pdf`, which comes first: a letter with a character that none
    of the fonts has is not given away in another form either.
    """
    printed = {"pdf": render_pdf(content, template, fonts)} if fonts else {}
    return printed | {
        "docx": render_docx(content, template),
        "html": render_html(content, template).encode(),
    }


def write_documents(content: LetterContent, template: Template, fonts: FontSet | None, folder: Path) -> list[Path]:
    """Write the files of a letter below `folder`, by kind and number; a file that stands there is replaced."""
    made = documents(content, template, fonts)
    stem = folder / path_of(content.kind, content.number or content.letter_id)
    stem.parent.mkdir(parents=True, exist_ok=True)
    written = [stem.with_name(f"{stem.name}.{suffix}") for suffix in made]
    for path, data in zip(written, made.values(), strict=True):
        path.write_bytes(data)
    return written
