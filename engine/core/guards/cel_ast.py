"""The checked expression tree, read from what the CEL library serialises (cel.expr.CheckedExpr).

The library has no way to look at a tree, so we describe the few messages of it that we read ourselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

MAX_DEPTH = 32
"""Deepest expression tree; the library's parser has the same limit."""


class TooDeep(Exception):
    """The tree is deeper than MAX_DEPTH."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a checked expression.

    `what`: const, name, select, has, call, list, or another kind that we do not accept (map, struct, comprehension).
    `text` is the name, field or function; `value` a constant's value; `column` counts characters from 1;
    `base` is its checked type: bool, int, decimal, text, null, dyn, list, message, or the library's name of another.
    """

    what: str
    column: int
    base: str
    text: str = ""
    value: Any = None
    inner: tuple[Node, ...] = ()


def decode(serialized: bytes) -> Node:
    """The tree of `Expression.serialize()`. TooDeep past MAX_DEPTH."""
    envelope = any_pb2.Any.FromString(serialized)
    try:
        checked = _checked_expr().FromString(envelope.value)
    except DecodeError as error:  # the decoder has a depth limit of its own
        raise TooDeep from error
    positions = {entry.key: entry.value for entry in checked.source_info.positions}
    types = {entry.key: _base(entry.value) for entry in checked.type_map}
    return _Decoder(positions, types).node(checked.expr, 1)


@dataclass(slots=True)
class _Decoder:
    positions: dict[int, int]
    types: dict[int, str]

    def node(self, expr: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise TooDeep
        what = expr.WhichOneof("kind") or "nothing"
        column = self.positions.get(expr.id, 0) + 1
        base = self.types.get(expr.id, "dyn")
        match what:
            case "const":
                kind = expr.const.WhichOneof("kind")
                return Node("const", column, base, value=getattr(expr.const, kind) if kind else None)
            case "name":
                return Node("name", column, base, expr.name.name)
            case "select":
                inner = self.node(expr.select.operand, depth + 1)
                return Node(
                    "has" if expr.select.test_only else "select", column, base, expr.select.field, None, (inner,)
                )
            case "call":
                parts = [expr.call.target] if expr.call.HasField("target") else []
                inners = tuple(self.node(part, depth + 1) for part in [*parts, *expr.call.args])
                return Node("call", column, base, expr.call.function, None, inners)
            case "list":
                return Node("list", column, base, inner=tuple(self.node(e, depth + 1) for e in expr.list.elements))
        return Node(what, column, base)


_PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "decimal", 5: "text", 6: "bytes"}


def _base(kind: Any) -> str:
    which = kind.WhichOneof("kind")
    if which == "primitive":
        return _PRIMITIVES.get(kind.primitive, "other")
    if which == "elements":
        return "list"
    return str(which or "other")


_F = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _F.TYPE_BOOL,
    "int32": _F.TYPE_INT32,
    "int64": _F.TYPE_INT64,
    "uint64": _F.TYPE_UINT64,
    "double": _F.TYPE_DOUBLE,
    "string": _F.TYPE_STRING,
    "bytes": _F.TYPE_BYTES,
}
# Fields as (name, number, type); "*" marks a repeated one, "|" one of the message's alternatives.
_MESSAGES = {
    "Checked": "type_map 3 TypeEntry*, expr 4 Expr, source_info 5 SourceInfo",
    "TypeEntry": "key 1 int64, value 2 Type",
    "SourceInfo": "positions 4 PositionEntry*",
    "PositionEntry": "key 1 int64, value 2 int32",
    "Type": "dyn 1 Empty|, null 2 int32|, primitive 3 int32|, elements 6 Empty|, map 7 Empty|, message 9 string|",
    "Empty": "",
    "Expr": "id 2 int64, const 3 Constant|, name 4 Ident|, select 5 Select|, call 6 Call|, list 7 List|, "
    "struct 8 Empty|, comprehension 9 Empty|",
    "Constant": "null 1 int32|, bool 2 bool|, int 3 int64|, uint 4 uint64|, decimal 5 double|, text 6 string|, "
    "bytes 7 bytes|",
    "Ident": "name 1 string",
    "Select": "operand 1 Expr, field 2 string, test_only 3 bool",
    "Call": "target 1 Expr, function 2 string, args 3 Expr*",
    "List": "elements 1 Expr*",
}


@cache
def _checked_expr() -> Any:
    """The message class; fields and numbers are those of cel/expr/checked.proto and syntax.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="checked.proto", package="ast", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if "|" in fields:
            message.oneof_decl.add(name="kind")
        for field_name, number, kind in (entry.split() for entry in fields.split(", ") if entry):
            field = message.field.add(name=field_name, number=int(number), label=_F.LABEL_OPTIONAL)
            if kind.endswith("*"):
                field.label = _F.LABEL_REPEATED
            if kind.endswith("|"):
                field.oneof_index = 0
            kind = kind.rstrip("*|")
            field.type = _SCALARS.get(kind, _F.TYPE_MESSAGE)
            if kind not in _SCALARS:
                field.type_name = f".ast.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("ast.Checked"))
