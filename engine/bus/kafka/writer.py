"""What we send, with kafka-python: idempotent, acknowledged by all copies, in order per key."""

from __future__ import annotations

from collections.abc import Sequence

import kafka.errors
from kafka import KafkaProducer

from engine.bus import Outgoing
from engine.bus.kafka.connection import Connection, answered
from engine.core.errors import LianxinError

ACKNOWLEDGED_MS = 30_000
"""Until what was not acknowledged counts as lost, and is sent again by the caller."""
LINGER_MS = 5
BATCH_BYTES = 128 * 1024


class KafkaWriter:
    """A `TopicWriter` (engine.bus) on kafka-python. LX-550, LX-551 where the broker is not there for us."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with answered(connection.servers):
            self._producer = KafkaProducer(
                **connection.kafka_python(),
                enable_idempotence=True,
                acks="all",
                compression_type="lz4",
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                max_block_ms=ACKNOWLEDGED_MS,
                delivery_timeout_ms=ACKNOWLEDGED_MS,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )

    def send(self, messages: Sequence[Outgoing]) -> None:
        try:
            sent = [
                self._producer.send(one.topic, value=one.value, key=one.key, headers=list(one.headers))
                for one in messages
            ]
            self._producer.flush(timeout=ACKNOWLEDGED_MS / 1000)
            for result in sent:
                result.get(timeout=1)
        except kafka.errors.KafkaError as error:
            raise LianxinError("LX-557", exit_code=5, reason=type(error).__name__) from error

    def close(self) -> None:
        self._producer.close(timeout=1)
