"""The file behind a directory, read strictly.

units:
  住建局:
    parent: 区委区政府                  # absent at the one root
    discipline_body: 区纪委监委          # absent: the nearest one above
    head: 局长                          # one of its posts; sponsor level L1
    leaders: {L2: post:区委区政府/副区长（城建）}   # absent levels: the nearest unit above that names one
    posts:
      局长: {holder: p-1001, roles: [unit_head]}     # a vacant post has no holder; several: [p-1, p-2]
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core.findings import Findings, Path, SpanOf, nowhere

LEVELS = ("L1", "L2", "L3", "L4", "L5")


@dataclass(frozen=True, slots=True)
class Post:
    """A post of a unit: who holds it (references, the first one speaks for it) and the roles it gives."""

    title: str
    holders: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit with its posts. `leaders` maps L2…L5 to post ids such as `post:区委区政府/区长`."""

    name: str
    parent: str = ""
    discipline_body: str = ""
    head: str = ""
    leaders: Mapping[str, str] = field(default_factory=dict)
    posts: tuple[Post, ...] = ()

    def content(self) -> dict[str, Any]:
        """Everything it says, as JSON."""
        return {
            "unit": self.name,
            "parent": self.parent,
            "discipline_body": self.discipline_body,
            "head": self.head,
            "leaders": dict(self.leaders),
            "posts": [[post.title, list(post.holders), list(post.roles)] for post in self.posts],
        }


@dataclass(frozen=True, slots=True)
class DirectoryForm:
    """What a directory file says, checked."""

    name: str
    office: str
    units: tuple[Unit, ...]


def read_directory(data: object, file: str, span: SpanOf = nowhere) -> DirectoryForm:
    """Read a parsed YAML file. LianxinError LX-800 with all its faults, each at its place."""
    found = Findings(file, span)
    form = found.form(data, (), needs=("lianxin", "directory", "office", "units"), may=("title",))
    found.version(form.get("lianxin"))
    entries = form.get("units")
    if entries is not None and not isinstance(entries, Mapping):
        found.form(entries, ("units",), needs=())
    units: dict[str, Unit] = {}
    if isinstance(entries, Mapping):
        for name, entry in entries.items():
            units[str(name)] = _unit(str(name), entry, found)
    name = found.text(form.get("directory"), ("directory",))
    office = found.text(form.get("office"), ("office",))
    if office:
        _refer(office, ("office",), units, found)
    _check_names(units, found)
    _check_tree(units, found)
    for unit in units.values():
        _check_references(unit, units, found)
    found.raise_if_any()
    return DirectoryForm(name, office, tuple(units.values()))


def _unit(name: str, value: object, found: Findings) -> Unit:
    path: Path = ("units", name)
    form = found.form(value, path, needs=(), may=("parent", "discipline_body", "head", "leaders", "posts", "title"))
    posts = form.get("posts")
    entries = found.form(posts, (*path, "posts"), needs=(), may=tuple(posts)) if isinstance(posts, Mapping) else {}
    if posts is not None and not isinstance(posts, Mapping):
        found.form(posts, (*path, "posts"), needs=())
    return Unit(
        name,
        found.text(form.get("parent"), (*path, "parent")),
        found.text(form.get("discipline_body"), (*path, "discipline_body")),
        found.text(form.get("head"), (*path, "head")),
        _leaders(form.get("leaders"), (*path, "leaders"), found),
        tuple(_post(title, entry, (*path, "posts", title), found) for title, entry in entries.items()),
    )


def _leaders(value: object, path: Path, found: Findings) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        found.form(value, path, needs=())
        return {}
    leaders: dict[str, str] = {}
    for level, post in value.items():
        if level == "L1":
            found.add("LX-826", (*path, level), level=level)
        elif level not in LEVELS:
            found.add("LX-825", (*path, level), wrong=str(level), known=LEVELS[1:], level=level)
        else:
            leaders[level] = found.text(post, (*path, level))
    return leaders


def _post(title: str, value: object, path: Path, found: Findings) -> Post:
    form = found.form(value, path, needs=(), may=("holder", "roles"))
    holder = form.get("holder")
    several = holder if isinstance(holder, list) else [] if holder is None else [holder]
    holders = tuple(found.text(ref, (*path, "holder")) for ref in several)
    if len(set(holders)) < len(holders):
        found.add("LX-829", (*path, "holder"), post=title, holders=", ".join(holders))
    roles = tuple(
        found.text(r, (*path, "roles", i)) for i, r in enumerate(found.items(form.get("roles"), (*path, "roles")))
    )
    return Post(title, tuple(ref for ref in holders if ref), tuple(role for role in roles if role))


def _refer(name: str, path: Path, units: Mapping[str, Unit], found: Findings) -> None:
    if name not in units:
        found.add("LX-821", path, wrong=name, known=units, unit=name)


def _check_names(units: Mapping[str, Unit], found: Findings) -> None:
    """Two spellings of one name (full width, spaces) would be two units nobody can tell apart."""
    seen: dict[str, str] = {}
    for name in units:
        plain = "".join(unicodedata.normalize("NFKC", name).split())
        if plain in seen:
            found.add("LX-824", ("units", name), name=name, other=seen[plain])
        seen.setdefault(plain, name)


def _check_tree(units: Mapping[str, Unit], found: Findings) -> None:
    """One root, and nobody above themselves."""
    roots = [unit.name for unit in units.values() if not unit.parent]
    for name in roots[1:]:
        found.add("LX-823", ("units", name), name=name, root=roots[0])
    reported: set[str] = set()
    for name in units:
        chain = [name]
        while (parent := units[chain[-1]].parent) in units and parent not in chain:
            chain.append(parent)
        if parent == name and name not in reported:
            reported.update(chain)
            found.add("LX-822", ("units", name, "parent"), name=name, chain=" → ".join([*chain, name]))


def _check_references(unit: Unit, units: Mapping[str, Unit], found: Findings) -> None:
    path: Path = ("units", unit.name)
    if unit.parent:
        _refer(unit.parent, (*path, "parent"), units, found)
    if unit.discipline_body:
        _refer(unit.discipline_body, (*path, "discipline_body"), units, found)
    titles = [post.title for post in unit.posts]
    if not unit.head:
        found.add("LX-827", path, unit=unit.name)
    elif unit.head not in titles:
        found.add("LX-828", (*path, "head"), wrong=unit.head, known=titles, post=f"post:{unit.name}/{unit.head}")
    posts = [f"post:{other.name}/{post.title}" for other in units.values() for post in other.posts]
    for level, post in unit.leaders.items():
        if post and post not in posts:
            found.add("LX-828", (*path, "leaders", level), wrong=post, known=posts, post=post)
