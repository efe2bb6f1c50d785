"""What the org holds: tables of rows in the vendor's own shape, and when each row becomes searchable."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.twins.base import Clock, Ids
from sandbox.twins.salesforce.schema import OBJECTS, PREFIXES, ROLE, SYSTEM, Field

Row = dict[str, Any]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECKS = string.ascii_uppercase + "012345"


def full_id(short: str) -> str:
    """The 18 characters of an id of 15: each of the last three tells where five others are upper-case (1)."""
    chunks = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(CHECKS[sum(1 << place for place, char in enumerate(chunk) if char.isupper())] for chunk in chunks)


def is_id(text: Any) -> bool:
    return isinstance(text, str) and len(text) in (15, 18) and text.isascii() and text.isalnum()


def object_of(record_id: str) -> str:
    """The object an id belongs to, empty when none does."""
    return next((name for name, prefix in PREFIXES.items() if record_id[:3] == prefix), "")


def stamp(moment: datetime) -> str:
    """A time as answers have it: `2026-09-10T10:00:00.000+0000`."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


@dataclass
class State:
    """Tables by object and the first 15 characters of the id, which alone count (1)."""

    ids: Ids
    clock: Clock
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in OBJECTS})
    fields: dict[str, dict[str, Field]] = field(
        default_factory=lambda: {name: {one.name: one for one in (*SYSTEM, *own)} for name, own in OBJECTS.items()}
    )
    indexed: dict[str, datetime] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    adoptable: dict[str, str] = field(default_factory=dict)

    def table(self, name: str) -> dict[str, Row]:
        return self.tables[name]

    def row(self, record_id: Any) -> Row | None:
        """The record with that id, None when there is none (any more)."""
        return self.tables.get(object_of(str(record_id)), {}).get(str(record_id)[:15])

    def add(self, name: str, values: Row, creator: str) -> Row:
        """Store a record; search may show it from now plus the lag on."""
        short = f"{PREFIXES[name]}5g00000{_base62(self.ids.number(name)):0>5}"
        now = stamp(self.clock())
        row: Row = dict.fromkeys(self.fields[name]) | {
            "Id": full_id(short), "IsDeleted": False, "CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now,
            "CreatedById": creator, "LastModifiedById": creator,
        } | values  # fmt: skip
        self.tables[name][short] = self.completed(name, row)
        self.indexed[short] = self.clock()
        return row

    def touch(self, name: str, row: Row) -> None:
        row["LastModifiedDate"] = row["SystemModstamp"] = stamp(self.clock())
        self.completed(name, row)

    def completed(self, name: str, row: Row) -> Row:
        """Fill in what Salesforce works out itself: the whole name, flags, what was not set."""
        for one in self.fields[name].values():
            if one.type == "boolean":
                row[one.name] = bool(row.get(one.name))
        if "LastName" in row:
            row["Name"] = " ".join(part for part in (row["FirstName"], row["LastName"]) if part)
        if "StageName" in row:
            row["IsWon"] = row["StageName"] == "Closed Won"
            row["IsClosed"] = str(row["StageName"]).startswith("Closed ")
        if "WhoId" in row:
            row["IsClosed"] = row["Status"] == "Completed"
        return row

    def remove(self, record_id: str) -> bool:
        """Whether there was such a record."""
        gone = self.tables.get(object_of(record_id), {}).pop(record_id[:15], None)
        self.deleted.add(record_id[:15])
        return gone is not None

    def contacts_of(self, opportunity_id: str) -> Iterator[Row]:
        """The contact roles of an opportunity, the primary one first (8.4)."""
        roles = [row for row in self.tables[ROLE].values() if same_id(row["OpportunityId"], opportunity_id)]
        return iter(sorted(roles, key=lambda row: not row["IsPrimary"]))


def same_id(one: Any, other: Any) -> bool:
    return bool(one) and bool(other) and str(one)[:15] == str(other)[:15]


def _base62(number: int) -> str:
    text = ""
    while number:
        number, place = divmod(number, 62)
        text = DIGITS[place] + text
    return text
