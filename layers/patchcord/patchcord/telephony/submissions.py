"""From what a form says to a neutral event, whoever brings it: Ringostat or the site itself (S0-26…S0-29, telephony.md 6)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from patchcord.model.events import Event, EventKind, Moment
from patchcord.model.phone import try_phone
from patchcord.telephony.form_fields import LONGEST_EMAIL, Told, is_email
from patchcord.telephony.port import BadInput, Problem
from patchcord.telephony.ringostat.times import AHEAD, EARLIEST, instant

SAME_WITHIN = timedelta(minutes=10)
"""A form without an id that says the same again within this time is the same one, sent twice (telephony.md 6)."""

LONGEST_ID = 150


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a form comes from: `provider` is part of its journal key; `form` is which one, if the sender says.

    `strict` refuses a number or an e-mail address that cannot be one: somebody is there who can type it again. Without it
    they are kept among the form's own fields, because losing a request is worse (D-16).
    """

    provider: str
    region: str
    zone: str
    strict: bool = False
    form: str | None = None
    keep_direct: bool = False


def form_event(told: Told, origin: Origin, received_at: datetime) -> Event:
    """The event of a submitted form. Raises BadInput with every problem found, also for a form that says nothing.

    `call` is `form:<id>`, or without an id `form:<hash of all values>@<ten minutes>`, where the ten minutes are left out
    if the form says when it was submitted: see service/forms.py for what the journal makes of it.
    """
    phone, email = _phone(told, origin), _email(told, origin)
    name, visit = _name(told), told.visit(origin.keep_direct)
    submitted_at = _submitted_at(told, origin.zone, received_at)
    call = _call(told, origin, received_at, timed=submitted_at is not None)
    form = _form(told, origin)
    if not told.problems and not (phone or name or email or told.rest or told.text("company")):
        raise BadInput((Problem("body", "a phone, a name, an e-mail address or any other field", "an empty form"),))
    if told.problems:
        raise BadInput(tuple(told.problems))
    return Event(
        provider=origin.provider,
        call=call,
        key=Moment.SUBMIT.value,
        moment=Moment.SUBMIT,
        at=submitted_at or received_at,
        kind=EventKind.FORM,
        client=phone,
        started_at=submitted_at or received_at,
        attribution=visit,
        person_name=name,
        person_email=email,
        form=form,
    )


def _phone(told: Told, origin: Origin) -> str | None:
    text = told.text("phone", 65)
    if text is None:
        return None
    found = try_phone(text, origin.region) if len(text) <= 64 else None
    if found is None:
        _set_aside(told, origin, "phone", "a phone number")
    return None if found is None else found.e164


def _email(told: Told, origin: Origin) -> str | None:
    text = told.text("email", LONGEST_EMAIL + 1)
    if text is None or is_email(text):
        return text
    _set_aside(told, origin, "email", "an e-mail address")
    return None


def _set_aside(told: Told, origin: Origin, name: str, expected: str) -> None:
    if origin.strict:
        told.refuse(name, expected, "other text")
    else:
        told.rest.setdefault(name, told.values[name])


def _name(told: Told) -> str | None:
    parts = (told.text("first_name", 100), told.text("last_name", 100))
    return told.text("name") or " ".join(part for part in parts if part) or None


def _form(told: Told, origin: Origin) -> dict[str, str]:
    """The form's own fields, with which form it is and the company, which mappings may ask for too (O-16)."""
    form = {} if origin.form is None else {"form": origin.form}
    company = told.text("company")
    return form | told.rest | ({} if company is None else {"company": company})


def _submitted_at(told: Told, zone: str, received_at: datetime) -> datetime | None:
    """When it was submitted, if that is told and can be true: a resent form keeps its own time (D-33)."""
    text = told.text("submitted_at")
    moment = None if text is None else instant(text, zone)
    return moment if moment is not None and EARLIEST <= moment <= received_at + AHEAD else None


def _call(told: Told, origin: Origin, received_at: datetime, *, timed: bool) -> str:
    which = origin.form or told.rest.get("form_id")
    submission = told.text("submission", LONGEST_ID + 1)
    if submission is not None:
        if len(submission) > LONGEST_ID or not submission.isprintable():
            told.refuse("submission", f"an id of at most {LONGEST_ID} printable characters", "another text")
        return "form:" + ":".join(part for part in (which and which[:40], submission) if part)
    said = json.dumps([origin.form, sorted(told.values.items()), sorted(told.rest.items())], ensure_ascii=False)
    digest = blake2b(said.encode(errors="replace"), digest_size=16).hexdigest()
    return f"form:{digest}" if timed else f"form:{digest}@{window_of(received_at)}"


def window_of(moment: datetime) -> int:
    """The number of the ten minutes a moment lies in."""
    return int(moment.timestamp() // SAME_WITHIN.total_seconds())
