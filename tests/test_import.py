"""Importing a file: the same door, taken up again where it stopped, and clocks that wait for its last row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from worker_parts import HandClock, a_worker, assign, at, case_id, facts, open_line, register, send

from engine.audit.digests import state_digest
from engine.core.errors import LianxinError
from engine.core.model import JsonObject
from engine.runtime.asks import Unusable
from engine.runtime.files.maps import read_map
from engine.runtime.handle import Line
from engine.runtime.importer import Imported, abandon, import_file
from engine.runtime.office import Here
from engine.runtime.whole_rows import by_row, messages_of, whole
from engine.runtime.worker import Worker

COLUMNS = ("no", "received", "unit", "level", "answered", "caller")
MAP = """
workflow: complaint
source: urn:test:old-system
format: csv
time_zone: Asia/Shanghai
time_format: "%Y-%m-%d %H:%M"
rows:
  - does: register
    as: clerk
    id: =row.no + '-r'
    case_key: =row.no
    time: =row.received
    with: {channel: letter, severity: =row.level}
    petitioner: {name: =row.caller}
  - does: assign
    as: desk
    when: row.unit != ''
    id: =row.no + '-a'
    case_key: =row.no
    time: =row.received
    with: {unit: =row.unit}
  - does: answer
    as: handler
    when: row.answered != ''
    id: =row.no + '-b'
    case_key: =row.no
    time: =row.answered
    with: {opinion: 见附件}
