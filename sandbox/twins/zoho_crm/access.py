"""Who may come in, and how much (crm_zohocrm.md 1, 2)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Window, json_answer
from sandbox.twins.zoho_crm.wire import Wrong

if TYPE_CHECKING:
    from sandbox.twins.zoho_crm.twin import ZohoCrmTwin

DAY = timedelta(days=1)
TOKEN_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of one user with scopes; it ends at `expires`."""

    access: str
    refresh: str
    user: str
    scopes: tuple[str, ...]
    expires: datetime


class Grants:
    """Refresh tokens, the access tokens they gave, and grant codes of self clients (1)."""

    def __init__(self, twin: ZohoCrmTwin) -> None:
        self._twin = twin
        self.access: dict[str, Token] = {}
        self.refresh: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.codes: dict[str, str] = {}
        self._windows: dict[str, Window] = {}

    def grant(self, user: str, scopes: tuple[str, ...]) -> str:
        """A refresh token; it does not expire."""
        made = f"1000.{self._twin.ids.hex('refresh', 32)}.{self._twin.ids.hex('refresh', 32)}"
        self.refresh[made] = (user, scopes)
        self._windows[made] = Window(self._twin.account.tokens_per_window, TOKEN_WINDOW)
        return made

    def code(self, user: str) -> str:
        """A grant code, good once."""
        made = f"1000.{self._twin.ids.hex('code', 32)}"
        self.codes[made] = user
        return made

    def issue(self, refresh: str) -> Token:
        """A further access token; the oldest of too many dies."""
        user, scopes = self.refresh[refresh]
        made = f"1000.{self._twin.ids.hex('access', 32)}.{self._twin.ids.hex('access', 32)}"
        token = Token(made, refresh, user, scopes, self._twin.clock() + self._twin.account.access_life)
        self.access[made] = token
        own = [key for key, other in self.access.items() if other.refresh == refresh]
        for key in own[: max(0, len(own) - self._twin.account.active_tokens)]:
            del self.access[key]
        return token

    def may_issue(self, refresh: str) -> bool:
        return self._windows[refresh].take(self._twin.clock())

    def live(self, header: str) -> Token | None:
        """The token of an `Authorization` header, while it lives; the scheme is Zoho's own."""
        scheme, _, text = header.partition(" ")
        token = self.access.get(text) if scheme == "Zoho-oauthtoken" else None
        return token if token and self._twin.clock() < token.expires else None


# ---- the accounts host (1)


def token(twin: ZohoCrmTwin, request: Request) -> Response:
    """`POST /oauth/v2/token`: a form. Refusals come with 200."""
    form = request.form
    if (form.get("client_id"), form.get("client_secret")) != (twin.account.client_id, twin.account.client_secret):
        return json_answer({"error": "invalid_client"})
    if form.get("grant_type") == "refresh_token":
        return _refreshed(twin, request, form.get("refresh_token", ""))
    if form.get("grant_type") == "authorization_code":
        return _exchanged(twin, request, form.get("code", ""))
    return json_answer({"error": "unsupported_grant_type"})


def _refreshed(twin: ZohoCrmTwin, request: Request, refresh: str) -> Response:
    if refresh not in twin.grants.refresh:
        return json_answer({"error": "invalid_code"})
    if not twin.grants.may_issue(refresh):
        words = "You have made too many requests continuously. Please try again after some time."
        return json_answer({"error": "Access Denied", "error_description": words, "status": "failure"}, 400)
    return json_answer(_answer(twin, request, twin.grants.issue(refresh)))


def _exchanged(twin: ZohoCrmTwin, request: Request, code: str) -> Response:
    user = twin.grants.codes.pop(code, None)
    if user is None:
        return json_answer({"error": "invalid_code"})
    refresh = twin.grants.grant(user, twin.account.scopes)
    answer = _answer(twin, request, twin.grants.issue(refresh))
    return json_answer({**answer, "refresh_token": refresh, "scope": " ".join(twin.account.scopes)})


def _answer(twin: ZohoCrmTwin, request: Request, made: Token) -> dict[str, Any]:
    return {
        "access_token": made.access, "api_domain": request.host_url.rstrip("/"), "token_type": "Bearer",
        "expires_in": int(twin.account.access_life.total_seconds()),
    }  # fmt: skip


# ---- scopes (1)


def check_scope(needed: str, verb: str, scopes: tuple[str, ...]) -> None:
    """`needed` such as `modules.leads` or `coql`; raises 401 unless it or its family is granted for READ, CREATE or UPDATE."""
    family = needed.split(".")
    names = {".".join(("ZohoCRM", *family[:count])) for count in range(1, len(family) + 1)}
    allowed = {f"{name}.{right}" for name in names for right in ("ALL", verb)}
    if needed == "search":
        allowed = {"ZohoSearch.securesearch.READ"}
    if not allowed & set(scopes):
        raise Wrong(401, "OAUTH_SCOPE_MISMATCH", "invalid oauth scope to access this URL")


# ---- limits (2)


class Meter:
    """Credits within a rolling day, and places for calls at the same time."""

    def __init__(self, twin: ZohoCrmTwin) -> None:
        self._twin = twin
        self._used: deque[tuple[datetime, int]] = deque()
        self.busy = 0

    def left(self) -> int | None:
        account = self._twin.account
        if account.credits is None:
            return None
        while self._used and self._used[0][0] <= self._twin.clock() - DAY:
            self._used.popleft()
        return max(0, account.credits - account.spent - sum(count for _, count in self._used))

    def pay(self, count: int) -> bool:
        """Take credits; False when there are not enough."""
        left = self.left()
        if left is not None and left < count:
            return False
        self._used.append((self._twin.clock(), count))
        return True

    def headers(self) -> dict[str, str]:
        """`X-API-CREDITS-REMAINING`, from half of the use on."""
        left, credits = self.left(), self._twin.account.credits
        return {"X-API-CREDITS-REMAINING": str(left)} if left is not None and credits and left <= credits / 2 else {}
