"""The two ends of a leg: an employee of ours, or the client (telephony.md 3.2, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

from patchcord.model.employees import Agent, sip_login
from patchcord.model.phone import digits_of, is_hidden, is_short, try_phone
from patchcord.telephony.mango.payload import Payload

RUSSIAN_DIGITS = 11


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a leg. Extensions are texts: real ones begin with noughts."""

    extension: str | None = None
    number: str | None = None
    region: str = ""

    @property
    def is_nobody(self) -> bool:
        return self.extension is None and self.number is None

    @property
    def is_ours(self) -> bool:
        """Whether it is an employee, or a group, for certain: a client has neither an extension nor a SIP account here."""
        return self.extension is not None or is_sip(self.number)

    @property
    def agent(self) -> Agent | None:
        """The employee by what tells of him; None for nobody."""
        if self.is_nobody:
            return None
        sip = sip_login(self.number) if self.number is not None and is_sip(self.number) else None
        return Agent(extension=self.extension, sip=sip, number=None if sip else phone(self.number, self.region))

    @property
    def client(self) -> str | None:
        """The client's number in E.164, None when it is hidden or no number at all."""
        return None if self.is_ours else phone(self.number, self.region)


def party(payload: Payload, region: str) -> Party:
    """The party that `from` or `to` tells of."""
    return Party(payload.text("extension"), payload.text("number"), region)


def is_sip(number: str | None) -> bool:
    """Whether the text is an account instead of a number."""
    return number is not None and (number.lower().startswith(("sip:", "sips:")) or "@" in number)


def phone(number: str | None, region: str) -> str | None:
    """A number of MANGO's in E.164: bare digits with the country's code, Russian ones also with a leading 8 (8.3)."""
    if number is None or is_sip(number) or is_hidden(number) or is_short(number):
        return None
    digits = digits_of(number)
    if len(digits) == RUSSIAN_DIGITS and digits[0] == "8":
        digits = f"7{digits[1:]}"
    found = try_phone(f"+{digits}", region) or try_phone(number, region)
    return None if found is None else found.e164


def line(number: str | None, region: str) -> str | None:
    """Our own number in the call: E.164, or the SIP account as it stands."""
    return phone(number, region) or number
