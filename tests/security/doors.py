"""The doors: every HTTP route of template.yaml, with what passes through it and who may."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from tests.harness import CLICK_SECRET, MANGO_KEY, MANGO_SALT, SECRET
from tests.integration.demo import after_call, before_call, missed, outgoing
from tests.mango_scenarios import SCENARIOS
from tests.security.stage import OTHER_SECRET, PBX_SECRET, SITE, Answer, Stage, link

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Door:
    """A route, a request that it lets in, and how it answers what it does not.

    `place` are the good path parameters. `told` is the good payload; `sort` its content type. `key` names the path
    parameter that is secret, None where the secret is elsewhere. `stranger` is the status for a wrong secret.
    """

    route: str
    place: Mapping[str, str]
    told: Mapping[str, Any] | None = None
    sort: str = JSON
    key: str | None = "secret"
    stranger: int = 404
    headers: Mapping[str, str] | None = None

    @property
    def method(self) -> str:
        return self.route.split(" ")[0]

    @property
    def reads(self) -> bool:
        """Whether the payload is in the body."""
        return self.method in {"POST", "PUT"} and self.told is not None

    def path(self, **changed: str) -> str:
        """The address, with other path parameters in it."""
        path = self.route.split(" ")[1]
        for name, value in {**self.place, **changed}.items():
            path = path.replace(f"{{{name}}}", quote(value, safe="")).replace(f"{{{name}+}}", quote(value))
        return path

    def body(self, told: Any = None) -> bytes:
        """A payload as this door takes it: MANGO's is signed."""
        value = self.told if told is None else told
        text = json.dumps(value)
        if "/mango/" in self.route:
            return signed(text)
        return text.encode()

    def knock(self, stage: Stage, body: bytes | None = None, told: Any = None, **changed: Any) -> Answer:
        """A request. Without `body` the good one, or `told` in its place; `changed` path parameters, `headers`, `sort`."""
        headers = {**(self.headers or {}), **changed.pop("headers", {})}
        sort = changed.pop("sort", self.sort)
        path = self.path(**changed)
        if self.told is not None and not self.reads:
            values = self.told if told is None else told
            return stage.ask(self.method, f"{path}?{urlencode(values, errors='surrogatepass')}", **headers)
        sent = body if body is not None else self.body(told) if self.reads else b""
        if self.reads:
            headers = {"content_type": sort, **headers}
        return stage.ask(self.method, path, body=sent, **headers)


def signed(text: str, key: str = MANGO_KEY, salt: str = MANGO_SALT) -> bytes:
    """MANGO's envelope around a JSON text."""
    sign = hashlib.sha256((key + text + salt).encode("utf-8", "surrogatepass")).hexdigest()
    return urlencode({"vpbx_api_key": key, "sign": sign, "json": text.encode("utf-8", "surrogatepass")}).encode()


RING = {"project": "demo", "secret": SECRET}
ASKED = {"caller_number": "380671234567", "dst": "380442220000", "uniqueid": "call-1"}
CHAT = {"dialog_id": "5f0c9a", "channel": "telegram", "client_name": "Ivan", "client_phone": "380671234567"}
BUTTON = {"phone": "380671234567", "name": "Ivan", "dialogue": "5f0c9b", "pressed_by": "anna"}
FORM_TOLD = {"phone": "067 123 45 67", "name": "Olena", "email": "olena@example.com", "message": "Call me", "utm_source": "x"}
LEG = {**SCENARIOS[0].events[0][1]}
IN, OUT, MISSED = (f"/v1/hooks/{{project}}/{{secret}}/ringostat/{end}" for end in ("in/{moment}", "out/{moment}", "missed"))
ROUTING, CHATS = "/v1/routing/{project}/{secret}", "/v1/hooks/{project}/{secret}/ringostat/chat/{moment}"
MANGO, SITES = "/v1/hooks/{project}/{secret}/mango/{path+}", "/v1/forms/{project}/{form}"
RINGOSTATS_FORM = "/v1/hooks/{project}/{secret}/ringostat/form"
RECORDINGS = "/v1/recordings/{project}/{token}"
PBX = {"project": "pbx", "secret": PBX_SECRET, "path": "events/call"}

DOORS = (
    Door(f"POST {IN}", {**RING, "moment": "after"}, after_call()),
    Door(f"GET {IN}", {**RING, "moment": "before"}, before_call("ua1_-1772704800.2")),
    Door(f"POST {MISSED}", RING, missed("ua1_-1772704800.3")),
    Door(f"GET {MISSED}", RING, missed("ua1_-1772704800.4")),
    Door(f"POST {OUT}", {**RING, "moment": "after"}, outgoing()),
    Door(f"GET {OUT}", {**RING, "moment": "after"}, outgoing("ua1_-1772704800.5")),
    Door(f"POST {MANGO}", PBX, LEG, sort=FORM),
    Door(f"GET {MANGO}", {**PBX, "path": "ping"}, {}),
    Door(f"POST {RINGOSTATS_FORM}", RING, {**FORM_TOLD, "form_id": "feedback-1"}),
    Door(f"GET {RINGOSTATS_FORM}", RING, {**FORM_TOLD, "form_id": "feedback-2"}),
    Door(f"POST {SITES}", {"project": "demo", "form": "callback"}, FORM_TOLD, key=None, headers={"origin": SITE}),
    Door(f"OPTIONS {SITES}", {"project": "demo", "form": "callback"}, key=None, headers={"origin": SITE}),
    Door(f"POST {CHATS}", {**RING, "moment": "start"}, CHAT),
    Door(f"GET {CHATS}", {**RING, "moment": "end"}, CHAT),
    Door("POST /v1/dispatch/{project}/{secret}", RING, BUTTON),
    *(Door(f"{method} {ROUTING}", RING, ASKED) for method in ("GET", "POST", "PUT")),
    *(Door(f"{method} {ROUTING}/{{block}}", {**RING, "block": "1"}, ASKED) for method in ("GET", "POST", "PUT")),
    Door(f"GET {RECORDINGS}", {"project": "demo", "token": link()}, key="token"),
    Door(f"HEAD {RECORDINGS}", {"project": "demo", "token": link()}, key="token"),
    Door(
        "POST /v1/calls/{project}/{secret}", {"project": "demo", "secret": CLICK_SECRET}, {"to": "0671234567", "employee": "anna"}
    ),
)
READING = tuple(door for door in DOORS if door.reads)
"""The doors that read a body."""
KEYED = tuple(door for door in DOORS if door.key is not None)
"""The doors whose address holds a secret."""
BY_ROUTE = {door.route: door for door in DOORS}


def name(value: Any) -> str | None:
    """How a test names a door."""
    return value.route.replace("/v1/", "") if isinstance(value, Door) else None


def foreign(door: Door) -> str:
    """What opens the same door of another tenant."""
    return link("other") if door.key == "token" else OTHER_SECRET


def with_told(door: Door, **fields: Any) -> Door:
    """The door with other values in its payload."""
    return replace(door, told={**(door.told or {}), **fields})
