"""Letters that a case itself brought about: who signed them, and what becomes of one that cannot be printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from invented_letters import ROOT, template
from measured_pages import measured

from engine.app import assemble
from engine.core.errors import LianxinError
from engine.letters.template import Template
from engine.runtime.handle import Line
from engine.runtime.letter_office import templates, write_letters
from engine.runtime.rulebook import RuleBook
from engine.runtime.scenarios.reading import read_scenarios
from engine.runtime.scenarios.scenario import _Play
from engine.runtime.simulate import Simulation
from engine.store.keys import fixed_keys
from engine.store.store import Store
from engine.store.transaction import Tx
from engine.store.vault import Vault


@contextmanager
def played(name: str) -> Iterator[tuple[Line, Tx, list[str]]]:
    """A scenario of the petition workflow, as it stands at its end."""
    assembly, keys = assemble(), fixed_keys()
    read = read_scenarios(ROOT / "workflows" / "petition.test.yaml", assembly)
    (scenario,) = (one for one in read.scenarios if one.name == name)
    book = RuleBook({read.workflow.name: read.workflow}, assembly.calendars(), scenario.directory)
    vault = Vault(keys)
    with Store.open("sqlite://", vault=vault, durable=False) as store:
        line = assembly.line(store, keys, vault, book)
        line.park = False
        with store.transaction() as tx:
            play = _Play(read, scenario, keys, tx, Simulation(line, assembly.consumers))
            play.run()
            assert not play.failures
            yield line, tx, sorted(set(play.case_ids.values()))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("letters")
    with played("c02_late_then_accountability") as (line, tx, cases):
        paths = write_letters(line, tx, folder, templates(assemble().folder), cases)
        data = {path: path.read_bytes() for path in paths}
        assert write_letters(line, tx, folder, templates(assemble().folder), cases) == paths
    assert {path: path.read_bytes() for path in paths} == data  # written again: the same bytes
    return folder


def test_every_letter_of_a_case_is_written_in_three_forms(written: Path) -> None:
    found = sorted(path.relative_to(written).as_posix() for path in written.rglob("*.*"))
    stems = {name.rpartition(".")[0] for name in found}
    assert "accountability/扬信责〔2026〕1号" in stems
    assert len(stems) == 4
    assert found == sorted(f"{stem}.{suffix}" for stem in stems for suffix in ("pdf", "docx", "html"))


def test_the_letter_that_takes_two_signatures_names_both_offices(written: Path) -> None:
    pages = measured((written / "accountability" / "扬信责〔2026〕1号.pdf").read_bytes())
    assert pages[-1].line("签发：").text == "签发：信访部门负责人、联席会议召集人"


def test_a_letter_with_one_signature_names_one_office(written: Path) -> None:
    said = [measured(path.read_bytes())[-1].line("签发：").text for path in (written / "supervision").glob("*.pdf")]
    assert said == ["签发：信访部门负责人"] * 2


def test_a_letter_that_cannot_be_printed_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    known: dict[str, Template] = templates(assemble().folder)
    known["risk_warning"] = dataclasses.replace(template("risk_warning"), closing=("特此函告\U000323af。",))
    with played("c02_late_then_accountability") as (line, tx, cases), pytest.raises(LianxinError) as refused:
        write_letters(line, tx, tmp_path, known, cases)
    assert (refused.value.code, refused.value.exit_code) == ("LX-722", 6)
    assert "U+323AF" in refused.value.facts["letters"]
    assert not list(tmp_path.glob("risk_warning/*"))
    assert len(list(tmp_path.rglob("*.pdf"))) == 3
