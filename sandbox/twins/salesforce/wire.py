"""The call in hand, answers, and the shapes of errors (crm_salesforce.md 4, 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.twins.salesforce.state import Row, State

if TYPE_CHECKING:
    from sandbox.twins.salesforce.twin import SalesforceTwin

CODES = {
    400: "FIELD_CUSTOM_VALIDATION_EXCEPTION", 401: "INVALID_SESSION_ID", 403: "FORBIDDEN", 404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED", 415: "UNSUPPORTED_MEDIA_TYPE", 500: "UNKNOWN_EXCEPTION", 503: "SERVER_UNAVAILABLE",
}  # fmt: skip
"""The code of an error that has no better one."""


class Fault(Exception):
    """An error in the vendor's shape: a list with `errorCode`, `message` and, for some, `fields` and more."""

    def __init__(self, code: str, words: str, *fields: str, status: int = 400, **more: Any) -> None:
        super().__init__(words)
        self.status = status
        self.body = [{"message": words, "errorCode": code, **({"fields": list(fields)} if fields else {}), **more}]


def not_found() -> Fault:
    return Fault("NOT_FOUND", "The requested resource does not exist", status=404)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it becomes one of HTTP; `body` None means none."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, or one part of a composite request, in the name of `user`.

    `data` is the body: bytes of a request, an object of a part. Header names are lower-case. What is written is collected in
    `written` and goes into the ledger when the whole request is done.
    """

    twin: SalesforceTwin
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    data: Any
    user: Row
    version: str
    args: Mapping[str, Any] = field(default_factory=dict)
    written: list[tuple[str, str, str, Row]] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.twin.state

    def wrote(self, do: str, kind: str, record_id: str, words: Row) -> None:
        self.written.append((do, kind, record_id, words))

    def path(self, rest: str) -> str:
        return f"/services/data/v{self.version}.0/{rest}"


Handler = Callable[[Call], Reply]


def body_of(call: Call) -> Row:
    """The JSON object sent. 415 for another content type, 400 for what is no object."""
    data = call.data
    if isinstance(data, bytes):
        if not call.headers.get("content-type", "").startswith("application/json"):
            raise Fault("UNSUPPORTED_MEDIA_TYPE", "unsupported content type, send application/json", status=415)
        try:
            data = json.loads(data)
        except ValueError:
            raise Fault("JSON_PARSER_ERROR", "Unexpected character at [line:1, column:1]") from None
    if not isinstance(data, dict):
        raise Fault("JSON_PARSER_ERROR", "The HTTP entity body is required and must be an object")
    return data


def answered(call: Call, name: str, row: Row, values: Row) -> Row:
    """A record as answers show it: with its `attributes`."""
    return {"attributes": {"type": name, "url": call.path(f"sobjects/{name}/{row['Id']}")}, **values}
