"""What every player makes of a call: HTTP requests; and whom it is about: the people of the company. Knows no stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

JSON, FORM = "application/json", "application/x-www-form-urlencoded"

Spoilt = Literal["body", "secret", "signature", "cut", "json"]
"""What is wrong with deliveries: cut at the beginning of the body, or at its end; an address with another secret; signed with
another salt; signed, but no JSON."""


Door = Literal["hooks", "routing", "forms", "dispatch", "calls", "list", "deadline"]
"""Where a delivery goes: the webhooks' address, the Webhook number's, that of a site's forms, of whoever sends a messenger's
client to the CRM, of click-to-call. `list` is no request: the telephony lists the call, and catching up finds it there;
nor is `deadline`: time goes by."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the company, as the telephony knows him: SIP login, the provider's id, name, extension, department."""

    login: str
    staff_id: str
    name: str
    extension: str = ""
    department: str = "Sales"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One HTTP request. `path` follows the project's address (`…/{project}/{secret}/`) and begins with the provider's name;
    `at` is when it comes; `title` is what a person would call it. `told_in` names its call in the journal, where the answer
    tells nothing of what became of it."""

    path: str
    at: datetime
    title: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    door: Door = "hooks"
    told_in: str = ""

    @property
    def provider(self) -> str:
        return self.path.partition("/")[0]

    @property
    def hint(self) -> str:
        """What follows the provider's name in the address."""
        return self.path.partition("/")[2]
