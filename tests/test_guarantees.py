"""The page of guarantees names tests that exist, and every cell says something."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from cli_parts import ROOT

PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
CONFIGURATIONS = 4


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 15
    assert [f"{file}::{name}" for file, name in named if name not in functions_of(ROOT / "tests" / file)] == []


def test_every_cell_names_its_test_or_says_that_there_is_none() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert rows
    for row in rows:
        assert len(row) == CONFIGURATIONS + 1
        for cell in row[1:]:
            assert NAMED.search(cell) or " · " in cell, row
