"""What is asked of Zoho: COQL texts without injection, and the parts of a look-up (crm_zohocrm.md 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from patchcord.crm.zoho_crm.declaration import BASE, MODULES, Connection
from patchcord.model.phone import Phone
from patchcord.model.records import RecordKind

API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
MOST_CONDITIONS = 25
PART_ROWS = 25
"""Records that a part of a composite may answer (12)."""
TAIL = 6
"""Digits at the end of a number by which it is looked for: others with the same ones are rare, and left out afterwards."""
GROUPS = ((2, 2, 2), (2, 4), (3, 3))
SEPARATORS = (" ", "-", ".")
"""How people group the last six digits in the notations of S3-56 and their relatives."""
SEARCH = "search"

NAMES = {
    RecordKind.CONTACT: ("First_Name", "Last_Name"),
    RecordKind.LEAD: ("First_Name", "Last_Name"),
    RecordKind.ORGANIZATION: ("Account_Name",),
    RecordKind.DEAL: ("Deal_Name",),
}
STATES = {
    RecordKind.CONTACT: ("Account_Name",),
    RecordKind.LEAD: ("Lead_Status",),
    RecordKind.DEAL: ("Stage", "Contact_Name", "Account_Name"),
}
TIMES = ("Created_Time", "Modified_Time")


@dataclass(frozen=True, slots=True)
class Part:
    """One call, alone or as a part of a composite. `path` stands below the version."""

    name: str
    method: str
    path: str
    json: Any = None
    query: dict[str, Any] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        return BASE + self.path


def is_api_name(text: str) -> bool:
    """Whether the text can be the api name of a field; nothing else is ever put into a query."""
    return API_NAME.fullmatch(text) is not None


def quoted(text: str) -> str:
    """A text of COQL (5.2)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def coql(name: str, select_query: str) -> Part:
    return Part(name, "POST", "/coql", {"select_query": select_query})


def tails(phone: Phone) -> tuple[str, ...]:
    """The last digits of the number in the groups that people write, likeliest first."""
    last = phone.national[-TAIL:]
    if len(last) < TAIL:
        return (last,)
    return (last, *(separator.join(_cut(last, sizes)) for separator in SEPARATORS for sizes in GROUPS))


def _cut(text: str, sizes: Sequence[int]) -> Iterator[str]:
    start = 0
    for size in sizes:
        yield text[start : start + size]
        start += size


def either(conditions: Sequence[str]) -> str:
    """The conditions joined by `or`, bracketed in pairs as COQL wants them (5.2)."""
    if len(conditions) == 1:
        return conditions[0]
    half = (len(conditions) + 1) // 2
    return f"({either(conditions[:half])} or {either(conditions[half:])})"


def holds(fields: Sequence[str], phone: Phone) -> str:
    """Whether one of the fields ends with the number, in any of the usual notations."""
    most = max(1, MOST_CONDITIONS // len(fields))
    patterns = [quoted(f"%{tail}") for tail in tails(phone)[:most]]
    return either([f"{name} like {pattern}" for pattern in patterns for name in fields][:MOST_CONDITIONS])


def columns(kind: RecordKind, connection: Connection) -> tuple[str, ...]:
    """The fields of a record that a look-up reads."""
    own = connection.phone_fields.get(kind, ())
    more = tuple(connection.lead_lookups.values()) if kind is RecordKind.LEAD else ()
    return (*NAMES[kind], *own, *STATES.get(kind, ()), *more, "Owner", *TIMES)


def look_up(phone: Phone, connection: Connection) -> list[Part]:
    """Fresh leads, contacts, accounts, and deals through their contact; leads also by the search, which lags (5)."""
    parts = []
    for kind in (RecordKind.LEAD, RecordKind.CONTACT, RecordKind.ORGANIZATION):
        converted = (connection.converted_field,) if kind is RecordKind.LEAD and connection.converted_field else ()
        parts.append(_select(kind, (*columns(kind, connection), *converted), holds(connection.phone_fields[kind], phone)))
    through = [f"Contact_Name.{name}" for name in connection.phone_fields[RecordKind.CONTACT]]
    parts.append(_select(RecordKind.DEAL, columns(RecordKind.DEAL, connection), holds(through, phone)))
    return [*parts, _search(phone, connection)] if connection.lead_search else parts


def _select(kind: RecordKind, names: Sequence[str], where: str) -> Part:
    text = f"select id, {', '.join(names)} from {MODULES[kind]} where {where} order by Modified_Time desc limit {PART_ROWS}"  # noqa: S608 - names and quoted texts only
    return coql(kind.value, text)


def _search(phone: Phone, connection: Connection) -> Part:
    """Leads in whatever notation the vendor's search understands: national digits (5.1)."""
    query = {"phone": phone.national, "fields": ",".join(columns(RecordKind.LEAD, connection)), "per_page": PART_ROWS}
    return Part(SEARCH, "GET", f"/{MODULES[RecordKind.LEAD]}/search", query=query)


def by_marker(kind: RecordKind, field_name: str, marker: str) -> Part:
    """The record that carries our marker in its field."""
    text = f"select id, Created_Time from {MODULES[kind]} where {field_name} = {quoted(marker)} limit 1"  # noqa: S608 - the same
    return coql(kind.value, text)
