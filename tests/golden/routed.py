"""Golden rows that ask whom a caller is put through to, end to end: the question through the real handler, the CRM a twin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from patchcord.scenarios.profiles import effective, merge
from patchcord.scenarios.routes import main_directions
from patchcord.store.port import CallKey
from sandbox.telephony.mango_twin import MangoTwin
from sandbox.telephony.mango_twin import serve as serve_mango
from sandbox.twins import twin_class
from sandbox.twins.base import Fault, ManualClock, Twin, serve
from sandbox.twins.megaplan.twin import MegaplanTwin
from tests.golden import mango, routing
from tests.golden.compare import Action, differences
from tests.golden.payloads import deliveries as ringostat_deliveries
from tests.golden.rows import Row, client_number
from tests.golden.seeds import Seeds
from tests.harness import MANGO_KEY, MANGO_SALT, World, world

CALL = "the-asked-call"
CRM_TIME_OUT = "PT0.4S"
"""The budget of rows whose CRM does not answer: nobody has to wait for the usual one."""


def run(row: Row) -> list[str]:
    """What differs between the row and what the telephony is told; empty when it holds."""
    with prepared(row) as stage:
        stage.remember()
        told = stage.asked()
        forbidden = [pattern for pattern in row.must_not if pattern != "any_crm_write"]
        return differences(routing.expected(row, routing.settings_of(row)), forbidden, [told])


@contextmanager
def prepared(row: Row) -> Iterator[Stage]:
    """The row's CRM state in a twin, MANGO's interface, and the product connected to both."""
    history = [routing.utc(str(call["at"]), row) for call in row.event.get("call_history") or ()]
    asked_at = routing.utc(str(row.event.get("at") or row.project["now"]), row)
    clock = ManualClock(min([asked_at, *history]) - timedelta(minutes=10))
    twin = twin_class(row.crm)(clock=clock)
    pbx = MangoTwin(clock=clock, key=MANGO_KEY, salt=MANGO_SALT)
    with serve(twin) as running, serve_mango(pbx) as calling:
        seeded = Seeds(row, twin)
        connection = twin.connection(running.url)
        telephony = {"provider": "mango" if mango.is_mangos(row) else "ringostat", "base_url": f"{calling.url}/vpbx"}
        body = merge(merge(routing.written(row), seeded.settings(connection.options)), {"telephony": telephony})
        if row.event.get("crm"):
            body = merge(body, {"routing": {"timeout": CRM_TIME_OUT}})
        _several_owners(row, twin, seeded)
        with world(body, manual=clock, secrets=connection.secrets) as product:
            yield Stage(row, body, twin, pbx, product, asked_at)


def _several_owners(row: Row, twin: Twin, seeded: Seeds) -> None:
    """The responsibles of a Megaplan client: employees, some of whom are gone, or another client (S4-26, S4-27)."""
    for state in row.body["crm_state"]:
        if state.get("owners") and isinstance(twin, MegaplanTwin):
            kind, identity = seeded.ids[str(state["id"])]
            twin.set_responsibles(kind, identity, [_responsible(owner, twin, seeded) for owner in state["owners"]])


def _responsible(owner: Any, twin: MegaplanTwin, seeded: Seeds) -> tuple[str, str]:
    if isinstance(owner, Mapping) and owner.get("type") == "client":
        return "ContractorHuman", twin.seed_contact(phone="+380500000099", name="Another client")
    if isinstance(owner, Mapping):
        return "Employee", twin.seed_user(name=str(owner["id"]), active=False)
    return "Employee", seeded.user(str(owner)) or ""


@dataclass
class Stage:
    """One row being asked."""

    row: Row
    body: Mapping[str, Any]
    twin: Twin
    pbx: MangoTwin
    product: World
    asked_at: datetime

    def remember(self) -> None:
        """Have the row's earlier calls happen: what the client's index remembers of them comes from their webhooks."""
        for number, call in enumerate(self.row.event.get("call_history") or ()):
            self._wait_until(routing.utc(str(call["at"]), self.row))
            for delivery in ringostat_deliveries(_earlier(self.row, call, number)):
                self.product.post(delivery.hint, delivery.payload)
            self.product.keep_promises()
        self._wait_until(self.asked_at)

    def _wait_until(self, moment: datetime) -> None:
        manual = self.product.clock.manual
        if moment > manual():
            manual.advance(moment - manual())

    def asked(self) -> Action:
        """What the telephony is told in the end, in the words of a row."""
        if self.row.event.get("crm"):
            self.twin.misbehave(Fault("hang"))
        told = self._ask()
        leg = self.row.event.get("first_leg")
        if leg and leg.get("picked_up") is False:
            assert told is not None, "nobody was rung first"
            self.product.clock.manual.advance(timedelta(seconds=leg["after_seconds"]))
            told = self._ask()
        self.twin.behave()
        return self._in_row_words(told)

    def _ask(self) -> str | None:
        """The employee whom the telephony is told to ring."""
        if mango.is_mangos(self.row):
            return self._mango_is_told()
        number = client_number(self.row)
        asked = {"caller_number": number or "", "uniqueid": CALL, "dst": self.row.event.get("line") or ""}
        answer = self.product.route(asked)
        direction = json.loads(answer["body"])["destination"]
        return self._owner_of(direction) if direction else None

    def _mango_is_told(self) -> str | None:
        self.pbx.open_call("leg-ivr", CALL)
        number = mango.digits(client_number(self.row))
        line = mango.digits(self.row.event.get("line"))
        told = {
            "entry_id": CALL,
            "call_id": "leg-ivr",
            "timestamp": int(self.product.clock.now().timestamp()),
            "seq": 1,
            "call_state": "Appeared",
            "location": "ivr",
            "from": {"number": number} if number else {},
            "to": {"number": line, "line_number": line},
        }
        self.product.mango("events/call", told)
        sent = [command.body["to_number"] for command in self.pbx.ledger if command.path == "commands/route"]
        extensions = {employee["extension"]: key for key, employee in self.row.fixtures["employees"].items()}
        return extensions[str(sent[-1])] if sent else None

    def _owner_of(self, direction: str) -> str:
        """Whose direction it is; a number stands without its plus sign on this wire."""
        for key, directions in self._directions().items():
            if direction in {text.removeprefix("sip:").removeprefix("+") for text in directions}:
                return key
        raise LookupError(direction)

    def _directions(self) -> dict[str, tuple[str, ...]]:
        settings = effective(self.body)
        return {key: main_directions(one, settings.phone.default_region) for key, one in settings.employees.items()}

    def _in_row_words(self, told: str | None) -> Action:
        extra = self._journal()
        if told is not None:
            seconds = extra.get("ring_seconds")
            return {
                "do": "route",
                "to": told,
                "found_in": extra.get("found_in"),
                "directions": list(self._directions()[told]),
                "ring_seconds": int(seconds) if seconds else None,
            }
        if extra.get("next") == "number_scheme":
            return {"do": "route_number_scheme"}
        return {"do": "end_call" if self.row.event.get("remaining_blocks") == 0 else "route_next_block"}

    def _journal(self) -> Mapping[str, str]:
        """The last answer as the call's journal tells it; empty if nothing was even asked."""
        entry = self.product.store.entry(CallKey("demo", "mango" if mango.is_mangos(self.row) else "ringostat", CALL))
        events = [json.loads(body) for body in entry.events.values()] if entry is not None else []
        routed = [event for event in events if event.get("extra", {}).get("route")]
        return max(routed, key=lambda event: str(event["at"]))["extra"] if routed else {}


def _earlier(row: Row, call: Mapping[str, Any], number: int) -> Row:
    """One of the row's earlier calls as a row of its own."""
    at = datetime.fromisoformat(str(call["at"]))
    outgoing = call["direction"] == "out"
    event = {
        "type": "call",
        "call_id": f"earlier-{number}",
        "direction": call["direction"],
        "result": call["result"] if not outgoing or call["result"] == "answered" else "no_answer",
        "started": at.isoformat(),
        **({"to": row.event["from"], "caller": call["by"]} if outgoing else {"from": row.event["from"]}),
        **({} if outgoing else {"line": row.event.get("line"), "answered_by": call["by"]}),
    }
    return Row(row.id, {**row.body, "event": event, "expected": [], "must_not": []}, row.fixtures)
