"""Who called whom: the client's number and the line (D-09, telephony.md 1.3, 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from patchcord.model.phone import ImpossiblePhone, digits_of, is_hidden, is_short, read_phone, try_phone
from patchcord.telephony.ringostat.fields import Fields

LONGEST_NUMBER = 64

_NAMED = re.compile(r'"?([^"<>]*)"?\s*<\s*([^<>]+?)\s*>')
_SIP = re.compile(r"sips?:.+|.+@.+|[A-Za-z][\w.-]*_[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """The other end of the call. `internal`: it is a colleague's extension or SIP account, so there is no client."""

    number: str | None = None
    hidden: bool = False
    internal: bool = False


NOBODY = Caller()


def split_name(text: str) -> tuple[str | None, str]:
    """`"Support" <380671234567>` as name and address; the name is None when there is none."""
    match = _NAMED.fullmatch(text) if "<" in text else None
    return (None, text) if match is None else (match[1].strip() or None, match[2])


def bare(address: str) -> str:
    """The address without its scheme and host: `sip:+380671234567@pbx.example` is `+380671234567`."""
    head, colon, rest = address.partition(":")
    if colon and head.lower() in {"sip", "sips", "tel"}:
        address = rest
    return address.partition("@")[0].strip()


def is_sip(address: str) -> bool:
    """Whether the text looks like an account: `sip:x`, `x@host`, or Ringostat's own `project_login`."""
    return _SIP.fullmatch(address) is not None


def has_letters(text: str) -> bool:
    """Whether the text cannot be a number."""
    return any(char.isalpha() for char in text)


def client(fields: Fields, region: str, outgoing: bool) -> Caller:
    """The client: the dialled number of an outgoing call, the caller of any other.

    A number that an incoming call was sent with, but empty, is hidden; one that the webhook does not carry is unknown.
    """
    names = ("dst",) if outgoing else ("caller_number", "client_number", "caller")
    for name in names:
        text = fields.text(name)
        if text is not None:
            return _caller(fields, name, _international(fields, name, text), region)
    return NOBODY if outgoing else Caller(hidden=any(name in fields.sent for name in names))


def _international(fields: Fields, name: str, text: str) -> str:
    """The same number with its plus sign when the message has both notations (telephony.md 1.4): it needs no guess."""
    other = fields.text("client_number") if name == "caller_number" else None
    return other if other is not None and other.startswith("+") and digits_of(other) == digits_of(text) else text


def _caller(fields: Fields, name: str, text: str, region: str) -> Caller:
    _, address = split_name(text)
    number = bare(address)
    if is_hidden(number):
        return Caller(hidden=True)
    if has_letters(number):
        return _account(fields, name, address)
    if is_short(number):
        return Caller(internal=True)
    return _phone(fields, name, number, region)


def _account(fields: Fields, name: str, address: str) -> Caller:
    if is_sip(address):
        return Caller(internal=True)
    fields.refuse(name, "a phone number", "text")
    return NOBODY


def _phone(fields: Fields, name: str, number: str, region: str) -> Caller:
    try:
        if len(number) <= LONGEST_NUMBER:
            return Caller(read_phone(number, region).e164)
    except ImpossiblePhone:
        pass
    fields.refuse(name, "a phone number", "an impossible number")
    return NOBODY


def line(fields: Fields, region: str, outgoing: bool) -> str | None:
    """Our own number in the call: E.164, else the extension, SIP account or text as it stands."""
    for name in ("outbound_number", "caller_number") if outgoing else ("dst",):
        text = fields.text(name)
        if text is not None:
            return address_or_phone(text, region)
    return None


def address_or_phone(text: str, region: str) -> str:
    """A number in E.164, anything else without its display name."""
    _, address = split_name(text)
    number = bare(address)
    phone = None if has_letters(number) or len(number) > LONGEST_NUMBER else try_phone(number, region)
    return address if phone is None else phone.e164
