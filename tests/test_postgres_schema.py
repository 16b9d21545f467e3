"""PostgreSQL's schema: migrations and tables say the same, and the application's role may only add to the log."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from invented_batches import a_case, append, full_batch
from postgres import Cluster
from sqlalchemy import create_engine

from engine.core.errors import LianxinError
from engine.store import migrate, schema
from engine.store.keys import fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault

COLUMNS = """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation,
    pg_get_expr(d.adbin, d.adrelid) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND c.relname <> 'alembic_version'
    ORDER BY c.relname, a.attnum"""
INDEXES = """SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    ORDER BY 1, 2"""

OPTIONS = "SELECT relname, reloptions FROM pg_class WHERE relkind = 'r' AND reloptions IS NOT NULL ORDER BY 1"


@pytest.fixture
def empty(postgres: Cluster) -> Iterator[str]:
    with postgres.database(empty=True) as name:
        yield name


@pytest.fixture
def login(postgres: Cluster) -> Iterator[str]:
    """A login with the application's rights and no others."""
    with postgres.connect() as connection:
        connection.execute("CREATE ROLE petitions LOGIN IN ROLE lianxin_app")
    yield "petitions"
    with postgres.connect() as connection:
        connection.execute("DROP ROLE petitions")


def test_the_migrations_and_the_tables_in_the_code_give_one_schema(postgres: Cluster, empty: str) -> None:
    with postgres.database() as migrated:
        engine = create_engine(postgres.url(empty))
        schema.metadata.create_all(engine)
        engine.dispose()
        for question in (COLUMNS, INDEXES, OPTIONS):
            with postgres.connect(migrated) as one, postgres.connect(empty) as other:
                assert one.execute(question).fetchall() == other.execute(question).fetchall()


def test_a_new_database_gets_its_tables_once_and_keeps_its_time_zone(postgres: Cluster, empty: str) -> None:
    for zone in ("Europe/Rome", "Asia/Shanghai"):
        with Store.open(postgres.url(empty), time_zone=zone) as store, store.read() as reader:
            assert reader.about()["time_zone"] == "Europe/Rome"


def test_the_key_file_of_another_database_is_refused(postgres: Cluster, empty: str) -> None:
    Store.open(postgres.url(empty), vault=Vault(fixed_keys(b"one"))).close()
    with pytest.raises(LianxinError) as caught:
        Store.open(postgres.url(empty), vault=Vault(fixed_keys(b"another")))
    assert caught.value.code == "LX-508"


def test_what_is_not_ours_not_there_or_too_new_is_refused_by_name(postgres: Cluster, empty: str) -> None:
    assert refusal(postgres.url(empty)) == "LX-520"
    assert refusal(postgres.url("no_such_database"), create=True) == "LX-524"
    with postgres.connect(empty) as connection:
        connection.execute("CREATE TABLE contacts (name text)")
    assert refusal(postgres.url(empty), create=True) == "LX-522"
    with postgres.database() as name:
        with postgres.connect(name) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        assert refusal(postgres.url(name), create=True) == "LX-521"


def test_several_processes_that_find_a_database_empty_make_one_schema(postgres: Cluster, empty: str) -> None:
    failed: list[BaseException] = []

    def begin() -> None:
        try:
            Store.open(postgres.url(empty)).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with postgres.connect(empty) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrate.newest(),)]


def test_the_application_may_add_to_the_log_and_never_change_or_remove(
    postgres: Cluster, empty: str, login: str
) -> None:
    with pytest.raises(LianxinError) as caught:
        Store.open(postgres.url(empty, user=login))
    assert caught.value.code == "LX-580", "the owner brings the schema up to date"
    Store.open(postgres.url(empty)).close()
    with Store.open(postgres.url(empty, user=login), vault=Vault(fixed_keys())) as store:
        with store.transaction() as tx:
            tx.claim("g", "0")
            tx.add_edition("d", "workflow", "w", b"text")
            full_batch(tx)
        append(store, a_case("c1")[1])
        store.erase("c1", "case")
        with store.read() as reader:
            assert reader.head() == 3
    with postgres.connect(empty, user=login) as connection:
        for forbidden in ("UPDATE log SET type = 'x'", "DELETE FROM log", "TRUNCATE log", "DELETE FROM inbox",
                          "UPDATE edition SET name = 'x'", "UPDATE about SET value = 'x'", "DROP TABLE log",
                          "ALTER TABLE log DISABLE TRIGGER ALL", "CREATE TABLE mine (x int)"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)


def test_even_the_owner_is_told_no_by_the_log(postgres: Cluster) -> None:
    with postgres.database() as name:
        with Store.open(postgres.url(name)) as store:
            append(store, a_case("c1")[1])
        with postgres.connect(name) as connection:
            for sql in ("UPDATE log SET type = 'x'", "DELETE FROM log", "TRUNCATE log"):
                with pytest.raises(psycopg.DatabaseError, match="append only"):
                    connection.execute(sql)


def test_nothing_newer_is_written_than_every_live_worker_reads(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.database() as name, Store.open(postgres.url(name)) as store:
        store.announce("gone", 0)
        store.announce("old", 1_000)
        append(store, a_case("c1")[1])
        monkeypatch.setattr("engine.store.postgres.RECORD_LEVEL", 2)
        with pytest.raises(LianxinError) as caught:
            append(store, a_case("c2")[1])
        assert caught.value.code == "LX-581"
        store.announce("old", 1_000)  # it has come back with this code
        append(store, a_case("c2")[1])


def refusal(url: str, *, create: bool = False) -> str:
    with pytest.raises(LianxinError) as caught:
        Store.open(url, create=create)
    return caught.value.code
