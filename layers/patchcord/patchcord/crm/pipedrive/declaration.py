"""What Pipedrive is, how a connection to it is set up, and what its answers mean (crm_pipedrive.md 0-4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from patchcord.crm.grants import Credentials
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "pipedrive"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Pipedrive",
    kinds={
        RecordKind.CONTACT: "person",
        RecordKind.ORGANIZATION: "organization",
        RecordKind.LEAD: "lead",
        RecordKind.DEAL: "deal",
    },
    phone_kinds=frozenset({RecordKind.CONTACT}),
    due=DuePrecision.MINUTE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=5),
    # the burst of the smallest plan with an API token, 20 in 2 s; searches have 10 of their own, so each counts for two (3.2)
    rate=Rate(units=20, window=timedelta(seconds=2), costs={"search": 2}),
    requests=Requests(look_up=1, create=3, task=1, completed_task=1),
    value_length=255,
    assumed=(
        "Numbers are searched without their punctuation (6.2); a search without a match costs one request.",
        "A new record is found by search within five minutes (6.2); seconds are likelier.",
        "The day of the token budget ends at midnight UTC (3.1).",
        "The creator of a record is the user of the token; it cannot be set.",
        "A name longer than 255 characters is refused, so it is cut.",
        "Custom fields of the sorts enum, set and number take ids and numbers; texts are converted after a refusal (12).",
        "A completed activity can be given to another user (10.2).",
    ),
)

TOKEN_URL = "https://oauth.pipedrive.com/oauth/token"  # noqa: S105 - an address
SCOPES = ("base", "contacts:full", "leads:full", "deals:full", "activities:full", "search:read", "users:read")
"""The scopes this product needs (2.2)."""

BURST = timedelta(seconds=2)
"""The rolling window of the burst limit: the pause after a 429 that names none (3.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection. `marker_fields` are custom fields that take our marker, by neutral kind."""

    base_url: str
    credentials: Credentials
    activity_task: str = "task"
    activity_call: str = "call"
    marker_fields: Mapping[RecordKind, str] = field(default_factory=dict)
    scopes: Callable[[], frozenset[str]] | None = None


class PipedriveDialect(Dialect):
    """Error words of both versions, and the two sorts of 429 (3.3, 3.4, 4)."""

    def words(self, answer: Answer) -> str:
        body = answer.json
        if not isinstance(body, dict):
            return super().words(answer)
        texts = [body.get("error"), body.get("error_info")]
        return " ".join(text for text in texts if isinstance(text, str) and text) or super().words(answer)

    def retry_after(self, answer: Answer) -> timedelta | None:
        """Until midnight when the day's budget is spent, else what the headers say, else the burst's window."""
        if answer.status != 429:
            return super().retry_after(answer)
        if _day_is_spent(answer):
            return _until_midnight(datetime.now(UTC))
        named = super().retry_after(answer)
        reset = answer.headers.get("x-ratelimit-reset", "")
        return named or (timedelta(seconds=int(reset)) if reset.isdigit() and int(reset) else BURST)


DEAREST = 20
"""Tokens of the dearest call we make: with fewer left the day is over for look-ups (3.1)."""


def _day_is_spent(answer: Answer) -> bool:
    left = [answer.headers.get(name, "") for name in ("x-daily-requests-left", "x-daily-ratelimit-token-remaining")]
    return any(text.isdigit() and int(text) < DEAREST for text in left)


def _until_midnight(now: datetime) -> timedelta:
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0) - now
