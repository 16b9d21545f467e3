"""The last part of docs/language.md: every key of a workflow file, from the code. `python deploy/language_keys.py`"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # as a script, the folder above is not on the path

from engine.language.editor_words import KEYS  # noqa: E402
from engine.language.form_keys import choices_of, keys_of  # noqa: E402
from schemas import workflow_file as forms  # noqa: E402

PAGE = ROOT / "docs" / "language.md"
BEGIN = "## 全部的键 · All keys\n"
TABLES: dict[str, type[BaseModel]] = {
    "文件 · The file": forms.WorkflowForm,
    "`case`、`data`、`needs` 的字段 · A field": forms.FieldForm,
    "`privacy`": forms.PrivacyForm,
    "`roles`": forms.RoleForm,
    "`opens`": forms.OpeningForm,
    "`intake`": forms.IntakeForm,
    "`states`": forms.StateForm,
    "`transitions`": forms.GlobalTransitionForm,
    "`by`、`sign`": forms.ByForm,
    "`deadlines`": forms.DeadlineForm,
    "`extend`": forms.ExtendForm,
    "`pause`": forms.PauseForm,
    "`counts`": forms.CountForm,
    "`letters`": forms.LetterForm,
    "`tracks`": forms.TrackForm,
    "`tracks.….opens`": forms.OpensTrackForm,
    "`reactions`": forms.ReactionForm,
}
"""Every form that an operator writes, in the order of the page."""


def tables() -> str:
    """The tables, one per form: key, whether it must be there, what it means in Chinese and English."""
    parts = []
    for title, form in TABLES.items():
        parts += [f"### {title}\n", "| 键 · key | 含义 · meaning |", "|---|---|", *_rows(form), ""]
    return "\n".join(parts)


def _rows(form: type[BaseModel]) -> Iterator[str]:
    required = {field.alias or name for name, field in form.model_fields.items() if field.is_required()}
    for key, annotation in keys_of(form).items():
        words = KEYS.get(f"{form.__name__}.{key}") or KEYS.get(key, "")
        choices = choices_of(annotation)
        more = f"（{'、'.join(f'`{choice}`' for choice in choices)}）" if choices else ""
        marked = " *" if key in required else ""
        yield f"| `{key}`{marked} | {words.replace('|', '/')}{more} |"


def page() -> str:
    """The page with its tables as they are now."""
    text = PAGE.read_text(encoding="utf-8")
    note = "`*` 必填 · must be there. 由 `python deploy/language_keys.py` 生成 · made by that command.\n"
    return text[: text.index(BEGIN)] + BEGIN + "\n" + note + "\n" + tables()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
