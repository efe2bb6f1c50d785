"""What the account holds: tables of rows by id, with values that the vendor shows elsewhere kept apart (1, 6, 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.twins.base import Clock, Ids

Row = dict[str, Any]

CONTACT, DEAL = "contact", "deal"
KINDS = (CONTACT, DEAL)
"""Companies are left out: the product does not use them."""
TEXT, NUMBER, DATE, LINK, SELECT, MULTISELECT = range(6)
OPEN, LOST, WON = 1, 2, 3


@dataclass
class State:
    """Rows of contacts and deals keep `attributes` as values by attribute id; `comments` know their record."""

    ids: Ids
    clock: Clock
    zone: str
    contacts: dict[int, Row] = field(default_factory=dict)
    deals: dict[int, Row] = field(default_factory=dict)
    tasks: dict[int, Row] = field(default_factory=dict)
    comments: dict[int, Row] = field(default_factory=dict)
    users: dict[int, Row] = field(default_factory=dict)
    pipelines: dict[int, Row] = field(default_factory=dict)
    boards: dict[int, Row] = field(default_factory=dict)
    attributes: dict[int, Row] = field(default_factory=dict)
    indexed: dict[tuple[str, int], datetime] = field(default_factory=dict)

    def table(self, kind: str) -> dict[int, Row]:
        return self.contacts if kind == CONTACT else self.deals

    def add(self, kind: str, row: Row) -> Row:
        """Store a record; search may show it from now plus the lag on."""
        self.table(kind)[row["id"]] = row
        self.indexed[kind, row["id"]] = self.clock()
        return row

    def now(self) -> str:
        return stamp(self.clock())

    def local(self, moment: datetime) -> str:
        """`Y-m-d H:i` in the account's time, without a zone (7)."""
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M}"

    def utc(self, text: str) -> datetime:
        """What `local` wrote."""
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def attributes_of(self, kind: str, pipeline: int | None = None) -> list[Row]:
        """The fields of contacts, or those of deals of one pipeline (6)."""
        rows = [row for row in self.attributes.values() if row["kind"] == kind]
        return [row for row in rows if pipeline is None or row["pipeline"] == pipeline]

    def deals_of(self, contact: int) -> list[Row]:
        return [row for row in self.deals.values() if contact in row["contact"]]


def stamp(moment: datetime) -> str:
    """A time as contacts and deals show it: UTC with microseconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def contact_row(state: State, responsible: int) -> Row:
    return {
        "id": state.ids.number(CONTACT), "userId": 1, "sourceType": "manually", "responsibleId": responsible,
        "firstName": "", "lastName": "", "externalContactId": None, "phones": [], "emails": [], "messengers": [], "tags": [],
        "attributes": {}, "createdAt": state.now(), "updatedAt": state.now(),
    }  # fmt: skip


def deal_row(state: State, pipeline: int, step: int, responsible: int) -> Row:
    return {
        "id": state.ids.number(DEAL), "pipelineId": pipeline, "status": OPEN, "stepId": step, "responsibleId": responsible,
        "number": len(state.deals) + 1, "name": "", "price": 0, "currency": "UAH", "order": len(state.deals) + 1,
        "sourceType": {"id": 8, "name": "public_api"}, "sourceId": None, "contact": [], "attributes": {},
        "createdAt": state.now(), "updatedAt": state.now(),
    }  # fmt: skip


def task_row(state: State, name: str, board: int, step: int) -> Row:
    return {
        "id": state.ids.number("task"), "name": name, "userId": 1, "responsibleId": None, "parentId": None, "boardId": board,
        "stepId": step, "priority": 1, "order": 1, "description": "", "startAt": None, "finishAt": None, "observers": [],
        "tags": [], "deals": [], "tasks": [], "contacts": [], "subTasks": [], "createdAt": state.local(state.clock()),
        "updatedAt": state.local(state.clock()),
    }  # fmt: skip


def phone_entry(state: State, number: str, *, main: bool) -> Row:
    """A number as it was typed: nothing is normalised (4)."""
    return {"id": state.ids.number("phone"), "phone": number, "isMain": main}


def group(state: State, sort: str, name: str, steps: tuple[str, ...]) -> Row:
    """A pipeline or a board with its steps, in their order (6)."""
    key = state.ids.number(sort)
    rows = [
        {"id": state.ids.number("step"), "name": step, "order": place, "status": 1, "color": "#fff", f"{sort}Id": key}
        for place, step in enumerate(steps, 1)
    ]
    table = state.boards if sort == "board" else state.pipelines
    table[key] = {"id": key, "name": name, "status": 1, "steps": rows}
    return table[key]


def last_step(board: Row) -> int:
    """The column that stands for done (7)."""
    return int(max(board["steps"], key=lambda step: step["order"])["id"])
