"""Writes docs/licences.md: every package that runs with lianxin, with version, licence and home, from its metadata.

`python deploy/licences.py` writes the page; `--check` writes nothing and exits 1 when the page is out of date.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
TOOLS = frozenset({"dev", "bench"})
"""Extras of pyproject.toml that nobody needs in order to run lianxin."""

READ_BY_HAND = {"pysqlite3": "Zlib"}
"""Packages whose metadata names no licence; read from the licence file inside their wheel."""

HOME_LABELS = ("homepage", "home", "source", "source code", "repository", "github", "documentation")
LICENCE_NAME_MAX_CHARS = 60
"""Longer `License` fields hold the licence's text, not its name."""

HEAD = """\
# 许可证 · Licences

连心以 Apache-2.0 许可发布（见 [LICENSE](../LICENSE)）。下表是随它一起运行的软件包，
由 `make licences` 从已安装的元数据生成，请勿手工修改。

lianxin is released under Apache-2.0 (see [LICENSE](../LICENSE)). These packages run with it. The table is made from
installed metadata by `make licences`; do not edit it by hand.

| 软件包 · package | 版本 · version | 许可证 · licence | 主页 · home |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package as its own metadata describes it."""

    name: str
    version: str
    licence: str
    home: str


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` compare it; the exit code."""
    page = render(runtime_packages())
    if "--check" in arguments:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page
        if not current:
            print(f"{PAGE.relative_to(ROOT)} 已过期，请运行 make licences · is out of date: run make licences")
        return 0 if current else 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


def render(packages: list[Package]) -> str:
    """The whole page for these packages."""
    return HEAD + "".join(f"| {p.name} | {p.version} | {p.licence} | <{p.home}> |\n" for p in packages)


def runtime_packages() -> list[Package]:
    """What pyproject.toml asks for at run time and what that asks for in turn, sorted by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [Requirement(line) for line in project["dependencies"]]
    for extra, lines in project.get("optional-dependencies", {}).items():
        if extra not in TOOLS:
            waiting += [Requirement(line) for line in lines]
    found: dict[str, Package] = {}
    asked: set[tuple[str, str]] = set()
    # Ends: each pair of a package and an extra (or none) is taken up once.
    while waiting:
        wanted = waiting.pop()
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(wanted.name)
        found.setdefault(name, describe(name))
        for extra in ("", *wanted.extras):
            if (name, extra) not in asked:
                asked.add((name, extra))
                waiting += _required_by(name, extra)
    return [found[name] for name in sorted(found)]


def describe(name: str) -> Package:
    """What an installed package says of itself; PackageNotFoundError where it is not installed."""
    metadata = distribution(name).metadata
    return Package(metadata["Name"], metadata["Version"], licence_of(metadata), _home_of(metadata))


def licence_of(metadata: PackageMetadata) -> str:
    """The licence's name: SPDX expression, else the short field, else classifiers. ValueError where nothing says it."""
    expression = _field(metadata, "License-Expression")
    if expression:
        return expression
    stated = _field(metadata, "License")
    if stated and len(stated) <= LICENCE_NAME_MAX_CHARS and "\n" not in stated:
        return stated
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    if classifiers:
        return ", ".join(line.rsplit(" :: ", 1)[-1] for line in classifiers)
    name = canonicalize_name(metadata["Name"])
    if name not in READ_BY_HAND:
        raise ValueError(f"{name} names no licence: read its licence file and add it to READ_BY_HAND")
    return READ_BY_HAND[name]


def is_gpl(licence: str) -> bool:
    """Whether a licence asks for GPL or AGPL. LGPL is not meant; a plain `GPL OR MIT` leaves a way out."""
    choices = [licence] if " AND " in licence else licence.split(" OR ")
    return all(re.search(r"\bA?GPL|(?<!Lesser )General Public Licen[cs]e", choice) for choice in choices)


def _required_by(name: str, extra: str) -> list[Requirement]:
    """What a package needs on this machine: always, or for one of its extras."""
    needs = [Requirement(line) for line in distribution(name).requires or ()]
    needs = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    for need in needs:
        need.marker = None
    return needs


def _field(metadata: PackageMetadata, name: str) -> str:
    return metadata[name].strip() if name in metadata else ""


def _home_of(metadata: PackageMetadata) -> str:
    links: dict[str, str] = {}
    for line in metadata.get_all("Project-URL") or []:
        label, _, url = line.partition(",")
        links[label.strip().lower()] = url.strip()
    if _field(metadata, "Home-page"):
        links["homepage"] = _field(metadata, "Home-page")
    for label in HOME_LABELS:
        if label in links:
            return links[label]
    raise ValueError(f"{metadata['Name']} names no home")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
