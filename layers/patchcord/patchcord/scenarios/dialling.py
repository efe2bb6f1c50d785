"""Click-to-call: who is rung for a number that was clicked in the CRM, and which numbers are never dialled (rules.md O-50)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import phonenumbers

from patchcord.model.employees import Agent, Employee, direction_identity, sip_login
from patchcord.model.phone import ImpossiblePhone, is_hidden, is_short, read_phone
from patchcord.model.settings import Settings
from patchcord.model.words import Word

Leg = Literal["client", "employee"]
Choose = Callable[[Sequence[str]], str]
"""Takes one of several SIP accounts: at random, unless a test wants to know which."""

COSTLY = frozenset({phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST})
"""Sorts of numbers that the caller pays for, whichever country they are in."""

PERSONAL = frozenset({phonenumbers.PhoneNumberType.PERSONAL_NUMBER, phonenumbers.PhoneNumberType.UAN})
"""Numbers that lead anywhere, at any price."""


class Code(Word):
    """Why a call is not made, as the answer names it."""

    INTEGRATION_OFF = "INTEGRATION_OFF"
    NUMBER_NOT_POSSIBLE = "NUMBER_NOT_POSSIBLE"
    BLOCKED_NUMBER = "BLOCKED_NUMBER"
    OWN_NUMBER = "OWN_NUMBER"
    REGION_NOT_ALLOWED = "REGION_NOT_ALLOWED"
    COSTLY_NUMBER = "COSTLY_NUMBER"
    EMPLOYEE_UNKNOWN = "EMPLOYEE_UNKNOWN"
    SIP_ACCOUNT_UNKNOWN = "SIP_ACCOUNT_UNKNOWN"
    EXTENSION_REQUIRED = "EXTENSION_REQUIRED"
    CLIENT_FIRST_NOT_POSSIBLE = "CLIENT_FIRST_NOT_POSSIBLE"
    EMPLOYEE_OFFLINE = "EMPLOYEE_OFFLINE"
    NO_SIP_ONLINE = "NO_SIP_ONLINE"


WORDS = {
    Code.INTEGRATION_OFF: "The integration is switched off.",
    Code.NUMBER_NOT_POSSIBLE: "This is no number that can be dialled.",
    Code.BLOCKED_NUMBER: "The number is on the project's list of blocked numbers.",
    Code.OWN_NUMBER: "This is one of the company's own numbers.",
    Code.REGION_NOT_ALLOWED: "The project does not allow calls to this country.",
    Code.COSTLY_NUMBER: "Numbers of this sort are never dialled: calls to them are charged at a special rate.",
    Code.EMPLOYEE_UNKNOWN: "There is no active employee of this name.",
    Code.SIP_ACCOUNT_UNKNOWN: "The SIP account belongs to no active employee.",
    Code.EXTENSION_REQUIRED: "The employee has no short number, and this telephony dials by short numbers only.",
    Code.CLIENT_FIRST_NOT_POSSIBLE: "This telephony always rings the employee first.",
    Code.EMPLOYEE_OFFLINE: "The employee's phone is not online. Connect it, or choose somebody else.",
    Code.NO_SIP_ONLINE: "No SIP account of the project is online. Connect a phone and try again.",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: the number as it was clicked; the employee's key or SIP account, and who is rung first, if told."""

    to: str = field(repr=False)
    employee: str | None = None
    sip: str | None = None
    first: Leg | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    """The call to make: `to` in E.164, who is rung in which order, and the account as `sip:login`.

    Where the telephony dials by short numbers, `extension` is the employee's and there may be no account.
    """

    to: str = field(repr=False)
    first: Leg
    account: str | None = None
    employee: str | None = None
    extension: str | None = None
    rules: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, str]:
        """Who is rung, first and second: `client`, and the account or else the short number."""
        us = self.account or self.extension or ""
        return ("client", us) if self.first == "client" else (us, "client")


@dataclass(frozen=True, slots=True)
class Refused:
    """The call is not made; `words` are for the person who clicked."""

    code: Code
    rules: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return WORDS[self.code]


def permitted(to: str, settings: Settings) -> str | Refused:
    """The number in E.164 if it may be dialled at all: it costs nothing to find out, so it comes before anybody is asked."""
    if not settings.integration.enabled:
        return Refused(Code.INTEGRATION_OFF, ("S2-04",))
    region = settings.phone.default_region
    try:
        if is_hidden(to) or is_short(to) or len(to) > 40:
            return Refused(Code.NUMBER_NOT_POSSIBLE, ("D-30",))
        number = read_phone(to, region).e164
    except ImpossiblePhone:
        return Refused(Code.NUMBER_NOT_POSSIBLE, ("D-30",))
    if number in settings.blocked_e164:
        return Refused(Code.BLOCKED_NUMBER, ("S0-36", "D-19"))
    if number in settings.own_e164 or settings.directory.owns_number(number):
        return Refused(Code.OWN_NUMBER, ("D-10",))
    return _affordable(number, settings.click_to_call.regions or (region,))