"""

Cells = dict[str, str]


def row(no: str, received: str, answered: str = "", *, unit: str = "住建局", level: str = "2") -> Cells:
    return {"no": no, "received": received, "unit": unit, "level": level, "answered": answered, "caller": "许晴川"}


def write(folder: Path, rows: Sequence[Cells], name: str = "old.csv") -> Path:
    (folder / "old.map.yaml").write_text(MAP, encoding="utf-8")
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    return path


@contextmanager
def importing(folder: Path, clock: HandClock) -> Iterator[tuple[Line, Worker, Here]]:
    with open_line(folder) as line, a_worker(line, clock) as worker:
        yield line, worker, Here(worker.writer)


def bring(folder: Path, path: Path, office: Here) -> Imported:
    return import_file(office, path, folder / "old.map.yaml")


def digest(line: Line) -> str:
    with line.store.read() as reader:
        return state_digest(reader)


def many(count: int) -> list[Cells]:
    return [
        row(f"N{n}", f"2026-02-{n % 20 + 1:02} 09:00", f"2026-03-{n % 25 + 1:02} 10:00" if n % 3 else "")
        for n in range(count)
    ]


class Killed(BaseException):
    """The process ends here."""


def test_rows_come_in_with_progress_and_bad_rows_become_dead_letters_that_say_where(tmp_path: Path) -> None:
    rows = [
        *many(210),
        row("N210", "gestern"),
        row("N211", "2026-03-01 09:00", level="many"),
        row("N212", "2026-03-01 09:00", unit="没有这个局"),
    ]
    path = write(tmp_path, rows)
    seen: list[tuple[int, bool]] = []
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
        done = import_file(office, path, tmp_path / "old.map.yaml", lambda i: seen.append((i.done, i.complete)))
        with line.store.read() as reader:
            dead = reader.dead_letters()
            assert reader.counts()["case"] == 210
    assert [(d.file, d.row, d.field, d.reason) for d in dead] == [
        ("old.csv", 212, "received", "bad-time"),
        ("old.csv", 213, "level", "not-an-int"),
        ("old.csv", 214, "unit", "unknown-unit"),
    ]
    assert done.answers["dead-letter"] == 3
    assert "early" not in done.answers, "of a bad row nothing comes in"
    assert [count for count, _ in seen] == sorted(count for count, _ in seen)
    assert seen[-1] == (done.done, True)


def test_a_row_whose_later_value_is_bad_brings_nothing_in_and_import_and_simulate_say_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, [row("N1", "2026-03-02 09:00", unit="没有这个局"), row("N2", "2026-03-02 09:00")])
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
        bring(tmp_path, path, office)
        with line.store.read() as reader:
            assert [case["case_id"] for case in reader.cases()] == [case_id(line, "N2")]
            (dead,) = reader.dead_letters()
        rules = line.book.current("complaint")
        rows = [whole(one, rules, line.keys) for one in by_row(messages_of(path, read_map(tmp_path / "old.map.yaml")))]
        (bad,) = [one for one in rows if isinstance(one, Unusable)]
    assert (dead.source, dead.id, dead.reason) == (bad.source, bad.id, bad.reason)
    assert (dead.file, dead.row, dead.field, dead.reason) == ("old.csv", 2, "unit", "unknown-unit")


def test_an_import_cut_off_between_two_commands_of_a_row_goes_on_with_the_rest_of_it(tmp_path: Path) -> None:
    path = write(tmp_path, [row("N1", "2026-03-02 09:00", "2026-03-04 09:00"), row("N2", "x")])
    map_ = read_map(tmp_path / "old.map.yaml")
    messages = list(messages_of(path, map_))
    begun = {"partition": "old.csv#x", "workflow": "complaint"}
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
        epoch = office.perform({"do": "import.begin", **begun})["epoch"]
        for start, end in ((0, 1), (1, 4)):
            part = {"do": "import.batch", **begun, "epoch": epoch, "from": start, "messages": messages[start:end]}
            office.perform(part)
        assert office.perform({"do": "import.begin", **begun})["next"] == 4
        with line.store.read() as reader:
            assert [case["state"] for case in reader.cases()] == ["handled"]


BROKEN = [row("N1", "gestern"), row("N2", "vorgestern"), row("N2", "vorgestern"), row("N3", "2026-03-01 09:00")]
BROKEN += [row("N4", "2026-03-01 09:00", level="viel")]


def test_what_a_broken_row_is_called_does_not_depend_on_its_place_and_equal_ones_are_told_apart(tmp_path: Path) -> None:
    found = []
    for name, rows in (("one", BROKEN), ("two", BROKEN[::-1])):
        (tmp_path / name).mkdir()
        path = write(tmp_path / name, rows)
        with importing(tmp_path / name, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
            bring(tmp_path / name, path, office)
            with line.store.read() as reader:
                found.append((state_digest(reader), sorted(d.id for d in reader.dead_letters())))
    assert found[0] == found[1]
    assert len(set(found[0][1])) == 4
    assert not [id_ for id_ in found[0][1] if "N" in id_]


def test_a_mended_file_is_not_taken_for_another_message_under_a_known_id(tmp_path: Path) -> None:
    path = write(tmp_path, BROKEN)
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
        bring(tmp_path, path, office)
        mended = [row("N0", "2026-03-01 09:00"), row("N1", "2026-03-01 09:00"), *BROKEN[1:-1]]
        again = bring(tmp_path, write(tmp_path, [*mended, row("N4", "2026-03-01 09:00")]), office)
        with line.store.read() as reader:
            assert {d.reason for d in reader.dead_letters()} == {"bad-time", "not-an-int"}
            assert len(reader.dead_letters()) == 4, "those that are still broken are known"
            assert reader.counts()["case"] == 4
    assert "dead-letter" not in again.answers
    assert again.answers["duplicate"] == 2 + 2


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, [*many(50), row("N50", "gestern")])
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
        bring(tmp_path, path, office)
        before, length = digest(line), len(facts(line))
        again = bring(tmp_path, path, office)
        assert again.complete
        assert again.answers == {}
        path.rename(tmp_path / "copy.csv")  # another name: read again, and every row is known
        copied = bring(tmp_path, tmp_path / "copy.csv", office)
        assert set(copied.answers) == {"duplicate"}
        assert (digest(line), len(facts(line))) == (before, length)


def test_an_import_that_was_cut_off_goes_on_and_ends_as_if_it_never_had_been(tmp_path: Path) -> None:
    rows = [*many(500), row("N500", "gestern")]
    path = write(tmp_path, rows)
    found: list[tuple[str, int]] = []
    for cuts in ((), (1,), (1, 1)):
        folder = tmp_path / f"cut{len(found)}"
        folder.mkdir()
        for batches in cuts:
            counted = iter(range(batches))

            def stop(imported: Imported, counted: Iterator[int] = counted) -> None:
                next(counted, None)
                if next(counted, None) is None:
                    raise Killed

            with importing(folder, HandClock(at("2026-04-20 09:00"))) as (_, _, office), pytest.raises(Killed):
                import_file(office, path, tmp_path / "old.map.yaml", stop)
        with importing(folder, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
            last = import_file(office, path, tmp_path / "old.map.yaml")
            assert bool(last.before) == bool(cuts)
            found.append((digest(line), len(facts(line))))
    assert len(set(found)) == 1


def test_a_bad_map_or_an_unknown_workflow_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, many(1))
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
        (tmp_path / "old.map.yaml").write_text(
            MAP.replace("workflow: complaint", "workflow: complain"), encoding="utf-8"
        )
        with pytest.raises(LianxinError) as refused:
            bring(tmp_path, path, office)
        assert (refused.value.code, refused.value.facts["suggestion"]) == ("LX-538", "complaint")
        with pytest.raises(LianxinError) as missing:
            bring(tmp_path, tmp_path / "nowhere.csv", office)
        assert missing.value.code == "LX-320"
        assert not facts(line)


def test_two_imports_of_one_file_at_once_cannot_both_go_on(tmp_path: Path) -> None:
    path = write(tmp_path, many(600))
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, _, office):
        other: list[Imported] = []

        def also(imported: Imported) -> None:
            if not other:
                other.append(bring(tmp_path, path, office))

        with pytest.raises(LianxinError) as refused:
            import_file(office, path, tmp_path / "old.map.yaml", also)
        assert refused.value.code == "LX-527"
        assert other[0].complete
        with line.store.read() as reader:
            assert reader.counts()["case"] == 600


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def begun(office: Here, worker: Worker, path: Path, folder: Path) -> None:
    """An import whose first batch is in, and whose others have not come yet."""

    def stop(imported: Imported) -> None:
        raise Killed

    with pytest.raises(Killed):
        import_file(office, path, folder / "old.map.yaml", stop)
    worker.drain()


def test_clocks_of_its_workflow_wait_for_the_last_row_and_ring_at_their_own_instants(tmp_path: Path) -> None:
    """The answers come in the second half of the file: nobody is found late before it is read."""
    asked = [row(f"N{n}", "2026-03-02 09:00") for n in range(400)]
    path = write(tmp_path, asked)
    answers = [{**cells, "answered": "2026-03-20 10:00", "unit": ""} for cells in asked[:-1]]
    path = write(tmp_path, [*asked, *answers])
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, worker, office):
        begun(office, worker, path, tmp_path)
        assert not facts(line, "lianxin.deadline.missed.v1")
        bring(tmp_path, path, office)
        (missed,) = facts(line, "lianxin.deadline.missed.v1")
        assert missed.case_id == case_id(line, "N399")
        assert missed.occurred_at == HandClock(at("2026-03-24 00:00")).at


def test_old_breaches_found_by_an_import_leave_drafts_and_young_ones_letters(tmp_path: Path) -> None:
    """15 working days from 2 March end on the 23rd, from 27 March on 20 April (4 to 6 April are off)."""
    rows = [
        row("OLD", "2026-03-02 09:00"),
        row("LATE", "2026-03-02 09:00", "2026-04-17 09:00"),
        row("YOUNG", "2026-03-27 09:00"),
    ]
    path = write(tmp_path, rows)
    clock = HandClock(at("2026-04-21 09:00"))
    with importing(tmp_path, clock) as (line, worker, office):
        bring(tmp_path, path, office)
        with line.store.read() as reader:
            letters = {letter["case_id"]: letter["state"] for letter in reader.letters()}
        missed = {e.case_id: (e.occurred_at, e.data.get("notes")) for e in facts(line, "lianxin.deadline.missed.v1")}
        old, late, young = (case_id(line, key) for key in ("OLD", "LATE", "YOUNG"))
        assert letters == {old: "drafted", late: "drafted", young: "delivered"}
        assert missed[old] == missed[late] == (HandClock(at("2026-03-24 00:00")).at, ["imported"])
        assert missed[young][0] == HandClock(at("2026-04-21 00:00")).at
        send(worker, [register("NEW", "2026-04-21 09:00"), assign("NEW", "2026-04-21 09:00")])
        clock.turn(at("2026-06-30 09:00"))  # nobody was there for weeks: late, and no import's doing
        worker.drain()
        with line.store.read() as reader:
            (letter,) = reader.letters(case_id=case_id(line, "NEW"))
        assert letter["state"] == "delivered"


def test_an_import_that_was_left_holds_the_clocks_for_a_while_and_then_they_ring_marked(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, [row(f"N{n}", "2026-03-02 09:00") for n in range(600)])
    clock = HandClock(at("2026-04-20 09:00"))
    with importing(tmp_path, clock) as (line, worker, office):
        begun(office, worker, path, tmp_path)
    with importing(tmp_path, clock) as (line, worker, office):
        worker.drain()
        clock.turn(at("2026-04-20 09:14"))
        worker.drain()
        assert not facts(line, "lianxin.deadline.missed.v1")
        clock.turn(at("2026-04-20 09:16"))
        worker.drain()
        missed = facts(line, "lianxin.deadline.missed.v1")
        assert missed
        assert all(event.data["notes"] == ["intake_incomplete"] for event in missed)
        with line.store.read() as reader:
            assert {letter["state"] for letter in reader.letters()} == {"drafted"}
            (incident,) = reader.incidents(open_only=True)
        assert incident["facts"]["partition"].startswith("import/complaint/old.csv#")


def test_an_import_that_was_given_up_holds_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, [row(f"N{n}", "2026-03-02 09:00") for n in range(600)])
    with importing(tmp_path, HandClock(at("2026-04-20 09:00"))) as (line, worker, office):
        begun(office, worker, path, tmp_path)
        (partition,) = [o["partition"] for o in _offsets(line) if o["group"] == "import"]
        abandon(office, partition, "complaint")
        worker.drain()
        assert facts(line, "lianxin.deadline.missed.v1")
        with pytest.raises(LianxinError) as refused:
            abandon(office, partition, "complaint")
        assert refused.value.code == "LX-539"


def _offsets(line: Line) -> list[JsonObject]:
    with line.store.read() as reader:
        return reader.offsets()
