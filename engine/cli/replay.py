"""`lianxin replay`: rebuild from the log and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.cli.command import Session, command, single

if TYPE_CHECKING:
    from engine.cli.screen import Screen
    from engine.runtime.replay import Replayed

app = single()
FINDINGS = 1


@command(
    app,
    "replay",
    "由总账重建全部可重建的表，逐字节比对 · Rebuild every table that can be, and compare byte for byte",
    project=True,
)
def replay(session: Session) -> int:
    from engine.cli.installation import Installation
    from engine.runtime.replay import replay as rebuild

    with Installation(session).store() as store:
        found = rebuild(store)
    session.screen.result(found.as_json(), _lines(found, session.screen))
    return 0 if found.equal else FINDINGS


def _lines(found: Replayed, screen: Screen) -> list[str]:
    rows = ((name, count, found.differences.get(name, 0)) for name, count in found.rows.items())
    lines = screen.table(("表 · Table", "重建 · Rebuilt", "不同 · Different"), rows)
    lines += [f"  {place}" for place in found.faults]
    for name, first in found.first.items():
        lines.append(f"{name} {first.key}: {screen.said('库中 · stored')} {first.stored}, "
                     f"{screen.said('重建 · rebuilt')} {first.rebuilt}")  # fmt: skip
    verdict = "一致 · equal" if found.equal else "不一致 · not equal"
    lines += [
        f"{screen.said('记录 · records')}  {found.events}",
        f"state_digest    {found.state_digest}",
        f"letters_digest  {found.letters_digest}",
        screen.said(verdict),
    ]
    return lines
