"""docs/openapi.json and docs/asyncapi.json, from the models and routes. `python deploy/api_documents.py`"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script, the folder above is not on the path

from engine.api.application import undone  # noqa: E402
from schemas import asyncapi  # noqa: E402

DOCS = ROOT / "docs"


def documents() -> dict[Path, str]:
    """What stands in each file."""
    return {
        DOCS / "openapi.json": _text(undone().openapi()),
        DOCS / "asyncapi.json": _text(asyncapi.document()),
    }


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
