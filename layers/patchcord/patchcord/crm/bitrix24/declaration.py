"""What Bitrix24 is, how a connection to it is set up, and what its answers mean (crm_bitrix24.md 1-3)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

if TYPE_CHECKING:
    from patchcord.crm.bitrix24.access import Access

VENDOR = "bitrix24"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Bitrix24",
    kinds={
        RecordKind.CONTACT: "contact",
        RecordKind.ORGANIZATION: "company",
        RecordKind.LEAD: "lead",
        RecordKind.DEAL: "deal",
    },
    phone_kinds=frozenset({RecordKind.LEAD, RecordKind.CONTACT, RecordKind.ORGANIZATION}),
    due=DuePrecision.MINUTE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE, LogKind.CALL_ENTITY}),
    tasks=True,
    assigns_ticked_off=False,
    search_lag=timedelta(minutes=2),
    # the leaky bucket of most plans: 50 at once, 2 a second after that; a batch is one request (2)
    rate=Rate(units=50, window=timedelta(seconds=25)),
    requests=Requests(look_up=1, create=1, task=1, completed_task=1),
    # a TEXT column holds 64 kB, and a character can be four bytes long
    text_length=15_000,
    assumed=(
        "A batch hands whole lists of ids from one command to the next (4); where it does not, a look-up costs two requests.",
        "All numbers of an item come as `fm` with `*` (7); where they do not, the portal's own search is believed.",
        "A new record is found by search within two minutes; at once is likelier.",
        "A deal is found by its main contact only (6.3); `contact_filter` = `contactIds` asks for all contacts of a deal.",
        "The token endpoint takes a form as well as a query, so that no secret stands in an address (1).",
        "A call activity takes a communication without a number, also one that names a deal (9).",
        "A call activity without a direction may stand for a completed task (9).",
        "A comment stands in several cards after crm.timeline.bindings.bind; comments are listed newest first (8).",
        "A call's activity has the ORIGIN_ID `VI_` and its CALL_ID (10).",
        "Only the own user is known to be an administrator: user.get does not tell it of others (11).",
        "A contact's name holds 50 characters, other names 255.",
        "The creator of a record is the user of the webhook or application; it cannot be set.",
        "A task that waits for control counts as completed (9).",
        "A completed call activity or task of the task manager can be given to another user; a to-do that is done cannot (9).",
    ),
)

TOKEN_URL = "https://oauth.bitrix.info/oauth/token/"  # noqa: S105 - an address
CHOICES: Mapping[str, tuple[str, ...]] = {
    "auth": ("webhook", "oauth"),
    "crm_mode": ("classic", "simple"),
    "open_task": ("todo", "task"),
    "contact_filter": ("contactId", "contactIds"),
}
"""Settings with few values; the first is the default."""
NAME_OF_PERSON = 50
"""The longest name of a contact."""


def without_leads(declaration: Declaration) -> Declaration:
    """The declaration of a portal in the simple mode (5)."""
    kinds: dict[RecordKind, str] = {kind: word for kind, word in declaration.kinds.items() if kind is not RecordKind.LEAD}
    return replace(declaration, kinds=kinds, phone_kinds=declaration.phone_kinds - {RecordKind.LEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection, see `connect`."""

    base_url: str
    access: Access
    crm_mode: str = "classic"
    open_task: str = "todo"
    contact_filter: str = "contactId"
    source_id: str = ""

    @property
    def has_leads(self) -> bool:
        return self.crm_mode == "classic"


# --- what answers mean (3)

STATUSES: Mapping[str, int] = {
    "EXPIRED_TOKEN": 401, "NO_AUTH_FOUND": 401, "INVALID_TOKEN": 401, "INVALID_CREDENTIALS": 401,
    "INSUFFICIENT_SCOPE": 403, "INVALID_SCOPE": 403, "USER_ACCESS_ERROR": 403, "ACCESS_DENIED": 403, "PAYMENT_REQUIRED": 403,
    "ALLOWED_ONLY_INTRANET_USER": 403, "WRONG_AUTH_TYPE": 403, "ERROR_METHOD_NOT_FOUND": 403, "PORTAL_DELETED": 403,
    "NOT_FOUND": 404, "OWNER_NOT_FOUND": 404,
    "OPERATION_TIME_LIMIT": 429, "QUERY_LIMIT_EXCEEDED": 503, "OVERLOAD_LIMIT": 503,
    "INTERNAL_SERVER_ERROR": 500, "ERROR_UNEXPECTED_ANSWER": 500,
}  # fmt: skip
"""The status an error code ought to have: a portal answers one and the same with several, and a batch with none."""
_DENIED = re.compile(r"access denied", re.I)
_GONE = re.compile(r"^not found|\b(activity|task|comment|item|element|entity)\b.*\bnot found", re.I)
LIMIT_PAUSE = timedelta(seconds=2)
"""After QUERY_LIMIT_EXCEEDED: one to two seconds (3)."""
OPERATING_PAUSE, LONGEST_OPERATING_PAUSE = timedelta(minutes=1), timedelta(minutes=10)


def problem(body: Any) -> tuple[str, str] | None:
    """Code and words of an error, None when the body is none. Codes come in mixed case and may be empty (3)."""
    if not isinstance(body, dict) or "error" not in body:
        return None
    error = body["error"]
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return str(error or ""), str(body.get("error_description") or "")


class BitrixDialect(Dialect):
    """The code counts, not the status: limits come as 503, missing rights and records as 400 (3)."""

    def status(self, answer: Answer) -> int:
        found = problem(answer.json)
        if found is None:
            return answer.status
        code, words = found
        known = STATUSES.get(code.upper()) or _status_of_words(code, words)
        return known or (answer.status if answer.status >= 400 else 400)

    def words(self, answer: Answer) -> str:
        found = problem(answer.json)
        return ": ".join(part for part in found if part) if found and any(found) else super().words(answer)

    def is_blocked(self, answer: Answer) -> bool:
        found = problem(answer.json)
        return super().is_blocked(answer) or (found is not None and found[0].upper() == "OVERLOAD_LIMIT")

    def retry_after(self, answer: Answer) -> timedelta | None:
        named = super().retry_after(answer)
        found = problem(answer.json)
        code = found[0].upper() if found else ""
        if named is not None or code == "QUERY_LIMIT_EXCEEDED":
            return named or LIMIT_PAUSE
        return _until_reset(answer.json) if code == "OPERATION_TIME_LIMIT" else None


def _status_of_words(code: str, words: str) -> int | None:
    """Older methods answer with the words alone (3)."""
    if code.upper() not in ("", "0", "100", "ERROR_CORE"):
        return 403 if _DENIED.fullmatch(code.strip(". ")) else None
    return 403 if _DENIED.search(words) else 404 if _GONE.search(words) else None


def _until_reset(body: Mapping[str, Any]) -> timedelta:
    """Until `time.operating_reset_at`, a Unix time or ISO 8601 (2)."""
    times = body.get("time")
    text = str(times.get("operating_reset_at") or "") if isinstance(times, dict) else ""
    try:
        at = float(text) if text.isdigit() else datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except ValueError:
        return OPERATING_PAUSE
    return min(max(timedelta(seconds=at - time.time()), LIMIT_PAUSE), LONGEST_OPERATING_PAUSE)
