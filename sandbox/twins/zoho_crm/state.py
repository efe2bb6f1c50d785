"""What the account holds: rows by module and api name, and when each row becomes searchable (crm_zohocrm.md 5.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.twins.base import Clock, Ids

Row = dict[str, Any]

LEADS, CONTACTS, ACCOUNTS, DEALS = "Leads", "Contacts", "Accounts", "Deals"
TASKS, CALLS, NOTES = "Tasks", "Calls", "Notes"
MODULES = (LEADS, CONTACTS, ACCOUNTS, DEALS, TASKS, CALLS, NOTES)
KINDS = {"contact": CONTACTS, "organization": ACCOUNTS, "lead": LEADS, "deal": DEALS}
"""Neutral kinds and their modules."""
NEUTRAL = {module: kind for kind, module in KINDS.items()}

NAMES = {DEALS: "Deal_Name", ACCOUNTS: "Account_Name", TASKS: "Subject", CALLS: "Subject", NOTES: "Note_Title"}

STAGES = (
    ("Qualification", "Open"), ("Needs Analysis", "Open"), ("Value Proposition", "Open"), ("Proposal/Price Quote", "Open"),
    ("Closed Won", "Closed Won"), ("Closed Lost", "Closed Lost"), ("Closed-Lost to Competition", "Closed Lost"),
)  # fmt: skip
"""The stages of a new account with their forecast types (6)."""
DEAD = ("Junk Lead", "Lost Lead")
"""Lead statuses that the twin's people use for a dead lead (6)."""
STANDARD_PIPELINE = "Standard (Standard)"


@dataclass
class State:
    """Rows by module and id. A value is what the field holds; lookups and owners are ids."""

    ids: Ids
    clock: Clock
    time_zone: str
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {module: {} for module in MODULES})
    users: dict[str, Row] = field(default_factory=dict)
    fields: dict[str, dict[str, Row]] = field(default_factory=dict)
    pipelines: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    indexed: dict[tuple[str, str], datetime] = field(default_factory=dict)
    adoptable: dict[str, str] = field(default_factory=dict)

    def new_id(self, sort: str) -> str:
        """Nineteen digits, counted within a sort that has a place of its own in them."""
        place = sum(map(ord, sort)) % 900 + 100
        return f"5725767{place}{self.ids.number(sort):09d}"

    def time(self, moment: datetime) -> str:
        """A date-time with the offset of the organisation's time zone."""
        return moment.astimezone(ZoneInfo(self.time_zone)).isoformat(timespec="seconds")

    def now(self) -> str:
        return self.time(self.clock())

    def add(self, module: str, values: Row, user: str) -> Row:
        """Store a record; search may show it from now plus the lag on."""
        now = self.now()
        owner = values.get("Owner") or user
        row = {**values, "id": self.new_id(module), "Owner": owner, "Created_Time": now, "Modified_Time": now}
        row |= {"Created_By": user, "Modified_By": user}
        self.tables[module][row["id"]] = row
        self.indexed[module, row["id"]] = self.clock()
        return row

    def touch(self, module: str, row: Row, user: str) -> None:
        row |= {"Modified_Time": self.now(), "Modified_By": user}
        self.indexed[module, row["id"]] = self.clock()

    def forecast_of(self, stage: Any) -> str:
        """Open, Closed Won or Closed Lost: the forecast type of a stage in any pipeline."""
        types = {name: kind for stages in self.pipelines.values() for name, kind in stages}
        return types.get(str(stage), "Open")

    def name_of(self, module: str, key: Any) -> str:
        row = self.tables.get(module, {}).get(str(key), {})
        return str(row.get(NAMES[module]) or "") if module in NAMES else full_name(row)

    def user_name(self, key: Any) -> str:
        return str(self.users.get(str(key), {}).get("full_name") or "")


def full_name(row: Row) -> str:
    """First and last name of a lead or contact."""
    return " ".join(part for part in (row.get("First_Name"), row.get("Last_Name")) if part)


def is_converted(row: Row) -> bool:
    return row.get("Converted__s") is True
