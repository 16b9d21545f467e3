"""Who complained is nowhere but in the vault, and nowhere at all once erased; who is accused never gets the case."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import orjson
import pdfplumber
import pytest
from test_import import COLUMNS, MAP
from worker_parts import (
    HandClock,
    a_worker,
    answer,
    assign,
    at,
    case_id,
    close,
    compiled,
    drop,
    facts,
    open_line,
    register,
    said,
    send,
)

from engine.app import assemble
from engine.cli.main import run as command_line
from engine.core.directory import Directory, load_directory
from engine.core.errors import LianxinError
from engine.core.model import JsonObject
from engine.core.workflow import Workflow
from engine.language.yaml_source import load
from engine.runtime.dead_letters import show
from engine.runtime.handle import Line
from engine.runtime.importer import import_file
from engine.runtime.letter_office import templates, write_letters
from engine.runtime.office import Here
from engine.runtime.outputs import write as write_outputs
from engine.runtime.people import erase
from engine.runtime.worker import Worker, WorkerSettings
from engine.store.keys import create_key_file
from engine.store.store import Store
from engine.store.vault import Vault

# ── the canary sweep ─────────────────────────────────────────────────────────────────────────────────────────────

PERSON = {
    "name": "欧阳秋水",
    "phone": "13987654321",
    "id_number": "320102199003078888",
    "address": "示例路七号院三单元",
}
PHRASE = "楼道里的水管冻裂了"
OPINION = "已同欧阳秋水当面说明"
CANARIES = (*PERSON.values(), PHRASE, OPINION)
BY = {"role": "operator", "person": "p-7"}


def forms(text: str) -> dict[str, bytes]:
    """The ways in which a text may stand in a file."""
    raw = text.encode()
    found = {
        "raw": raw,
        "utf-16le": text.encode("utf-16-le"),
        "utf-16be": text.encode("utf-16-be"),
        "gb18030": text.encode("gb18030"),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "escaped": orjson.dumps(text) if text.isascii() else text.encode("unicode-escape"),
    }
    for shift in range(3):  # wherever in a longer base64 text it begins, without the ends that its neighbours share
        found[f"base64+{shift}"] = base64.b64encode(b"\0" * shift + raw)[4:-4]
        found[f"base64url+{shift}"] = base64.urlsafe_b64encode(b"\0" * shift + raw)[4:-4]
    return found


NEEDLES = [(canary, form, needle) for canary in CANARIES for form, needle in forms(canary).items() if len(needle) >= 6]


def sweep(*folders: Path) -> list[str]:
    """Where any canary stands in any file, DOCX and PDF files unpacked."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            parts = {path.name: path.read_bytes() + str(path).encode()}
            if path.suffix == ".docx":
                with zipfile.ZipFile(path) as packed:
                    parts |= {f"{path.name}/{name}": packed.read(name) for name in packed.namelist()}
            if path.suffix == ".pdf":
                with pdfplumber.open(path) as pdf:
                    said = [*map(str, pdf.metadata.values()), *(page.extract_text() for page in pdf.pages)]
                parts[f"{path.name}/text"] = re.sub(r"\s", "", "".join(said)).encode()
            for name, content in parts.items():
                found += [f"{name}: {canary} ({form})" for canary, form, needle in NEEDLES if needle in content]
    return found


@contextmanager
def a_city(folder: Path, log: io.StringIO) -> Iterator[tuple[Line, Worker]]:
    """With a key of its own, as in real life: fixed keys would protect nobody."""
    assembly = assemble()
    key_file = folder.parent / "lianxin.key"
    keys = create_key_file(key_file)
    vault = Vault(keys)
    workflow = assembly.workflow(assembly.folder / "complaint.yaml")
    clock = HandClock(at("2026-04-01 12:00"))
    settings = WorkerSettings(spool=folder.parent / "intake")
    with Store.open(f"sqlite:///{folder / 'lianxin.db'}", vault=vault) as store:
        book = assembly.book({"complaint": workflow}, assembly.directory(), store)
        line = assembly.line(store, keys, vault, book)
        with a_worker(line, clock, settings, log) as worker:
            yield line, worker


