"""Ringostat's "Webhook number": a block of its scheme that asks an address whom to ring (telephony.md 1.7, P-WR-01…03).

The admin chooses the method, how the parameters travel and in which shape the answer is expected. What Ringostat does with an
empty answer is not documented; it is assumed to go on with the next direction, as its own block does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from patchcord.telephony.json_object import unreadable
from patchcord.telephony.port import BadInput, HttpRequest, Reading
from patchcord.telephony.ringostat.body import Layer, layers
from patchcord.telephony.ringostat.fields import Fields
from patchcord.telephony.ringostat.names import wire_names
from patchcord.telephony.ringostat.numbers import client, line

Shape = Literal["text", "json", "json_rpc"]
RPC = "2.0"
LONGEST_CALL_ID = 200


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Who calls. `client` and `line` are E.164; `call` is Ringostat's id, if the admin has it sent.

    `rpc_id` is what a JSON-RPC answer must repeat; `is_rpc` says that one is expected whatever the settings say.
    """

    client: str | None
    hidden: bool
    line: str | None
    call: str | None
    is_rpc: bool = False
    rpc_id: str | int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer's content type and text."""

    content_type: str
    text: str


def read_inquiry(request: HttpRequest, reading: Reading) -> Inquiry:
    """The caller in a request: query, form, JSON or JSON-RPC. Raises BadInput with every problem found."""
    found = layers(request)
    is_rpc = found[0].get("jsonrpc") is not None
    fields = Fields(_parameters(found) if is_rpc else found, wire_names(reading.key_map))
    other = client(fields, reading.region, outgoing=False)
    ours = line(fields, reading.region, outgoing=False)
    call = fields.text("uniqueid", LONGEST_CALL_ID)
    if fields.problems:
        raise BadInput(tuple(fields.problems))
    return Inquiry(other.number, other.hidden, ours, call, is_rpc, _id_of(found[0]) if is_rpc else None)


def _parameters(found: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The layers of a JSON-RPC call: its parameters by name, then what the address says."""
    parameters = found[0].get("params")
    if isinstance(parameters, list) and len(parameters) == 1:
        parameters = parameters[0]
    if not isinstance(parameters, dict):
        raise unreadable("JSON-RPC parameters by name", "others")
    return (parameters, *found[1:])


def _id_of(root: Layer) -> str | int | None:
    given = root.get("id")
    return given if isinstance(given, str | int) and not isinstance(given, bool) else None


def reply(direction: str | None, shape: Shape, key: str, inquiry: Inquiry | None = None) -> Reply:
    """The answer in the shape Ringostat was told to expect; nobody is an empty text.

    `direction` is `sip:login` or E.164. On this wire a SIP login is bare and a number has no plus sign.
    """
    told = (direction or "").removeprefix("sip:").removeprefix("+")
    if inquiry is not None and inquiry.is_rpc:
        shape = "json_rpc"
    if shape == "text":
        return Reply("text/plain; charset=utf-8", told)
    body: dict[str, object] = {key: told}
    if shape == "json_rpc":
        body = {"jsonrpc": RPC, "id": inquiry.rpc_id if inquiry is not None else None, "result": body}
    return Reply("application/json", json.dumps(body, ensure_ascii=False))
