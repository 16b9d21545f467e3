"""The straight line with its store: what comes twice, too early, too late or broken, and where personal values go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from databases import url_of
from msgspec.structs import replace
from small_worlds import at, book_of

from engine.app import assemble
from engine.audit.verify import verify
from engine.core.instants import Instant
from engine.core.model import Case, Event
from engine.runtime.asks import Ask, Unusable
from engine.runtime.handle import Answer, Line, carry, handle
from engine.runtime.react import GROUP, LOG, Place, ReactionsLoop, catch_up
from engine.runtime.rulebook import RuleBook
from engine.store.keys import Keys, fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault

pytestmark = pytest.mark.usefixtures("on_both")

WORKFLOW = """
case:
  unit:     {type: unit, optional: true}
  accused:  {type: list, of: unit, default: []}
  num:      {type: int, min: 0, max: 9, default: 0}
  wish:     {type: text, optional: true}
  phones:   {type: list, of: text, optional: true}
  case_key: {type: text, optional: true}
privacy: {petitioner: {name: text, phone: phone}, accused: case.accused}
roles: {clerk: 登记员, desk: 分办员, handler: {title: 承办人, of: case.unit}}
opens: {register: {by: clerk}, call: {by: clerk}}
states:
  received:
    initial: true
    transitions:
      assign: {to: assigned, by: desk, needs: [unit], takes: [accused]}
      tell:   {by: clerk, needs: [wish], takes: [phones, case_key, num]}
      call:   {by: clerk, takes: [num, wish]}
      skip:   {to: handled, by: clerk}
  assigned:
    transitions:
      answer: {to: handled, by: handler, needs: {opinion: {type: text}}}
      call:   {by: clerk, takes: [num, wish]}
  handled:
    transitions:
      close: {to: closed, by: desk, needs: [ending]}
      call:  {by: clerk, takes: [num, wish]}
  closed: {final: true}
deadlines:
  handling: {within: 2 working days, from: assigned, until: [handled], again: never, owner: =case.unit}
letters:
  supervision: {title: 督办函, mark: 示信督, template: supervision, sign: desk, auto: true, reply_within: 5 working days, level: 1}
tracks:
  letter: {use: letter}
reactions:
  supervise: {upon: deadline.handling.missed, do: [{issue_letter: {kind: supervision, to: =event.owner}}]}
  urge:      {upon: transition.assign, when: case.num == 7, do: [{remind: {to: 丙局}}]}
"""
NOW = at("03-02 12:00")
CANARY = "赵某某的秘密"


@dataclass
class Office:
    """A line over a store, and what is in it."""

    line: Line
    path: Path
    number: int = 0

    def ask(self, does: str, role: str, when: str, key: str = "K1", id: str = "", **more: Any) -> Ask:
        """A wish of a system. `values` are what is left over; `petitioner`, `person`, `intake` are the wish's own."""
        self.number += 1
        own = {name: more.pop(name) for name in list(more) if name in ("petitioner", "person", "intake")}
        said = {
            "does": does,
            "role": role,
            "when": when,
            "key": key,
            "more": more,
            "own": {k: str(v) for k, v in own.items()},
        }
        return Ask(
            source="urn:test", id=id or f"m{self.number}", workflow="small", does=does, role=role, case_key=key,
            time=at(when), values=more, content=orjson.dumps(said), **own,
        )  # fmt: skip

    def take(self, *messages: Ask | Unusable, now: Instant = NOW) -> list[Answer]:
        return handle(list(messages), self.line, now)

    def says(self, *messages: Ask | Unusable, now: Instant = NOW) -> list[str]:
        return [answer.code or answer.status for answer in self.take(*messages, now=now)]

    def case(self, key: str = "K1") -> Case:
        with self.line.store.read() as reader:
            found = reader.case(self.line.keys.case_id("small", key))
        assert found is not None
        return found

    def log(self) -> list[Event]:
        with self.line.store.read() as reader:
            return reader.log(0, 10_000)

    def types(self) -> list[str]:
        return [event.type.removeprefix("lianxin.").removesuffix(".v1") for event in self.log()]

    def counts(self) -> dict[str, int]:
        with self.line.store.read() as reader:
            return reader.counts()

    def vault(self, key: str = "K1", person: str = "") -> list[tuple[str, str]]:
        """(person, field) of what the vault keeps of a case."""
        with self.line.store.read() as reader:
            rows = reader.vault_entries(self.line.keys.case_id("small", key), person)
        return [(row[0], row[1]) for row in rows]

    def react(self, now: Instant = NOW) -> None:
        with self.line.store.transaction() as tx:
            place = Place(*tx.claim(GROUP, LOG))
            catch_up(tx, self.line, assemble().consumers, place, now)

    def bytes(self) -> bytes:
        """Every byte of the database that is on disk."""
        self.line.store.checkpoint()
        return b"".join(path.read_bytes() for path in self.path.parent.glob(f"{self.path.name}*"))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path / "office.db", WORKFLOW) as found:
        yield found


