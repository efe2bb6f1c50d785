"""SOQL: reading a query (crm_salesforce.md 5, 6.1, 6.3). What the language has beyond this contract is refused as malformed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sandbox.twins.salesforce.wire import Fault

TOKEN = re.compile(
    r"\s*('(?:\\.|[^'\\])*'|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?|-?\d+(?:\.\d+)?"
    r"|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|<>|[<>!]=|[=<>(),]|\S)"
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
COMPARISONS = ("=", "!=", "<>", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a query: a text, number, boolean, date, time, or null."""

    value: Any


@dataclass(frozen=True, slots=True)
class Compared:
    """`path operator values`: one value, several for IN, or a query for a semi-join."""

    path: str
    operator: str
    values: tuple[Literal, ...] | Select


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by `and` or `or`; `not` has one."""

    word: str
    parts: tuple[Test, ...]


Test = Compared | Joined


@dataclass(frozen=True, slots=True)
class Select:
    """A query. `order` are (path, descending); `count` is `SELECT COUNT()`."""

    fields: tuple[str, ...]
    target: str
    where: Test | None = None
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    offset: int = 0
    count: bool = False


def malformed(words: str) -> Fault:
    return Fault("MALFORMED_QUERY", words)


def read(text: str) -> Select:
    """The query; raises 400 MALFORMED_QUERY."""
    reader = _Reader(TOKEN.findall(text))
    select = reader.select()
    if reader.left:
        raise malformed(f"unexpected token: '{reader.left[0]}'")
    return select


class _Reader:
    def __init__(self, tokens: Sequence[str]) -> None:
        self.left = list(tokens)

    def _next(self) -> str:
        if not self.left:
            raise malformed("unexpected end of the query")
        return self.left.pop(0)

    def _is(self, *words: str) -> bool:
        return len(self.left) >= len(words) and [token.lower() for token in self.left[: len(words)]] == list(words)

    def _take(self, *words: str) -> bool:
        found = self._is(*words)
        if found:
            del self.left[: len(words)]
        return found

    def _need(self, *words: str) -> None:
        if not self._take(*words):
            raise malformed(f"expecting '{' '.join(words)}', found '{self.left[0] if self.left else 'the end'}'")

    def _name(self) -> str:
        token = self._next()
        if not re.fullmatch(r"[A-Za-z_][\w.]*", token):
            raise malformed(f"unexpected token: '{token}'")
        return token

    def _number(self) -> int:
        token = self._next()
        if not token.isdigit():
            raise malformed(f"'{token}' is no number")
        return int(token)

    def select(self) -> Select:
        self._need("select")
        count = self._take("count", "(", ")")
        fields = () if count else self._names()
        self._need("from")
        target = self._name()
        where = self._any() if self._take("where") else None
        order = self._order() if self._take("order", "by") else ()
        limit = self._number() if self._take("limit") else None
        offset = self._number() if self._take("offset") else 0
        return Select(fields, target, where, order, limit, offset, count)

    def _names(self) -> tuple[str, ...]:
        names = [self._name()]
        while self._take(","):
            names.append(self._name())
        return tuple(names)

    def _order(self) -> tuple[tuple[str, bool], ...]:
        order = []
        while True:
            path, down = self._name(), self._take("desc")
            if not down:
                self._take("asc")
            if self._take("nulls"):
                self._next()
            order.append((path, down))
            if not self._take(","):
                return tuple(order)

    def _any(self) -> Test:
        """AND and OR may not stand side by side without brackets."""
        parts, words = [self._one()], set[str]()
        while self._is("and") or self._is("or"):
            words.add(self._next().lower())
            parts.append(self._one())
        if len(words) > 1:
            raise malformed("AND and OR need brackets between them")
        word = words.pop() if words else "and"
        if word == "or" and any(isinstance(part, Compared) and isinstance(part.values, Select) for part in parts):
            raise malformed("Semi join sub-selects are not allowed with the 'OR' operator")
        return Joined(word, tuple(parts)) if len(parts) > 1 else parts[0]

    def _one(self) -> Test:
        if self._take("not"):
            return Joined("not", (self._one(),))
        if self._take("("):
            inner = self._any()
            self._need(")")
            return inner
        path = self._name()
        if self._take("not", "in"):
            return Compared(path, "not in", self._list())
        if self._take("in"):
            return Compared(path, "in", self._list())
        if self._take("like"):
            return Compared(path, "like", (self._literal(),))
        operator = self._next()
        if operator not in COMPARISONS:
            raise malformed(f"unexpected token: '{operator}'")
        return Compared(path, "!=" if operator == "<>" else operator, (self._literal(),))

    def _list(self) -> tuple[Literal, ...] | Select:
        self._need("(")
        if self._is("select"):
            select = self.select()
            self._need(")")
            return select
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._need(")")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._next()
        if token[0] == "'" and len(token) > 1:
            return Literal(unescaped(token[1:-1]))
        words: dict[str, Any] = {"true": True, "false": False, "null": None}
        if token.lower() in words:
            return Literal(words[token.lower()])
        if re.fullmatch(r"-?\d+(\.\d+)?", token):
            return Literal(float(token))
        if re.match(r"\d{4}-", token):
            return Literal(moment_of(token))
        raise malformed(f"unexpected token: '{token}'")


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), text, flags=re.S)


def moment_of(text: str) -> datetime | date:
    """A date or a time with its zone, of a query or a record."""
    try:
        if "T" not in text:
            return date.fromisoformat(text)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise malformed(f"'{text}' is no date") from None
