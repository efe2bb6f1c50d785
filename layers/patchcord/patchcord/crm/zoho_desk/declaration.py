"""What Zoho Desk is, how a connection to it is set up, and what its answers mean (crm_zohodesk.md 1-3, 6)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from patchcord.crm.grants import Credentials
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "zoho_desk"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Zoho Desk",
    kinds={RecordKind.CONTACT: "contact", RecordKind.ORGANIZATION: "account", RecordKind.DEAL: "ticket"},
    phone_kinds=frozenset({RecordKind.CONTACT}),
    due=DuePrecision.MINUTE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=5),
    # no burst is published, only calls at the same time: 5 on Free, 10 to 25 above it (2)
    rate=Rate(units=10, window=timedelta(seconds=1)),
    # tickets wait for the contacts: they are theirs, or found by their own number when there are none (5, 12)
    requests=Requests(look_up=3, create=3, task=1, completed_task=1, look_up_depth=2),
    assumed=(
        "Numbers are searched as they are stored, so the usual notations are all asked for, with wildcards in the list (5).",
        "If such values are refused with 422, numbers are searched as digits, with and without country code (5).",
        "`phone` and `mobile` are joined by AND, so they are two searches (5).",
        "A new record is found by search within five minutes (5); seconds are likelier.",
        "Lists tell custom fields and descriptions; where they do not, each record is read (5, 8).",
        "A list begins at 0 or 1: pages overlap by one, so that none is left out (4).",
        "Tasks and calls can be listed, newest change first (13).",
        "Descriptions of tasks and calls are plain text (8, 9).",
        "Fields of the sorts number and decimal take texts; numbers are sent after a refusal (7).",
        "A one-line field takes 100 characters (7); longer values are cut.",
        "Agents are all listed without a status; an administrator has the role permission `Admin` (11).",
        "`Completed` closes a task, also at its creation (8).",
        "Not more than ten requests a second keep the limit of calls at the same time (2).",
        "A completed task can be given to another user (8).",
    ),
)

DATA_CENTRES = ("com", "eu", "in", "com.au", "jp", "com.cn", "ca", "sa", "sg", "ae", "uk")

SCOPES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("tickets",): ("READ", "CREATE", "UPDATE"),
    ("contacts",): ("READ", "CREATE", "UPDATE"),
    ("tasks", "activities.tasks"): ("READ", "CREATE", "UPDATE"),
    ("calls", "activities.calls"): ("READ", "CREATE", "UPDATE"),
    ("search",): ("READ",),
    ("basic",): ("READ",),
    ("settings", "fields"): ("READ",),
}
"""The scopes this product needs: any of the families with each right (1)."""

DAY_SPENT = "THRESHOLD_EXCEEDED"
WITHOUT_WORD = timedelta(hours=1)
"""The pause when the day's credits are used up and the answer does not say until when."""
TOKEN_PAUSE = timedelta(minutes=10)
"""Ten access tokens in ten minutes, then none until the window ends (crm_zohocrm.md 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection. `marker_fields` are custom fields that take our marker, by neutral kind.

    `department` takes tickets, tasks and calls (6); `channel` stands in new tickets; `task_completed` is the status that
    closes a task; `field_length` cuts values of custom fields; `search_mobile` also looks among mobile numbers.
    """

    base_url: str
    credentials: Credentials
    org_id: str
    portal: str
    department: str
    channel: str = "Phone"
    task_completed: str = "Completed"
    field_length: int = 100
    search_mobile: bool = True
    marker_fields: Mapping[RecordKind, str] = field(default_factory=dict)
    scopes: Callable[[], frozenset[str]] = frozenset


class DeskDialect(Dialect):
    """Error words with the fields they are about, and the two sorts of 429 (2, 3)."""

    def words(self, answer: Answer) -> str:
        body = answer.json
        if not isinstance(body, dict) or "errorCode" not in body:
            return super().words(answer)
        head = f"{body['errorCode']}: {body.get('message') or ''}"
        return "; ".join([head, *_about(body.get("errors"))])

    def retry_after(self, answer: Answer) -> timedelta | None:
        """Until the day ends when its credits are used up, a jittered second when too much runs at once."""
        named = super().retry_after(answer)
        if answer.status != 429 or named is not None:
            return named
        if isinstance(answer.json, dict) and answer.json.get("errorCode") == DAY_SPENT:
            return WITHOUT_WORD
        return timedelta(seconds=random.uniform(1, 2))  # noqa: S311 - spreads retries, guards nothing


def _about(errors: Any) -> list[str]:
    """`/contactId invalid` for each error."""
    rows = [row for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
    return [" ".join(str(row.get(name) or "") for name in ("fieldName", "errorType", "errorMessage")).strip() for row in rows]


class TokenDialect(Dialect):
    """The accounts host refuses with 200; too many refreshes pass by themselves (crm_zohocrm.md 1)."""

    def status(self, answer: Answer) -> int:
        is_busy = isinstance(answer.json, dict) and answer.json.get("error") == "Access Denied"
        return 429 if is_busy else answer.status

    def retry_after(self, answer: Answer) -> timedelta | None:
        return super().retry_after(answer) or (TOKEN_PAUSE if self.status(answer) == 429 else None)
