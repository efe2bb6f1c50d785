"""Every vendor whose access tokens end: how a project is connected to its twin, and what the vendor does to refresh tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.twins import twin_class
from sandbox.twins.base import Twin

TOKEN = r"/token/?$|/access_token$|/AuthService\.svc/Login$"
"""The paths of token calls."""

Connected = tuple[dict[str, str], dict[str, str]]
"""Options and secrets."""


@dataclass(frozen=True)
class Vendor:
    """`rotates`: the twin gives a new refresh token with each refresh and refuses a spent one. `regains`: the connection can be
    renewed when an answer was lost, by a password, by the client's own credentials, or because nothing rotates."""

    name: str
    connected: Callable[[Any, str], Connected]
    rotates: bool = False
    regains: bool = True
    settings: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        return self.name.split(",")[0]

    def twin(self) -> Twin:
        twin = twin_class(self.key)()
        if self.settings:
            twin.set(**self.settings)  # type: ignore[attr-defined]
        return twin


def expire(twin: Any) -> None:
    """All access tokens end now."""
    (getattr(twin, "expire_access_tokens", None) or getattr(twin, "expire_tokens", None) or twin.expire_sessions)()


def _app(twin: Any, **more: Any) -> dict[str, str]:
    """The secrets of an installed app: the client's, and a grant."""
    grant = twin.grant()
    facts = {"access_token": grant.access, "refresh_token": grant.refresh, "expires_at": grant.expires.isoformat(), **more}
    return {"client_id": twin.account.client_id, "client_secret": twin.account.client_secret, "grant": json.dumps(facts)}


def _bitrix24(twin: Any, url: str) -> Connected:
    return {"base_url": url, "auth": "oauth", "token_url": f"{url}/oauth/token/"}, _app(twin, user_id="1")


def _creatio(twin: Any, url: str) -> Connected:
    connection = twin.connection(url)
    return dict(connection.options), {**connection.secrets}


def _creatio_forms(twin: Any, url: str) -> Connected:
    return {"base_url": url, "auth": "forms"}, {"user": twin.site.user, "password": twin.site.password}


def _hubspot(twin: Any, url: str) -> Connected:
    return {"base_url": url, "auth": "oauth"}, _app(twin)


def _kommo(twin: Any, url: str) -> Connected:
    return {"base_url": url, "auth": "oauth", "redirect_uri": twin.account.redirect_uri}, _app(twin)


def _megaplan(twin: Any, url: str) -> Connected:
    connection, grant = twin.connection(url), twin.grant()
    facts = {"access_token": grant.access, "refresh_token": grant.refresh, "expires_at": grant.expires.isoformat()}
    return dict(connection.options), {**connection.secrets, "grant": json.dumps(facts)}


def _megaplan_without_password(twin: Any, url: str) -> Connected:
    options, secrets = _megaplan(twin, url)
    return options, {"grant": secrets["grant"]}


def _pipedrive(twin: Any, url: str) -> Connected:
    return {"base_url": url, "auth": "oauth", "token_url": f"{url}/oauth/token"}, _app(twin)


def _salesforce(twin: Any, url: str) -> Connected:
    connection = twin.connection(url)
    return dict(connection.options), {**connection.secrets}


def _salesforce_user(twin: Any, url: str) -> Connected:
    options, secrets = _salesforce(twin, url)
    return options | {"auth": "oauth"}, secrets | {"grant": json.dumps(twin.grant(url, refresh=True))}


def _sendpulse(twin: Any, url: str) -> Connected:
    options = dict(twin.connection(url).options) | {"auth": "oauth"}
    return options, {"client_id": twin.account.client_id, "client_secret": twin.account.client_secret}


def _zoho(twin: Any, url: str) -> Connected:
    connection = twin.connection(url)
    return dict(connection.options), dict(connection.secrets)


VENDORS = (
    Vendor("bitrix24", _bitrix24, rotates=True, regains=False),
    Vendor("creatio", _creatio),
    Vendor("creatio, forms", _creatio_forms),
    Vendor("hubspot", _hubspot),
    Vendor("hubspot, rotating", _hubspot, rotates=True, regains=False, settings={"rotate_refresh": True}),
    Vendor("kommo", _kommo, rotates=True, regains=False),
    Vendor("megaplan", _megaplan, rotates=True),
    Vendor("megaplan, no password", _megaplan_without_password, rotates=True, regains=False),
    Vendor("pipedrive", _pipedrive),
    Vendor("pipedrive, rotating", _pipedrive, rotates=True, regains=False, settings={"refresh_single_use": True}),
    Vendor("salesforce", _salesforce),
    Vendor("salesforce, user", _salesforce_user),
    Vendor("salesforce, rotating", _salesforce_user, rotates=True, regains=False, settings={"rotate_refresh": True}),
    Vendor("sendpulse", _sendpulse),
    Vendor("zoho_crm", _zoho),
    Vendor("zoho_desk", _zoho),
)
