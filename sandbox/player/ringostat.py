"""From a call as it happened to the deliveries Ringostat makes of it (telephony.md 1). Pure, and knows no stand.

The payloads carry the parameters that `patchcord.telephony.ringostat_setup` tells an administrator to choose, under their
canonical names; what a real delivery leaves empty is empty here too (telephony.md 1.4).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sandbox.player.delivery import FORM, JSON, Delivery, Person, Spoilt
from sandbox.player.webhook_number import Asking, question

Way = Literal["in", "out", "callback"]
Style = Literal["json", "form", "get", "nested"]
Step = Literal["before", "answer", "forward", "after", "recording", "missed", "rated"]
"""One delivery, or for `answer` and `forward` one for each person. `recording` is the end again, now with the recording."""

Value = str | int | None
Fields = dict[str, Value]

ANSWERED = frozenset({"ANSWERED", "PROPER", "REPEATED"})
RECORDINGS = "https://app.ringostat.com/recordings"
OUTSIDE = ("uniqueid", "calldate", "call_timestamp")
"""What stands beside `additional_call_data` in the nested variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedCall:
    """A call as it happened.

    `client` is E.164, None when hidden; `people` are those who talked, first to last, and on an outgoing call the caller;
    `rung` those at whom it rang in vain. Times are seconds; `talk` 0 means that nobody talked. `recording` says whether
    the link comes with the end. `asks`: the scheme begins with a Webhook number, which asks so. `steps` are the webhooks in
    the order they arrive; empty: the usual ones.
    """

    start: datetime
    client: str | None
    line: str
    way: Way = "in"
    people: tuple[Person, ...] = ()
    rung: tuple[Person, ...] = ()
    status: str = "PROPER"
    wait: int = 8
    talk: int = 0
    recording: bool = True
    visit: Mapping[str, str] = field(default_factory=dict)
    style: Style = "json"
    asks: Asking | None = None
    steps: tuple[Step, ...] = ()
    zone: str = "Europe/Kyiv"
    project_id: str = "110070"
    serial: int = 1098915

    @property
    def id(self) -> str:
        """Ringostat's `uniqueid`: the second at which the call began (telephony.md 1.4), and a serial number."""
        return f"ua18_-{int(self.start.timestamp())}.{self.serial}"

    @property
    def answered(self) -> bool:
        return self.talk > 0

    @property
    def total(self) -> int:
        return self.wait + self.talk

    @property
    def usual_steps(self) -> tuple[Step, ...]:
        if self.way == "out":
            return ("before", "after")
        rings: tuple[Step, ...] = ("before", *(("forward",) if self.rung else ()))
        return (*rings, *(("answer",) if self.answered else ()), "after")

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        """What comes of it; a spoilt `body` is cut off after its beginning."""
        composed = compose(self)
        return tuple(replace(delivery, body=delivery.body[:40]) if spoilt == "body" else delivery for delivery in composed)


def compose(call: ScriptedCall) -> list[Delivery]:
    """The deliveries of a call, in the order its script says: the question whom to ring first, if there is one."""
    asked = [] if call.asks is None else [question(call.asks, call.id, call.start, _asked(call))]
    return [*asked, *(delivery for step in call.steps or call.usual_steps for delivery in _deliveries(call, step))]


