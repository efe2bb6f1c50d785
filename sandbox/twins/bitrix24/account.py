"""How the company's portal is set up: what tests and the stand switch (crm_bitrix24.md 1, 2, 5, 17)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone

SCOPES = ("crm", "task", "telephony", "user")
CLASSIC, SIMPLE = 1, 2
"""`crm.settings.mode.get`: with leads, without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A portal. Change it at run time with `Bitrix24Twin.set(mode=SIMPLE)`.

    The webhook is user 1's, an administrator, and so is the application. `offset` is the portal's time zone. `paid` is
    whether the plan has REST. `burst` and `drain` (a second) are the leaky bucket of 2, counted with `enforce_rates`;
    `operating_cost` is what each call adds to its method's run time, of which there are `operating_limit` seconds in ten
    minutes. `token_by_post` lets the token call be a form as well (1 names the query only).

    What nobody could verify (17): `resolves_lists` has a batch hand over whole lists; `filters_contact_ids` allows
    `contactIds` in a filter; `refuses_dismissed_owner`; `keeps_wrong_options` takes a list field's value that is none of
    its options silently, without storing it; `number_of_contact_only` has a lead with a contact be found by the
    contact's number alone (7).
    """

    domain: str = "acme.bitrix24.eu"
    member_id: str = "a223c6b3710f85df22e9377d6c4f7553"
    webhook_user: int = 1
    webhook_code: str = "tw1nwebh00kc0de9"
    client_id: str = "local.5f2c0a.twin"
    client_secret: str = "twin-client-secret-5f2c"
    scopes: tuple[str, ...] = SCOPES
    access_life: timedelta = timedelta(hours=1)
    offset: timezone = timezone(timedelta(hours=3))
    mode: int = CLASSIC
    paid: bool = True
    enforce_rates: bool = False
    burst: int = 50
    drain: float = 2.0
    operating_cost: float = 0.01
    operating_limit: float = 480.0
    token_by_post: bool = True
    required: frozenset[tuple[str, str]] = frozenset()
    resolves_lists: bool = True
    filters_contact_ids: bool = False
    refuses_dismissed_owner: bool = False
    keeps_wrong_options: bool = True
    number_of_contact_only: bool = False