def opened(path: Path, text: str) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def opening() -> Iterator[Office]:
        keys = fixed_keys(b"tests of the line")
        vault = Vault(keys)
        with Store.open(url_of(path), vault=vault, durable=False) as store:
            yield Office(assemble().line(store, keys, vault, book_of(text)), path)

    return opening()


# ── each message once ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_comes_twice_is_done_once_and_answered_with_what_became_of_it(office: Office) -> None:
    register = office.ask("register", "clerk", "03-02 09:00")
    refused = office.ask("assign", "desk", "03-02 10:00")
    early = office.ask("answer", "handler", "03-02 10:00", opinion="x")
    dead = office.ask("assign", "nobody", "03-02 10:00")
    assert office.says(register, refused, early, dead) == ["accepted", "needs", "early", "unknown-role"]
    before = office.counts()
    again = office.take(register, refused, early, dead)
    assert [(a.status, a.code) for a in again] == [
        ("duplicate", "accepted"), ("duplicate", "rejected"), ("duplicate", "early"), ("duplicate", "dead-letter"),
    ]  # fmt: skip
    assert office.counts() == before


def test_what_comes_twice_in_one_batch_is_answered_likewise(office: Office) -> None:
    register = office.ask("register", "clerk", "03-02 09:00")
    refused = office.ask("assign", "desk", "03-02 10:00")
    early = office.ask("answer", "handler", "03-02 10:00", opinion="x")
    dead = office.ask("assign", "nobody", "03-02 10:00")
    batch = [register, refused, early, dead]
    answers = office.take(*batch, *batch)
    assert [(a.status, a.code) for a in answers[4:]] == [
        ("duplicate", "accepted"), ("duplicate", "rejected"), ("duplicate", "early"), ("duplicate", "dead-letter"),
    ]  # fmt: skip
    assert office.types() == ["case.received", "case.rejected"]


def test_an_id_with_other_content_is_a_dead_letter_also_within_one_batch(office: Office) -> None:
    register = office.ask("register", "clerk", "03-02 09:00", id="a")
    other = office.ask("register", "clerk", "03-02 09:00", key="K2", id="a")
    assert office.says(register, other) == ["accepted", "id-reused"]
    assert office.says(other, register) == ["id-reused", "accepted"]
    assert office.counts()["dead_letter"] == 2
    assert office.counts()["case"] == 1


def test_a_message_without_an_id_is_a_dead_letter_each_time(office: Office) -> None:
    broken = Unusable("", "", "not-json", "", content=b"{")
    assert office.says(broken, broken) == ["not-json", "not-json"]
    assert office.counts()["dead_letter"] == 2


def test_a_dead_letter_blocks_no_other_and_is_kept_sealed(office: Office) -> None:
    dead = office.ask("register", "clerk", "03-02 09:00", key="K2", num="many", wish=CANARY)
    assert office.says(dead, office.ask("register", "clerk", "03-02 09:00")) == ["bad-value", "accepted"]
    with office.line.store.read() as reader:
        (row,) = reader.dead_letters()
    assert (row.reason, row.field) == ("bad-value", "num")
    kept = Ask.unpacked(office.line.keys.open(row.sealed, b"dead-letter"))
    assert kept.values == {"num": "many", "wish": CANARY}
    assert CANARY.encode() not in office.bytes()


def test_a_dead_letter_that_is_tried_again_in_vain_stays_one_and_mended_is_done(office: Office) -> None:
    dead = office.ask("register", "clerk", "03-02 09:00", id="a", num="many")
    assert office.says(dead) == ["bad-value"]
    for message, said in ((dead, "bad-value"), (replace(dead, values={"num": 3}), "accepted")):
        with office.line.store.transaction() as tx:
            (answer,) = carry(tx, [message], office.line, NOW, again=True)
        assert (answer.code or answer.status) == said
    assert office.case().data["num"] == 3
    assert office.take(replace(dead, values={"num": 3}))[0].status == "duplicate"


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refusal_is_on_record_with_what_was_wished_but_nothing_personal(office: Office) -> None:
    office.take(office.ask("register", "clerk", "03-02 09:00", accused=["甲局"]))
    wish = office.ask("assign", "desk", "03-02 10:00", unit="甲站", wish=CANARY, colour=CANARY, person="p-1")
    assert office.says(wish) == ["unknown-field"]
    assert office.says(office.ask("assign", "desk", "03-02 10:00", unit="甲站", person="p-1")) == ["accused-unit"]
    unknown, denied = office.log()[1:]
    assert denied.type == "lianxin.case.rejected.v1"
    assert denied.version == 0
    assert denied.data == {
        "command": "assign", "code": "accused-unit", "facts": {"field": "unit"}, "with": {"unit": "甲站"},
        "actor": {"role": "desk", "person": "p-1"},
    }  # fmt: skip
    assert unknown.data["with"] == {"unit": "甲站"}
    assert CANARY.encode() not in office.bytes()


