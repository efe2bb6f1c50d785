"""What Altegio is, how a connection to it is set up, and what its answers mean (crm_altegio.md 1-3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from patchcord.crm.grants import Credentials
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "altegio"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Altegio",
    kinds={RecordKind.CONTACT: "client"},
    phone_kinds=frozenset({RecordKind.CONTACT}),
    due=DuePrecision.NONE,
    logs=frozenset({LogKind.NOTE}),
    tasks=False,
    search_lag=timedelta(minutes=2),
    # 5 in a second (3); the third of it that one project takes also keeps the 200 of a minute
    rate=Rate(units=5, window=timedelta(seconds=1)),
    requests=Requests(look_up=1, create=1, task=1, completed_task=1),
    text_length=10_000,
    assumed=(
        "quick_search finds a part of a number, by its digits; two of them joined by OR find either (4, 15).",
        "A new client is found by search within two minutes; nothing is said of a lag.",
        "A change clears what it leaves out, so the client is read first and sent back whole (5, 15).",
        "A refusal to create a client whose number is found afterwards means that the client exists (5, 11).",
        "A 429 without Retry-After holds for five seconds (3).",
        "The user token lives until the password changes (2).",
        "Lists take an array of their values; an unknown custom field is refused (9).",
        "Only the administrator of a location is a user that cannot be deleted (9).",
        "A name is at most 255 characters long, a comment at least 10,000; longer ones are cut.",
        "The address of a client's card is not known; the link opens the location's clients (12).",
        "Numbers come empty or starred to a user without the right to see them (2).",
    ),
)

BASE = "https://api.alteg.io/api/v1"
APP = "https://app.alteg.io"
MEDIA_TYPE = "application/vnd.api.v2+json"
"""Needed for partners above 1743 (2)."""
PAUSE = timedelta(seconds=5)
"""After a 429 that names none (3)."""
NOT_PAID = "the location is not paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection. `hidden` are the tokens, for masking."""

    credentials: Credentials
    location: str
    base_url: str = BASE
    app_url: str = APP
    media_type: str = MEDIA_TYPE
    hidden: tuple[str, ...] = field(default=(), repr=False)


class AltegioDialect(Dialect):
    """The envelope: `success`, and words in `meta` (3)."""

    def status(self, answer: Answer) -> int:
        refused = answer.status < 300 and isinstance(answer.json, dict) and answer.json.get("success") is False
        return 400 if refused else answer.status

    def words(self, answer: Answer) -> str:
        """`meta.message`, and of 422 what is said of each field."""
        meta = answer.json.get("meta") if isinstance(answer.json, dict) else None
        told = "; ".join(dict.fromkeys(_told(meta))) if isinstance(meta, dict) else ""
        words = told or super().words(answer)
        return f"{NOT_PAID}: {words}" if answer.status == 402 else words

    def retry_after(self, answer: Answer) -> timedelta | None:
        named = super().retry_after(answer)
        return named or (PAUSE if answer.status == 429 else None)


def _told(meta: dict[str, Any]) -> Iterator[str]:
    """The message, and the errors by field as `field: words`."""
    if isinstance(meta.get("message"), str):
        yield meta["message"]
    errors = meta.get("errors")
    pairs = errors.items() if isinstance(errors, dict) else ()
    for name, texts in pairs:
        for text in texts if isinstance(texts, list) else [texts]:
            yield f"{name}: {text}"
