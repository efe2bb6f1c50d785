"""What Creatio is, how a connection to it is set up, and what its answers mean (crm_creatio.md 1-3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from patchcord.crm.grants import OAuthGrant
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "creatio"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="Creatio",
    kinds={
        RecordKind.CONTACT: "contact",
        RecordKind.ORGANIZATION: "account",
        RecordKind.LEAD: "lead",
        RecordKind.DEAL: "opportunity",
    },
    phone_kinds=frozenset({RecordKind.CONTACT, RecordKind.LEAD, RecordKind.ORGANIZATION}),
    due=DuePrecision.MINUTE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    # OData reads the database; only the rows that make a number searchable may come a little later (7)
    search_lag=timedelta(minutes=2),
    # no limit is documented but slow queries hurt live users: a few at a time (2)
    rate=Rate(units=10, window=timedelta(seconds=1), costs={"search": 2}),
    requests=Requests(look_up=1, create=1, task=1, completed_task=1, look_up_known=2, look_up_depth_known=2),
    name_length=500,
    text_length=60_000,
    value_length=250,
    assumed=(
        "GET works within $batch (12), and $select within $expand (5.1; see `expand`).",
        "Communication rows are found by the reversed digits of a number (5.1).",
        "A contact's row for its number is made at once by the server; if it is not, we make it (7; see `phone_rows`).",
        "A repeated id is refused with 409 or 500 (13).",
        "A batch whose part fails may have been taken back or not: we look what is there (12).",
        "Employees are contacts of the shipped type Employee (5.1; see `employee_type`).",
        "Administrators are the users below the role System administrators (see `administrators`).",
        "Ids of directions other than incoming are those of a shipped system (9; see `outgoing`, `no_direction`).",
        "Notes of activities and calls are plain text (8, 9).",
        "A note is a completed activity outside the calendar (10).",
        "Numbers of the type Decimal are taken as text, because we send IEEE754Compatible (1).",
        "A 403 without a body, when signed in by forms, means a wrong BPMCSRF (1).",
        "Eight seconds are enough for an answer; a cold site that takes longer is asked again (2).",
        "After 429 or 503 ten seconds are a good pause; no limit is documented (2).",
        "The creator of a record is the API user; it cannot be set.",
        "Texts are counted in UTF-16 units.",
        "A completed activity can be given to another user (8).",
    ),
)

ENTITIES = {
    RecordKind.CONTACT: "Contact",
    RecordKind.ORGANIZATION: "Account",
    RecordKind.LEAD: "Lead",
    RecordKind.DEAL: "Opportunity",
}
NAMES = {"Contact": "Name", "Account": "Name", "Lead": "LeadName", "Opportunity": "Title"}
"""The column that holds a record's name (7)."""
LENGTHS = {"Contact": 250, "Account": 250, "Lead": 500, "Opportunity": 500, "Activity": 450, "Call": 250}
"""How long a name, title or caption may be (7-9)."""
NOBODY = "00000000-0000-0000-0000-000000000000"
"""An empty lookup (4)."""

IDS = {
    "mobile_phone": ("CommunicationType", "d4a2dc80-30ca-df11-9b2a-001d60e938c6"),
    "task_type": ("ActivityType", "fbe0acdc-cfc0-df11-b00f-001d60e938c6"),
    "task_category": ("ActivityCategory", "f51c4643-58e6-df11-971b-001d60e938c6"),
    "call_category": ("ActivityCategory", "e52bd583-7825-e011-8165-00155d043204"),
    "not_started": ("ActivityStatus", "384d4b84-58e6-df11-971b-001d60e938c6"),
    "completed": ("ActivityStatus", "4bdbb88f-58e6-df11-971b-001d60e938c6"),
    "priority": ("ActivityPriority", "d625a9fc-7ee6-df11-971b-001d60e938c6"),
    "incoming": ("CallDirection", "1d96a65f-2131-4916-8825-2d142b1000b2"),
    "outgoing": ("CallDirection", "53f71b5f-7e17-4cf5-bf14-6a59212db422"),
    "no_direction": ("CallDirection", "c072be2c-3d82-4468-9d4a-6db47d1f4cca"),
    "employee_type": ("ContactType", "60733efc-f36b-1410-a883-16d83cab0980"),
    "administrators": ("SysAdminUnit", "83a43ebc-f36b-1410-298d-001e8c82bcad"),
}
"""Entries of pick lists by what they are for: the list, and the id in a shipped system (7-9). Each is an option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection.

    `tenant` keeps the ids that we choose apart from other customers' (13). `core` is a .NET site, without `/0` (1). `ids` are
    the entries of pick lists by the names of `IDS`. `phone_rows` says who makes a contact's row for its number: the `server`,
    we (`own`), or whoever proves to be needed (`auto`) (7). `expand` is `narrow`, with `$select` inside, or `plain` (5.1).
    `interface` is the `classic` one or `freedom` (14). `prefix` begins the names of the customer's columns (11).
    `lead_type` is the customer need of new leads, if any (7). `hidden` are secrets that are shown nowhere.
    """

    base_url: str
    tenant: str
    credentials: OAuthGrant
    hidden: tuple[str, ...] = field(default=(), repr=False)
    forms: bool = False
    core: bool = False
    ids: Mapping[str, str] = field(default_factory=lambda: {name: key for name, (_, key) in IDS.items()})
    phone_rows: str = "auto"
    expand: str = "narrow"
    interface: str = "classic"
    prefix: str = "Usr"
    lead_type: str = ""

    @property
    def root(self) -> str:
        """Below the host: where the interface lives (1)."""
        return "" if self.core else "/0"


_LOGIN = re.compile(r"/Login/|NuiLogin|AuthService", re.I)
PAUSE = timedelta(seconds=10)


class CreatioDialect(Dialect):
    """A dead session shows as a redirect to the login page, or as that page itself (3)."""

    def __init__(self, *, forms: bool = False) -> None:
        self._forms = forms

    def status(self, answer: Answer) -> int:
        if 300 <= answer.status < 400 and "login" in answer.headers.get("location", "").lower():
            return 401
        if answer.status == 200 and answer.is_html and _LOGIN.search(answer.text):
            return 401
        if self._forms and answer.status == 403 and not answer.text.strip():
            return 401
        # a function or verb that the server has not: trying again does not help
        return 400 if answer.status in (405, 501) else answer.status

    def retry_after(self, answer: Answer) -> timedelta | None:
        named = super().retry_after(answer)
        return named or (PAUSE if answer.status in (429, 503) else None)
