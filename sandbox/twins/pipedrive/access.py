"""Who may come in, and how often (crm_pipedrive.md 2, 3)."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Window, html_page, json_answer
from sandbox.twins.pipedrive.state import Row

if TYPE_CHECKING:
    from sandbox.twins.pipedrive.twin import PipedriveTwin

UNAUTHORISED = {"success": False, "error": "unauthorized access", "errorCode": 401,
                "error_info": "Please check developers.pipedrive.com for more information about Pipedrive API."}  # fmt: skip
NO_SCOPE = {"success": False, "error": "Scope and URL mismatch", "errorCode": 403,
            "error_info": "Please check developers.pipedrive.com for more information about Pipedrive API."}  # fmt: skip
OVER_LIMIT = {"success": False, "error": "request over limit", "errorCode": 429,
              "error_info": "Please check developers.pipedrive.com for more information about rate limits."}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grant:
    """What an OAuth app was given: tokens of one user with scopes; the access token ends at `expires`."""

    access: str
    refresh: str
    user: int
    scopes: tuple[str, ...]
    expires: datetime


class Grants:
    """The OAuth side of the account (2.2)."""

    def __init__(self, twin: PipedriveTwin) -> None:
        self._twin = twin
        self.access: dict[str, Grant] = {}
        self.refresh: dict[str, Grant] = {}
        self.codes: dict[str, str] = {}

    def issue(self, user: int, scopes: tuple[str, ...], refresh: str = "") -> Grant:
        """A new access token, with the refresh token given or a new one."""
        ids, life = self._twin.ids, self._twin.account.access_life
        token = refresh or f"{self._twin.account.company_id}:{user}:{ids.hex('refresh')}"
        grant = Grant(f"v1u:{ids.hex('access', 64)}", token, user, scopes, self._twin.clock() + life)
        self.access[grant.access] = self.refresh[grant.refresh] = grant
        return grant

    def code(self, redirect_uri: str) -> str:
        """An authorisation code, good once, for that redirect address."""
        code = self._twin.ids.hex("code")
        self.codes[code] = redirect_uri
        return code

    def live(self, token: str) -> Grant | None:
        """The grant of an access token that has not expired."""
        grant = self.access.get(token)
        return grant if grant and self._twin.clock() < grant.expires else None

    def expire(self) -> None:
        """All access tokens end now; refreshing still works."""
        self.access.clear()

    def revoke(self) -> None:
        """The app is removed: no token works any more."""
        self.access.clear()
        self.refresh.clear()


# ---- OAuth calls (2.2)


def authorize(twin: PipedriveTwin, request: Request) -> Response:
    """`GET /oauth/authorize`: the twin's user agrees at once."""
    target = request.args.get("redirect_uri", "")
    if request.args.get("client_id") != twin.account.client_id or not target.startswith(("http://", "https://")):
        return _oauth_error("invalid_request", "client_id or redirect_uri is wrong")
    mark = "&" if "?" in target else "?"
    return redirect(f"{target}{mark}code={twin.grants.code(target)}&state={request.args.get('state', '')}")


def token(twin: PipedriveTwin, request: Request) -> Response:
    """`POST /oauth/token`: form body, HTTP Basic; refresh_token or authorization_code."""
    if not _is_client(twin, request):
        return _oauth_error("invalid_client", "Client authentication failed", 401)
    if request.mimetype != "application/x-www-form-urlencoded":
        return _oauth_error("invalid_request", "send a form")
    form = request.form
    if form.get("grant_type") == "refresh_token":
        return _refreshed(twin, form.get("refresh_token", ""))
    if form.get("grant_type") == "authorization_code":
        return _exchanged(twin, form)
    return _oauth_error("unsupported_grant_type", "grant_type is not supported")


def _refreshed(twin: PipedriveTwin, given: str) -> Response:
    grant = twin.grants.refresh.get(given)
    if grant is None:
        return _oauth_error("invalid_grant", "Grant type is invalid")
    if not twin.account.refresh_single_use:
        return _granted(twin, twin.grants.issue(grant.user, grant.scopes, given))
    del twin.grants.refresh[given]
    return _granted(twin, twin.grants.issue(grant.user, grant.scopes))


def _exchanged(twin: PipedriveTwin, form: Mapping[str, str]) -> Response:
    target = twin.grants.codes.pop(form.get("code", ""), None)
    if target is None or target != form.get("redirect_uri"):
        return _oauth_error("invalid_grant", "Grant type is invalid")
    return _granted(twin, twin.grants.issue(1, twin.account.scopes))


