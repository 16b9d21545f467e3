"""What can go wrong, said once: every error has a code, the facts, and what to do.

`Problem` is a finding about a text somebody wrote (a workflow, a map, a calendar): it has a place in a file.
`LianxinError` is something an operator can mend: raised, printed with its code, explained by `lianxin explain CODE`.
A refusal of the rules is neither: it is a `Rejection`, and it is data (engine.core.model).
The sentences stand in engine.core.catalogue, in Chinese and English.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a text: line and columns count from 1, in characters; `end_column` is exclusive."""

    line: int
    column: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `facts` fill the catalogue's sentences; `suggestion` is the did-you-mean, if any."""

    code: str
    file: str
    span: Span | None = None
    facts: dict[str, str] = field(default_factory=dict)
    severity: Severity = "error"
    suggestion: str | None = None


class LianxinError(Exception):
    """Something an operator can mend. `code` has a page; `facts` fill its sentences; `problems` are findings in files.

    The command line exits with `exit_code`: 1 findings, 2 usage, 3 not found, 4 conflict, 5 unavailable, 6 refused.
    """

    def __init__(self, code: str, exit_code: int = 2, problems: tuple[Problem, ...] = (), **facts: object) -> None:
        self.code = code
        self.exit_code = exit_code
        self.problems = problems
        self.facts = {name: str(value) for name, value in facts.items()}
        super().__init__(code, self.facts)

    def __str__(self) -> str:
        from engine.core.catalogue import sentence

        return sentence(self.code, self.facts)
