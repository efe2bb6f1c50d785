"""Creatio: declaration, queries, reading, writing, creating, client (crm_creatio.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.creatio.client import Creatio
from patchcord.crm.creatio.declaration import DECLARATION, IDS, VENDOR, Connection
from patchcord.crm.creatio.queries import is_id, is_name
from patchcord.crm.creatio.session import FormsSession
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import ClientIn, Flow, Leases, OAuthGrant, Secrets, TokenEndpoint

__all__ = ["DECLARATION", "Connection", "Creatio", "connect"]

CHOICES = {
    "auth": ("oauth", "forms"), "site": ("framework", "core"), "phone_rows": ("auto", "server", "own"),
    "expand": ("narrow", "plain"), "interface": ("classic", "freedom"),
}  # fmt: skip
CLOUD = ".creatio.com"


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Creatio:
    """The project's Creatio, without a request.

    Settings: `base_url` (`https://acme.creatio.com`), `auth` (`oauth`, the default, or `forms`), `token_url` (where the
    identity service is not that of the cloud), `site` (`framework` or `core`), and what `Connection` describes. Secrets:
    `client_id` and `client_secret`, or `user` and `password`. Raises Misconfigured.
    """
    base_url = needed_setting(VENDOR, connection, "base_url").rstrip("/")
    forms = _chosen(connection, "auth") == "forms"
    signed_in = _session if forms else _grant
    grant, hidden = signed_in(base_url, connection, secrets, store, project)
    settings = {
        "core": _chosen(connection, "site") == "core", "phone_rows": _chosen(connection, "phone_rows"),
        "expand": _chosen(connection, "expand"), "interface": _chosen(connection, "interface"),
        "ids": {name: _id(connection, name) or key for name, (_, key) in IDS.items()},
        "prefix": _prefix(connection), "lead_type": _id(connection, "lead_type"),
    }  # fmt: skip
    typed: dict[str, Any] = settings
    return Creatio(Connection(base_url=base_url, tenant=project, credentials=grant, hidden=(hidden,), forms=forms, **typed))


def _grant(base_url: str, connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> tuple[OAuthGrant, str]:
    """Client credentials at the identity service (1)."""
    endpoint = TokenEndpoint(
        url=connection.get("token_url") or _cloud_token_url(base_url),
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
        client_in=ClientIn.BODY,
        flow=Flow.CLIENT_CREDENTIALS,
    )
    return OAuthGrant(VENDOR, endpoint, secrets, store, project), endpoint.client_secret


def _session(
    base_url: str, connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str
) -> tuple[OAuthGrant, str]:
    """A user's name and password (1)."""
    user = needed_secret(VENDOR, secrets, project, "user")
    password = needed_secret(VENDOR, secrets, project, "password")
    return FormsSession(base_url, user, password, secrets, store, project), password


def _cloud_token_url(base_url: str) -> str:
    """In the cloud `acme.creatio.com` has its identity service at `acme-is.creatio.com` (1)."""
    host = urlsplit(base_url).hostname or ""
    if not host.endswith(CLOUD):
        raise Misconfigured(VENDOR, "connect", "the setting token_url is missing: only the cloud's can be guessed")
    return f"https://{host.removesuffix(CLOUD)}-is{CLOUD}/connect/token"


def _chosen(connection: Mapping[str, str], name: str) -> str:
    value = connection.get(name) or CHOICES[name][0]
    if value not in CHOICES[name]:
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is none of {', '.join(CHOICES[name])}")
    return value


def _id(connection: Mapping[str, str], name: str) -> str:
    value = connection.get(name, "").strip().lower()
    if value and not is_id(value):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is not an id")
    return value


def _prefix(connection: Mapping[str, str]) -> str:
    value = connection.get("prefix", "").strip() or "Usr"
    if not is_name(value):
        raise Misconfigured(VENDOR, "connect", "the setting prefix cannot begin a name")
    return value
