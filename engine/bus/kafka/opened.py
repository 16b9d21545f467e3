"""The bus as the settings name it: topics made where they are missing, and the clients opened."""

from __future__ import annotations

from engine.bus import INTAKE, Outlet, TopicReader
from engine.bus.kafka import events
from engine.bus.kafka.connection import SCHEME, Connection
from engine.bus.kafka.reader import KafkaReader
from engine.bus.kafka.topics import prepare
from engine.bus.kafka.writer import KafkaWriter
from engine.core.errors import LianxinError
from schemas.settings import Settings


def opened(settings: Settings, *, reads: bool, sends: bool) -> tuple[TopicReader | None, Outlet | None]:
    """The intake's topic and the way out, each where it is asked for; both None where the bus is the embedded one.

    LX-550 … LX-555 where the broker, a topic or a client is not there for us.
    """
    if not settings.bus.startswith(SCHEME):
        return None, None
    if settings.kafka.client != "kafka-python":
        raise LianxinError("LX-555", exit_code=2, client=settings.kafka.client)
    connection = Connection.of(settings.bus, settings.kafka)
    prepare(connection)
    encode = events.structured if settings.kafka.format == "structured" else events.binary
    reader = KafkaReader(connection, connection.topic(INTAKE)) if reads else None
    return reader, Outlet(KafkaWriter(connection), connection.topic, encode) if sends else None
