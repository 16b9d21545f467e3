"""The compiler's faults: all of them in one run, each with its code at the very word; never a traceback."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from workflow_checks import ACTIONS, BAD, codes, compiled, findings, shipped

from engine.core.catalogue import CODES, remedy, sentence
from engine.core.errors import Problem
from engine.core.report import text
from engine.language.compile import MAX_TOLD, compile_workflow
from engine.language.compile_form import MAX_MOVES, MAX_STATES
from engine.language.yaml_source import MAX_BYTES

BROKEN = sorted(path for path in BAD.glob("*.yaml") if ".mended." not in path.name)
EXPECTED = (BAD / "expected.txt").read_text(encoding="utf-8").split("\n")[1:-1]
MENDED = sorted(BAD.glob("*.mended.yaml"))
SAMPLE = (BAD / "unknown_key.mended.yaml").read_text(encoding="utf-8")


def line_of(path: Path, problem: Problem) -> str:
    """As expected.txt has it."""
    assert problem.span is not None
    told = f"{path.stem:36} {problem.code} {problem.span.line}:{problem.span.column}"
    return f"{told} {problem.suggestion}" if problem.suggestion else told


def changed(*pairs: tuple[str, str]) -> str:
    """The sample workflow with texts replaced."""
    found = SAMPLE
    for old, new in pairs:
        assert found.count(old) == 1, old
        found = found.replace(old, new)
    return found


# ── the corpus ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_each_broken_file_is_told_by_its_code_at_the_very_word(path: Path) -> None:
    told = [line_of(path, problem) for problem in findings(path.read_bytes(), path.name)]
    assert told == [line for line in EXPECTED if line.split()[0] == path.stem]


def test_the_corpus_holds_at_least_forty_codes_and_every_one_of_workflow_files() -> None:
    seen = {line.split()[1] for line in EXPECTED}
    ours = {code for code in CODES if "LX-201" <= code <= "LX-229" or "LX-240" <= code <= "LX-289"}
    assert len(BROKEN) >= 60
    assert len(seen) >= 40
    assert ours - seen == {"LX-281"}  # a file of that size is made below


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_every_finding_has_a_sentence_and_a_remedy_whose_facts_are_all_there(path: Path) -> None:
    raw = path.read_bytes()
    for problem in findings(raw, path.name):
        for language in ("zh", "en"):
            assert "…" not in sentence(problem.code, problem.facts, language)
            assert remedy(problem.code, problem.facts, language)
    assert "^" in text(findings(raw, path.name), {path.name: raw.decode("utf-8", "replace")})


@pytest.mark.parametrize("path", MENDED, ids=lambda path: path.stem)
def test_each_mended_file_is_clean_under_strict(path: Path) -> None:
    assert findings(path.read_bytes(), path.name) == []


# ── all in one run ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_key_does_not_hide_the_faults_of_the_rest() -> None:
    told = codes((BAD / "several_at_once.yaml").read_bytes())
    assert told == ["LX-204", "LX-202", "LX-151", "LX-201", "LX-202"]


def test_a_fault_of_the_yaml_does_not_hide_the_faults_of_the_rest() -> None:
    told = codes(changed(("initial: true", "initial: yes"), ("to: handled", "to: handeld")))
    assert told == ["LX-112", "LX-202"]


def test_what_follows_from_a_fault_is_not_told_again() -> None:
    wrong_type = changed(
        ("level: {type: int, min: 1, max: 5, default: 2,", "level: {type: intt,"),
        ("by: handler}", "by: handler, when: case.level >= 3}"),
    )
    assert codes(wrong_type) == ["LX-223"]
    wrong_name = changed(("  handled: {final: true}", "  Handled: {final: true}"), ("to: handled", "to: Handled"))
    assert codes(wrong_name)[-1] == "LX-202"
    assert "LX-206" in codes(wrong_name)


def test_a_fault_within_a_shipped_track_is_told_where_the_track_is_used() -> None:
    told = findings(SAMPLE + "tracks:\n  letter: {use: letter, deadlines: {reply: {until: [anwsered]}}}\n")
    (problem,) = [problem for problem in told if problem.severity == "error"]
    assert problem.code == "LX-202"
    assert problem.suggestion == "answered"
    assert problem.span is not None
    assert problem.span.line == SAMPLE.count("\n") + 2


def test_short_forms_are_told_at_the_word_too() -> None:
    names = changed(("by: handler}", "by: {all: [clerk, handlr]}}"))
    (problem,) = findings(names)
    assert problem.span is not None
    line = names.split("\n")[problem.span.line - 1]
    assert line[problem.span.column - 1 : problem.span.end_column - 1] == "handlr"


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [*shipped(), *MENDED[:10]], ids=lambda path: path.stem)
def test_an_edition_compiles_from_its_own_content_to_the_same_digest(path: Path) -> None:
    workflow = compiled(path.read_bytes(), path.name)
    assert compile_workflow(workflow.content, "edition", ACTIONS).digest == workflow.digest


def test_a_file_over_a_mebibyte_is_refused_by_its_size() -> None:
    assert codes("# " + "x" * MAX_BYTES) == ["LX-108"]


def test_a_machine_too_large_to_oversee_is_refused_before_it_is_worked_out() -> None:
    states = "".join(f"  s{n}: {{phase: assigned}}\n" for n in range(MAX_STATES))
    assert codes(changed(("  handled: {final: true}", f"{states}  handled: {{final: true}}"))) == ["LX-281"]
    moves = "".join(f"      go{n}: {{to: handled, by: clerk}}\n" for n in range(MAX_MOVES))
    assert codes(changed(("      answer:", f"{moves}      answer:"))) == ["LX-281"]


def test_of_very_many_faults_the_first_are_told() -> None:
    moves = "".join(f"      go{n}: {{to: nowhere{n}, by: nobody{n}}}\n" for n in range(MAX_TOLD))
    told = findings(changed(("      answer:", f"{moves}      answer:")))
    assert len(told) == MAX_TOLD
    assert [problem.facts["name"] for problem in told[:2]] == ["nowhere0", "nobody0"]


@pytest.mark.parametrize("empty", ["", "# nothing\n", "[]", "text", "1", "null"])
def test_a_file_that_is_no_mapping_is_told_so(empty: str) -> None:
    assert codes(empty) == ["LX-201"]


def paths_in(data: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in plain data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return (
        [at, *(path for key, value in inner for path in paths_in(value, (*at, key)))]
        if at
        else [path for key, value in inner for path in paths_in(value, (key,))]
    )


WHOLE = orjson.loads(orjson.dumps(yaml.safe_load((shipped()[0]).read_text(encoding="utf-8"))))
PLACES = paths_in(WHOLE)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 7, "", "x", "=", "=case.unit", "=tracks", "engine", "back", "*", "case.", "transition.",
     "letter.", ".", "a b", "50%", "3 days before", [], ["x"], [[]], [None], {}, {"x": 1}, {"by": "clerk"}, {"x": {}},
     {"type": "enum"}, {"all": []}, {"kind": "sign"}]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD, st.booleans()), min_size=1, max_size=3))
def test_whatever_is_put_anywhere_is_compiled_or_told_with_its_place(
    changes: list[tuple[tuple[str | int, ...], Any, bool]],
) -> None:
    data: Any = copy.deepcopy(WHOLE)
    for path, value, remove in changes:
        here = data
        for step in path[:-1]:
            here = here[step] if _has(here, step) else {}
        if _has(here, path[-1]) and remove:
            del here[path[-1]]
        elif _has(here, path[-1]):
            here[path[-1]] = value
    written = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    lines = written.count("\n") + 1
    told = findings(written)
    assert all(p.span is not None and 1 <= p.span.line <= lines for p in told)
    assert {p.code for p in told} <= CODES.keys()


def _has(here: Any, step: str | int) -> bool:
    return step in here if isinstance(here, dict) else isinstance(here, list) and step in range(len(here))
