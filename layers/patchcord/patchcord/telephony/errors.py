"""What can go wrong when a telephony provider is asked or told something (telephony.md 3.1, 3.5).

Each error carries the provider, the operation, the provider's words (short, without numbers and secrets) and its own
result code, so that whoever catches it can decide and explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(eq=False)
class TelephonyError(Exception):
    """A request to the provider did not come to a good end."""

    provider: str
    operation: str
    words: str
    code: int | None = None

    def __str__(self) -> str:
        code = "" if self.code is None else f" ({self.code})"
        return f"{self.provider} {self.operation}: {self.words}{code}"


@dataclass(eq=False)
class Unavailable(TelephonyError):
    """The provider cannot be asked now: too slow, failing, or its limit is used up. `retry_after` if anybody said when."""

    retry_after: timedelta | None = None


@dataclass(eq=False)
class NotReady(Unavailable):
    """What was asked for is being prepared: a recording that is not stored yet, statistics that are being counted."""


@dataclass(eq=False)
class Missing(TelephonyError):
    """The call, recording or key is not known to the provider, or not any more."""


@dataclass(eq=False)
class Refused(TelephonyError):
    """The provider does not accept the request, and will not when it is repeated."""


@dataclass(eq=False)
class NotAdmitted(TelephonyError):
    """The provider does not accept our key or signature, or has shut us out for a while."""


@dataclass(eq=False)
class Invalid(TelephonyError):
    """The request would be refused, so it was not sent: MANGO blocks an account after two such (telephony.md 3.1)."""
