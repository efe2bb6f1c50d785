"""Text search: SOSL and its JSON form (crm_salesforce.md 6.1, 6.2).

The index works on whole tokens: a phone field is one token, its digits, so `671234567` does not find `0671234567`, and there
is no wildcard at the front. New records are in it only after the twin's search lag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.twins.base import digits
from sandbox.twins.salesforce import query
from sandbox.twins.salesforce.soql import Select, read
from sandbox.twins.salesforce.state import Row
from sandbox.twins.salesforce.wire import Call, Fault, Reply, body_of

GROUPS = ("ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR")
MOST_ROWS = 2_000
FIND = re.compile(
    r"\s*FIND\s*\{(?P<term>(?:\\.|[^}])*)\}\s*(?:IN\s+(?P<group>\w+)\s+FIELDS\s*)?"
    r"(?:RETURNING\s+(?P<returning>.*?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.I | re.S,
)
RESERVED = re.compile(r"[&|!(){}\[\]^\"~:'+\-]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search: alternatives of words that must all be there, the group of fields, and what is returned of which objects."""

    alternatives: tuple[tuple[re.Pattern[str], ...], ...]
    group: str
    selects: tuple[Select, ...]
    limit: int


def malformed(words: str) -> Fault:
    return Fault("MALFORMED_SEARCH", words)


def sosl(call: Call) -> Reply:
    """`GET /search?q=FIND {…} IN PHONE FIELDS RETURNING …`."""
    found = FIND.fullmatch(call.query.get("q", ""))
    if found is None:
        raise malformed("No search term found. The search term must be enclosed in braces.")
    limit = min(int(found["limit"] or MOST_ROWS), MOST_ROWS)
    selects = tuple(_returned(part) for part in _parts(found["returning"] or ""))
    wanted = Wanted(_alternatives(found["term"]), (found["group"] or "ALL").upper(), selects, limit)
    return Reply(200, {"searchRecords": _found(call, wanted)})


def parameterized(call: Call) -> Reply:
    """`POST /parameterizedSearch`: the JSON form."""
    body = body_of(call)
    if not isinstance(body.get("q"), str):
        raise malformed("q is required")
    selects = tuple(_asked(part) for part in body.get("sobjects") or ())
    limit = min(int(body.get("overallLimit") or MOST_ROWS), MOST_ROWS)
    wanted = Wanted(_alternatives(body["q"]), str(body.get("in") or "ALL").upper(), selects, limit)
    return Reply(200, {"searchRecords": _found(call, wanted)})


# ---- reading


def _parts(text: str) -> Iterator[str]:
    """The objects of RETURNING: separated by commas that stand in no brackets."""
    depth, part = 0, ""
    for char in f"{text},":
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            if part.strip():
                yield part.strip()
            part = ""
        else:
            part += char


def _returned(part: str) -> Select:
    """`Lead(Id, Phone WHERE IsConverted = false LIMIT 5)` as a query."""
    found = re.fullmatch(r"(\w+)(?:\s*\((.*)\))?", part, re.S)
    if found is None:
        raise malformed(f"unexpected token: '{part}'")
    fields, _, rest = re.sub(r"\s+(?=(where|order\s+by|limit)\b)", "\0", found[2] or "Id", count=1, flags=re.I).partition("\0")
    return read(f"SELECT {fields} FROM {found[1]} {rest}")  # noqa: S608 - the twin's own reader


def _asked(part: Any) -> Select:
    """One of the JSON form's `sobjects` as a query."""
    if not isinstance(part, dict) or not isinstance(part.get("name"), str):
        raise malformed("each of sobjects needs a name")
    fields = ", ".join(part.get("fields") or ["Id"])
    where = f" WHERE {part['where']}" if part.get("where") else ""
    order = f" ORDER BY {part['orderBy']}" if part.get("orderBy") else ""
    limit = f" LIMIT {part['limit']}" if part.get("limit") else ""
    return read(f"SELECT {fields} FROM {part['name']}{where}{order}{limit}")  # noqa: S608 - as above


def _alternatives(term: str) -> tuple[tuple[re.Pattern[str], ...], ...]:
    """Words joined by OR are alternatives; words side by side, or joined by AND, must all be there."""
    groups: list[list[re.Pattern[str]]] = [[]]
    for word in re.findall(r"(?:\\.|\S)+", term):
        if word == "OR":
            groups.append([])
        elif word != "AND":
            groups[-1].append(_pattern(word))
    if not all(groups):
        raise malformed("the search term is not complete")
    return tuple(tuple(group) for group in groups)


def _pattern(word: str) -> re.Pattern[str]:
    plain = re.sub(r"\\.", "", word)
    if RESERVED.search(plain):
        raise malformed(f"unescaped reserved character in '{word}'")
    if plain[:1] in ("*", "?"):
        raise malformed("a wildcard cannot stand at the front")
    if len(re.sub(r"[*?\\]", "", word)) < 2:
        raise malformed("search term must be longer than one character")
    pieces = re.findall(r"\\.|.", word, re.S)
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(piece) or re.escape(piece[-1]) for piece in pieces), re.I)


# ---- finding


def _found(call: Call, wanted: Wanted) -> list[Row]:
    if wanted.group not in GROUPS:
        raise malformed(f"unexpected token: '{wanted.group}'")
    rows: list[Row] = []
    for select in wanted.selects:
        name = query.object_named(call, select.target)
        hits = [row for row in query.found_rows(call, select) if _is_hit(call, name, row, wanted)]
        rows += [query.shape(call, select, row) for row in hits]
    return rows[: wanted.limit]


def _is_hit(call: Call, name: str, row: Row, wanted: Wanted) -> bool:
    if not call.twin.searchable(call.state.indexed[row["Id"][:15]]):
        return False
    tokens = tuple(_tokens(call, name, row, wanted.group))
    return any(all(any(word.fullmatch(token) for token in tokens) for word in alternative) for alternative in wanted.alternatives)


def _tokens(call: Call, name: str, row: Row, group: str) -> Iterator[str]:
    """What the index holds of a record's fields: all phone-type ones, names, addresses, or everything."""
    for one in call.state.fields[name].values():
        stored = row.get(one.name)
        if not isinstance(stored, str):
            continue
        if one.type == "phone" and group in ("PHONE", "ALL"):
            yield digits(stored)
        elif one.type == "email" and group in ("EMAIL", "ALL"):
            yield stored
        elif one.type == "string" and (group == "ALL" or (one.name.endswith("Name") and group in ("NAME", "SIDEBAR"))):
            yield from re.findall(r"\w+", stored)
