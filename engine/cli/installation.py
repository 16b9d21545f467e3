"""What a command works with: the settings of the project, its workflows, its database. Built when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.command import Session
from engine.core.errors import LianxinError
from engine.settings import FILE, find_project, load_settings

if TYPE_CHECKING:  # a command that opens no database waits for none
    from engine.cli.snapshot import Snapshot
    from engine.core.instants import Instant
    from engine.core.workflow import Workflow
    from engine.runtime.assembly import Assembly
    from engine.runtime.handle import Line
    from engine.runtime.office import Office
    from engine.runtime.rulebook import RuleBook
    from engine.runtime.timekeeper import Timekeeper
    from engine.runtime.writer import Writer
    from engine.store.keys import Keys
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
        found = load_settings(self.project, self.session.environ, self.session.flags)
        if found.origin("language").kind == "file" and self.session.screen.language == "zh+en":
            self.session.screen.language = found.language
        return found

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
        from engine.store.keys import read_key_file

        return read_key_file(self.settings.key_file)

    @cached_property
    def time(self) -> Timekeeper:
        """The machine's clock; that of `clock_file` in tests."""
        from engine.runtime.timekeeper import timekeeper

        return timekeeper(self.settings.clock_file)

    def now(self) -> Instant:
        """The present instant."""
        return self.time.now()

    def store(self, vault: Vault | None = None, *, create: bool = False) -> Store:
        """The project's database. LX-520 (exit 3) where there is none yet."""
        from engine.store.store import Store

        return Store.open(self.settings.database_url, vault=vault, create=create)

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """The database to look at, one snapshot; the versions of workflows come from the files or from itself."""
        from engine.cli.snapshot import Snapshot

        with self.store() as store:
            book = self.book(store, self._workflows_for_reading())
            with store.read() as reader:
                yield Snapshot(self, reader, book)

    @contextmanager
    def line(self) -> Iterator[Line]:
        """The straight line, for the process that writes. LX-523 (exit 5) while another one does.

        The database is made where the project has none yet; without a project LX-520 (exit 3).
        """
        from engine.cli.sources import Policies
        from engine.store.vault import Vault

        vault = Vault(self.keys)
        with self.store(vault, create=(self.project / FILE).is_file()) as store:
            self.must_fit(store)
            book = self.book(store, self.assembly.workflows())
            line = self.assembly.line(store, self.keys, vault, book, Policies(self.settings))
            line.early_max_wait = self.settings.early.max_wait
            yield line

    @contextmanager
    def office(self) -> Iterator[Office]:
        """Where requests are taken: the worker, if one runs, else this process for a moment."""
        from engine.log import Log
        from engine.runtime.office import reach
        from engine.runtime.writer import Writer

        @contextmanager
        def here() -> Iterator[Writer]:
            with self.line() as line:
                settings = self.settings
                log = Log(silent=True)
                yield Writer(line, self.assembly.consumers, self.time, log, max_wait=settings.clock.max_wait)

        with reach(self.settings.database_url, here) as office:
            yield office

    def must_fit(self, store: Store) -> None:
        """LX-508 (exit 6) where the database was begun with another key file."""
        from engine.store import schema

        with store.read() as reader:
            if wanted := reader.about().get("key_id"):
                self.keys.must_be(wanted)
                return  # else it was made without a vault: its first entry tells
            row = next(reader.rows(schema.vault_key, ("case_id", "person")), None)
        if row is None:
            return
        try:
            self.keys.unwrap(row[2], row[0], row[1])
        except LianxinError as error:
            raise LianxinError("LX-508", exit_code=6, expected="?", found=self.keys.key_id) from error

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
