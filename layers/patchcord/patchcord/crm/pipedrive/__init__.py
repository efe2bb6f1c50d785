"""Pipedrive: declaration, reading, writing, client (crm_pipedrive.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import FixedToken, Leases, OAuthGrant, Secrets, TokenEndpoint
from patchcord.crm.pipedrive.client import Pipedrive
from patchcord.crm.pipedrive.declaration import DECLARATION, TOKEN_URL, VENDOR, Connection
from patchcord.model.records import RecordKind

__all__ = ["DECLARATION", "Connection", "Pipedrive", "connect"]


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Pipedrive:
    """The project's Pipedrive, without a request.

    Settings: `base_url` (`https://acme.pipedrive.com`), `auth` (`api_token`, the default, or `oauth`), `activity_task` and
    `activity_call` (types of activities), `marker_fields.person`, `.organization`, `.deal` (custom fields for our marker),
    `token_url` (only for a twin). Secrets: `api_token`; or `client_id`, `client_secret` and `grant`. Raises Misconfigured.
    """
    fixed = {"base_url": needed_setting(VENDOR, connection, "base_url"), "marker_fields": _marker_fields(connection)}
    types = {name: connection[name] for name in ("activity_task", "activity_call") if connection.get(name)}
    settings: dict[str, Any] = {**fixed, **types}
    auth = connection.get("auth") or "api_token"
    if auth == "oauth":
        grant = _oauth(connection, secrets, store, project)
        return Pipedrive(Connection(credentials=grant, scopes=lambda: _scopes(grant), **settings))
    if auth != "api_token":
        raise Misconfigured(VENDOR, "connect", "the setting auth is neither api_token nor oauth")
    value = needed_secret(VENDOR, secrets, project, "api_token")
    token = FixedToken("x-api-token", value, lambda: secrets.get(project, "api_token", fresh=True))
    return Pipedrive(Connection(credentials=token, **settings))


def _marker_fields(connection: Mapping[str, str]) -> dict[RecordKind, str]:
    """The fields for our marker by neutral kind, out of the settings with the vendor's words."""
    prefix = "marker_fields."
    kinds = {word: kind for kind, word in DECLARATION.kinds.items() if kind is not RecordKind.LEAD}
    words = {name.removeprefix(prefix): key for name, key in connection.items() if name.startswith(prefix) and key}
    unknown = sorted(set(words) - set(kinds))
    if unknown:
        raise Misconfigured(VENDOR, "connect", f"{unknown[0]} has no marker field: choose person, organization or deal")
    return {kinds[word]: key for word, key in words.items()}


def _oauth(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> OAuthGrant:
    """The grant of an OAuth app: HTTP Basic, form body, about one hour (2.2)."""
    endpoint = TokenEndpoint(
        url=connection.get("token_url") or TOKEN_URL,
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
    )
    return OAuthGrant(VENDOR, endpoint, secrets, store, project)


def _scopes(grant: OAuthGrant) -> frozenset[str]:
    """The scopes the grant came with, none when the answer named none."""
    return frozenset(str(grant.grant().facts.get("scope") or "").split())