def test_a_refusal_leaves_nothing_in_the_vault(office: Office) -> None:
    office.take(office.ask("register", "clerk", "03-02 09:00", petitioner={"name": "钱某"}))
    kept = office.vault()
    second = office.ask("register", "clerk", "03-02 10:00", petitioner={"name": CANARY}, wish=CANARY)
    assert office.says(second) == ["case-exists"]
    assert office.vault() == kept
    assert office.says(office.ask("assign", "desk", "03-02 10:00", key="K9", unit="甲局", intake=False)) == ["no-case"]
    assert office.vault("K9") == []


def test_a_person_is_told_that_there_is_no_case_and_a_system_is_waited_for(office: Office) -> None:
    assert office.says(office.ask("tell", "clerk", "03-02 10:00", wish="x", intake=False)) == ["no-case"]
    assert office.says(office.ask("tell", "clerk", "03-02 10:00", wish="x")) == ["early"]
    assert office.types() == ["case.rejected"]
    assert office.counts()["case"] == 0


def test_a_workflow_that_nobody_knows_is_a_dead_letter(office: Office) -> None:
    wish = replace(office.ask("register", "clerk", "03-02 09:00"), workflow="large")
    assert office.says(wish) == ["unknown-workflow"]


def test_what_a_reaction_wished_and_a_person_must_see_is_an_incident(office: Office) -> None:
    office.take(office.ask("register", "clerk", "03-02 09:00", num=7, accused=["丙局"]))
    office.take(office.ask("assign", "desk", "03-02 10:00", unit="甲局"))
    office.react()
    refusal = office.log()[-1]
    assert (refusal.type, refusal.data["code"]) == ("lianxin.case.rejected.v1", "accused-unit")
    with office.line.store.read() as reader:
        (incident,) = reader.incidents()
    assert (incident["code"], incident["facts"]["reaction"]) == ("reaction-refused", "urge")
    assert incident["case_id"] == office.case().case_id


# ── early facts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_early_fact_is_taken_up_in_the_batch_that_brings_what_it_needs_and_its_sender_is_told(
    office: Office,
) -> None:
    answer = office.ask("answer", "handler", "03-02 11:00", opinion="x")
    assign = office.ask("assign", "desk", "03-02 10:00", unit="甲局")
    register = office.ask("register", "clerk", "03-02 09:00")
    answers = office.take(answer, assign, register)
    assert [a.status for a in answers] == ["accepted"] * 3
    assert office.types() == ["case.received", "case.assigned", "case.handled"]
    assert office.counts()["parked"] == 0
    assert office.vault() == [("case", "case key"), ("case", "opinion")]
    assert [a.status for a in office.take(answer)] == ["duplicate"]


def test_an_early_fact_waits_sealed_over_batches_and_is_taken_up_oldest_first(office: Office) -> None:
    later = office.ask("tell", "clerk", "03-02 11:00", wish=CANARY)
    sooner = office.ask("call", "clerk", "03-02 10:30", num=5)
    assert office.says(later, office.ask("tell", "clerk", "03-02 10:00", wish="先说的", num=4)) == ["early", "early"]
    assert CANARY.encode() not in office.bytes()
    assert office.vault() == []
    office.take(office.ask("register", "clerk", "03-02 09:00"), sooner)
    moves = [event.occurred_at for event in office.log() if event.type != "lianxin.case.received.v1"]
    assert moves == [at("03-02 10:00"), at("03-02 10:30"), at("03-02 11:00")]
    assert office.counts()["parked"] == 0


def test_what_waits_for_a_fact_is_taken_up_before_the_next_fact_of_the_same_batch(office: Office) -> None:
    assert office.says(office.ask("tell", "clerk", "03-02 10:00", wish="x")) == ["early"]
    register, skip = office.ask("register", "clerk", "03-02 09:00"), office.ask("skip", "clerk", "03-02 11:00")
    assert office.says(register, skip) == ["accepted", "accepted"]
    assert office.types() == ["case.received", "case.tell", "case.handled"]


