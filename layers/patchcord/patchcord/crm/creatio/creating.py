"""Creating a linked set in one request, and finding out what became of it when it failed (crm_creatio.md 7, 12, 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from patchcord.crm.creatio import batches, queries, writing
from patchcord.crm.creatio.batches import Request
from patchcord.crm.creatio.declaration import VENDOR, Connection
from patchcord.crm.creatio.writing import Part
from patchcord.crm.errors import CrmError, Rejected, Transient
from patchcord.crm.port import Created, Draft
from patchcord.model.records import Ref
from patchcord.wire import Answer

if TYPE_CHECKING:
    from patchcord.crm.creatio.client import Creatio

GROUP = "g1"
UNCLEAR = (409, 500)
"""How a repeated id is refused, and much else besides (3, 13)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What stopped a set at a part; `status` is that of the part, 0 when the whole request failed."""

    part: Part
    error: CrmError
    status: int = 0


class Creating:
    """The creation of sets over one connection; remembers who makes the rows of contacts' numbers (7)."""

    def __init__(self, crm: Creatio, connection: Connection) -> None:
        self._crm = crm
        self._connection = connection
        self._phone_rows = connection.phone_rows

    def create(self, drafts: Sequence[Draft]) -> Created:
        """One request. After a refusal the set is sent again with values as their columns take them."""
        ordered = sorted(drafts, key=lambda draft: writing.CREATION_ORDER.index(draft.kind))
        parts: list[Part] = []
        for draft in ordered:
            try:
                parts += writing.parts_of(draft, drafts, self._connection)
            except Rejected as error:
                return Created({}, draft.key, error)
        if not parts:
            return Created({})
        return self._created(parts)

    def _created(self, parts: Sequence[Part]) -> Created:
        failure = self._write(parts)
        try:
            if failure is not None and isinstance(failure.error, Rejected) and failure.status not in UNCLEAR:
                better = self._crm.mended(parts)
                if better != list(parts):
                    parts, failure = better, self._write(better)
            if failure is not None and failure.status:
                return self._what_is_there(parts, failure)
        except CrmError as error:
            return Created({}, parts[0].key, error)
        if failure is not None:
            return Created({}, failure.part.key, failure.error)
        return Created(_refs(parts))

    def _what_is_there(self, parts: Sequence[Part], failure: Failure) -> Created:
        """A failed set may have been taken back or not, and an earlier try may have made some of it: we look (12, 13)."""
        there = self._existing(parts)
        rest = [part for part in parts if part.id not in there or not part.creates]
        left: Failure | None = failure
        if failure.part.id in there and failure.part.creates:
            left = self._write(rest) if rest else None
            there |= set() if left is not None else {part.id for part in rest}
        made = _refs([part for part in parts if part.id in there])
        return Created(made, left.part.key, left.error) if left is not None else Created(made)

    def _existing(self, parts: Sequence[Part]) -> set[str]:
        made = [part for part in parts if part.creates]
        answers = self._crm.batch(batches.reads([queries.one(part.entity, part.id) for part in made]), "look what is there")
        return {part.id for part, answer in zip(made, answers, strict=True) if answer.status == 200}

    # --- one request

    def _write(self, parts: Sequence[Part]) -> Failure | None:
        """The set, with a look whether the contacts' numbers can be found. None when all of it was done."""
        people = [part for part in parts if part.creates and part.phone and part.entity == "Contact"]
        rows = [writing.phone_part(part, self._connection) for part in people]
        sent = [*parts, *rows] if self._phone_rows == "own" else list(parts)
        looks = [_look(part) for part in people] if self._phone_rows == "auto" else []
        requests = [*(batches.write(part, GROUP) for part in sent), *looks]
        try:
            answers = self._crm.batch(requests, "create a set", cost="write", go_on=False)
        except CrmError as error:
            return Failure(parts[0], error)
        failure = self._failure(sent, answers)
        return failure or self._make_searchable(rows, answers[len(sent) :])

    def _failure(self, sent: Sequence[Part], answers: Sequence[Answer]) -> Failure | None:
        """The first part with an error of its own; others only depended on it."""
        pairs = list(zip(sent, answers, strict=False))
        for part, answer in pairs:
            error = self._crm.error_in(answer, f"create {part.entity}")
            if error is not None and answer.status != batches.NOT_DONE:
                return Failure(part, error, answer.status)
        undone = next((part for part, answer in pairs if answer.status == batches.NOT_DONE), None)
        words = Transient(VENDOR, "create a set", "a part was not carried out, and nobody tells why")
        return Failure(undone, words, batches.NOT_DONE) if undone else None

    def _make_searchable(self, rows: Sequence[Part], looks: Sequence[Answer]) -> Failure | None:
        """Where the server made no row for a contact's number we make it, from now on at once (7)."""
        told = [answer.json.get("value") for answer in looks if answer.status == 200 and isinstance(answer.json, dict)]
        if any(told):
            self._phone_rows = "server"
        if any(told) or not any(value == [] for value in told):
            return None
        self._phone_rows = "own"
        try:
            answers = self._crm.batch([batches.write(row) for row in rows], "make numbers searchable", cost="write", go_on=True)
        except CrmError as error:
            return Failure(rows[0], error)
        return self._failure(rows, answers)


def _look(part: Part) -> Request:
    url = queries.asking("ContactCommunication", filter=f"Contact/Id eq {part.id}", select="Id", top=1)
    return Request("GET", url)


def _refs(parts: Sequence[Part]) -> Mapping[str, Ref]:
    return {part.key: Ref(part.kind, part.id) for part in parts if part.creates}
