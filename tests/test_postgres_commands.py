"""A project whose database is on PostgreSQL: the same commands, the same answers, the same state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from cli_parts import CLERK, DESK, Cli
from invented_streams import Invented
from postgres import Cluster

from engine.audit.digests import digests
from engine.runtime.replay import replay
from engine.store.schema import REBUILT, key_of
from engine.store.store import Store


@pytest.fixture
def name(postgres: Cluster) -> Iterator[str]:
    with postgres.database(empty=True) as found:
        yield found


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], postgres: Cluster, name: str
) -> Cli:
    found = Cli(tmp_path, monkeypatch, capsys)
    monkeypatch.setenv("LIANXIN_DATABASE_URL", postgres.url(name))
    found.ok("init", tmp_path)
    assert not (tmp_path / "lianxin.db").exists()
    return found


def test_daily_work_goes_as_on_sqlite(cli: Cli) -> None:
    first = cli.register("HL-1")
    cli.register("HL-2")
    assert cli.send("HL-1", "assign", DESK, "unit=水务局").code == 0
    assert cli.send("HL-2", "assign", CLERK, "unit=水务局").code == 6, "refused, and told so"
    assert [row["case_id"] for row in cli.ok("case", "list", "--unit", "水务局", "--json").json] == [first]
    assert cli.ok("case", "show", "HL-1", "--json").json["unit"] == "水务局"
    assert len(cli.ok("tail", "--json").out.splitlines()) >= 4
    assert cli.ok("case", "erase", "HL-1", "--yes", "--reason", "依申请", "--as", DESK).code == 0
    assert cli.ok("dlq", "list", "--json").json == []
    assert cli.ok("replay", "--json").json["equal"]
    assert cli.ok("verify", "--json").json["ok"]
    cli.ok("doctor", "--json")


def test_what_was_altered_in_the_database_is_found(cli: Cli, postgres: Cluster, name: str) -> None:
    cli.register("HL-1")
    cli.register("HL-2")
    with postgres.connect(name) as connection:
        connection.execute("ALTER TABLE log DISABLE TRIGGER USER")
        connection.execute("UPDATE log SET body = convert_to(replace(convert_from(body, 'UTF8'), 'phone', 'visit'), 'UTF8') "
                           "WHERE position = 2")  # fmt: skip
        connection.execute('UPDATE "case" SET unit = \'x\' WHERE case_id = (SELECT min(case_id) FROM "case")')
    said = cli("verify", "--json")
    assert (said.code, {found["position"] for found in said.json["findings"]}) == (1, {2})
    replayed = cli("replay", "--json")
    assert replayed.code == 1
    assert replayed.json["differences"]["case"] >= 1


@pytest.mark.parametrize("seed", range(3))
def test_an_invented_history_comes_to_the_same_on_both(postgres: Cluster, seed: int) -> None:
    with postgres.database() as database:
        said = []
        for url in ("sqlite://", postgres.url(database)):
            with Store.open(url) as store:
                stream = Invented(seed, cases_max=60)
                for events in (1, 7, 60, 200, 3, 120, 60, 1):
                    with store.transaction() as tx:
                        stream.append(tx, events)
                found = replay(store)
                assert found.equal, found.first
                with store.read() as reader:
                    rows = {table.name: list(reader.rows(table, key_of(table))) for table in REBUILT}
                    said.append(
                        (digests(reader), rows, [(event.position, event.digest) for event in reader.log(0, 9999)])
                    )
        assert said[0] == said[1]


def test_the_log_of_both_verifies_alike_line_by_line(postgres: Cluster) -> None:
    from engine.audit.ndjson import log_lines
    from engine.audit.verify import verify_lines

    with postgres.database() as database, Store.open(postgres.url(database)) as store:
        stream = Invented(4)
        for _ in range(5):
            with store.transaction() as tx:
                stream.append(tx, 50)
        with store.read() as reader:
            lines = list(log_lines(reader))
        assert verify_lines(lines).ok
        cut = [line for line in lines if orjson.loads(line).get("position") != 100]
        assert not verify_lines(cut).ok