def test_an_early_fact_that_comes_again_waits_once(office: Office) -> None:
    early = office.ask("tell", "clerk", "03-02 10:00", wish="x")
    office.take(early)
    office.take(early)
    assert office.counts()["parked"] == 1
    office.take(office.ask("register", "clerk", "03-02 09:00"), early)
    assert office.types() == ["case.received", "case.tell"]


def test_an_early_fact_whose_time_has_passed_is_late_and_refused_on_record(office: Office) -> None:
    office.take(office.ask("register", "clerk", "03-02 09:00"))
    office.take(office.ask("answer", "handler", "03-02 10:00", opinion=CANARY))
    office.take(office.ask("skip", "clerk", "03-02 11:00"))
    assert office.types() == ["case.received", "case.handled", "case.rejected"]
    assert office.log()[-1].data["code"] == "late-fact"
    assert office.counts()["parked"] == 0
    assert office.vault() == [("case", "case key")]


def test_where_nothing_earlier_can_come_an_early_fact_is_refused_at_once(office: Office) -> None:
    office.line.park = False
    assert office.says(office.ask("tell", "clerk", "03-02 10:00", wish="x")) == ["too-early"]


def test_messages_of_a_held_case_queue_and_others_go_on(office: Office) -> None:
    office.take(office.ask("register", "clerk", "03-02 09:00"))
    held = {office.line.keys.case_id("small", "K1")}
    tell = office.ask("tell", "clerk", "03-02 10:00", wish="x")
    with office.line.store.transaction() as tx:
        answers = carry(
            tx, [tell, office.ask("register", "clerk", "03-02 10:00", key="K2")], office.line, NOW, held=held
        )
    assert [a.status for a in answers] == ["early", "accepted"]
    with office.line.store.transaction() as tx:
        carry(tx, [], office.line, NOW, retry=held)
    assert office.types()[-1] == "case.tell"


# ── what is personal ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_personal_value_is_anywhere_but_in_the_vault(office: Office) -> None:
    office.take(
        office.ask("register", "clerk", "03-02 09:00", key=CANARY, petitioner={"name": CANARY, "phone": CANARY}),
        office.ask("tell", "clerk", "03-02 10:00", key=CANARY, wish=CANARY, phones=[CANARY], case_key=CANARY),
        office.ask("assign", "desk", "03-02 10:30", key=CANARY, unit="甲局"),
        office.ask("answer", "handler", "03-02 11:00", key=CANARY, opinion=CANARY),
        office.ask("tell", "clerk", "03-02 11:30", key=CANARY, wish=CANARY),  # refused
        office.ask("close", "desk", "03-02 11:40", key=CANARY, ending="x"),
        office.ask("assign", "desk", "03-02 11:00", key="K2", unit="甲局", wish=CANARY),  # parked
        office.ask("register", "clerk", "03-02 09:00", key="K3", num=CANARY),  # dead
    )
    assert office.types() == [
        "case.received", "case.tell", "case.assigned", "case.handled", "case.rejected", "case.closed",
    ]  # fmt: skip
    (contact,) = {person for person, _ in office.vault(CANARY) if person != "case"}
    assert sorted(office.vault(CANARY)) == [
        ("case", "case key"), ("case", "case_key"), ("case", "opinion"), ("case", "phones"), ("case", "wish"),
        (contact, "name"), (contact, "phone"),
    ]  # fmt: skip
    content = office.bytes()
    assert CANARY.encode() not in content
    assert orjson.dumps(CANARY)[1:-1] not in content


def test_the_log_commits_to_each_value(office: Office) -> None:
    office.take(office.ask("register", "clerk", "03-02 09:00", wish="请修路", petitioner={"name": "钱某"}))
    (event,) = office.log()
    case_id = event.case_id
    digests = {
        ("case", "wish"): event.data["with"]["case"]["wish"]["sealed"],
        ("contact:1", "name"): event.data["contact"]["contact:1"]["name"]["sealed"],
        ("case", "case key"): event.data["contact"]["case"]["case key"]["sealed"],
    }
    said = {("case", "wish"): '"请修路"', ("contact:1", "name"): '"钱某"', ("case", "case key"): '"K1"'}
    with office.line.store.read() as reader:
        for person, field, ref, sealed in reader.vault_entries(case_id):
            wrapped = reader.wrapped_keys([(case_id, person)])[case_id, person]
            value, salt = office.line.vault.reveal(wrapped, (case_id, person, field, ref, sealed))
            assert value == said[person, field]
            assert office.line.vault.check(digests[person, field], value, salt)


