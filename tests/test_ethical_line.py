"""A workflow that scores people is not run at all, whether somebody linted it or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.app import consumers
from engine.core.errors import LianxinError
from engine.runtime.assembly import Assembly


def test_a_workflow_that_scores_the_people_who_ask_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    assembly = Assembly(consumers())
    shipped = (assembly.folder / "complaint.yaml").read_text(encoding="utf-8")
    scoring = tmp_path / "scoring.yaml"
    scoring.write_text(shipped.replace("case:\n", "case:\n  petitioner_score: {type: int, default: 0}\n", 1))
    with pytest.raises(LianxinError) as refused:
        assembly.workflow(scoring)
    (problem,) = refused.value.problems
    assert problem.code == "LX-271"
    assert problem.span is not None
