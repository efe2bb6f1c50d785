"""The commands (telephony.md 3.5): what is refused at once, what the result will say, what happens to the legs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sandbox.telephony.mango_twin import parameters, wire
from sandbox.telephony.mango_twin.gate import Body
from sandbox.telephony.mango_twin.state import Leg, Place, State
from sandbox.telephony.mango_twin.wire import Refusal

SMS_LATIN, SMS_OTHER = 612, 268


@dataclass(frozen=True, slots=True)
class Command:
    """A command that was accepted: `path` below `/vpbx/`, its decoded `json`, and when."""

    path: str
    body: Body
    at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What MANGO would now send to our address: `path` such as `result/route`, and the decoded `json`."""

    path: str
    body: dict[str, Any]


class Switchboard:
    """Carries commands out. A check raises Refusal; what is only known later becomes the code of the result."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._commands: dict[str, Callable[[Body], int]] = {
            "commands/callback": self._callback,
            "commands/callback_group": self._callback_group,
            "commands/route": self._route,
            "commands/transfer": self._transfer,
            "commands/call/hangup": self._hangup,
            "commands/recording/start": self._record,
            "commands/play/start": self._play,
            "commands/sms": self._sms,
        }

    def knows(self, path: str) -> bool:
        return path in self._commands

    def carry_out(self, path: str, body: Body) -> int:
        """The code of the result to come. Raises Refusal when the command is not accepted."""
        parameters.text(body, "command_id")
        return self._commands[path](body)

    # ---- calls out

    def _callback(self, body: Body) -> int:
        caller = parameters.inner(body, "from", required=True)
        extension = parameters.extension(caller, "extension")
        if parameters.has(caller, "number"):
            parameters.number(caller, "number")
        called = parameters.number(body, "to_number")
        line = parameters.line(body, "line_number") if parameters.has(body, "line_number") else None
        parameters.sip_headers(body, "Call-Info/answer-after")
        if self._state.employee(extension) is None or (line and not self._state.has_line(line)):
            return wire.BAD_PARAMETERS
        return wire.OK if self._state.can_be_dialled(called) else wire.BAD_SUBSCRIBER

    def _callback_group(self, body: Body) -> int:
        ends = [parameters.number(body, name) for name in ("from", "to")]
        line = parameters.line(body, "line_number")
        if not any(map(self._state.group, ends)) or not self._state.has_line(line):
            return wire.BAD_PARAMETERS
        return wire.OK

    def _sms(self, body: Body) -> int:
        message = parameters.text(body, "text", limit=4 * SMS_LATIN)
        if len(message) > (SMS_LATIN if message.isascii() else SMS_OTHER):
            raise Refusal(wire.BAD_FORMAT, "text")
        sender = parameters.number(body, "from_extension")
        called = parameters.number(body, "to_number")
        if parameters.has(body, "sms_sender"):
            parameters.text(body, "sms_sender")
        known = self._state.employee_at(sender) is not None and self._state.employee(called) is None
        return wire.OK if known else wire.BAD_PARAMETERS

    # ---- calls under way

    def _leg(self, body: Body) -> Leg | None:
        """The leg that `call_id` names, unless it is over."""
        leg = self._state.legs.get(parameters.text(body, "call_id"))
        return None if leg is None or leg.over else leg

    def _put(self, leg: Leg, **changes: Any) -> None:
        self._state.legs[leg.call_id] = replace(leg, **changes)

    def _route(self, body: Body) -> int:
        leg, called = self._leg(body), parameters.number(body, "to_number")
        parameters.sip_headers(body, "From/display-name")
        if leg is None:
            return wire.GONE
        if leg.place == "abonent" and leg.connected:
            return wire.WRONG_STATE
        if not self._state.can_be_dialled(called):
            return wire.BAD_SUBSCRIBER
        self._lead_on(leg, called, body)
        self._put(leg, over=True)
        return wire.OK

    def _transfer(self, body: Body) -> int:
        leg, called = self._leg(body), parameters.number(body, "to_number")
        method = parameters.chosen(body, "method", ("blind", "hold"))
        employee = self._state.employee_at(parameters.number(body, "initiator"))
        if leg is None:
            return wire.GONE
        takes_part = employee is not None and leg.extension in ("", employee.extension)
        if leg.place != "abonent" or not leg.connected or not takes_part:
            return wire.WRONG_STATE
        if not self._state.can_be_dialled(called):
            return wire.BAD_SUBSCRIBER
        self._lead_on(leg, called, body)
        if method == "blind":
            self._put(leg, over=True)
        return wire.OK

    def _lead_on(self, leg: Leg, called: str, body: Body) -> None:
        """The new leg that a route or a transfer makes."""
        employee, group = self._state.employee_at(called), self._state.group(called)
        place: Place = "queue" if group else "abonent"
        extension = group.extension if group else employee.extension if employee else ""
        call_id = self._state.ids.uuid("leg")
        command = body["command_id"]
        self._state.legs[call_id] = Leg(
            call_id, leg.entry_id, place, extension=extension, taken_from_call_id=leg.call_id, command_id=command
        )

    def _hangup(self, body: Body) -> int:
        leg = self._leg(body)
        if leg is None:
            return wire.GONE
        if leg.place == "queue":
            return wire.WRONG_STATE
        self._put(leg, over=True)
        return wire.OK

    def _record(self, body: Body) -> int:
        leg, party = self._leg(body), parameters.number(body, "call_party_number")
        if leg is None:
            return wire.GONE
        if self._state.employee_at(party) is None:
            return wire.NO_NUMBER
        if leg.place != "abonent":
            return wire.WRONG_STATE
        if leg.recorded:
            return wire.ALREADY_RECORDING
        self._put(leg, recorded=True)
        return wire.OK

    def _play(self, body: Body) -> int:
        leg = self._leg(body)
        named = [name for name in ("internal_id", "after_play_time") if parameters.has(body, name)]
        if not named:
            raise Refusal(wire.MISSING, "internal_id")
        values = {name: parameters.whole(body, name) for name in named}
        if leg is None:
            return wire.GONE
        if "internal_id" in values and values["internal_id"] not in self._state.sounds:
            return wire.NO_FILE
        return wire.WRONG_STATE if leg.place == "abonent" else wire.OK
