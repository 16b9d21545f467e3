"""What a command works with: the settings of the project, its workflows, its database. Built when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from engine.cli.command import Session
from engine.core.errors import LianxinError
from engine.core.instants import Instant, from_datetime, parse
from engine.core.model import Case
from engine.core.workflow import Workflow
from engine.runtime.assembly import Assembly
from engine.runtime.handle import Line
from engine.runtime.rulebook import RuleBook
from engine.settings import FILE, find_project, load_settings
from engine.store.keys import Keys, read_key_file
from engine.store.reader import Reader
from engine.store.store import Store
from engine.store.vault import Vault
from schemas.settings import Settings


class Installation:
    """Everything one run of a command may ask for, by way of the settings."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.project = find_project(session.project or Path.cwd())
        if session.project is not None and not session.project.is_dir():
            raise LianxinError("LX-190", exit_code=3, file=str(session.project), reason="not a folder")

    @cached_property
    def settings(self) -> Settings:
        """LX-540 with every fault in lianxin.toml, variables and flags."""
        return load_settings(self.project, self.session.environ, self.session.flags)

    @cached_property
    def assembly(self) -> Assembly:
        """The project's own workflows where there is a project, else those that ship with lianxin."""
        settings = self.settings
        own = (self.project / FILE).is_file() or settings.origin("workflows_dir").kind != "default"
        if own and not settings.workflows_dir.is_dir():
            reason = "没有这个目录 no such folder"
            raise LianxinError("LX-190", exit_code=3, file=str(settings.workflows_dir), reason=reason)
        return self.session.assemble(settings.workflows_dir if own else None)

    @cached_property
    def keys(self) -> Keys:
        """The key file's keys. LX-501 … LX-507 where it cannot be used."""
        return read_key_file(self.settings.key_file)

    def now(self) -> Instant:
        """The instant at which a person acts; that of `clock_file` in tests."""
        clock = self.settings.clock_file
        if clock is None:
            return from_datetime(datetime.now(UTC))
        try:
            return parse(clock.read_text(encoding="utf-8").strip())
        except OSError as error:
            raise LianxinError("LX-190", exit_code=3, file=str(clock), reason=error.strerror) from error
        except ValueError as error:
            raise LianxinError("LX-915", exit_code=2, text=str(clock), reason=error) from error

    def store(self, vault: Vault | None = None, *, create: bool = False) -> Store:
        """The project's database. LX-520 (exit 3) where there is none yet."""
        return Store.open(self.settings.database_url, vault=vault, create=create)

    @contextmanager
    def reading(self) -> Iterator[Desk]:
        """The database to look at, one snapshot; the versions of workflows come from the files or from itself."""
        with self.store() as store:
            book = self.book(store, self._workflows_for_reading())
            with store.read() as reader:
                yield Desk(self, reader, book)

    @contextmanager
    def writing(self) -> Iterator[Line]:
        """The straight line, to send commands down. LX-523 (exit 5) while another process writes."""
        vault = Vault(self.keys)
        with self.store(vault) as store:
            book = self.book(store, self.assembly.workflows())
            line = self.assembly.line(store, self.keys, vault, book)
            line.early_max_wait = self.settings.early.max_wait
            yield line

    def book(self, store: Store, workflows: dict[str, Workflow]) -> RuleBook:
        """The rules in force; versions that no file has any more are recalled from the database."""
        directory = self.assembly.directory(self.settings.directory)
        return self.assembly.book(workflows, directory, store)

    def _workflows_for_reading(self) -> dict[str, Workflow]:
        """A file that is being edited must not keep anybody from looking: the database has the versions in use."""
        try:
            return self.assembly.workflows()
        except LianxinError as error:
            if not error.problems:
                raise
            self.session.screen.detail(
                "流程文件有问题，改用数据库中的版本 · Workflow files have problems; using the database's"
            )
            return {}


@dataclass(frozen=True)
class Desk:
    """A snapshot and the rules to read it by."""

    installation: Installation
    reader: Reader
    book: RuleBook

    def case(self, name: str, workflow: str = "") -> Case:
        """The case that `name` means: an id, the first characters of one, or with its workflow the source's number.

        LX-903 (exit 3) none, LX-904 (exit 2) several.
        """
        found = self.reader.case(name)
        if found is None and len(name) >= PREFIX_MIN:
            found = self._by_prefix(name)
        if found is None:
            found = self._by_key(name, workflow)
        if found is None:
            raise LianxinError("LX-903", exit_code=3, case=name)
        return found

    def _by_prefix(self, name: str) -> Case | None:
        rows = self.reader.cases(after=name, limit=2)
        fitting = [row["case_id"] for row in rows if row["case_id"].startswith(name)]
        if len(fitting) > 1:
            raise LianxinError("LX-904", exit_code=2, case=name, count="两件以上 two or more")
        return self.reader.case(fitting[0]) if fitting else None

    def _by_key(self, name: str, workflow: str) -> Case | None:
        """Ids are made from the source's number with the key file; without it only ids are understood."""
        if not self.installation.settings.key_file.is_file():
            return None
        names = [workflow] if workflow else sorted(self.book.workflows)
        found = [case for w in names if (case := self.reader.case(self.installation.keys.case_id(w, name)))]
        if len(found) > 1:
            raise LianxinError("LX-904", exit_code=2, case=name, count=len(found))
        return found[0] if found else None


PREFIX_MIN = 6
"""Characters of an id that are enough to name a case."""
