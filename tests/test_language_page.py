"""docs/language.md and docs/errors.md say what is: every example is compiled, every key and every code is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import errors_page
import language_keys
import orjson
import pytest
import yaml
from workflow_checks import ROOT, WORKFLOWS, findings

from engine.app import consumers
from engine.core.catalogue import CODES
from engine.language.compile_form import laid_over
from engine.language.yaml_source import load
from engine.runtime.assembly import Assembly
from engine.runtime.files.map_reader import load_map
from engine.runtime.scenarios.scenario import run_file
from schemas import workflow_file
from schemas.workflow_file import Form

PAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMPLAINT = (WORKFLOWS / "complaint.yaml").read_text(encoding="utf-8")
FRAGMENTS = [block for block in BLOCKS if not re.match(r"# (scenarios|map)\n|lianxin:", block)]


def over_complaint(fragment: str) -> str:
    """The complaint workflow with a fragment laid over it."""
    merged = laid_over(load(COMPLAINT, "complaint.yaml").data, _read(fragment))
    return yaml.safe_dump(orjson.loads(orjson.dumps(merged, default=str)), allow_unicode=True, sort_keys=False)


def _read(text: str) -> Any:
    source = load(text, "language.md")
    assert source.problems == ()
    return source.data


def marked(block: str, with_kind: str) -> str | None:
    found = re.match(rf"# {with_kind}: (LX-\d+)\n", block)
    return found[1] if found else None


def first_line(block: str) -> str:
    return block.strip().split("\n")[0][:60]


@pytest.mark.parametrize("block", FRAGMENTS, ids=first_line)
def test_every_example_compiles_or_is_refused_as_it_says(block: str) -> None:
    told = findings(over_complaint(block), schemes=None)
    errors = {problem.code for problem in told if problem.severity == "error"}
    refused, warned = marked(block, "refused"), marked(block, "warned")
    assert errors == ({refused} if refused else set())
    assert warned is None or warned in {problem.code for problem in told}


def test_the_whole_example_is_clean_under_strict() -> None:
    (whole,) = [block for block in BLOCKS if block.startswith("lianxin:")]
    assert findings(whole) == []


def test_the_scenario_on_the_page_passes(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if block.startswith("# scenarios")]
    (tmp_path / "complaint.yaml").write_text(COMPLAINT, encoding="utf-8")
    (tmp_path / "complaint.test.yaml").write_text(block, encoding="utf-8")
    results = run_file(tmp_path / "complaint.test.yaml", Assembly(consumers()))
    assert [(result.name, result.failures) for result in results] == [("late_then_supervised", ())]


def test_the_map_on_the_page_is_read() -> None:
    (block,) = [block for block in BLOCKS if block.startswith("# map")]
    source = load(block, "sample.map.yaml")
    assert len(load_map(source.data, "sample.map.yaml", source.span).rules) == 2


LONG_FORMS = {"Texts", "Condition", "ActionForm", "TransitionForm", "SealedForm", "Form"}
"""What nobody writes out, or what stands on the page within another form."""


def test_every_key_of_every_form_is_on_the_page() -> None:
    assert language_keys.page() == PAGE, "run: python deploy/language_keys.py"
    forms = {form for form in vars(workflow_file).values() if isinstance(form, type) and issubclass(form, Form)}
    assert {form.__name__ for form in forms - {*language_keys.TABLES.values()}} == LONG_FORMS


def test_every_code_has_its_entry_on_the_page_of_codes() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert errors_page.page() == page, "run: python deploy/errors_page.py"
    assert re.findall(r"^### (LX-\d+)$", page, re.MULTILINE) == list(CODES)