def lived(folder: Path, line: Line, worker: Worker) -> list[JsonObject]:
    """A case of every kind of fate, each full of the person; what callers were answered."""
    clock = worker.time._clock
    assert isinstance(clock, HandClock)
    told = {"petitioner": PERSON, "text": PHRASE}
    answers = send(
        worker,
        [
            # A case key may be a name; the id of a message is its source's business, and stays as it is.
            register("欧阳秋水-1", "2026-04-01 11:00", severity=5, **told) | {"id": "m1"},
            assign("欧阳秋水-1", "2026-04-01 11:10") | {"id": "m2"},
            answer("欧阳秋水-1", "2026-04-01 11:20") | {"id": "m3", "data": _answer(OPINION)},
            register("欧阳秋水-1", "2026-04-01 11:30", **told) | {"id": "again"},  # refused: there is one
            register("K2", "2026-04-01 11:00", severity="楼道里的水管冻裂了", **told),  # dead: no number
            register("K3", "2026-04-01 11:00", hobby=PHRASE, **told),  # refused: nobody asked
            close("K4", "2026-04-01 11:00", text=PHRASE),  # early
            said("K5", "answer", "K5", "2026-04-01 11:00", role="handler", opinion=OPINION, petitioner=PERSON),  # early
            orjson.dumps(register("K6", "2026-04-01 11:00", **told))[:-2],  # dead: cut off
            register("K7", "2026-04-01 11:00", **told) | {"type": "org.unknown", "data": PERSON},
            _call("欧阳秋水-8"),
        ],
    )
    (folder.parent / "intake").mkdir()
    drop(
        folder.parent / "intake",
        "a.ndjson",
        [register("K9", "2026-04-01 11:00", **told), b"{" + PHRASE.encode()],
        "2026-04-01 11:30",
    )
    table = [
        ",".join(COLUMNS),
        f"N1,2026-04-01 09:00,住建局,2,2026-04-01 10:00,{PERSON['name']}",
        f"N2,{PHRASE},住建局,2,,{PERSON['name']}",
        f"N3,2026-04-01 09:00,住建局,{PHRASE},,{PERSON['name']}",
    ]
    (folder.parent / "old.csv").write_text("\n".join(table), encoding="utf-8")
    (folder.parent / "old.map.yaml").write_text(MAP, encoding="utf-8")
    import_file(Here(worker.writer), folder.parent / "old.csv", folder.parent / "old.map.yaml")
    worker.drain()
    send(worker, [register("LATE", "2026-04-01 11:00", **told), assign("LATE", "2026-04-01 11:10")])
    clock.turn(at("2026-05-20 09:00"))
    worker.drain()
    return answers


def _answer(opinion: str) -> JsonObject:
    return {"workflow": "complaint", "actor": {"role": "handler"}, "with": {"opinion": opinion, "satisfied": False}}


def _call(key: str) -> JsonObject:
    data = {"level": 3, "text": PHRASE, "caller": PERSON["name"], "phone": PERSON["phone"]}
    return {
        "specversion": "1.0",
        "id": "call-8",
        "source": "urn:test:hotline",
        "type": "org.city.hotline.call.logged",
        "subject": key,
        "time": at("2026-04-01 11:00"),
        "data": data,
    }


