"""Who may come in, and how often (crm_altegio.md 2, 3)."""

from __future__ import annotations

import hmac
import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from sandbox.twins.altegio.state import Row
from sandbox.twins.altegio.wire import Call, body_of, failure, ok
from sandbox.twins.base import Refused, Window

if TYPE_CHECKING:
    from sandbox.twins.altegio.twin import AltegioTwin

ACCEPTED = re.compile(r"application/vnd\.(api|yclients)\.v2\+json")
_SIGNED = re.compile(r"Bearer ([^\s,]+)(?:, *User ([^\s,]+))?")


def signed_in(twin: AltegioTwin, request: Request, *, partner_only: bool) -> bool:
    """One header: `Bearer <partner token>, User <user token>`; some calls take the partner token only."""
    signed = _SIGNED.fullmatch(request.headers.get("Authorization", ""))
    if signed is None or not hmac.compare_digest(signed[1], twin.account.partner_token):
        return False
    return partner_only or hmac.compare_digest(signed[2] or "", twin.user_token)


def auth(call: Call) -> Response:
    """`POST /auth`: the user token for login and password."""
    body: Row = body_of(call)
    if (body.get("login"), body.get("password")) != (call.account.login, call.account.password):
        raise Refused(401, "Login or password is wrong")
    user = next(iter(call.state.users.values()))
    data = {**{name: user[name] for name in ("id", "name", "phone", "email")}, "user_token": call.twin.user_token,
            "login": "api", "avatar": ""}  # fmt: skip
    return ok(data, status=201)


class Gate:
    """Five in a second and two hundred in a minute, for an address (3)."""

    def __init__(self, twin: AltegioTwin) -> None:
        self._twin = twin
        account = twin.account
        self._second = Window(account.per_second, timedelta(seconds=1))
        self._minute = Window(account.per_minute, timedelta(minutes=1))

    def check(self) -> Response | None:
        """Count one request. The answer that refuses it, or None."""
        now = self._twin.clock()
        if not self._twin.account.enforce_rates:
            return None
        free = self._minute.remaining(now) > 0 and self._second.take(now)
        return None if free and self._minute.take(now) else self.over()

    def over(self) -> Response:
        """429; the pause is told when the account is set up so."""
        answer = failure(429, "Too many requests")
        pause = self._twin.account.retry_after
        if pause is not None:
            left = self._minute.reset_in(self._twin.clock()) if self._minute.remaining(self._twin.clock()) == 0 else timedelta()
            answer.headers["Retry-After"] = str(max(pause, math.ceil(left.total_seconds())))
        return answer
