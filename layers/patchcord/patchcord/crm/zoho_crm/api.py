"""One company's Zoho over HTTP: calls, composites, lists, and writing a record as Zoho wants it (crm_zohocrm.md 3, 4, 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from patchcord.crm.errors import CrmError, Gone, Transient
from patchcord.crm.http import Http, error_of
from patchcord.crm.together import together
from patchcord.crm.zoho_crm import reading, writing
from patchcord.crm.zoho_crm.declaration import DECLARATION, VENDOR, Connection, Together
from patchcord.crm.zoho_crm.dialect import EnvelopeDialect, ZohoDialect, details_of, error_entry
from patchcord.crm.zoho_crm.queries import Part
from patchcord.crm.zoho_crm.reading import Row
from patchcord.wire import Answer, segment

MOST_PAGES, PAGE = 20, 100
MOST_AMENDS = 8
"""How often a refused record is sent again with what Zoho asked for."""

Amended = Mapping[str, Any]


class Api:
    """The way to one organisation."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.http = Http(
            VENDOR,
            "",
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=EnvelopeDialect(),
        )
        self.takes_references = True
        self._meaning = ZohoDialect()

    def call(self, part: Part, operation: str, cost: str = "read") -> Answer:
        """One call on its own; raises what its answer means."""
        answer = self.send(part, operation, cost)
        error = self.error(answer, operation)
        if error is not None:
            raise error
        return answer

    def send(self, part: Part, operation: str, cost: str) -> Answer:
        """One call on the wire; refused records and parts of a composite are told by the answer, all else is raised."""
        url = self.connection.api_domain().rstrip("/") + part.uri
        return self.http.call(part.method, url, operation=operation, query=part.query, json=part.json, cost=cost)

    def error(self, answer: Answer, operation: str) -> CrmError | None:
        """What an answer, or that of a part of a composite, means."""
        return error_of(VENDOR, operation, answer, self._meaning)

    def composite(self, parts: Sequence[Part], operation: str, cost: str, *, rollback: bool) -> list[Answer]:
        """The answers of the parts, whatever they say. With rollback they run one after another, all or none (12)."""
        body = {
            "rollback_on_fail": rollback,
            "parallel_execution": not rollback,
            "__composite_requests": [_part_body(part) for part in parts],
        }
        answer = self.send(Part("all", "POST", "/__composite_requests", body), operation, cost)
        return reading.part_answers(answer, len(parts), operation)

    def ask(self, parts: Sequence[Part], operation: str, cost: str) -> list[tuple[Part, Answer]]:
        """Calls that only read: one composite, or in parallel where the edition has few places (2, 12)."""
        if len(parts) == 1:
            return [(parts[0], self.call(parts[0], operation))]
        if self.connection.composite is Together.NEVER:
            return list(zip(parts, together([partial(self.call, part, operation) for part in parts]), strict=True))
        answers = self.composite(parts, operation, cost, rollback=False)
        for answer in answers:
            error = self.error(answer, operation)
            if error is not None:
                raise error
        return list(zip(parts, answers, strict=True))

    # --- reading

    def row(self, module: str, key: str, fields: str, operation: str) -> Row:
        """One record; raises Gone when there is none."""
        answer = self.call(Part("row", "GET", path_of(module, key), query={"fields": fields}), operation)
        rows = reading.listed(answer, operation)
        if not rows:
            raise Gone(VENDOR, operation, "there is no such record")
        return rows[0]

    def pages(self, part: Part, operation: str, name: str) -> Iterator[Row]:
        """The rows of a list, page after page, up to the 2,000 that pages reach (4)."""
        for number in range(1, MOST_PAGES + 1):
            answer = self.call(replace(part, query={**part.query, "page": number, "per_page": PAGE}), operation)
            yield from reading.listed(answer, operation, name)
            if not reading.has_more(answer):
                return

    def metadata(self, name: str, query: Mapping[str, str]) -> tuple[Row, ...]:
        """The rows of `GET /settings/{name}` (11)."""
        operation = f"list {name}"
        answer = self.call(Part(name, "GET", f"/settings/{name}", query=dict(query)), operation)
        return reading.listed(answer, operation, name)

    # --- writing

    def write(
        self, part: Callable[[Amended], Part], fields: Mapping[str, str], operation: str, *, duplicates: bool = False
    ) -> str:
        """Write one record, again where Zoho asks for another value; its id, with `duplicates` that of one that exists."""
        amended: Amended = {}
        for _ in range(MOST_AMENDS):
            sending = part(amended)
            answer = self.send(sending, operation, "write")
            error = self.error(answer, operation)
            if error is None:
                return reading.new_id(answer, operation)
            existing = duplicate(answer) if duplicates else None
            if existing is not None:
                return existing
            better = amendment(answer, sending.json["data"][0], fields)
            if not better:
                raise error
            amended = {**amended, **better}
        raise Transient(VENDOR, operation, "Zoho goes on asking for other values")


def path_of(module: str, key: str) -> str:
    """The path of one record. What cannot be an id is gone before it is asked for."""
    if not writing.is_id(key):
        raise Gone(VENDOR, "read a record", "this cannot be its id")
    return f"/{module}/{segment(key)}"


def _part_body(part: Part) -> dict[str, Any]:
    body: dict[str, Any] = {"sub_request_id": part.name, "method": part.method, "uri": part.uri}
    if part.query:
        body["params"] = part.query
    if part.json is not None:
        body["body"] = part.json
    return body


def duplicate(answer: Answer) -> str | None:
    """The record that exists already, in either of the two places where Zoho names it (3)."""
    entry = error_entry(answer.json)
    if entry is None or entry.get("code") != "DUPLICATE_DATA":
        return None
    details = details_of(entry)
    return reading.text_id(details) or reading.text_id(details.get("duplicate_record"))


def misses_reference(answer: Answer, sent: Mapping[str, Any]) -> bool:
    """Whether Zoho did not fill in a reference to an earlier part: it is not sure that it does so in bodies (12)."""
    entry = error_entry(answer.json)
    if entry is None:
        return False
    value = sent.get(str(details_of(entry).get("api_name")))
    return entry.get("code") == "INVALID_REFERENCE" or (isinstance(value, dict) and str(value.get("id")).startswith("@{"))


def amendment(answer: Answer, sent: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """Another value for the field that Zoho refused: of the type it expects, or none at all for what can be left out (3)."""
    entry = error_entry(answer.json)
    if entry is None or entry.get("code") != "INVALID_DATA":
        return {}
    name, expected = str(details_of(entry).get("api_name")), str(details_of(entry).get("expected_data_type") or "")
    if name in fields and name in sent:
        value = writing.typed(fields[name], expected)
        return {} if value == sent[name] else {name: value}
    return {name: writing.DROPPED} if name in writing.OPTIONAL and name in sent else {}
