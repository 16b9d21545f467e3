"""The topics: created where they are missing, looked at where they are there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import kafka.errors
from kafka.admin import ConfigResource, ConfigResourceType

from engine.bus import CASE_EVENTS, CASE_SEALED, DEAD_LETTERS, INTAKE
from engine.bus.kafka.connection import Connection
from engine.core.errors import LianxinError

APPEND_TIME = "LogAppendTime"
TIMESTAMP_TYPE = "message.timestamp.type"
NOBODY = -1
"""As Kafka says `as many as by default`."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is on the broker. `id` is another one when the topic was made anew."""

    name: str
    id: str
    partitions: int


def prepare(connection: Connection) -> dict[str, Topic]:
    """All topics, by our names for them, created where they are missing.

    LX-552 where the intake does not bear the broker's time, LX-553 where a topic is missing and cannot be made.
    """
    wanted = {connection.topic(name): name for name in (INTAKE, CASE_EVENTS, CASE_SEALED, DEAD_LETTERS)}
    with connection.admin() as admin:
        known = _described(admin, list(wanted))
        for topic in wanted.keys() - known.keys():
            _create(admin, connection, topic, wanted[topic])
        found = _described(admin, list(wanted))
        for topic in wanted.keys() - found.keys():
            raise LianxinError("LX-553", exit_code=5, topic=topic, reason="UnknownTopicOrPartitionError")
        _must_bear_our_time(admin, connection.topic(INTAKE))
    return {wanted[topic.name]: topic for topic in found.values()}


def described(connection: Connection, name: str) -> Topic | None:
    """One topic by its name on the broker; None where there is none."""
    with connection.admin() as admin:
        return _described(admin, [name]).get(name)


def _described(admin: Any, names: list[str]) -> dict[str, Topic]:
    found = {}
    for said in admin.describe_topics(names):
        if said["error_code"] == 0:
            id_ = str(said["topic_id"]).replace("-", "")
            found[said["name"]] = Topic(said["name"], id_, len(said["partitions"]))
    return found


def _create(admin: Any, connection: Connection, topic: str, name: str) -> None:
    settings = connection.settings
    retention = settings.intake_retention if name == INTAKE else settings.events_retention
    configs = {"retention.ms": str(round(retention / timedelta(milliseconds=1)))}
    if name == INTAKE:
        configs[TIMESTAMP_TYPE] = APPEND_TIME
    about = {
        "num_partitions": settings.partitions,
        "replication_factor": settings.replication or NOBODY,
        "configs": configs,
    }
    try:
        admin.create_topics({topic: about}, wait_for_metadata=True)
    except kafka.errors.TopicAlreadyExistsError:  # another worker was quicker
        admin.wait_for_topics([topic])
    except kafka.errors.KafkaError as error:
        raise LianxinError("LX-553", exit_code=5, topic=topic, reason=type(error).__name__) from error


def _must_bear_our_time(admin: Any, topic: str) -> None:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, {TIMESTAMP_TYPE: None})
    said = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    found = said[TIMESTAMP_TYPE]["value"]
    if found != APPEND_TIME:
        raise LianxinError("LX-552", exit_code=5, topic=topic, setting=TIMESTAMP_TYPE, found=found, needed=APPEND_TIME)
