"""How the company's Zoho CRM is set up: what tests and the stand switch (crm_zohocrm.md 1, 2, 3, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

SCOPES = (
    "ZohoCRM.modules.ALL", "ZohoSearch.securesearch.READ", "ZohoCRM.coql.READ", "ZohoCRM.composite_requests.CUSTOM",
    "ZohoCRM.users.READ", "ZohoCRM.settings.fields.READ", "ZohoCRM.settings.modules.READ", "ZohoCRM.settings.layouts.READ",
    "ZohoCRM.settings.pipeline.READ", "ZohoCRM.org.READ", "ZohoCRM.change_owner.CREATE",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Change it at run time with `ZohoCrmTwin.set(slots=5)`.

    `slots` is the cap of calls at the same time (None: not counted; a composite takes five). `credits` are those of a day,
    `spent` those that others used. `tokens_per_window` access tokens are given within ten minutes. `mandatory` are
    (module, api name) that the customer demands at field level. `strict_picklists` refuses unknown values. `pipelines_on`
    demands a Pipeline of each deal. `unique_account_names` refuses a second account of the same name. `duplicate_inside`
    puts the existing record into `details.duplicate_record`. `body_references` resolves references in the bodies of
    composite parts. `single_reminders` takes `Remind_At` of a task that does not repeat. `late_recordings` lets
    `Voice_Recording__s` be changed. `wrapped_errors` puts errors of 401 to 500 into `data[]`, as the files have them.
    """

    time_zone: str = "Europe/Kyiv"
    edition: str = "enterprise"
    zgid: str = "20088123456"
    domain_name: str = "org20088123456"
    client_id: str = "1000.TWINCLIENT"
    client_secret: str = "5f0e8c1d2b7a49e6931c4d8f0a6b2e7c51d3f984ab"
    scopes: tuple[str, ...] = SCOPES
    access_life: timedelta = timedelta(hours=1)
    tokens_per_window: int = 10
    active_tokens: int = 15
    slots: int | None = None
    credits: int | None = None
    spent: int = 0
    mandatory: frozenset[tuple[str, str]] = frozenset()
    hidden_modules: frozenset[str] = frozenset()
    strict_picklists: bool = False
    pipelines_on: bool = False
    unique_account_names: bool = True
    duplicate_inside: bool = False
    refuse_inactive_owner: bool = False
    body_references: bool = True
    single_reminders: bool = True
    late_recordings: bool = True
    wrapped_errors: bool = False
