"""Past the published calendar a due date is provisional; loading the next year records each move, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from databases import url_of

from engine.app import consumers
from engine.core.calendar import calendar_until
from engine.runtime.asks import Ask
from engine.runtime.assembly import Assembly
from engine.runtime.handle import Line, handle
from engine.runtime.reprojection import reproject_all
from engine.store.keys import fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault

pytestmark = pytest.mark.usefixtures("on_both")

REGISTERED = "2025-12-22T01:00:00.000000Z"
NOW = "2025-12-23T01:00:00.000000Z"


@pytest.fixture
def assembly() -> Assembly:
    return Assembly(consumers())


@pytest.fixture
def line(assembly: Assembly, tmp_path: Path) -> Iterator[Line]:
    """A database whose calendar knows no year after 2025."""
    keys = fixed_keys()
    vault = Vault(keys)
    workflow = assembly.workflow(assembly.folder / "complaint.yaml")
    with Store.open(url_of(tmp_path / "office.db"), vault=vault) as store:
        book = assembly.book({"complaint": workflow}, store=store)
        old = {name: calendar_until(c, 2025) if name == "cn" else c for name, c in book.calendars.items()}
        yield assembly.line(store, keys, vault, replace(book, calendars=old, _rules={}))


def ask(key: str) -> Ask:
    return Ask(
        source="urn:test", id=f"{key}/register", workflow="complaint", does="register", role="clerk", case_key=key,
        time=REGISTERED, values={"channel": "phone"}, content=key.encode(),
    )  # fmt: skip


def handling(line: Line, case_id: str) -> dict[str, object]:
    with line.store.read() as reader:
        case = reader.case(case_id)
    assert case is not None
    return dict(case.clocks["handling#1"])


def test_a_due_day_past_the_published_calendar_is_provisional_until_its_year_is_loaded(
    assembly: Assembly, line: Line
) -> None:
    answers = handle([ask("a"), ask("b")], line, NOW)
    case_id = answers[0].case_id
    before = handling(line, case_id)
    assert before["provisional"] is True
    assert before["due_at"] == "2026-01-12T15:59:59.999999Z"  # Monday to Friday, as far as anybody knows

    line.book = assembly.book(line.book.workflows, store=line.store)
    assert reproject_all(line, NOW) == 2

    after = handling(line, case_id)
    assert "provisional" not in after
    assert after["due_at"] == "2026-01-13T15:59:59.999999Z"  # 1 and 2 January are holidays, Sunday the 4th is worked
    with line.store.read() as reader:
        moves = [e for e in reader.history(case_id) if e.type == "lianxin.deadline.moved.v1"]
    (moved,) = moves[0].data["moved"]
    assert (moved["from"], moved["to"]) == (before["due_at"], after["due_at"])
    assert moves[0].data["rule"].startswith("calendar cn ")


def test_each_edition_is_applied_once_however_often_the_worker_starts(assembly: Assembly, line: Line) -> None:
    handle([ask("a")], line, NOW)
    line.book = assembly.book(line.book.workflows, store=line.store)
    assert [reproject_all(line, NOW) for _ in range(3)] == [1, 0, 0]
