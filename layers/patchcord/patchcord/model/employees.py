"""Employees and their directions: who took or made a call (D-22, D-23), who owns a record (D-04)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache

from patchcord.model.phone import try_phone


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody on our side, in the words the provider used: any subset of the identifiers (telephony.md 1.4, 6)."""

    provider_id: str | None = None
    sip: str | None = None
    number: str | None = None
    extension: str | None = None
    email: str | None = None
    name: str | None = None

    @property
    def direction(self) -> str:
        """The direction as a person would look for it in the telephony's cabinet (P-ZC-06)."""
        if self.sip:
            return f"sip:{sip_login(self.sip)}"
        return self.number or self.extension or self.email or self.provider_id or self.name or ""

    @property
    def is_identified(self) -> bool:
        """Whether there is more than a name."""
        return any(getattr(self, name) is not None for name in IDENTIFIERS)

    def same_as(self, other: Agent) -> bool:
        """Whether the two share an identifier; names do not identify (telephony.md 1.4)."""
        if self == other:
            return self.is_identified
        return any(getattr(self, name) is not None and getattr(self, name) == getattr(other, name) for name in IDENTIFIERS)


IDENTIFIERS = tuple(field.name for field in fields(Agent) if field.name != "name")
"""What tells agents apart; a name does not."""


@lru_cache(maxsize=4096)
def sip_login(text: str) -> str:
    """`sip:Demo_Anna@pbx.example` and `demo_anna` are the same account: the bare lower-case login."""
    return text.strip().lower().removeprefix("sip:").split("@", 1)[0]


@dataclass(frozen=True, slots=True)
class Employee:
    """A telephony employee (O-54). Directions are SIP logins (`sip:login`) or phone numbers; extensions are strings."""

    key: str
    name: str = ""
    email: str | None = None
    extension: str | None = None
    main_directions: tuple[str, ...] = ()
    other_directions: tuple[str, ...] = ()
    provider_ids: tuple[str, ...] = ()
    crm_user: str | None = None
    active: bool = True
    departments: tuple[str, ...] = ()
    missed_distribution: bool = False

    @property
    def known(self) -> bool:
        """Whether records and tasks can be written in this employee's name (D-22)."""
        return self.active and self.crm_user is not None


class Directory:
    """Finds employees by whatever identifies them. Built once per version of the settings."""

    def __init__(self, employees: Iterable[Employee], region: str) -> None:
        self.employees: dict[str, Employee] = {employee.key: employee for employee in employees}
        self._by_identifier: dict[tuple[str, str], Employee] = {}
        self._by_crm_user: dict[str, Employee] = {}
        self._region = region
        for employee in self.employees.values():
            self._index(employee)

    def _index(self, employee: Employee) -> None:
        for direction in (*employee.main_directions, *employee.other_directions):
            self._by_identifier.setdefault(direction_identity(direction, self._region), employee)
        for provider_id in employee.provider_ids:
            self._by_identifier.setdefault(("provider_id", provider_id), employee)
        if employee.extension:
            self._by_identifier.setdefault(("extension", employee.extension), employee)
        if employee.email:
            self._by_identifier.setdefault(("email", employee.email.lower()), employee)
        if employee.crm_user is not None:
            self._by_crm_user.setdefault(employee.crm_user, employee)

    def find(self, agent: Agent) -> Employee | None:
        """The employee behind an agent: by the provider's id first, never by name."""
        for identity in identities(agent, self._region):
            employee = self._by_identifier.get(identity)
            if employee is not None:
                return employee
        return None

    def owns_number(self, e164: str) -> bool:
        """Whether a number is one of the employees' own directions (D-10)."""
        return ("number", e164) in self._by_identifier

    def of_crm_user(self, crm_user: str | None) -> Employee | None:
        """The employee bound to a CRM user, active or not."""
        return None if crm_user is None else self._by_crm_user.get(crm_user)


def identities(agent: Agent, region: str) -> Iterable[tuple[str, str]]:
    """What an agent can be found by, the surest first."""
    if agent.provider_id:
        yield "provider_id", agent.provider_id
    if agent.sip:
        yield "sip", sip_login(agent.sip)
    if agent.number:
        yield direction_identity(agent.number, region)
    if agent.extension:
        yield "extension", agent.extension
    if agent.email:
        yield "email", agent.email.lower()


def direction_identity(direction: str, region: str) -> tuple[str, str]:
    """A direction as a comparable pair: `("number", e164)`, else `("sip", login)`."""
    text = direction.strip()
    if not text.lower().startswith("sip:") and not any(char.isalpha() for char in text):
        phone = try_phone(text, region)
        if phone is not None:
            return "number", phone.e164
        return "extension", text
    return "sip", sip_login(text)
