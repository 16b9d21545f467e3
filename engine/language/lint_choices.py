"""Choices: conditions in one state that leave a value without a way on, or allow two ways for one value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from engine.core.lengths import Length
from engine.core.model import ENGINE
from engine.core.workflow import Deadline, NamedCondition
from engine.language.lint_logic import UNSET, assignments, can_be_tried, holds, reads
from engine.language.lint_subject import Arrow, Subject
from engine.language.lint_values import Possible, domains_at


def check(subject: Subject) -> None:
    """LX-251 to LX-253."""
    for machine in subject.machines.values():
        possible = Possible(subject, machine)
        told: set[object] = set()
        for name, state in machine.states.items():
            if name not in subject.reachable[machine.name]:
                continue
            arrows = list({arrow.row: arrow for arrow in subject.leaving(machine.name, name)}.values())
            for one, other in combinations([arrow for arrow in arrows if arrow.row.conditions], 2):
                _overlap(subject, possible, one, other, told)
            if not state.final:
                _gap(subject, possible, arrows, told)
        for deadline in machine.deadlines.values():
            _table(subject, deadline)


# ── two ways for one value ───────────────────────────────────────────────────────────────────────────────────────────


def _overlap(subject: Subject, possible: Possible, one: Arrow, other: Arrow, told: set[object]) -> None:
    """Two moves of one role to different states, asked about the same things, that one case may both make."""
    if not (one.row.conditions and other.row.conditions and one.row.to != other.row.to):
        return
    if not (set(one.row.by.roles) & set(other.row.by.roles)) - {ENGINE} or (one.path, other.path) in told:
        return
    read = _read(one.row.conditions)
    given = _given(possible, one, read)
    if not read or read != _read(other.row.conditions) or given != _given(possible, other, read):
        return
    domains = domains_at(possible, one.state, [*one.row.conditions, *other.row.conditions])
    domains |= {path: _set_values(possible, path) for path in given}
    if not can_be_tried(domains):
        return
    both, apart = None, False
    for values in assignments(domains):
        left, right = holds(one.row.conditions, values), holds(other.row.conditions, values)
        both = values if both is None and left is True and right is True else both
        apart = apart or left is not right
        if both is not None and apart:
            break
    if both is not None and apart:
        told.add((one.path, other.path))
        subject.note(
            "LX-252", subject.asked(other), one=one.name, other=other.name, state=one.state, values=shown(both)
        )


# ── no way for a value ───────────────────────────────────────────────────────────────────────────────────────────────


def _gap(subject: Subject, possible: Possible, arrows: Sequence[Arrow], told: set[object]) -> None:
    """Moves that a value chooses between, with none for some value; or a state that some value never leaves."""
    for role in dict.fromkeys(role for arrow in arrows for role in arrow.row.by.roles if role != ENGINE):
        mine = [arrow for arrow in arrows if role in arrow.row.by.roles and not arrow.row.extension]
        for group in _about_the_same([arrow for arrow in mine if _read(arrow.row.conditions)]):
            beside = any(arrow.row.to is not None and arrow not in group for arrow in mine)  # another way on
            if len(group) > 1 and not beside:
                _leaves(subject, possible, group, told)
    moving = [arrow for arrow in arrows if arrow.row.to not in (None, arrow.state)]
    if moving and all(arrow.row.conditions for arrow in moving):
        _leaves(subject, possible, moving, told)


def _about_the_same(arrows: Sequence[Arrow]) -> list[list[Arrow]]:
    """Moves whose conditions read something in common, together."""
    groups: list[tuple[frozenset[str], list[Arrow]]] = []
    for arrow in arrows:
        read, group = _read(arrow.row.conditions), [arrow]
        apart = []
        for others, members in groups:
            if others & read:
                read, group = read | others, [*members, *group]
            else:
                apart.append((others, members))
        groups = [*apart, (read, group)]
    return [group for _, group in groups]


def _leaves(subject: Subject, possible: Possible, group: Sequence[Arrow], told: set[object]) -> None:
    """Note the first combination of values under which none of these moves is possible, and none can change it here."""
    first = group[0]
    conditions = [condition for arrow in group for condition in arrow.row.conditions]
    read = frozenset().union(*(_read(arrow.row.conditions) for arrow in group))
    key = ("gap", *sorted(str(arrow.path) for arrow in group))
    prefix = f"{possible.prefix}."
    if key in told or any(reads(condition.guard.text).opaque for condition in conditions):
        return
    if not all(path.startswith(prefix) for path in read) or read & _changed_here(subject, possible, first.state):
        return
    domains = domains_at(possible, first.state, conditions)
    domains |= {path: _set_values(possible, path) for arrow in group for path in _given(possible, arrow, read)}
    if not can_be_tried(domains) or not read <= domains.keys():
        return
    for values in assignments(domains):
        if all(holds(arrow.row.conditions, values) is False for arrow in group):
            told.add(key)
            names = "、".join(arrow.name for arrow in group)
            subject.note("LX-251", subject.asked(first), state=first.state, moves=names, values=shown(values))
            return


def _changed_here(subject: Subject, possible: Possible, state: str) -> frozenset[str]:
    """The fields that a move within the state may change: whoever waits there may go on later."""
    return frozenset(
        f"{possible.prefix}.{field.name}"
        for arrow in subject.leaving(possible.machine.name, state)
        if arrow.target == state
        for field in (*arrow.row.case_needs, *arrow.row.takes, *(field for field, _ in arrow.row.sets))
    )


def _set_values(possible: Possible, path: str) -> tuple[object, ...]:
    """What a field can be that the move itself brings."""
    return tuple(sorted(possible.whole[path] - {UNSET}, key=str))


def _given(possible: Possible, arrow: Arrow, read: frozenset[str]) -> frozenset[str]:
    """What a move's conditions read and the move itself brings."""
    brought = (*arrow.row.case_needs, *arrow.row.takes)
    return read & {f"{possible.prefix}.{field.name}" for field in brought} & possible.whole.keys()


