"""Where everything is put together: the only module that knows the consumers. `lianxin` starts here.

What is costly to import (database, expressions, state machines) is imported when a command asks for it, so that
`lianxin --help` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.main import run

if TYPE_CHECKING:
    from engine.runtime.assembly import Assembly
    from engine.runtime.consumer import Consumer
    from engine.runtime.doors import Door
    from schemas.settings import ApiSettings

CONSUMERS = ("supervision", "escalation", "follow_up", "reminders", "moves")
"""The modules of `consumers` that ship, in the order in which they see a fact."""
ENTRY_POINTS = "lianxin.consumers"
"""Other packages register consumers under this group: a module or object with NAME, ACTIONS and react."""


def main() -> None:
    """The command `lianxin`."""
    sys.exit(run(assemble))


def assemble(folder: Path | None = None) -> Assembly:
    """What this installation is made of. `folder` holds its workflows; by default those that ship with lianxin."""
    from engine.resources import workflows_dir
    from engine.runtime.assembly import Assembly

    return Assembly(consumers(), folder if folder is not None else workflows_dir(), http)


def http(settings: ApiSettings, assembly: Assembly) -> Door:
    """The door for other systems. Imported when it is opened: it costs half a second."""
    from engine.api.door import door

    return door(settings, assembly)


def consumers() -> list[Consumer]:
    """Those that ship, then those that other packages register. LX-910 where one is none, LX-911 for a name twice."""
    from importlib import import_module
    from importlib.metadata import entry_points

    found = [_consumer(name, import_module(f"consumers.{name}")) for name in CONSUMERS]
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        found.append(_registered(point.name, point.value, point.load))
    names = [consumer.name for consumer in found]
    actions = [action.name for consumer in found for action in consumer.actions]
    for taken in (names, actions):
        for name in taken:
            if taken.count(name) > 1:
                from engine.core.errors import LianxinError

                raise LianxinError("LX-911", exit_code=5, name=name)
    return found


def _registered(name: str, value: str, load: object) -> Consumer:
    from engine.core.errors import LianxinError

    assert callable(load)
    try:
        return _consumer(name, load())
    except (ImportError, AttributeError) as error:
        raise LianxinError("LX-910", exit_code=5, name=name, value=value, reason=error) from error


def _consumer(name: str, module: object) -> Consumer:
    from engine.runtime.consumer import Consumer

    return Consumer(module.NAME, tuple(module.ACTIONS), module.react)  # type: ignore[attr-defined]  # checked above


if __name__ == "__main__":
    main()
