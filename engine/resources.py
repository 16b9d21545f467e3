"""Where the files that ship with lianxin are found: the workflows, calendars and letter templates."""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from engine.core.errors import LianxinError

CHECKOUT = Path(__file__).resolve().parent.parent
"""The folder above `engine`: the source checkout, or site-packages once installed."""


def workflows_dir() -> Path:
    """The folder of the workflows that ship with lianxin: the checkout's own, else the installed one.

    LianxinError LX-590 (exit 5) lists the places looked at when there is none.
    """
    places = tuple(_places())
    for place in places:
        if place.is_dir():
            return place
    raise LianxinError("LX-590", exit_code=5, places="; ".join(map(str, places)))


def _places() -> Iterator[Path]:
    # site-packages may hold somebody else's `workflows`: only a folder with our pyproject.toml is a checkout.
    if (CHECKOUT / "pyproject.toml").is_file():
        yield CHECKOUT / "workflows"
    # One and the same in a virtual environment; Debian's own Python installs to the second, `--user` to the third.
    prefixes = (sys.prefix, sysconfig.get_path("data"), site.getuserbase())
    for prefix in dict.fromkeys(prefixes):
        yield Path(prefix) / "share" / "lianxin" / "workflows"