def _read(conditions: Sequence[NamedCondition]) -> frozenset[str]:
    """The paths that conditions read; none where one of them is a matter of the moment."""
    found: set[str] = set()
    for condition in conditions:
        seen = reads(condition.guard.text)
        if any(path.startswith("event.") for path in seen.paths):
            return frozenset()
        found |= seen.paths
    return frozenset(found)


# ── tables of lengths ────────────────────────────────────────────────────────────────────────────────────────────────


def _table(subject: Subject, deadline: Deadline) -> None:
    """`within: {by: case.class, …}` says a length for every value, and there is a value."""
    if deadline.within_by is None:
        return
    guard, lengths = deadline.within_by
    owner, _, name = guard.text.partition(".")
    machine = subject.machines[deadline.machine if owner == "track" else ""]
    field = machine.fields.get(name)
    if field is None or field.type != "enum":
        return
    left = missing(field.of, lengths)
    if left:
        root = ("tracks", deadline.machine) if deadline.machine else ()
        subject.note("LX-253", (*root, "deadlines", deadline.name, "within"), field=guard.text, values="、".join(left))


def missing(values: Sequence[str], lengths: object) -> list[str]:
    """The values without a length."""
    assert isinstance(lengths, dict)
    return [value for value in values if not isinstance(lengths.get(value), Length)]


def shown(values: dict[str, object]) -> str:
    """A combination of values for people: `case.kind = a, case.satisfied 未填 unset`."""
    words = {True: "true", False: "false"}
    said = {path: words[value] if isinstance(value, bool) else str(value) for path, value in values.items()}
    return "，".join(f"{p} 未填 unset" if values[p] is UNSET else f"{p} = {text}" for p, text in said.items())