def written_out(line: Line, folder: Path) -> None:
    """Everything that is made from a database for others to see: outputs, letters, what the command line says."""
    out = folder / "out"
    shown = write_outputs(line, out, {}, "2026-05-20T00:00:00.000000Z")
    (out / "summary.txt").write_text(repr(shown))
    with line.store.read() as reader:
        ids = [row["case_id"] for row in reader.cases()]
        assert write_letters(line, reader, out, templates(assemble().folder), ids)
        listed = [reader.letters(), reader.deadlines(), reader.incidents(), reader.tallies(), reader.followups()]
        dead = [(d.source, d.reason, d.detail, d.field, d.file, d.row) for d in reader.dead_letters()]
        (out / "views.json").write_bytes(orjson.dumps([*listed, dead]))
    assert line.store.path is not None
    for number, arguments in enumerate(said_by_commands(ids, listed[0])):
        told = commanded(line.store.path, arguments)
        (out / f"said-{number}.txt").write_text(told, encoding="utf-8")


def said_by_commands(ids: list[str], letters: list[JsonObject]) -> Iterator[list[str]]:
    """What people may ask of a database without a purpose, in both forms."""
    for json in ([], ["--json"]):
        for what in ("case list", "tail -n 10000", "dlq list --state all", "incident list", "letter list", "replay"):
            yield [*what.split(), *json]
        for one in ids[:6]:
            yield ["case", "show", one, *json]
        for letter in letters[:3]:
            yield ["letter", "show", str(letter["letter_id"]), *json]
        yield ["dlq", "show", "1", *json]


def commanded(database: Path, arguments: list[str]) -> str:
    """Standard output and standard error of one command."""
    key_file = database.parent.parent / "lianxin.key"
    installed = ["--database-url", f"sqlite:///{database}", "--key-file", str(key_file)]
    told, complained = io.StringIO(), io.StringIO()
    with redirect_stdout(told), redirect_stderr(complained):
        code = command_line(assemble, [*arguments, *installed])
    assert code in (0, 1), complained.getvalue()
    return told.getvalue() + complained.getvalue()


