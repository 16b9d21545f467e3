"""Who may: roles and their relations, who has acted before, two people, and the denial that overrides all."""

from __future__ import annotations

from engine.core.desk import Desk, Refused, Rules, Sight, posts_of
from engine.core.model import ENGINE, Actor, Case, JsonObject
from engine.core.workflow import MAIN, By, Machine, Role, Transition


def check_there(desk: Desk) -> None:
    """Refused `no-case` where there is none; a sealed one looks the same to everybody it is not sealed to."""
    if desk.case.version:
        sealed_to = desk.rules.workflow.main.states[desk.case.state].sealed_to
        if not sealed_to or desk.command.actor.role in (sealed_to, ENGINE):
            return
    raise Refused("no-case")


def check_role(desk: Desk, by: By, not_as: tuple[str, ...], sight: Sight) -> None:
    """Refused `role-not-allowed` unless the actor may act in one of the roles, here and now."""
    actor = desk.command.actor
    if actor.unit or actor.person:  # a system that names neither is denied nothing
        for unit in units_of(desk, actor):
            if desk.denied(unit):
                raise Refused("accused-unit", unit=unit)
    if actor.role not in (by.any or by.roles):
        raise Refused("role-not-allowed", role=actor.role, allowed=list(by.roles))
    if actor.role == ENGINE:
        return
    role = desk.rules.workflow.roles[actor.role]
    if actor.person or actor.unit:
        _check_relations(desk, role, actor, sight)
    if not actor.person:
        return
    for other in (*role.not_as, *not_as):
        if actor.person in desk.case.acted.get(other, ()):
            raise Refused("role-not-allowed", role=actor.role, reason=f"has acted as {other} in this case")


def units_of(desk: Desk, actor: Actor) -> tuple[str, ...]:
    """The unit somebody acts for, and those he has a post in: to leave one out takes nobody out of it."""
    return (actor.unit, *posts_of(desk.rules.directory).get(actor.person, ())) if actor.person else (actor.unit,)


def _check_relations(desk: Desk, role: Role, actor: Actor, sight: Sight) -> None:
    """`of`, `not_of`, `is`, of whoever names himself or his unit; a system that does neither vouches for the role."""
    directory = desk.rules.directory
    if role.of is not None:
        unit = desk.value(role.of, sight)
        if not unit or not directory.in_or_under(actor.unit, [unit]):
            raise Refused("role-not-allowed", role=actor.role, unit=actor.unit, of=unit or "")
    if role.not_of is not None:
        unit = desk.value(role.not_of, sight)
        if unit and any(directory.in_or_under(mine, [unit]) for mine in units_of(desk, actor)):
            raise Refused("role-not-allowed", role=actor.role, unit=actor.unit, not_of=unit)
    if role.is_ is not None:
        person = desk.value(role.is_, sight)
        if not person or person != actor.person:
            raise Refused("role-not-allowed", role=actor.role, reason="another person holds it in this case")


def signatures(desk: Desk, by: By, transition: Transition, key: str) -> tuple[list[list[str]], bool]:
    """For `all` and `two`: who has signed with this command, and whether that is everybody."""
    actor = desk.command.actor
    signed = desk.case.approvals.get(key, [])
    if not actor.person:
        raise Refused("person-required", transition=transition.name)
    if any(person == actor.person for _, person in signed):
        raise Refused("same-person", transition=transition.name)
    if by.all and any(role == actor.role for role, _ in signed):
        raise Refused("already-signed", transition=transition.name, role=actor.role)
    signed = [*signed, [actor.role, actor.person]]
    complete = {role for role, _ in signed} == set(by.all) if by.all else len(signed) == 2
    return signed, complete


def may_see(case: Case, rules: Rules, role: str, unit: str) -> bool:
    """Whether somebody of that unit, in that role, may know that the case exists.

    Not if the unit is accused in it, or under one that is; a sealed case only in the role it is sealed to.
    """
    field = rules.workflow.accused
    accused = case.data.get(field) if field else None
    if accused and unit and rules.directory.in_or_under(unit, accused):
        return False
    state = rules.workflow.main.states.get(case.state)
    return state is None or state.sealed_to in ("", role)


def check_denial(desk: Desk, machine: Machine, track_id: str, values: JsonObject, *, ends: bool = False) -> None:
    """Refused `accused-unit` where a unit accused in this case, or one under it, would get the matter or keep it.

    Checked on the whole case (or track) with the new values laid over it, before every guard and after every `set`
    (条例 第三十条); of tracks, persons in such a unit too. What ends the matter may leave it where it is.
    """
    name_of_accused = desk.rules.workflow.accused
    if not name_of_accused:
        return
    main = machine.name == MAIN
    held = desk.case.tracks[track_id]["data"] if track_id else desk.case.data if main else {}
    accused = (values if main else {}).get(name_of_accused, desk.case.data.get(name_of_accused))
    if not accused:
        return
    for name, field in machine.fields.items():
        if (main and name == name_of_accused) or field.type not in (("unit",) if main else ("unit", "person")):
            continue
        value = values.get(name, None if ends else held.get(name))
        for who in value if isinstance(value, list) else [value]:
            if isinstance(who, str) and desk.denied(who, accused):
                raise Refused("accused-unit", field=name)