def _affordable(number: str, regions: Sequence[str]) -> str | Refused:
    """Calls that somebody else earns from are what stolen access is used for: only known countries, no special rates."""
    parsed = phonenumbers.parse(number)
    if not phonenumbers.is_valid_number(parsed):
        return Refused(Code.NUMBER_NOT_POSSIBLE, ("D-30",))
    if phonenumbers.number_type(parsed) in COSTLY | PERSONAL:
        return Refused(Code.COSTLY_NUMBER)
    if phonenumbers.region_code_for_number(parsed) not in regions:
        return Refused(Code.REGION_NOT_ALLOWED)
    return number


def dial(wish: Wish, settings: Settings, online: Sequence[str] | None, choose: Choose) -> Dial | Refused:
    """Whom to ring for a wish (S2-24…26, D-30).

    `online` are the SIP accounts that can be rung now; None where the telephony does not tell (MANGO). The account set in
    the project speaks for all who click (S2-13, S2-25); without one it is the employee's own who clicked (C-19).
    """
    number = permitted(wish.to, settings)
    if isinstance(number, Refused):
        return number
    asked = _asked(wish, settings)
    if isinstance(asked, Refused):
        return asked
    if online is None:
        return _by_extension(number, wish, asked, settings)
    return _by_account(number, wish, asked, settings, [sip_login(account) for account in online], choose)


def _asked(wish: Wish, settings: Settings) -> Employee | Refused | None:
    """The employee who is to speak: the project's one if it has one, else who was named; None when nobody was."""
    fixed = settings.click_to_call.sip_account
    named = _named(wish, settings)
    if fixed is None or isinstance(named, Refused):
        return named
    return settings.directory.find(Agent(sip=sip_login(fixed)))


def _named(wish: Wish, settings: Settings) -> Employee | Refused | None:
    if wish.sip is not None:
        found = settings.directory.find(Agent(sip=sip_login(wish.sip)))
        return found if found is not None and found.active else Refused(Code.SIP_ACCOUNT_UNKNOWN, ("V-17",))
    if wish.employee is not None:
        found = settings.employees.get(wish.employee)
        return found if found is not None and found.active else Refused(Code.EMPLOYEE_UNKNOWN, ("C-19",))
    return None


def _by_account(
    number: str, wish: Wish, asked: Employee | None, settings: Settings, online: Sequence[str], choose: Choose
) -> Dial | Refused:
    first = wish.first or settings.click_to_call.first_leg
    if not online:
        return Refused(Code.NO_SIP_ONLINE, ("D-30",))
    fixed = settings.click_to_call.sip_account
    wanted = _wanted(wish, asked, settings)
    account = next((login for login in wanted if login in online), None)
    if account is not None:
        return _dial(number, first, account, settings, ("O-50", "S2-25" if fixed else "C-19"))
    if wanted and fixed is None:
        return Refused(Code.EMPLOYEE_OFFLINE, ("C-19",))
    return _dial(number, first, choose(_of_employees(online, settings) or online), settings, ("O-50", "S2-26"))


def _wanted(wish: Wish, asked: Employee | None, settings: Settings) -> tuple[str, ...]:
    """The accounts that may speak, the first choice first: one that was named, or any of the employee's main ones."""
    named = settings.click_to_call.sip_account or wish.sip
    if named is not None:
        return (sip_login(named),)
    return () if asked is None else _accounts(asked, settings)


def _accounts(employee: Employee, settings: Settings) -> tuple[str, ...]:
    read = (direction_identity(text, settings.phone.default_region) for text in employee.main_directions)
    return tuple(value for sort, value in read if sort == "sip")


def _of_employees(online: Sequence[str], settings: Settings) -> list[str]:
    """Those of the accounts behind which there is somebody: others may be a door's or a fax's."""
    own = {login for one in settings.employees.values() if one.active for login in _accounts(one, settings)}
    return [login for login in online if login in own]


def _dial(number: str, first: Leg, login: str, settings: Settings, rules: tuple[str, ...]) -> Dial:
    employee = settings.directory.find(Agent(sip=login))
    return Dial(number, first, f"sip:{login}", employee.key if employee else None, rules=("S2-24", *rules))


def _by_extension(number: str, wish: Wish, asked: Employee | None, settings: Settings) -> Dial | Refused:
    """MANGO's callback rings the employee first, always (telephony.md 3.5): a wish for the contrary is refused, the
    project's usual order is not a wish."""
    if wish.first == "client":
        return Refused(Code.CLIENT_FIRST_NOT_POSSIBLE, ("O-50",))
    if asked is None:
        return Refused(Code.EMPLOYEE_UNKNOWN, ("C-19",))
    if not asked.extension:
        return Refused(Code.EXTENSION_REQUIRED, ("C-19",))
    account = next(iter(_accounts(asked, settings)), None)
    return Dial(number, "employee", account and f"sip:{account}", asked.key, asked.extension, ("O-50", "C-19"))
