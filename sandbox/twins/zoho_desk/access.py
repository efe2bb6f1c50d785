"""Who may come in, and how much (crm_zohodesk.md 1, 2; the accounts server is Zoho CRM's, crm_zohocrm.md 1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Window, json_answer
from sandbox.twins.zoho_desk.wire import error

if TYPE_CHECKING:
    from sandbox.twins.zoho_desk.twin import ZohoDeskTwin

TOKEN_WINDOW = timedelta(minutes=10)
SPENT = "You have exceeded the number of API credits for the day."
VERBS = {"GET": "READ", "POST": "CREATE", "PATCH": "UPDATE"}


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with scopes; it ends at `expires`."""

    access: str
    refresh: str
    scopes: tuple[str, ...]
    expires: datetime


class Grants:
    """Refresh tokens, the access tokens they gave, and grant codes of self clients."""

    def __init__(self, twin: ZohoDeskTwin) -> None:
        self._twin = twin
        self.access: dict[str, Token] = {}
        self.refresh: dict[str, tuple[str, ...]] = {}
        self.codes: set[str] = set()
        self._windows: dict[str, Window] = {}

    def grant(self, scopes: tuple[str, ...]) -> str:
        """A refresh token; it does not expire."""
        made = f"1000.{self._twin.ids.hex('refresh', 32)}.{self._twin.ids.hex('refresh', 32)}"
        self.refresh[made] = scopes
        self._windows[made] = Window(self._twin.account.tokens_per_window, TOKEN_WINDOW)
        return made

    def code(self) -> str:
        """A grant code, good once."""
        made = f"1000.{self._twin.ids.hex('code', 32)}"
        self.codes.add(made)
        return made

    def issue(self, refresh: str) -> Token:
        made = f"1000.{self._twin.ids.hex('access', 32)}.{self._twin.ids.hex('access', 32)}"
        token = Token(made, refresh, self.refresh[refresh], self._twin.clock() + self._twin.account.access_life)
        self.access[made] = token
        return token

    def may_issue(self, refresh: str) -> bool:
        """At most so many access tokens in ten minutes."""
        return self._windows[refresh].take(self._twin.clock())

    def live(self, header: str) -> Token | None:
        """The token of an `Authorization` header, while it lives; the scheme is Zoho's own."""
        scheme, _, text = header.partition(" ")
        found = self.access.get(text) if scheme == "Zoho-oauthtoken" else None
        return found if found and self._twin.clock() < found.expires else None


# ---- the accounts host


def token(twin: ZohoDeskTwin, request: Request) -> Response:
    """`POST /oauth/v2/token`: a form. Refusals come with 200 (crm_zohocrm.md 1)."""
    form = request.form
    if (form.get("client_id"), form.get("client_secret")) != (twin.account.client_id, twin.account.client_secret):
        return json_answer({"error": "invalid_client"})
    if form.get("grant_type") == "refresh_token":
        return _refreshed(twin, form.get("refresh_token", ""))
    if form.get("grant_type") == "authorization_code":
        return _exchanged(twin, form.get("code", ""))
    return json_answer({"error": "unsupported_grant_type"})


def _refreshed(twin: ZohoDeskTwin, refresh: str) -> Response:
    if refresh not in twin.grants.refresh:
        return json_answer({"error": "invalid_code"})
    if not twin.grants.may_issue(refresh):
        words = "You have made too many requests continuously. Please try again after some time."
        return json_answer({"error": "Access Denied", "error_description": words, "status": "failure"})
    return json_answer(_answer(twin, twin.grants.issue(refresh)))


def _exchanged(twin: ZohoDeskTwin, code: str) -> Response:
    if code not in twin.grants.codes:
        return json_answer({"error": "invalid_code"})
    twin.grants.codes.remove(code)
    refresh = twin.grants.grant(twin.account.scopes)
    return json_answer({**_answer(twin, twin.grants.issue(refresh)), "refresh_token": refresh})


def _answer(twin: ZohoDeskTwin, made: Token) -> dict[str, Any]:
    """`api_domain` names Zoho's other interface, not Desk's host (1)."""
    return {
        "access_token": made.access, "scope": " ".join(made.scopes), "api_domain": "https://www.zohoapis.eu",
        "token_type": "Bearer", "expires_in": int(twin.account.access_life.total_seconds()),
    }  # fmt: skip


# ---- scopes and portals (1)


def in_scope(families: tuple[str, ...], method: str, scopes: tuple[str, ...]) -> bool:
    """`families` such as `tickets`; any one of them is enough."""
    return any(f"Desk.{family}.{verb}" in scopes for family in families for verb in ("ALL", VERBS[method]))


def wrong_portal(twin: ZohoDeskTwin, request: Request) -> Response | None:
    """403 for another portal than ours, 500 for what is no number (1)."""
    given = request.headers.get("orgId", "")
    if given and not given.isdigit():
        return error(500, "An internal server error occurred.")
    if given != twin.account.org_id:
        return error(403, "The portal does not belong to the token's user.", "OAUTH_ORG_MISMATCH")
    return None


# ---- limits (2)


class Meter:
    """The portal's credits of one day, which ends at 00:00 (of UTC: the twin's data centre)."""

    def __init__(self, twin: ZohoDeskTwin) -> None:
        self._twin = twin
        self._spent: dict[str, int] = {}

    def _day(self) -> str:
        return f"{self._twin.clock().astimezone(UTC):%Y-%m-%d}"

    def left(self) -> int:
        return max(0, (self._twin.account.credits or 0) - self._spent.get(self._day(), 0))

    def pay(self, cost: int) -> bool:
        """Count a call; False when the day's credits do not suffice."""
        if self._twin.account.credits is None:
            return True
        if self.left() < cost:
            return False
        self._spent[self._day()] = self._spent.get(self._day(), 0) + cost
        return True

    def headers(self, cost: int) -> dict[str, str]:
        headers = {"X-Rate-Limit-Request-Weight-v3": str(cost)}
        if self._twin.account.credits is not None:
            headers["X-Rate-Limit-Remaining-v3"] = str(self.left())
        return headers

    def used_up(self) -> Response:
        """429 THRESHOLD_EXCEEDED with the time until the next day."""
        now = self._twin.clock().astimezone(UTC)
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        answer = error(429, SPENT, "THRESHOLD_EXCEEDED")
        answer.headers["Retry-After"] = str(int((midnight - now).total_seconds()))
        return answer
