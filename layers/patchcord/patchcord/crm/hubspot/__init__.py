"""HubSpot: declaration, reading, writing, look-up, lost writes, account, client (crm_hubspot.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from patchcord.crm.connect import needed_secret
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import BearerToken, ClientIn, Leases, OAuthGrant, Secrets, TokenEndpoint
from patchcord.crm.hubspot.client import HubSpot
from patchcord.crm.hubspot.declaration import BASE_URL, DECLARATION, MARKER, NO_MARKER, VENDOR, VERSION, Connection
from patchcord.crm.hubspot.writing import is_property_name

__all__ = ["DECLARATION", "Connection", "HubSpot", "connect"]

EARLY = timedelta(minutes=6)
"""A token is renewed after four fifths of its half hour: a 401 is no reliable sign (2.1)."""
CLOSED_LEAD_STAGES = "qualified-stage-id,unqualified-stage-id"
"""The closed ones of the default pipeline (7)."""


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> HubSpot:
    """The project's HubSpot, without a request.

    Settings: `auth` (`token`, the default, or `oauth`), `leads` (`yes` where the plan has the lead object), `hub_id` and
    `ui_domain` (for links), `marker_property` (`patchcord_marker`; `none` where the account has no such property),
    `deal_pipeline` and `deal_stage` (where new deals go), `lead_closed_stages` (ids, separated by commas), `base_url` (only
    for a twin). Secrets: `access_token`; or `client_id`, `client_secret` and `grant`. Raises Misconfigured.
    """
    base_url = connection.get("base_url") or BASE_URL
    marker = connection.get("marker_property") or MARKER
    if marker != NO_MARKER and not is_property_name(marker):
        raise Misconfigured(VENDOR, "connect", "the setting marker_property is no name of a property")
    grant = _oauth(connection, base_url, secrets, store, project) if connection.get("auth") == "oauth" else None
    stages = connection.get("lead_closed_stages") or CLOSED_LEAD_STAGES
    settings = Connection(
        base_url=base_url,
        credentials=grant or _token(connection, secrets, project),
        leads=(connection.get("leads") or "no").strip().lower() in ("yes", "true", "1"),
        marker="" if marker == NO_MARKER else marker,
        hub_id=connection.get("hub_id") or "",
        ui_domain=connection.get("ui_domain") or "",
        closed_lead_stages=frozenset(stage.strip() for stage in stages.split(",")),
        scopes=(lambda: _scopes(grant)) if grant else None,
    )
    return HubSpot(settings.with_place(connection.get("deal_pipeline"), connection.get("deal_stage")))


def _token(connection: Mapping[str, str], secrets: Secrets, project: str) -> BearerToken:
    """A service key or the token of a private app: all the same to us (2.2)."""
    if (connection.get("auth") or "token") != "token":
        raise Misconfigured(VENDOR, "connect", "the setting auth is neither token nor oauth")
    value = needed_secret(VENDOR, secrets, project, "access_token")
    return BearerToken(value, lambda: secrets.get(project, "access_token", fresh=True))


def _oauth(connection: Mapping[str, str], base_url: str, secrets: Secrets, store: Leases, project: str) -> OAuthGrant:
    """The grant of an app: everything in the form body, half an hour (2.1)."""
    endpoint = TokenEndpoint(
        url=f"{base_url.rstrip('/')}/oauth/{VERSION}/token",
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
        client_in=ClientIn.BODY,
    )
    return OAuthGrant(VENDOR, endpoint, secrets, store, project, early=EARLY)


def _scopes(grant: OAuthGrant) -> frozenset[str]:
    """The scopes the grant came with, none when the answer named none."""
    given = grant.grant().facts.get("scopes")
    return frozenset(str(scope) for scope in given) if isinstance(given, list) else frozenset()
