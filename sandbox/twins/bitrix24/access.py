"""Who may come in, and how often (crm_bitrix24.md 1, 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused, json_answer

if TYPE_CHECKING:
    from sandbox.twins.bitrix24.twin import Bitrix24Twin

CODE_LIFE = timedelta(seconds=30)
MINUTES_OF_OPERATING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an application was given: tokens of one user with scopes; the access token ends at `expires`."""

    access: str
    refresh: str
    user: int
    scopes: tuple[str, ...]
    expires: datetime


class Grants:
    """The OAuth side (1). Refresh tokens are replaced at each refresh."""

    def __init__(self, twin: Bitrix24Twin) -> None:
        self._twin = twin
        self.access: dict[str, Grant] = {}
        self.refresh: dict[str, Grant] = {}
        self.codes: dict[str, datetime] = {}

    def issue(self, user: int, scopes: tuple[str, ...]) -> Grant:
        ids = self._twin.ids
        expires = self._twin.clock() + self._twin.account.access_life
        grant = Grant(ids.hex("access", 64), ids.hex("refresh", 64), user, scopes, expires)
        self.access[grant.access] = self.refresh[grant.refresh] = grant
        return grant

    def code(self) -> str:
        code = self._twin.ids.hex("code", 32)
        self.codes[code] = self._twin.clock()
        return code

    def expire(self) -> None:
        """All access tokens end now; refreshing still works."""
        now = self._twin.clock()
        self.access = {key: Grant(one.access, one.refresh, one.user, one.scopes, now) for key, one in self.access.items()}

    def revoke(self) -> None:
        """The application is removed: no token works any more."""
        self.access.clear()
        self.refresh.clear()


# ---- OAuth calls (1)


def authorize(twin: Bitrix24Twin, request: Request) -> Response:
    """`GET /oauth/authorize/`: the twin's user agrees at once."""
    target = request.args.get("redirect_uri", "")
    if request.args.get("client_id") != twin.account.client_id or not target.startswith(("http://", "https://")):
        return _refused("invalid_request", "client_id or redirect_uri is wrong")
    mark = "&" if "?" in target else "?"
    return redirect(f"{target}{mark}code={twin.grants.code()}&state={request.args.get('state', '')}")


def token(twin: Bitrix24Twin, request: Request) -> Response:
    """`/oauth/token/`: client and secret beside the refresh token or the code."""
    if request.method == "POST" and not twin.account.token_by_post:
        return _refused("invalid_request", "use the query")
    form = request.args if request.method == "GET" else request.form
    if (form.get("client_id"), form.get("client_secret")) != (twin.account.client_id, twin.account.client_secret):
        return _refused("invalid_client", "The client is not known", 401)
    if form.get("grant_type") == "refresh_token":
        return _refreshed(twin, request, form)
    if form.get("grant_type") == "authorization_code":
        return _exchanged(twin, request, form)
    return _refused("invalid_request", "grant_type is wrong")


def _refreshed(twin: Bitrix24Twin, request: Request, form: Mapping[str, str]) -> Response:
    old = twin.grants.refresh.pop(form.get("refresh_token", ""), None)
    if old is None:
        return _refused("invalid_grant", "The refresh token is not valid")
    return _granted(twin, request, twin.grants.issue(old.user, old.scopes))


def _exchanged(twin: Bitrix24Twin, request: Request, form: Mapping[str, str]) -> Response:
    made = twin.grants.codes.pop(form.get("code", ""), None)
    if made is None or made + CODE_LIFE < twin.clock():
        return _refused("invalid_grant", "The code is not valid")
    return _granted(twin, request, twin.grants.issue(twin.account.webhook_user, twin.account.scopes))


def _granted(twin: Bitrix24Twin, request: Request, grant: Grant) -> Response:
    return json_answer(
        {"access_token": grant.access, "refresh_token": grant.refresh, "expires": int(grant.expires.timestamp()),
         "expires_in": int(twin.account.access_life.total_seconds()), "client_endpoint": f"{request.host_url}rest/",
         "server_endpoint": "https://oauth.bitrix.info/rest/", "domain": "oauth.bitrix.info",
         "member_id": twin.account.member_id, "scope": ",".join(grant.scopes), "status": "L", "user_id": grant.user}
    )  # fmt: skip


def _refused(code: str, words: str, status: int = 400) -> Response:
    return json_answer({"error": code, "error_description": words}, status)


# ---- who comes


@dataclass(frozen=True, slots=True)
class Visitor:
    """In whose name a call comes, and with which scopes."""

    user: int
    app: bool
    scopes: tuple[str, ...]


def by_webhook(twin: Bitrix24Twin, user: int, code: str) -> Visitor:
    account = twin.account
    if (user, code) != (account.webhook_user, account.webhook_code) or not twin.state.users[user]["ACTIVE"]:
        raise Refused(403, "Invalid request credentials", "INVALID_CREDENTIALS")
    return Visitor(user, False, account.scopes)


def by_token(twin: Bitrix24Twin, given: Any) -> Visitor:
    if not given:
        raise Refused(401, "Wrong authorization data", "NO_AUTH_FOUND")
    grant = twin.grants.access.get(str(given))
    if grant is None:
        raise Refused(401, "Unable to get application by token", "invalid_token")
    if twin.clock() >= grant.expires:
        raise Refused(401, "The access token provided has expired.", "expired_token")
    return Visitor(grant.user, True, grant.scopes)


# ---- how often (2)


class Gate:
    """The leaky bucket of requests, and the run time of each method."""

    def __init__(self, twin: Bitrix24Twin) -> None:
        self._twin = twin
        self._level = 0.0
        self._at = twin.clock()
        self._spent: dict[str, float] = {}
        self._window_ends = twin.clock() + MINUTES_OF_OPERATING

    def enter(self) -> None:
        """Count one request; 503 when the bucket is full."""
        now, account = self._twin.clock(), self._twin.account
        self._level = max(0.0, self._level - account.drain * (now - self._at).total_seconds())
        self._at = now
        if account.enforce_rates and self._level + 1 > account.burst:
            raise Refused(503, "Too many requests", "QUERY_LIMIT_EXCEEDED")
        self._level += 1

    def charge(self, method: str) -> None:
        """Add to the method's run time; 429 when there is none left in these ten minutes."""
        now, account = self._twin.clock(), self._twin.account
        if now >= self._window_ends:
            self._spent, self._window_ends = {}, now + MINUTES_OF_OPERATING
        if self._spent.get(method, 0.0) >= account.operating_limit:
            raise Refused(429, "Method is blocked due to operation time limit.", "OPERATION_TIME_LIMIT")
        self._spent[method] = self._spent.get(method, 0.0) + account.operating_cost

    def operating(self, method: str) -> tuple[float, int]:
        """The run time spent on the method, and when it begins anew."""
        return self._spent.get(method, 0.0), int(self._window_ends.timestamp())
