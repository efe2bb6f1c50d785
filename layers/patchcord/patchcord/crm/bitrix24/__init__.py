"""Bitrix24: declaration, sign-in, batches, reading, writing, client (crm_bitrix24.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from patchcord.crm.bitrix24.access import Access, Application, Webhook, read_webhook
from patchcord.crm.bitrix24.client import Bitrix24
from patchcord.crm.bitrix24.declaration import CHOICES, DECLARATION, TOKEN_URL, VENDOR, Connection
from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import ClientIn, Leases, OAuthGrant, Secrets, TokenEndpoint

__all__ = ["DECLARATION", "Bitrix24", "Connection", "connect"]

NEVER_EARLY = -timedelta(days=3650)
"""Tokens are renewed after `401 expired_token` and never before; otherwise the application may be blocked (1)."""


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Bitrix24:
    """The project's Bitrix24, without a request.

    Settings: `base_url` (`https://acme.bitrix24.eu`), `auth` (`webhook`, the default, or `oauth`), `crm_mode` (`classic`,
    the default, or `simple`: without leads), `open_task` (`todo`, the default, or `task`), `contact_filter` (`contactId`,
    the default, or `contactIds`), `source_id` (the source of new records), `token_url` (only for a twin). Secrets:
    `webhook`, its whole address or `<user>/<code>`; or `client_id`, `client_secret` and `grant`. Raises Misconfigured.
    """
    base_url = needed_setting(VENDOR, connection, "base_url").rstrip("/")
    choices: dict[str, Any] = {name: _choice(connection, name) for name in CHOICES if name != "auth"}
    access = _access(connection, secrets, store, project, base_url)
    return Bitrix24(Connection(base_url=base_url, access=access, source_id=connection.get("source_id") or "", **choices))


def _choice(connection: Mapping[str, str], name: str) -> str:
    """A setting with few values; the first is the default."""
    value = connection.get(name) or CHOICES[name][0]
    if value not in CHOICES[name]:
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is neither {' nor '.join(CHOICES[name])}")
    return value


def _access(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str, base_url: str) -> Access:
    if _choice(connection, "auth") == "oauth":
        return Application(_oauth(connection, secrets, store, project))
    key = read_webhook(needed_secret(VENDOR, secrets, project, "webhook"), base_url)
    return Webhook(key, lambda: read_webhook(secrets.get(project, "webhook", fresh=True) or "", base_url))


def _oauth(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> OAuthGrant:
    """The grant of an application: one hour, the refresh token is replaced each time (1)."""
    endpoint = TokenEndpoint(
        url=connection.get("token_url") or TOKEN_URL,
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
        client_in=ClientIn.BODY,
    )
    return OAuthGrant(VENDOR, endpoint, secrets, store, project, early=NEVER_EARLY)
