"""The five ways a CRM request fails (design 7). Each carries the facts; none carries a secret or a client's data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(eq=False)
class CrmError(Exception):
    """Base of the five. `vendor` is the vendor's key, `request` names the call without ids or personal data."""

    vendor: str
    request: str
    words: str = ""

    def __str__(self) -> str:
        return f"{self.vendor} {self.request}: {self.words or type(self).__name__}"


@dataclass(eq=False)
class Transient(CrmError):
    """Try again: time-out, 5xx, rate limit, block by the vendor's edge. The write may or may not have happened.

    `retry_after` is the pause the vendor asked for, None if it did not say. `cool_down` says that the pause holds for the
    whole connection (429, edge block), not only for this request.
    """

    retry_after: timedelta | None = None
    cool_down: bool = False


@dataclass(eq=False)
class Unauthorised(CrmError):
    """The vendor refuses our credentials, also after a refresh. Everything waits until the CRM is connected again."""


@dataclass(eq=False)
class Rejected(CrmError):
    """The vendor refuses this write for good (400, 422). `words` are the vendor's own, `status` its HTTP status."""

    status: int = 0


@dataclass(eq=False)
class Gone(CrmError):
    """The record does not exist any more, or not for us (404, 410)."""


@dataclass(eq=False)
class Misconfigured(CrmError):
    """A right, a scope, a plan or a setting is missing; `words` say which (402, 403)."""
