"""From a call as it happened to the signed deliveries MANGO OFFICE makes of it (telephony.md 3.1-3.4). Pure, and knows no stand.

A request is a form of three fields, signed over the very text of its JSON. Numbers are digits only, what is not known is left
out, and the summary of a call lost in the voice menu claims success (telephony.md 0, fact 7).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from sandbox.player.delivery import FORM, Delivery, Spoilt
from sandbox.player.mango_call import CallFacts, Notice, Tree, digits_of, seconds
from sandbox.player.mango_legs import BY_CALLER, HANDED_OVER, NO_ANSWER, QUEUE_TOO_LONG, legs, recorded_leg

Order = Literal["as_sent", "summary_first", "backwards", "twice", "summary_only"]
"""How the events arrive: they are sent in parallel (telephony.md 0, facts 6 and 10). `summary_first` and `backwards` ones all
come when the call is over."""
Recording = Literal["none", "kept", "file_only", "short"]
"""`file_only`: nothing is heard of the recording until it can be fetched. A `short` one is never kept."""
READY = 41
"""Seconds from the end of a call until its recording can be fetched."""

PRODUCT = 300022532
DIRECTION = {"internal": 0, "in": 1, "out": 2, "callback": 2}
ENDED_BY_SCHEME, OK, TOO_SHORT = 1170, 1000, 4002
CUT_OFF = 40
"""Bytes that get lost where a request is cut."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a customer of MANGO signs with: the product's code and its salt (telephony.md 3.1)."""

    key: str = field(repr=False)
    salt: str = field(repr=False)

    def signed(self, text: str) -> bytes:
        """The body of a request: `sign` is the plain SHA-256 of key, JSON and salt, as lower-case hex."""
        sign = hashlib.sha256(f"{self.key}{text}{self.salt}".encode()).hexdigest()
        return urlencode({"vpbx_api_key": self.key, "sign": sign, "json": text}).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class MangoCall(CallFacts):
    """A call with what MANGO sends of it, and the account it belongs to. `as_texts`: numbers come as texts, which is as good
    (telephony.md 3.1)."""

    account: Account
    order: Order = "as_sent"
    recording: Recording = "none"
    as_texts: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether there is a recording that can be fetched in the end."""
        return self.recording in {"kept", "file_only"}

    @property
    def ready(self) -> datetime:
        """When the recording can be fetched."""
        return self.end + timedelta(seconds=READY)

    def sent_for(self, command: str) -> MangoCall:
        """The call if our command comes while the greeting plays: the rest of it is not waited for (telephony.md 3.8)."""
        return replace(self, command=command, menu=1, wait=self.wait - self.menu + 1)

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        return tuple(compose(self, spoilt))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The button "check connection" of the cabinet: no call at all. Its method, body and signature are assumed (A.2, 10)."""

    start: datetime
    account: Account
    client: str | None = None

    @property
    def id(self) -> str:
        return ""

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        return (_sent(self.account, Notice(self.start, "ping", "ping", {})),)


def compose(call: MangoCall, spoilt: Spoilt | None = None) -> list[Delivery]:
    """The deliveries of a call, in the order in which they arrive."""
    account = replace(call.account, salt=f"not {call.account.salt}") if spoilt == "signature" else call.account
    events = (_spelt(notice) if call.as_texts else notice for notice in _arriving(call))
    return [_spoilt(_sent(account, notice), call.account, spoilt) for notice in events]


def notices(call: MangoCall) -> list[Notice]:
    """The events of a call in the order in which they happen."""
    events = [*_placed(call), *legs(call), *_digits(call), *_recording(call), _summary(call), *_file(call)]
    return sorted(events, key=lambda notice: notice.at)


def _arriving(call: MangoCall) -> list[Notice]:
    happened = notices(call)
    summary = [notice for notice in happened if notice.path == "events/summary"]
    match call.order:
        case "summary_only":
            return summary
        case "summary_first":
            rest = [notice for notice in happened if notice not in summary]
            return [replace(notice, at=max(notice.at, call.end)) for notice in (*summary, *rest)]
        case "backwards":
            return [replace(notice, at=happened[-1].at) for notice in reversed(happened)]
        case "twice":
            return [notice for notice in happened for _ in range(2)]
        case "as_sent":
            return happened


# --- what is not a leg ---


def _placed(call: MangoCall) -> Iterator[Notice]:
    """The result of the command that placed the call, or that sent the caller to somebody out of the greeting (3.8)."""
    told: Tree = {"command_id": call.command, "result": OK}
    if call.way == "callback":
        yield Notice(call.start, "result/callback", "result", told)
    elif call.command:
        yield Notice(call.after(call.menu), "result/route", "result", told)


