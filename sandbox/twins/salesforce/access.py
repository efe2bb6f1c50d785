"""Who may come in, and how often (crm_salesforce.md 2, 3)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import json_answer

if TYPE_CHECKING:
    from sandbox.twins.salesforce.twin import SalesforceTwin


@dataclass(slots=True)
class Session:
    """An access token: it ends when it has not been used for the org's session life, or after so many calls."""

    token: str
    user: str
    used: datetime
    calls: int = 0


class Sessions:
    """The OAuth side of the org (2.2, 2.3)."""

    def __init__(self, twin: SalesforceTwin) -> None:
        self._twin = twin
        self.live: dict[str, Session] = {}
        self.refresh: dict[str, str] = {}
        self.codes: dict[str, str] = {}

    def begin(self, user: str) -> Session:
        """A new access token of a user."""
        ids, organization = self._twin.ids, self._twin.org.organization_id[:15]
        session = Session(f"{organization}!AR8{ids.hex('access', 64)}", user, self._twin.clock())
        self.live[session.token] = session
        return session

    def approve(self, user: str) -> str:
        """A refresh token of a user who has agreed."""
        token = f"5Aep861{self._twin.ids.hex('refresh', 64)}"
        self.refresh[token] = user
        return token

    def code(self, redirect_uri: str) -> str:
        """An authorisation code, good once, for that redirect address."""
        code = f"aPrx{self._twin.ids.hex('code')}"
        self.codes[code] = redirect_uri
        return code

    def used(self, token: str) -> Session | None:
        """The session of a token that still lives; using it prolongs it."""
        session, org, now = self.live.get(token), self._twin.org, self._twin.clock()
        if session is None or now >= session.used + org.session_life:
            return None
        if org.calls_per_session is not None and session.calls >= org.calls_per_session:
            return None
        session.used, session.calls = now, session.calls + 1
        return session


# ---- OAuth calls


def authorize(twin: SalesforceTwin, request: Request) -> Response:
    """`GET /services/oauth2/authorize`: the twin's user agrees at once."""
    target = request.args.get("redirect_uri", "")
    if request.args.get("client_id") != twin.org.client_id or not target.startswith(("http://", "https://")):
        return oauth_error("invalid_client_id", "client identifier invalid")
    mark = "&" if "?" in target else "?"
    return redirect(f"{target}{mark}code={twin.sessions.code(target)}&state={request.args.get('state', '')}")


def token(twin: SalesforceTwin, request: Request) -> Response:
    """`POST /services/oauth2/token`: a form; refresh_token, client_credentials or authorization_code. No `expires_in`."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return oauth_error("unsupported_grant_type", "grant type not supported")
    form = request.form
    if not _is_client(twin, request, form):
        return oauth_error("invalid_client", "invalid client credentials")
    grant = form.get("grant_type")
    if grant == "refresh_token":
        return _refreshed(twin, request, form.get("refresh_token", ""))
    if grant == "client_credentials":
        return _granted(twin, request, twin.integration_user)
    if grant == "authorization_code":
        return _exchanged(twin, request, form)
    return oauth_error("unsupported_grant_type", "grant type not supported")


def _is_client(twin: SalesforceTwin, request: Request, form: Mapping[str, str]) -> bool:
    """Id and secret in the body, or as HTTP Basic."""
    given = (form.get("client_id"), form.get("client_secret"))
    scheme, _, code = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            name, _, secret = base64.b64decode(code).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        given = (unquote_plus(name), unquote_plus(secret))
    return given == (twin.org.client_id, twin.org.client_secret)


def _refreshed(twin: SalesforceTwin, request: Request, given: str) -> Response:
    user = twin.sessions.refresh.get(given)
    if user is None:
        return oauth_error("invalid_grant", "expired access/refresh token")
    if not twin.org.rotate_refresh:
        return _granted(twin, request, user)
    del twin.sessions.refresh[given]
    return _granted(twin, request, user, twin.sessions.approve(user))


def _exchanged(twin: SalesforceTwin, request: Request, form: Mapping[str, str]) -> Response:
    target = twin.sessions.codes.pop(form.get("code", ""), None)
    if target is None or target != form.get("redirect_uri"):
        return oauth_error("invalid_grant", "expired authorization code")
    return _granted(twin, request, twin.integration_user, twin.sessions.approve(twin.integration_user))


def _granted(twin: SalesforceTwin, request: Request, user: str, refresh: str = "") -> Response:
    """`instance_url` is where the twin is served, so that who follows it comes back."""
    session = twin.sessions.begin(user)
    body = {
        "access_token": session.token, "instance_url": request.host_url.rstrip("/"), "token_type": "Bearer",
        "id": f"https://login.salesforce.com/id/{twin.org.organization_id}/{user}", "scope": twin.org.scopes,
        "issued_at": str(int(twin.clock().timestamp() * 1000)), "signature": twin.ids.hex("signature", 43) + "=",
    }  # fmt: skip
    return json_answer(body | ({"refresh_token": refresh} if refresh else {}))


def oauth_error(code: str, words: str) -> Response:
    """OAuth errors are an object, unlike all others (4)."""
    return json_answer({"error": code, "error_description": words}, 400)
