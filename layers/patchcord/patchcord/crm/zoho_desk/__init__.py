"""Zoho Desk: declaration, reading, writing, client (crm_zohodesk.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import ClientIn, Leases, OAuthGrant, Secrets, TokenEndpoint
from patchcord.crm.zoho_desk.client import ZohoDesk
from patchcord.crm.zoho_desk.declaration import DATA_CENTRES, DECLARATION, VENDOR, Connection, TokenDialect
from patchcord.model.records import RecordKind

__all__ = ["DECLARATION", "Connection", "ZohoDesk", "connect"]


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> ZohoDesk:
    """The project's Zoho Desk, without a request.

    Settings: `data_centre` (`eu`, `com`, …), or `base_url` and `accounts_url`; `org_id`, `portal`, `department_id`;
    `channel`, `task_completed`, `field_length`, `search_mobile`; `marker_fields.contact`, `.account`, `.ticket` (custom
    fields for our marker). Secrets: `client_id`, `client_secret`, `grant`. Raises Misconfigured.
    """
    base_url, accounts_url = _addresses(connection)
    grant = _oauth(accounts_url, secrets, store, project)
    settings: dict[str, Any] = {
        "base_url": base_url,
        "credentials": grant,
        "org_id": _number(connection, "org_id"),
        "portal": needed_setting(VENDOR, connection, "portal"),
        "department": _number(connection, "department_id"),
        "marker_fields": _marker_fields(connection),
        "scopes": lambda: _scopes(grant),
        "search_mobile": connection.get("search_mobile", "yes") != "no",
    }
    settings |= {name: connection[name] for name in ("channel", "task_completed") if name in connection}
    if connection.get("field_length"):
        settings["field_length"] = int(_number(connection, "field_length"))
    return ZohoDesk(Connection(**settings))


def _addresses(connection: Mapping[str, str]) -> tuple[str, str]:
    """Desk's host and the accounts host of the same data centre (1): the token answer does not name Desk's."""
    if connection.get("base_url") or connection.get("accounts_url"):
        return needed_setting(VENDOR, connection, "base_url"), needed_setting(VENDOR, connection, "accounts_url")
    centre = needed_setting(VENDOR, connection, "data_centre")
    if centre not in DATA_CENTRES:
        raise Misconfigured(VENDOR, "connect", f"the setting data_centre is none of {', '.join(DATA_CENTRES)}")
    domain = f"zohocloud.{centre}" if centre == "ca" else f"zoho.{centre}"
    return f"https://desk.{domain}", f"https://accounts.{domain}"


def _number(connection: Mapping[str, str], name: str) -> str:
    """A setting that is a number; another value as portal is answered with 500 (1)."""
    value = needed_setting(VENDOR, connection, name)
    if not (value.isascii() and value.isdigit()):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is not a number")
    return value


def _marker_fields(connection: Mapping[str, str]) -> dict[RecordKind, str]:
    """The fields for our marker by neutral kind, out of the settings with the vendor's words."""
    prefix = "marker_fields."
    kinds = {word: kind for kind, word in DECLARATION.kinds.items()}
    words = {name.removeprefix(prefix): key for name, key in connection.items() if name.startswith(prefix) and key}
    unknown = sorted(set(words) - set(kinds))
    if unknown:
        raise Misconfigured(VENDOR, "connect", f"{unknown[0]} has no marker field: choose contact, account or ticket")
    return {kinds[word]: key for word, key in words.items()}


def _oauth(accounts_url: str, secrets: Secrets, store: Leases, project: str) -> OAuthGrant:
    """The grant: client in the body, form, one hour, the header's scheme is Zoho's own (1)."""
    endpoint = TokenEndpoint(
        url=f"{accounts_url.rstrip('/')}/oauth/v2/token",
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
        client_in=ClientIn.BODY,
    )
    return OAuthGrant(VENDOR, endpoint, secrets, store, project, scheme="Zoho-oauthtoken", dialect=TokenDialect())


def _scopes(grant: OAuthGrant) -> frozenset[str]:
    """The scopes the grant came with, none when no answer named them; Zoho separates them by commas or spaces."""
    return frozenset(str(grant.grant().facts.get("scope") or "").replace(",", " ").split())
