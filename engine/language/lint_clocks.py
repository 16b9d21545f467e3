"""Deadlines that never run or never end, breaches that nobody answers, clocks that their owner can stop."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.workflow import MAIN, Deadline
from engine.language.compile_form import Path
from engine.language.lint_logic import UNSET
from engine.language.lint_subject import Arrow, Subject
from engine.language.lint_values import Possible

PHASES = ("received", "assigned", "handled", "reviewed", "closed")


def check(subject: Subject) -> None:
    """LX-245 to LX-250, LX-254, LX-265, LX-266."""
    for deadline, path in subject.deadlines():
        if not _starts(subject, deadline):
            subject.note("LX-245", path, deadline=deadline.name)
            continue
        if not _stops(subject, deadline):
            subject.note("LX-246", (*path, "until"), deadline=deadline.name)
            continue
        _length(subject, deadline, path)
        _answered(subject, deadline, path)
        _then(subject, deadline, path)
        _owner_stops(subject, deadline)
    _before(subject)


# ── starts and stops ─────────────────────────────────────────────────────────────────────────────────────────────────


def _starts(subject: Subject, deadline: Deadline) -> bool:
    """Whether something can start it, and its conditions can hold."""
    fired = _possible(subject, deadline.starts, deadline.machine)
    if not (fired or deadline.any_event or deadline.start_field is not None):
        return False
    machine = subject.machines[deadline.machine]
    return Possible(subject, machine).can_hold(deadline.conditions)


def _stops(subject: Subject, deadline: Deadline) -> bool:
    """Whether one of its `until` can happen while it runs, or something cancels it."""
    ends = deadline.stops | deadline.cancels
    running = subject.runs_in(deadline)
    if any(arrow.state in running for arrow in subject.firing(deadline.machine, ends)):
        return True
    foreign = [name for name in ends if deadline.machine == MAIN and name.partition(".")[0] in subject.workflow.tracks]
    return _possible(subject, foreign, MAIN)


def _possible(subject: Subject, names: Iterable[str], machine: str) -> bool:
    for name in names:
        head = name.partition(".")[0]
        owner = head if machine == MAIN and head in subject.workflow.tracks else machine
        if name in subject.possible[owner]:
            return True
    return False


def _length(subject: Subject, deadline: Deadline, path: Path) -> None:
    """A length, or a due instant, that comes from a field is there when the clock starts."""
    given = {"within": deadline.within_expression, "due": deadline.due}
    if deadline.within_by is not None:
        given["within"] = deadline.within_by[0]
    machine = subject.machines[deadline.machine]
    possible = Possible(subject, machine)
    asked = frozenset().union(*(condition.guard.ensures for condition in deadline.conditions))
    for key, guard in given.items():
        for read in guard.reads if guard is not None else ():
            optional = UNSET in possible.whole.get(read, ())
            starts = [state for state in machine.states if state in _first_states(subject, deadline)]
            if optional and read not in asked and any(UNSET in possible.at(state)[read] for state in starts):
                subject.note("LX-265", (*path, key), deadline=deadline.name, field=read)
                return


def _first_states(subject: Subject, deadline: Deadline) -> set[str]:
    """The states in which the clock starts."""
    machine = subject.machines[deadline.machine]
    opened = {machine.initial} if deadline.starts & subject.opened_names[deadline.machine] else set()
    return opened | {arrow.target for arrow in subject.firing(deadline.machine, deadline.starts)}


# ── what follows a breach ────────────────────────────────────────────────────────────────────────────────────────────


def _answered(subject: Subject, deadline: Deadline, path: Path) -> None:
    """A breach is answered by a reaction, by `then:`, or by saying that it is listed; and it is somebody's."""
    if deadline.right:
        return
    prefix = f"{deadline.machine}." if deadline.machine else ""
    heard = f"{prefix}deadline.{deadline.name}.missed" in subject.workflow.listened
    if not (heard or deadline.then or deadline.on_breach):
        subject.note("LX-247", path, deadline=deadline.name, name=f"{prefix}deadline.{deadline.name}.missed")
    if not deadline.owner and deadline.owner_expression is None and not deadline.else_to:
        subject.note("LX-254", path, deadline=deadline.name)


