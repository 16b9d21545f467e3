"""HTTP on SQLite and on PostgreSQL: the same answers, keys and questions."""

from __future__ import annotations

import pytest
from http_parts import outcome, problem, town
from worker_parts import answer, assign, case_id, register

from engine.runtime import keys_of_systems

MORNING = "2026-04-01 11:00"


@pytest.mark.usefixtures("on_both")
def test_events_keys_and_questions_are_the_same_on_both_databases() -> None:
    with town() as running:
        key = {"idempotency-key": "pg-1"}
        first = running.post(answer("P1", "2026-04-01 11:30"), **key)
        assert outcome(first)["outcome"] == "early"
        said = running.batch([register("P1", MORNING), assign("P1", "2026-04-01 11:10", unit="水务局")])
        assert [one["outcome"] for one in said.json()["outcomes"]] == ["accepted", "accepted"]
        again = running.post(answer("P1", "2026-04-01 11:30"), **key)
        assert again.content == first.content
        problem(running.post(register("P2", MORNING), **key), 409, "LX-396")
        repeated = outcome(running.post(register("P1", MORNING)))
        assert repeated["first"] == {"outcome": "accepted", "case_id": case_id(running.line, "P1"), "version": 1}
        water = running.make_key("water", units=["水务局"])
        assert [row["case_id"] for row in running.get("/v1/cases", water).json()["cases"]] == [
            case_id(running.line, "P1")
        ]
        assert running.get(f"/v1/cases/{case_id(running.line, 'P1')}/why", water).status_code == 200
        assert running.get("/readyz", "").status_code == 200
        assert "lianxin_log_position" in running.get("/metrics", "").text
        keys_of_systems.revoke(running.worker.queue, "water")
        assert [k["name"] for k in keys_of_systems.listed(running.worker.queue) if k["revoked_at"]] == ["water"]
