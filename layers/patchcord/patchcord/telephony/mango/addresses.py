"""Where a recording's address may lead: to MANGO, over TLS, and nowhere else (telephony.md 3.6)."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

from patchcord.telephony.errors import Refused
from patchcord.telephony.mango.checked import PROVIDER

HOSTS = ("mango-office.ru",)
"""MANGO's own names; files lie below (`files.mango-office.ru`)."""


def file_address(operation: str, asked: str, location: str) -> str:
    """The whole address in a redirection's `Location`. Raises Refused unless it is MANGO's, or where we `asked` itself."""
    if not location or not location.isascii() or not location.isprintable() or "\\" in location or " " in location:
        raise Refused(PROVIDER, operation, "the redirection holds no address")
    try:
        whole = urljoin(asked, location)
        admitted = _is_mango(urlsplit(whole)) or _origin(whole) == _origin(asked)
    except ValueError:
        raise Refused(PROVIDER, operation, "the redirection holds no address") from None
    if not admitted:
        raise Refused(PROVIDER, operation, "the redirection leads elsewhere")
    return whole


def _is_mango(parts: SplitResult) -> bool:
    """Whether it is https, at one of MANGO's hosts or below, at the usual port and without a login."""
    host = parts.hostname or ""
    known = any(host == name or host.endswith(f".{name}") for name in HOSTS)
    return parts.scheme == "https" and known and parts.port in (None, 443) and "@" not in parts.netloc


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()
