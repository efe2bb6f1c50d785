"""Ringostat's webhooks of site forms and of dialogues in the messenger (telephony.md 1.1, 4; every name is assumed).

The admin of the cabinet types the names on the wire himself, so canonical names, aliases and the project's own are all
understood, as they are for calls.
"""

from __future__ import annotations

from datetime import datetime

from patchcord.model.employees import Agent, sip_login
from patchcord.model.events import Event, EventKind, Moment, Part, Participation
from patchcord.model.phone import try_phone
from patchcord.telephony.form_fields import FORM, LONGEST_EMAIL, PERSON, Aliases, Told, is_email, told
from patchcord.telephony.port import BadInput, HttpRequest, Problem, Reading
from patchcord.telephony.ringostat.body import layers
from patchcord.telephony.ringostat.fields import JUNK
from patchcord.telephony.ringostat.names import ALIASES
from patchcord.telephony.ringostat.times import AHEAD, EARLIEST, instant
from patchcord.telephony.submissions import Origin, form_event

PROVIDER = "ringostat"
FORM_HINT = "form"
MOMENTS = {"chat.start": "started_at", "chat.end": "ended_at"}
"""The hints of a dialogue's webhooks, and which of its times is theirs."""

LONGEST_ID = 150

DIALOGUE: Aliases = {
    **PERSON,
    "dialogue": ("dialog_id", "dialogue_id", "dialog", "chat_id", "conversation_id"),
    "channel": ("messenger", "channel_type"),
    "started_at": ("start_time",),
    "ended_at": ("end_time", "closed_at"),
    **{name: ALIASES[name] for name in ("employee_number", "employee_fio", "employee_email", "extension_number")},
    "connected_with": ("sip_login", "sip"),
}


def read(request: HttpRequest, hint: str, reading: Reading) -> Event:
    """The event a webhook tells of; `hint` is `form`, `chat.start` or `chat.end`. Raises BadInput."""
    return _form(request, reading) if hint == FORM_HINT else _dialogue(request, hint, reading)


def _form(request: HttpRequest, reading: Reading) -> Event:
    found = told(_layers(request), FORM, {**reading.key_map, **reading.form_names})
    origin = Origin(PROVIDER, reading.region, reading.zone, keep_direct=reading.keep_direct)
    found.rest.pop("project_id", None)
    return form_event(found, origin, request.received_at)


def _layers(request: HttpRequest) -> tuple[dict[str, object], ...]:
    """The payload's layers without what Ringostat writes for "no value"."""
    return tuple(
        {name: value for name, value in layer.items() if not (isinstance(value, str) and value.strip().lower() in _ABSENT)}
        for layer in layers(request)
    )


_ABSENT = JUNK - {"(direct)"}


def _dialogue(request: HttpRequest, hint: str, reading: Reading) -> Event:
    """A dialogue's start or end. It counts as the pressed button only where the project says so (S0-31)."""
    if hint not in MOMENTS:
        raise BadInput((Problem("moment", "start or end", "another word"),))
    found = told(_layers(request), DIALOGUE, reading.key_map)
    dialogue = _id(found)
    at = _time(found, MOMENTS[hint], reading, request.received_at)
    who = _agent(found)
    if found.problems:
        raise BadInput(tuple(found.problems))
    phone, email = try_phone(found.text("phone", 64), reading.region), found.text("email", LONGEST_EMAIL + 1)
    email = email if email is not None and is_email(email) else None
    kept = ("channel", *(("phone",) if phone is None else ()), *(("email",) if email is None else ()))
    extra = found.rest | {name: found.values[name] for name in kept if name in found.values}
    return Event(
        provider=PROVIDER,
        call=f"dialogue:{dialogue}",
        key=hint,
        moment=Moment.DISPATCH if hint in reading.dispatches else Moment.END,
        at=at or request.received_at,
        kind=EventKind.MESSENGER,
        client=None if phone is None else phone.e164,
        parts=() if who is None else (Participation(Part.DISPATCHING, who, at or request.received_at),),
        started_at=_time(found, "started_at", reading, request.received_at),
        person_name=found.text("name"),
        person_email=email,
        extra=extra,
    )


def _id(found: Told) -> str:
    dialogue = found.text("dialogue", LONGEST_ID + 1)
    if dialogue is None:
        found.refuse("dialogue", "the id of the dialogue", "nothing")
    elif len(dialogue) > LONGEST_ID:
        found.refuse("dialogue", f"an id of at most {LONGEST_ID} characters", "a longer text")
    return dialogue or ""


def _time(found: Told, name: str, reading: Reading, received_at: datetime) -> datetime | None:
    text = found.text(name)
    moment = None if text is None else instant(text, reading.zone)
    return moment if moment is not None and EARLIEST <= moment <= received_at + AHEAD else None


def _agent(found: Told) -> Agent | None:
    """Who led the dialogue, by whatever identifies him."""
    account = found.text("connected_with")
    agent = Agent(
        provider_id=found.text("employee_number"),
        sip=sip_login(account) if account else None,
        extension=found.text("extension_number"),
        email=found.text("employee_email"),
        name=found.text("employee_fio"),
    )
    return agent if agent.is_identified else None
