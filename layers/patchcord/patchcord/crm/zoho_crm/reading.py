"""From Zoho's answers to neutral words (crm_zohocrm.md 3, 5, 6, 11, 12). No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.errors import Transient
from patchcord.crm.port import CrmField, Search, User
from patchcord.crm.zoho_crm.declaration import VENDOR, Connection
from patchcord.crm.zoho_crm.queries import NAMES, SEARCH
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind
from patchcord.wire import Answer

Row = Mapping[str, Any]

NOT_REACHED = ("ROLLBACK_PERFORMED", "PROCESSING_STOPPED")
FIELD_TYPES = {
    "text": "string", "textarea": "string", "phone": "string", "email": "string", "website": "string", "bigint": "number",
    "integer": "number", "double": "number", "currency": "number", "percent": "number", "date": "date", "datetime": "datetime",
    "boolean": "boolean", "picklist": "option", "multiselectpicklist": "options", "ownerlookup": "user", "userlookup": "user",
    "lookup": "record",
}  # fmt: skip
"""Zoho's data types and ours (11)."""


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list in an answer; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def listed(answer: Answer, operation: str, name: str = "data") -> tuple[Row, ...]:
    """The rows of a list; 204 is an empty one (3). Raises Transient for a shape that is not the vendor's."""
    if answer.status == 204:
        return ()
    rows = answer.json.get(name) if isinstance(answer.json, dict) else None
    if not isinstance(rows, list):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return rows_of(rows)


def has_more(answer: Answer) -> bool:
    info = answer.json.get("info") if isinstance(answer.json, dict) else None
    return isinstance(info, dict) and info.get("more_records") is True


def new_id(answer: Answer, operation: str) -> str:
    """The id of what was written; without one it is not known whether it was."""
    rows = listed(answer, operation)
    details = rows[0].get("details") if rows else None
    key = text_id(details)
    if key is None:
        raise Transient(VENDOR, operation, "the answer holds no id")
    return key


def text_id(value: Any) -> str | None:
    """An id as text, out of a lookup or by itself."""
    key = value.get("id") if isinstance(value, dict) else value
    return None if key in (None, "") else str(key)


def read_time(text: Any) -> datetime | None:
    """ISO 8601 with an offset."""
    if not isinstance(text, str) or not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


# --- composites (12)


def part_answers(answer: Answer, count: int, operation: str) -> list[Answer]:
    """The answer of each part, as if it had come alone. Raises Transient for another shape."""
    body = answer.json
    entries = rows_of(body.get("__composite_requests")) if isinstance(body, dict) else ()
    if len(entries) != count:
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return [_part_answer(entry) for entry in entries]


def _part_answer(entry: Row) -> Answer:
    details = entry.get("details")
    response = details.get("response") if isinstance(details, dict) else None
    if isinstance(response, dict) and isinstance(response.get("status_code"), int):
        return Answer(response["status_code"], {"content-type": "application/json"}, "", response.get("body"))
    return Answer(400, {"content-type": "application/json"}, "", entry)


def failed_part(answers: Sequence[Answer], refused: Sequence[bool]) -> int | None:
    """The part that stopped a composite: not one that was taken back or not begun because of it."""
    failing = [place for place, wrong in enumerate(refused) if wrong]
    own = [place for place in failing if (answers[place].json or {}).get("code") not in NOT_REACHED]
    return next(iter(own or failing), None)


# --- records (5, 6)


def records_of(found: Mapping[str, Sequence[Row]], phone: Phone, search: Search, connection: Connection) -> tuple[Record, ...]:
    """Leads, contacts, accounts of exactly this number, the contacts' accounts, and the contacts' deals."""

    def ours(kind: RecordKind, rows: Iterable[Row]) -> tuple[Row, ...]:
        names = connection.phone_fields[kind]
        return tuple(row for row in rows if text_id(row) and _has_number(row, names, phone, search))

    leads = ours(RecordKind.LEAD, _once((*found[RecordKind.LEAD.value], *found.get(SEARCH, ()))))
    contacts = ours(RecordKind.CONTACT, found[RecordKind.CONTACT.value])
    accounts = ours(RecordKind.ORGANIZATION, found[RecordKind.ORGANIZATION.value])
    people = {text_id(row) for row in contacts}
    deals = [row for row in found[RecordKind.DEAL.value] if text_id(row.get("Contact_Name")) in people]
    return (
        *(_record(RecordKind.CONTACT, row, organization=text_id(row.get("Account_Name"))) for row in contacts),
        *_accounts(accounts, contacts),
        *(_lead(row, connection) for row in leads),
        *(_deal(row, connection) for row in deals),
    )


