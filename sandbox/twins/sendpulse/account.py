"""How the company's SendPulse account is set up: what tests and the stand switch (crm_sendpulse.md 2, 3, 4, 5, 7, 13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Change it at run time with `SendPulseTwin.set(enforce_rates=True)`.

    `enforce_rates` switches 3 on. What nobody could verify can be switched (13): `phone_is_part` lets the filter `phone` match
    a part of a number; `like` says whether the expression `like` finds a part, nothing without wildcards, or only the last
    condition counts (`part`, `exact`, `last`); `old_contact_form` is the deprecated `POST /contacts`; `not_found_status` is
    the HTTP status of the body with code 404; `wrapped_twice` wraps single reads in `data.data`; `ends_show` adds `endedAt`
    to tasks; `owner_is_listed` puts the owner of the account (user 1) into `GET /users`.
    """

    api_key: str = "sp_apikey_twin_5f0c9e"
    client_id: str = "twin-client-id"
    client_secret: str = "twin-client-secret-41b7"
    token_life: timedelta = timedelta(hours=1)
    timezone: str = "Europe/Kyiv"
    enforce_rates: bool = False
    per_second: int = 10
    per_minute: int = 1000
    phone_is_part: bool = False
    like: str = "part"
    old_contact_form: bool = True
    not_found_status: int = 404
    wrapped_twice: bool = False
    ends_show: bool = False
    owner_is_listed: bool = True