def _deliveries(call: ScriptedCall, step: Step) -> Iterator[Delivery]:
    end = call.start + timedelta(seconds=call.total)
    match step:
        case "before":
            yield _sent(call, "before", call.start, {**_call(call), **_visit(call), **_caller(call)})
        case "forward":
            for place, person in enumerate(call.rung):
                at = call.start + timedelta(seconds=call.wait * place // max(1, len(call.rung)))
                yield _sent(call, "forward", at, {**_call(call), **_midway(person), "scheme_name": "Main scheme"})
        case "answer":
            for place, person in enumerate(call.people):
                at = call.start + timedelta(seconds=call.wait + call.talk * place // max(1, len(call.people)))
                # a transfer's second answer comes later, which shows in how long it took
                waited = str(int((at - call.start).total_seconds()))
                yield _sent(call, "answer", at, {**_call(call), **_midway(person), "waittime": waited})
        case "after":
            yield _sent(call, "after", end, _end(call, recorded=call.recording))
        case "recording":
            yield _sent(call, "after", end + timedelta(seconds=40), _end(call, recorded=True))
        case "missed":
            yield _sent(call, "missed", end, _end(call, recorded=call.recording))
        case "rated":
            mark: Fields = {"employee_mark": "5", "category_number": "1", "category_mark": "5"}
            yield _sent(call, "rated", end, {"uniqueid": call.id, **_employee(_last(call)), **mark})


# --- fields ---


def _call(call: ScriptedCall) -> Fields:
    """Which call it is, and whose. The client is the caller of an incoming call and dialled in an outgoing one."""
    client, line = _digits(call.client), _digits(call.line)
    local = call.start.astimezone(ZoneInfo(call.zone))
    return {
        "project_id": call.project_id,
        "uniqueid": call.id,
        "call_type": call.way,
        "call_timestamp": str(int(call.start.timestamp() * 1_000_000)),
        "calldate": f"{local:%Y-%m-%d %H:%M:%S}",
        "caller_number": line if call.way == "out" else client,
        "dst": client if call.way == "out" else line,
    }


def _asked(call: ScriptedCall) -> dict[str, str]:
    """What a Webhook number tells of a call (telephony.md 1.7)."""
    return {"caller_number": _digits(call.client), "dst": _digits(call.line), "uniqueid": call.id}


def _digits(e164: str | None) -> str:
    return "anonymous" if e164 is None else e164.removeprefix("+")


def _visit(call: ScriptedCall) -> Fields:
    return dict(call.visit)


def _caller(call: ScriptedCall) -> Fields:
    """Who calls out, as the telephony writes it: a display name and a SIP login."""
    if call.way != "out" or not call.people:
        return {}
    person = call.people[0]
    return {"caller": f'"{person.name}" <{person.login}>', "outbound_number": _digits(call.line), **_employee(person)}


def _midway(person: Person) -> Fields:
    """Before the end only the SIP login and the staff id are known; the id is a number there (telephony.md 1.4)."""
    own: Fields = {"connected_with": person.login, "employee_number": int(person.staff_id)}
    return {**own, "employee_fio": None, "extension_number": None}


def _employee(person: Person | None) -> Fields:
    if person is None:
        return {"employee_number": "-1", "employee_fio": "", "extension_number": ""}
    return {"employee_number": person.staff_id, "employee_fio": person.name, "extension_number": person.extension}


def _last(call: ScriptedCall) -> Person | None:
    return call.people[-1] if call.people else None


def _end(call: ScriptedCall, *, recorded: bool) -> Fields:
    """Everything, once the call is over. Durations are texts, and nobody is `""` or `-1`."""
    last = _last(call)
    talked = last if call.answered or call.way != "in" else None
    return {
        **_call(call),
        **_visit(call),
        **_caller(call),
        "connected_with": talked.login if talked and call.way != "out" else "",
        **_employee(talked),
        "disposition": call.status,
        "department": talked.department if talked else "",
        "waittime": str(call.wait),
        "billsec": str(call.talk),
        "duration": str(call.total),
        **_recording(call, recorded=recorded and (call.answered or call.status == "VOICEMAIL")),
    }


def _recording(call: ScriptedCall, *, recorded: bool) -> Fields:
    if not recorded:
        return {"has_recording": "0", "recording": "", "recording_wav": ""}
    links: Fields = {
        "recording" + kind: f"{RECORDINGS}/{call.id}.{end}?token=0000" for kind, end in (("", "ogg"), ("_wav", "wav"))
    }
    return {"has_recording": "1", **links}


def listed(call: ScriptedCall) -> dict[str, Value]:
    """A call as the API's list has it: what the webhook at its end tells, the time with its offset (telephony.md 2)."""
    local = call.start.astimezone(ZoneInfo(call.zone))
    return {**_end(call, recorded=call.recording or "recording" in call.steps), "calldate": f"{local:%Y-%m-%dT%H:%M:%S%z}"}


# --- requests ---


def _sent(call: ScriptedCall, moment: str, at: datetime, fields: Fields) -> Delivery:
    """The fields as the webhook of that moment sends them."""
    path = "ringostat/missed" if moment == "missed" else f"ringostat/{'out' if call.way == 'out' else 'in'}/{moment}"
    texts = {name: "" if value is None else str(value) for name, value in fields.items()}
    match call.style:
        case "get":
            return Delivery(path=path, at=at, method="GET", query=texts)
        case "form":
            return Delivery(path=path, at=at, headers={"content-type": FORM}, body=urlencode(texts).encode())
        case "nested":
            outside = {name: value for name, value in fields.items() if name in OUTSIDE}
            inside = {name: value for name, value in fields.items() if name not in OUTSIDE}
            return _json(path, at, {**outside, "additional_call_data": inside})
        case "json":
            return _json(path, at, fields)


def _json(path: str, at: datetime, tree: Mapping[str, object]) -> Delivery:
    return Delivery(path=path, at=at, headers={"content-type": JSON}, body=json.dumps(tree, ensure_ascii=False).encode())
