"""The whole line by several doors at once: the same messages, in different order, and each is done once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from pathlib import Path

import orjson
import pytest
from databases import databases_on
from postgres import Cluster
from worker_parts import answer, approve, assign, at, close, open_line, register

from engine.audit.digests import state_digest
from engine.core.instants import parse
from engine.core.model import JsonObject
from engine.runtime.asks import Ask, Unusable, from_event
from engine.runtime.handle import Line, handle
from engine.runtime.replay import replay
from engine.store.store import Moved
from schemas.intake import read_event

DOORS, CASES, BATCH_MAX = 4, 12, 9
NOW = parse(at("2026-04-20 12:00"))
JOIN_SECONDS_MAX = 120


def told() -> list[JsonObject]:
    """Lives of cases, and two wishes that nobody may have."""
    lives = [
        [register(key, "2026-04-01 09:00"), assign(key, "2026-04-01 10:00"), answer(key, "2026-04-10 09:00"),
         approve(key, "2026-04-11 09:00"), close(key, "2026-04-12 09:00")]
        for key in (f"K{n}" for n in range(CASES))
    ]  # fmt: skip
    return [message for life in lives for message in life]


def wishes(line: Line, messages: list[JsonObject]) -> list[Ask | Unusable]:
    return [from_event(read_event(orjson.dumps(m)), line.book, line.sources, NOW) for m in messages]


@pytest.mark.parametrize("seed", range(3))
def test_the_same_messages_by_several_doors_at_once_are_each_done_once(
    postgres: Cluster, tmp_path: Path, seed: int
) -> None:
    with open_line(None) as alone:  # on SQLite, one after the other
        handle(wishes(alone, told()), alone, NOW)
        with alone.store.read() as reader:
            wanted = state_digest(reader)
    became: dict[str, list[str]] = {}
    failed: list[BaseException] = []

    def door(number: int) -> None:
        chance = random.Random(f"{seed}/{number}")
        messages = told()
        if number:  # the others get them in any order: what comes too early waits
            chance.shuffle(messages)
        try:
            with open_line(tmp_path) as line:
                while messages:
                    size = chance.randint(1, BATCH_MAX)
                    batch, messages = messages[:size], messages[size:]
                    for message, answered in zip(batch, patiently(line, batch), strict=True):
                        became.setdefault(str(message["id"]), []).append(answered)
        except BaseException as error:
            failed.append(error)

    with databases_on(postgres):
        with open_line(tmp_path):
            pass  # the database is there before the doors open
        threads = [threading.Thread(target=door, args=(number,)) for number in range(DOORS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(JOIN_SECONDS_MAX)
            assert not thread.is_alive()
        assert not failed, failed
        for message, statuses in became.items():
            counted = Counter(statuses)
            assert len(statuses) == DOORS
            assert counted["accepted"] + counted["early"] == 1, (message, statuses)
            assert counted["duplicate"] == DOORS - 1, (message, statuses)
        with open_line(tmp_path) as line:
            with line.store.read() as reader:
                assert state_digest(reader) == wanted
                assert reader.parked() == []
                assert reader.head() == len(told())
            assert replay(line.store).equal


def patiently(line: Line, batch: list[JsonObject]) -> list[str]:
    """What became of them; once more where others were quicker each time, as a worker does."""
    while True:
        try:
            return [answered.status for answered in handle(wishes(line, batch), line, NOW)]
        except Moved:
            continue
