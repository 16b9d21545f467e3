"""Where in which file a rule stands: `workflows/complaint.yaml:48`, for "why" and "why not"."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from engine.core.errors import LianxinError
from engine.core.workflow import MAIN, Workflow
from engine.language.yaml_source import Path as Keys
from engine.language.yaml_source import Source
from engine.runtime.assembly import Assembly, readable


class Places:
    """The places of one workflow version. Empty where no file has that version any more: the database knows its
    rules, but not the lines they stood on.
    """

    def __init__(self, assembly: Assembly, workflow: Workflow) -> None:
        self._assembly = assembly
        self._workflow = workflow

    @cached_property
    def file(self) -> Path | None:
        """The file of this very version."""
        for path in self._assembly.workflow_files():
            try:
                if self._assembly.workflow(path).digest == self._workflow.digest:
                    return path
            except LianxinError:  # a file that is being edited is not the one
                continue
        return None

    def transition(self, machine: str, state: str, name: str) -> str:
        """Where the move stands: under its state, or among those of many states."""
        head: Keys = ("tracks", machine) if machine else ()
        return self._first(machine, [(*head, "states", state, "transitions", name), (*head, "transitions", name)])

    def deadline(self, machine: str, name: str) -> str:
        """Where the deadline stands."""
        return self._first(machine, [(*(("tracks", machine) if machine else ()), "deadlines", name)])

    def reaction(self, name: str) -> str:
        """Where the reaction stands."""
        return self._first(MAIN, [("reactions", name)])

    def opening(self, name: str) -> str:
        """Where the opening stands."""
        return self._first(MAIN, [("opens", name)])

    @cached_property
    def _source(self) -> Source | None:
        return readable(self.file) if self.file else None

    def _first(self, machine: str, paths: list[Keys]) -> str:
        if self._source is None or self.file is None:
            return ""
        for keys in paths:
            if _has(self._source.data, keys):
                span = self._source.span(keys, key=True)
                return f"{self.file}:{span.line}" if span else str(self.file)
        return self._in_shipped(machine, [keys[2:] for keys in paths]) if machine else ""

    def _in_shipped(self, machine: str, paths: list[Keys]) -> str:
        """`tracks: {letter: {use: letter}}`: the rule stands in the shipped definition."""
        assert self._source is not None
        tracks = self._source.data.get("tracks", {}) if isinstance(self._source.data, dict) else {}
        used = tracks.get(machine, {}).get("use") if isinstance(tracks.get(machine), dict) else None
        path = self._assembly.folder / "tracks" / f"{used}.yaml"
        if not used or not path.is_file():
            return ""
        source = readable(path)
        for keys in paths:
            if _has(source.data, keys):
                span = source.span(keys, key=True)
                return f"{path}:{span.line}" if span else str(path)
        return ""


def _has(data: object, keys: Keys) -> bool:
    for key in keys:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True
