"""What the location holds: tables of rows in the vendor's own shape, and since when each client exists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from sandbox.twins.base import Clock, Ids, digits

Row = dict[str, Any]

FIRST_CLIENT = 1_121_411
"""Ids are large in Altegio; a small one would hide who mixes up sorts of ids."""
FIRST_COMMENT = 554
FIRST_USER = 123_455
FIRST_STAFF = 8_885
FIRST_RECORD = 776


@dataclass
class State:
    """Tables by id; comments by client, custom fields by code."""

    ids: Ids
    clock: Clock
    zone: timedelta
    clients: dict[int, Row] = field(default_factory=dict)
    comments: dict[int, list[Row]] = field(default_factory=dict)
    appointments: dict[int, Row] = field(default_factory=dict)
    staff: dict[int, Row] = field(default_factory=dict)
    users: dict[int, Row] = field(default_factory=dict)
    calls: list[Row] = field(default_factory=list)
    commands: list[Row] = field(default_factory=list)
    fields: dict[str, dict[str, Row]] = field(default_factory=lambda: {"client": {}, "record": {}})
    created: dict[int, datetime] = field(default_factory=dict)

    def local(self, moment: datetime | None = None) -> datetime:
        """A moment in the location's zone (3)."""
        return (moment or self.clock()).astimezone(timezone(self.zone))

    def short_time(self) -> str:
        """`YYYY-MM-DD HH:MM:SS`: comments (3)."""
        return f"{self.local():%Y-%m-%d %H:%M:%S}"

    def long_time(self, moment: datetime | None = None) -> str:
        """ISO 8601 with an offset without a colon, as `last_change_date` has it."""
        return f"{self.local(moment):%Y-%m-%dT%H:%M:%S%z}"

    def with_phone(self, phone: str) -> Row | None:
        """The client of a number: it is unique in a location (1)."""
        wanted = digits(phone)
        return next((row for row in self.clients.values() if wanted and digits(row["phone"]) == wanted), None)


def client_row(state: State, name: str, phone: str) -> Row:
    """A client as `GET /client` tells it, with its number as it is stored."""
    return {
        "id": FIRST_CLIENT + state.ids.number("client"), "name": name, "surname": "", "patronymic": "", "phone": phone,
        "email": "", "categories": [], "sex": "unknown", "sex_id": 0, "discount": 0, "importance_id": 0, "card": "",
        "birth_date": "", "comment": "", "sms_check": 0, "sms_not": 0, "spent": 0, "balance": 0, "visits": 0,
        "last_change_date": state.long_time(), "custom_fields": {},
    }  # fmt: skip


def user_row(state: State, name: str, email: str, *, active: bool, admin: bool) -> Row:
    """A user of the location (9): who was invited only is not approved."""
    key = FIRST_USER + state.ids.number("user")
    row: Row = {
        "id": key, "name": name, "phone": "13155550100", "email": email, "information": "", "is_approved": active,
        "is_non_deletable": admin,
    }  # fmt: skip
    state.users[key] = row
    return row


def staff_row(state: State, name: str, user: int | None, location: int) -> Row:
    """A member of the staff (9)."""
    key = FIRST_STAFF + state.ids.number("staff")
    row: Row = {
        "id": key, "name": name, "company_id": location, "specialization": "stylist",
        "position": {"id": 1, "title": "Administrator"}, "avatar": "", "avatar_big": "", "fired": 0, "status": 0, "hidden": 0,
        "user_id": user or 0,
    }  # fmt: skip
    state.staff[key] = row
    return row


def field_row(state: State, category: str, code: str, title: str, sort: str, values: list[str]) -> Row:
    """A custom field of clients or appointments (9)."""
    row: Row = {
        "id": state.ids.number("field"), "code": code, "entity_type": category, "title": title, "show_in_ui": True,
        "user_can_edit": True, "type": {"code": sort, "title": sort.title()}, "values": values,
    }  # fmt: skip
    state.fields[category][code] = row
    return row
