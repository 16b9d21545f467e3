"""Who acts in a scenario: a step that names a role alone gets one fitting person, the same throughout the scenario."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from engine.core.desk import Desk, Refused, Sight
from engine.core.model import Actor
from engine.core.permits import check_role
from engine.core.workflow import By, Transition


@dataclass
class People:
    """The persons of one scenario, by role, in the order they first acted."""

    known: dict[str, list[Actor]] = field(default_factory=dict)

    def someone(
        self, desk: Desk, role: str, transition: Transition | None, sight: Sight, apart_from: Collection[str] = ()
    ) -> Actor:
        """One who may act in the role here and now: who did before, else a holder of the directory, else invented.

        Where nobody fits, the first who holds the role: the engine then says itself why that person may not.
        """
        not_as = transition.not_as if transition is not None else ()
        first: Actor | None = None
        invented = f"p-{role}-{len(apart_from) + 1}" if apart_from else f"p-{role}"
        for actor in self._candidates(desk, role, sight, invented):
            if actor.person in apart_from:
                continue
            first = first or actor
            if _fits(desk, actor, not_as, sight):
                return self._remembered(actor)
        return self._remembered(first or Actor(role, invented, desk.rules.directory.office))

    def _remembered(self, actor: Actor) -> Actor:
        known = self.known.setdefault(actor.role, [])
        if actor not in known:
            known.append(actor)
        return actor

    def _candidates(self, desk: Desk, role: str, sight: Sight, invented: str) -> Iterator[Actor]:
        directory, relation = desk.rules.directory, desk.rules.workflow.roles[role]
        yield from self.known.get(role, ())
        if relation.is_ is not None and (person := _asked(desk, relation.is_, sight)):
            unit = next((known.unit for known in directory.people if known.ref == person), directory.office)
            yield Actor(role, person, unit)
        for holder in directory.holders(role):
            yield Actor(role, holder.ref, holder.unit)
        if relation.of is not None and (unit := _asked(desk, relation.of, sight)):
            yield Actor(role, invented, unit)
        for unit in (directory.office, *directory.units):
            yield Actor(role, invented, unit)


def _fits(desk: Desk, actor: Actor, not_as: tuple[str, ...], sight: Sight) -> bool:
    tried = Desk(desk.case, replace(desk.command, actor=actor), desk.rules)
    try:
        check_role(tried, By(any=(actor.role,)), not_as, sight)
    except Refused:
        return False
    return True


def _asked(desk: Desk, guard: object, sight: Sight) -> str:
    try:
        return str(desk.value(guard, sight) or "")  # type: ignore[arg-type]  # a Guard; Role says so
    except Refused:
        return ""
