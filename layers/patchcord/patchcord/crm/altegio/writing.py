"""From neutral words to Altegio's bodies (crm_altegio.md 4, 5, 7, 9). No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from patchcord.crm.altegio import reading
from patchcord.crm.altegio.declaration import DECLARATION
from patchcord.crm.altegio.reading import Row
from patchcord.crm.port import Change, Draft
from patchcord.model.phone import digits_of

Body = dict[str, Any]

MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""
KEPT_TEXTS = ("surname", "patronymic", "email", "card", "birth_date", "comment")
KEPT_NUMBERS = ("sex_id", "importance_id", "discount", "spent", "balance", "sms_check", "sms_not")
"""What a change sends back as it was read (5)."""
TOLD = ("id", "name", "phone")
"""What a look-up wants to know of a client."""


def is_number(text: str) -> bool:
    """Whether the text can be an id."""
    return text.isascii() and text.isdigit()


def cut(name: str) -> str:
    """The name as long as Altegio takes it."""
    return name[: DECLARATION.name_length]


# --- search


def search_body(terms: Iterable[str], page: int, size: int) -> Body:
    """The newest clients in which the box of the UI finds one of the terms (4)."""
    return {
        "page": page,
        "page_size": size,
        "fields": list(TOLD),
        "order_by": "id",
        "order_by_direction": "DESC",
        "operation": "OR",
        "filters": [{"type": "quick_search", "state": {"value": term}} for term in dict.fromkeys(terms)],
    }


# --- clients


def client_body(draft: Draft, fields: Mapping[str, Any]) -> Body:
    """The body that creates a client. The marker is a line of its comment: no field is named for it (11)."""
    body: Body = {
        "name": cut(draft.name.strip() or draft.phone or draft.marker),
        "phone": digits_of(draft.phone or ""),
        "email": draft.email,
        "comment": marker_line(draft.marker),
        "categories": [int(tag) for tag in draft.tags if is_number(tag)] or None,
        "custom_fields": dict(fields) or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def changed_body(row: Row, change: Change, fields: Mapping[str, Any]) -> Body:
    """The client as it was read, with the change in it: a PUT may clear what it leaves out (5)."""
    body: Body = {"name": cut(change.name or str(row.get("name") or "")), "phone": digits_of(reading.number_of(row))}
    body |= {name: row[name] for name in KEPT_TEXTS if isinstance(row.get(name), str) and row[name]}
    body |= {name: row[name] for name in KEPT_NUMBERS if _is_amount(row.get(name))}
    if "patronymic" not in body and row.get("middle_name"):
        body["middle_name"] = row["middle_name"]
    labels = [category["id"] for category in reading.rows_of(row.get("categories")) if "id" in category]
    custom = {**reading.custom_fields(row), **fields}
    return body | ({"labels": labels} if labels else {}) | ({"custom_fields": custom} if custom else {})


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- custom fields


def typed(value: str, row: Row) -> Any:
    """The value as its field takes it: numbers as numbers, a list as an array of its values (9)."""
    sort = reading.type_of(row)
    if sort == "number":
        return _as_number(value)
    if sort != "list":
        return value
    own = {str(item).lower(): item for item in _values(row)}
    return [own.get(part.strip().lower(), part.strip()) for part in value.split(",") if part.strip()]


def _values(row: Row) -> Iterable[Any]:
    values = row.get("values")
    return values if isinstance(values, list) else ()


def _as_number(text: str) -> Any:
    plain = re.sub(r"\s", "", text).replace(",", ".")
    if re.fullmatch(r"-?\d{1,15}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,15}\.\d{1,10}", plain) else text


# --- comments


def marker_line(marker: str) -> str:
    """The last line of everything we write as text."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def comment_text(texts: Iterable[str], marker: str, recording: str | None = None) -> str:
    """Plain text (7): what is to be said, the link as typed, the marker. What is said is cut, link and marker are not."""
    tail = "\n".join(part for part in (recording, marker_line(marker)) if part)
    said = "\n".join(text for text in texts if text)[: DECLARATION.text_length - len(tail) - 1].rstrip()
    return f"{said}\n{tail}" if said else tail
