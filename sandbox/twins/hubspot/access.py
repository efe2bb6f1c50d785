"""Who may come in, and how often (crm_hubspot.md 2, 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Window, json_answer
from sandbox.twins.hubspot.wire import error

if TYPE_CHECKING:
    from sandbox.twins.hubspot.twin import HubSpotTwin


@dataclass(frozen=True, slots=True)
class Grant:
    """What an app was given: tokens with scopes; the access token ends at `expires`."""

    access: str
    refresh: str
    scopes: tuple[str, ...]
    expires: datetime


class Grants:
    """The OAuth side of the account (2.1)."""

    def __init__(self, twin: HubSpotTwin) -> None:
        self._twin = twin
        self.access: dict[str, Grant] = {}
        self.refresh: dict[str, Grant] = {}
        self.codes: dict[str, str] = {}

    def issue(self, scopes: tuple[str, ...], refresh: str = "") -> Grant:
        """A new access token, with the refresh token given or a new one."""
        ids = self._twin.ids
        token = refresh or f"na1-{ids.hex('refresh', 32)}"
        grant = Grant(f"CJ{ids.hex('access', 64)}", token, scopes, self._twin.clock() + self._twin.account.access_life)
        self.access[grant.access] = self.refresh[grant.refresh] = grant
        return grant

    def code(self, redirect_uri: str) -> str:
        """An authorisation code, good once, for that redirect address."""
        code = self._twin.ids.uuid("code")
        self.codes[code] = redirect_uri
        return code

    def live(self, token: str) -> Grant | None:
        grant = self.access.get(token)
        return grant if grant and self._twin.clock() < grant.expires else None

    def known(self, token: str) -> bool:
        """Whether the token was one of ours once: then it is expired, not invalid."""
        return token in self.access

    def expire(self) -> None:
        """All access tokens end now; refreshing still works."""
        now = self._twin.clock()
        self.access = {key: Grant(grant.access, grant.refresh, grant.scopes, now) for key, grant in self.access.items()}

    def revoke(self) -> None:
        """The app is removed from the account: no token works any more."""
        self.access.clear()
        self.refresh.clear()


# ---- OAuth calls (2.1)


def authorize(twin: HubSpotTwin, request: Request) -> Response:
    """`GET /oauth/authorize` (the page lives on app.hubspot.com): the twin's user agrees at once."""
    target = request.args.get("redirect_uri", "")
    if request.args.get("client_id") != twin.account.client_id or not target.startswith(("http://", "https://")):
        return error(twin, 400, "client_id or redirect_uri is wrong", "VALIDATION_ERROR")
    mark = "&" if "?" in target else "?"
    return redirect(f"{target}{mark}code={twin.grants.code(target)}&state={request.args.get('state', '')}")


def token(twin: HubSpotTwin, request: Request) -> Response:
    """`POST /oauth/…/token`: everything in the form body."""
    form = request.form
    if request.args or request.mimetype != "application/x-www-form-urlencoded":
        return refused(twin, "BAD_REQUEST", "invalid_request", "send the parameters as a form")
    if not is_client(twin, form):
        return refused(twin, "BAD_CLIENT_ID", "invalid_client", "missing or unknown client id or secret")
    if form.get("grant_type") == "refresh_token":
        return _refreshed(twin, form.get("refresh_token", ""))
    if form.get("grant_type") == "authorization_code":
        return _exchanged(twin, form)
    return refused(twin, "BAD_GRANT_TYPE", "unsupported_grant_type", "grant_type is not supported")


def _refreshed(twin: HubSpotTwin, given: str) -> Response:
    grant = twin.grants.refresh.get(given)
    if grant is None:
        return refused(twin, "BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token")
    if not twin.account.rotate_refresh:
        return granted(twin, twin.grants.issue(grant.scopes, given))
    del twin.grants.refresh[given]
    return granted(twin, twin.grants.issue(grant.scopes))


def _exchanged(twin: HubSpotTwin, form: Mapping[str, str]) -> Response:
    target = twin.grants.codes.pop(form.get("code", ""), None)
    if target is None or target != form.get("redirect_uri"):
        return refused(twin, "BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code")
    return granted(twin, twin.grants.issue(twin.account.scopes))


def granted(twin: HubSpotTwin, grant: Grant) -> Response:
    seconds = int(twin.account.access_life.total_seconds())
    return json_answer({"token_type": "bearer", "access_token": grant.access, "refresh_token": grant.refresh,
                        "hub_id": twin.account.hub_id, "expires_in": seconds, "scopes": list(grant.scopes)})  # fmt: skip


