"""What the portal holds: tables of rows in the vendor's own shape, and when each row becomes searchable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.twins.base import Clock, Ids

Row = dict[str, Any]
Table = dict[str, Row]

CONTACTS, ACCOUNTS, TICKETS, TASKS, CALLS = "contacts", "accounts", "tickets", "tasks", "calls"
KINDS = {"contact": CONTACTS, "organization": ACCOUNTS, "deal": TICKETS}
"""Neutral kinds and the vendor's modules (crm_zohodesk.md 6)."""
NEUTRAL = {module: kind for kind, module in KINDS.items()}
FIRST_ID = 100000000000045000
"""Ids are texts of digits, longer than a JavaScript number can hold (crm_zohodesk.md, head)."""

BUILT_IN = {
    CONTACTS: {"lastName": "Text", "firstName": "Text", "email": "Email", "phone": "Phone", "mobile": "Phone"},
    ACCOUNTS: {"accountName": "Text", "phone": "Phone", "website": "URL"},
    TICKETS: {"subject": "Text", "phone": "Phone", "status": "Picklist", "priority": "Picklist", "channel": "Picklist"},
    TASKS: {"subject": "Text", "dueDate": "DateTime", "status": "Picklist"},
    CALLS: {"subject": "Text", "startTime": "DateTime", "direction": "Picklist"},
}


def time_text(moment: datetime) -> str:
    """UTC with milliseconds (crm_zohodesk.md 7)."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


@dataclass
class State:
    """Tables by id; fields by module and api name."""

    ids: Ids
    clock: Clock
    tables: dict[str, Table] = field(default_factory=lambda: {name: {} for name in BUILT_IN})
    agents: Table = field(default_factory=dict)
    departments: Table = field(default_factory=dict)
    comments: Table = field(default_factory=dict)
    fields: dict[str, Table] = field(default_factory=lambda: {name: {} for name in BUILT_IN})
    indexed: dict[str, datetime] = field(default_factory=dict)
    adoptable: dict[str, str] = field(default_factory=dict)

    def new_id(self) -> str:
        return str(FIRST_ID + self.ids.number("record"))

    def now(self) -> str:
        return time_text(self.clock())

    def add(self, module: str, row: Row) -> Row:
        """Store a record with id and times; search may show it from now plus the lag on."""
        stored = {"id": self.new_id(), **row, "createdTime": self.now(), "modifiedTime": self.now()}
        self.tables[module][stored["id"]] = stored
        self.indexed[stored["id"]] = self.clock()
        return stored

    def touch(self, row: Row) -> None:
        row["modifiedTime"] = self.now()


def add_built_in(state: State) -> None:
    for module, named in BUILT_IN.items():
        for name, sort in named.items():
            state.fields[module][name] = _field(state, name, name, sort, (), own=False)


def add_field(state: State, module: str, name: str, sort: str, options: Sequence[str]) -> str:
    """A custom field; its api name is made of its label (crm_zohodesk.md 11)."""
    stem = "cf_" + re.sub(r"\W+", "_", name.lower()).strip("_")
    api_name, number = stem, 1
    while api_name in state.fields[module]:
        api_name, number = f"{stem}_{number}", number + 1
    state.fields[module][api_name] = _field(state, api_name, name, sort, options, own=True)
    return api_name


def _field(state: State, api_name: str, label: str, sort: str, options: Sequence[str], *, own: bool) -> Row:
    values = [{"value": option} for option in options]
    return {"id": state.new_id(), "apiName": api_name, "displayLabel": label, "type": sort, "isMandatory": False,
            "isCustomField": own, "allowedValues": values}  # fmt: skip
