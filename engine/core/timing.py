"""What a fact does to the clocks of its case: cancel, stop, pause, resume, start. Only rules move a clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.core import clocks
from engine.core.desk import ENGINE_ACTOR, Desk, Sight, folded
from engine.core.instants import Instant, parse_date
from engine.core.lengths import Length, parse_length
from engine.core.model import Case, Clock, ClockStatus, Draft, JsonObject
from engine.core.workflow import MAIN, Deadline, Workflow

OFFICE = "office"
"""The owner that means the petition office itself."""


def key_of(deadline: Deadline, track_id: str, run: int) -> str:
    """`handling#1`; of a track, `letter-…/reply#1`."""
    return f"{track_id}/{deadline.name}#{run}" if deadline.machine else f"{deadline.name}#{run}"


def runs(desk: Desk, deadline: Deadline, track_id: str) -> list[tuple[str, Clock]]:
    """All runs of a deadline so far, the first first."""
    found: list[tuple[str, Clock]] = []
    while True:
        key = key_of(deadline, track_id, len(found) + 1)
        clock = desk.case.clocks.get(key)
        if clock is None:
            return found
        found.append((key, clock))


def miss_what_ends(desk: Desk, names: Sequence[str], track_id: str, at: Instant, *, final: bool = False) -> None:
    """A clock that this fact would end, but whose time was over before: its breach comes first, at its own instant."""
    workflow = desk.rules.workflow
    entries = [entry for name in names for entry in workflow.clock_index.get(name, ())]
    ending = [deadline for what, deadline in entries if what != "start" or deadline.again == "restart"]
    ending += [d for d in workflow.any_event if d.again == "restart"]
    if final:
        ending += [d for d in workflow.main.deadlines.values() if not d.keep_after_close]
    for deadline in ending:
        for key, clock in runs(desk, deadline, track_id):
            if clock["status"] == "running" and not clocks.is_paused(clock) and clock["due_at"] < at:
                emit_end(desk, deadline, key, clock)


def emit_end(desk: Desk, deadline: Deadline, key: str, clock: Clock, at: Instant = "") -> None:
    """The breach of a deadline (or the lapse of a right): `at` an instant, else at the first one after it was due."""
    at = at or clock["rungs"][-1]["at"]
    ended = clocks.miss(clock, at)
    what = "lapsed" if ended["status"] == "lapsed" else "missed"
    data = clock_data(key, ended)
    owner = clock.get("owner", "")
    if what == "missed" and not owner:
        if deadline.else_to:
            owner = resolved(desk, deadline.else_to)
        desk.incident(data, "no-owner", deadline=deadline.name)
    data["owner"] = owner
    prefix = f"{deadline.machine}." if deadline.machine else ""
    desk.emit(
        f"lianxin.deadline.{what}.v1", data, [f"{prefix}deadline.{deadline.name}.{what}"], at=at, actor=ENGINE_ACTOR
    )


def clock_data(key: str, clock: Clock) -> JsonObject:
    """The data of a fact about one clock."""
    data: JsonObject = {
        "deadline": clock["deadline"],
        "run": clock["run"],
        "due": clock["due_at"],
        "owner": clock.get("owner", ""),
        "clocks": {key: clock},
    }
    if clock["track"]:
        data["track"] = clock["track"]
    return data


def concerns(case: Case, workflow: Workflow, machine: str, names: Sequence[str]) -> bool:
    """Whether a fact of this machine that fires these names can touch any clock: most do not, and cost nothing more."""
    if machine in workflow.restless:
        return True
    if any(name in workflow.clock_index for name in names):
        return True
    return any(c["status"] == "running" and "owner" not in c and "armed" not in c for c in case.clocks.values())


class Effects:
    """The clock changes of one fact, gathered before it is emitted: they ride in its body."""

    def __init__(self, desk: Desk, draft: Draft, track_id: str, machine: str) -> None:
        self.desk = desk
        self.machine = machine
        self.track_id = track_id
        self.at = desk.command.at
        self.changed: dict[str, Clock] = dict(draft.data.get("clocks", {}))
        self.names: list[str] = []
        self.born_late: list[tuple[Deadline, str]] = []  # `keep due` runs whose due has passed
        self.incidents: list[tuple[str, JsonObject]] = []
        self._draft = draft
        self._after: Desk | None = None
        self._sight: Sight | None = None

    @property
    def after(self) -> Desk:
        """The desk with the case as it stands after the fact; folded when first asked for."""
        if self._after is None:
            self._after = Desk(folded(self.desk.case, self._draft), self.desk.command, self.desk.rules)
        return self._after

    @property
    def sight(self) -> Sight:
        if self._sight is None:
            self._sight = self.after.sight(self.track_id)
        return self._sight

    def now(self, key: str, clock: Clock) -> Clock:
        return self.changed.get(key, clock)

    def apply(self, names: Sequence[str]) -> None:
        """All effects of the fired names, in the order cancel, stop, pause, start."""
        workflow, machine = self.desk.rules.workflow, self.machine
        entries = [entry for name in names for entry in workflow.clock_index.get(name, ())]
        for what in ("cancel", "stop"):
            for kind, deadline in entries:
                if kind == what:
                    self._end(deadline, "cancelled" if what == "cancel" else "met")
        self._pause_and_resume()
        for kind, deadline in entries:
            if kind == "start":
                self._start(deadline, self.at)
        for deadline in workflow.any_event:
            if not deadline.machine or deadline.machine == machine:
                self._start(deadline, self.at)
        for deadline in workflow.start_fields:
            self._start_from_field(deadline)
        self._find_owners()

    def end_all(self, prefix: str, *, keep: bool) -> None:
        """What a final state ends: running clocks whose key begins so ("": the main line's), but for the kept ones."""
        for key, clock in {**self.desk.case.clocks, **self.changed}.items():
            mine = key.startswith(prefix) if prefix else not clock["track"] and "armed" not in clock
            if mine and clock["status"] == "running" and not (keep and clock.get("keep")):
                self.changed[key] = clocks.stop(clock, self.at, "cancelled", self.desk.rules.calendar)

    def _fire(self, deadline: Deadline, what: str) -> None:
        prefix = f"{deadline.machine}." if deadline.machine else ""
        self.names.append(f"{prefix}deadline.{deadline.name}.{what}")

    def _end(self, deadline: Deadline, status: ClockStatus) -> None:
        calendar = self.desk.rules.calendar
        for key, clock in runs(self.desk, deadline, self.track_id):
            clock = self.now(key, clock)
            if clock["status"] == "running":
                self.changed[key] = clocks.stop(clock, self.at, status, calendar)
                if status == "met":
                    self._fire(deadline, "met")
            elif clock["status"] == "missed" and "ended_at" not in clock and status == "met":
                if self.at <= clock["due_at"]:
                    self.changed[key] = clocks.correct(clock, self.at)
                    self._fire(deadline, "corrected")
                else:
                    self.changed[key] = {**clock, "ended_at": self.at}

    def _pause_and_resume(self) -> None:
        calendar, machine = self.desk.rules.calendar, self.machine
        for deadline in self.desk.rules.workflow.pausing:
            if deadline.machine != machine:
                continue
            case = self.after.case
            state = case.tracks[self.track_id]["state"] if machine else case.state
            for key, clock in runs(self.desk, deadline, self.track_id):
                clock = self.now(key, clock)
                if clock["status"] != "running":
                    continue
                still = state in deadline.pause_states and self.after.holds(deadline.pause_conditions, self.sight)
                if still and not clocks.is_paused(clock):
                    self.changed[key] = clocks.pause(clock, self.at, deadline.pause_law, calendar)
                elif not still and clocks.is_paused(clock):
                    self.changed[key] = clocks.resume(clock, self.at, calendar)

    def _start_from_field(self, deadline: Deadline) -> None:
        if deadline.machine and deadline.machine != self.machine:
            return
        if runs(self.desk, deadline, self.track_id) or key_of(deadline, self.track_id, 1) in self.changed:
            return
        assert deadline.start_field is not None
        day = self.after.value(deadline.start_field, self.sight)
        if day:
            calendar = self.desk.rules.calendar
            self._start(deadline, day if "T" in day else calendar.day_start(parse_date(day)))

    def _start(self, deadline: Deadline, at: Instant) -> None:
        earlier = [(key, self.now(key, clock)) for key, clock in runs(self.desk, deadline, self.track_id)]
        last_key, last = earlier[-1] if earlier else ("", None)
        if last is not None and (
            deadline.again == "never" or (deadline.again in ("resume", "keep due") and last["status"] == "running")
        ):
            return
        if not self.after.holds(deadline.conditions, self.sight):
            return
        calendar = self.desk.rules.calendar
        if last is not None and last["status"] == "running":
            self.changed[last_key] = clocks.stop(last, self.at, "cancelled", calendar)
        key = key_of(deadline, self.track_id, len(earlier) + 1)
        clock = self._new_clock(deadline, len(earlier) + 1, at, last)
        if clock is None:
            self.incidents.append(("no-length", {"deadline": deadline.name}))
            return
        if deadline.right:
            clock["right"] = True
        if deadline.keep_after_close:
            clock["keep"] = True
        self.changed[key] = clock
        self._fire(deadline, "started")
        if clock["due_at"] < self.at and last is not None and deadline.again == "keep due":
            self.born_late.append((deadline, key))

    def _new_clock(self, deadline: Deadline, run: int, at: Instant, last: Clock | None) -> Clock | None:
        track = self.track_id if deadline.machine else ""
        calendar = self.desk.rules.calendar
        if last is not None and deadline.again == "keep due":
            earlier = [clock for _, clock in runs(self.desk, deadline, self.track_id)]
            return clocks.start_again(earlier[0], last, run, at, calendar, deadline.remind)
        used = last.get("used", 0) if last is not None and deadline.again == "resume" else 0
        if deadline.due is not None:
            text = self.after.value(deadline.due, self.sight)
            if not text:
                return None
            due = clocks.given_due(str(text), calendar)
            return clocks.start(deadline.name, track, run, at, None, calendar, due=due, remind=deadline.remind)
        length = self._length(deadline)
        if length is None:
            return None
        return clocks.start(
            deadline.name, track, run, at, length, calendar, roll=deadline.roll, remind=deadline.remind, used=used
        )

    def _length(self, deadline: Deadline) -> Length | None:
        if deadline.within is not None:
            return deadline.within
        if deadline.within_by is not None:
            by, table = deadline.within_by
            return table.get(str(self.after.value(by, self.sight)))
        assert deadline.within_expression is not None
        text: Any = self.after.value(deadline.within_expression, self.sight)
        return parse_length(str(text)) if text else None

    def _find_owners(self) -> None:
        """A clock without an owner gets one as soon as its expression gives one; then it is frozen."""
        workflow = self.desk.rules.workflow
        for key, clock in {**self.desk.case.clocks, **self.changed}.items():
            if clock["status"] != "running" or "owner" in clock or "armed" in clock:
                continue
            if clock["track"] and clock["track"] != self.track_id:
                continue
            machine = self.machine if clock["track"] else MAIN
            deadline = workflow.machine(machine).deadlines[clock["deadline"]]
            owner = resolved(self.desk, deadline.owner)
            if deadline.owner_expression is not None:
                owner = str(self.after.value(deadline.owner_expression, self.sight) or "")
            if owner:
                self.changed[key] = {**clock, "owner": owner}


def resolved(desk: Desk, unit: str) -> str:
    return desk.rules.directory.office if unit == OFFICE else unit
