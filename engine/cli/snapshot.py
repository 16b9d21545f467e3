"""A database to look at: one committed snapshot, the rules to read it by, and the case that a name means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.core.errors import LianxinError
from engine.core.model import Case
from engine.runtime.rulebook import RuleBook
from engine.store.reader import Reader

if TYPE_CHECKING:
    from engine.cli.installation import Installation

PREFIX_MIN = 6
"""Characters of an id that are enough to name a case."""


@dataclass(frozen=True)
class Snapshot:
    """What one reading command works with."""

    installation: Installation
    reader: Reader
    book: RuleBook

    def case(self, name: str, workflow: str = "") -> Case:
        """The case that `name` means: an id, the first characters of one, or with its workflow the source's number.

        LX-903 (exit 3) none, LX-904 (exit 2) several, LX-508 (exit 6) a number, and the key file of another database.
        """
        found = self.reader.case(name)
        if found is None and len(name) >= PREFIX_MIN:
            found = self._by_prefix(name)
        if found is None:
            found = self._by_key(name, workflow)
        if found is None:
            raise LianxinError("LX-903", exit_code=3, case=name)
        return found

    def workflow_names(self) -> list[str]:
        """The workflows of the project's folder, and those this database has used."""
        return sorted({*self.book.workflows, *(row["name"] for row in self.reader.editions("workflow"))})

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
        keys = self.installation.keys
        if wanted := self.reader.about().get("key_id"):
            keys.must_be(wanted)  # every number would be unknown to the wrong one
        names = [workflow] if workflow else self.workflow_names()
        found = [case for w in names if (case := self.reader.case(keys.case_id(w, name)))]
        if len(found) > 1:
            raise LianxinError("LX-904", exit_code=2, case=name, count=len(found))
        return found[0] if found else None