def test_a_batch_that_is_rolled_back_leaves_no_personal_value_and_the_next_one_is_whole(office: Office) -> None:
    register = office.ask("register", "clerk", "03-02 09:00", wish="x", petitioner={"name": "钱某"})
    with pytest.raises(RuntimeError):
        _carried_and_broken_off(office, register)
    assert not any(count for table, count in office.counts().items() if table not in ("about", "edition"))
    assert office.says(register) == ["accepted"]
    assert office.says(office.ask("tell", "clerk", "03-02 10:00", wish="y")) == ["accepted"]
    _reveal_all(office, "K1")


def test_what_comes_after_an_erasure_is_kept_under_a_new_key(office: Office) -> None:
    office.take(office.ask("register", "clerk", "03-02 09:00", wish="x"))
    with office.line.store.transaction() as tx:
        tx.erase(office.line.vault, office.case().case_id, "case")
    assert office.vault() == []
    assert office.says(office.ask("tell", "clerk", "03-02 10:00", wish="y")) == ["accepted"]
    assert office.vault() == [("case", "wish")]
    _reveal_all(office, "K1")


def test_the_first_call_of_a_batch_names_the_case_and_the_others_do_not(office: Office) -> None:
    calls = [office.ask("call", "clerk", f"03-02 09:0{n}", petitioner={"name": f"某{n}"}) for n in range(3)]
    office.take(*calls)
    one_by_one = [list(event.data["contact"]) for event in office.log()]
    assert [("case" in contact) for contact in one_by_one] == [True, False, False]
    assert len({person for contact in one_by_one for person in contact if person != "case"}) == 3
    assert [field for _, field in office.vault(person="case")] == ["case key"]


def test_a_case_whose_first_call_is_refused_is_named_by_the_next(office: Office) -> None:
    refused, call = office.ask("call", "clerk", "03-02 09:00", colour="red"), office.ask("call", "clerk", "03-02 09:01")
    assert office.says(refused, call) == ["unknown-field", "accepted"]
    assert [field for _, field in office.vault(person="case")] == ["case key"]


def _reveal_all(office: Office, key: str) -> None:
    case_id = office.line.keys.case_id("small", key)
    with office.line.store.read() as reader:
        for person, field, ref, sealed in reader.vault_entries(case_id):
            wrapped = reader.wrapped_keys([(case_id, person)])[case_id, person]
            office.line.vault.reveal(wrapped, (case_id, person, field, ref, sealed))


# ── reactions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_reading_the_log_again_from_its_beginning_changes_nothing(office: Office) -> None:
    office.take(
        office.ask("register", "clerk", "03-02 09:00", num=7), office.ask("assign", "desk", "03-02 10:00", unit="甲局")
    )
    office.react()
    before = office.counts(), office.types()
    with office.line.store.transaction() as tx:
        epoch, position = tx.claim(GROUP, LOG)
        consumers = assemble().consumers
        tx._driver.execute('UPDATE "offset" SET next = 0')
        assert position > 0
        catch_up(tx, office.line, consumers, Place(epoch, 0), NOW)
    assert (office.counts(), office.types()) == before


LOOP = """
case: {num: {type: int, default: 0}}
roles: {clerk: c}
opens: {register: {by: clerk}}
states:
  received: {initial: true, transitions: {ping: {to: assigned, by: [clerk, engine]}}}
  assigned: {transitions: {pong: {to: received, by: engine}}}
reactions:
  there: {upon: state.assigned.entered, do: [{fire: pong}]}
  back:  {upon: transition.pong, do: [{fire: ping}]}
"""


def test_reactions_without_end_are_stopped_and_leave_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "loop.db", LOOP) as office:
        office.take(office.ask("register", "clerk", "03-02 09:00"), office.ask("ping", "clerk", "03-02 10:00"))
        before = office.counts()
        with pytest.raises(ReactionsLoop):
            office.react()
        assert office.counts() | {"offset": 0} == before | {"offset": 0}  # on PostgreSQL a claim stays


# ── evidence ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.on_sqlite
def test_what_was_carried_verifies(office: Office) -> None:
    office.take(
        office.ask("register", "clerk", "03-02 09:00"),
        office.ask("assign", "desk", "03-02 10:00"),
        office.ask("assign", "desk", "03-02 10:00", unit="甲局"),
    )
    office.line.store.checkpoint()
    report = verify(office.path)
    assert report.ok, report.findings
    assert report.records == 3


__all__ = ["Keys", "RuleBook"]


def _carried_and_broken_off(office: Office, ask: Ask) -> None:
    with office.line.store.transaction() as tx:
        carry(tx, [ask], office.line, NOW)
        raise RuntimeError
