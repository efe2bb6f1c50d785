"""Who may come in: the identity service's tokens and the forms sign-in (crm_creatio.md 1)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import json_answer

if TYPE_CHECKING:
    from sandbox.twins.creatio.twin import CreatioTwin


class Sessions:
    """Live tokens with their ends, and live cookie sessions with their BPMCSRF values."""

    def __init__(self) -> None:
        self.tokens: dict[str, datetime] = {}
        self.cookies: dict[str, str] = {}
        self.logins = 0


def token(twin: CreatioTwin, request: Request) -> Response:
    """`POST /connect/token`: client credentials, as a form."""
    form, site = request.form, twin.site
    if request.mimetype != "application/x-www-form-urlencoded":
        return json_answer({"error": "invalid_request"}, 400)
    if (form.get("client_id"), form.get("client_secret")) != (site.client_id, site.client_secret):
        return json_answer({"error": "invalid_client"}, 400)
    if form.get("grant_type") != "client_credentials":
        return json_answer({"error": "unsupported_grant_type"}, 400)
    return json_answer(granted(twin))


def granted(twin: CreatioTwin) -> dict[str, object]:
    """A new token, as the identity service tells it."""
    made = f"eyJ{twin.ids.hex('token', 64)}"
    twin.sessions.tokens[made] = twin.clock() + twin.site.token_life
    return {"access_token": made, "expires_in": int(twin.site.token_life.total_seconds()), "token_type": "Bearer"}


def login(twin: CreatioTwin, request: Request) -> Response:
    """`POST /ServiceModel/AuthService.svc/Login`: status 200 either way, `Code` tells."""
    twin.sessions.logins += 1
    given = request.get_json(silent=True) or {}
    if (given.get("UserName"), given.get("UserPassword")) != (twin.site.user, twin.site.password):
        return json_answer(_told(1, "You entered an invalid username or password"))
    if twin.site.password_expired:
        return json_answer(_told(2, "The password has expired", "/ChangePassword"))
    session, csrf = twin.ids.hex("session", 64), twin.ids.hex("csrf", 22)
    twin.sessions.cookies[session] = csrf
    answer = json_answer(_told(0, ""))
    for name, value in ((".ASPXAUTH", session), ("BPMCSRF", csrf), ("BPMLOADER", "ldr"), ("UserName", "97|112|105")):
        answer.headers.add("Set-Cookie", f"{name}={value}; expires=Sat, 01-Jan-2028 00:00:00 GMT; path=/; HttpOnly")
    return answer


def _told(code: int, words: str, change: str | None = None) -> dict[str, object]:
    return {"Code": code, "Message": words, "Exception": None, "PasswordChangeUrl": change, "RedirectUrl": None}


def refused(twin: CreatioTwin, request: Request) -> Response | None:
    """What a data call gets that is not signed in; None when it is."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Bearer":
        ends = twin.sessions.tokens.get(given)
        return None if ends is not None and twin.clock() < ends else twin.unauthorised()
    csrf = twin.sessions.cookies.get(request.cookies.get(".ASPXAUTH", ""))
    if csrf is None:
        return twin.unauthorised()
    if request.headers.get("BPMCSRF") != csrf or request.cookies.get("BPMCSRF") != csrf:
        return Response(status=403)
    return None
