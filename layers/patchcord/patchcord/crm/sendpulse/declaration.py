"""What SendPulse is, how a connection to it is set up, and what its answers mean (crm_sendpulse.md 1-3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from typing import Any

from patchcord.crm.grants import Credentials
from patchcord.crm.http import Dialect
from patchcord.crm.port import Declaration, DuePrecision, Rate, Requests
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.wire import Answer

VENDOR = "sendpulse"
BASE_URL = "https://api.sendpulse.com"
WEB_URL = "https://login.sendpulse.com"
TOKEN_PATH = "/oauth/access_token"  # noqa: S105 - a path

DECLARATION = Declaration(
    vendor=VENDOR,
    title="SendPulse",
    kinds={RecordKind.CONTACT: "contact", RecordKind.DEAL: "deal"},
    phone_kinds=frozenset({RecordKind.CONTACT}),
    due=DuePrecision.MINUTE,
    logs=frozenset({LogKind.CALL, LogKind.NOTE}),
    tasks=True,
    search_lag=timedelta(minutes=1),
    rate=Rate(units=10, window=timedelta(seconds=1)),
    # deals can be searched by number, but only as it is written; those of a contact are found through it (4)
    requests=Requests(look_up=2, create=2, task=1, completed_task=1, look_up_depth=2),
    assumed=(
        "The expression `like` finds a part of a number, and several conditions on one field are ANDed (4).",
        "A number that no piece finds is looked for once more as it is written with its plus sign (4).",
        "A new contact is found by search within a minute; nothing is said of a lag.",
        "The deprecated form that creates a contact at once still lives; when it is gone, the form in steps is used (5).",
        "A contact, a deal and a task can each be read by its id (4, 5, 7).",
        "A contact or a deal that is read shows its comments and the ids of its tasks (4).",
        "A deal's attributes are changed with the deal; those of a contact by the batch call (5).",
        "A task is completed when it stands in the done column, or when it shows an end or the status 2 (7).",
        "Times of tasks are in the account's time zone, which the setting `timezone` names (7).",
        "A comment cannot be changed: a recording that comes late is a second comment (8).",
        "Comments are by the owner of the key, whoever talked (8).",
        "Who is not in the list of users cannot be assigned; nothing tells who is an administrator (6).",
        "Names longer than 255 characters are refused, so they are cut; the file says so of deals only (5).",
        "After a limit of a second one second is enough; after any other limit a minute (3).",
        "The address of a contact's card is guessed after the deal's (11).",
        "A change of a task keeps what it does not name; a completed one can be given to another user (7).",
    ),
)

TOO_FAST = 2020202020
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings of a connection; ids are None where the account is asked. `hidden` are secrets, to be masked."""

    base_url: str
    credentials: Credentials
    web_url: str = WEB_URL
    hidden: tuple[str, ...] = field(default=(), repr=False)
    responsible: int | None = None
    pipeline: int | None = None
    step: int | None = None
    board: int | None = None
    open_step: int | None = None
    done_step: int | None = None
    timezone: tzinfo = UTC
    by_tail: bool = False
    in_steps: bool = False
    deal_first: bool = False
    marker_fields: Mapping[RecordKind, str] = field(default_factory=dict)


class SendPulseDialect(Dialect):
    """The gateway's errors, the CRM's own inside `data`, and limits without a header (3)."""

    def status(self, answer: Answer) -> int:
        """The code inside the body where the CRM answers 200 with an error: whatever the HTTP status of that is (3)."""
        body = answer.json if isinstance(answer.json, dict) else {}
        if body.get("error_code") == TOO_FAST:
            return 429
        code = _error_inside(body).get("code", body.get("error_code"))
        return code if answer.status < 300 and isinstance(code, int) and 400 <= code < 600 else answer.status

    def words(self, answer: Answer) -> str:
        """The message at the root or inside `data`, and what a validation says of single fields."""
        body = answer.json if isinstance(answer.json, dict) else {}
        texts = [*_texts(body.get("message")), *_texts(_error_inside(body).get("message")), *_texts(body.get("errors"))]
        return "; ".join(dict.fromkeys(texts)) or super().words(answer)

    def retry_after(self, answer: Answer) -> timedelta | None:
        """No header tells; the limit of a second has a code of its own (3)."""
        named = super().retry_after(answer)
        if named is not None or self.status(answer) != 429:
            return named
        is_burst = isinstance(answer.json, dict) and answer.json.get("error_code") == TOO_FAST
        return SECOND if is_burst else MINUTE


def _error_inside(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """`data` when it is the CRM's error: a code and a message, and no record."""
    inside = body.get("data")
    return inside if isinstance(inside, dict) and "message" in inside and "code" in inside and "id" not in inside else {}


def _texts(node: Any) -> Iterator[str]:
    """All texts at any depth."""
    if isinstance(node, str) and node:
        yield node
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _texts(item)