def _granted(twin: PipedriveTwin, grant: Grant) -> Response:
    body = {"access_token": grant.access, "token_type": "Bearer", "expires_in": int(twin.account.access_life.total_seconds()),
            "refresh_token": grant.refresh, "scope": " ".join(grant.scopes),
            "api_domain": f"https://{twin.account.domain}.pipedrive.com"}  # fmt: skip
    return json_answer(body)


def revoke(twin: PipedriveTwin, request: Request) -> Response:
    """`POST /oauth/revoke`: a refresh token takes its access tokens along."""
    if not _is_client(twin, request):
        return _oauth_error("invalid_client", "Client authentication failed", 401)
    given = request.form.get("token", "")
    twin.grants.access.pop(given, None)
    if twin.grants.refresh.pop(given, None):
        twin.grants.access = {key: grant for key, grant in twin.grants.access.items() if grant.refresh != given}
    return json_answer({"success": True})


def _is_client(twin: PipedriveTwin, request: Request) -> bool:
    wanted = base64.b64encode(f"{twin.account.client_id}:{twin.account.client_secret}".encode()).decode()
    return request.headers.get("Authorization", "") == f"Basic {wanted}"


def _oauth_error(code: str, words: str, status: int = 400) -> Response:
    return json_answer({"success": False, "error": code, "message": words}, status)


# ---- who comes (2.1, 2.2)


def signed_in(twin: PipedriveTwin, request: Request) -> tuple[Row, tuple[str, ...] | None] | None:
    """The user and the scopes (None: an API token), or None for a token that is wrong, expired or of a deactivated user."""
    key = request.headers.get("x-api-token")
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    grant = twin.grants.live(bearer) if scheme == "Bearer" else None
    number = twin.api_tokens.get(key) if key else grant.user if grant else None
    user = twin.state.users.get(number) if number is not None else None
    if user is None or not user["active_flag"] or user["is_deleted"]:
        return None
    return user, None if key else grant.scopes if grant else ()


def in_scope(needed: str, method: str, scopes: tuple[str, ...] | None, *, app_only: bool) -> bool:
    """`needed` is a family such as `leads` (`leads:read` is enough to read) or a whole scope such as `phone-integration`."""
    if scopes is None:
        return not app_only
    allowed = {needed, f"{needed}:full"} | ({f"{needed}:read"} if method == "GET" else set())
    return bool(allowed & set(scopes))


# ---- how often (3)


class Gate:
    """The two bursts, the edge in front of them, and the day's budget."""

    def __init__(self, twin: PipedriveTwin) -> None:
        self._twin = twin
        account = twin.account
        self._windows = {True: Window(account.search_burst, account.window), False: Window(account.burst, account.window)}
        self._refused = 0
        self._blocked_until: datetime | None = None
        self._spent: dict[str, int] = {}

    def check(self, *, search: bool, cost: int) -> Response | None:
        """Count one request. The answer that refuses it, or None."""
        now, account = self._twin.clock(), self._twin.account
        if self._blocked_until and now < self._blocked_until:
            self._blocked_until = now + account.edge_block_for
            return html_page(403, "Access denied")
        if account.enforce_rates and not self._windows[search].take(now):
            return self._over(now)
        self._refused = 0
        if account.daily_budget is not None and not self._pay(cost):
            return json_answer(OVER_LIMIT, 429)
        return None

    def _over(self, now: datetime) -> Response:
        self._refused += 1
        if self._refused > self._twin.account.edge_block_after:
            self._refused = 0
            self._blocked_until = now + self._twin.account.edge_block_for
            return html_page(403, "Access denied")
        return json_answer(OVER_LIMIT, 429)

    def _pay(self, cost: int) -> bool:
        day = f"{self._twin.clock():%Y-%m-%d}"
        if self._spent.get(day, 0) + cost > (self._twin.account.daily_budget or 0):
            return False
        self._spent[day] = self._spent.get(day, 0) + cost
        return True

    def headers(self, *, search: bool, app: bool = False) -> dict[str, str]:
        """The three headers of 3.3, and what is left of the day for API tokens."""
        now, window = self._twin.clock(), self._windows[search]
        reset = max(1, math.ceil(window.reset_in(now) / timedelta(seconds=1)))
        headers = {"x-ratelimit-limit": str(window.units), "x-ratelimit-remaining": str(window.remaining(now)),
                   "x-ratelimit-reset": str(reset)}  # fmt: skip
        if self._twin.account.daily_budget is not None and not app:
            left = self._twin.account.daily_budget - self._spent.get(f"{now:%Y-%m-%d}", 0)
            headers["x-daily-requests-left"] = str(max(0, left))
        return headers
