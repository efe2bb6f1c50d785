"""What Kommo is, how a connection to it is set up, and what its answers mean (crm_kommo.md 1-4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from patchcord.crm.grants import Credentials
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "kommo"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Kommo (amoCRM)",
    # what Kommo calls a lead is the deal; there is no other lead (4)
    kinds={
        RecordKind.CONTACT: "contact",
        RecordKind.ORGANIZATION: "company",
        RecordKind.DEAL: "lead",
    },
    phone_kinds=frozenset({RecordKind.CONTACT, RecordKind.ORGANIZATION}),
    due=DuePrecision.MINUTE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=5),
    # seven a second, counted by source address (2)
    rate=Rate(units=7, window=timedelta(seconds=1)),
    # contacts tell the ids of their leads alone, and companies wait for both (5)
    requests=Requests(look_up=2, create=1, task=1, completed_task=1, look_up_depth=2),
    text_length=20_000,
    assumed=(
        "The search finds the national number inside any notation of it; otherwise set `search` to `thorough` (5).",
        "A new record is found by search within five minutes; nothing is documented (5).",
        "A company's own number is looked for only while no open lead is known of a contact; `companies` changes it (5, 14).",
        "Leads in the stage for incoming leads count as open unless `incoming_stages` names that stage (4).",
        "A lead's card shows what hangs on its contact; of several targets a task or note goes there; `card` changes it (8, 9).",
        "`/calls` finds the card of the client; the id it answers is that of the note on the card; `calls` changes it (9).",
        "`/leads/complex` links the contact with the company as well (6).",
        "A repeated `uniq` makes no second call (9).",
        "Notes are changed by PATCH with all their parameters; the call's `uniq` can be read back (9).",
        "The UTM fields of leads may be missing; then they are left out once the vendor has refused them (6).",
        "Custom fields of the sorts number, date and flag take no texts; texts are converted after a refusal (6).",
        "Names take 255 characters, short fields 256, tasks and notes 20,000; longer ones are cut (6).",
        "After 429 a pause of two seconds is enough; a 403 that is no JSON is the block of our address (2, 3).",
    ),
)  # fmt: skip

FIELD_LENGTH = 256
"""Characters of a short custom field (6)."""

TRACKING: Mapping[str, str] = {
    "utm_source": "UTM_SOURCE",
    "utm_medium": "UTM_MEDIUM",
    "utm_campaign": "UTM_CAMPAIGN",
    "utm_content": "UTM_CONTENT",
    "utm_term": "UTM_TERM",
    "referrer": "UTM_REFERRER",
}
"""The visit's data that leads have fields of their own for (6); the rest goes into the fields a project maps."""

CLOSED = frozenset({142, 143})
"""Won and lost, the same in every pipeline (4)."""

AFTER_429 = timedelta(seconds=2)
"""The pause after a 429, which names none (2); going on at once has our address blocked."""


class Choice(StrEnum):
    """The base of options with a few words: `parse` tells what is allowed."""

    @classmethod
    def words(cls) -> str:
        return ", ".join(cls)


class Searching(Choice):
    """Which notations of a number are searched for (5)."""

    NATIONAL = "national"
    THOROUGH = "thorough"


class Companies(Choice):
    """When companies are searched for the number, too (5)."""

    NEEDED = "needed"
    ALWAYS = "always"
    NEVER = "never"


class Calls(Choice):
    """Who chooses the card of a call: Kommo (`/calls`), or we (a note on the card) (9)."""

    ENDPOINT = "endpoint"
    NOTE = "note"


class Card(Choice):
    """What a task or note hangs on when it has several targets: it can have one card only (8, 9)."""

    CONTACT = "contact"
    LEAD = "lead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection. `marker_fields` are custom fields that take our marker, by neutral kind."""

    base_url: str
    credentials: Credentials
    marker_fields: Mapping[RecordKind, str] = field(default_factory=dict)
    incoming_stages: frozenset[int] = frozenset()
    task_type: int = 1
    search: Searching = Searching.NATIONAL
    companies: Companies = Companies.NEEDED
    calls: Calls = Calls.ENDPOINT
    card: Card = Card.CONTACT


class KommoDialect(Dialect):
    """Problems with validation errors, the block of an address, and a 429 without a pause (2, 3)."""

    def words(self, answer: Answer) -> str:
        found = "; ".join(_validation_errors(answer.json))
        return found or super().words(answer)

    def is_blocked(self, answer: Answer) -> bool:
        """A 403 that is not the API speaking: the address is shut out, and only support lifts that (2)."""
        return answer.status == 403 and not isinstance(answer.json, dict)

    def retry_after(self, answer: Answer) -> timedelta | None:
        return super().retry_after(answer) or (AFTER_429 if answer.status == 429 else None)


def _validation_errors(body: Any) -> Iterator[str]:
    """What is wrong and where; the dots of the place become blanks, or it would be taken for a secret and masked."""
    elements = body.get("validation-errors") if isinstance(body, dict) else None
    for element in elements if isinstance(elements, list) else ():
        errors = element.get("errors") if isinstance(element, dict) else None
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                place = str(error.get("path") or "").replace(".", " ").strip()
                words = str(error.get("detail") or error.get("code") or "")
                yield f"{place}: {words}" if place else words
