"""The sentences of every code, Chinese and English."""

from __future__ import annotations


def sentence(code: str, facts: dict[str, str]) -> str:
    """One line for a code with its facts filled in."""
    return f"{code} {facts}"
