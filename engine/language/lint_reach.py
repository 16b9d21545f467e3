"""States that nothing reaches, ends that are none, names that mean two things, fields that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.guards import Guard, Untyped
from engine.core.model import ENGINE
from engine.core.workflow import MAIN, Machine
from engine.language.lint_subject import Subject, root_of


def check(subject: Subject) -> None:
    """LX-240 to LX-244, LX-255, LX-264."""
    for machine in subject.machines.values():
        _states(subject, machine)
    _shadows(subject)
    _idle(subject)
    for name in subject.workflow.tracks:
        if name not in subject.openable:
            subject.note("LX-244", ("tracks", name), track=name)
    _fields(subject)


def _states(subject: Subject, machine: Machine) -> None:
    root = (*root_of(machine.name), "states")
    reached = subject.reachable[machine.name]
    final = {name for name, state in machine.states.items() if state.final}
    ends = bool(final) or machine.name == MAIN or machine.after_close == "block" or _open_is_read(subject, machine)
    ending = subject.leading_to(machine.name, final)
    dead = {s for s in machine.states if not any(arrow.target != s for arrow in subject.leaving(machine.name, s))}
    told: set[str] = set()
    for name in machine.states:
        if name not in reached:
            subject.note("LX-240", (*root, name), state=name)
        elif not ends or name in final:
            continue
        elif name in dead:
            subject.note("LX-241", (*root, name), state=name)
        elif name not in ending and not subject.ahead(machine.name, [name]) & (dead | told):
            told.add(name)  # of states that lead to each other, the first speaks for all
            subject.note("LX-242", (*root, name), state=name)


def _open_is_read(subject: Subject, machine: Machine) -> bool:
    """Whether something asks how many of these tracks are open: then each must come to an end."""
    return f"tracks.{machine.name}.open" in set(_paths_read(subject))


def _shadows(subject: Subject) -> None:
    """A state's own move hides a top-level one of the same name that would be possible there."""
    for name, form in subject.form.transitions.items():
        meant = set(subject.states_meant(form.from_))
        for state, own in subject.form.states.items():
            if state in meant and name in own.transitions:
                subject.note("LX-243", ("states", state, "transitions", name), transition=name, state=state)


def _idle(subject: Subject) -> None:
    """A move for the engine alone that nothing fires is never made."""
    told = set()
    for machine in subject.machines.values():
        for (state, name), row in machine.table.items():
            alone = bool(row.by.roles) and set(row.by.roles) == {ENGINE}
            if alone and (machine.name, name) not in subject.fired and (row, name) not in told:
                told.add((row, name))
                own = subject.form.tracks[machine.name].states if machine.name else subject.form.states
                inside = (*root_of(machine.name), "states", state, "transitions", name)
                path = inside if name in own[state].transitions else ("transitions", name)
                subject.note("LX-255", path, transition=name)


def _fields(subject: Subject) -> None:
    """A field without a title that no expression reads: nobody would notice its absence."""
    used = set(_paths_read(subject))
    for owner, fields in (("case", subject.form.case), *((n, t.data) for n, t in subject.form.tracks.items())):
        for name, form in fields.items():
            main = owner == "case"
            compiled = subject.machines[MAIN if main else owner].fields[name]
            shown = form.title.zh or form.title.en or compiled.personal or name == subject.workflow.accused
            if not shown and f"{'case' if main else 'track'}.{name}" not in used:
                subject.note("LX-264", ("case", name) if main else ("tracks", owner, "data", name), field=name)


def _paths_read(subject: Subject) -> Iterator[str]:
    for guard in guards_of(subject):
        yield from guard.reads


def guards_of(subject: Subject) -> Iterator[Guard]:
    """Every expression of the workflow but those over foreign data."""
    workflow = subject.workflow
    for role in workflow.roles.values():
        yield from (guard for guard in (role.of, role.not_of, role.is_) if guard is not None)
    for machine in subject.machines.values():
        for row in dict.fromkeys(machine.table.values()):
            yield from (condition.guard for condition in row.conditions)
            yield from (value for _, value in row.sets if isinstance(value, Guard))
        yield from (condition.guard for condition in machine.opens_when)
        for deadline in machine.deadlines.values():
            given = (deadline.start_field, deadline.within_expression, deadline.due, deadline.owner_expression)
            yield from (guard for guard in given if guard is not None)
            yield from (c.guard for c in (*deadline.conditions, *deadline.pause_conditions))
            if deadline.within_by:
                yield deadline.within_by[0]
    yield from (count.where for count in workflow.counts.values())
    yield from workflow.wheres.values()
    for reaction in workflow.reactions:
        yield from (condition.guard for condition in reaction.conditions)
        for action in reaction.do:
            yield from _inside(action.params)


def _inside(value: object) -> Iterator[Guard]:
    if isinstance(value, Guard):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _inside(inner)


def foreign_of(subject: Subject) -> Iterator[tuple[tuple[str, ...], Untyped]]:
    """Every expression over foreign data, with its path."""
    for type_, rules in subject.workflow.intake.items():
        for rule in rules:
            given: dict[tuple[str, ...], object] = {("case_key",): rule.case_key, ("unit",): rule.unit}
            given["when",] = rule.when
            given |= {("with", name): value for name, value in rule.values.items()}
            given |= {("petitioner", name): value for name, value in rule.petitioner.items()}
            for below, value in given.items():
                if isinstance(value, Untyped):
                    yield ("intake", type_, *below), value
