"""Signing in as the bot user: tokens that rotate, the password as the fallback (crm_megaplan.md 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from patchcord.crm.connect import needed_secret
from patchcord.crm.errors import Gone, Misconfigured, Rejected, Unauthorised
from patchcord.crm.grants import GRANT, Flow, Leases, OAuthGrant, Secrets, TokenEndpoint
from patchcord.crm.megaplan.declaration import VENDOR

TOKEN_PATH = "/api/v3/auth/access_token"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class TokenCall(TokenEndpoint):
    """The token call has no client: `client_id` is the user's name, `client_secret` the password."""

    def body(self, refresh_token: str) -> dict[str, str]:
        if refresh_token:
            return {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return {"grant_type": "password", "username": self.client_id, "password": self.client_secret}

    def headers(self) -> dict[str, str]:
        return {}


class BotGrant(OAuthGrant):
    """Renewed by the refresh token, which works once; by the password when that is refused or missing."""

    @property
    def password(self) -> str:
        """The password, to be masked wherever it might be shown; empty when there is none."""
        return self._endpoint.client_secret

    def _exchange(self, refresh_token: str) -> Mapping[str, Any]:
        try:
            return super()._exchange(refresh_token)
        except (Rejected, Unauthorised, Misconfigured, Gone):
            if not refresh_token or not self.password:
                raise
        return super()._exchange("")


def bot_grant(base_url: str, secrets: Secrets, store: Leases, project: str) -> BotGrant:
    """The tokens of the project's bot user. Raises Misconfigured when there is neither a password nor a grant."""
    has_password = bool((secrets.get(project, "password") or "").strip())
    if not has_password and secrets.get(project, GRANT):
        return BotGrant(VENDOR, TokenCall(base_url + TOKEN_PATH, "", ""), secrets, store, project)
    name, password = (needed_secret(VENDOR, secrets, project, word) for word in ("username", "password"))
    # the flow that begins without a stored grant; the body of the call is TokenCall's own
    endpoint = TokenCall(base_url + TOKEN_PATH, name, password, flow=Flow.CLIENT_CREDENTIALS)
    return BotGrant(VENDOR, endpoint, secrets, store, project)
