"""Lists and single records: `$filter`, `$select`, `$expand`, `$orderby`, `$top`, `$skip`, `$count` (crm_creatio.md 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.twins.base import Refused
from sandbox.twins.creatio.odata import Filter
from sandbox.twins.creatio.schema import NOBODY
from sandbox.twins.creatio.site import Site
from sandbox.twins.creatio.state import Row, State

MOST_ROWS = 20_000
OPTIONS = frozenset({"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count"})


def listed(state: State, site: Site, entity: str, query: Mapping[str, str]) -> Row:
    """`GET /Entity`: the page asked for; no link to the next one."""
    _check(query)
    rows = list(state.table(entity).values())
    if query.get("$filter"):
        test = Filter(state, entity, query["$filter"], lookup_ids=site.lookup_ids).test()
        rows = [row for row in rows if test(row)]
    for part in reversed(query.get("$orderby", "").split(",")):
        rows = _ordered(state, entity, rows, part.split())
    skip, top = _number(query, "$skip", 0), _number(query, "$top", MOST_ROWS)
    page = [shown(state, site, entity, row, query) for row in rows[skip : skip + min(top, MOST_ROWS)]]
    return {**({"@odata.count": len(rows)} if query.get("$count") == "true" else {}), "value": page}


def _check(query: Mapping[str, str]) -> None:
    for name in query:
        if name.startswith("$") and name not in OPTIONS:
            raise Refused(400, f"The query parameter '{name}' is not supported.")


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit():
        raise Refused(400, f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _ordered(state: State, entity: str, rows: list[Row], words: list[str]) -> list[Row]:
    if not words:
        return rows
    if words[0] not in state.columns[entity]:
        raise Refused(400, f"Could not find a property named '{words[0]}' on type '{entity}'")
    return sorted(rows, key=lambda row: row[words[0]], reverse=words[1:] == ["desc"])


def shown(state: State, site: Site, entity: str, row: Row, query: Mapping[str, str]) -> Row:
    """A row with the columns and the lookups asked for."""
    _check(query)
    wanted = [name.strip() for name in query.get("$select", "").split(",") if name.strip()]
    for name in wanted:
        if name not in state.columns[entity]:
            raise Refused(400, f"Could not find a property named '{name}' on type 'Terrasoft.Configuration.OData.{entity}'.")
    answer = {name: row[name] for name in wanted} if wanted else dict(row)
    for name, inner in _expands(query.get("$expand", "")):
        column = state.columns[entity].get(f"{name}Id")
        if column is None or not column.refers:
            raise Refused(400, f"Could not find a property named '{name}' on type '{entity}'.")
        if inner and not site.nested_select:
            raise Refused(400, f"Term '{name}(' is not valid in a $select or $expand expression.")
        found = state.row(column.refers, row[column.name]) if row[column.name] != NOBODY else None
        answer[name] = shown(state, site, column.refers, found, inner) if found else None
    return answer


def _expands(text: str) -> list[tuple[str, dict[str, str]]]:
    """`Contact($select=Id,Name),Stage` as names with their own options."""
    found = re.findall(r"(\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?", text)
    return [(name, dict(part.split("=", 1) for part in inner.split(";") if "=" in part)) for name, inner in found]
