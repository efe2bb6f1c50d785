"""One portal's REST interface: signed calls, batches and lists (crm_bitrix24.md 1, 3, 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from patchcord.crm.bitrix24.declaration import DECLARATION, VENDOR, BitrixDialect, Connection
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http, error_of
from patchcord.wire import JSON, Answer

Params = Mapping[str, Any]
Row = Mapping[str, Any]

MOST_PAGES = 50


@dataclass(frozen=True, slots=True)
class Command:
    """One call of a batch."""

    method: str
    params: Params


@dataclass(frozen=True, slots=True)
class Earlier:
    """The result of an earlier command of the same batch, or what stands in it under these keys."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return "$result" + "".join(f"[{key}]" for key in self.path)


def earlier(*path: str) -> Earlier:
    """`earlier("contact", "item", "id")`."""
    return Earlier(path)


@dataclass(frozen=True, slots=True)
class Results:
    """What a batch came to, by command: results, errors, and where a list goes on."""

    values: Mapping[str, Any]
    errors: Mapping[str, CrmError]
    next: Mapping[str, Any]

    def needed(self, key: str) -> Any:
        """A command's result; raises its error, or the first one, which stopped the batch before it."""
        if key in self.errors:
            raise self.errors[key]
        if key not in self.values:
            raise next(iter(self.errors.values()), Transient(VENDOR, "batch", "the answer lacks a command"))
        return self.values[key]


# --- the query of a command (4)


def query_of(params: Params) -> str:
    """Parameters as a query that PHP reads back: every value is percent-encoded once, references stay readable."""
    return "&".join(f"{quote(name, safe='')}={value}" for name, value in _pairs(params))


def _pairs(params: Params) -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        yield from _flat(name, value)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}[{key}]", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _flat(f"{name}[{number}]", inner)
    elif isinstance(value, Earlier):
        yield name, quote(str(value), safe="$")
    elif value is not None:
        yield name, quote(harmless(str(value)), safe="")


def harmless(text: str) -> str:
    """The text with nothing in it that the batch would take for a reference to another command."""
    return text.replace("$result[", "$result [")


# --- calls


class Rest:
    """The calls to one portal."""

    def __init__(self, connection: Connection) -> None:
        self.access = connection.access
        secret = () if connection.access.is_application else (connection.access.sign().secret,)
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.access,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=BitrixDialect(),
            hidden=secret,
        )

    def call(self, method: str, params: Params, operation: str) -> Any:
        """A method's result."""
        return self._body(method, params, operation)["result"]

    def batch(self, commands: Mapping[str, Command], operation: str, *, halt: bool) -> Results:
        """Up to 50 commands in one request; with `halt` the first error ends it. Errors of commands are not raised."""
        lines = {key: f"{command.method}?{query_of(command.params)}" for key, command in commands.items()}
        result = self._body("batch", {"halt": int(halt), "cmd": lines}, operation)["result"]
        if not isinstance(result, dict) or "result" not in result:
            raise unknown_shape(operation)
        errors = {key: self._error(error, operation) for key, error in _keyed(result.get("result_error")).items()}
        return Results(_keyed(result["result"]), errors, _keyed(result.get("result_next")))

    def run(self, commands: Mapping[str, Command], operation: str, *, halt: bool) -> Results:
        """One request: a plain call for a single command, whose refusal is told in the same way, else a batch."""
        if len(commands) > 1:
            return self.batch(commands, operation, halt=halt)
        ((key, command),) = commands.items()
        try:
            return Results({key: self.call(command.method, command.params, operation)}, {}, {})
        except (Rejected, Gone, Misconfigured) as error:
            return Results({}, {key: error}, {})

    def rows(self, method: str, params: Params, operation: str, inside: str = "") -> Iterator[Row]:
        """The rows of a list, page after page; `inside` is the key they stand under."""
        start: Any = 0
        for _ in range(MOST_PAGES):
            body = self._body(method, {**params, "start": start}, operation)
            yield from rows_of(body["result"], inside)
            start = body.get("next")
            if not isinstance(start, int):
                return

    def _body(self, method: str, params: Params, operation: str) -> dict[str, Any]:
        body = self._answer(method, params, operation).json
        if not isinstance(body, dict) or "result" not in body:
            raise unknown_shape(operation)
        return body

    def _answer(self, method: str, params: Params, operation: str) -> Answer:
        """One request, and a second one when the first had an old token or webhook."""
        signature = self.access.sign()
        try:
            return self._send(signature.path, method, {**params, **signature.body}, operation)
        except Unauthorised as error:
            if not self.access.renew(signature, error):
                raise
        signature = self.access.sign()
        return self._send(signature.path, method, {**params, **signature.body}, operation)

    def _send(self, path: str, method: str, body: Params, operation: str) -> Answer:
        return self.http.call("POST", path + method, json=body, operation=operation)

    def _error(self, body: Any, operation: str) -> CrmError:
        """The error of one command, which has a code but no status."""
        answer = Answer(400, {"content-type": JSON}, json=body)
        error = error_of(VENDOR, operation, answer, self.http.dialect, self.access.sign().secret)
        return error or unknown_shape(operation)


def unknown_shape(operation: str) -> Transient:
    return Transient(VENDOR, operation, "the answer has an unknown shape")


def _keyed(value: Any) -> Mapping[str, Any]:
    """An object; an empty one comes as a list."""
    return value if isinstance(value, dict) else {}


def rows_of(result: Any, inside: str = "") -> tuple[Row, ...]:
    """The objects of a list in a result; whatever else stands there is left out."""
    if inside:
        result = result.get(inside) if isinstance(result, dict) else None
    return tuple(row for row in result if isinstance(row, dict)) if isinstance(result, list) else ()
