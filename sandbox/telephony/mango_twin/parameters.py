"""Parameters of a request by name, and the codes they are refused with: 3103 missing, 3104 of the wrong shape.

An empty text counts as missing: MANGO's own samples send `"number":""` for "none" (telephony.md 3.1, signature vectors).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.telephony.mango_twin import wire
from sandbox.telephony.mango_twin.wire import Refusal

Given = Mapping[str, Any]

TEXT_LIMIT = 128
HEADER_LIMIT = 64
_NUMBER = re.compile(r"\d+|sip:[^\s@]+@[^\s@]+")
_DIGITS = re.compile(r"\d+")


def has(given: Given, name: str) -> bool:
    """Whether a parameter was sent with a value."""
    return given.get(name) not in (None, "")


def text(given: Given, name: str, *, limit: int = TEXT_LIMIT) -> str:
    """A text of at most `limit` bytes."""
    value = given.get(name)
    if not has(given, name):
        raise Refusal(wire.MISSING, name)
    if not isinstance(value, str) or len(value.encode()) > limit:
        raise Refusal(wire.BAD_FORMAT, name)
    return value


def number(given: Given, name: str) -> str:
    """A number to dial: digits alone or a SIP address."""
    value = text(given, name)
    if not _NUMBER.fullmatch(value):
        raise Refusal(wire.BAD_FORMAT, name)
    return value


def extension(given: Given, name: str) -> str:
    """A short number. The manual's table calls it a number, its samples are texts; both are taken."""
    value = given.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    value = text({name: value}, name)
    if not _DIGITS.fullmatch(value):
        raise Refusal(wire.BAD_FORMAT, name)
    return value


def whole(given: Given, name: str) -> int:
    """A whole number, as number or as text."""
    value = given.get(name)
    if not has(given, name):
        raise Refusal(wire.MISSING, name)
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(r"-?\d{1,18}", str(value)):
        raise Refusal(wire.BAD_FORMAT, name)
    return int(value)


def chosen(given: Given, name: str, allowed: Sequence[Any]) -> Any:
    """One of the values allowed; those are texts or whole numbers."""
    value = whole(given, name) if isinstance(allowed[0], int) else text(given, name)
    if value not in allowed:
        raise Refusal(wire.BAD_FORMAT, name)
    return value


def wholes(given: Given, name: str) -> list[int]:
    """A list of whole numbers; one alone is a list of one, and nothing an empty one."""
    if not has(given, name):
        return []
    value = given[name]
    return [whole({name: item}, name) for item in (value if isinstance(value, list) else [value])]


def inner(given: Given, name: str, *, required: bool = False) -> dict[str, Any]:
    """An object inside the parameters; empty when it is not there and need not be."""
    value = given.get(name)
    if value is None and not required:
        return {}
    if value is None:
        raise Refusal(wire.MISSING, name)
    if not isinstance(value, dict):
        raise Refusal(wire.BAD_FORMAT, name)
    return value


def line(given: Given, name: str) -> str:
    """A line of the account: its digits, or a SIP line's name; never a SIP address."""
    value = text(given, name)
    if value.startswith(("sip:", "+")):
        raise Refusal(wire.BAD_FORMAT, name)
    return value


def sip_headers(given: Given, allowed: str) -> None:
    """Check `sip_headers`: only the header that the command knows, with at most 64 bytes."""
    headers = inner(given, "sip_headers")
    for name in headers:
        if name != allowed:
            raise Refusal(wire.BAD_FORMAT, f"sip_headers.{name}")
        text(headers, name, limit=HEADER_LIMIT)
