"""Several requests in one, and what became of each (crm_creatio.md 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patchcord.crm.creatio.declaration import VENDOR
from patchcord.crm.creatio.reading import rows_of
from patchcord.crm.creatio.writing import Part
from patchcord.crm.errors import Transient
from patchcord.wire import Answer

CONTENT = "application/json; charset=utf-8; IEEE754Compatible=true"
JSON_HEADERS = {"content-type": "application/json"}
NOT_DONE = 424
"""The status of a part that was not carried out because another one failed (3)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A part: `url` below the interface's address; those of one `group` are done all or none."""

    method: str
    url: str
    body: Mapping[str, Any] | None = None
    group: str = ""


def reads(urls: Sequence[str]) -> list[Request]:
    return [Request("GET", url) for url in urls]


def write(part: Part, group: str = "") -> Request:
    """The creation of a record, or its change."""
    if part.creates:
        return Request("POST", part.entity, part.body, group)
    return Request("PATCH", f"{part.entity}({part.id})", part.body, group)


def body_of(requests: Sequence[Request]) -> dict[str, Any]:
    """The body of `$batch`: every part has an id of its own."""
    return {"requests": [_part(number, request) for number, request in enumerate(requests)]}


def _part(number: int, request: Request) -> dict[str, Any]:
    part: dict[str, Any] = {"id": f"r{number}", "method": request.method, "url": request.url}
    headers = {"Accept": "application/json"}
    if request.group:
        part["atomicityGroup"] = request.group
    if request.body is not None:
        part["body"] = dict(request.body)
        headers["Content-Type"] = CONTENT
    return {**part, "headers": headers}


def answers_in(answer: Answer, count: int, operation: str) -> tuple[Answer, ...]:
    """An answer for each part, by its id; one that is missing was not carried out. Raises Transient for another shape."""
    body = answer.json
    rows = body.get("responses") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    by_id = {str(row.get("id")): row for row in rows_of(rows)}
    return tuple(_answer(by_id.get(f"r{number}")) for number in range(count))


def _answer(row: Mapping[str, Any] | None) -> Answer:
    status = row.get("status") if row else NOT_DONE
    body = row.get("body") if row else None
    return Answer(status if isinstance(status, int) else NOT_DONE, JSON_HEADERS, text="" if body is None else "{}", json=body)