def _digits(call: MangoCall) -> Iterator[Notice]:
    """What the caller typed in the menu; `seq` as in the reference's sample."""
    if not call.digits:
        return
    at = call.after(call.menu - 1)
    fields: Tree = {
        "seq": 2,
        "dtmf": call.digits,
        "timestamp": seconds(at),
        "call_id": call.leg_id("menu"),
        "entry_id": call.id,
        "location": "ivr.1",
        "initiator": digits_of(call.client or ""),
        "from_number": digits_of(call.client or ""),
        "to_number": digits_of(call.line),
        "line_number": digits_of(call.line),
    }
    yield Notice(at, "events/dtmf", "digits", fields)


def _recording(call: MangoCall) -> Iterator[Notice]:
    """It begins with the talk and ends with it; what is too short is not kept."""
    if call.recording in {"none", "file_only"}:
        return
    kept = {"completion_code": OK, "recipient": "Cloud"}
    yield _recorded(call, call.after(call.wait), "Started", 1, {})
    yield _recorded(call, call.end, "Completed", 2, {"completion_code": TOO_SHORT} if call.recording == "short" else kept)


def _recorded(call: MangoCall, at: datetime, state: str, seq: int, more: Tree) -> Notice:
    fields: Tree = {
        "recording_id": call.recording_id,
        "recording_state": state,
        "seq": seq,
        "entry_id": call.id,
        "call_id": call.leg_id(recorded_leg(call)),
        "extension": call.people[0].extension,
        "timestamp": seconds(at),
    }
    return Notice(at, "events/recording", "tape runs" if state == "Started" else "tape ends", {**fields, **more})


def _file(call: MangoCall) -> Iterator[Notice]:
    """The recording can be fetched now (telephony.md 3.4)."""
    if not call.is_kept:
        return
    fields: Tree = {
        "entry_id": call.id,
        "product_id": PRODUCT,
        "user_id": int(call.people[0].staff_id),
        "timestamp": seconds(call.ready),
        "recording_id": call.recording_id,
    }
    yield Notice(call.ready, "events/record/added", "file ready", fields)


# --- the summary ---


def _summary(call: MangoCall) -> Notice:
    outgoing = call.way in {"out", "callback"}
    caller = call.inside(call.people[0]) if outgoing or call.way == "internal" else call.outside
    fields: Tree = {
        "entry_id": call.id,
        "call_direction": DIRECTION[call.way],
        "from": caller,
        "to": _reached(call),
        "line_number": digits_of(call.line),
        "create_time": seconds(call.start),
        "forward_time": seconds(call.start) if outgoing else _forwarded(call),
        "talk_time": seconds(call.after(call.wait)) if call.answered else 0,
        "end_time": seconds(call.end),
        # the manual's own sample of a call lost in the menu says 1 (telephony.md 0, fact 7)
        "entry_result": int(call.answered or call.lost_in_menu),
        "disconnect_reason": _reason(call) if call.reason is None else call.reason,
    }
    if call.way == "internal":
        del fields["line_number"]
    return Notice(call.end, "events/summary", "summary", fields)


def _reached(call: MangoCall) -> Tree:
    """Who answered, the first one; if nobody, the group or the first who missed it; nobody in the voice menu."""
    if call.way in {"out", "callback"}:
        return call.outside
    if call.way == "internal":
        return call.inside(call.people[1])
    if call.answered:
        return call.inside(call.people[0])
    if call.group:
        return {"extension": call.group}
    return call.inside(call.rung[0]) if call.rung else {}


def _forwarded(call: MangoCall) -> int:
    """When the call was handed over; 0 for one that was rung in vain, but not for one lost in the menu (telephony.md 3.3)."""
    return seconds(call.after(call.menu)) if call.answered or call.lost_in_menu else 0


def _reason(call: MangoCall) -> int:
    if call.answered:
        return BY_CALLER if call.way in {"in", "internal"} else HANDED_OVER
    if call.lost_in_menu:
        return ENDED_BY_SCHEME
    return QUEUE_TOO_LONG if call.group else NO_ANSWER


# --- requests ---


def _spelt(notice: Notice) -> Notice:
    """The same with every number as a text."""
    return replace(notice, fields={name: _text(value) for name, value in notice.fields.items()})


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _sent(account: Account, notice: Notice) -> Delivery:
    """The event as a request below the project's address. The JSON has no artificial blanks."""
    text = json.dumps(notice.fields, ensure_ascii=False, separators=(",", ":"))
    path = f"mango/{notice.path}"
    return Delivery(path=path, at=notice.at, title=notice.title, headers={"content-type": FORM}, body=account.signed(text))


def _spoilt(delivery: Delivery, account: Account, spoilt: Spoilt | None) -> Delivery:
    """`cut`: the end of the request got lost; `json`: what is signed is no JSON."""
    if spoilt == "cut":
        return replace(delivery, body=delivery.body[:-CUT_OFF])
    return replace(delivery, body=account.signed('{"entry_id":')) if spoilt == "json" else delivery
