"""Letters, and what the engine may never do by itself: refuse, sign what is not automatic, hold to account."""

from __future__ import annotations

import re

from engine.core.lengths import parse_length
from engine.core.model import ENGINE
from engine.core.workflow import By, LetterKind
from engine.language.compile_facts import not_a_length
from engine.language.compile_form import Path
from engine.language.context import Context
from schemas.workflow_file import LetterForm

LETTER = "letter"
"""The track that letters are."""
ACCOUNTABILITY, RISK_WARNING = "accountability", "risk_warning"
ACCOUNTABILITY_LEVEL = 3
"""A letter of this level holds somebody to account, whatever its name."""

_REFUSING = re.compile(r"(?:^|_)(?:refus|reject|deny|denied|declin|dismiss)")
_REFUSING_ZH = re.compile(r"不予|拒绝|驳回|不受理")
_SIGNING = re.compile(r"(?:^|_)sign(?:$|_)")
_SIGNING_ZH = re.compile(r"签发|签批|签署")


def compile_letter(compiler: Context, name: str) -> LetterKind:
    """One kind of letter. Risk warnings and accountability recommendations are people's; the latter two people's."""
    form, path = compiler.form.letters[name], ("letters", name)
    try:
        parse_length(form.reply_within)
    except ValueError as error:
        compiler.problem("LX-201", (*path, "reply_within"), field="reply_within", reason=not_a_length(error))
    sign = compiler.by(form.sign, (*path, "sign"))
    accountability = is_accountability(name, form)
    if form.auto and (accountability or RISK_WARNING in (name, form.template)):
        compiler.problem("LX-212", (*path, "auto"), kind=name)
    if accountability and not (len(set(sign.all)) >= 2 or sign.two):
        compiler.problem("LX-213", (*path, "sign"))
    if ENGINE in sign.roles and (accountability or not form.auto):
        compiler.problem("LX-225", (*path, "sign"), word=ENGINE, name=name, what=("签发函件", "signing a letter"))
    return LetterKind(name, form.title.zh, form.mark, form.template, sign, form.auto, form.reply_within, form.level)


def is_accountability(name: str, form: LetterForm) -> bool:
    """Whether a kind of letter is a 问责建议函, by its name, its template or its level."""
    return ACCOUNTABILITY in (name, form.template) or form.level >= ACCOUNTABILITY_LEVEL


def check_engine(compiler: Context, machine: str, name: str, to: str | None, title: str, by: By, path: Path) -> None:
    """A move that lists the engine: never one that refuses, and never one that signs what is not automatic."""
    if ENGINE not in by.roles:
        return
    if any(_REFUSING.search(word) for word in (name, to or "")) or _REFUSING_ZH.search(title):
        compiler.problem("LX-225", (*path, "by"), word=ENGINE, name=name, what=("作出拒绝", "refusing"))
    elif _SIGNING.search(name) or _SIGNING_ZH.search(title):
        letters = compiler.form.letters.values()
        if machine != LETTER or not letters or not all(letter.auto for letter in letters):
            compiler.problem("LX-225", (*path, "by"), word=ENGINE, name=name, what=("签发", "signing"))
