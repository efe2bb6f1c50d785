"""What Zoho's answers mean: codes in bare objects and inside `data[]`, and its limits (crm_zohocrm.md 1, 2, 3)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from patchcord.crm.http import Dialect
from patchcord.wire import Answer

STATUSES = {
    "INVALID_TOKEN": 401, "AUTHENTICATION_FAILURE": 401, "OAUTH_SCOPE_MISMATCH": 403, "NO_PERMISSION": 403,
    "AUTHORIZATION_FAILED": 403, "INVALID_MODULE": 403, "INVALID_URL_PATTERN": 403, "TOO_MANY_REQUESTS": 429,
    "RATE_LIMIT_EXCEEDED": 429, "INTERNAL_ERROR": 500, "SERVICE_UNAVAILABLE": 503,
}  # fmt: skip
"""Codes that mean the same whatever status they come with (3)."""
SHORTEST, LONGEST = 0.5, 8.0
"""Seconds of the pause after a 429, of which Zoho says nothing (2)."""
NEARLY_SPENT = 100
"""Credits below which a 429 is taken for the end of the day's credits."""
PARKED = timedelta(minutes=10)

Entry = Mapping[str, Any]


def error_entry(body: Any) -> Entry | None:
    """Zoho's error object: the body itself, or the first entry of `data[]` (3)."""
    data = body.get("data") if isinstance(body, dict) else None
    entry = data[0] if isinstance(data, list) and data else body
    return entry if isinstance(entry, dict) and entry.get("status") == "error" and entry.get("code") else None


def details_of(entry: Entry) -> Entry:
    details = entry.get("details")
    return details if isinstance(details, dict) else {}


def is_gone(entry: Entry) -> bool:
    """Whether a write was refused because there is no such record."""
    name, words = details_of(entry).get("api_name"), str(entry.get("message")).lower()
    if entry.get("code") != "INVALID_DATA" or name not in (None, "id"):
        return False
    return name == "id" or ("id given seems to be invalid" in words and "related" not in words)


class ZohoDialect(Dialect):
    """The meaning of one answer, of a call or of a part of a composite."""

    def __init__(self) -> None:
        self._left: int | None = None

    def status(self, answer: Answer) -> int:
        left = answer.headers.get("x-api-credits-remaining", "")
        self._left = int(left) if left.isdigit() else self._left
        entry = error_entry(answer.json)
        if entry is None:
            return answer.status
        if is_gone(entry):
            return 404
        return STATUSES.get(str(entry["code"]), answer.status if answer.status >= 300 else 400)

    def words(self, answer: Answer) -> str:
        entry = error_entry(answer.json)
        if entry is None:
            return super().words(answer)
        details = details_of(entry)
        told = [
            str(details[name]) for name in ("api_name", "expected_data_type", "maximum_length", "reason") if details.get(name)
        ]
        return " ".join(part for part in (str(entry["code"]), str(entry.get("message") or ""), *told) if part)

    def retry_after(self, answer: Answer) -> timedelta | None:
        """A short random pause after a 429; minutes when the day's credits are nearly spent (2)."""
        named = super().retry_after(answer)
        if named is not None or self.status(answer) != 429:
            return named
        if self._left is not None and self._left < NEARLY_SPENT:
            return PARKED
        return timedelta(seconds=secrets.SystemRandom().uniform(SHORTEST, LONGEST))


class EnvelopeDialect(ZohoDialect):
    """The meaning of an HTTP answer whose parts are looked at one by one afterwards: composites and written records."""

    def status(self, answer: Answer) -> int:
        status = super().status(answer)
        body = answer.json
        if isinstance(body, dict) and isinstance(body.get("__composite_requests"), list):
            return 200
        refused_record = isinstance(body, dict) and isinstance(body.get("data"), list) and status in (400, 404)
        return 200 if refused_record else status


class TokenDialect(Dialect):
    """Answers of the accounts host: too many refreshes are a limit, whatever the status (1)."""

    def status(self, answer: Answer) -> int:
        return 429 if self._is_limit(answer) else answer.status

    def retry_after(self, answer: Answer) -> timedelta | None:
        return super().retry_after(answer) or (PARKED if self._is_limit(answer) else None)

    @staticmethod
    def _is_limit(answer: Answer) -> bool:
        return isinstance(answer.json, dict) and str(answer.json.get("error")).lower().replace("_", " ") == "access denied"
