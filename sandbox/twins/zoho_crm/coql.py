"""`POST /crm/v8/coql`: select, where, order by, limit over the fresh data (crm_zohocrm.md 5.2)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sandbox.twins.base import iso
from sandbox.twins.zoho_crm.fields import shown, target_of
from sandbox.twins.zoho_crm.state import Row, State
from sandbox.twins.zoho_crm.wire import NOTHING, Call, Reply, Wrong

TOKEN = re.compile(r"\s*('(?:\\.|[^'\\])*'|[A-Za-z_$][\w$.]*|-?\d+(?:\.\d+)?|<=|>=|!=|[=<>(),])", re.S)
MOST_CONDITIONS, MOST_COLUMNS, MOST_VALUES, MOST_ROWS, MOST_IN_PART = 25, 50, 50, 2000, 25
USUAL_ROWS = 200
Test = Callable[[Row], bool]


def syntax(near: str) -> Wrong:
    return Wrong(400, "SYNTAX_ERROR", "error occurred while parsing the query", near=near)


def query(call: Call) -> Reply:
    text = call.body().get("select_query")
    if not isinstance(text, str):
        raise Wrong(400, "MANDATORY_NOT_FOUND", "required field not found", api_name="select_query", json_path="$.select_query")
    select = Reader(call, text).read()
    if call.part and select.limit > MOST_IN_PART:
        raise Wrong(400, "LIMIT_EXCEEDED", "a part may hold 25 records", limit=str(MOST_IN_PART))
    select.limit = select.limit or (MOST_IN_PART if call.part else USUAL_ROWS)
    table = call.state.tables[select.module].values()
    rows = [row for row in table if select.where(row)]
    for name, down in reversed(select.order):
        rows.sort(key=lambda row: str(value_of(call.state, select.module, row, name) or ""), reverse=down)
    page = rows[select.offset : select.offset + select.limit]
    if not page:
        return NOTHING
    data = [_row(call.state, select.module, row, select.columns) for row in page]
    return Reply(200, {"data": data, "info": {"count": len(data), "more_records": len(rows) > select.offset + select.limit}})


def _row(state: State, module: str, row: Row, columns: Sequence[str]) -> Row:
    return {**{name: column_of(state, module, row, name) for name in columns}, "id": row["id"]}


def column_of(state: State, module: str, row: Row, name: str) -> Any:
    """A selected column: lookups tell their id only; a joined name is followed."""
    head, _, tail = name.partition(".")
    if not tail:
        return row["id"] if name == "id" else shown(state, module, row, name, bare=True)
    target = target_of(state.fields[module][head])
    joined = state.tables[target].get(str(row.get(head)))
    return None if joined is None else column_of(state, target, joined, tail)


def value_of(state: State, module: str, row: Row, name: str) -> Any:
    """What a condition compares: lookups and owners by id."""
    value = column_of(state, module, row, name)
    return value["id"] if isinstance(value, dict) and "id" in value else value


class Select:
    """A read query."""

    def __init__(self, module: str, columns: list[str], where: Test) -> None:
        self.module, self.columns, self.where = module, columns, where
        self.order: list[tuple[str, bool]] = []
        self.offset, self.limit = 0, 0


class Reader:
    """A recursive reader of one query; raises Wrong with the vendor's codes."""

    def __init__(self, call: Call, text: str) -> None:
        self._call = call
        self._tokens = self._split(text)
        self._place = 0
        self._conditions = 0
        self._module = ""

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens, place = [], 0
        while text[place:].strip():
            found = TOKEN.match(text, place)
            if found is None:
                raise syntax(text[place : place + 20])
            tokens.append(found[1])
            place = found.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise syntax("end")
        self._place += 1
        return token

    def _word(self, *words: str) -> bool:
        """Take these words if they come next."""
        coming = [token.lower() for token in self._tokens[self._place : self._place + len(words)]]
        if coming != list(words):
            return False
        self._place += len(words)
        return True

    def _need(self, word: str) -> None:
        if not self._word(word):
            raise syntax(self._peek())

    def read(self) -> Select:
        self._need("select")
        columns = [self._next()]
        while self._word(","):
            columns.append(self._next())
        self._need("from")
        self._module = self._next()
        if self._module not in self._call.state.tables or self._module in self._call.twin.account.hidden_modules:
            raise Wrong(400, "INVALID_QUERY", "the module name given seems to be invalid", module=self._module)
        if len(columns) > MOST_COLUMNS:
            raise Wrong(400, "LIMIT_EXCEEDED", "too many columns", limit=str(MOST_COLUMNS))
        for name in columns:
            self._known(name, "select")
        if not self._word("where"):
            raise Wrong(400, "SYNTAX_ERROR", "missing clause", clause="where")
        select = Select(self._module, columns, self._either())
        self._read_end(select)
        return select

    def _read_end(self, select: Select) -> None:
        while self._word("order", "by") or (select.order and self._word(",")):
            name = self._next()
            self._known(name, "order by")
            select.order.append((name, self._word("desc") or (self._word("asc") and False)))
        if self._word("limit"):
            numbers = [self._number()]
            if self._word(","):
                numbers.append(self._number())
            select.limit, select.offset = numbers[-1], numbers[0] if len(numbers) > 1 else 0
        if self._word("offset"):
            select.offset = self._number()
        if select.limit > MOST_ROWS:
            raise Wrong(400, "LIMIT_EXCEEDED", "limit", limit=str(MOST_ROWS))
        if self._peek():
            raise syntax(self._peek())

    def _number(self) -> int:
        token = self._next()
        if not token.isdigit():
            raise syntax(token)
        return int(token)

    def _known(self, name: str, clause: str) -> Row:
        """The field of a name, through at most two joins."""
        state, module, parts = self._call.state, self._module, name.split(".")
        if name == "id":
            return {"data_type": "bigint"}
        field: Row = {}
        for part in parts:
            found = state.fields.get(module, {}).get(part)
            if found is None or len(parts) > 3:
                raise Wrong(400, "INVALID_QUERY", "column given seems to be invalid", column_name=name, clause=clause)
            field, module = found, target_of(found)
        return field

    def _either(self) -> Test:
        """Two conditions joined, or one: more must be bracketed in pairs."""
        left = self._one()
        for word, join in (("and", all), ("or", any)):
            if self._word(word):
                right = self._one()
                if self._peek().lower() in ("and", "or"):
                    raise syntax(self._peek())
                return lambda row: join(test(row) for test in (left, right))
        return left

    def _one(self) -> Test:
        if self._word("("):
            test = self._either()
            self._need(")")
            return test
        return self._condition()

    def _condition(self) -> Test:
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise Wrong(400, "LIMIT_EXCEEDED", "too many conditions", limit=str(MOST_CONDITIONS))
        name = self._next()
        field = self._known(name, "where")
        if field["data_type"] == "textarea":
            raise Wrong(400, "INVALID_QUERY", "the field is not available for query", column_name=name, clause="where")
        state, module = self._call.state, self._module
        compare = self._comparison()
        return lambda row: compare(value_of(state, module, row, name))

    def _comparison(self) -> Callable[[Any], bool]:
        negative = self._word("not")
        if self._word("in"):
            values = self._values()
            return lambda value: (_text(value) in values) != negative
        if self._word("like"):
            pattern = self._value()
            return lambda value: like(_text(value), pattern) != negative
        if self._word("is"):
            wanted = not self._word("not")
            self._need("null")
            return lambda value: (value in (None, "")) == wanted
        return _ordered(self._next(), self._value())

    def _values(self) -> list[str]:
        self._need("(")
        values = [self._value()]
        while self._word(","):
            values.append(self._value())
        self._need(")")
        if len(values) > MOST_VALUES:
            raise Wrong(400, "LIMIT_EXCEEDED", "too many values", limit=str(MOST_VALUES))
        return values

    def _value(self) -> str:
        token = self._next()
        if token[0] == "'":
            return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.S)
        if token.lower() in ("true", "false") or not re.fullmatch(r"-?\d+(\.\d+)?", token):
            raise syntax(token)
        return token


SIGNS: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


def _ordered(sign: str, wanted: str) -> Callable[[Any], bool]:
    if sign not in SIGNS:
        raise syntax(sign)
    return lambda value: value is not None and SIGNS[sign](_comparable(value), _comparable(wanted))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _comparable(value: Any) -> str:
    """Times as UTC, so that they can be compared as texts."""
    text = _text(value)
    return iso(datetime.fromisoformat(text)) if re.match(r"\d{4}-\d\d-\d\dT", text) else text


def like(value: str, pattern: str) -> bool:
    """`x%`, `%x`, `%x%`; a percent sign inside is an ordinary character (5.2 names no other form)."""
    inner = pattern.removeprefix("%").removesuffix("%")
    if pattern.startswith("%") and pattern.endswith("%"):
        return inner in value
    if pattern.startswith("%"):
        return value.endswith(inner)
    return value.startswith(inner) if pattern.endswith("%") else value == pattern
