"""The vault gives back what it was given, to its own place and key only; the log can check it and learns nothing."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple, replace
from itertools import product
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import MetaData, create_engine
from sqlalchemy.pool import StaticPool

from engine.core.errors import LianxinError
from engine.store import vault as vault_module
from engine.store.keys import Keys, fixed_keys
from engine.store.vault import EntryRow, Protected, Secret, Vault, erase, insert, seeded_random, tables

KEYS = fixed_keys()
OTHER_KEYS = Keys(bytes(32))
NAME = Secret("case-a", "contact:1", "name", 1, '"许某某"')
PHONE = Secret("case-a", "contact:1", "phone", 1, '"19900000000"')
TEXT = Secret("case-a", "case", "text", 1, '"路灯不亮"')

places = st.builds(
    Secret,
    case_id=st.sampled_from(["case-a", "case-b"]),
    person=st.sampled_from(["case", "contact:1", "contact:11"]),
    field=st.sampled_from(["name", "text", "姓名"]),
    ref=st.integers(0, 2**40),
    value=st.just("0"),
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts, st.lists, max_leaves=5)
batches = st.lists(st.builds(replace, places, value=values.map(lambda value: orjson.dumps(value).decode())), max_size=8)


def wrapped_keys(protected: Protected) -> dict[tuple[str, str], bytes]:
    return {(case_id, person): wrapped for case_id, person, wrapped in protected.keys}


def refusal(vault: Vault, wrapped: bytes, row: EntryRow) -> str:
    with pytest.raises(LianxinError) as caught:
        vault.reveal(wrapped, row)
    return caught.value.code


# --- giving back ---


@given(batches, batches)
def test_every_secret_comes_back_and_its_commitment_verifies(first: list[Secret], second: list[Secret]) -> None:
    writer, reader = Vault(KEYS), Vault(KEYS)
    one = writer.protect(first, {})
    two = writer.protect(second, wrapped_keys(one))
    known = wrapped_keys(one) | wrapped_keys(two)
    assert len(known) == len(one.keys) + len(two.keys)  # no key is made twice
    for secret, row, commitment in zip(
        first + second, one.entries + two.entries, one.commitments + two.commitments, strict=True
    ):
        assert (*row[:4], secret.value) == astuple(secret)
        value, salt = reader.reveal(known[secret.case_id, secret.person], row)
        assert value == secret.value
        assert reader.check(commitment.digest, value, salt)


def test_a_person_has_one_key_per_case_and_a_known_key_is_used_again() -> None:
    first = Vault(KEYS).protect([NAME, PHONE, TEXT, replace(NAME, case_id="case-b")], {})
    assert [row[:2] for row in first.keys] == [("case-a", "contact:1"), ("case-a", "case"), ("case-b", "contact:1")]
    later = Vault(KEYS).protect([replace(PHONE, ref=2)], wrapped_keys(first))
    assert later.keys == []
    assert Vault(KEYS).reveal(first.keys[0][2], later.entries[0])[0] == PHONE.value


def test_the_vault_forgets_the_oldest_ciphers_and_still_reads_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_module, "CIPHERS_REMEMBERED_MAX", 3)
    vault = Vault(KEYS)
    protected = vault.protect([replace(NAME, case_id=f"case-{number}") for number in range(10)], {})
    assert len(vault._ciphers) == 3
    known = wrapped_keys(protected)
    assert {vault.reveal(known[row[0], row[1]], row)[0] for row in protected.entries} == {NAME.value}
    assert len(vault._ciphers) == 3


def test_an_empty_batch_becomes_nothing() -> None:
    assert Vault(KEYS).protect([], {}) == Protected([], [], [])


# --- refusing ---


def test_another_key_file_opens_nothing() -> None:
    protected = Vault(KEYS).protect([NAME], {})
    assert refusal(Vault(OTHER_KEYS), protected.keys[0][2], protected.entries[0]) == "LX-510"
    with pytest.raises(LianxinError) as caught:
        Vault(OTHER_KEYS).protect([PHONE], wrapped_keys(protected))
    assert caught.value.code == "LX-510"


@given(places, places)
def test_an_entry_moved_to_any_other_place_is_refused(here: Secret, there: Secret) -> None:
    vault = Vault(KEYS)
    protected = vault.protect([here], {})
    moved = (there.case_id, there.person, there.field, there.ref, protected.entries[0][4])
    if moved[:4] == protected.entries[0][:4]:
        return
    own_key = (vault.protect([there], wrapped_keys(protected)).keys or protected.keys)[0][2]
    assert refusal(vault, own_key, moved) == "LX-511"
    if moved[:2] != protected.entries[0][:2]:  # the key row moved along with it
        assert refusal(vault, protected.keys[0][2], moved) == "LX-510"
        assert refusal(Vault(KEYS), protected.keys[0][2], moved) == "LX-510"


def test_letters_shifted_between_the_parts_of_a_place_make_another_place() -> None:
    parts = ["", "a", "b", "ab", "1", "1 1", " "]
    all_places = list(product(parts, parts, parts, [1, 11]))
    assert len({vault_module._bound(*place) for place in all_places}) == len(all_places)


@given(st.data())
def test_one_bit_changed_in_an_entry_or_a_key_is_refused(data: st.DataObject) -> None:
    vault = Vault(KEYS)
    protected = vault.protect([NAME], {})
    wrapped, row = protected.keys[0][2], protected.entries[0]

    def changed(original: bytes) -> bytes:
        bit = data.draw(st.integers(0, len(original) * 8 - 1))
        return original[: bit // 8] + bytes([original[bit // 8] ^ 1 << bit % 8]) + original[bit // 8 + 1 :]

    assert refusal(vault, wrapped, (*row[:4], changed(row[4]))) == "LX-511"
    assert refusal(vault, changed(wrapped), row) == "LX-510"


def test_an_entry_or_a_key_cut_short_is_refused() -> None:
    protected = Vault(KEYS).protect([NAME], {})
    wrapped, row = protected.keys[0][2], protected.entries[0]
    for length in range(len(row[4])):
        assert refusal(Vault(KEYS), wrapped, (*row[:4], row[4][:length])) == "LX-511"
    for length in range(len(wrapped)):
        assert refusal(Vault(KEYS), wrapped[:length], row) == "LX-510"


# --- telling nothing ---


def test_equal_values_have_different_commitments_salts_and_entries() -> None:
    same = [replace(NAME, ref=number) for number in range(50)]
    protected = Vault(KEYS).protect(same, {})
    assert len({commitment.digest for commitment in protected.commitments}) == 50
    wrapped = protected.keys[0][2]
    assert len({Vault(KEYS).reveal(wrapped, row)[1] for row in protected.entries}) == 50
    assert len({row[4][1:13] for row in protected.entries}) == 50  # the nonces


def test_short_and_long_names_look_alike_in_the_database() -> None:
    names = [replace(NAME, value=value) for value in ('"许某"', '"许某某"', '"欧阳某某"')]
    assert len({len(row[4]) for row in Vault(KEYS).protect(names, {}).entries}) == 1


def test_a_commitment_is_what_anybody_can_compute_from_value_and_salt() -> None:
    vault = Vault(KEYS)
    protected = vault.protect([NAME], {})
    value, salt = vault.reveal(protected.keys[0][2], protected.entries[0])
    digest = base64.urlsafe_b64encode(hashlib.sha256(salt + value.encode()).digest()).decode().rstrip("=")
    assert protected.commitments[0].logged == {"sealed": digest}
    assert vault.check(digest, value, salt)
    assert not vault.check(digest, '"别人"', salt)
    assert not vault.check(digest, value, bytes(16))
    assert not vault.check(digest, value[1:], salt + value[:1].encode())  # the border cannot be shifted


def test_a_secret_does_not_print_its_value() -> None:
    assert "许" not in repr(NAME)


# --- in the database ---


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        create_tables(connection)
        yield connection


def create_tables(connection: sqlite3.Connection) -> None:
    metadata = MetaData()
    tables(metadata)
    metadata.create_all(create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool))


def test_the_tables_are_clustered_by_case_and_person(database: sqlite3.Connection) -> None:
    definitions = [sql for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE type = 'table'")]
    assert len(definitions) == 2
    assert all("WITHOUT ROWID" in sql for sql in definitions)
    assert database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'index'").fetchone() == (0,)


def test_rows_written_to_the_database_are_read_back(database: sqlite3.Connection) -> None:
    insert(database, Vault(KEYS).protect([NAME, PHONE, TEXT], {}))
    rows = database.execute(
        "SELECT wrapped, case_id, person, field, ref, sealed FROM vault JOIN vault_key USING (case_id, person)"
    ).fetchall()
    values = {row[3]: Vault(KEYS).reveal(row[0], row[1:])[0] for row in rows}
    assert values == {"name": NAME.value, "phone": PHONE.value, "text": TEXT.value}


def test_no_value_stands_readable_in_the_database(database: sqlite3.Connection) -> None:
    insert(database, Vault(KEYS).protect([NAME, PHONE, TEXT], {}))
    stored = database.serialize()
    assert b"vault" in stored
    for secret in (NAME, PHONE, TEXT):
        assert secret.value.strip('"').encode() not in stored


def test_erasing_a_person_leaves_the_others_and_a_kept_copy_of_the_entries_stays_shut(
    database: sqlite3.Connection,
) -> None:
    vault = Vault(KEYS)
    protected = vault.protect([NAME, PHONE, TEXT], {})
    insert(database, protected)
    kept_copy = protected.entries[0]
    erase(database, vault, "case-a", "contact:1")
    assert database.execute("SELECT case_id, person FROM vault_key").fetchall() == [("case-a", "case")]
    assert database.execute("SELECT person, field FROM vault").fetchall() == [("case", "text")]
    assert ("case-a", "contact:1") not in vault._ciphers
    # The same person writes again: a new key, under which the old entries do not open.
    again = vault.protect([replace(NAME, ref=2)], {})
    insert(database, again)
    assert again.keys[0][2] != protected.keys[0][2]
    assert refusal(vault, again.keys[0][2], kept_copy) == "LX-511"


def test_after_erasing_and_a_checkpoint_neither_key_nor_entry_is_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "lianxin.db"
    vault = Vault(KEYS)
    protected = vault.protect([NAME, TEXT], {})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA secure_delete=ON")
        create_tables(connection)
        insert(connection, protected)
        connection.commit()
        erase(connection, vault, "case-a", "contact:1")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        on_disk = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    (_, _, erased_key), (_, _, kept_key) = protected.keys
    assert kept_key in on_disk
    assert erased_key not in on_disk
    assert protected.entries[0][4] not in on_disk


def test_a_process_that_did_not_see_the_erasing_uses_the_new_key() -> None:
    unaware, other = Vault(KEYS), Vault(KEYS)
    old = unaware.protect([NAME], {})
    new = other.protect([NAME], {})  # erased and written again elsewhere
    later = unaware.protect([replace(NAME, ref=2)], wrapped_keys(new))
    assert Vault(KEYS).reveal(new.keys[0][2], later.entries[0])[0] == NAME.value
    assert refusal(Vault(KEYS), old.keys[0][2], later.entries[0]) == "LX-511"


# --- simulation ---


def test_a_simulation_writes_the_same_bytes_twice() -> None:
    def run(seed: bytes) -> Protected:
        return Vault(KEYS, seeded_random(seed)).protect([NAME, PHONE, TEXT], {})

    assert run(b"one") == run(b"one")
    assert run(b"one") != run(b"two")


@given(st.lists(st.integers(0, 100)))
def test_a_seeded_stream_is_one_stream_however_it_is_cut(counts: list[int]) -> None:
    draw = seeded_random(b"seed")
    assert b"".join(draw(count) for count in counts) == seeded_random(b"seed")(sum(counts))


def test_predictable_randomness_is_refused_beside_real_keys() -> None:
    with pytest.raises(AssertionError, match="fixed keys"):
        Vault(OTHER_KEYS, seeded_random(b"seed"))