def test_no_canary_stands_anywhere_but_in_the_vault_and_none_at_all_after_erasure(tmp_path: Path) -> None:
    folder, log = tmp_path / "db", io.StringIO()
    folder.mkdir()
    with a_city(folder, log) as (line, worker):
        answers = lived(folder, line, worker)
        assert {a["status"] for a in answers} == {"accepted", "rejected", "early", "dead-letter"}
        (folder / "answers.json").write_bytes(orjson.dumps(answers))
        (folder / "log.txt").write_text(log.getvalue())
        assert sweep(folder) == []
        outside = folder / "outside"
        outside.mkdir()
        written_out(line, outside)
        case_keys = [f"cases.ndjson: {PERSON['name']} (raw)"]
        assert sweep(folder) == case_keys, "simulate's `cases` shows the source's own case key, and nothing else"
        opened = show(Here(worker.writer), _dead(line, "not-json"), "sweep", BY)
        assert PERSON["name"].encode() in opened.content, "it was there to be found"
        sealed = [row[3] for row in _vault(line)]
        assert len(sealed) > 20
        for one in sorted({row["case_id"] for row in _cases(line)}):
            erase(Here(worker.writer), one, "", "the petitioner asked for it", BY)
        assert _vault(line) == []
        everything = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
        assert not any(ciphertext in everything for ciphertext in sealed), "not even what nobody can read"
        with pytest.raises(LianxinError) as gone:
            erase(Here(worker.writer), case_id(line, "LATE"), "", "again", BY)
        assert gone.value.code == "LX-434"
    for path in sorted(outside.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    with open_again(folder) as line:
        written_out(line, folder)
    assert sweep(folder) == []


@pytest.mark.usefixtures("on_both")
def test_erasing_one_person_leaves_the_others_and_is_on_record(tmp_path: Path) -> None:
    with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-01 12:00"))) as worker:
        send(worker, [register("K1", "2026-04-01 11:00", petitioner=PERSON, text=PHRASE)])
        assert erase(Here(worker.writer), case_id(line, "K1"), "contact:1", "asked for", BY) == ["contact:1"]
        assert {row[0] for row in _vault(line)} == {"case"}
        (record,) = facts(line, "lianxin.person.erased.v1")
        assert record.data == {"people": ["contact:1"], "reason": "asked for", "by": BY}
        # The case goes on, and so does its vault.
        assert send(worker, [assign("K1", "2026-04-01 11:30")])[0]["status"] == "accepted"


@pytest.mark.usefixtures("on_both")
@pytest.mark.usefixtures("on_both")
def test_what_is_sealed_about_an_erased_case_is_destroyed_and_its_rows_stay(tmp_path: Path) -> None:
    with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-01 12:00"))) as worker:
        office, one = Here(worker.writer), case_id(line, "K-1001")
        send(worker, [register("K-1001", "2026-04-01 11:00", petitioner=PERSON, text=PHRASE)])
        send(worker, [register("K-1002", "2026-04-01 11:00", petitioner=PERSON, text=PHRASE)])
        early = [answer("K-1001", "2026-04-01 11:20"), answer("K-1002", "2026-04-01 11:20")]
        assert {a["status"] for a in send(worker, early)} == {"early"}
        bad: list[JsonObject | bytes] = [
            register("K-1001", "2026-04-01 11:30", petitioner=PERSON, text=PHRASE, level="sehr")
        ]
        bad += [register("K-1002", "2026-04-01 11:30", petitioner=PERSON, text=PHRASE, level="sehr")]
        bad += [f"{PERSON['name']} {key} {PHRASE}".encode() for key in ("K-1001", "K-10012")]
        assert {a["status"] for a in send(worker, bad)} == {"dead-letter"}
        with line.store.read() as reader:
            before = [*(row.sealed for row in reader.parked()), *(row.sealed for row in reader.dead_letters())]
        erase(office, one, "", "asked for", BY)
        with line.store.read() as reader:
            assert [row.case_id for row in reader.parked()] == [case_id(line, "K-1002")]
            rows = reader.dead_letters()
            kept = [*(row.sealed for row in reader.parked()), *(row.sealed for row in rows)]
        gone = [row for row in rows if row.reason == "erased"]
        assert [row.state for row in gone] == ["discarded"] * 3
        assert all(line.keys.open(row.sealed, b"dead-letter") == b"" for row in gone)
        assert len(rows) == 5
        everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
        destroyed = [sealed for sealed in before if sealed not in kept]
        assert len(destroyed) == 3
        assert not any(sealed in everything for sealed in destroyed), "not even what only the key can open"
        assert send(worker, early)[0]["status"] == "duplicate", "sent again it does not come back"
        (record,) = facts(line, "lianxin.person.erased.v1")
        assert record.data["messages"] == 3


@pytest.mark.usefixtures("on_both")
def test_erasing_a_contact_leaves_messages_that_bring_no_petitioner(tmp_path: Path) -> None:
    with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-01 12:00"))) as worker:
        send(worker, [register("K-1001", "2026-04-01 11:00", petitioner=PERSON, text=PHRASE)])
        send(worker, [answer("K-1001", "2026-04-01 11:20")])
        erase(Here(worker.writer), case_id(line, "K-1001"), "contact:1", "asked for", BY)
        with line.store.read() as reader:
            assert len(reader.parked()) == 1
            assert not reader.dead_letters()


def test_while_somebody_reads_the_files_are_wiped_later(tmp_path: Path) -> None:
    with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-01 12:00"))) as worker:
        send(worker, [register("K1", "2026-04-01 11:00", petitioner=PERSON)])
        line.store._database.driver.execute("PRAGMA busy_timeout = 1")
        with line.store.read() as reader:
            reader.head()
            erase(Here(worker.writer), case_id(line, "K1"), "", "asked for", BY)
            assert worker.writer.unwiped
            worker.step()
            assert worker.writer.unwiped
        worker.step()
        assert not worker.writer.unwiped
        assert (tmp_path / "lianxin.db-wal").stat().st_size == 0


@contextmanager
def open_again(folder: Path) -> Iterator[Line]:
    from engine.store.keys import read_key_file

    assembly = assemble()
    keys = read_key_file(folder.parent / "lianxin.key")
    vault = Vault(keys)
    with Store.open(f"sqlite:///{folder / 'lianxin.db'}", vault=vault, create=False) as store:
        workflow = assembly.workflow(assembly.folder / "complaint.yaml")
        yield assembly.line(store, keys, vault, assembly.book({"complaint": workflow}, assembly.directory(), store))


def _dead(line: Line, reason: str) -> int:
    with line.store.read() as reader:
        return next(dead.number for dead in reader.dead_letters() if dead.reason == reason)


def _cases(line: Line) -> list[JsonObject]:
    with line.store.read() as reader:
        return reader.cases()


def _vault(line: Line) -> list[tuple[str, str, int, bytes]]:
    with line.store.read() as reader:
        return [row for case in reader.cases() for row in reader.vault_entries(case["case_id"])]


# ── who is accused ───────────────────────────────────────────────────────────────────────────────────────────────

DIRECTORY = """
lianxin: 1
directory: small
title: 示例
office: 信访办
units:
  市府:
    head: 市长
    leaders: {L3: post:市府/市长, L4: post:市府/市长, L5: post:市府/市长}
    posts: {市长: {holder: p-1, roles: [leader]}}
  信访办: {parent: 市府, head: 主任, posts: {主任: {holder: p-2, roles: [office]}}}
  甲局:
    parent: 市府
    head: 局长
    leaders: {L2: post:乙局/局长}
    posts: {局长: {holder: p-3, roles: [unit_head]}}
  乙局: {parent: 市府, head: 局长, posts: {局长: {holder: p-4, roles: [unit_head]}}}
  乙局一站: {parent: 乙局, head: 站长, posts: {站长: {holder: p-5, roles: [handler]}}}
  丙局: {parent: 市府, head: 局长, posts: {局长: {holder: p-6, roles: [unit_head]}}}
"""
ACCUSED = "乙局"


def directory() -> Directory:
    source = load(DIRECTORY.encode(), "directory.yaml")
    return load_directory(source.data, "directory.yaml", source.span)


def complaint_with(folder: Path, do: str) -> dict[str, Workflow]:
    """The shipped workflow, with this as what a breach of its deadline does."""
    text = (assemble().folder / "complaint.yaml").read_text(encoding="utf-8")
    start = text.index("  supervise_late_handling:")
    end = text.index("  warn_of_silence:")
    return compiled(
        folder,
        text[:start] + f"  supervise_late_handling:\n    upon: deadline.handling.missed\n    do:\n{do}" + text[end:],
    )


@contextmanager
def a_case_against(folder: Path, do: str, unit: str = "甲局") -> Iterator[tuple[Line, Worker]]:
    """A case in which 乙局 is accused and another unit answers; its deadline has passed."""
    workflows = complaint_with(folder, do)
    with open_line(None, workflows=workflows, directory=directory()) as line:
        clock = HandClock(at("2026-04-01 12:00"))
        with a_worker(line, clock) as worker:
            begun = [register("K1", "2026-04-01 11:00"), assign("K1", "2026-04-01 11:10", unit, accused=[ACCUSED])]
            assert [a["status"] for a in send(worker, begun)] == ["accepted", "accepted"]
            clock.turn(at("2026-04-24 09:00"))
            worker.drain()
            yield line, worker


LETTER = "      - issue_letter: {kind: supervision, to: =event.owner, else_to: office}\n"


@pytest.mark.parametrize("unit", [ACCUSED, "乙局一站"])
def test_it_cannot_be_assigned_to_the_accused_nor_to_anyone_under_them(tmp_path: Path, unit: str) -> None:
    begun = [register("K1", "2026-04-01 11:00"), assign("K1", "2026-04-01 11:10", unit, accused=[ACCUSED])]
    clock, workflows = HandClock(at("2026-04-01 12:00")), complaint_with(tmp_path, LETTER)
    with open_line(None, workflows=workflows, directory=directory()) as line, a_worker(line, clock) as worker:
        first, second = send(worker, begun)
    assert first["status"] == "accepted"
    assert (second["status"], second["code"]) == ("rejected", "accused-unit")


@pytest.mark.parametrize("unit", [ACCUSED, "乙局一站"])
def test_nobody_acts_for_the_accused_in_it(tmp_path: Path, unit: str) -> None:
    with a_case_against(tmp_path, LETTER) as (_, worker):
        told = answer("K1", "2026-04-24 08:59")
        told["data"]["actor"] = {"role": "handler", "person_ref": "p-4", "unit": unit}
        (given,) = send(worker, [told])
    assert (given["status"], given["code"]) == ("rejected", "accused-unit")


@pytest.mark.parametrize("unit", [ACCUSED, "乙局一站"])
def test_a_letter_to_the_accused_goes_to_the_other_recipient_and_is_an_incident(tmp_path: Path, unit: str) -> None:
    do = f"      - issue_letter: {{kind: supervision, to: {unit}, else_to: office}}\n"
    with a_case_against(tmp_path, do) as (line, _), line.store.read() as reader:
        assert [letter["recipient"] for letter in reader.letters()] == ["信访办"]
        assert "recipient-denied" in [incident["code"] for incident in reader.incidents()]


def test_a_letter_that_could_only_go_to_the_accused_is_not_written(tmp_path: Path) -> None:
    do = f"      - issue_letter: {{kind: supervision, to: {ACCUSED}, else_to: 乙局一站}}\n"
    with a_case_against(tmp_path, do) as (line, _):
        with line.store.read() as reader:
            assert reader.letters() == []
        (refused,) = facts(line, "lianxin.case.rejected.v1")
        assert refused.data["code"] == "no-recipient"


@pytest.mark.parametrize("unit", [ACCUSED, "乙局一站"])
def test_no_copy_goes_to_the_accused(tmp_path: Path, unit: str) -> None:
    do = f"      - issue_letter: {{kind: supervision, to: =event.owner, copy: {unit}}}\n"
    with a_case_against(tmp_path, do) as (line, _), line.store.read() as reader:
        (letter,) = reader.letters()
        case = reader.load([letter["case_id"]])[letter["case_id"]]
    assert case.tracks[letter["letter_id"]]["data"]["copy"] == []
    assert letter["recipient"] == "甲局"


def test_superior_does_not_lead_to_the_accused(tmp_path: Path) -> None:
    do = "      - issue_letter: {kind: supervision, to: \"=superior('乙局一站')\", else_to: office}\n"
    with a_case_against(tmp_path, do) as (line, _), line.store.read() as reader:
        assert [letter["recipient"] for letter in reader.letters()] == ["信访办"]


def test_a_leader_of_the_accused_is_no_sponsor_the_next_level_is(tmp_path: Path) -> None:
    """甲局's leader at L2 is the head of 乙局."""
    with a_case_against(tmp_path, "      - escalate: {to_level: L2}\n") as (line, _), line.store.read() as reader:
        case = reader.load([case_id(line, "K1")])[case_id(line, "K1")]
    (sponsor,) = [track["data"] for track in case.tracks.values() if track["track"] == "sponsor"]
    assert sponsor == {"leader": "p-1", "level": "L3"}
    assert case.levels["sponsor"] == "L3"


@pytest.mark.parametrize("unit", [ACCUSED, "乙局一站"])
def test_no_reminder_reaches_the_accused(tmp_path: Path, unit: str) -> None:
    with a_case_against(tmp_path, f"      - remind: {{to: {unit}, text: 请尽快办理}}\n") as (line, _):
        refused = [e.data["code"] for e in facts(line, "lianxin.case.rejected.v1")]
        reminded = [e.data["to_unit"] for e in facts(line, "lianxin.case.reminded.v1")]
    assert refused == ["accused-unit"]
    assert set(reminded) == {"甲局"}
