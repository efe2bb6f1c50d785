"""What the account holds: tables of rows in the vendor's own shape, and when each row becomes searchable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.twins.base import Clock, Ids, iso

Row = dict[str, Any]
Key = int | str

PERSON, ORGANIZATION, LEAD, DEAL = "person", "organization", "lead", "deal"
KINDS = {"contact": PERSON, "organization": ORGANIZATION, "lead": LEAD, "deal": DEAL}
"""Neutral kinds and the vendor's words for them."""
DEFAULT_TYPES = ("call", "meeting", "task", "deadline", "email", "lunch")
"""Activity types every new account has (crm_pipedrive.md 10.1)."""
NEUTRAL = {word: kind for kind, word in KINDS.items()}


def v1_time(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS`, UTC: users, notes, call logs, activity types (crm_pipedrive.md 1)."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def lead_time(moment: datetime) -> str:
    """RFC 3339 with milliseconds, as leads have it (crm_pipedrive.md 8.3)."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


@dataclass
class State:
    """Tables by id. Leads' ids are UUIDs, call logs' hex texts, all others integers."""

    ids: Ids
    clock: Clock
    persons: dict[Key, Row] = field(default_factory=dict)
    organizations: dict[Key, Row] = field(default_factory=dict)
    leads: dict[Key, Row] = field(default_factory=dict)
    deals: dict[Key, Row] = field(default_factory=dict)
    activities: dict[Key, Row] = field(default_factory=dict)
    notes: dict[Key, Row] = field(default_factory=dict)
    call_logs: dict[Key, Row] = field(default_factory=dict)
    users: dict[Key, Row] = field(default_factory=dict)
    pipelines: dict[Key, Row] = field(default_factory=dict)
    stages: dict[Key, Row] = field(default_factory=dict)
    activity_types: dict[Key, Row] = field(default_factory=dict)
    conversions: dict[str, Row] = field(default_factory=dict)
    fields: dict[str, dict[str, Row]] = field(default_factory=dict)
    indexed: dict[tuple[str, Key], datetime] = field(default_factory=dict)
    adoptable: dict[str, int] = field(default_factory=dict)

    def table(self, word: str) -> dict[Key, Row]:
        """The table of persons, organizations, leads, deals or activities, by the vendor's word for one of them."""
        tables = {PERSON: self.persons, ORGANIZATION: self.organizations, LEAD: self.leads, DEAL: self.deals}
        return tables.get(word, self.activities)

    def add(self, word: str, row: Row) -> Row:
        """Store a record; search may show it from now plus the lag on."""
        self.table(word)[row["id"]] = row
        self.indexed[word, row["id"]] = self.clock()
        return row

    def now(self) -> str:
        return iso(self.clock())

    def touch(self, row: Row) -> None:
        """Set `update_time` in the form the row has."""
        row["update_time"] = lead_time(self.clock()) if "source_name" in row else self.now()

    def of_person(self, word: str, person_id: Key) -> Iterator[Row]:
        return (row for row in self.table(word).values() if row.get("person_id") == person_id)

    def name_of(self, word: str, key: Key | None) -> str:
        row = self.table(word).get(key) if key is not None else None
        return str(row.get("name") or row.get("title") or "") if row else ""


def pipeline_row(state: State, name: str) -> Row:
    key = state.ids.number("pipeline")
    now = state.now()
    row: Row = {
        "id": key, "name": name, "order_nr": key, "is_deleted": False, "is_deal_probability_enabled": False,
        "add_time": now, "update_time": now,
    }  # fmt: skip
    state.pipelines[key] = row
    return row


def stage_row(state: State, pipeline: int, name: str) -> Row:
    key = state.ids.number("stage")
    now = state.now()
    row: Row = {
        "id": key, "order_nr": key, "name": name, "is_deleted": False, "deal_probability": 100, "pipeline_id": pipeline,
        "is_deal_rot_enabled": False, "days_to_rotten": None, "add_time": now, "update_time": now,
    }  # fmt: skip
    state.stages[key] = row
    return row


def activity_type_row(state: State, key_string: str, *, active: bool = True) -> Row:
    key, icon = state.ids.number("activity_type"), key_string if key_string in DEFAULT_TYPES else "task"
    now = v1_time(state.clock())
    row: Row = {
        "id": key, "name": key_string.title(), "icon_key": icon, "color": "FFFFFF", "order_nr": key,
        "key_string": key_string, "active_flag": active, "is_custom_flag": False, "add_time": now, "update_time": now,
    }  # fmt: skip
    state.activity_types[key] = row
    return row


def user_row(state: State, *, name: str, email: str, active: bool, admin: bool, timezone: str, currency: str) -> Row:
    """A user as `GET /api/v1/users` tells him (crm_pipedrive.md 13)."""
    key = state.ids.number("user")
    now = v1_time(state.clock())
    row: Row = {
        "id": key, "name": name, "default_currency": currency, "locale": "en_US", "lang": 1, "email": email, "phone": None,
        "activated": True, "last_login": now, "created": now, "modified": now, "has_created_company": key == 1,
        "access": [{"app": "sales", "admin": admin, "permission_set_id": "5f1d"},
                   {"app": "account_settings", "admin": admin, "permission_set_id": "5f1e"}][: 2 if admin else 1],
        "active_flag": active, "timezone_name": timezone, "timezone_offset": "+03:00", "role_id": 1, "icon_url": None,
        "is_you": False, "is_deleted": False,
    }  # fmt: skip
    state.users[key] = row
    return row


def is_admin(user: Row) -> bool:
    return any(access["app"] == "account_settings" and access["admin"] for access in user["access"])
