"""What Megaplan is, how a connection to it is set up, and what its answers mean (crm_megaplan.md 1-4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from typing import Any

from patchcord.crm.grants import Credentials
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "megaplan"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Megaplan",
    kinds={RecordKind.CONTACT: "client", RecordKind.ORGANIZATION: "organization", RecordKind.DEAL: "process"},
    phone_kinds=frozenset({RecordKind.CONTACT, RecordKind.ORGANIZATION}),
    due=DuePrecision.NONE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=5),
    rate=Rate(units=10, window=timedelta(seconds=1)),
    requests=Requests(look_up=1, create=2, task=1, completed_task=1, look_up_known=2, look_up_depth_known=2),
    text_length=30_000,
    assumed=(
        "possibleDuplicates takes several notations of a number at once (4, 14); the option `look_up` = `search` searches.",
        "A new client is found by it within five minutes.",
        "`countDeals` of a client is up to date: without deals none are asked for.",
        "A bulk takes creations as well as reading calls, in their order (3).",
        "A deal takes its state at creation; if not, it is moved there by a transition (5).",
        "The creator of a record is the bot user; it cannot be set.",
        "A todo takes a status that finishes it at its creation; if not, it is finished by an action (6).",
        "A todo does not take its time, so the deadline stands in its text; the option `deadline` = `when` sends it (6).",
        "Comments of a client work on its concrete path (7); the option `notes` = `process` prefers the deal.",
        "Texts of todos and comments are HTML; names take 255 characters, texts 30 000.",
        "Ten requests in a second are no trouble; a 429 without Retry-After wants a minute (3).",
        "Fields of the account's own have keys of letters, digits and underscores; a field can be named by its label too (9).",
        "A missed call has the type `miss`, an outgoing one that nobody took `fail` (8).",
        "A client's card has the address /crm/<id>/card/ (12).",
        "An administrator is who may edit the rights of employees.",
        "A finished todo can be given to another user (6).",
    ),
)

RIGHTS = ("crm_enter", "crm_add", "deal_enter", "deal_add", "todos_enter", "todos_add", "can_use_telephony")
"""What the bot user must be able to do (2), in Megaplan's own words."""

PAUSE = timedelta(minutes=1)
"""The pause after a 429 that names none (3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection.

    `program` is where deals go that name none; `done_status` and `category` are ids for todos; `timed` says that todos take
    their time; `ways` are ids of source channels by `utm_source` in lower case; `hidden` is masked wherever it may be shown.
    """

    base_url: str
    credentials: Credentials
    hidden: tuple[str, ...] = ()
    program: str = ""
    done_status: str = ""
    category: str = ""
    timed: bool = False
    by_search: bool = False
    notes_on_deal: bool = False
    timezone: tzinfo = UTC
    ways: Mapping[str, str] = field(default_factory=dict)


class MegaplanDialect(Dialect):
    """The status stands in `meta`, also where HTTP says 200 (3)."""

    def status(self, answer: Answer) -> int:
        inside = _meta(answer).get("status")
        return inside if answer.status < 300 and isinstance(inside, int) else answer.status

    def words(self, answer: Answer) -> str:
        """The messages, each with its field."""
        return "; ".join(dict.fromkeys(_messages(_meta(answer).get("errors")))) or super().words(answer)

    def retry_after(self, answer: Answer) -> timedelta | None:
        named = super().retry_after(answer)
        return named or (PAUSE if self.status(answer) == 429 else None)


def _meta(answer: Answer) -> Mapping[str, Any]:
    meta = answer.json.get("meta") if isinstance(answer.json, dict) else None
    return meta if isinstance(meta, dict) else {}


def _messages(errors: Any) -> Iterator[str]:
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict) and error.get("message"):
            yield ": ".join(str(part) for part in (error.get("field"), error["message"]) if part)
