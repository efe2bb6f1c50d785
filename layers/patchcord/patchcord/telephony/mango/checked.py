"""What is checked before it is sent to MANGO: two refused requests within two minutes shut the account out (telephony.md 3.1).

Each function returns the value as it goes onto the wire, and raises Invalid otherwise. The value itself is never told: it
may be a phone number.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from patchcord.telephony.errors import Invalid

PROVIDER = "mango"

LONGEST_ID = 128
"""Bytes of any of MANGO's ids, and of ours (telephony.md 3.1)."""
LONGEST_KEY = 1_000
"""Bytes of the key of a count of calls; assumed, its form is not documented."""

EXTENSION = re.compile(r"[0-9]{1,10}")
"""A short number of an employee or group; leading zeros count. That there are no more than 10 digits is assumed."""
NUMBER = re.compile(r"[0-9]{1,20}")
"""A phone or short number: digits only (telephony.md 8). 20 leave room for a prefix before 15 digits of E.164; assumed."""
SIP = re.compile(r"sip:[!-?A-~]+@[!-?A-~]+")

LIMITS = (1, 5, 10, 20, 50, 100, 500, 1_000, 2_000, 5_000)
"""How many calls a count may hold (telephony.md 3.6)."""
LONGEST_PERIOD = timedelta(days=31)
"""At most one month (telephony.md 3.6)."""
ACTIONS = ("download", "play")


def an_id(operation: str, what: str, value: str, longest: int = LONGEST_ID) -> str:
    """An id: opaque text of 1 to 128 bytes without control characters."""
    if not value or not value.isprintable() or len(value.encode()) > longest:
        raise _invalid(operation, what, f"text of 1 to {longest} bytes")
    return value


def an_extension(operation: str, what: str, value: str) -> str:
    """A short number."""
    if not EXTENSION.fullmatch(value):
        raise _invalid(operation, what, "a short number of digits")
    return value


def a_number(operation: str, what: str, value: str) -> str:
    """A phone number, short number or SIP address. E.164 loses its plus: MANGO writes digits only (telephony.md 8)."""
    text = value.removeprefix("+")
    if NUMBER.fullmatch(text):
        return text
    if SIP.fullmatch(value) and len(value) <= LONGEST_ID:
        return value
    raise _invalid(operation, what, "digits or a SIP address")


def a_line(operation: str, what: str, value: str) -> str:
    """A line of the account, digits only. Events name SIP lines by address; whether a command may is not documented."""
    text = value.removeprefix("+")
    if not NUMBER.fullmatch(text):
        raise _invalid(operation, what, "digits")
    return text


def an_action(operation: str, value: str) -> str:
    """What is to be done with a recording."""
    if value not in ACTIONS:
        raise _invalid(operation, "action", " or ".join(ACTIONS))
    return value


def a_period(operation: str, begin: datetime, end: datetime) -> tuple[datetime, datetime]:
    """A period of at most one month between two aware times."""
    if begin.tzinfo is None or end.tzinfo is None or not timedelta() < end - begin <= LONGEST_PERIOD:
        raise _invalid(operation, "period", f"more than nothing and at most {LONGEST_PERIOD.days} days, with time zone")
    return begin, end


def a_page(operation: str, limit: int, offset: int) -> tuple[int, int]:
    """How many calls, beginning with which."""
    if limit not in LIMITS:
        raise _invalid(operation, "limit", f"one of {', '.join(map(str, LIMITS))}")
    if offset < 0:
        raise _invalid(operation, "offset", "0 or more")
    return limit, offset


def _invalid(operation: str, what: str, expected: str) -> Invalid:
    return Invalid(PROVIDER, operation, f"{what} must be {expected}; nothing was sent")
