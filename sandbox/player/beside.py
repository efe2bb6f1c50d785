"""What comes beside calls: a site's form, a messenger's client sent to the CRM, a closed dialogue, a clicked number. Pure.

Each is one request, and has what a scene needs of a call: when, whose, and its id in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from sandbox.player.delivery import FORM, JSON, Delivery, Person, Spoilt

SITE = "https://shop.example"
"""The demo's site, whose forms the project takes."""
TRAP = "website"
"""The field that people do not see (`forms.honeypot`)."""
ROBOTS = "https://casino.example"


def _json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A form as a browser sends it from the demo's site. `fields` are those beside the phone; `robot`: the hidden field is
    filled in, too."""

    start: datetime
    client: str | None
    form: str = "callback"
    fields: Mapping[str, str] = field(default_factory=dict)
    style: Literal["json", "form"] = "json"
    robot: bool = False

    @property
    def submission(self) -> str:
        return f"web-{int(self.start.timestamp())}"

    @property
    def id(self) -> str:
        """Its name in the journal; what a robot sends has one of its own."""
        return f"{'spam:' if self.robot else ''}form:{self.form}:{self.submission}"

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        """The one request."""
        told = {"phone": self.client or "", **self.fields, "submission": self.submission, TRAP: ROBOTS if self.robot else ""}
        body, kind = (_json(told), JSON) if self.style == "json" else (urlencode(told).encode(), FORM)
        headers = {"content-type": kind, "origin": SITE}
        path = f"site/{self.form}"
        sent = Delivery(path=path, at=self.start, title="form", headers=headers, body=body, door="forms", told_in=self.id)
        return (sent,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Somebody presses "send the client's data to the CRM" in a softphone or chat tool."""

    start: datetime
    client: str | None
    person: Person
    name: str = ""
    email: str = ""
    channel: str = "telegram"

    @property
    def dialogue(self) -> str:
        return f"chat-{int(self.start.timestamp())}"

    @property
    def id(self) -> str:
        return f"dialogue:{self.dialogue}"

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        """The one request."""
        told = {"phone": self.client, "name": self.name, "email": self.email, "channel": self.channel}
        told |= {"dialogue": self.dialogue, "pressed_by": f"sip:{self.person.login}"}
        body = _json({name: value for name, value in told.items() if value})
        headers = {"content-type": JSON}
        return (Delivery(path="messenger/", at=self.start, title="dispatch", headers=headers, body=body, door="dispatch"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Ringostat tells that a dialogue is over (telephony.md 1.1; the names are those that the cabinet is told)."""

    start: datetime
    client: str | None
    person: Person
    channel: str = "viber"

    @property
    def id(self) -> str:
        return f"dialogue:chat-{int(self.start.timestamp())}"

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        """The one webhook."""
        told = {"dialog_id": self.id.partition(":")[2], "channel": self.channel, "client_phone": self.client}
        body = _json({**told, "employee_number": self.person.staff_id})
        return (Delivery(path="ringostat/chat/end", at=self.start, headers={"content-type": JSON}, body=body),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Somebody clicks on a number in the CRM. `employee` is his key in the settings."""

    start: datetime
    client: str | None
    employee: str

    @property
    def id(self) -> str:
        """The journal has an id of the product's own for it."""
        return ""

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        """The one request."""
        headers, body = {"content-type": JSON}, _json({"to": self.client, "employee": self.employee})
        return (Delivery(path="click/", at=self.start, title="click", headers=headers, body=body, door="calls"),)
