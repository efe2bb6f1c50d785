"""What Zoho CRM is, and how a connection to it is set up (crm_zohocrm.md 1, 2, 6-9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from enum import StrEnum

from patchcord.crm.grants import Credentials
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind

VENDOR = "zoho_crm"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Zoho CRM",
    kinds={
        RecordKind.CONTACT: "contact",
        RecordKind.ORGANIZATION: "account",
        RecordKind.LEAD: "lead",
        RecordKind.DEAL: "deal",
    },
    phone_kinds=frozenset({RecordKind.LEAD, RecordKind.CONTACT, RecordKind.ORGANIZATION}),
    due=DuePrecision.DATE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=5),
    # Zoho counts calls at the same time, 10 in the Standard edition; a composite takes 5 of them (2). Here a call is taken
    # to last a second.
    rate=Rate(units=30, window=timedelta(seconds=3), costs={"search": 5, "composite": 5}),
    requests=Requests(look_up=1, create=1, task=1, completed_task=1),
    text_length=32_000,
    value_length=255,
    assumed=(
        "COQL knows Converted__s, and Contact_Name.Phone and Contact_Name.Mobile in its conditions (17).",
        "A part of a composite that finds nothing answers 204 or an empty list (17).",
        "References to earlier parts are filled in inside bodies of a composite; if not, records are made one by one (12).",
        "Quotes and backslashes in COQL texts are escaped by a backslash (5.2).",
        "Search by phone takes national digits and finds them whatever stands between them (5.1).",
        "Call_Duration is mm:ss (9).",
        "Voice_Recording__s can be written later; where it is refused, the link goes into the description (9).",
        "Remind_At takes a date-time for a task that does not repeat; where it is refused, it is left out (8).",
        "Last names hold 80 characters, accounts 200, deals 120, subjects 255, descriptions 32,000, addresses of recordings 450.",
        "Lists (GET) are as fresh as COQL, and tell descriptions, which COQL cannot filter (13).",
        "A change of a record that is not there any more is INVALID_DATA with a word about the id.",
        "A record that was refused as a duplicate exists and is used in place of the new one (3).",
        "Administrators have the profile called Administrator (11).",
        "Tags are made by their name with the record.",
        "A phone, marker or lookup field that does not exist is passed over by Zoho without a word; the check tells it.",
        "A completed task can be given to another user, unlike a finished call (8, 9).",
    ),
)

MODULES = {
    RecordKind.CONTACT: "Contacts",
    RecordKind.ORGANIZATION: "Accounts",
    RecordKind.LEAD: "Leads",
    RecordKind.DEAL: "Deals",
}
TASKS, CALLS, NOTES = "Tasks", "Calls", "Notes"
BASE = "/crm/v8"
SCOPES = (
    "ZohoSearch.securesearch.READ", "ZohoCRM.coql.READ", "ZohoCRM.composite_requests.CUSTOM", "ZohoCRM.users.READ",
    "ZohoCRM.settings.fields.READ",
)  # fmt: skip
"""The scopes without which the daily work stops, besides those of the modules (1)."""


class Together(StrEnum):
    """When several things go into one composite request (2, 12)."""

    ALWAYS = "always"
    READING = "reading"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection; mappings are by neutral kind. docs/vendors/zoho_crm.md says what each is for."""

    credentials: Credentials
    api_domain: Callable[[], str]
    web_url: str
    composite: Together = Together.ALWAYS
    marker_fields: Mapping[RecordKind, str] = field(default_factory=dict)
    lead_lookups: Mapping[RecordKind, str] = field(default_factory=dict)
    phone_fields: Mapping[RecordKind, tuple[str, ...]] = field(default_factory=dict)
    defaults: Mapping[RecordKind, Mapping[str, str]] = field(default_factory=dict)
    dead_lead_statuses: frozenset[str] = frozenset({"Junk Lead", "Lost Lead"})
    closed_stages: frozenset[str] = frozenset(
        {"Closed Won", "Closed Lost", "Closed Lost to Competition", "Closed-Lost to Competition"}
    )
    converted_field: str = "Converted__s"
    lead_search: bool = True
    lead_company: str = ""
    lead_source: bool = True
    deal_stage: str = "Qualification"
    deal_pipeline: str = ""
    closing_days: int = 30
    task_open: str = "Not Started"
    task_completed: str = "Completed"
    reminder: str = "popup"
    call_duration: str = "mm:ss"
    time_zone: tzinfo = UTC
    scopes: Callable[[], frozenset[str]] | None = None
