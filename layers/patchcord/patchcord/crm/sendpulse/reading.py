"""From SendPulse's answers to neutral words (crm_sendpulse.md 3, 4, 6-8). No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from patchcord.crm.port import CrmField, Search, User
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind

Row = Mapping[str, Any]

OPEN = 1
ENDED = 2
FIELD_TYPES = {0: "string", 1: "number", 2: "date", 3: "string", 4: "option", 5: "options"}
"""SendPulse's types of fields and ours (6)."""
SYSTEM_FIELDS = {
    RecordKind.CONTACT: ("firstName", "lastName", "phones", "emails"),
    RecordKind.DEAL: ("name", "price", "currency"),
}
DEEPEST = 3


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list in an answer; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def inside(body: Any) -> Row | None:
    """The object with an `id` of a single read: unwrapped until it appears (3)."""
    for _ in range(DEEPEST):
        if not isinstance(body, dict) or "id" in body:
            break
        body = body.get("data")
    return body if isinstance(body, dict) and "id" in body else None


def listed(body: Any) -> tuple[Row, ...] | None:
    """The rows of a list: `data`, or `data.list` (3); None when the answer has another shape."""
    data = body.get("data") if isinstance(body, dict) else None
    if isinstance(data, dict):
        data = data.get("list", data.get("data"))
    return rows_of(data) if isinstance(data, list) else None


def text_id(value: Any) -> str | None:
    return None if value in (None, "", 0) or isinstance(value, bool) else str(value)


def read_time(text: Any, zone: tzinfo = UTC) -> datetime | None:
    """ISO 8601 of contacts and deals; `Y-m-d H:i` of tasks is in the account's zone (7)."""
    if not isinstance(text, str) or not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


# --- records


def numbers_of(contact: Row) -> tuple[str, ...]:
    phones = rows_of(contact.get("phones"))
    return tuple(str(phone["phone"]) for phone in phones if isinstance(phone.get("phone"), str))


def contacts_of_number(contacts: Iterable[Row], phone: Phone, region: str) -> tuple[Row, ...]:
    """The contacts that really have the number, each once: the search is by text (4)."""
    own = [row for row in contacts if any(same_number(phone, text, region) for text in numbers_of(row))]
    return tuple({row.get("id"): row for row in own}.values())


def in_listed_formats(contacts: Sequence[Row], phone: Phone, search: Search) -> tuple[Row, ...]:
    """Only the contacts whose number is stored in one of the listed notations; all of them when none is listed (O-12)."""
    if not search.formats:
        return tuple(contacts)
    wanted = {in_notation_of(phone, example) for example in search.formats}
    return tuple(row for row in contacts if any(text.strip() in wanted for text in numbers_of(row)))


def contact_name(row: Row) -> str:
    return " ".join(str(row[part]) for part in ("firstName", "lastName") if row.get(part))


def read_contact(row: Row, attribution: Mapping[str, str] | None) -> Record:
    return Record(
        kind=RecordKind.CONTACT,
        id=str(row["id"]),
        owner=text_id(row.get("responsibleId")),
        name=contact_name(row),
        created_at=read_time(row.get("createdAt")),
        updated_at=read_time(row.get("updatedAt")),
        attribution=stored_attribution(row, attribution),
    )


def read_deal(row: Row, contact: str | None, attribution: Mapping[str, str] | None) -> Record:
    """A deal; it is open while its status is 1 (1)."""
    return Record(
        kind=RecordKind.DEAL,
        id=str(row["id"]),
        owner=text_id(row.get("responsibleId")),
        open=row.get("status") == OPEN,
        name=str(row.get("name") or ""),
        contact=contact,
        created_at=read_time(row.get("createdAt")),
        updated_at=read_time(row.get("updatedAt")),
        attribution=stored_attribution(row, attribution),
    )


def field_values(row: Row) -> dict[str, str]:
    """The texts in the record's own fields, by the id of the field; values come as texts or inside an object (4)."""
    values: dict[str, str] = {}
    for entry in rows_of(row.get("attributes")):
        value = entry.get("value")
        plain = value.get("value") if isinstance(value, dict) else value
        key = text_id(entry.get("attributeId", entry.get("id")))
        if key is not None and isinstance(plain, str | int | float) and plain != "":
            values[key] = str(plain)
    return values


def stored_attribution(row: Row, fields: Mapping[str, str] | None) -> dict[str, str] | None:
    """What the record holds of the visit, None when it is not wanted."""
    if not fields:
        return None
    values = field_values(row)
    return {parameter: values[key] for parameter, key in fields.items() if key in values}


# --- tasks


def is_done(task: Row, done_step: int | None) -> bool:
    """Whether a task stands in the done column or shows its end (7)."""
    in_column = done_step is not None and task.get("stepId") == done_step
    return in_column or bool(task.get("endedAt")) or task.get("status") == ENDED


def steps_of(group: Row) -> tuple[Row, ...]:
    """The steps of a pipeline or the columns of a board, in their order (6)."""
    steps = [step for step in rows_of(group.get("steps")) if isinstance(step.get("id"), int)]
    return tuple(sorted(steps, key=lambda step: step["order"] if isinstance(step.get("order"), int) else 0))


# --- users and fields


def read_user(row: Row) -> User:
    """Whoever is listed can be assigned; the answer tells no administrators (6)."""
    name = " ".join(str(row[part]) for part in ("firstname", "lastname") if row.get(part))
    return User(id=str(row.get("id")), name=name, email=str(row.get("email") or ""), active=True)


def read_field(row: Row, kind: RecordKind) -> CrmField:
    own = row.get("type")
    return CrmField(
        id=str(row.get("id")),
        name=str(row.get("name") or ""),
        kind=kind,
        type=FIELD_TYPES.get(own, "string") if isinstance(own, int) else "string",
        custom=True,
    )


def system_fields(kind: RecordKind) -> tuple[CrmField, ...]:
    """The fields that every account has; no call lists them."""
    types = {"price": "number"}
    return tuple(CrmField(name, name, kind, types.get(name, "string"), False) for name in SYSTEM_FIELDS.get(kind, ()))


# --- texts


def has_line(text: Any, line: str) -> bool:
    """Whether one of the text's lines is this one, whatever tags an editor put around it."""
    plain = re.sub(r"<[^>]*>", "\n", text) if isinstance(text, str) else ""
    return any(" ".join(one.split()) == line for one in plain.splitlines())
