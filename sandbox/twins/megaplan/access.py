"""Who may come in: tokens of the bot user (crm_megaplan.md 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import json_answer

if TYPE_CHECKING:
    from sandbox.twins.megaplan.twin import MegaplanTwin

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Grant:
    """One pair of tokens; the access token ends at `expires`."""

    access: str
    refresh: str
    expires: datetime


class Grants:
    """The tokens given out. Each refresh token works once."""

    def __init__(self, twin: MegaplanTwin) -> None:
        self._twin = twin
        self._access: dict[str, Grant] = {}
        self._refresh: set[str] = set()

    def issue(self) -> Grant:
        ids, life = self._twin.ids, self._twin.account.access_life
        grant = Grant(f"A{ids.hex('access', 60)}", f"R{ids.hex('refresh', 60)}", self._twin.clock() + life)
        self._access[grant.access] = grant
        self._refresh.add(grant.refresh)
        return grant

    def is_live(self, token: str) -> bool:
        grant = self._access.get(token)
        return grant is not None and self._twin.clock() < grant.expires

    def spend(self, refresh: str) -> bool:
        """Whether the refresh token was good; it is not any more."""
        if refresh not in self._refresh:
            return False
        self._refresh.remove(refresh)
        return True

    def expire(self) -> None:
        """All access tokens end now; refreshing still works."""
        self._access.clear()

    def revoke(self) -> None:
        """No token works any more; the password still does."""
        self._access.clear()
        self._refresh.clear()


def token(twin: MegaplanTwin, request: Request) -> Response:
    """`POST /auth/access_token`: a form with password or refresh token; the answer has no envelope."""
    if request.mimetype != FORM:
        return _denied("invalid_request", "a form is expected")
    form, sort = request.form, request.form.get("grant_type")
    if sort == "password":
        good = (form.get("username"), form.get("password")) == (twin.account.username, twin.account.password)
    elif sort == "refresh_token":
        good = twin.grants.spend(form.get("refresh_token", ""))
    else:
        return _denied("unsupported_grant_type", "grant_type is not supported")
    if not good:
        return _denied("invalid_grant", "Invalid username and password combination" if sort == "password" else "Invalid token")
    grant = twin.grants.issue()
    seconds = int(twin.account.access_life.total_seconds())
    body = {"access_token": grant.access, "expires_in": seconds, "token_type": "bearer", "scope": None}
    return json_answer({**body, "refresh_token": grant.refresh})


def _denied(code: str, words: str) -> Response:
    return json_answer({"error": code, "error_description": words}, 400)


def is_signed_in(twin: MegaplanTwin, request: Request) -> bool:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return scheme == "Bearer" and twin.grants.is_live(bearer)
