"""`--as person:role@unit`: who acts, and what they may see."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.core.desk import Rules
from engine.core.directory import Directory
from engine.core.errors import LianxinError
from engine.core.model import Actor, Case
from engine.core.permits import may_see
from engine.core.report import suggest
from engine.runtime.decode import DIRECTORY_OF_ANY

_FORM = re.compile(r"(?:(?P<person>[^\s:@]{1,64}):)?(?P<role>[a-z][a-z0-9_]{0,63})(?:@(?P<unit>[^\s:@]{1,100}))?")
KNOWN_SHOWN_MAX = 6


def read_actor(text: str, directory: Directory) -> Actor:
    """The actor in `p-1028:desk@信访局`; without a unit, that of the person. None of the parts is taken on trust.

    LX-905 (exit 2) where it is written otherwise, LX-906 (exit 6) where the directory says that this person does not
    act in this role for this unit. A role that nobody holds in the directory is the workflow's own business.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise LianxinError("LX-905", exit_code=2, text=text)
    person, role, unit = match["person"] or "", match["role"], match["unit"] or ""
    if directory.name == DIRECTORY_OF_ANY:
        return Actor(role, person, unit)
    holders = directory.holders(role)
    fitting = [p for p in holders if person in ("", p.ref) and unit in ("", p.unit)]
    if holders and not fitting:
        known = "、".join(f"{p.ref}:{role}@{p.unit}" for p in holders[:KNOWN_SHOWN_MAX])
        meant = suggest(person, [p.ref for p in holders]) or suggest(unit, [p.unit for p in holders])
        raise LianxinError(
            "LX-906", 6, person=person or "?", role=role, unit=unit or "?", known=known, suggestion=meant or ""
        )
    if unit and unit not in directory:
        known = "、".join(list(directory.units)[:KNOWN_SHOWN_MAX])
        raise LianxinError("LX-906", exit_code=6, person=person or "?", role=role, unit=unit, known=known)
    units = {p.unit for p in fitting}
    return Actor(role, person, unit or (units.pop() if len(units) == 1 else ""))


def must_act(text: str, directory: Directory) -> Actor:
    """The actor of a command that goes on record under somebody's name. LX-923 (exit 2) where --as is missing."""
    if not text:
        raise LianxinError("LX-923", exit_code=2)
    return read_actor(text, directory)


def exists_for(case: Case, actor: Actor | None, rules: Rules) -> bool:
    """Whether the case exists for this actor; None is the operator of this database, who sees all."""
    return actor is None or may_see(case, rules, actor.role, actor.unit)


def actor_lines(actor: Mapping[str, str]) -> str:
    """An actor of the log as people read it: `desk p-1028@信访局`."""
    person = actor.get("person", "")
    unit = actor.get("unit", "")
    return " ".join(part for part in (actor.get("role", ""), person + (f"@{unit}" if unit else "")) if part)
