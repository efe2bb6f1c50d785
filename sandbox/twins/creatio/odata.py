"""`$filter` as the twin understands it: what crm_creatio.md 4 documents, and refusals for the rest."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.twins.base import Refused
from sandbox.twins.creatio.state import Row, State

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w/]*)|(?P<sign>[(),]))"
)
COMPARISONS = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}
Test = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class Value:
    """An operand: how to get it from a row, and its type (empty for null)."""

    get: Callable[[Row], Any]
    type: str
    column: str = ""


class Filter:
    """Reads one filter over an entity; raises Refused (400) for what is none."""

    def __init__(self, state: State, entity: str, text: str, *, lookup_ids: bool) -> None:
        self._state, self._entity, self._lookup_ids = state, entity, lookup_ids
        self._tokens = _tokens(text)
        self._at = 0

    def test(self) -> Test:
        found = self._either()
        if self._at < len(self._tokens):
            raise Refused(400, f"Syntax error in the filter near '{self._tokens[self._at][1]}'")
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _next(self, wanted: str = "") -> tuple[str, str]:
        token = self._peek()
        if not token[0] or (wanted and token[1] != wanted):
            raise Refused(400, f"Syntax error in the filter: '{wanted or 'more'}' expected")
        self._at += 1
        return token

    def _either(self) -> Test:
        parts = [self._both()]
        while self._peek()[1] == "or":
            self._at += 1
            parts.append(self._both())
        return lambda row: any(part(row) for part in parts)

    def _both(self) -> Test:
        parts = [self._one()]
        while self._peek()[1] == "and":
            self._at += 1
            parts.append(self._one())
        return lambda row: all(part(row) for part in parts)

    def _one(self) -> Test:
        kind, text = self._peek()
        if text == "not":
            self._at += 1
            inner = self._one()
            return lambda row: not inner(row)
        if text == "(":
            self._at += 1
            inner = self._either()
            self._next(")")
            return inner
        following = self._tokens[self._at + 1][1] if self._at + 1 < len(self._tokens) else ""
        return self._called() if kind == "name" and following == "(" else self._compared()

    def _called(self) -> Test:
        name = self._next()[1]
        if name not in FUNCTIONS:
            raise Refused(501, f"The function {name} is not supported")
        self._next("(")
        one = self._value()
        self._next(",")
        other = self._value()
        self._next(")")
        if {one.type, other.type} != {"String"}:
            raise Refused(400, f"No function signature for the function with name '{name}' matches the arguments")
        function = FUNCTIONS[name]
        return lambda row: function(_plain(one.get(row)), _plain(other.get(row)))

    def _compared(self) -> Test:
        one, (_, sign), other = self._value(), self._next(), self._value()
        if sign not in COMPARISONS:
            raise Refused(400, f"Syntax error in the filter: no operator {sign}")
        if "" not in (one.type, other.type) and one.type != other.type and not {one.type, other.type} <= {"Int32", "Decimal"}:
            raise Refused(400, f"Incompatible types {one.type} and {other.type} for the operator {sign}")
        if one.column.endswith("Id") and one.column != "Id" and one.type == "Guid" and not self._lookup_ids:
            raise Refused(500, f"Column by path {one.column} not found in schema {self._entity}.")
        compare = COMPARISONS[sign]
        read: Callable[[Any], Any] = datetime.fromisoformat if "DateTimeOffset" in (one.type, other.type) else _plain

        def test(row: Row) -> bool:
            left, right = one.get(row), other.get(row)
            return (sign == "ne") if left is None or right is None else bool(compare(read(left), read(right)))

        return test

    def _value(self) -> Value:
        kind, text = self._next()
        if kind == "text":
            plain = text[1:-1].replace("''", "'")
            return Value(lambda row: plain, "String")
        if kind == "guid":
            return Value(lambda row: text, "Guid")
        if kind == "time":
            return Value(lambda row: text, "DateTimeOffset")
        if kind == "number":
            return Value(lambda row: float(text), "Decimal")
        if text in ("true", "false"):
            return Value(lambda row: text == "true", "Boolean")
        return Value(lambda row: None, "") if text == "null" else self._path(text)

    def _path(self, path: str) -> Value:
        """A column, possibly behind lookups: `Stage/End`."""
        entity, *links = self._entity, *path.split("/")
        name = links.pop()
        ways: list[tuple[str, str]] = []
        for link in links:
            column = self._state.columns[entity].get(f"{link}Id")
            if column is None or not column.refers:
                raise Refused(400, f"Could not find a property named '{link}' on type '{entity}'")
            ways.append((column.name, column.refers))
            entity = column.refers
        if name not in self._state.columns[entity]:
            raise Refused(400, f"Could not find a property named '{name}' on type '{entity}'")
        own = self._state.columns[entity][name]
        return Value(lambda row: _followed(self._state, row, ways, name), own.type, "" if ways else name)


def _followed(state: State, row: Row, ways: list[tuple[str, str]], name: str) -> Any:
    for column, target in ways:
        found = state.row(target, row[column])
        if found is None:
            return None
        row = found
    return row[name]


def _plain(value: Any) -> Any:
    """Texts are compared as the database does: without regard to case."""
    if isinstance(value, str):
        return value.lower()
    return value if value is not None else ""


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Refused(400, f"Syntax error at position {at} in the filter")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found
