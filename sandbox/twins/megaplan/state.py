"""What the account holds: entities by contentType and id, in the vendor's own shape (crm_megaplan.md 1, 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from sandbox.twins.base import Clock, Ids

Row = dict[str, Any]

HUMAN, COMPANY, DEAL = "ContractorHuman", "ContractorCompany", "Deal"
EMPLOYEE, GROUP = "Employee", "Group"
TASK, TODO, TODO_STATUS, TODO_CATEGORY = "Task", "Todo", "TodoStatus", "TodoCategory"
PROGRAM, PROGRAM_STATE, WAY = "Program", "ProgramState", "ContractorAdvertisingWay"
COMMENT, CALL = "Comment", "CallInfo"

KINDS = {"contact": HUMAN, "organization": COMPANY, "deal": DEAL}
"""Neutral kinds and the vendor's types; there are no leads (1)."""
NEUTRAL = {word: kind for kind, word in KINDS.items()}
CONTRACTORS = (HUMAN, COMPANY)

FIRST_ID = {"Contractor": 1_001_785, EMPLOYEE: 1_000_000, GROUP: 2_000_000, DEAL: 42, TASK: 1_006_255, TODO: 87, COMMENT: 899,
            CALL: 5149, PROGRAM: 21, PROGRAM_STATE: 352}  # fmt: skip
_MOSCOW = timezone(timedelta(hours=3))
_FIELD_SORTS = {"text": "StringField", "phone": "StringField", "number": "FloatField", "date": "DateField", "option": "EnumField"}
_CATEGORIES = {HUMAN: 183, COMPANY: 184, DEAL: 22}


def kind_type(kind: str) -> str:
    """The vendor's type of a neutral kind."""
    if kind not in KINDS:
        raise NotImplementedError(f"Megaplan has no {kind}: its records are contacts, organizations and deals")
    return KINDS[kind]


def link(row: Mapping[str, Any]) -> Row:
    """A reference as it stands in other objects (3)."""
    return {"contentType": row["contentType"], "id": row["id"]}


def is_link(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"contentType", "id"}


def date_time(moment: datetime) -> Row:
    """A typed value; the account lives in Moscow."""
    return {"contentType": "DateTime", "value": moment.astimezone(_MOSCOW).isoformat(timespec="seconds")}


def moment_of(value: Any) -> datetime | None:
    """The time of a DateTime value."""
    return datetime.fromisoformat(value["value"]) if isinstance(value, dict) and value.get("value") else None


@dataclass
class State:
    """Tables by contentType; `seen_from` is when search and lists begin to show a row, `own_fields` the fields of 9."""

    ids: Ids
    clock: Clock
    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    seen_from: dict[tuple[str, str], datetime] = field(default_factory=dict)
    own_fields: dict[str, dict[str, Row]] = field(default_factory=dict)
    comments: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    adoptable: dict[str, str] = field(default_factory=dict)

    def table(self, word: str) -> dict[str, Row]:
        return self.tables.setdefault(word, {})

    def new(self, word: str, **values: Any) -> Row:
        """An entity that is not stored yet. People and companies share one row of ids, because /contractor/{id} finds both."""
        sort = "Contractor" if word in CONTRACTORS else word
        now = date_time(self.clock())
        key = str(FIRST_ID.get(sort, 0) + self.ids.number(sort))
        return {"contentType": word, "id": key, "timeCreated": now, "isDropped": False, **values}

    def add(self, row: Row) -> Row:
        self.table(row["contentType"])[row["id"]] = row
        self.seen_from[row["contentType"], row["id"]] = self.clock()
        return row

    def find(self, reference: Any) -> Row | None:
        """The entity behind a reference, None when there is none."""
        if not isinstance(reference, dict):
            return None
        return self.table(str(reference.get("contentType"))).get(str(reference.get("id")))

    def touch(self, row: Row) -> None:
        if row["contentType"] in NEUTRAL:
            row["timeUpdated"] = date_time(self.clock())

    def contractor(self, key: str) -> Row | None:
        return self.table(HUMAN).get(key) or self.table(COMPANY).get(key)

    def contractors(self) -> Iterator[Row]:
        """People and companies, oldest first."""
        rows = [*self.table(HUMAN).values(), *self.table(COMPANY).values()]
        return iter(sorted(rows, key=lambda row: int(row["id"])))

    def deals_of(self, contractor: Row) -> list[Row]:
        """The deals in which somebody is the client or the contact person."""
        wanted = link(contractor)
        rows = self.table(DEAL).values()
        return [row for row in rows if not row["isDropped"] and wanted in (row["contractor"], row.get("contact"))]

    def contacts_of(self, company: Row) -> list[Row]:
        wanted = link(company)
        return [row for row in self.table(HUMAN).values() if row["company"] == wanted and not row["isDropped"]]

    def names_of(self, word: str) -> dict[str, str]:
        """The account's own fields of a type: label by key."""
        return {key: row["hrName"] for key, row in self.own_fields.get(word, {}).items()}


