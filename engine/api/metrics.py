"""`/metrics` for Prometheus. Labels are from fixed lists (route, status, outcome), never a word from a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.api.room import Room
from engine.core.instants import Instant, to_datetime
from engine.core.model import JsonObject
from engine.runtime.doors import Hall
from engine.runtime.sharing import CLOCK_LEASE, CONSUMERS_LEASE
from engine.runtime.topic_intake import MARK as TOPIC
from engine.runtime.watermarks import LIVE, SPOOL
from engine.runtime.writer import QUARANTINED
from engine.store.leases import leases
from engine.store.reader import Reader

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LEASES = (CLOCK_LEASE, CONSUMERS_LEASE)
"""What one process at a time does, whichever it is."""
STATUSES = ("accepted", "rejected", "early", "duplicate", "dead-letter")


class Metrics:
    """What this door counts, and what it reads of the engine when it is asked."""

    def __init__(self, hall: Hall, room: Room) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lianxin_http_requests", "Requests answered", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "lianxin_http_request_duration_seconds",
            "From the headers of a request to its answer",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._outcomes = Counter(
            "lianxin_http_messages", "Messages that came over HTTP, by what became of them", ("outcome",),
            registry=self._registry,
        )  # fmt: skip
        for status in STATUSES:
            self._outcomes.labels(status)
        Gauge("lianxin_http_requests_in_flight", "Posts under way", registry=self._registry).set_function(
            lambda: room.requests
        )
        Gauge("lianxin_http_bytes_in_flight", "Room held by posts under way", registry=self._registry).set_function(
            lambda: room.bytes
        )
        self._registry.register(_Engine(hall))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request has its answer. `route` is a route's template, or `none`."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def took(self, outcomes: Sequence[JsonObject]) -> None:
        """Messages have come to their outcome."""
        for outcome in outcomes:
            self._outcomes.labels(outcome["outcome"]).inc()

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)


class _Engine(Collector):
    """The engine's own figures, read when Prometheus asks."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    def describe(self) -> Iterable[Metric]:
        return ()  # so that registering asks nothing of the database

    def collect(self) -> Iterator[Metric]:
        hall = self._hall
        messages = CounterMetricFamily("lianxin_messages", "Messages settled by this process", labels=["outcome"])
        for status in STATUSES:
            messages.add_metric([status], hall.writer.counts[status])
        yield messages
        with hall.line.store.read() as reader:
            head, waiting = reader.head(), reader.waiting()
            marks = self._marks(reader)
            shared = hall.writer.shared
            quarantined = len(reader.quarantined(QUARANTINED) if shared else hall.writer.held)
            held = {lease.name for lease in leases(reader) if lease.live} if shared else set(LEASES)
        now, oldest = hall.time.now(), hall.queue.oldest()
        for name, help_, value in (
            ("log_position", "Last position of the log", head),
            ("messages_parked", "Facts that wait for the one before them", waiting["parked"]),
            ("dead_letters_open", "Dead letters nobody has settled", waiting["dead_letters"]),
            ("incidents_open", "Incidents nobody has closed", waiting["incidents"]),
            ("cases_quarantined", "Cases held back", quarantined),
            ("queue_requests", "Requests that wait for the writer", hall.queue.length),
            ("queue_oldest_age_seconds", "How long the oldest request has waited", _age(now, oldest)),
            ("worker_step_age_seconds", "Since the worker's last step", hall.pulse.age_seconds),
            ("store_failing", "1 while the store cannot be written to", bool(hall.pulse.failing)),
            ("clock_behind", "1 while the machine's clock is behind the log", hall.pulse.behind),
            ("intake_standing", "Partitions of the intake that stand still", len(hall.pulse.standing)),
        ):
            yield GaugeMetricFamily(f"lianxin_{name}", help_, float(value))
        duties = GaugeMetricFamily(
            "lianxin_duty_held", "1 while some process rings the clocks, or reacts", labels=["duty"]
        )
        for name in LEASES:
            duties.add_metric([name], float(name in held))
        yield duties
        behind = GaugeMetricFamily(
            "lianxin_intake_watermark_age_seconds", "How far a partition of the intake is read", labels=["partition"]
        )
        for name, at in sorted(marks.items()):
            behind.add_metric([name], _age(now, at))
        yield behind

    def _marks(self, reader: Reader) -> dict[str, Instant]:
        """What this process waits for, and what others read of files and topics; of several folders the one furthest
        behind. Not imports, which have a file's name; nor requests in other processes, each of which tells its own."""
        writer = self._hall.writer
        latest = dict(writer.marks.as_rows())
        if writer.shared:
            for name, at in reader.watermarks().items():
                if _label(name) not in {"", LIVE}:
                    latest[name] = max(latest.get(name, ""), at)
        found: dict[str, Instant] = {}
        for name, at in latest.items():
            if (label := _label(name)) and at:
                found[label] = min(found.get(label, at), at)
        return found


def _label(partition: str) -> str:
    """A partition's name with no folder in it; "" for one that is not shown."""
    if partition.startswith(TOPIC):
        return partition
    kind = partition.partition("/")[0].partition(":")[0]
    return kind if kind in {LIVE, SPOOL} else ""


def _age(now: Instant, since: Instant) -> float:
    """Seconds; 0 where there is nothing to have an age."""
    return max((to_datetime(now) - to_datetime(since)).total_seconds(), 0.0) if since else 0.0
