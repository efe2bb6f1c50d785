"""What the portal holds: tables of rows in the vendor's own shape (crm_bitrix24.md 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timezone
from typing import Any

from sandbox.twins.base import Clock, Ids

Row = dict[str, Any]

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
"""entityTypeId of the four objects (5)."""
KINDS = {"lead": LEAD, "deal": DEAL, "contact": CONTACT, "organization": COMPANY}
NEUTRAL = {entity: kind for kind, entity in KINDS.items()}
WORDS = {LEAD: "lead", DEAL: "deal", CONTACT: "contact", COMPANY: "company"}
LETTERS = {LEAD: "L", DEAL: "D", CONTACT: "C", COMPANY: "CO"}
"""Codes in a task's UF_CRM_TASK (9)."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LEAD_STAGES = (("NEW", None), ("IN_PROCESS", None), ("CONVERTED", "S"), ("JUNK", "F"))


@dataclass
class State:
    """Tables by id. Items by entity type; `stages` by ENTITY_ID of crm.status.list, each a code with its SEMANTICS."""

    ids: Ids
    clock: Clock
    offset: timezone
    items: dict[int, dict[int, Row]] = field(default_factory=lambda: {entity: {} for entity in WORDS})
    fields: dict[int, dict[str, Row]] = field(default_factory=lambda: {entity: {} for entity in WORDS})
    users: dict[int, Row] = field(default_factory=dict)
    admins: set[int] = field(default_factory=set)
    activities: dict[int, Row] = field(default_factory=dict)
    comments: dict[int, Row] = field(default_factory=dict)
    tasks: dict[int, Row] = field(default_factory=dict)
    calls: dict[str, Row] = field(default_factory=dict)
    categories: dict[int, Row] = field(default_factory=dict)
    stages: dict[str, list[tuple[str, str | None]]] = field(default_factory=lambda: {"STATUS": list(LEAD_STAGES)})
    indexed: dict[tuple[int, int], datetime] = field(default_factory=dict)
    adoptable: dict[str, int] = field(default_factory=dict)

    def now(self) -> str:
        return self.time(self.clock())

    def time(self, moment: datetime) -> str:
        """ISO 8601 with the portal's offset."""
        return moment.astimezone(self.offset).isoformat(timespec="seconds")

    def item(self, entity: int, key: Any) -> Row | None:
        """The item with that id, given as a number or as text."""
        return self.items.get(entity, {}).get(whole(key) or 0)

    def stages_of(self, entity: int, row: Row) -> list[tuple[str, str | None]]:
        """The stages this lead or deal can be in."""
        return self.stages["STATUS" if entity == LEAD else stage_list(row["categoryId"])]

    def semantics(self, entity: int, row: Row) -> str:
        """`stageSemanticId`: P open, S success, F failure (5)."""
        return dict(self.stages_of(entity, row)).get(row["stageId"]) or "P"


def stage_list(category: int) -> str:
    """ENTITY_ID of a deal pipeline's stages (5)."""
    return f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"


def whole(value: Any) -> int | None:
    """A number, also when it comes as text, as it does in queries."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None


def flag(value: Any) -> bool:
    """Y, 1 and true."""
    return value in (True, 1) or str(value).upper() in ("Y", "1", "TRUE")


def add_category(state: State, name: str) -> int:
    """A pipeline of deals with its four stages; the first one is number 0."""
    key = len(state.categories)
    prefix = f"C{key}:" if key else ""
    state.categories[key] = {"id": key, "name": name, "sort": 100 * (key + 1), "entityTypeId": DEAL,
                             "isDefault": "N" if key else "Y", "originId": "", "originatorId": ""}  # fmt: skip
    state.stages[stage_list(key)] = [
        (f"{prefix}NEW", None), (f"{prefix}PREPARATION", None), (f"{prefix}WON", "S"), (f"{prefix}LOSE", "F"),
    ]  # fmt: skip
    return key


def user_row(state: State, *, name: str, email: str, active: bool) -> Row:
    """A user as `user.get` tells him (11)."""
    key = state.ids.number("user")
    row: Row = {
        "ID": str(key), "XML_ID": f"user-{key}", "ACTIVE": active, "NAME": name, "LAST_NAME": "", "SECOND_NAME": "",
        "EMAIL": email, "LAST_LOGIN": state.now(), "DATE_REGISTER": state.now(), "IS_ONLINE": "N", "TIMESTAMP_X": {},
        "PERSONAL_MOBILE": "", "WORK_PHONE": "", "WORK_POSITION": "", "UF_DEPARTMENT": [1], "UF_PHONE_INNER": f"{100 + key}",
        "USER_TYPE": "employee",
    }  # fmt: skip
    state.users[key] = row
    return row
