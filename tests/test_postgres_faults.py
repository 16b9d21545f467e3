"""PostgreSQL under faults: writers that stand still, connections that are cut or ended, a server that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres import Cluster
from postgres_cut import wire
from postgres_writers import STEPS, fact

from engine.core.errors import LianxinError
from engine.runtime.replay import replay
from engine.store.store import Moved, Store

BLOCKED_SECONDS_MAX = 5.0
"""A promise: how long a writer that stands still may hold the others up. Asserted at three times."""
CUTS, KILLS, ENDED = 20, 5, 20
PATIENCE_SECONDS = 60.0
BETWEEN_SECONDS = 0.05


@pytest.fixture
def database(postgres: Cluster) -> Iterator[str]:
    with postgres.database() as name:
        yield name


# ── who stands still ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", STEPS)
def test_a_writer_that_stands_still_at_any_step_does_not_hold_the_others_up(
    postgres: Cluster, database: str, step: str
) -> None:
    with Store.open(postgres.url(database)) as store:
        store.write(lambda tx: fact(tx, "c0", "first", letter=True))
        standing = stopped_writer(postgres.url(database), step)
        try:
            for number in range(3):
                began = time.monotonic()
                store.write(lambda tx: fact(tx, "c0", f"ours {number}", letter=True))  # noqa: B023
                assert time.monotonic() - began < 3 * BLOCKED_SECONDS_MAX
        finally:
            standing.send_signal(signal.SIGCONT)
            standing.wait()
        with store.read() as reader:
            told = [event.data["by"] for event in reader.log(0)]
            went_on = step == "sent"  # the server had all of it, and needed nobody
            assert [by for by in told if not by.startswith("stopped")] == ["first", "ours 0", "ours 1", "ours 2"]
            assert len(told) == (65 if went_on else 4), "all of it or nothing"
            assert sorted(row["serial"] for row in reader.letters()) == [*range(1, 6 if went_on else 5)]
        assert replay(store).equal


def stopped_writer(url: str, step: str) -> subprocess.Popen[bytes]:
    """A process that has reached the step, and stands there."""
    script = Path(__file__).with_name("postgres_writers.py")
    folders = os.pathsep.join([str(script.parent), str(script.parent.parent)])
    process = subprocess.Popen(
        [sys.executable, str(script), url, "stop", step],
        env=os.environ | {"PYTHONPATH": folders},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where it wakes up to find that others have gone on
    )
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == b"standing\n"
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    return process


# ── what is cut ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_cut_between_the_commit_and_its_answer_leaves_nobody_guessing(
    postgres: Cluster, database: str
) -> None:
    with wire(postgres.port) as wired, Store.open(postgres.url(database, port=wired.port)) as store:
        for number in range(CUTS):
            wired.cut = "after"
            assert store.write(lambda tx: fact(tx, "c1", f"m{number}", letter=number % 3 == 0)) == number + 1  # noqa: B023
            assert wired.cuts == number + 1
            again = store.write(lambda tx: fact(tx, "c1", f"m{number}"))  # noqa: B023
            assert again == 0, "whoever sends it once more is answered from the inbox"
        with store.read() as reader:
            assert [event.data["by"] for event in reader.history("c1")] == [f"m{number}" for number in range(CUTS)]
        assert replay(store).equal


def test_a_connection_cut_before_the_commit_has_written_nothing_and_it_may_be_tried_again(
    postgres: Cluster, database: str
) -> None:
    with wire(postgres.port) as wired, Store.open(postgres.url(database, port=wired.port)) as store:
        for number in range(CUTS):
            wired.cut = "before"
            with pytest.raises(LianxinError) as caught:
                store.write(lambda tx: fact(tx, "c1", f"m{number}"))  # noqa: B023
            assert (caught.value.code, caught.value.exit_code) == ("LX-524", 5)
            assert store.write(lambda tx: fact(tx, "c1", f"m{number}")) == number + 1  # noqa: B023
        assert replay(store).equal


def test_writers_whose_backends_are_ended_go_on(postgres: Cluster, database: str) -> None:
    with Store.open(postgres.url(database)) as store, Working(store) as working:
        for _ in range(ENDED):
            working.wait_for_more()
            with postgres.connect() as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,)
                )
        working.wait_for_more()
    assert_all_once(postgres.url(database), working)


def test_a_server_that_is_killed_and_comes_back_has_lost_nothing_that_was_answered(
    postgres: Cluster, database: str
) -> None:
    with Store.open(postgres.url(database)) as store, Working(store) as working:
        for _ in range(KILLS):
            working.wait_for_more()
            os.kill(postgres.postmaster, signal.SIGKILL)
            patiently(postgres.start)
        working.wait_for_more()
    assert_all_once(postgres.url(database), working)


def test_where_the_server_is_gone_whoever_asks_is_told_so(postgres: Cluster, database: str) -> None:
    with wire(postgres.port) as wired:
        url = postgres.url(database, port=wired.port)
        with Store.open(url) as store:
            wired.close()
            for ask in (store.transaction, store.read):
                with pytest.raises(LianxinError) as caught, ask():
                    pass
                assert (caught.value.code, caught.value.exit_code) == ("LX-524", 5)


class Working:
    """Threads that write one thing after the other, and try again where they are told that nothing was written."""

    def __init__(self, store: Store, threads: int = 3) -> None:
        self.store = store
        self.answered: list[str] = []
        self.failed: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(f"w{n}",)) for n in range(threads)]

    def __enter__(self) -> Working:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
        assert not self.failed, self.failed

    def wait_for_more(self) -> None:
        """Until each thread has been answered some more."""
        wanted = len(self.answered) + 2 * len(self._threads)
        until = time.monotonic() + PATIENCE_SECONDS
        while len(self.answered) < wanted and not self.failed:
            assert time.monotonic() < until
            time.sleep(BETWEEN_SECONDS)

    def _work(self, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            message = f"{name}/{number}"
            try:
                self.store.write(lambda tx: fact(tx, f"c{number % 3}", message, letter=number % 5 == 0))  # noqa: B023
            except Moved:
                continue
            except LianxinError as error:
                if error.code != "LX-524":
                    self.failed.append(error)
                    return
                time.sleep(BETWEEN_SECONDS)
                continue
            except BaseException as error:
                self.failed.append(error)
                return
            self.answered.append(message)
            number += 1


def assert_all_once(url: str, working: Working) -> None:
    with Store.open(url) as store:
        with store.read() as reader:
            events = reader.log(0, 1_000_000)
            assert [event.position for event in events] == [*range(1, len(events) + 1)]
            told = [event.data["by"] for event in events]
            assert len(set(told)) == len(told)
            assert set(working.answered) <= set(told)
            serials = sorted(row["serial"] for row in reader.letters(limit=1_000_000))
            assert serials == [*range(1, len(serials) + 1)]
        assert replay(store).equal


def patiently(do: Callable[[], None]) -> None:
    """Until it works: the killed server's other processes end by themselves, a moment later."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return do()
        except AssertionError:
            if time.monotonic() > until:
                raise
            time.sleep(BETWEEN_SECONDS)
