"""What the account holds: tables of rows in the vendor's own shape, and when each row becomes searchable."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.twins.base import Clock, Ids

Row = dict[str, Any]

CUSTOMER, ORDER = "customer", "order"
KINDS = {"contact": CUSTOMER, "deal": ORDER}
"""Neutral kinds and the vendor's words for them; there is no lead (5)."""
NEUTRAL = {word: kind for kind, word in KINDS.items()}


@dataclass
class State:
    """Tables by id. Values that are not set are left out of the rows, as the vendor leaves them out of its answers."""

    ids: Ids
    clock: Clock
    zone: str
    customers: dict[int, Row] = field(default_factory=dict)
    orders: dict[int, Row] = field(default_factory=dict)
    tasks: dict[int, Row] = field(default_factory=dict)
    notes: dict[int, Row] = field(default_factory=dict)
    users: dict[int, Row] = field(default_factory=dict)
    calls: dict[str, Row] = field(default_factory=dict)
    modules: dict[str, Row] = field(default_factory=dict)
    fields: dict[tuple[str, str], Row] = field(default_factory=dict)
    dictionaries: dict[str, Row] = field(default_factory=dict)
    indexed: dict[tuple[str, int], datetime] = field(default_factory=dict)

    def table(self, word: str) -> dict[int, Row]:
        """The table of customers or orders, by the vendor's word for one of them."""
        return self.customers if word == CUSTOMER else self.orders

    def add(self, word: str, row: Row) -> Row:
        """Store a record; search may show it from now plus the lag on."""
        self.table(word)[row["id"]] = row
        self.indexed[word, row["id"]] = self.clock()
        return row

    def local(self, moment: datetime) -> str:
        """`Y-m-d H:i:s` in the account's time, without a zone (2)."""
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M:%S}"

    def utc(self, text: str) -> datetime:
        """What `local` wrote, and `Y-m-d H:i` of tasks."""
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def now(self) -> str:
        return self.local(self.clock())

    def custom_of(self, word: str) -> dict[str, Row]:
        """The custom fields of customers or orders, by code."""
        return {code: row for (entity, code), row in self.fields.items() if entity == word}


def user_row(state: State, *, name: str, email: str, active: bool, admin: bool) -> Row:
    """A user as `GET /users` tells him (11); the extension stands elsewhere."""
    first, _, last = name.partition(" ")
    row: Row = {
        "id": state.ids.number("user"), "createdAt": state.now(), "isAdmin": admin, "isManager": not admin, "active": active,
        "online": False, "status": "free", "email": email, "firstName": first, "lastName": last, "groups": [],
    }  # fmt: skip
    state.users[row["id"]] = row
    return row


def customer_row(state: State, site: str) -> Row:
    return {
        "type": "customer", "id": state.ids.number(CUSTOMER), "isContact": False, "createdAt": state.now(), "vip": False,
        "bad": False, "site": site, "tags": [], "phones": [], "customFields": {}, "ordersCount": 0,
    }  # fmt: skip


def order_row(state: State, site: str, status: str) -> Row:
    key = state.ids.number(ORDER)
    return {
        "id": key, "number": f"{key}A", "createdAt": state.now(), "statusUpdatedAt": state.now(), "status": status,
        "site": site, "call": False, "expired": False, "items": [], "payments": [], "customFields": {},
    }  # fmt: skip


def full_name(row: Row) -> str:
    """The parts of a name that are set, as people read them."""
    return " ".join(row[part] for part in ("firstName", "patronymic", "lastName") if row.get(part))


def numbers_of(row: Row) -> list[str]:
    """All numbers of a customer or of an order itself."""
    own = [row[name] for name in ("phone", "additionalPhone") if row.get(name)]
    return own + [str(entry["number"]) for entry in row.get("phones", ())]
