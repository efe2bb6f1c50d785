"""How calls are put to Megaplan: one JSON literal for GET, several calls in a bulk (crm_megaplan.md 3)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from patchcord.crm.errors import CrmError, Transient
from patchcord.crm.http import Http, error_of
from patchcord.crm.megaplan.declaration import VENDOR
from patchcord.wire import JSON, Answer

Row = Mapping[str, Any]
Envelope = Mapping[str, Any]

API = "/api/v3"
MOST_PAGES = 50
PAGE = 100


@dataclass(frozen=True, slots=True)
class Question:
    """One call: with a `body` it is a POST. `operation` names it in errors."""

    operation: str
    path: str
    query: Mapping[str, Any] | None = None
    body: Any = None

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def target(self) -> str:
        """The path with the parameters as one percent-encoded JSON literal."""
        if not self.query:
            return API + self.path
        return f"{API}{self.path}?{quote(json.dumps(self.query, separators=(',', ':')), safe='')}"


class Talk:
    """The calls of one connection."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def ask(self, question: Question) -> Envelope:
        """One call; raises one of the five errors."""
        cost = "read" if question.body is None else "write"
        answer = self._http.call(question.method, question.target, json=question.body, operation=question.operation, cost=cost)
        if not isinstance(answer.json, dict):
            raise _unknown_shape(question.operation)
        return answer.json

    def row(self, question: Question) -> Row:
        """One call that answers an object."""
        return one(self.ask(question), question.operation)

    def rows(self, question: Question) -> tuple[Row, ...]:
        """One call that answers a list."""
        return many(self.ask(question), question.operation)

    def together(self, questions: Sequence[Question]) -> list[Envelope | CrmError]:
        """Several calls in one request, each with its own outcome, in their order."""
        try:
            if len(questions) < 2:
                return [self.ask(question) for question in questions]
            inside = self._bulk(questions)
        except CrmError as error:
            return [error] * len(questions)
        return [self._outcome(question, answer) for question, answer in zip(questions, inside, strict=True)]

    def _bulk(self, questions: Sequence[Question]) -> Sequence[Any]:
        calls = [_inner(question) for question in questions]
        whole = Question("bulk", "/bulk", body={"contentType": "BulkApiCall", "calls": calls})
        answers = self.ask(whole).get("data")
        if not isinstance(answers, list) or len(answers) != len(questions):
            raise _unknown_shape("bulk")
        return answers

    def _outcome(self, question: Question, answer: Any) -> Envelope | CrmError:
        if not isinstance(answer, dict):
            return _unknown_shape(question.operation)
        read = Answer(200, {"content-type": JSON}, json=answer)
        return error_of(VENDOR, question.operation, read, self._http.dialect) or answer

    def pages(self, operation: str, path: str, query: Mapping[str, Any]) -> Iterator[Row]:
        """The rows of a list, page after page, each begun behind the last row of the one before."""
        place: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            envelope = self.ask(Question(operation, path, {"limit": PAGE, **query, **place}))
            rows = many(envelope, operation)
            yield from rows
            meta = envelope.get("meta")
            paging = meta.get("pagination") if isinstance(meta, dict) else None
            if not rows or not isinstance(paging, dict) or paging.get("hasMoreNext") is not True:
                return
            place = {"pageAfter": {name: rows[-1].get(name) for name in ("contentType", "id")}}


def _inner(question: Question) -> dict[str, str]:
    call = {"contentType": "ApiCall", "method": question.method, "url": question.target}
    return call if question.body is None else {**call, "body": json.dumps(question.body)}


def one(envelope: Envelope, operation: str) -> Row:
    """The object an answer holds; raises Transient when it holds none."""
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise _unknown_shape(operation)
    return data


def many(envelope: Envelope, operation: str) -> tuple[Row, ...]:
    """The objects an answer lists; raises Transient when it lists nothing."""
    data = envelope.get("data")
    if not isinstance(data, list):
        raise _unknown_shape(operation)
    return tuple(row for row in data if isinstance(row, dict))


def _unknown_shape(operation: str) -> Transient:
    return Transient(VENDOR, operation, "the answer has an unknown shape")