def introspect(twin: HubSpotTwin, request: Request) -> Response:
    """`POST /oauth/…/token/introspect` (2.1)."""
    if not is_client(twin, request.form):
        return refused(twin, "BAD_CLIENT_ID", "invalid_client", "missing or unknown client id or secret")
    grant = twin.grants.live(request.form.get("access_token", ""))
    if grant is None:
        return json_answer({"active": False})
    left = int((grant.expires - twin.clock()).total_seconds())
    return json_answer({"active": True, "hub_id": twin.account.hub_id, "user_id": 9586501, "scopes": list(grant.scopes),
                        "expires_in": left})  # fmt: skip


def is_client(twin: HubSpotTwin, form: Mapping[str, str]) -> bool:
    return (form.get("client_id"), form.get("client_secret")) == (twin.account.client_id, twin.account.client_secret)


def refused(twin: HubSpotTwin, status: str, code: str, words: str) -> Response:
    """The shape of a refused token call: always 400."""
    body = {"status": status, "message": words, "error": code, "error_description": words,
            "correlationId": twin.ids.uuid("correlation")}  # fmt: skip
    return json_answer(body, 400)


# ---- who comes (2.1, 2.2)


def signed_in(twin: HubSpotTwin, request: Request) -> tuple[tuple[str, ...], bool] | Response:
    """The scopes of the token and whether it is an app's; the 401 that refuses it."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Bearer" and bearer in twin.static_tokens:
        return twin.account.scopes, False
    grant = twin.grants.live(bearer) if scheme == "Bearer" else None
    if grant is not None:
        return grant.scopes, True
    return expired(twin) if twin.grants.known(bearer) else unauthorised(twin)


def unauthorised(twin: HubSpotTwin) -> Response:
    words = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
    return error(twin, 401, words, "INVALID_AUTHENTICATION")


def expired(twin: HubSpotTwin) -> Response:
    return error(twin, 401, "The OAuth token used to make this call expired.", "EXPIRED_AUTHENTICATION")


def no_scope(twin: HubSpotTwin, needed: str) -> Response:
    words = "This app hasn't been granted all required scopes to make this call."
    entry = {"message": "One or more of the following scopes are required.", "context": {"requiredGranularScopes": [needed]}}
    return error(twin, 403, words, "MISSING_SCOPES", [entry])


# ---- how often (3)


class Gate:
    """The 10-second counter with its headers, the search counter without any, and the day."""

    def __init__(self, twin: HubSpotTwin) -> None:
        self._twin = twin
        account = twin.account
        self._burst = Window(account.burst, account.window)
        self._searches = Window(account.search_burst, account.search_window)
        self._spent: dict[str, int] = {}

    def check(self, *, search: bool) -> Response | None:
        """Count one request. The answer that refuses it, or None."""
        account, now = self._twin.account, self._twin.clock()
        if account.enforce_rates and search and not self._searches.take(now):
            return over(self._twin, "SECONDLY", "secondly")
        if account.enforce_rates and not search and not self._burst.take(now):
            return over(self._twin, "TEN_SECONDLY_ROLLING", "ten_secondly_rolling")
        day = f"{now:%Y-%m-%d}"
        if account.daily_budget is not None and self._spent.get(day, 0) >= account.daily_budget:
            return over(self._twin, "DAILY", "daily")
        self._spent[day] = self._spent.get(day, 0) + 1
        return None

    def headers(self, *, search: bool, app: bool) -> dict[str, str]:
        """What an answer tells of the limits; searches tell nothing, apps are told of no day."""
        if search:
            return {}
        now, account = self._twin.clock(), self._twin.account
        headers = {
            "X-HubSpot-RateLimit-Max": str(self._burst.units),
            "X-HubSpot-RateLimit-Remaining": str(self._burst.remaining(now)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(account.window.total_seconds() * 1000)),
        }
        if account.daily_budget is not None and not app:
            left = account.daily_budget - self._spent.get(f"{now:%Y-%m-%d}", 0)
            headers["X-HubSpot-RateLimit-Daily"] = str(account.daily_budget)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, left))
        return headers


def over(twin: HubSpotTwin, policy: str, words: str) -> Response:
    """429: the policy tells how long to wait, there is no `Retry-After` (3)."""
    body = {"status": "error", "message": f"You have reached your {words} limit.", "errorType": "RATE_LIMIT",
            "correlationId": twin.ids.uuid("correlation"), "policyName": policy,
            "requestId": twin.ids.uuid("request")}  # fmt: skip
    return json_answer(body, 429)
