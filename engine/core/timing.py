"""What a fact does to the clocks of its case: cancel, stop, pause, resume, start. Only rules move a clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from engine.core import clocks
from engine.core.desk import ENGINE_ACTOR, Desk, Sight, folded
from engine.core.instants import Instant, parse_date, plus
from engine.core.lengths import Length, parse_length
from engine.core.model import Case, Clock, ClockStatus, Draft, JsonObject
from engine.core.workflow import Deadline, Machine, Workflow

OFFICE = "office"
"""The owner that means the petition office itself."""
RUNS_MAX = 1_000
"""Runs of one deadline in one case or track; beyond it what its end does starts it again, and nobody stops it."""
NO_TIME_MAX = 5
"""Runs of one deadline of a case within `NO_TIME_WITHIN` that begin when their time is over: beyond it they ring at one
instant for ever."""
NO_TIME_WITHIN = timedelta(days=1)


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


def overdue(
    desk: Desk, machine: Machine, track_id: str, names: tuple[str, ...], to: str | None, state: str
) -> list[tuple[Deadline, str, Clock]]:
    """Clocks that this fact would end or halt, but whose time was over before: their breach comes first.

    Others wait until the intake has come so far: what was in time for them may still be on its way.
    """
    at = desk.command.at
    for clock in desk.case.clocks.values():
        if clock["status"] == "running" and _is_over(clock, at):
            break
    else:
        return []  # mostly so: which ones this fact would touch need not be asked
    workflow = desk.rules.workflow
    touched = [(d, track_id) for what, d in workflow.clock_effects(names) if what != "start" or d.again == "restart"]
    touched += [(d, track_id) for d in workflow.any_event if d.again == "restart" and d.machine in ("", machine.name)]
    touched += [(d, track_id) for d in workflow.pausing if d.machine == machine.name and state in d.pause_states]
    if to is not None and machine.states[to].final:
        touched += [(d, track_id) for d in machine.deadlines.values() if track_id or not d.keep_after_close]
        for key in () if track_id else cancelled_by_closing(desk):
            track = workflow.tracks[desk.case.tracks[key]["track"]]
            touched += [(d, key) for d in track.deadlines.values()]
    found = {
        key: (deadline, key, clock)
        for deadline, track in touched
        for key, clock in runs(desk, deadline, track)
        if _is_over(clock, at)
    }
    return sorted(found.values(), key=lambda one: (one[2]["due_at"], one[1]))


def _is_over(clock: Clock, at: Instant) -> bool:
    return clock["status"] == "running" and not clocks.has_time(clock, at)


def cancelled_by_closing(desk: Desk) -> list[str]:
    """The tracks that end with the case."""
    tracks = desk.rules.workflow.tracks
    return [k for k, t in desk.case.tracks.items() if t["open"] and tracks[t["track"]].after_close == "cancel"]


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


def concerns(case: Case, workflow: Workflow, machine: str, names: tuple[str, ...]) -> bool:
    """Whether a fact of this machine that fires these names can touch any clock: most do not, and cost nothing more."""
    if machine in workflow.restless or workflow.clock_effects(names):
        return True
    if workflow.pausing and any(d.pause_conditions for d in workflow.pausing):  # may read what any machine changes
        return True
    return any(_wants_owner(clock) for clock in case.clocks.values()) if case.clocks else False


def _wants_owner(clock: Clock) -> bool:
    """A delayed reaction's clock is nobody's promise."""
    return "owner" not in clock and clock["status"] == "running" and "armed" not in clock


class Effects:
    """The clock changes of one fact, gathered before it is emitted: they ride in its body."""

    def __init__(self, desk: Desk, draft: Draft, track_id: str, machine: str) -> None:
        self.desk = desk
        self.machine = machine
        self.track_id = track_id
        self.at = desk.command.at
        self.changed: dict[str, Clock] = {**draft.data["clocks"]} if "clocks" in draft.data else {}
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

    def latest(self, key: str, clock: Clock) -> Clock:
        return self.changed.get(key, clock)

    def _clocks(self) -> Iterable[tuple[str, Clock]]:
        """All clocks of the case, as changed so far."""
        before = self.desk.case.clocks
        return {**before, **self.changed}.items() if self.changed else before.items()

    def apply(self, names: tuple[str, ...]) -> None:
        """All effects of the fired names, in the order cancel, stop, start; what a state halts stands still."""
        workflow = self.desk.rules.workflow
        started: dict[Deadline, None] = {}
        if entries := workflow.clock_effects(names):
            for deadline in [deadline for kind, deadline in entries if kind == "cancel"]:
                self._end(deadline, "cancelled")
            for kind, deadline in entries:
                if kind == "stop":
                    self._end(deadline, "met")
                elif kind == "start":
                    started[deadline] = None
        for deadline in workflow.any_event:
            if deadline.machine in ("", self.machine):
                started[deadline] = None
        for deadline in started:
            self._start(deadline, self.at)
        for deadline in workflow.start_fields:
            self._start_from_field(deadline)
        self._pause_and_resume()
        self._find_owners()

    def end_all(self, prefix: str, *, keep: bool) -> None:
        """What a final state ends: running clocks whose key begins so ("": the main line's), but for the kept ones."""
        for key, clock in self._clocks():
            mine = key.startswith(prefix) if prefix else not clock["track"] and "armed" not in clock
            if not mine or (keep and clock.get("keep")):
                continue
            if clock["status"] == "running":
                self.changed[key] = clocks.stop(clock, self.at, "cancelled", self.desk.rules.calendar)
            elif "ended_at" not in clock and clocks.was_in_time(clock, self.at):
                self._correct(key, clock, "cancelled")

    def _fire(self, deadline: Deadline, what: str) -> None:
        prefix = f"{deadline.machine}." if deadline.machine else ""
        self.names.append(f"{prefix}deadline.{deadline.name}.{what}")

    def _end(self, deadline: Deadline, status: ClockStatus) -> None:
        calendar = self.desk.rules.calendar
        for key, clock in runs(self.desk, deadline, self.track_id):
            clock = self.latest(key, clock)
            if clock["status"] == "running":
                self.changed[key] = clocks.stop(clock, self.at, status, calendar)
                if status == "met":
                    self._fire(deadline, "met")
            elif clocks.was_in_time(clock, self.at) and (clock["status"] == "lapsed" or "ended_at" not in clock):
                self._correct(key, clock, status)
            elif clock["status"] == "missed" and "ended_at" not in clock and status == "met":
                self.changed[key] = {**clock, "ended_at": self.at}

    def _correct(self, key: str, clock: Clock, status: ClockStatus) -> None:
        """What ended by time has ended otherwise before: the fact was late in coming here, and nobody was late."""
        self.changed[key] = clocks.correct(clock, self.at, self.desk.rules.calendar, status)
        self._fire(deadline_of(self.desk, clock), "corrected")

    def _pause_and_resume(self) -> None:
        """Clocks stand still in the states of their `pause:`; its `when` may read what any machine has changed."""
        calendar = self.desk.rules.calendar
        pausing = self.desk.rules.workflow.pausing
        if not pausing:
            return
        for key, clock in self._clocks():
            if clock["status"] != "running" or "armed" in clock:
                continue
            deadline = deadline_of(self.desk, clock, self.after.case)
            if deadline not in pausing or not self._may_change(deadline, clock):
                continue
            case = self.after.case
            state = case.tracks[clock["track"]]["state"] if clock["track"] else case.state
            sight = self.sight if clock["track"] in ("", self.track_id) else self.after.sight(clock["track"])
            still = state in deadline.pause_states and self.after.holds(deadline.pause_conditions, sight)
            if still and not clocks.is_paused(clock):
                self.changed[key] = clocks.pause(clock, self.at, deadline.pause_law, calendar)
            elif not still and clocks.is_paused(clock):
                self.changed[key] = clocks.resume(clock, self.at, calendar)

    def _may_change(self, deadline: Deadline, clock: Clock) -> bool:
        """Whether this fact can pause a clock or let it go on: it moves its machine, or what its condition reads."""
        mine = deadline.machine == self.machine and clock["track"] in ("", self.track_id)
        return mine or bool(deadline.pause_conditions)

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
        earlier = [(key, self.latest(key, clock)) for key, clock in runs(self.desk, deadline, self.track_id)]
        last_key, last = earlier[-1] if earlier else ("", None)
        if last is not None and (
            deadline.again == "never" or (deadline.again in ("resume", "keep due") and last["status"] == "running")
        ):
            return
        if self._is_over(deadline) or (deadline.conditions and not self.after.holds(deadline.conditions, self.sight)):
            return
        key = key_of(deadline, self.track_id, len(earlier) + 1)
        clock = self._new_clock(deadline, len(earlier) + 1, at, last)
        if clock is None or len(earlier) >= RUNS_MAX or self._rings_for_ever(deadline, clock):
            why = "no-length" if clock is None else "starts-for-ever"
            self.incidents.append((why, {"deadline": deadline.name}))
            return
        if last is not None and last["status"] == "running":
            self.changed[last_key] = clocks.stop(last, self.at, "cancelled", self.desk.rules.calendar)
        if deadline.right:
            clock["right"] = True
        if deadline.keep_after_close:
            clock["keep"] = True
        self.changed[key] = clock
        self._fire(deadline, "started")
        if clock["due_at"] < self.at and last is not None and deadline.again == "keep due":
            self.born_late.append((deadline, key))

    def _rings_for_ever(self, deadline: Deadline, clock: Clock) -> bool:
        """Whether a run without time left comes after several of its kind: what their ends do starts the next one."""
        if clock["due_at"] > self.at:
            return False  # mostly so
        since = plus(self.at, -NO_TIME_WITHIN)
        mine = [c for c in self.desk.case.clocks.values() if c["deadline"] == deadline.name and "armed" not in c]
        mine = [c for c in mine if deadline_of(self.desk, c) is deadline and c["started_at"] > since]
        return sum(c["due_at"] <= c["started_at"] for c in mine) >= NO_TIME_MAX

    def _is_over(self, deadline: Deadline) -> bool:
        """Whether the case is closed, or the track is: nothing starts there but what is marked to stay."""
        workflow = self.desk.rules.workflow
        if deadline.machine:
            track = self.after.case.tracks[self.track_id]
            return not track["open"] or workflow.tracks[track["track"]].states[track["state"]].final
        return workflow.main.states[self._state_after()].final and not deadline.keep_after_close

    def _state_after(self) -> str:
        """Of the main line, without folding the fact."""
        data = self._draft.data
        state: str = data["to"] if "to" in data and "track" not in data else self.desk.case.state
        return state

    def _new_clock(self, deadline: Deadline, run: int, at: Instant, last: Clock | None) -> Clock | None:
        track = self.track_id if deadline.machine else ""
        calendar = self.desk.rules.calendar
        if last is not None and deadline.again == "keep due":
            earlier = [clock for _, clock in runs(self.desk, deadline, self.track_id)]
            return clocks.start_again(earlier[0], last, run, at, calendar, deadline.remind)
        if last is not None and deadline.again == "resume" and "budget" in last:
            return clocks.resumed(last, run, at, calendar, deadline.remind)
        if deadline.due is not None:
            text = self.after.value(deadline.due, self.sight)
            if not text:
                return None
            due = clocks.given_due(str(text), calendar)
            return clocks.start(deadline.name, track, run, at, None, calendar, due=due, remind=deadline.remind)
        length = self._length(deadline)
        if length is None:
            return None
        return clocks.start(deadline.name, track, run, at, length, calendar, roll=deadline.roll, remind=deadline.remind)

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
        ownerless = [(key, clock) for key, clock in self._clocks() if _wants_owner(clock)]
        for key, clock in ownerless:
            deadline = deadline_of(self.desk, clock, self.after.case)
            owner = resolved(self.desk, deadline.owner)
            if deadline.owner_expression is not None:
                sight = self.sight if clock["track"] in ("", self.track_id) else self.after.sight(clock["track"])
                owner = str(self.after.value(deadline.owner_expression, sight) or "")
            if owner:
                self.changed[key] = {**clock, "owner": owner}


def deadline_of(desk: Desk, clock: Clock, case: Case | None = None) -> Deadline:
    """The deadline that a clock is a run of. `case`: where its track may be newer than the desk."""
    workflow = desk.rules.workflow
    if not clock["track"]:
        return workflow.main.deadlines[clock["deadline"]]
    return workflow.tracks[(case or desk.case).tracks[clock["track"]]["track"]].deadlines[clock["deadline"]]


def resolved(desk: Desk, unit: str) -> str:
    return desk.rules.directory.office if unit == OFFICE else unit
