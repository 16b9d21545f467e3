"""The only module that speaks to the CEL library: environments, compiling, running.

Each expression is compiled twice. Once against a message built from the names in scope: that finds wrong names and
types. Once with untyped variables: that one runs, on plain dictionaries holding only what the expression reads, so that
an unset field is an error of CEL's and never a default nobody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]  # it publishes no types
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2

from engine.core.guards.cel_ast import Node, decode
from engine.core.guards.kinds import Kind, Path, Shape

PACKAGE = "scope"
"""Where the messages of a scope live."""
MAX_RUN_ENVIRONMENTS = 256
"""Untyped environments kept, one per set of variable names."""

Answer = Callable[[str, tuple[Any, ...]], Any]
"""What answers a function call while an expression runs: name and arguments to result."""
answering: ContextVar[Answer] = ContextVar("answering")
"""Set around each run; functions are fixed when an environment is made, their answers are not."""

FUNCTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "day": (("instant",), "date"),
    "office_hours": (("instant",), "bool"),
    "superior": (("unit",), "unit"),
    "discipline_body": (("unit",), "unit"),
    "in_or_under": (("unit", "unit[]"), "bool"),
}
"""Our functions: kinds of arguments, kind of result."""
LIBRARY_FUNCTIONS = ("contains", "double", "endsWith", "int", "matches", "size", "startsWith", "string")
"""Functions of CEL's own that stay."""
CALLABLE = (*FUNCTIONS, *LIBRARY_FUNCTIONS, "has")
"""What may be called; `has` is CEL's own test whether a field is set."""

_ORDER = {"_<_": "less", "_<=_": "less_equals", "_>_": "greater", "_>=_": "greater_equals"}
_LEFT_OUT = ("dyn", "type", "timestamp", "duration", "bytes", "uint")
_CONFIG = (
    "{{name: lianxin, stdlib: {{exclude_macros: [all, exists, exists_one, map, filter], exclude_functions: [{}]}}}}"
)
_CELS = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "decimal": cel.Type.DOUBLE, "dyn": cel.Type.DYN}


class NotCompiled(Exception):
    """The library cannot compile an expression; its own words."""


@dataclass(frozen=True, slots=True)
class Checker:
    """An environment that knows every name of a shape and its type; `structs` says which name a message stands for."""

    env: cel.Env
    structs: Mapping[str, Path]

    def check(self, text: str) -> Node:
        """The checked tree of an expression. NotCompiled, TooDeep."""
        return decode(_compile(self.env, text).serialize())


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave: a value, or the library's error; `missing` is the key that was not there, if that is why."""

    value: Any = None
    error: str = ""
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """An expression that runs on plain dictionaries."""

    expression: cel.Expression

    def tree(self) -> Node:
        """The tree, checked without types. TooDeep."""
        return decode(self.expression.serialize())

    def run(self, data: Mapping[str, Any], answer: Answer) -> Run:
        """The value over `data`; function calls are put to `answer`, and what it raises is raised."""
        failures: list[Exception] = []

        def ask(name: str, arguments: tuple[Any, ...]) -> Any:
            try:
                return answer(name, arguments)
            except Exception as failure:  # the library would make a text of it
                failures.append(failure)
                raise

        token = answering.set(ask)
        try:
            value = self.expression.eval(data=data)
        except RuntimeError as error:
            return Run(error=_tidy(str(error)))
        finally:
            answering.reset(token)
        if failures:
            raise failures[0]
        kind = value.type()
        if kind in (cel.Type.ERROR, cel.Type.UNKNOWN):
            error_text = str(value.value())
            missing = _MISSING.search(error_text)
            return Run(error=_tidy(error_text), missing=missing[1] if missing else None)
        return Run(value.plain_value())


def program(text: str, shape: Shape) -> Program:
    """The running form of an expression over the names of `shape`. NotCompiled."""
    return Program(_compile(running(frozenset(sayable(shape))), text))


def sayable(shape: Shape) -> Shape:
    """The names that an expression can say at all; the others are refused where they are given, not here."""
    return {name: inner for name, inner in shape.items() if _IDENTIFIER.fullmatch(name)}


def _compile(env: cel.Env, text: str) -> cel.Expression:
    try:
        return env.compile(text)
    except RuntimeError as error:  # the library has no exception of its own
        raise NotCompiled(str(error)) from None


_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MISSING = re.compile(r'(?:Key not found in map : |No value with name )"([^"]*)"')