# ---- entities


def human_row(state: State, name: str = "") -> Row:
    empty: Row = {"firstName": name, "lastName": "", "middleName": "", "name": name, "company": None, "responsibles": [],
                  "contactInfo": [], "description": "", "advertisingWay": None, "tags": []}  # fmt: skip
    return state.new(HUMAN, timeUpdated=date_time(state.clock()), **empty)


def company_row(state: State, name: str = "") -> Row:
    empty: Row = {"name": name, "responsibles": [], "contactInfo": [], "description": "", "advertisingWay": None, "tags": []}
    return state.new(COMPANY, timeUpdated=date_time(state.clock()), **empty)


def deal_row(state: State, program: Row) -> Row:
    """A new deal in the first state of its program."""
    entry = next(row for row in states_of(state, program) if row["isEntry"])
    row = state.new(DEAL, timeUpdated=date_time(state.clock()), program=link(program), state=link(entry), contractor=None,
                    contact=None, manager=None, description="", name="")  # fmt: skip
    row["number"] = row["id"]
    return row


def states_of(state: State, program: Row) -> list[Row]:
    return [row for row in state.table(PROGRAM_STATE).values() if row["program"] == link(program)]


def result_of(state: State, deal: Row) -> str:
    """active, positive or negative: what sort of state the deal is in (1)."""
    return str((state.find(deal["state"]) or {}).get("type", "active"))


def employee_row(state: State, *, name: str, email: str, active: bool, actions: tuple[str, ...]) -> Row:
    """An employee as `GET /employee` tells him (9); there is no isDropped."""
    info = [{"contentType": "ContactInfo", "type": "email", "value": email, "isMain": True}] if email else []
    row = state.new(EMPLOYEE, name=name, position="", contactInfo=info, isWorking=active, fireInProgress=False, canLogin=active,
                    login=email, possibleActions=list(actions))  # fmt: skip
    return state.add(row)


def program_row(state: State, name: str, states: Mapping[str, str]) -> Row:
    """A program; `states` are names and types (active, positive, negative), the first one is where deals begin."""
    program = state.add(state.new(PROGRAM, name=name))
    for place, (label, sort) in enumerate(states.items()):
        state.add(state.new(PROGRAM_STATE, name=label, type=sort, isEntry=place == 0, program=link(program)))
    return program


def own_field_row(state: State, word: str, name: str, field_type: str, options: tuple[str, ...]) -> Row:
    """A field of the account's own; its key is made of its name (9)."""
    known = state.own_fields.setdefault(word, {})
    label = re.sub(r"\W", "", "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", name)))
    key = f"Category{_CATEGORIES[word]}CustomField{label}"
    key = f"{key}{len(known)}" if key in known else key
    row: Row = {"contentType": _FIELD_SORTS[field_type], "id": str(state.ids.number("field")), "name": key, "hrName": name,
                "isRequired": False, "isMultiple": False, "isSystem": False}  # fmt: skip
    if field_type == "option":
        row |= {"enumValues": list(options), "newValuesAllowed": False}
    known[key] = row
    return row
