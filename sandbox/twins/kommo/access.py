"""Who may come in, and how often (crm_kommo.md 1, 2, 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Window, html_page, json_answer
from sandbox.twins.kommo import wire
from sandbox.twins.kommo.state import Row

if TYPE_CHECKING:
    from sandbox.twins.kommo.twin import KommoTwin


@dataclass(frozen=True, slots=True)
class Grant:
    """What an integration was given: tokens of one user, and when they end."""

    access: str
    refresh: str
    user: int
    expires: datetime
    refresh_expires: datetime


class Grants:
    """The OAuth side of the account (1): a refresh token works once, a code works once for 20 minutes."""

    def __init__(self, twin: KommoTwin) -> None:
        self._twin = twin
        self.access: dict[str, Grant] = {}
        self.refresh: dict[str, Grant] = {}
        self.codes: dict[str, datetime] = {}

    def issue(self, user: int) -> Grant:
        ids, account, now = self._twin.ids, self._twin.account, self._twin.clock()
        tokens = f"eyJ0.{ids.hex('access', 64)}", f"def502{ids.hex('refresh', 64)}"
        grant = Grant(*tokens, user, now + account.access_life, now + account.refresh_life)
        self.access[grant.access] = self.refresh[grant.refresh] = grant
        return grant

    def code(self) -> str:
        """An authorisation code, as the redirect after consent brings it."""
        code = f"def502{self._twin.ids.hex('code', 64)}"
        self.codes[code] = self._twin.clock() + self._twin.account.code_life
        return code

    def live(self, token: str) -> Grant | None:
        """The grant of an access token that has not expired."""
        grant = self.access.get(token)
        return grant if grant and self._twin.clock() < grant.expires else None

    def spend_refresh(self, token: str) -> Grant | None:
        """The grant of a refresh token, which is dead from now on."""
        grant = self.refresh.pop(token, None)
        return grant if grant and self._twin.clock() < grant.refresh_expires else None

    def spend_code(self, code: str) -> bool:
        return self._twin.clock() < self.codes.pop(code, self._twin.clock())


def token(twin: KommoTwin, request: Request) -> Response:
    """`POST /oauth2/access_token`: JSON, with the registered redirect_uri to the byte (1)."""
    try:
        body = json.loads(request.get_data())
    except ValueError:
        body = None
    if request.mimetype != "application/json" or not isinstance(body, dict):
        return wire.problem(400, "Send a JSON object")
    account = twin.account
    if (body.get("client_id"), body.get("client_secret")) != (account.client_id, account.client_secret):
        return wire.problem(401, "Client authentication failed")
    if body.get("redirect_uri") != account.redirect_uri:
        return wire.problem(400, "redirect_uri does not match the registered one")
    return _granted(twin, body)


def _granted(twin: KommoTwin, body: Mapping[str, Any]) -> Response:
    if body.get("grant_type") == "refresh_token":
        old = twin.grants.spend_refresh(str(body.get("refresh_token")))
        if old is None:
            return wire.problem(401, "Token has been revoked")
        user = old.user
    elif body.get("grant_type") == "authorization_code":
        if not twin.grants.spend_code(str(body.get("code"))):
            return wire.problem(400, "Authorization code has expired or was used")
        user = wire.ADMIN
    else:
        return wire.problem(400, "grant_type is not supported")
    grant = twin.grants.issue(user)
    seconds = int(twin.account.access_life.total_seconds())
    return json_answer({"token_type": "Bearer", "expires_in": seconds, "access_token": grant.access,
                        "refresh_token": grant.refresh})  # fmt: skip


def signed_in(twin: KommoTwin, request: Request) -> Row | None:
    """The user of the token; None for one that is missing, wrong, expired or revoked."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        return None
    grant = twin.grants.live(bearer)
    number = twin.tokens.get(bearer, grant.user if grant else None)
    return twin.state.users.get(number) if number is not None else None


class Gate:
    """Seven requests a second by address; whoever goes on after 429 is shut out for good (2)."""

    def __init__(self, twin: KommoTwin) -> None:
        self._twin = twin
        self._window = Window(twin.account.burst, twin.account.window)
        self._refused = 0
        self.blocked = False

    def check(self) -> Response | None:
        """Count one request. The answer that refuses it, or None."""
        account = self._twin.account
        if self.blocked:
            return html_page(403, "403 Forbidden")
        if not account.enforce_rates or self._window.take(self._twin.clock()):
            self._refused = 0
            return None
        self._refused += 1
        self.blocked = self._refused > account.block_after
        return html_page(403, "403 Forbidden") if self.blocked else self._twin.too_many()
