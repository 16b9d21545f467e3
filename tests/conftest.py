"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import postgres as postgres_parts
import pytest
from databases import databases_on
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from broker import Broker

REAL_DATA = "LIANXIN_REAL_DATA"

# No test judges time, so hypothesis does not either: a busy machine is not a finding.
settings.register_profile(
    "lianxin",
    parent=settings(),
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture),
)
settings.load_profile("lianxin")


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_parts.Cluster]:
    """A PostgreSQL of the tests' own, started when the first test asks for it."""
    with postgres_parts.cluster() as running:
        yield running


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`on_both`: on SQLite and on PostgreSQL, but for what is marked `on_sqlite`: about SQLite, or very many databases."""
    if "on_both" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("on_sqlite") is not None
        metafunc.parametrize("on_both", ["sqlite"] if alone else ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def on_both(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test runs twice: its databases are on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        yield
        return
    with databases_on(request.getfixturevalue("postgres")):
        yield


@pytest.fixture
def postgres_url(postgres: postgres_parts.Cluster) -> Iterator[str]:
    """The address of a database of the test's own, with the schema and nothing in it."""
    with postgres.database() as name:
        yield postgres.url(name)


@pytest.fixture
def data_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of the real rows. Only for tests marked `real`, which `make test` leaves out."""
    if request.node.get_closest_marker("real") is None:
        pytest.fail("a test that reads the real rows is marked: @pytest.mark.real")
    return _real_data()


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker for this session, started by deploy/kafka. Where it does not start, the test fails."""
    from broker import start, stop

    folder = tmp_path_factory.mktemp("kafka")
    try:
        yield start(folder)
    finally:
        stop(folder, wipe=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real") is not None:
        _real_data()


def _real_data() -> Path:
    """Fails the test, never skips it, where the rows are missing: a skipped proof looks like a proof."""
    named = os.environ.get(REAL_DATA)
    if not named:
        pytest.fail(f"needs the real rows: make test-real DATA=FOLDER ({REAL_DATA} is not set)", pytrace=False)
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"{REAL_DATA} names no folder: {folder}", pytrace=False)
    return folder
