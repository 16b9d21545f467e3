"""`lianxin case …`: its commands register themselves in one group."""

from __future__ import annotations

from engine.cli import case_erase, case_list, case_send, case_why
from engine.cli.case_group import app

__all__ = ["app", "case_erase", "case_list", "case_send", "case_why"]
