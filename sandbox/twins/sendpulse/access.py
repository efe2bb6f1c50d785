"""Who may come in, and how often (crm_sendpulse.md 2, 3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Window, json_answer
from sandbox.twins.sendpulse import wire

if TYPE_CHECKING:
    from sandbox.twins.sendpulse.twin import SendPulseTwin

TOO_FAST = 2020202020


class Tokens:
    """The tokens of client credentials: one after another, each for an hour; nothing refreshes them."""

    def __init__(self, twin: SendPulseTwin) -> None:
        self._twin = twin
        self._ends: dict[str, datetime] = {}

    def answer(self, request: Request) -> Response:
        """`POST /oauth/access_token` with JSON."""
        body, account = request.get_json(silent=True), self._twin.account
        wanted = {"grant_type": "client_credentials", "client_id": account.client_id, "client_secret": account.client_secret}
        if not isinstance(body, dict) or body.get("grant_type") != "client_credentials":
            return json_answer({"error": "unsupported_grant_type", "message": "grant_type is not supported"}, 400)
        if body != wanted:
            return json_answer({"error": "invalid_client", "message": "Client authentication failed"}, 401)
        token = f"eyJ{self._twin.ids.hex('token', 60)}"
        self._ends[token] = self._twin.clock() + account.token_life
        return json_answer({"access_token": token, "token_type": "Bearer", "expires_in": int(account.token_life.total_seconds())})

    def admits(self, request: Request) -> bool:
        """Whether the request carries the static key or a token that has not ended."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return False
        ends = self._ends.get(token)
        return token == self._twin.account.api_key or (ends is not None and self._twin.clock() < ends)

    def expire(self) -> None:
        self._ends.clear()


class Gate:
    """Ten in a second, and the plan's limit of a minute; no headers tell anything (3)."""

    def __init__(self, twin: SendPulseTwin) -> None:
        account = twin.account
        self._second = Window(account.per_second, timedelta(seconds=1))
        self._minute = Window(account.per_minute, timedelta(minutes=1))

    def check(self, now: datetime) -> Response | None:
        """Count one request. The answer that refuses it, or None."""
        if not self._second.take(now):
            return wire.gateway_error(429, "Too many requests", TOO_FAST)
        if not self._minute.take(now):
            return wire.gateway_error(429, "Too many requests", 429)
        return None
