"""Phone numbers: reading what providers and people write, comparing, and the notations CRMs store (S3-56, D-34)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers

HIDDEN_WORDS = frozenset({"anonymous", "hidden", "private", "restricted", "unavailable", "unknown", "withheld"})
"""What providers send instead of the number of a caller who hides it (D-09)."""

SHORTEST_NUMBER = 7
"""Fewer digits than this are an internal extension or a service number, never a client."""


class StorageFormat(StrEnum):
    """How a number is written into the CRM (O-10, S4-08)."""

    E164 = "e164"
    DIGITS = "digits"
    NATIONAL = "national"
    INTERNATIONAL = "international"


LONGEST_LOCAL = 10
"""More digits than this, without a trunk's nought before them, are an international number."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that can be dialled from abroad: `e164` such as `+380671234567`, `national` its significant part."""

    e164: str
    national: str

    @property
    def digits(self) -> str:
        """The international form without the plus sign."""
        return self.e164[1:]


@dataclass(frozen=True)
class ImpossiblePhone(ValueError):
    """The text is neither hidden nor short nor a number that any numbering plan allows."""

    text: str
    region: str

    def __str__(self) -> str:
        return f"is no possible phone number (read with region {self.region})"


def is_hidden(text: str | None) -> bool:
    """Whether the caller's number is empty or withheld (D-09)."""
    return text is None or not text.strip() or text.strip().lower() in HIDDEN_WORDS


def is_short(text: str) -> bool:
    """Whether the text is an extension or a service number rather than a client's number."""
    return 0 < len(digits_of(text)) < SHORTEST_NUMBER


def digits_of(text: str) -> str:
    """Only the decimal digits of the text."""
    return re.sub(r"\D", "", text)


@lru_cache(maxsize=4096)
def read_phone(text: str, region: str) -> Phone:
    """The number in any of the usual notations; without a plus sign it is read as one of `region` first.

    Providers send international numbers as bare digits (telephony.md 1.3, 8.3): those that begin with the region's own
    code are tried as such first, others when they are no number of the region. Raises ImpossiblePhone.
    """
    possible: phonenumbers.PhoneNumber | None = None
    for candidate in _candidates(text, region):
        try:
            number = phonenumbers.parse(candidate, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return _phone(number)
        if possible is None and phonenumbers.is_possible_number(number):
            possible = number
    if possible is None:
        raise ImpossiblePhone(text, region)
    return _phone(possible)


def _candidates(text: str, region: str) -> tuple[str, ...]:
    """The ways to read a text, the likeliest first."""
    digits = digits_of(text)
    if "+" in text:
        return (text,)
    if digits.startswith("00"):
        return text, f"+{digits[2:]}"
    abroad = f"+{digits}"
    own = digits.startswith(str(phonenumbers.country_code_for_region(region)))
    return (abroad, text) if own else (text, abroad)


def _phone(number: phonenumbers.PhoneNumber) -> Phone:
    return Phone(
        e164=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        national=phonenumbers.national_significant_number(number),
    )


def try_phone(text: str | None, region: str) -> Phone | None:
    """As read_phone, but None for whatever is hidden, short or impossible: for comparing stored values."""
    if is_hidden(text) or text is None or is_short(text):
        return None
    try:
        return read_phone(text, region)
    except ImpossiblePhone:
        return None


def same_number(phone: Phone, stored: str, region: str) -> bool:
    """Whether a CRM's stored text is this number (D-34).

    With a country code the whole number counts, without one the national significant number, read with `region`; a text
    that cannot be read is compared by its last digits.
    """
    other = try_phone(stored, region)
    if other is not None:
        return other == phone if "+" in stored else other.national == phone.national
    tail = digits_of(stored)
    return len(tail) >= SHORTEST_NUMBER and tail[-9:] == phone.national[-9:]


def formatted(phone: Phone, style: StorageFormat) -> str:
    """The number in the notation in which the project stores it (O-10)."""
    if style is StorageFormat.E164:
        return phone.e164
    if style is StorageFormat.DIGITS:
        return phone.digits
    number = phonenumbers.parse(phone.e164)
    if style is StorageFormat.NATIONAL:
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def in_notation_of(phone: Phone, example: str) -> str:
    """The number written as `example` is: its digits fill the example's pattern (O-12).

    `in_notation_of(+380501112233, "067 123 4567")` is `050 111 2233`. A number that has not as many digits as the example,
    such as a foreign one, keeps its own usual notation of that sort.
    """
    wanted = len(digits_of(example))
    international = example.lstrip().startswith("+") or (wanted > LONGEST_LOCAL and not digits_of(example).startswith("0"))
    own = phone.digits if international else digits_of(formatted(phone, StorageFormat.NATIONAL))
    if len(own) != wanted:
        return formatted(phone, _usual(example, international))
    fill = iter(own)
    return "".join(next(fill) if char.isdigit() else char for char in example)


def _usual(example: str, international: bool) -> StorageFormat:
    if not international:
        return StorageFormat.NATIONAL
    return StorageFormat.E164 if example.lstrip().startswith("+") else StorageFormat.DIGITS


def notations(phone: Phone) -> tuple[str, ...]:
    """The notations of S3-56 and their relatives, for searches that compare text: most likely first, no repeats."""
    number = phonenumbers.parse(phone.e164)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    trunk = digits_of(national)
    forms = [phone.e164, phone.digits, international, national, trunk, phone.national]
    if len(trunk) == 10:
        groups = (trunk[:3], trunk[3:6], trunk[6:])
        pairs = f"{trunk[:3]} {trunk[3:6]} {trunk[6:8]} {trunk[8:]}"
        forms += [" ".join(groups), f"({groups[0]}) {groups[1]}-{trunk[6:8]}-{trunk[8:]}", pairs]
        if phone.digits.endswith(trunk):  # as in +38-067-123-4567, where the country code ends with the trunk's nought
            forms.append(f"+{phone.digits.removesuffix(trunk)}-" + "-".join(groups))
    return tuple(dict.fromkeys(forms))


def masked(e164: str | None) -> str:
    """The number with its middle hidden, for tables people look at: `+38067•••4567`."""
    return f"{e164[:6]}•••{e164[-4:]}" if e164 and len(e164) > 10 else "•••"