def _once(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Each record once; what came first is fresher."""
    return tuple({text_id(row): row for row in reversed(tuple(rows))}.values())[::-1]


def _has_number(row: Row, names: Iterable[str], phone: Phone, search: Search) -> bool:
    """Whether one of the numbers is this one, in a listed notation if notations are listed (S3-58)."""
    numbers = [text.strip() for text in (row.get(name) for name in names) if isinstance(text, str) and text.strip()]
    if search.formats:
        wanted = {in_notation_of(phone, example) for example in search.formats}
        numbers = [text for text in numbers if text in wanted]
    return any(same_number(phone, text, search.region) for text in numbers)


def name_of(kind: RecordKind, row: Row) -> str:
    return " ".join(str(row[name]) for name in NAMES[kind] if row.get(name))


def _record(kind: RecordKind, row: Row, **more: Any) -> Record:
    return Record(
        kind=kind,
        id=str(row["id"]),
        owner=text_id(row.get("Owner")),
        name=name_of(kind, row),
        created_at=read_time(row.get("Created_Time")),
        updated_at=read_time(row.get("Modified_Time")),
        **more,
    )


def _lead(row: Row, connection: Connection) -> Record:
    """Open: neither converted nor of a status that the company calls dead (6)."""
    converted = str(row.get(connection.converted_field)).lower() == "true"
    dead = str(row.get("Lead_Status") or "") in connection.dead_lead_statuses
    linked = {kind.value: text_id(row.get(name)) for kind, name in connection.lead_lookups.items()}
    return _record(RecordKind.LEAD, row, open=not converted and not dead, **linked)


def _deal(row: Row, connection: Connection) -> Record:
    """Open: not in a stage that closes it (6)."""
    return _record(
        RecordKind.DEAL,
        row,
        open=str(row.get("Stage") or "") not in connection.closed_stages,
        contact=text_id(row.get("Contact_Name")),
        organization=text_id(row.get("Account_Name")),
    )


def _accounts(accounts: Sequence[Row], contacts: Iterable[Row]) -> Iterator[Record]:
    """The accounts of the number, then those of its contacts, of which COQL tells the id only (5.2)."""
    known = {str(row["id"]): _record(RecordKind.ORGANIZATION, row) for row in accounts}
    for row in contacts:
        key = text_id(row.get("Account_Name"))
        if key is not None:
            known.setdefault(key, Record(kind=RecordKind.ORGANIZATION, id=key))
    yield from known.values()


def stored_attribution(row: Row, fields: Mapping[str, str]) -> dict[str, str]:
    """What the record holds of the visit."""
    found = {parameter: _plain(row.get(name)) for parameter, name in fields.items()}
    return {parameter: value for parameter, value in found.items() if value}


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("name", value.get("id"))
    return ",".join(map(_plain, value)) if isinstance(value, list) else "" if value is None else str(value)


# --- users and fields (11)


def read_user(row: Row) -> User:
    profile = row.get("profile")
    name = row.get("full_name") or " ".join(str(row[part]) for part in ("first_name", "last_name") if row.get(part))
    return User(
        id=str(row.get("id")),
        name=str(name),
        email=str(row.get("email") or ""),
        active=row.get("status") == "active",
        admin=isinstance(profile, dict) and profile.get("name") == "Administrator",
    )


def read_field(row: Row, kind: RecordKind) -> CrmField:
    own = str(row.get("data_type") or "")
    return CrmField(
        id=str(row.get("api_name") or ""),
        name=str(row.get("field_label") or row.get("display_label") or ""),
        kind=kind,
        type=FIELD_TYPES.get(own, own),
        custom=row.get("custom_field") is True,
    )


def closed_stages(pipelines: Iterable[Row]) -> frozenset[str]:
    """The stages that close a deal: all whose forecast type is not Open (6)."""
    stages = (stage for pipeline in pipelines for stage in rows_of(pipeline.get("maps")))
    return frozenset(str(stage.get("actual_value")) for stage in stages if str(stage.get("forecast_type")).lower() != "open")


# --- texts


def has_line(text: Any, line: str) -> bool:
    """Whether the text has this line, whatever the server did to the spaces around it."""
    return isinstance(text, str) and any(" ".join(own.split()) == line for own in text.splitlines())
