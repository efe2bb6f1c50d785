"""What comes from a site or a chat tool itself, without a telephony provider between: forms and dispatches."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from patchcord.model.employees import Agent, Employee, direction_identity, sip_login
from patchcord.model.events import Event, EventKind, Moment, Part, Participation
from patchcord.model.phone import try_phone
from patchcord.telephony.form_fields import FORM, LONGEST_EMAIL, PERSON, VISIT, Aliases, is_email, text_of, told
from patchcord.telephony.json_object import json_object, unreadable
from patchcord.telephony.port import BadInput, HttpRequest, Problem, Reading
from patchcord.telephony.submissions import Origin, form_event

SITE, MESSENGER = "site", "messenger"
"""The providers under which forms and dispatches of this module stand in the journal."""

MOST_PAIRS = 1000
LONGEST_FORM = 60
LONGEST_DIALOGUE = 150

JSON, FORM_ENCODED = "application/json", "application/x-www-form-urlencoded"

DISPATCH: Aliases = {
    **PERSON,
    **VISIT,
    "dialogue": ("dialogue_id", "dialog_id"),
    "channel": (),
    "pressed_by": ("employee",),
}


class OtherContent(Exception):
    """The body is neither JSON nor form fields."""


def read_form(request: HttpRequest, form: str, reading: Reading, honeypot: str) -> tuple[Event, bool]:
    """The event of a form that a site has sent, and whether a robot filled it in: `honeypot` is the field that people do
    not see. `form` is the form's name in the address. Raises BadInput, OtherContent."""
    fields = _fields(request)
    trapped = [name for name in fields if name == honeypot and text_of(fields[name])]
    left = {name: value for name, value in fields.items() if name != honeypot}
    if len(form) > LONGEST_FORM or not form.isprintable():
        raise BadInput((Problem("form", f"a name of at most {LONGEST_FORM} characters", "another text"),))
    found = told([left], FORM, reading.form_names)
    origin = Origin(SITE, reading.region, reading.zone, strict=not trapped, form=form, keep_direct=reading.keep_direct)
    return form_event(found, origin, request.received_at), bool(trapped)


def _fields(request: HttpRequest) -> dict[str, object]:
    """The body's fields; several values of one name are a list."""
    sort = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sort not in {JSON, FORM_ENCODED}:
        raise OtherContent
    try:
        text = request.body.decode("utf-8-sig").strip()
        if sort == JSON:
            return json_object(text)
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PAIRS)
    except ValueError:
        raise unreadable("fields in UTF-8", "unreadable text") from None
    fields: dict[str, object] = {}
    for name, value in pairs:
        known = fields.get(name)
        # a question with several answers, as PHP writes it: `size[]`
        fields[name] = value if known is None else [*known, value] if isinstance(known, list) else [known, value]
    return {name.removesuffix("[]"): value for name, value in fields.items()}


def read_dispatch(request: HttpRequest, reading: Reading, employees: Mapping[str, Employee]) -> Event:
    """The event of somebody who has pressed "send the client's data". Raises BadInput with every problem found."""
    try:
        text = request.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable("UTF-8", "another encoding") from None
    found = told([json_object(text)], DISPATCH, {})
    phone, dialogue = found.text("phone", 65), found.text("dialogue", LONGEST_DIALOGUE + 1)
    client = try_phone(phone, reading.region) if phone and len(phone) <= 64 else None
    if client is None:
        found.refuse("phone", "a phone number", "nothing" if phone is None else "other text")
    if dialogue is None or len(dialogue) > LONGEST_DIALOGUE:
        found.refuse("dialogue", f"an id of at most {LONGEST_DIALOGUE} characters", "nothing" if dialogue is None else "more")
    email = found.text("email", LONGEST_EMAIL + 1)
    if email is not None and not is_email(email):
        found.refuse("email", "an e-mail address", "other text")
    if client is None or found.problems:
        raise BadInput(tuple(found.problems))
    at, presser = request.received_at, found.text("pressed_by")
    who = None if presser is None else agent_of(presser, employees, reading.region)
    channel = found.text("channel")
    return Event(
        provider=MESSENGER,
        call=f"dialogue:{dialogue}",
        key=Moment.DISPATCH.value,
        moment=Moment.DISPATCH,
        at=at,
        kind=EventKind.MESSENGER,
        client=client.e164,
        parts=() if who is None else (Participation(Part.DISPATCHING, who, at),),
        started_at=at,
        attribution=found.visit(reading.keep_direct),
        person_name=found.text("name"),
        person_email=email,
        extra=({"channel": channel} if channel else {}) | found.rest,
    )


def agent_of(text: str, employees: Mapping[str, Employee], region: str) -> Agent:
    """Whoever is meant by an employee's key, an e-mail address, a SIP login or a number."""
    employee = employees.get(text)
    if employee is not None:
        return _as_agent(employee, region)
    if "@" in text and not text.lower().startswith("sip:"):
        return Agent(email=text)
    return _direction(text, region)


def _as_agent(employee: Employee, region: str) -> Agent:
    """An employee in the words of a provider, by what nobody else has."""
    if employee.main_directions:
        return _direction(employee.main_directions[0], region)
    return Agent(
        provider_id=next(iter(employee.provider_ids), None), extension=employee.extension, email=employee.email, name=employee.key
    )


def _direction(text: str, region: str) -> Agent:
    sort, identity = direction_identity(text, region)
    if sort == "number":
        return Agent(number=identity)
    return Agent(extension=identity) if sort == "extension" else Agent(sip=sip_login(text))
