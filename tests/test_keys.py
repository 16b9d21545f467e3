"""The key file keeps its owner's secret or says what is wrong with it; the keys do what each is for."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import os
import pickle
import re
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.catalogue.store import CODES
from engine.core.errors import LianxinError
from engine.store import keys as keys_module
from engine.store import vault as vault_module
from engine.store.keys import Keys, create_key_file, fixed_keys, read_key_file

KEYS = fixed_keys()
MASTER = bytes(range(32))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "lianxin.key"
    create_key_file(path)
    return path


def code_of(path: Path) -> str:
    with pytest.raises(LianxinError) as caught:
        read_key_file(path)
    return caught.value.code


def rewrite(path: Path, **changes: object) -> None:
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | changes))


# --- the file ---


def test_a_new_key_file_belongs_to_its_owner_alone_and_reads_back_as_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "lianxin.key"
    made = create_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    read = read_key_file(path)
    assert read.key_id == made.key_id
    assert read.case_id("complaint", "A-1") == made.case_id("complaint", "A-1")
    assert read.open(made.seal(b"body", b"dead"), b"dead") == b"body"
    assert not read.fixed


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key_file(tmp_path / "lianxin.key")
    finally:
        os.umask(before)
    assert (tmp_path / "lianxin.key").stat().st_mode & 0o777 == 0o600


def test_the_file_says_when_it_was_made_and_names_its_key(key_file: Path) -> None:
    content = orjson.loads(key_file.read_bytes())
    assert content["key_id"] == read_key_file(key_file).key_id
    assert content["created_at"].endswith("Z")


def test_two_key_files_have_different_keys(tmp_path: Path) -> None:
    assert create_key_file(tmp_path / "one").key_id != create_key_file(tmp_path / "two").key_id


def test_a_key_file_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(LianxinError) as caught:
        create_key_file(key_file)
    assert caught.value.code == "LX-505"
    assert key_file.read_bytes() == before


def test_a_link_to_nowhere_is_not_followed_when_a_key_file_is_made(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LianxinError) as caught:
        create_key_file(tmp_path / "link")
    assert caught.value.code == "LX-505"
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(LianxinError) as caught:
        create_key_file(tmp_path / "missing" / "lianxin.key")
    assert caught.value.code == "LX-506"


def test_a_full_disk_leaves_no_half_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LianxinError) as caught:
        create_key_file(tmp_path / "lianxin.key")
    assert caught.value.code == "LX-506"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_key_file_is_said(tmp_path: Path) -> None:
    assert code_of(tmp_path / "lianxin.key") == "LX-501"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o610, 0o644, 0o777])
def test_a_key_file_open_to_others_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    assert code_of(key_file) == "LX-502"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_its_owner_alone_is_read(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    assert read_key_file(key_file).key_id.startswith("key-")


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"null", b"not json", b"\xff\xfe", b'{"master_key": 7}', b'{"master_key": "?"}']
)
def test_a_damaged_key_file_is_said(key_file: Path, text: bytes) -> None:
    key_file.write_bytes(text)
    assert code_of(key_file) == "LX-503"


def test_a_key_file_cut_short_anywhere_is_never_taken_for_a_key(key_file: Path) -> None:
    whole = key_file.read_bytes()
    for length in range(len(whole.rstrip())):
        key_file.write_bytes(whole[:length])
        assert code_of(key_file) == "LX-503"


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_said(key_file: Path, length: int) -> None:
    rewrite(key_file, master_key=base64.b64encode(bytes(length)).decode())
    assert code_of(key_file) == "LX-504"


def test_a_slip_in_copying_the_key_is_noticed_by_its_id(key_file: Path) -> None:
    rewrite(key_file, master_key=base64.b64encode(bytes(32)).decode())
    assert code_of(key_file) == "LX-503"


@pytest.mark.parametrize("change", [{"lianxin_key_file": 2}, {"key_id": None}, {"key_id": "key-äöü"}])
def test_a_key_file_of_another_form_is_refused(key_file: Path, change: dict[str, object]) -> None:
    rewrite(key_file, **change)
    assert code_of(key_file) == "LX-503"


def test_a_folder_in_place_of_the_key_file_is_said(tmp_path: Path) -> None:
    assert code_of(tmp_path) == "LX-507"


def test_the_key_file_of_another_database_is_refused() -> None:
    KEYS.must_be(KEYS.key_id)
    with pytest.raises(LianxinError) as caught:
        KEYS.must_be(Keys(MASTER).key_id)
    assert caught.value.code == "LX-508"


def test_every_refusal_of_keys_and_vault_has_a_sentence_and_a_remedy_that_its_facts_fill() -> None:
    sources = "".join(Path(module.__file__ or "").read_text("utf-8") for module in (keys_module, vault_module))
    raised = dict(re.findall(r'LianxinError\("(LX-\d+)", exit_code=\d(.*)', sources))
    assert raised.keys() == CODES.keys()
    for code, arguments in raised.items():
        facts = dict.fromkeys(re.findall(r"(\w+)=", arguments), "…")
        entry = CODES[code]
        for text in (entry.zh, entry.en, entry.remedy_zh, entry.remedy_en):
            assert text.format_map(facts)


# --- the keys ---


def test_keys_show_neither_in_print_nor_in_a_pickle_or_copy() -> None:
    keys = Keys(MASTER)
    assert repr(keys) == f"Keys({keys.key_id})"
    with pytest.raises(TypeError):
        pickle.dumps(keys)
    with pytest.raises(TypeError):
        copy.copy(keys)


def test_fixed_keys_repeat_and_say_that_they_are_fixed() -> None:
    assert fixed_keys().case_id("complaint", "A-1") == KEYS.case_id("complaint", "A-1")
    assert fixed_keys(b"other").case_id("complaint", "A-1") != KEYS.case_id("complaint", "A-1")
    assert KEYS.fixed
    assert KEYS.key_id.startswith("fixed-")


def test_derived_keys_stay_what_they_are() -> None:
    """Golden values: a change here makes every existing database unreadable."""
    keys = Keys(MASTER)
    assert keys.key_id == "key-tv3zew2id6j7cg52"
    assert keys.case_id("complaint", "A-1") == "q7nncs2mv3y7a6fd6uz2idap"
    assert keys.content_digest(b"{}").hex() == "2dd3501478295262b2e8d5e3d09e5c14"
    assert (
        keys.wrap(bytes(32), "case", "contact:1").hex()
        == "017d039507626a5a62daab09d0db77c5d581bf57a50d89694b338839e479ed9ffe5eae9bf0eebd6ef0159e3c46050b928e"
    )
    assert (
        keys.open(
            bytes.fromhex(
                "0100000000000000000000000000000000fde9e43ec6ebca20404af4e07ddaf0566b76afa43daebecf89261d36bf39485912a6"
            ),
            b"label",
        )
        == b"golden"
    )


@given(st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1), st.text())
def test_a_case_id_is_the_documented_hmac_in_base32(workflow: str, case_key: str) -> None:
    key = keys_module._derive(MASTER, b"case id", 32)
    digest = hmac.digest(key, f"{workflow}\x1f{case_key}".encode(), "sha256")[:15]
    assert Keys(MASTER).case_id(workflow, case_key) == base64.b32encode(digest).decode().lower()


@given(st.tuples(st.text("ab", min_size=1), st.text("ab")), st.tuples(st.text("ab", min_size=1), st.text("ab")))
def test_case_ids_are_equal_just_where_workflow_and_key_are(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (KEYS.case_id(*one) == KEYS.case_id(*other)) == (one == other)


@given(st.binary(), st.binary())
def test_content_digests_are_keyed_and_equal_just_where_content_is(one: bytes, other: bytes) -> None:
    assert (KEYS.content_digest(one) == KEYS.content_digest(other)) == (one == other)
    assert KEYS.content_digest(one) != Keys(MASTER).content_digest(one)
    assert KEYS.content_digest(one) != hashlib.blake2b(one, digest_size=16).digest()


@given(st.binary(), st.binary())
def test_what_is_sealed_opens_again_and_never_looks_the_same_twice(plain: bytes, label: bytes) -> None:
    sealed = KEYS.seal(plain, label)
    assert KEYS.open(sealed, label) == plain
    assert KEYS.seal(plain, label) != sealed
    assert len(sealed) == len(plain) + 45


@given(st.data())
def test_a_sealed_message_with_one_bit_changed_or_a_byte_missing_is_refused(data: st.DataObject) -> None:
    sealed = KEYS.seal(b"a message", b"label")
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = bytearray(sealed)
    changed[bit // 8] ^= 1 << bit % 8
    for wrong in (bytes(changed), sealed[: bit // 8]):
        with pytest.raises(LianxinError) as caught:
            KEYS.open(wrong, b"label")
        assert caught.value.code == "LX-510"


def test_a_sealed_message_opens_under_its_own_label_and_key_only() -> None:
    sealed = KEYS.seal(b"a message", b"dead letter")
    for keys, label in ((KEYS, b"parked"), (Keys(MASTER), b"dead letter")):
        with pytest.raises(LianxinError) as caught:
            keys.open(sealed, label)
        assert caught.value.code == "LX-510"


def test_a_session_key_ends_after_its_number_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "SEALS_PER_SESSION_MAX", 2)
    monkeypatch.setattr(keys_module, "SESSIONS_REMEMBERED_MAX", 3)
    keys = fixed_keys()
    sealed = [keys.seal(b"message", b"") for _ in range(20)]
    assert len({message[:17] for message in sealed}) == 10
    assert [keys.open(message, b"") for message in sealed] == [b"message"] * 20
    assert len(keys._opened) <= 3
