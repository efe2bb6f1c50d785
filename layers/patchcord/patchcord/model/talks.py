"""Earlier calls with a client, as far as routing by calls looks at them (S1-17…S1-31)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from patchcord.model.events import CallType


@dataclass(frozen=True, slots=True)
class Talk:
    """One earlier call between a client and an employee.

    `employee` is the employee's key; `way` is from the company's point of view; `at` is aware UTC; `successful` says that
    the two spoke with each other (C-20: only one of the two rules asks for that).
    """

    employee: str
    way: CallType
    at: datetime
    successful: bool
