"""Settings in one place: flag, then `LIANXIN_…`, then `lianxin.toml`, then the default. Nothing else reads them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.core.errors import LianxinError, Problem, Span
from engine.core.report import suggest
from schemas.settings import Origin, Settings, SourceSettings, setting_keys

FILE = "lianxin.toml"
PREFIX = "LIANXIN_"
NO_SETTINGS = ("LIANXIN_REAL_DATA", "LIANXIN_TEST_")
"""Beginnings of variables that are for the test suite, not for the program."""
PARENTS_SEARCHED = 20
KAFKA_FILES = ("password_file", "ca_file", "certificate_file", "private_key_file")
PATHS = frozenset(
    {"key_file", "workflows_dir", "calendars_dir", "directory", "clock_file"}
    | {f"kafka.{name}" for name in KAFKA_FILES}
)
SQLITE = "sqlite:///"

Key = tuple[str, ...]


def find_project(start: Path) -> Path:
    """The nearest folder at or above `start` that has a lianxin.toml; `start` itself if there is none."""
    start = start.resolve()
    folders = [start, *start.parents][:PARENTS_SEARCHED]
    return next((folder for folder in folders if (folder / FILE).is_file()), start)


def load_settings(
    project: Path, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None, cwd: Path | None = None
) -> Settings:
    """The settings of a project. `flags` by dotted name (`clock.max_wait`), None for what was not given.

    Relative paths in the file are relative to the project, in flags and variables to `cwd`. LianxinError LX-540
    with every fault found: unknown keys with a did-you-mean, wrong values with what is wanted.
    """
    reader = _Reader(project.resolve(), (cwd or Path.cwd()).resolve())
    reader.file()
    reader.environment(environ)
    reader.flags({key: value for key, value in (flags or {}).items() if value is not None})
    return reader.settings()


def variable_of(key: str) -> str:
    """The environment variable of a setting: `clock.max_wait` → `LIANXIN_CLOCK_MAX_WAIT`."""
    return PREFIX + key.replace(".", "_").upper()


class _Reader:
    """Lays the layers over each other, and remembers where each value came from."""

    def __init__(self, project: Path, cwd: Path) -> None:
        self.project = project
        self.cwd = cwd
        self.values: dict[str, Any] = {}
        self.origins: dict[str, Origin] = {}
        self.problems: list[Problem] = []
        self.places: dict[Key, Span] = {}
        for key in setting_keys():  # so that the defaults' paths are made absolute too
            if (default := _default(key)) is not None and (key in PATHS or key == "database_url"):
                self._lay(key, _absolute(key, str(default), project), None)

    # ── layers ───────────────────────────────────────────────────────────────────────────────────────────────────

    def file(self) -> None:
        path = self.project / FILE
        if not path.is_file():
            return
        try:
            text = path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except OSError as fault:
            raise LianxinError("LX-544", 2, file=str(path), reason=fault.strerror or str(fault)) from fault
        except UnicodeDecodeError as fault:
            raise LianxinError("LX-544", 2, file=str(path), reason="not UTF-8") from fault
        except tomllib.TOMLDecodeError as fault:
            self.problems.append(Problem("LX-543", FILE, _span_in(str(fault)), {"reason": str(fault)}))
            return
        self.places = _places(text)
        sources = data.pop("sources", None)
        for key, value in _leaves(data):
            self._known(key, value)
        if sources is not None:
            self.values["sources"] = sources
            for key, _ in _leaves({"sources": sources}):
                self.origins[".".join(key)] = Origin("file", self._where(key))

    def _known(self, key: Key, value: Any) -> None:
        name = ".".join(key)
        if value == {} and any(known.startswith(name + ".") for known in setting_keys()):
            return  # a table without anything in it
        if name in setting_keys():
            self._lay(name, _absolute(name, value, self.project), Origin("file", self._where(key)))
            return
        close = suggest(name, setting_keys()) or suggest(
            key[-1], [known.rpartition(".")[2] for known in setting_keys()]
        )
        self.problems.append(Problem("LX-541", FILE, self._span(key), {"key": name}, suggestion=close))

    def environment(self, environ: Mapping[str, str]) -> None:
        known = {variable_of(key): key for key in setting_keys()}
        for variable, text in sorted(environ.items()):
            if not variable.startswith(PREFIX) or variable.startswith(NO_SETTINGS):
                continue
            if variable not in known:
                close = suggest(variable, known)
                self.problems.append(Problem("LX-542", variable, None, {"variable": variable}, suggestion=close))
                continue
            key = known[variable]
            value = int(text) if isinstance(_default(key), int) and re.fullmatch(r"\d{1,9}", text) else text
            self._lay(key, _absolute(key, value, self.cwd), Origin("environment", variable))

    def flags(self, flags: Mapping[str, Any]) -> None:
        for key, value in flags.items():
            assert key in setting_keys(), f"no setting is called {key}"
            flag = "--" + key.replace(".", "-").replace("_", "-")
            self._lay(key, _absolute(key, value, self.cwd), Origin("flag", flag))

    def _lay(self, key: str, value: Any, origin: Origin | None) -> None:
        section, _, name = key.rpartition(".")
        (self.values.setdefault(section, {}) if section else self.values)[name] = value
        if origin is not None:
            self.origins[key] = origin

    # ── result ───────────────────────────────────────────────────────────────────────────────────────────────────

    def settings(self) -> Settings:
        settings = None
        try:
            settings = Settings.made(self.values, self.origins)
        except ValidationError as fault:
            for one in fault.errors(include_url=False, include_input=False, include_context=False):
                self._value_problem(tuple(str(step) for step in one["loc"]), one["type"], one["msg"])
        if self.problems or settings is None:
            raise LianxinError("LX-540", 2, tuple(self.problems), count=len(self.problems))
        return settings

    def _value_problem(self, key: Key, kind: str, reason: str) -> None:
        name = ".".join(key)
        if kind == "extra_forbidden":  # only sources get here; all other keys were looked up before
            close = suggest(key[-1], SourceSettings.model_fields)
            self.problems.append(Problem("LX-541", FILE, self._span(key), {"key": name}, suggestion=close))
        elif kind == "missing":
            self.problems.append(
                Problem("LX-545", FILE, self._span(key[:-1]), {"key": key[-1], "table": ".".join(key[:-1])})
            )
        else:
            origin = self.origins.get(name, Origin("file", FILE))
            file = FILE if origin.kind == "file" else origin.where
            facts = {"key": name, "reason": reason.removeprefix("Value error, ")}
            self.problems.append(Problem("LX-546", file, self._span(key) if file == FILE else None, facts))

    def _span(self, key: Key) -> Span | None:
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key)

    def _where(self, key: Key) -> str:
        span = self._span(key)
        return f"{FILE}:{span.line}" if span else FILE


def _default(key: str) -> Any:
    value: Any = Settings()
    for step in key.split("."):
        value = getattr(value, step)
    return value


def _absolute(key: str, value: Any, base: Path) -> Any:
    """A path, or the path in a SQLite URL, made absolute."""
    if key in PATHS and isinstance(value, str | Path) and str(value):
        return base / Path(value).expanduser()
    if key == "database_url" and isinstance(value, str) and value.startswith(SQLITE) and len(value) > len(SQLITE):
        return SQLITE + str(base / value.removeprefix(SQLITE))
    return value


def _leaves(data: Mapping[str, Any], above: Key = ()) -> list[tuple[Key, Any]]:
    found: list[tuple[Key, Any]] = []
    for key, value in data.items():
        if isinstance(value, dict) and value:
            found += _leaves(value, (*above, key))
        else:
            found.append(((*above, key), value))
    return found


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────────────

_PART = r"(?:[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*')"
_PATH = rf"({_PART}(?:\s*\.\s*{_PART})*)"
_TABLE = re.compile(rf"\s*\[\s*{_PATH}\s*\]\s*(?:#.*)?")
_ASSIGNED = re.compile(rf"\s*{_PATH}\s*=")
_AT = re.compile(r"line (\d+), column (\d+)")


def _places(text: str) -> dict[Key, Span]:
    """Where tables and keys stand. tomllib keeps no places; this reads what people write, and only for messages."""
    places: dict[Key, Span] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.fullmatch(line):
            table = _parts(match[1])
            places.setdefault(table, Span(number, match.start(1) + 1, match.end(1) + 1))
        elif match := _ASSIGNED.match(line):
            places.setdefault((*table, *_parts(match[1])), Span(number, match.start(1) + 1, match.end(1) + 1))
    return places


def _parts(path: str) -> Key:
    return tuple(part.strip("\"'") for part in re.findall(_PART, path))


def _span_in(message: str) -> Span | None:
    match = _AT.search(message)
    return Span(int(match[1]), int(match[2]), int(match[2]) + 1) if match else None
