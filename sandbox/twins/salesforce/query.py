"""Carrying a query out, page by page (crm_salesforce.md 5, 6.3)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sandbox.twins.salesforce.schema import Field
from sandbox.twins.salesforce.soql import Compared, Literal, Select, Test, malformed, moment_of, read
from sandbox.twins.salesforce.state import Row, same_id
from sandbox.twins.salesforce.wire import Call, Fault, Reply, answered, not_found

NUMBERS = ("double", "currency", "int", "percent")
SIZES: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def run_query(call: Call) -> Reply:
    """`GET /query?q=…`: the first page, with `nextRecordsUrl` when there are more."""
    select = read(call.query.get("q", ""))
    rows = found_rows(call, select)
    if select.count:
        return Reply(200, {"totalSize": len(rows), "done": True, "records": []})
    shown = [shape(call, select, row) for row in rows]
    return _page(call, shown, 0)


def next_page(call: Call) -> Reply:
    """`GET /query/{locator}`: a later page of a query that was asked before."""
    key, _, start = str(call.args["locator"]).rpartition("-")
    if key not in call.twin.cursors or not start.isdigit():
        raise Fault("INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(call, call.twin.cursors[key], int(start))


def _page(call: Call, shown: Sequence[Row], start: int) -> Reply:
    size = call.twin.org.page_rows
    body: Row = {"totalSize": len(shown), "done": start + size >= len(shown), "records": shown[start : start + size]}
    if not body["done"]:
        key = call.twin.cursor(shown)
        body["nextRecordsUrl"] = call.path(f"query/{key}-{start + size}")
    return Reply(200, body)


# ---- objects and fields


def object_named(call: Call, name: str) -> str:
    """The object, whatever the case of its name; 400 INVALID_TYPE when there is none."""
    for known in call.state.tables:
        if known.lower() == name.lower():
            return known
    raise Fault("INVALID_TYPE", f"sObject type '{name}' is not supported.")


def field_named(call: Call, target: str, name: str) -> Field:
    """The field; one that the user may not see looks like one that does not exist (2.4)."""
    for known in call.state.fields[target].values():
        if known.name.lower() == name.lower() and (target, known.name) not in call.twin.org.hidden:
            return known
    raise Fault("INVALID_FIELD", f"No such column '{name}' on entity '{target}'.")


def _relation(call: Call, target: str, name: str) -> Field:
    for known in call.state.fields[target].values():
        if known.refers and known.relation.lower() == name.lower():
            return known
    raise Fault("INVALID_FIELD", f"Didn't understand relationship '{name}' in field path.")


def steps(call: Call, target: str, path: str) -> list[Field]:
    """The fields of a path such as `Account.OwnerId`; a leading object name may be left out."""
    names = path.split(".")
    if len(names) > 1 and names[0].lower() == target.lower():
        names = names[1:]
    fields = []
    for name in names[:-1]:
        fields.append(_relation(call, target, name))
        target = fields[-1].refers[0]
    return [*fields, field_named(call, target, names[-1])]


def value_of(call: Call, row: Row, fields: Sequence[Field]) -> Any:
    for one in fields[:-1]:
        related = call.state.row(row.get(one.name))
        if related is None:
            return None
        row = related
    return row.get(fields[-1].name)


# ---- conditions


def found_rows(call: Call, select: Select) -> list[Row]:
    """The rows that fit, in order, cut to the limit."""
    target = object_named(call, select.target)
    for path in select.fields:
        steps(call, target, path)
    fits = _fitting(call, target, select.where) if select.where else _always
    rows = sorted_rows(call, target, [row for row in call.state.table(target).values() if fits(row)], select.order)
    end = None if select.limit is None else select.offset + select.limit
    return rows[select.offset : end]


def _always(row: Row) -> bool:
    return True


def sorted_rows(call: Call, target: str, rows: Iterable[Row], order: Sequence[tuple[str, bool]]) -> list[Row]:
    """By the last column first; what is empty comes first, or last when descending."""
    found = list(rows)
    for path, down in reversed(order):
        fields = steps(call, target, path)
        found.sort(key=lambda row: ((value := value_of(call, row, fields)) is not None, value), reverse=down)
    return found


def _fitting(call: Call, target: str, test: Test) -> Callable[[Row], bool]:
    if isinstance(test, Compared):
        return _comparison(call, target, test)
    parts = [_fitting(call, target, part) for part in test.parts]
    if test.word == "not":
        return lambda row: not parts[0](row)
    decide = any if test.word == "or" else all
    return lambda row: decide(part(row) for part in parts)


def _comparison(call: Call, target: str, test: Compared) -> Callable[[Row], bool]:
    fields = steps(call, target, test.path)
    if fields[-1].type in ("textarea", "base64"):
        raise Fault("INVALID_FIELD", f"field '{fields[-1].name}' can not be filtered in a query call")
    if fields[-1].type == "phone" and call.twin.org.scans_time_out:
        raise Fault("QUERY_TIMEOUT", "Your query request was running for too long.")
    if isinstance(test.values, Select):
        wanted = _selected(call, test.values)
    else:
        wanted = [_checked(fields[-1], literal) for literal in test.values]

    def fits(row: Row) -> bool:
        stored = _comparable(fields[-1], value_of(call, row, fields))
        if test.operator in ("in", "="):
            return any(_equal(fields[-1], stored, one) for one in wanted)
        if test.operator in ("not in", "!="):
            return not any(_equal(fields[-1], stored, one) for one in wanted)
        if test.operator == "like":
            return _like(stored, wanted[0])
        return stored is not None and wanted[0] is not None and SIZES[test.operator](stored, wanted[0])

    return fits


def _selected(call: Call, select: Select) -> list[Any]:
    """The values of a semi-join: one column of the inner query."""
    if len(select.fields) != 1:
        raise malformed("Semi join sub-selects must have exactly one field")
    fields = steps(call, object_named(call, select.target), select.fields[0])
    values = [value_of(call, row, fields) for row in found_rows(call, select)]
    return [value for value in values if value is not None]


def _checked(one: Field, literal: Literal) -> Any:
    """The literal, which must be of the field's sort: quoted where it is a text, and only there."""
    value = literal.value
    wanted: Any = str
    if one.type in NUMBERS:
        wanted = float
    elif one.type == "boolean":
        wanted = bool
    elif one.type == "datetime":
        wanted = datetime
    elif one.type == "date":
        wanted = date
    if value is not None and type(value) is not wanted:
        words = f"value of filter criterion for field '{one.name}' must be of type {one.type}"
        raise Fault("INVALID_FIELD", words)
    return value


