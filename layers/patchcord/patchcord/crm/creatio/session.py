"""The forms sign-in: cookies and BPMCSRF, kept and renewed like a grant (crm_creatio.md 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from patchcord.crm.creatio.declaration import VENDOR
from patchcord.crm.errors import Rejected, Transient
from patchcord.crm.grants import Flow, Leases, OAuthGrant, Secrets, TokenEndpoint

LOGIN = "/ServiceModel/AuthService.svc/Login"
SESSION = "grant_session"
"""Functions may store what begins with `grant`, and nothing else (template.yaml)."""
_COOKIE = re.compile(r"(?:^|,\s*)([^=;,\s]+)=([^;,\s]*)")


class FormsSession(OAuthGrant):
    """Cookies in place of an access token: one signs in at a time, everybody shares the session.

    Every sign-in opens a session and may count as a licence, and repeated failures block the user (1).
    """

    def __init__(self, base_url: str, user: str, password: str, secrets: Secrets, store: Leases, project: str) -> None:
        endpoint = TokenEndpoint(url=base_url + LOGIN, client_id=user, client_secret=password, flow=Flow.CLIENT_CREDENTIALS)
        super().__init__(VENDOR, endpoint, secrets, store, project, name=SESSION, header="Cookie", scheme="")
        self._user, self._password = user, password

    def apply(self, headers: MutableMapping[str, str]) -> str:
        cookies = super().apply(headers)
        headers["BPMCSRF"] = dict(pair.split("=", 1) for pair in cookies.split("; ")).get("BPMCSRF", "")
        headers["ForceUseSession"] = "true"
        return cookies

    def _exchange(self, refresh_token: str) -> Mapping[str, Any]:
        """The sign-in. A refusal has status 200 and a code."""
        answer = self._http.call(
            "POST",
            self._endpoint.url,
            json={"UserName": self._user, "UserPassword": self._password},
            headers={"ForceUseSession": "true"},
            operation="sign in",
        )
        told = answer.json if isinstance(answer.json, dict) else {}
        if told.get("Code") not in (0, None):
            raise Rejected(VENDOR, "sign in", str(told.get("Message") or "refused")[:100], answer.status)
        cookies = _COOKIE.findall(answer.headers.get("set-cookie", ""))
        if told.get("Code") is None or not any(name == "BPMCSRF" for name, _ in cookies):
            raise Transient(VENDOR, "sign in", "the answer holds no session")
        return {"access_token": "; ".join(f"{name}={value}" for name, value in cookies)}
