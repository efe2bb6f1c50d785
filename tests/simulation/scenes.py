"""What each sort of scene sends, and when: the provider's deliveries with the second at which they came about."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.harness import START
from tests.integration import demo
from tests.mango_scenarios import BEGUN, ENTRY, LINE, RECORDING, SCENARIOS
from tests.mango_scenarios import CLIENT as MANGO_CLIENT
from tests.simulation.history import Scene

BLOCKED = 9
"""The client whose number is blocked in every project."""
SITE = "https://www.shop.example"
ZONE = ZoneInfo("Europe/Kyiv")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to a door: `after` seconds from the beginning of its scene."""

    after: int
    door: str
    payload: Mapping[str, Any]


def number_of(client: int) -> str:
    """A client's number, E.164."""
    return f"+38067100000{client}"


def deliveries(scene: Scene, name: str) -> list[Delivery]:
    """Everything that the scene sends, in the order in which it came about. `name` makes its ids unlike any other's."""
    if scene.sort in RINGOSTAT:
        return RINGOSTAT[scene.sort](scene, name)
    if scene.sort in ANYWHERE:
        return ANYWHERE[scene.sort](scene, name)
    return _mango(scene, name)


def _call(scene: Scene, name: str) -> dict[str, Any]:
    begun = (START + timedelta(seconds=scene.at)).astimezone(ZONE)
    return {"call": f"ua1_-{name}", "client": number_of(scene.client), "calldate": f"{begun:%Y-%m-%d %H:%M:%S}"}


def _answered(scene: Scene, name: str) -> list[Delivery]:
    call = _call(scene, name)
    return [
        Delivery(0, "in.before", demo.before_call(**call)),
        Delivery(5, "in.answer", demo.answer(**call)),
        Delivery(40, "in.after", demo.after_call(**call)),
    ]


def _missed(scene: Scene, name: str) -> list[Delivery]:
    call = _call(scene, name)
    return [
        Delivery(0, "in.before", demo.before_call(**call)),
        Delivery(30, "missed", demo.missed(**call)),
        Delivery(31, "in.after", demo.missed(**call)),
    ]


def _outgoing(scene: Scene, name: str) -> list[Delivery]:
    return [Delivery(40, "out.after", demo.outgoing(**_call(scene, name), who="boris"))]


def _unanswered(scene: Scene, name: str) -> list[Delivery]:
    return [Delivery(20, "out.after", demo.outgoing(**_call(scene, name), disposition="NO ANSWER", billsec="0"))]


def _asked(scene: Scene, name: str) -> list[Delivery]:
    call = _call(scene, name)
    asked = {"caller_number": call["client"].removeprefix("+"), "dst": demo.LINE.removeprefix("+"), "uniqueid": call["call"]}
    return [Delivery(0, "question", asked), *_answered(scene, name)[1:]]


def _form(scene: Scene, name: str) -> list[Delivery]:
    told = {"phone": number_of(scene.client), "name": "Olena", "message": f"Call me {name}", "utm_source": "google"}
    return [Delivery(0, "site", told)]


def _dialogue(scene: Scene, name: str) -> list[Delivery]:
    told = {"phone": number_of(scene.client), "name": "Ivan", "channel": "telegram", "dialogue": name, "pressed_by": "anna"}
    return [Delivery(0, "button", told)]


def _mango(scene: Scene, name: str) -> list[Delivery]:
    """A MANGO scenario, moved to the time of the scene."""
    events = next(known.events for known in SCENARIOS if known.name == scene.sort)
    text = json.dumps(events).replace(ENTRY, f"entry-{name}").replace(RECORDING, f"recording-{name}")
    text = text.replace(MANGO_CLIENT, number_of(scene.client).removeprefix("+"))
    begun = int(START.timestamp()) + scene.at
    return [Delivery(_after(told), path, _moved(told, begun - BEGUN)) for path, told in json.loads(text)]


def _after(told: Mapping[str, Any]) -> int:
    return int(told.get("end_time") or told["timestamp"]) - BEGUN


def _moved(told: Mapping[str, Any], by: int) -> dict[str, Any]:
    times = {"timestamp", "create_time", "forward_time", "talk_time", "end_time"}
    return {name: value + by if name in times and value else value for name, value in told.items()}


RINGOSTAT: Mapping[str, Callable[[Scene, str], list[Delivery]]] = {
    "answered": _answered,
    "missed": _missed,
    "outgoing": _outgoing,
    "unanswered": _unanswered,
    "asked": _asked,
}
ANYWHERE: Mapping[str, Callable[[Scene, str], list[Delivery]]] = {"form": _form, "dialogue": _dialogue}
MANGO = tuple(scenario.name for scenario in SCENARIOS)
LINES = {"ringostat": demo.LINE, "mango": f"+{LINE}"}