def _comparable(one: Field, value: Any) -> Any:
    return moment_of(value) if one.type in ("date", "datetime") and isinstance(value, str) else value


def _equal(one: Field, stored: Any, wanted: Any) -> bool:
    """Texts without regard to case; ids by their first 15 characters, with it."""
    if one.type in ("id", "reference"):
        return same_id(stored, wanted) or (not stored and wanted is None)
    if isinstance(stored, str) and isinstance(wanted, str):
        return stored.casefold() == wanted.casefold()
    return bool(stored == wanted)


def _like(stored: Any, pattern: Any) -> bool:
    parts = [{"%": ".*", "_": "."}.get(char, re.escape(char)) for char in str(pattern)]
    return isinstance(stored, str) and re.fullmatch("".join(parts), stored, re.I | re.S) is not None


# ---- shapes


def shape(call: Call, select: Select, row: Row) -> Row:
    """The selected fields of a row; those of related records are nested (6.2)."""
    target = object_named(call, select.target)
    values: Row = {}
    for path in select.fields:
        _put(call, values, row, steps(call, target, path))
    return answered(call, target, row, values)


def _put(call: Call, values: Row, row: Row, fields: Sequence[Field]) -> None:
    first = fields[0]
    if len(fields) == 1:
        values[first.name] = row.get(first.name)
        return
    related = call.state.row(row.get(first.name))
    if related is None:
        values[first.relation] = None
        return
    inner = values.get(first.relation) or answered(call, first.refers[0], related, {})
    _put(call, inner, related, fields[1:])
    values[first.relation] = inner


def visible_object(call: Call, name: str) -> str:
    """The object of a path; 404 when there is none."""
    try:
        return object_named(call, name)
    except Fault:
        raise not_found() from None
