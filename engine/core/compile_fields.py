"""Fields: from their form to `Field`, and the built-in ones that `needs` may name."""

from __future__ import annotations

from engine.core.workflow import Field
from schemas.workflow_file import FieldForm

CEL_WORDS = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "null",
        "package",
        "namespace",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)
"""Words that no field may be called, because an expression could not say them."""

BUILT_IN_NEEDS = {
    field.name: field
    for field in (
        Field("reason", "text", personal=True, title="理由"),
        Field("note", "text", personal=True, title="说明"),
        Field("legal_basis", "text", title="依据"),
        Field("proof", "text", title="凭证"),
        Field("ending", "code", title="办结方式"),
        Field("defects", "code", many=True, title="缺陷"),
    )
}
"""What a move may need without declaring it. Free text is personal; articles, proofs and codes are not."""


def compile_field(name: str, form: FieldForm) -> Field:
    """The field of a form. Free text is personal unless it says `personal: false` with a reason."""
    many = form.type == "list"
    of = tuple(form.of) if isinstance(form.of, list) else ()
    type_ = str(form.of) if many and isinstance(form.of, str) else ("enum" if many else form.type)
    default = [] if many and form.default is None and not form.optional else form.default
    return Field(
        name=name,
        type="text" if type_ == "phone" else type_,
        of=of,
        many=many,
        optional=form.optional,
        default=default,
        min=form.min,
        max=form.max,
        personal=form.personal if form.personal is not None else type_ in ("text", "phone"),
        title=form.title.zh or name,
    )


def field_problem(name: str, form: FieldForm) -> tuple[str, dict[str, str]] | None:
    """What is wrong with a field's form, as (code, facts)."""
    if name in CEL_WORDS:
        return "LX-214", {"name": name}
    if form.type == "list" and form.of is None:
        return "LX-215", {"name": name, "reason": "a list says what it is of: {type: list, of: unit}"}
    if form.type == "enum" and not (isinstance(form.of, list) and form.of):
        return "LX-215", {"name": name, "reason": "an enum lists its values: {type: enum, of: [a, b]}"}
    if form.type not in ("list", "enum") and form.of is not None:
        return "LX-215", {"name": name, "reason": f"`of` has no meaning for {form.type}"}
    if form.type == "text" and form.personal is False and not form.reason:
        return "LX-216", {"name": name}
    if form.default is not None and form.type == "enum" and form.default not in (form.of or ()):
        return "LX-215", {"name": name, "reason": f"the default {form.default!r} is not among its values"}
    if (form.min is not None or form.max is not None) and form.type != "int":
        return "LX-215", {"name": name, "reason": "min and max are for int"}
    return None
