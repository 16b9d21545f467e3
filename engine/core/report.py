"""Findings as people and tools read them: text with a caret, JSON, SARIF 2.1.0; and did-you-mean."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from engine.core.catalogue import CODES, Language, remedy, sentence
from engine.core.errors import Problem

EXCERPT_CHARACTERS = 160
"""Longest part of a source line shown with a finding."""
LABELS: dict[Language, dict[str, str]] = {
    "zh": {"error": "错误", "warning": "警告", "suggestion": "是否想写"},
    "en": {"error": "error", "warning": "warning", "suggestion": "did you mean"},
    "zh+en": {"error": "错误 error", "warning": "警告 warning", "suggestion": "是否想写 did you mean"},
}
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def text(problems: Sequence[Problem], sources: Mapping[str, str], language: Language = "zh+en") -> str:
    """Every finding with its place, code, sentence, source line and caret, remedy and did-you-mean.

    `sources` maps file names (as in `Problem.file`) to their text; a finding whose file is not there is printed
    without the line. Empty for no findings.
    """
    lines = {name: content.split("\n") for name, content in sources.items()}
    return "\n".join(_block(problem, lines.get(problem.file, []), language) for problem in in_order(problems))


def as_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """One JSON-able object per finding, in order of file and place."""
    return [
        {
            "code": problem.code,
            "severity": problem.severity,
            "file": problem.file,
            "line": problem.span.line if problem.span else None,
            "column": problem.span.column if problem.span else None,
            "end_column": problem.span.end_column if problem.span else None,
            "message": {
                "zh": sentence(problem.code, problem.facts, "zh"),
                "en": sentence(problem.code, problem.facts, "en"),
            },
            "remedy": {
                "zh": remedy(problem.code, problem.facts, "zh"),
                "en": remedy(problem.code, problem.facts, "en"),
            },
            "facts": dict(problem.facts),
            "suggestion": problem.suggestion,
        }
        for problem in in_order(problems)
    ]


def sarif(problems: Iterable[Problem]) -> dict[str, Any]:
    """The findings as one SARIF 2.1.0 run, for code review and editors (columns count Unicode code points)."""
    ordered = in_order(problems)
    rules = sorted({problem.code for problem in ordered})
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "lianxin", "rules": [_rule(code) for code in rules]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, rules.index(problem.code)) for problem in ordered],
            }
        ],
    }


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sorted by file, place and code; the same finding twice counts once."""
    seen: dict[tuple[str, int, int, str, tuple[tuple[str, str], ...]], Problem] = {}
    for problem in problems:
        line, column = (problem.span.line, problem.span.column) if problem.span else (0, 0)
        key = (problem.file, line, column, problem.code, tuple(sorted(problem.facts.items())))
        seen.setdefault(key, problem)
    return [seen[key] for key in sorted(seen)]


def suggest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that `word` was probably meant to be, or None when nothing is near."""
    candidates = sorted(set(choices) - {word})
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    if near:
        return near[0]
    folded = {choice.casefold().replace("-", "_"): choice for choice in candidates}
    return folded.get(word.casefold().replace("-", "_"))


def cells(content: str) -> int:
    """How many terminal cells a text takes: a Chinese character takes two, a combining mark none."""
    return sum(_cells_of(character) for character in content)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _block(problem: Problem, lines: Sequence[str], language: Language) -> str:
    place = problem.file
    if problem.span:
        place += f":{problem.span.line}:{problem.span.column}"
    label = LABELS[language][problem.severity]
    out = [f"{place}: {label} {problem.code} {sentence(problem.code, problem.facts, language)}"]
    if problem.span and 1 <= problem.span.line <= len(lines):
        out += _excerpt(lines[problem.span.line - 1], problem.span.line, problem.span.column, problem.span.end_column)
    todo = remedy(problem.code, problem.facts, language)
    if todo:
        out.append(f"  → {todo}")
    if problem.suggestion:
        out.append(f"  → {LABELS[language]['suggestion']}: {problem.suggestion}")
    return "\n".join(out) + "\n"


def _excerpt(line: str, number: int, column: int, end_column: int) -> list[str]:
    line = "".join(_printable(character) for character in line)
    before, marked, after = line[: column - 1], line[column - 1 : max(end_column - 1, column)], line[end_column - 1 :]
    if len(line) > EXCERPT_CHARACTERS:
        half = EXCERPT_CHARACTERS // 2
        before = "…" + before[-half:] if len(before) > half else before
        marked, after = marked[:half], after[: max(half - len(marked), 0)] + "…"
    caret = " " * cells(before) + "^" * max(cells(marked), 1)
    return [f"{number:>5} │ {before}{marked}{after}".rstrip(), f"{' ' * 5} │ {caret}"]


def _printable(character: str) -> str:
    """One character for one, so that columns stay; control characters move cursors and surrogates cannot be printed."""
    return {"Cc": " ", "Cs": "\ufffd"}.get(unicodedata.category(character), character)


def _rule(code: str) -> dict[str, Any]:
    entry = CODES.get(code)
    if entry is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": f"{entry.zh} / {entry.en}"},
        "help": {"text": f"{entry.remedy_zh} / {entry.remedy_en}"},
    }


def _result(problem: Problem, rule_index: int) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(problem.file)}}
    if problem.span:
        location["region"] = {
            "startLine": problem.span.line,
            "startColumn": problem.span.column,
            "endColumn": max(problem.span.end_column, problem.span.column),
        }
    message = sentence(problem.code, problem.facts)
    if problem.suggestion:
        message += f" ({problem.suggestion}?)"
    return {
        "ruleId": problem.code,
        "ruleIndex": rule_index,
        "level": problem.severity,
        "message": {"text": message},
        "locations": [{"physicalLocation": location}],
    }
