"""What the site holds: tables of rows in the vendor's own shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.twins.base import Clock, Ids, digits
from sandbox.twins.creatio.schema import MOBILE, NOBODY, SHAPES, Column, columns_of

Row = dict[str, Any]
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
PHONES = {"Contact": ("MobilePhone", "Phone", "HomePhone"), "Account": ("Phone", "AdditionalPhone")}


def stamp(moment: datetime) -> str:
    """A time as answers have it: `2026-09-01T10:00:05.28Z`."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def searched(number: str) -> str:
    """`SearchNumber`: the digits, reversed (5.1)."""
    return digits(number)[::-1]


@dataclass
class State:
    """Tables by entity and id (lower case)."""

    ids: Ids
    clock: Clock
    columns: dict[str, dict[str, Column]] = field(
        default_factory=lambda: {name: columns_of(shape) for name, shape in SHAPES.items()}
    )
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in SHAPES})
    born_done: set[str] = field(default_factory=set)
    adoptable: dict[str, str] = field(default_factory=dict)
    me: str = NOBODY

    def table(self, name: str) -> dict[str, Row]:
        return self.tables[name]

    def row(self, name: str, key: Any) -> Row | None:
        return self.tables[name].get(str(key).lower())

    def add(self, name: str, values: Row) -> Row:
        """Store a row; what is not given gets the empty value of its type (4)."""
        now = stamp(self.clock())
        row: Row = {column.name: column.empty for column in self.columns[name].values()}
        row |= {"CreatedOn": now, "ModifiedOn": now, "CreatedById": self.me, "ModifiedById": self.me}
        row |= {key: value for key, value in values.items() if value is not None}
        row["Id"] = str(row["Id"] if row["Id"] != NOBODY else self.ids.uuid(name)).lower()
        if "SearchNumber" in row:
            row["SearchNumber"] = searched(row["Number"])
        self.tables[name][row["Id"]] = row
        return row

    def touch(self, row: Row) -> None:
        row |= {"ModifiedOn": stamp(self.clock()), "ModifiedById": self.me}

    def linked(self, name: str, link: str, key: str) -> Iterator[Row]:
        """The rows whose lookup holds that id."""
        return (row for row in self.tables[name].values() if row[link] == key)

    def keep_phones(self, name: str, row: Row) -> None:
        """The communication rows of a contact's or an account's phone texts (7)."""
        link = f"{name}Id"
        have = {one["Number"] for one in self.linked(f"{name}Communication", link, row["Id"])}
        for column in PHONES[name]:
            if row[column] and row[column] not in have:
                values = {"Number": row[column], "CommunicationTypeId": MOBILE, link: row["Id"]}
                self.add(f"{name}Communication", values)

    def flag(self, name: str, key: str, column: str) -> bool:
        """A flag of a pick list's entry, such as `Stage/End`."""
        entry = self.row(name, key)
        return bool(entry and entry[column])
