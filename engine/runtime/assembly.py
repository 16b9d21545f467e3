"""Putting the line together: files are read once, everything is built here and handed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.core.actions import ActionSpec
from engine.core.calendar import Calendar, load_calendar
from engine.core.directory import Directory, load_directory, open_directory
from engine.core.errors import LianxinError, Problem
from engine.core.workflow import Workflow
from engine.language.compile import compile_workflow
from engine.language.lint import ethical_line
from engine.language.yaml_source import Source as YamlSource
from engine.language.yaml_source import load
from engine.resources import workflows_dir
from engine.runtime.consumer import Consumer
from engine.runtime.rulebook import RuleBook

if TYPE_CHECKING:  # whoever only reads workflows waits for no database
    from engine.runtime.asks import Source
    from engine.runtime.doors import Door
    from engine.runtime.handle import Line
    from engine.store.keys import Keys
    from engine.store.store import Store
    from engine.store.vault import Vault
    from schemas.settings import ApiSettings

SCENARIO_SUFFIX = ".test.yaml"
MAP_SUFFIX = ".map.yaml"


class Http(Protocol):
    """Makes the HTTP door. It stands above this layer, so engine.app hands it in."""

    def __call__(self, settings: ApiSettings, assembly: Assembly) -> Door: ...


@dataclass
class Assembly:
    """What this installation is made of: its folder of workflows and the consumers that engine.app registered."""

    consumers: Sequence[Consumer]
    folder: Path = field(default_factory=workflows_dir)
    http: Http | None = None

    @property
    def actions(self) -> dict[str, ActionSpec]:
        """Every action that may stand under `do:`."""
        return {action.name: action for consumer in self.consumers for action in consumer.actions}

    def tracks(self) -> dict[str, str]:
        """The shipped tracks' texts by name."""
        return {path.stem: path.read_text(encoding="utf-8") for path in sorted((self.folder / "tracks").glob("*.yaml"))}

    def calendars(self) -> dict[str, Calendar]:
        """Every calendar of the installation, by name."""
        found = {}
        for path in sorted((self.folder / "calendars").glob("*.yaml")):
            source = readable(path)
            calendar = load_calendar(source.data, str(path), source.span)
            found[calendar.name] = calendar
        return found

    def directory(self, path: Path | None = None) -> Directory:
        """The directory of units at `path`, by default the installation's own."""
        path = path or self.folder / "directory.yaml"
        source = readable(path)
        return load_directory(source.data, str(path), source.span)

    def workflow(self, path: Path) -> Workflow:
        """One workflow file, compiled, and within the ethical line. LX-200 with all its problems."""
        text = read_bytes(path)
        workflow = compile_workflow(text, str(path), self.actions, self.tracks())
        if problems := ethical_line(workflow, load(text, str(path))):
            raise LianxinError("LX-200", exit_code=1, problems=tuple(problems), file=str(path))
        return workflow

    def recalled(self, content: bytes, digest: str) -> Workflow:
        """An earlier version from the canonical content that a database keeps."""
        workflow = compile_workflow(content, f"edition {digest[:12]}", self.actions)
        assert workflow.digest == digest, "an edition's content must give its digest again"
        return workflow

    def workflow_files(self) -> list[Path]:
        """The workflows of the installation's folder; scenarios, maps and the directory are not workflows."""
        return [
            path
            for path in sorted(self.folder.glob("*.yaml"))
            if not path.name.endswith((SCENARIO_SUFFIX, MAP_SUFFIX)) and path.name != "directory.yaml"
        ]

    def workflows(self, paths: Iterable[Path] | None = None) -> dict[str, Workflow]:
        """Compiled workflows by name; problems of all files together."""
        found: dict[str, Workflow] = {}
        problems: list[Problem] = []
        for path in self.workflow_files() if paths is None else paths:
            try:
                workflow = self.workflow(path)
                found[workflow.name] = workflow
            except LianxinError as error:
                if not error.problems:
                    raise
                problems += error.problems
        if problems:
            raise LianxinError("LX-200", exit_code=1, problems=tuple(problems), file=str(self.folder))
        return found

    def book(
        self, workflows: Mapping[str, Workflow], directory: Directory | None = None, store: Store | None = None
    ) -> RuleBook:
        """The rules in force; versions that only a database still knows are recalled from it."""

        def recall(digest: str) -> Workflow | None:
            if store is None:
                return None
            with store.read() as reader:
                content = reader.edition(digest)
            return self.recalled(content, digest) if content is not None else None

        return RuleBook(workflows, self.calendars(), directory or self.directory(), recall)

    def line(
        self,
        store: Store,
        keys: Keys,
        vault: Vault,
        book: RuleBook,
        sources: Mapping[str, Source] | None = None,
    ) -> Line:
        """The straight line over an open store; its editions are kept in the database from here on."""
        from engine.runtime.asks import UNLIMITED
        from engine.runtime.handle import Line

        with store.transaction() as tx:
            for digest, kind, name, content in book.editions():
                tx.add_edition(digest, kind, name, content)
        return Line(store, vault, keys, book, sources if sources is not None else {"*": UNLIMITED})


def any_units() -> Directory:
    """The directory that admits every unit, for imported data whose units nobody has listed."""
    return open_directory([])


def read_bytes(path: Path) -> bytes:
    """A file's bytes. LX-190 (exit 3) where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise LianxinError("LX-190", exit_code=3, file=str(path), reason=error.strerror or str(error)) from error


def readable(path: Path) -> YamlSource:
    """A YAML file that can be read. LX-191 with its problems otherwise."""
    source = load(read_bytes(path), str(path))
    if source.problems:
        raise LianxinError("LX-191", exit_code=1, problems=source.problems, file=str(path))
    return source
