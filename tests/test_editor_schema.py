"""The editor's schema: draft-07, every shipped workflow passes, every wrong key is marked, a word on each key."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft7Validator
from workflow_checks import ACTIONS, BAD, ROOT, findings, shipped

from engine.language.editor_schema import workflow_schema
from engine.language.form_keys import keys_of, model_of
from engine.language.yaml_source import load
from schemas import workflow_file
from schemas.workflow_file import Form

MENDED = sorted(BAD.glob("*.mended.yaml"))
REAL = sorted(path for path in (ROOT / "tests" / "real").glob("*.yaml") if ".map." not in path.name)
OF_THE_FORM = {"LX-201", "LX-204", "LX-205", "LX-206", "LX-223"}
"""What a schema can know: keys, and kinds of values that are written as such."""


@cache
def schema() -> dict[str, Any]:
    return workflow_schema(ACTIONS)


def data_of(text: bytes, file: str) -> Any:
    """As an editor reads it: plain JSON."""
    return orjson.loads(orjson.dumps(load(text, file).data, default=str))


def faults(text: str | bytes, file: str = "sample.yaml") -> list[str]:
    raw = text.encode() if isinstance(text, str) else text
    return [error.json_path for error in Draft7Validator(schema()).iter_errors(data_of(raw, file))]


def test_the_schema_is_draft_07_and_asks_nothing_of_the_network() -> None:
    Draft7Validator.check_schema(schema())
    assert schema()["$schema"] == "http://json-schema.org/draft-07/schema#"
    references = {value for key, value in _walked(schema()) if key == "$ref"}
    assert references
    assert all(str(reference).startswith("#/definitions/") for reference in references)
    assert {str(reference).rpartition("/")[2] for reference in references} <= schema()["definitions"].keys()


@pytest.mark.parametrize("path", [*shipped(), *REAL, *MENDED], ids=lambda path: path.stem)
def test_what_the_compiler_accepts_the_editor_accepts(path: Path) -> None:
    assert faults(path.read_bytes(), path.name) == []


IN_A_TEXT = frozenset({"within", "remind", "after", "reply_within"})
"""Texts that only the compiler can read."""


def broken() -> list[Path]:
    """Files whose form is wrong, and not within a text."""
    found = []
    for path in sorted(path for path in BAD.glob("*.yaml") if ".mended." not in path.name):
        reserved = path.name.startswith("reserved_") and path.name != "reserved_linked.yaml"  # there it is in a text
        problems = findings(path.read_bytes(), path.name)
        if reserved or any(p.code in OF_THE_FORM and p.facts.get("field") not in IN_A_TEXT for p in problems):
            found.append(path)
    return found


@pytest.mark.parametrize("path", broken(), ids=lambda path: path.stem)
def test_every_wrong_key_is_marked_in_the_editor_too(path: Path) -> None:
    assert faults(path.read_bytes(), path.name)


SAMPLE = (BAD / "unknown_key.mended.yaml").read_text(encoding="utf-8")
ACTION = "reactions:\n  late:\n    upon: deadline.handling.missed\n    do:\n      - {}\n"


@pytest.mark.parametrize(
    ("action", "right"),
    [
        ("remind: {to: =event.owner, text: 催}", True),
        ("fire: answer", True),
        ("open: letter\n        with: {kind: supervision}", True),
        ("remind: {too: =event.owner}", False),
        ("remind: {text: 催}", False),
        ("telephone: {to: office}", False),
        ("issue_letter: {kind: supervision, to: office, copy: [office]}", True),
        ("issue_letter: {to: office}", False),
    ],
)
def test_actions_and_their_parameters_are_those_of_the_registry(action: str, right: bool) -> None:
    assert (faults(SAMPLE + ACTION.format(action)) == []) is right


@pytest.mark.parametrize(
    ("track", "right"),
    [
        ("{use: letter}", True),
        ("{use: letter, deadlines: {reply: {on_breach: list}}}", True),
        ("{use: letter, deadlines: {contest_right: null}}", True),
        ("{use: letter, deadlines: {reply: {on_breech: list}}}", False),
        ("{deadlines: {reply: {on_breach: list}}}", False),
        ("{use: letter, states: {signed: {transitions: {void: {by: {two: supervisor}}}}}}", True),
    ],
)
def test_a_change_to_a_shipped_track_need_not_repeat_it(track: str, right: bool) -> None:
    assert (faults(SAMPLE + f"tracks:\n  letter: {track}\n") == []) is right


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("clerk: 登记员", "clerk: {title: {zh: 登记员, en: Clerk}}"),
        ("by: handler}", "by: [handler, clerk]}"),
        ("by: handler}", "by: {two: handler}}"),
        ("by: handler}", "by: handler, when: case.level >= 1}"),
        ("by: handler}", "by: handler, when: [case.level >= 1, {even: case.level >= 2}]}"),
        ("by: handler}", "by: handler, when: {enough: case.level >= 1}}"),
        ("needs: [unit]", "needs: [unit, {remark: {type: code}}]"),
        ("needs: [unit]", "needs: {unit: null, remark: {type: code}}"),
        ("until: [handled]", "until: handled"),
    ],
)
def test_short_forms_are_right_in_the_editor_too(old: str, new: str) -> None:
    text = SAMPLE.replace(old, new)
    assert text != SAMPLE
    assert [problem.code for problem in findings(text) if problem.severity == "error"] == []
    assert faults(text) == []


def test_every_key_says_in_chinese_and_english_what_it_means() -> None:
    silent = []
    for form in vars(workflow_file).values():
        shown = schema()["definitions"].get(getattr(form, "__name__", ""), {})
        if isinstance(form, type) and issubclass(form, Form) and "properties" in shown:
            silent += [f"{form.__name__}.{key}" for key in keys_of(form) if " · " not in _words(shown, key)]
    silent += [key for key in keys_of(workflow_file.WorkflowForm) if " · " not in _words(schema(), key)]
    assert silent == []
    assert model_of(workflow_file.WorkflowForm) is workflow_file.WorkflowForm


def _words(form: dict[str, Any], key: str) -> str:
    return str(form["properties"][key].get("description", ""))


def _walked(here: Any) -> list[tuple[str, Any]]:
    if isinstance(here, dict):
        return [pair for key, value in here.items() for pair in [(key, value), *_walked(value)]]
    return [pair for value in here for pair in _walked(value)] if isinstance(here, list) else []
