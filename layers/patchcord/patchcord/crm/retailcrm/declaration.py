"""What RetailCRM is, how a connection to it is set up, and what its answers mean (crm_retailcrm.md 1-5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from patchcord.crm.grants import Credentials
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "retailcrm"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="RetailCRM",
    kinds={RecordKind.CONTACT: "customer", RecordKind.DEAL: "order"},
    phone_kinds=frozenset({RecordKind.CONTACT, RecordKind.DEAL}),
    due=DuePrecision.MINUTE,
    logs=frozenset({LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=5),
    # 10 requests a second for a key (3); the 40 of telephony are not used
    rate=Rate(units=10, window=timedelta(seconds=1)),
    requests=Requests(look_up=2, create=2, task=1, completed_task=2),
    text_length=10_000,
    value_length=255,
    assumed=(
        "filter[name] and filter[customer] find a number by its significant digits, in whatever notation it is stored (6.2).",
        "A new record is found by search within five minutes (6.2); nothing is said of a lag.",
        "An order is open unless its status is in the group complete or cancel (5); the status new is always open.",
        "A refused key is told by a 403 that names apiKey, in every language; any other 403 is a missing right (4).",
        "A new task is never complete at once, so a completed one takes two requests (9).",
        "A task takes a customer and an order at the same time (9).",
        "An edit of a task names its performer and keeps what it does not name, so a completed one stays completed (9).",
        "An order keeps what an edit does not name (7).",
        "A name or a title is at most 255 characters long, a commentary at least 10,000; longer ones are cut.",
        "Lists of tasks and notes take filter[createdAtFrom]; it only saves pages.",
        "Numbers may be sent as texts; dictionary elements need their code, so values are converted after a refusal (7).",
        "The address of a customer's card is /customers/{id} (14).",
    ),
)

CLOSED_GROUPS = ("complete", "cancel")
"""The groups whose orders are closed (5)."""
FIRST_STATUS = "new"
"""The one status of the group `new`, which nobody can edit (5)."""
NOTATIONS = ("significant", "e164", "digits", "national", "international")
"""How a number may be put into the search; the first is the default (6.2)."""

METHODS = (
    "/api/customers", "/api/customers/create", "/api/customers/{id}/edit", "/api/customers/notes",
    "/api/customers/notes/create", "/api/orders", "/api/orders/create", "/api/orders/{id}", "/api/orders/{id}/edit",
    "/api/tasks", "/api/tasks/create", "/api/tasks/{id}", "/api/tasks/{id}/edit", "/api/users", "/api/settings",
    "/api/reference/sites", "/api/reference/status-groups", "/api/custom-fields", "/api/custom-fields/dictionaries/{code}",
)  # fmt: skip
"""The methods that the key must be allowed to call (1)."""
ORDER_METHODS = "/api/reference/order-methods"
"""Needed too when the connection names an order method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection. `marker_fields` are custom fields that take our marker in place of the externalId."""

    base_url: str
    credentials: Credentials
    site: str = ""
    timezone: str = ""
    task_performer: str = ""
    order_method: str = ""
    closed_groups: tuple[str, ...] = CLOSED_GROUPS
    closed_statuses: tuple[str, ...] = ()
    phone_search: tuple[str, ...] = NOTATIONS[:1]
    marker_fields: Mapping[RecordKind, str] = field(default_factory=dict)


class RetailDialect(Dialect):
    """403 for a bad key, errors inside of a success, a page of nginx for an account that does not exist (4)."""

    def status(self, answer: Answer) -> int:
        if answer.status == 403 and "apikey" in _message(answer).lower():
            return 401
        if answer.status == 405 and answer.is_html:
            return 404
        refused = answer.status < 300 and isinstance(answer.json, dict) and answer.json.get("success") is False
        return 400 if refused else answer.status

    def words(self, answer: Answer) -> str:
        """`errorMsg` and the fields that are wrong, whether they come as an object or a list."""
        errors = answer.json.get("errors") if isinstance(answer.json, dict) else None
        named = [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else errors
        parts = [_message(answer), *(named if isinstance(named, list) else ())]
        return "; ".join(str(part) for part in parts if part) or super().words(answer)


def _message(answer: Answer) -> str:
    return str(answer.json.get("errorMsg") or "") if isinstance(answer.json, dict) else ""
