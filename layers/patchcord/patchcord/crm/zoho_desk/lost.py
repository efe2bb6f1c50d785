"""Looking for writes whose answer was lost (crm_zohodesk.md 13): in lists, which know a new record before the search does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import takewhile
from typing import Any, Protocol

from patchcord.crm.errors import Gone
from patchcord.crm.port import Trace, Written
from patchcord.crm.zoho_desk import reading, writing
from patchcord.crm.zoho_desk.reading import Row
from patchcord.model.phone import digits_of
from patchcord.model.records import RecordKind

SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours."""
LATEST = {"sortBy": "-modifiedTime"}
LISTS = {RecordKind.CONTACT: "contacts", RecordKind.ORGANIZATION: "accounts", RecordKind.DEAL: "tickets"}


class Desk(Protocol):
    """What is needed of the client."""

    def read(self, module: str, key: str) -> Row: ...

    def pages(self, path: str, query: Mapping[str, Any], operation: str) -> Iterator[Row]: ...


def find_record(desk: Desk, trace: Trace, kind: RecordKind, field: str | None) -> str | None:
    """By the marker's field if there is one, else by number or name among what was made since the intent."""
    module = LISTS[kind]
    contact = writing.first(trace.targets, RecordKind.CONTACT)
    of_contact = kind is RecordKind.DEAL and contact is not None and writing.is_number(contact)
    path = f"/contacts/{contact}/tickets" if of_contact else f"/{module}"
    rows = _since(desk.pages(path, LATEST, f"look for lost {module}"), trace)
    if field is None:
        return next((_id(row) for row in rows if _is_meant(row, trace)), None)
    full = (row if reading.custom(row) is not None else _read(desk, module, row) for row in rows)
    return next((_id(row) for row in full if (reading.custom(row) or {}).get(field) == trace.marker), None)


def find_activity(desk: Desk, trace: Trace) -> str | None:
    """A task or call by the marker in its description: among its ticket's, else among the latest of all."""
    module = "tasks" if trace.sort is Written.TASK else "calls"
    ticket = writing.first(trace.targets, RecordKind.DEAL)
    line, operation = writing.marker_line(trace.marker), f"look for lost {module}"
    if ticket is not None and writing.is_number(ticket):
        listed = desk.pages(f"/tickets/{ticket}/{module}", {}, operation)
        rows: Iterator[Row] = (row for row in listed if _made_since(row, trace))
    else:
        rows = _since(desk.pages(f"/{module}", LATEST, operation), trace)
    full = (row if "description" in row else _read(desk, module, row) for row in rows)
    return next((_id(row) for row in full if reading.has_marker(row.get("description"), line)), None)


def find_comment(desk: Desk, trace: Trace, place: str) -> str | None:
    line = writing.marker_line(trace.marker)
    rows = desk.pages(f"{place}/comments", {}, "look for lost comments")
    return next((_id(row) for row in rows if reading.has_marker(row.get("content"), line)), None)


def _since(rows: Iterator[Row], trace: Trace) -> Iterator[Row]:
    """What was made since the intent, of rows of which the last changed come first."""
    return (row for row in takewhile(lambda row: _not_before(row, "modifiedTime", trace), rows) if _made_since(row, trace))


def _made_since(row: Row, trace: Trace) -> bool:
    return _not_before(row, "createdTime", trace)


def _not_before(row: Row, name: str, trace: Trace) -> bool:
    """Whether the time is not before the intent; one that is not told might be later."""
    at = reading.read_time(row.get(name))
    return at is None or at >= trace.since - SKEW


def _read(desk: Desk, module: str, row: Row) -> Row:
    try:
        return desk.read(module, _id(row))
    except Gone:
        return {}


def _is_meant(row: Row, trace: Trace) -> bool:
    """Whether the record is the one that was to be created: by its number, else by its name."""
    wanted = digits_of(trace.phone)[-9:]
    if trace.kind is RecordKind.CONTACT and wanted:
        return any(digits_of(number)[-9:] == wanted for number in reading.numbers_of(row))
    return bool(trace.name) and trace.kind is not None and reading.name_of(row) == writing.cut_name(trace.kind, trace.name)


def _id(row: Row) -> str:
    return str(row.get("id"))