def _tidy(error: str) -> str:
    return re.sub(r"^[A-Z_]+: ", "", error).strip()


def checking(shape: Shape) -> Checker:
    """The environment in which an expression over `shape` is checked."""
    file = descriptor_pb2.FileDescriptorProto(name="scope.proto", package=PACKAGE)
    structs: dict[str, Path] = {}
    variables = {
        name: _type(inner) if isinstance(inner, Kind) else cel.Type(_message(file, structs, (name,), inner))
        for name, inner in sayable(shape).items()
    }
    anything = descriptor_pb2.FileDescriptorProto()
    struct_pb2.DESCRIPTOR.CopyToProto(anything)
    file.dependency.append(anything.name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(anything)
    pool.Add(file)
    env = cel.NewEnv(pool, _config((*_LEFT_OUT, *_ORDER)), variables, functions=[*_our_functions(), *_order()])
    return Checker(env, structs)


@lru_cache(maxsize=MAX_RUN_ENVIRONMENTS)
def running(variables: frozenset[str]) -> cel.Env:
    """An environment with these variables, all untyped; an expression that passed `checking` runs here."""
    return cel.NewEnv(
        None, _config(_LEFT_OUT), dict.fromkeys(sorted(variables), cel.Type.DYN), functions=_our_functions()
    )


def _config(left_out: tuple[str, ...]) -> cel.EnvConfig:
    return cel.NewEnvConfigFromYaml(_CONFIG.format(", ".join(f"{{name: {name}}}" for name in left_out)))


def _type(kind: Kind) -> cel.Type:
    inner = _CELS.get(kind.name, cel.Type.STRING)
    return cel.Type.List(inner) if kind.many else inner


def _our_functions() -> list[cel.FunctionDecl]:
    return [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(
                    f"lianxin_{name}",
                    _CELS.get(result, cel.Type.STRING),
                    [cel.Type.List(cel.Type.STRING) if kind.endswith("[]") else cel.Type.STRING for kind in arguments],
                    impl=_asking(name),
                )
            ],
        )
        for name, (arguments, result) in FUNCTIONS.items()
    ]


def _asking(name: str) -> Callable[..., Any]:
    return lambda *arguments: answering.get()(name, arguments)


def _order() -> list[cel.FunctionDecl]:
    """Comparisons as CEL has them for our types, and between decimals and whole numbers besides."""
    whole, real, text = cel.Type.INT, cel.Type.DOUBLE, cel.Type.STRING
    pairs = {
        "int64": (whole, whole),
        "double": (real, real),
        "string": (text, text),
        "double_int64": (real, whole),
        "int64_double": (whole, real),
    }
    return [
        cel.FunctionDecl(
            function, [cel.Overload(f"{name}_{key}", cel.Type.BOOL, list(pair)) for key, pair in pairs.items()]
        )
        for function, name in _ORDER.items()
    ]


_FIELD = descriptor_pb2.FieldDescriptorProto
_FIELD_TYPES = {
    "bool": _FIELD.TYPE_BOOL,
    "int": _FIELD.TYPE_INT64,
    "decimal": _FIELD.TYPE_DOUBLE,
    "dyn": _FIELD.TYPE_MESSAGE,
}
_ANY_VALUE = ".google.protobuf.Value"


def _message(file: descriptor_pb2.FileDescriptorProto, structs: dict[str, Path], path: Path, shape: Shape) -> str:
    """Add the message type of a name to the file and to `structs`; its full name."""
    name = f"m{len(structs)}"
    full_name = f"{PACKAGE}.{name}"
    structs[full_name] = path
    message = file.message_type.add(name=name)
    message.options.deprecated_legacy_json_field_conflicts = True  # `a1` beside `a_1` is nothing to warn of
    for number, (step, inner) in enumerate(sayable(shape).items(), 1):
        field = message.field.add(name=step, number=number, json_name=f"f{number}", label=_FIELD.LABEL_OPTIONAL)
        if not isinstance(inner, Kind):
            field.type = _FIELD.TYPE_MESSAGE
            field.type_name = "." + _message(file, structs, (*path, step), inner)
            continue
        field.type = _FIELD_TYPES.get(inner.name, _FIELD.TYPE_STRING)
        if inner.name == "dyn":
            field.type_name = _ANY_VALUE
        if inner.many:
            field.label = _FIELD.LABEL_REPEATED
    return full_name