def _then(subject: Subject, deadline: Deadline, path: Path) -> None:
    """What is to happen at the end is possible in every state in which the end can come."""
    if not deadline.then:
        return
    able = {arrow.state for arrow in subject.arrows[deadline.machine] if arrow.name == deadline.then}
    if left := sorted(subject.runs_in(deadline) - able):
        states = "、".join(left)
        subject.note("LX-250", (*path, "then"), word=deadline.then, transition=deadline.then, states=states)
    if deadline.again in ("resume", "keep due"):
        made = [arrow for arrow in subject.arrows[deadline.machine] if arrow.name == deadline.then]
        if any(deadline.starts.intersection(subject.names_of(arrow)) for arrow in made):
            at, name = (*path, "then"), deadline.then
            subject.note("LX-266", at, word=name, transition=name, deadline=deadline.name, again=deadline.again)


def _before(subject: Subject) -> None:
    """`before: D` in a state where D cannot be running: the move is never possible there."""
    told = set()
    for arrows in subject.arrows.values():
        for arrow in arrows:
            if arrow.row.before is None or (arrow.row, arrow.path) in told:
                continue
            owner, name = arrow.row.before
            deadline = subject.machines[owner].deadlines[name]
            here = subject.reachable[MAIN] if owner != arrow.machine else {arrow.state}
            if not subject.runs_in(deadline) & here and arrow.state in subject.reachable[arrow.machine]:
                told.add((arrow.row, arrow.path))
                subject.note("LX-249", (*arrow.path, "before"), transition=arrow.name, deadline=name, state=arrow.state)


# ── whose clock ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _owner_stops(subject: Subject, deadline: Deadline) -> None:
    """A move by which the late one gets rid of the clock without doing what it is about."""
    if deadline.right or deadline.owner_expression is None:
        return
    own = _roles_of(subject, deadline.owner_expression.text)
    told: set[object] = set()
    for arrow in subject.arrows[deadline.machine]:
        if arrow.state in subject.runs_in(deadline) and _alone(arrow, own) and arrow.path not in told:
            how = _escape(subject, deadline, arrow, own)
            if how:
                told.add(arrow.path)
                subject.note("LX-248", arrow.path, transition=arrow.name, deadline=deadline.name, how=how)


def _roles_of(subject: Subject, owner: str) -> set[str]:
    """The roles held by the owner: `of` the same unit, `is` the same person."""
    return {
        role.name
        for role in subject.workflow.roles.values()
        for relation in (role.of, role.is_)
        if relation is not None and relation.text == owner
    }


def _alone(arrow: Arrow, own: set[str]) -> bool:
    """Whether the owner's side can make the move without anybody else."""
    by = arrow.row.by
    if by.all:
        return set(by.all) <= own
    return bool(set(by.roles) & own)


def _escape(subject: Subject, deadline: Deadline, arrow: Arrow, own: set[str]) -> tuple[str, str] | None:
    """How a move of the owner's ends or halts its clock; None where it does not, or where it is what was promised."""
    names = subject.names_of(arrow)
    machine = subject.machines[deadline.machine]
    if deadline.cancels.intersection(names):
        return ("取消期限", "it is cancelled")
    if deadline.stops.intersection(names):
        return ("期限停止而事未办", "it stops with nothing done") if _is_objection(subject, arrow, own) else None
    if arrow.target in deadline.pause_states - {arrow.state} and not deadline.pause_law:
        right = arrow.row.before
        granted = right is not None and subject.machines[right[0]].deadlines[right[1]].right
        return None if granted else ("期限中止", "it stands still")
    if machine.states[arrow.target].final and arrow.enters and not deadline.keep_after_close:
        return "事项结束，期限随之取消", "the case ends, and the clock with it"
    return None


def _is_objection(subject: Subject, arrow: Arrow, own: set[str]) -> bool:
    """A move within a phase after which somebody else decides whether the matter goes back to where it was."""
    states = subject.machines[arrow.machine].states
    if not (arrow.enters and states[arrow.state].phase and states[arrow.target].phase):
        return False
    if _rank(states[arrow.target].phase) > _rank(states[arrow.state].phase):
        return False
    return any(
        not set(back.row.by.roles) & own
        and (back.target == arrow.state or _rank(states[back.target].phase) < _rank(states[arrow.state].phase))
        for back in subject.leaving(arrow.machine, arrow.target)
    )


def _rank(phase: str) -> int:
    return PHASES.index(phase) if phase in PHASES else len(PHASES)
