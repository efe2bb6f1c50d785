"""The shapes of Kommo's answers: HAL lists, what writes answer, the bare array of `/leads/complex` (crm_kommo.md 3, 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patchcord.crm.errors import CrmError, Rejected, Transient
from patchcord.crm.kommo import reading
from patchcord.crm.kommo.declaration import VENDOR
from patchcord.crm.kommo.reading import Row
from patchcord.crm.kommo.writing import LinkedSet
from patchcord.crm.port import Draft
from patchcord.model.records import RecordKind
from patchcord.wire import Answer


def unknown_shape(operation: str) -> Transient:
    return Transient(VENDOR, operation, "the answer has an unknown shape")


def rows(answer: Answer, name: str, operation: str) -> tuple[Row, ...]:
    """The records below `_embedded`; raises Transient when the answer is not of the shape the vendor documents."""
    inside = answer.json.get("_embedded") if isinstance(answer.json, dict) else None
    if not isinstance(inside, dict) or not isinstance(inside.get(name), list):
        raise unknown_shape(operation)
    return reading.rows_of(inside[name])


def new_id(answer: Answer, name: str, operation: str) -> str:
    """The id of the one thing that was created; without one it is not known whether it was."""
    key = next(iter(reading.ids_of(rows(answer, name, operation))), None)
    if key is None:
        raise Transient(VENDOR, operation, "the answer holds no id")
    return key


def made_together(answer: Answer, drafts: Sequence[Draft]) -> Iterator[tuple[Draft, str]]:
    """The ids out of the bare array that `/leads/complex` answers (6).

    A lead that duplicate control joined to an older one may have no contact or company; these are then still to be made.
    """
    row = next(iter(reading.rows_of(answer.json)), None)
    names = {RecordKind.DEAL: "id", RecordKind.CONTACT: "contact_id", RecordKind.ORGANIZATION: "company_id"}
    for draft in drafts:
        key = reading.text_id(row.get(names[draft.kind])) if row else None
        if key is not None:
            yield draft, key
        elif row is None or row.get("merged") is not True or draft.kind is RecordKind.DEAL:
            raise Transient(VENDOR, "create set", "the answer holds no id")


def guilty(error: CrmError, together: LinkedSet) -> str:
    """The draft that a refusal is about: its words begin with the place; without one it is the lead."""
    for part, place in ((together.contact, "_embedded contacts"), (together.company, "_embedded companies")):
        if isinstance(part, Draft) and isinstance(error, Rejected) and error.words.startswith(place):
            return part.key
    return together.lead.key
