"""What the account holds: tables of rows, and when each record becomes searchable (crm_kommo.md 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.twins.base import Clock, Ids

Row = dict[str, Any]

LEADS, CONTACTS, COMPANIES = "leads", "contacts", "companies"
KINDS = {"contact": CONTACTS, "organization": COMPANIES, "deal": LEADS}
"""Neutral kinds and the vendor's words; Kommo's lead is the deal (4)."""
NEUTRAL = {word: kind for kind, word in KINDS.items()}
WON, LOST = 142, 143
"""The same ids in every pipeline (4)."""
INCOMING = 1
"""The type of the stage for incoming leads (4)."""
FIRST_IDS = {
    "user": 501, "pipeline": 61, "status": 6101, LEADS: 2001, CONTACTS: 3001, COMPANIES: 4001, "enum": 7001, "task": 8001,
    "note": 8901, "field": 9001, "tag": 301,
}  # fmt: skip
"""Each sort counts in a range of its own, so that ids which are mixed up are found nowhere."""


@dataclass
class State:
    """Tables by id. A record keeps its custom values in `custom` (field id to entries), its links in `company`, `contacts`."""

    ids: Ids
    clock: Clock
    account_id: int
    records: dict[str, dict[int, Row]] = field(default_factory=lambda: {LEADS: {}, CONTACTS: {}, COMPANIES: {}})
    fields: dict[str, dict[int, Row]] = field(default_factory=lambda: {LEADS: {}, CONTACTS: {}, COMPANIES: {}})
    tasks: dict[int, Row] = field(default_factory=dict)
    notes: dict[int, Row] = field(default_factory=dict)
    users: dict[int, Row] = field(default_factory=dict)
    pipelines: dict[int, Row] = field(default_factory=dict)
    statuses: dict[int, list[Row]] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    indexed: dict[tuple[str, int], datetime] = field(default_factory=dict)
    adoptable: dict[str, int] = field(default_factory=dict)

    def new_id(self, sort: str) -> int:
        return FIRST_IDS[sort] - 1 + self.ids.number(sort)

    def now(self) -> int:
        """Unix seconds: all times are (3)."""
        return int(self.clock().timestamp())

    def add(self, word: str, row: Row) -> Row:
        """Store a record; search may show it from now plus the lag on."""
        self.records[word][row["id"]] = row
        self.indexed[word, row["id"]] = self.clock()
        return row

    def touch(self, row: Row, user: int) -> None:
        row["updated_at"], row["updated_by"] = self.now(), user

    def leads_of(self, word: str, key: int) -> Iterator[Row]:
        """The leads of a contact or a company."""
        for lead in self.records[LEADS].values():
            if lead["company"] == key if word == COMPANIES else key in lead["contacts"]:
                yield lead

    def contacts_of(self, company: int) -> Iterator[Row]:
        return (row for row in self.records[CONTACTS].values() if row["company"] == company)

    def tag(self, name: str) -> Row:
        if name not in self.tags:
            self.tags[name] = self.new_id("tag")
        return {"id": self.tags[name], "name": name, "color": None}

    def remove(self, word: str, key: int) -> None:
        """Delete a record and its links."""
        del self.records[word][key]
        for lead in self.records[LEADS].values():
            lead["contacts"] = [other for other in lead["contacts"] if word != CONTACTS or other != key]
        for row in (*self.records[LEADS].values(), *self.records[CONTACTS].values()):
            row["company"] = None if word == COMPANIES and row["company"] == key else row["company"]


def record_row(state: State, word: str, name: str, owner: int, creator: int) -> Row:
    """A new record of any sort; `place` gives a lead its stage."""
    now = state.now()
    row: Row = {
        "id": state.new_id(word), "name": name, "responsible_user_id": owner, "group_id": 0, "created_by": creator,
        "updated_by": creator, "created_at": now, "updated_at": now, "closest_task_at": None, "is_deleted": False,
        "account_id": state.account_id, "custom": {}, "tags": [], "company": None, "contacts": [],
    }  # fmt: skip
    if word == CONTACTS:
        row |= {"first_name": "", "last_name": "", "is_unsorted": False}
    if word == LEADS:
        row |= {"price": 0, "loss_reason_id": None, "closed_at": None, "score": None}
    return row


def user_row(state: State, *, name: str, email: str, active: bool, admin: bool) -> Row:
    """A user as `GET /users` tells him (10)."""
    rights = {"is_admin": admin, "is_free": False, "is_active": active, "group_id": 0, "role_id": None}
    row: Row = {"id": state.new_id("user"), "name": name, "email": email, "lang": "en", "rights": rights}
    state.users[row["id"]] = row
    return row


def pipeline_row(state: State, name: str, stages: tuple[str, ...]) -> Row:
    """A pipeline with its incoming stage, its own stages, won and lost (4)."""
    key = state.new_id("pipeline")
    row: Row = {"id": key, "name": name, "sort": key, "is_main": not state.pipelines, "is_unsorted_on": True, "is_archive": False,
                "account_id": state.account_id}  # fmt: skip
    state.pipelines[key] = row
    own = [(state.new_id("status"), stage) for stage in ("Incoming leads", *stages)]
    last = ((WON, "Closed - won"), (LOST, "Closed - lost"))
    state.statuses[key] = [
        {"id": number, "name": stage, "sort": 10 * (place + 1), "is_editable": number not in (own[0][0], WON, LOST),
         "pipeline_id": key, "color": "#99ccff", "type": INCOMING if number == own[0][0] else 0, "account_id": state.account_id}
        for place, (number, stage) in enumerate((*own, *last))
    ]  # fmt: skip
    return row


def ordinary_stages(state: State, pipeline: int) -> list[int]:
    """The pipeline's own stages, without incoming, won and lost."""
    return [row["id"] for row in state.statuses[pipeline] if row["type"] != INCOMING and row["id"] not in (WON, LOST)]


def incoming_stage(state: State, pipeline: int) -> int:
    return next(int(row["id"]) for row in state.statuses[pipeline] if row["type"] == INCOMING)


def is_open(row: Row) -> bool:
    """Contacts and companies always; leads that are neither won nor lost (4)."""
    return row.get("status_id") not in (WON, LOST)
