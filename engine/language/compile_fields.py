"""Fields: from their form to `Field`, and the built-in ones that `needs` may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.core.instants import parse, parse_date
from engine.core.lengths import parse_length
from engine.core.workflow import Field
from engine.language.compile_facts import Fact
from schemas.workflow_file import FieldForm

CEL_WORDS = frozenset(
    {
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"),
        *("null", "package", "namespace", "return", "true", "var", "void", "while"),
    }
)
"""Words that nothing may be called that an expression names, because it could not say them."""
OF_CASE = frozenset({"id", "state", "phase"})
OF_TRACK = frozenset({"id", "state", "open", "missed"})
"""What `case.` and `track.` offer besides their fields: no field may hide it."""
OF_EVENT = frozenset({"type", "transition", "from", "to", "deadline", "run", "due", "owner", "at", "role", "unit"})
"""What `event.` offers besides the fields declared on the spot."""
TRACK_WORDS = frozenset({"case", "state", "transition", "deadline", "reaction", "linked", "event", "track"})
"""What a name of a track would be mistaken for: `state.S.entered`, `deadline.D.missed`, `linked.L.…`."""

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
    type_: str = form.type
    if many:
        type_ = "enum" if isinstance(form.of, list) else form.of if form.of in LISTABLE else "text"
    default = [] if many and form.default is None and not form.optional else form.default
    return Field(
        name=name,
        type="text" if type_ == "phone" else type_,
        of=of,
        many=many,
        optional=form.optional,
        default=str(default) if type_ == "decimal" and default is not None and not many else default,
        min=form.min,
        max=form.max,
        personal=form.personal if form.personal is not None else type_ in ("text", "phone"),
        title=form.title.zh or name,
    )


def name_problem(name: str, taken: frozenset[str] = frozenset()) -> str | None:
    """The code of what is wrong with a name that expressions use."""
    if name in CEL_WORDS:
        return "LX-214"
    return "LX-224" if name in taken else None


def field_problem(name: str, form: FieldForm, field: Field) -> tuple[str, tuple[str, ...], dict[str, Fact]] | None:
    """What is wrong with a field's form, as (code, path below the field, facts)."""
    if form.type == "list" and form.of is None:
        return (
            "LX-215",
            (),
            {
                "name": name,
                "reason": ("列表须写明元素：{type: list, of: unit}", "a list says of what: {type: list, of: unit}"),
            },
        )
    if form.type == "list" and isinstance(form.of, str) and form.of not in LISTABLE:
        return "LX-223", ("of",), {"field": f"{name}.of", "value": form.of, "known": "、".join(LISTABLE)}
    if form.type == "enum" and not (isinstance(form.of, list) and form.of):
        return (
            "LX-215",
            (),
            {
                "name": name,
                "reason": (
                    "须列出取值：{type: enum, of: [a, b]}",
                    "an enum lists its values: {type: enum, of: [a, b]}",
                ),
            },
        )
    if form.type not in ("list", "enum") and form.of is not None:
        return (
            "LX-215",
            ("of",),
            {"name": name, "reason": (f"{form.type} 没有 of", f"`of` has no meaning for {form.type}")},
        )
    if len(set(field.of)) != len(field.of):
        return "LX-215", ("of",), {"name": name, "reason": ("取值重复", "a value is listed twice")}
    if form.type == "text" and form.personal is False and not form.reason:
        return "LX-216", ("personal",), {"name": name}
    if (form.min is not None or form.max is not None) and form.type != "int":
        return "LX-215", (), {"name": name, "reason": ("min、max 只用于 int", "min and max are for int")}
    if form.min is not None and form.max is not None and form.min > form.max:
        return "LX-215", ("min",), {"name": name, "reason": ("min 大于 max", "min is above max")}
    if form.default is not None and (fault := constant_fault(field, form.default)):
        return "LX-229", ("default",), {"name": name, "value": str(form.default), "reason": fault}
    return None


LISTABLE = ("bool", "int", "decimal", "text", "code", "date", "instant", "duration", "unit", "person", "case")
"""What a list may be of, beside a list of an enum's values."""


def constant_fault(field: Field, value: Any) -> tuple[str, str] | None:
    """Why a constant written in the file cannot be a value of the field; None where it can."""
    if field.many:
        if not isinstance(value, list):
            return ("应为列表", "a list is wanted")
        faults = [fault for item in value if (fault := _one_fault(field, item))]
        return faults[0] if faults else None
    return _one_fault(field, value)


def _one_fault(field: Field, value: Any) -> tuple[str, str] | None:
    match field.type:
        case "bool":
            return None if isinstance(value, bool) else ("应为 true 或 false", "true or false is wanted")
        case "int":
            if not isinstance(value, int) or isinstance(value, bool):
                return ("应为整数", "a whole number is wanted")
            inside = (field.min is None or value >= field.min) and (field.max is None or value <= field.max)
            low, high = ("" if bound is None else bound for bound in (field.min, field.max))
            return None if inside else (f"应在 {low}～{high} 之内", f"it lies outside of {low} to {high}")
        case "decimal":
            return (
                None
                if isinstance(value, int | Decimal | str) and _reads(Decimal, value)
                else ("应为数", "a number is wanted")
            )
        case "enum":
            return (
                None
                if value in field.of
                else (f"应为其一：{'、'.join(field.of)}", f"one of {', '.join(field.of)} is wanted")
            )
    if not isinstance(value, str):
        return ("应为文字", "a text is wanted")
    reads: Mapping[str, tuple[Callable[[str], object], str]] = {
        "date": (parse_date, "2026-04-01"),
        "instant": (parse, "2026-04-01T09:00:00+08:00"),
        "duration": (parse_length, "15 working days"),
    }
    reader, example = reads.get(field.type, (str, ""))
    return None if _reads(reader, value) else (f"写法如 {example}", f"write e.g. {example}")


def _reads(reader: Callable[[Any], object], value: object) -> bool:
    try:
        reader(value)
    except (ValueError, ArithmeticError):
        return False
    return not isinstance(value, bool)
