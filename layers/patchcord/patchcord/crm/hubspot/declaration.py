"""What HubSpot is, how a connection to it is set up, and what its answers mean (crm_hubspot.md 0-4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from patchcord.crm.grants import Credentials
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "hubspot"
BASE_URL = "https://api.hubapi.com"
VERSION = "2026-03"
"""The one dated version that is spoken; each lives for 18 months (1)."""
MARKER = "patchcord_marker"
NO_MARKER = "none"

DECLARATION = Declaration(
    vendor=VENDOR,
    title="HubSpot",
    kinds={
        RecordKind.CONTACT: "contact",
        RecordKind.ORGANIZATION: "company",
        RecordKind.LEAD: "lead",
        RecordKind.DEAL: "deal",
    },
    phone_kinds=frozenset({RecordKind.CONTACT, RecordKind.ORGANIZATION}),
    due=DuePrecision.MINUTE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=5),
    # 100 in 10 s for the smallest plan, and 5 searches in one second of an account for all its apps: so each counts for two (3)
    rate=Rate(units=20, window=timedelta(seconds=2), costs={"search": 2}),
    # the free text waits for the numbers: with it at once, a look-up would go over the second's searches (3, 6.1)
    requests=Requests(look_up=4, create=3, task=1, completed_task=1, look_up_depth=2),
    text_length=30_000,
    assumed=(
        "A number that HubSpot cannot read is found by its stored text, or by free text when nothing else finds it (6.1).",
        "Companies have the computed number as well; where they have none, they are searched without it (6.1).",
        "The records of several contacts are searched for at once, with an IN on their associations (6.3).",
        "A property that a search is asked to tell and that does not exist is left out, not refused.",
        "A new record is found by search within five minutes (6.2); moments are likelier.",
        "Leads are closed in the stages qualified and unqualified of the default pipeline, unless the settings name others (7).",
        "An account without leads answers 403 or 404 for them (7).",
        "The first company that is associated with a contact becomes its primary one (8).",
        "A unique property finds an object at once, without the lag of the search (15).",
        "Asking by a property that does not exist or is not unique is refused with 400 (15).",
        "Tasks, calls and notes need the scopes of contacts, none of their own (2.3).",
        "A recording's address that the call refuses goes into the call's text (10.3).",
        "The account's midnight is not known: when the day's requests are spent, one is tried each hour (3).",
        "A completed task can be given to another user (10.2).",
    ),
)
"""With leads. A look-up takes two searches by number, contacts and companies, and one for each of leads and deals (6, 14)."""

WITHOUT_LEADS = replace(
    DECLARATION,
    kinds={kind: word for kind, word in DECLARATION.kinds.items() if kind is not RecordKind.LEAD},
    requests=replace(DECLARATION.requests, look_up=3),
)
"""What an account below Sales Hub Professional is, and one whose settings do not ask for leads (7)."""

SCOPES = (
    "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.companies.read", "crm.objects.companies.write",
    "crm.objects.deals.read", "crm.objects.deals.write", "crm.objects.owners.read", "crm.schemas.contacts.read",
    "crm.schemas.companies.read", "crm.schemas.deals.read",
)  # fmt: skip
"""The scopes this product needs (2.3)."""
LEAD_SCOPES = ("crm.objects.leads.read", "crm.objects.leads.write")

BURST = timedelta(seconds=10)
LOCKED = timedelta(seconds=2)
"""How long a mass change locks a record (4)."""
DAY_IS_SPENT = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection. `marker` is the unique property for our marker, empty where there is none."""

    base_url: str
    credentials: Credentials
    leads: bool = False
    marker: str = MARKER
    hub_id: str = ""
    ui_domain: str = ""
    deal_pipeline: str = "default"
    deal_stage: str = "appointmentscheduled"
    closed_lead_stages: frozenset[str] = frozenset()
    scopes: Callable[[], frozenset[str]] | None = None

    def with_place(self, pipeline: str | None, stage: str | None) -> Connection:
        """With another pipeline and stage for new deals, where they are named."""
        return replace(self, deal_pipeline=pipeline or self.deal_pipeline, deal_stage=stage or self.deal_stage)


class HubSpotDialect(Dialect):
    """The pauses of 429 by policy, 423 and 477, and what an error is about (3, 4)."""

    def status(self, answer: Answer) -> int:
        """477: the account moves to another data centre; everything waits."""
        return 503 if answer.status == 477 else answer.status

    def words(self, answer: Answer) -> str:
        """The properties or scopes in question first: what follows may be long."""
        about = ", ".join(dict.fromkeys(_named(answer.json)))
        said = super().words(answer)
        return f"{about}: {said}" if about else said

    def retry_after(self, answer: Answer) -> timedelta | None:
        named = super().retry_after(answer)
        if named is not None or answer.status not in (423, 429):
            return named
        return LOCKED if answer.status == 423 else _pause(answer.json)


def _pause(body: Any) -> timedelta:
    """429 has no `Retry-After`: the policy says how long (3). A search's second gets a jitter, many wait for it."""
    policy = body.get("policyName") if isinstance(body, Mapping) else None
    if policy == "DAILY":
        return DAY_IS_SPENT
    if policy == "SECONDLY":
        return timedelta(seconds=1, milliseconds=time.monotonic_ns() // 1000 % 1000)
    return BURST


def _named(body: Any) -> Iterator[str]:
    """The names in the `context` of the error and of its parts."""
    if not isinstance(body, Mapping):
        return
    parts = body.get("errors")
    for part in (body, *(parts if isinstance(parts, list) else ())):
        context = part.get("context") if isinstance(part, Mapping) else None
        for name in ("propertyName", "requiredGranularScopes"):
            values = context.get(name) if isinstance(context, Mapping) else None
            yield from (str(value) for value in values or ()) if isinstance(values, list) else ()
