"""Ringostat's "Webhook number": the question whom to ring, and how its answer is read (telephony.md 1.7). Knows no stand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sandbox.player.delivery import JSON, Delivery, Door

Asking = Literal["json", "get", "json_rpc"]
"""How it is asked. `get` has its parameters in the address, and wants the bare direction as a text."""
KEY = "destination"
"""The name of the direction in the answer, as the cabinet was told."""
RPC = "2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Delivery):
    """A request whose answer is a direction. It is no webhook and has an address of its own: `path` follows that one, and
    names a block of the scheme, or nothing. `call` is the `uniqueid` of the call that is asked for."""

    call: str
    asking: Asking
    door: Door = "routing"

    @property
    def provider(self) -> str:
        return "ringostat"

    def direction(self, text: str) -> str:
        """The direction in an answer, empty for nobody; what cannot be read in the wanted shape is shown as it came."""
        if self.asking == "get":
            return text
        try:
            body: Any = json.loads(text)
            if self.asking == "json_rpc":
                body = body["result"] if (body["jsonrpc"], body["id"]) == (RPC, self.call) else None
            return str(body[KEY])
        except (ValueError, KeyError, TypeError):
            return f"unreadable: {text}"


def question(asking: Asking, call: str, at: datetime, parameters: Mapping[str, str]) -> Question:
    """The question for a call, with the parameters that the cabinet was told to send."""
    if asking == "get":
        query = {**parameters, "reply": "text"}
        return Question(path="", at=at, title="question", call=call, asking=asking, method="GET", query=query)
    body: Mapping[str, object] = parameters
    if asking == "json_rpc":
        body = {"jsonrpc": RPC, "id": call, "method": KEY, "params": parameters}
    headers = {"content-type": JSON}
    return Question(path="", at=at, title="question", call=call, asking=asking, headers=headers, body=json.dumps(body).encode())
