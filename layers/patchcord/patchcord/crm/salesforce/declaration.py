"""What Salesforce is, how a connection to it is set up, and what its answers mean (crm_salesforce.md 0-4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from patchcord.crm.grants import OAuthGrant
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "salesforce"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Salesforce",
    kinds={
        RecordKind.CONTACT: "contact",
        RecordKind.ORGANIZATION: "account",
        RecordKind.LEAD: "lead",
        RecordKind.DEAL: "opportunity",
    },
    phone_kinds=frozenset({RecordKind.LEAD, RecordKind.CONTACT, RecordKind.ORGANIZATION}),
    due=DuePrecision.DATE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=15),
    # the only limit is that of a rolling day, here without the calls that licences add; each part of a batch counts (3, 6.4)
    rate=Rate(units=100_000, window=timedelta(hours=24), costs={"search": 2}),
    requests=Requests(look_up=1, create=1, task=1, completed_task=1),
    text_length=32_000,
    value_length=255,
    assumed=(
        "The search index keeps a phone field as one token of digits (6.1).",
        "A batch call carries the text search and a query side by side, and each part counts as a call (6.4).",
        "Contact roles can be narrowed by the numbers of their contacts (6.3).",
        "A new record is found by search within 15 minutes (6.1).",
        "After REQUEST_LIMIT_EXCEEDED five minutes are a good pause; Salesforce names none (3).",
        "Sforce-Auto-Assign and the header for duplicate rules work for the parts of a composite call (8.6).",
        "DUPLICATES_DETECTED tells the existing record in a composite call as well (15).",
        "CallObject takes our marker on every task and can be queried (10.2).",
        "Text lengths are counted in UTF-16 units.",
        "Profile.PermissionsModifyAllData tells administrators (13); where it cannot be read nobody counts as one.",
        "A note is a completed task without a date (11).",
        "Person accounts are found as contacts (6.2).",
        "The creator of a record is the integration user; it cannot be set.",
        "A completed task can be given to another user (10.2).",
    ),
)

OBJECTS = {
    RecordKind.LEAD: "Lead",
    RecordKind.CONTACT: "Contact",
    RecordKind.ORGANIZATION: "Account",
    RecordKind.DEAL: "Opportunity",
}
LENGTHS = {"Lead": 80, "Contact": 80, "Account": 255, "Opportunity": 120, "Task": 255}
"""How long a name (last name, subject) may be, by object."""
USER, QUEUE = "005", "00G"
"""How the ids of users and queues begin (1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection.

    `company` stands in leads of private persons; `stage` and `close_in_days` are those of a new opportunity (8.1, 8.4).
    `closed_statuses` are the lead statuses that count as closed (7), `completed_status` that of a done task (10.1).
    `marker_field` (on leads, contacts, accounts and opportunities) takes our marker, `recording_field` (on tasks) the
    recording's link, `lead_contact_field` and `lead_organization_field` link a lead (9); all four the customer creates.
    `lead_source` is the parameter of a visit that goes into the native source field, or `none`.
    `opportunities` are found by their contact `roles`, by `accounts`, by `both`, or not at all (`none`); `look_up` asks for
    everything in one `batch`, or in `steps` that scan nothing, for very large orgs (6.3, 6.4). `timezone` is the one in
    which the days of tasks are counted. `hidden` are secrets that are shown nowhere.
    """

    base_url: str
    credentials: OAuthGrant
    hidden: tuple[str, ...] = field(default=(), repr=False)
    version: str = "v67.0"
    company: str = "Private person"
    stage: str = "Prospecting"
    close_in_days: int = 30
    closed_statuses: frozenset[str] = frozenset({"Closed - Converted", "Closed - Not Converted"})
    completed_status: str = "Completed"
    marker_field: str = ""
    recording_field: str = ""
    lead_contact_field: str = ""
    lead_organization_field: str = ""
    lead_source: str = "utm_source"
    opportunities: str = "roles"
    look_up: str = "batch"
    timezone: str = "UTC"


LIMIT_PAUSE = timedelta(minutes=5)
"""How long we stay quiet over the day's limit: the window rolls, so a part of it is free again soon (3)."""
DUPLICATES = "DUPLICATES_DETECTED"
STATUSES = {
    "REQUEST_LIMIT_EXCEEDED": 429,
    "INVALID_SESSION_ID": 401,
    "INSUFFICIENT_ACCESS_OR_READONLY": 403,
    "ENTITY_IS_DELETED": 404,
    # it lives on as a contact, which the next look-up finds (7)
    "CANNOT_UPDATE_CONVERTED_LEAD": 404,
    "UNABLE_TO_LOCK_ROW": 500,
    "QUERY_TIMEOUT": 500,
    # no error to the caller of a creation, who reads which record there is already (15)
    DUPLICATES: 200,
}
"""Codes that mean more than the status they come with (4)."""


class SalesforceDialect(Dialect):
    """Errors are a list with codes; the day's limit is a 403 that has to be told from a missing right (3, 4)."""

    def status(self, answer: Answer) -> int:
        codes = (str(item.get("errorCode")) for item in errors_of(answer.json))
        return next((STATUSES[code] for code in codes if code in STATUSES), answer.status)

    def words(self, answer: Answer) -> str:
        return "; ".join(_sentence(item) for item in errors_of(answer.json)) or super().words(answer)

    def retry_after(self, answer: Answer) -> timedelta | None:
        named = super().retry_after(answer)
        return named or (LIMIT_PAUSE if self.status(answer) == 429 else None)


def errors_of(body: Any) -> Iterator[dict[str, Any]]:
    """The errors of an answer: a list at the top (4)."""
    for item in body if isinstance(body, list) else ():
        if isinstance(item, dict) and item.get("errorCode"):
            yield item


def _sentence(item: dict[str, Any]) -> str:
    """Code and message, with the fields that the message may not name."""
    fields = item.get("fields")
    named = f" [{', '.join(str(name) for name in fields)}]" if isinstance(fields, list) and fields else ""
    return f"{item['errorCode']}: {item.get('message') or ''}{named}"
