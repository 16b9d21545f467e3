"""What every code means and what to do about it, in Chinese and English.

`sentence` is the one line printed with a finding; `explain` is the page of `lianxin explain CODE`.
Each area keeps its entries in a module beside this one; here they are joined, and a code can stand only once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from engine.core.catalogue.entry import Entry

# isort: split
# The areas may take `Entry` from here, so it stands before them.
from engine.core.catalogue import (
    backup,
    bus,
    calendar,
    cli,
    database,
    http,
    intake,
    letters,
    lint,
    reading,
    resources,
    scenario,
    settings,
    store,
    worker,
    workflow,
)

__all__ = ["CODES", "Entry", "Language", "explain", "join", "remedy", "sentence"]

Language = Literal["zh", "en", "zh+en"]


def join(areas: Iterable[Mapping[str, Entry]]) -> dict[str, Entry]:
    """All areas in one dictionary, sorted by code; a code given twice is a programming error (AssertionError)."""
    joined: dict[str, Entry] = {}
    for area in areas:
        twice = joined.keys() & area.keys()
        assert not twice, f"codes given twice: {sorted(twice)}"
        joined.update(area)
    return dict(sorted(joined.items()))


CODES: dict[str, Entry] = join(
    [
        reading.CODES,
        store.CODES,
        database.CODES,
        backup.CODES,
        worker.CODES,
        bus.CODES,
        resources.CODES,
        calendar.CODES,
        workflow.CODES,
        letters.CODES,
        lint.CODES,
        intake.CODES,
        http.CODES,
        settings.CODES,
        scenario.CODES,
        cli.CODES,
    ]
)
"""Every code with its sentences."""


def sentence(code: str, facts: Mapping[str, str], language: Language = "zh+en") -> str:
    """One line for a code, its `{placeholders}` filled from `facts` (a fact that is missing shows as `…`).

    A code nobody has entered still gives a line with the facts: a finding is never lost for want of a sentence.
    """
    entry = CODES.get(code)
    if entry is None:
        return code + "".join(f" {name}={value}" for name, value in sorted(facts.items()))
    return _in_language(_fill(entry.zh, facts), _fill(entry.en, facts), language)


def remedy(code: str, facts: Mapping[str, str], language: Language = "zh+en") -> str:
    """What to do about a finding, filled from `facts`; empty where the code has no entry."""
    entry = CODES.get(code)
    if entry is None:
        return ""
    return _in_language(_fill(entry.remedy_zh, facts), _fill(entry.remedy_en, facts), language)


def explain(code: str, language: Language = "zh+en") -> str:
    """The page of a code; LookupError for a code that does not exist."""
    entry = CODES[code]
    zh, en, remedy_zh, remedy_en = (
        _PLACEHOLDER.sub(r"‹\1›", part) for part in (entry.zh, entry.en, entry.remedy_zh, entry.remedy_en)
    )
    pages = {"zh": f"含义：{zh}\n处理：{remedy_zh}\n", "en": f"Meaning: {en}\nWhat to do: {remedy_en}\n"}
    return f"{code}\n\n" + "\n".join(pages[name] for name in pages if name in language)


def _in_language(zh: str, en: str, language: Language) -> str:
    if language == "zh":
        return zh
    if language == "en":
        return en
    return f"{zh} / {en}" if zh and en else zh or en


_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def _fill(template: str, facts: Mapping[str, str]) -> str:
    # Not str.format: facts are texts from files and may hold braces, and a missing one must not raise.
    return _PLACEHOLDER.sub(lambda found: str(facts.get(found[1], "…")), template)
