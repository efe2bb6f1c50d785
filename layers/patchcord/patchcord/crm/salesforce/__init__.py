"""Salesforce: declaration, queries, reading, writing, client (crm_salesforce.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import ClientIn, Flow, Leases, OAuthGrant, Secrets, TokenEndpoint
from patchcord.crm.salesforce.client import Salesforce
from patchcord.crm.salesforce.declaration import DECLARATION, VENDOR, Connection
from patchcord.crm.salesforce.queries import is_name

__all__ = ["DECLARATION", "Connection", "Salesforce", "connect"]

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path
FLOWS = {"client_credentials": Flow.CLIENT_CREDENTIALS, "oauth": Flow.REFRESH_TOKEN}
TEXTS = (
    "version", "company", "stage", "completed_status", "marker_field", "recording_field", "lead_contact_field",
    "lead_organization_field", "lead_source",
)  # fmt: skip
"""Settings that go into the connection as they are."""
CHOICES = {"opportunities": ("roles", "accounts", "both", "none"), "look_up": ("batch", "steps")}


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Salesforce:
    """The project's Salesforce, without a request.

    Settings: `base_url` (`https://acme.my.salesforce.com`), `auth` (`client_credentials`, the default, or `oauth`),
    `token_url` (where refresh tokens are taken elsewhere), and what `Connection` describes. Secrets: `client_id`,
    `client_secret` and, for `oauth`, `grant`. Raises Misconfigured.
    """
    base_url = needed_setting(VENDOR, connection, "base_url").rstrip("/")
    auth = connection.get("auth") or "client_credentials"
    if auth not in FLOWS:
        raise Misconfigured(VENDOR, "connect", f"the setting auth is none of {', '.join(FLOWS)}")
    endpoint = TokenEndpoint(
        url=connection.get("token_url") or base_url + TOKEN_PATH,
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
        client_in=ClientIn.BODY,
        flow=FLOWS[auth],
    )
    grant = OAuthGrant(VENDOR, endpoint, secrets, store, project)
    hidden = (endpoint.client_secret,)
    return Salesforce(Connection(base_url=base_url, credentials=grant, hidden=hidden, **_settings(connection)))


def _settings(connection: Mapping[str, str]) -> dict[str, Any]:
    """The optional settings that are given, each checked."""
    settings: dict[str, Any] = {name: _text(connection[name].strip(), name) for name in TEXTS if connection.get(name)}
    settings |= {name: _chosen(connection[name], name) for name in CHOICES if connection.get(name)}
    if connection.get("closed_statuses"):
        settings["closed_statuses"] = frozenset(part.strip() for part in connection["closed_statuses"].split(","))
    if connection.get("close_in_days"):
        settings["close_in_days"] = _number(connection["close_in_days"], "close_in_days")
    if connection.get("timezone"):
        settings["timezone"] = _zone(connection["timezone"])
    return settings


def _text(value: str, name: str) -> str:
    if name.endswith("_field") and not is_name(value):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is no API name of a field")
    if name == "version" and not re.fullmatch(r"v\d{2,3}\.0", value, re.ASCII):
        raise Misconfigured(VENDOR, "connect", "the setting version is not like v67.0")
    return value


def _chosen(value: str, name: str) -> str:
    if value not in CHOICES[name]:
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is none of {', '.join(CHOICES[name])}")
    return value


def _number(value: str, name: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 4):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is no number of days")
    return int(value)


def _zone(name: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Misconfigured(VENDOR, "connect", "the setting timezone is no name of a time zone") from None
    return name
