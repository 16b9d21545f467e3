"""Leases: one holder at a time by the database's clock; whoever wakes up after his time writes nothing any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from engine.core.errors import LianxinError
from engine.store import leases
from engine.store.batch import Batch
from engine.store.store import Store

TERM = 10
NAMES = ("clock", "spool")
HOLDERS = ("a", "b", "c")
Written = tuple[str, int, int]


class DatabaseClock:
    """The database's own clock, turned by hand; every process's idea of the time is beside the point."""

    def __init__(self, store: Store) -> None:
        self.now = datetime(2026, 4, 1, tzinfo=UTC)
        store._database.driver.create_function("strftime", -1, self._told)

    def _told(self, _form: str, _now: str, later: str = "0 seconds") -> str:
        at = self.now + timedelta(seconds=float(later.split(maxsplit=1)[0]))
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Leasing(RuleBasedStateMachine):
    """Processes that take, renew, let go, stand still and write, in any order, while time passes."""

    held = Bundle("held")

    @initialize()
    def begin(self) -> None:
        self.store = Store.open("sqlite://")
        self.clock = DatabaseClock(self.store)
        self.newest: dict[str, int] = {}  # of each lease: the fence taken last
        self.until: dict[str, tuple[str, datetime]] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    @rule(target=held, name=st.sampled_from(NAMES), holder=st.sampled_from(HOLDERS))
    def take(self, name: str, holder: str) -> tuple[str, str, int, int] | None:
        with self.store.transaction() as tx:
            taken = leases.take(tx, name, holder, TERM)
        other, until = self.until.get(name, ("", self.clock.now - timedelta(seconds=1)))
        may = until < self.clock.now or other == holder
        assert (taken is not None) == may
        if taken is None:
            return None
        assert taken[1] > self.newest.get(name, 0)
        self.newest[name] = taken[1]
        self.until[name] = (holder, self.clock.now + timedelta(seconds=TERM))
        return (name, holder, *taken)

    @rule(one=held)
    def renew(self, one: tuple[str, str, int, int] | None) -> None:
        if one is None:
            return
        name, holder, epoch, fence = one
        with self.store.transaction() as tx:
            kept = leases.renew(tx, name, holder, epoch, TERM)
        assert kept == (self.newest[name] == fence)
        if kept:
            self.until[name] = (holder, self.clock.now + timedelta(seconds=TERM))

    @rule(one=consumes(held))
    def let_go(self, one: tuple[str, str, int, int] | None) -> None:
        if one is None:
            return
        name, holder, epoch, fence = one
        with self.store.transaction() as tx:
            leases.let_go(tx, name, holder, epoch)
        if self.newest[name] == fence:
            self.until[name] = (holder, datetime.min.replace(tzinfo=UTC))

    @rule(one=held)
    def write(self, one: tuple[str, str, int, int] | None) -> None:
        """Whoever has lost it, even if he does not know, writes nothing; a fence that was not taken since may."""
        if one is None:
            return
        name, _, _, fence = one
        before = self.marks()
        batch = Batch(offsets=[(leases.GROUP, name, fence, 0, 0)], watermarks=[(name, str(self.clock.now))])
        if self.newest[name] == fence:
            with self.store.transaction() as tx:
                tx.append(batch)
            return
        with pytest.raises(LianxinError) as stale, self.store.transaction() as tx:
            tx.append(batch)
        assert stale.value.code == "LX-527"
        assert self.marks() == before

    @rule(seconds=st.integers(1, 2 * TERM))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += timedelta(seconds=seconds)

    @invariant()
    def the_table_says_who_holds_what(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.read() as reader:
            rows = leases.leases(reader)
        live: dict[str, Any] = {row.name: row.holder for row in rows if row.live}
        assert live == {name: who for name, (who, until) in self.until.items() if until >= self.clock.now}

    def marks(self) -> dict[str, str]:
        with self.store.read() as reader:
            return reader.watermarks()


TestLeasing = Leasing.TestCase
TestLeasing.settings = settings(max_examples=60, stateful_step_count=30)


def test_on_postgresql_a_lease_runs_out_by_the_servers_clock_and_its_fence_keeps_the_late_out(
    postgres_url: str,
) -> None:
    with Store.open(postgres_url) as store:
        with store.transaction() as tx:
            first = leases.take(tx, "clock", "a", 30)
            assert first is not None
            assert leases.take(tx, "clock", "b", 30) is None
            assert leases.renew(tx, "clock", "a", first[0], -1), "it has run out now"
            second = leases.take(tx, "clock", "b", 30)
            assert second is not None
            assert not leases.renew(tx, "clock", "a", first[0], 30)
        with store.read() as reader:
            (row,) = leases.leases(reader)
        assert (row.holder, row.live, row.epoch) == ("b", True, second[0])
        with pytest.raises(LianxinError) as stale, store.transaction() as tx:
            tx.append(Batch(offsets=[(leases.GROUP, "clock", first[1], 0, 0)], watermarks=[("x", "1")]))
        assert stale.value.code == "LX-527"
        with store.transaction() as tx:
            tx.append(Batch(offsets=[(leases.GROUP, "clock", second[1], 0, 0)], watermarks=[("x", "2")]))
            leases.let_go(tx, "clock", "b", second[0])
        with store.transaction() as tx:
            assert leases.take(tx, "clock", "a", 30) is not None
        with store.read() as reader:
            assert reader.watermarks() == {"x": "2"}
