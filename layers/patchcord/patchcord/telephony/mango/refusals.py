"""What MANGO's answers mean where they are not what was asked for (telephony.md 3.1, 3.7; result codes of both editions).

The 2017 edition answers errors with status 420, the one of 2026 with 4xx and 5xx, or even 2xx: the code in the JSON decides
whenever there is one, whatever the status and the content type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from patchcord.telephony.errors import Missing, NotAdmitted, Refused, TelephonyError, Unavailable
from patchcord.telephony.mango.checked import PROVIDER
from patchcord.wire import Answer, read_pause, scrubbed

CODE = re.compile(r"[1-9][0-9]{3}")
OK_CLASS = 1
WRONG_CLASS = 3
"""Codes 3xxx: the request was wrong. One is allowed in two minutes."""
FAILURE_CLASS = 5

BLOCK = timedelta(minutes=2)
"""How long MANGO remembers a wrong request, and how long it answers 401 after the second one."""
BREATH = timedelta(seconds=2)
"""The pause after a limit was met, unless MANGO says: its longest gap between two requests."""

BAD_KEYS = frozenset({3102, 3105})
"""Signature and key: every other request would be refused as well."""
UNKNOWN = frozenset({3300, 3310, 3320, 4100, 4101})
"""Object, call, recording unknown; call not in that state, or ended."""
TEMPORARY = frozenset({4200, 4290, 4501})
"""Subscriber cannot be reached now; limits."""
RATE = 4290


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer that is an error. Nobody sends requests of that path for `rest`, or no requests at all if `everything`."""

    error: TelephonyError
    rest: timedelta = timedelta()
    everything: bool = False


def body_of(answer: Answer) -> Mapping[str, Any]:
    """The JSON object in an answer, empty if there is none."""
    try:
        body = json.loads(answer.text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def code_of(body: Mapping[str, Any]) -> int | None:
    """MANGO's result code, a number or a text; None when there is none. The limit's answer has code 0, which says nothing."""
    for name in ("code", "result"):
        value = str(body.get(name, ""))
        if CODE.fullmatch(value):
            return int(value)
    return None


def trouble_of(operation: str, answer: Answer, *secrets: str) -> Trouble | None:
    """The trouble an answer stands for, None for an answer to what was asked (a redirection, for a recording, is one)."""
    body = body_of(answer)
    code = code_of(body)
    words = scrubbed(str(body.get("message") or f"status {answer.status}"), *secrets)
    if answer.status == 401 or code in BAD_KEYS:
        return Trouble(NotAdmitted(PROVIDER, operation, words, code), BLOCK, everything=True)
    if answer.status == 429 or code == RATE:
        pause = read_pause(answer.headers.get("retry-after", "")) or BREATH
        return Trouble(Unavailable(PROVIDER, operation, words, code, pause), pause)
    if code is not None:
        return _by_code(operation, words, code)
    return _by_status(operation, words, answer)


def _by_code(operation: str, words: str, code: int) -> Trouble | None:
    """Unknown codes are taken by their class (telephony.md 3.7)."""
    family = code // 1_000
    if family == OK_CLASS:
        return None
    if family == FAILURE_CLASS or code in TEMPORARY:
        return Trouble(Unavailable(PROVIDER, operation, words, code))
    kind = Missing if code in UNKNOWN else Refused
    return Trouble(kind(PROVIDER, operation, words, code), BLOCK if family == WRONG_CLASS else timedelta())


def _by_status(operation: str, words: str, answer: Answer) -> Trouble | None:
    status = answer.status
    if status < 400:
        return None if not answer.is_html else Trouble(Unavailable(PROVIDER, operation, "the answer is a page"))
    if status in (408, 423, 425) or status >= 500:
        pause = read_pause(answer.headers.get("retry-after", ""))
        return Trouble(Unavailable(PROVIDER, operation, words, None, pause))
    kind = NotAdmitted if status == 403 else Missing if status in (404, 410) else Refused
    return Trouble(kind(PROVIDER, operation, words))
