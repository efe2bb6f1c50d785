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
    `at` is when it comes; `title` is what a person would call it."""

    path: str
    at: datetime
    title: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def provider(self) -> str:
        return self.path.partition("/")[0]

    @property
    def hint(self) -> str:
        """What follows the provider's name in the address."""
        return self.path.partition("/")[2]
