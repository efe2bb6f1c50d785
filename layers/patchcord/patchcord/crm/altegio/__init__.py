"""Altegio: declaration, reading, writing, client (crm_altegio.md)."""

from __future__ import annotations

from collections.abc import Mapping

from patchcord.crm.altegio.client import Altegio
from patchcord.crm.altegio.declaration import APP, BASE, DECLARATION, MEDIA_TYPE, VENDOR, Connection
from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import FixedToken, Leases, Secrets

__all__ = ["DECLARATION", "Altegio", "Connection", "connect"]


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Altegio:
    """The project's Altegio, without a request.

    Settings: `location_id` (a number), `base_url`, `app_url` (where people work) and `media_type` (of answers) for the
    Russian twin of the service. Secrets: `partner_token`, `user_token`. Raises Misconfigured.
    """
    location = needed_setting(VENDOR, connection, "location_id")
    if not (location.isascii() and location.isdigit()):
        raise Misconfigured(VENDOR, "connect", "the setting location_id is not a number")
    partner = needed_secret(VENDOR, secrets, project, "partner_token")
    user = needed_secret(VENDOR, secrets, project, "user_token")
    token = FixedToken("Authorization", _signature(partner, user), lambda: _stored_signature(secrets, project))
    return Altegio(
        Connection(
            credentials=token,
            location=location,
            base_url=connection.get("base_url", "").strip() or BASE,
            app_url=connection.get("app_url", "").strip() or APP,
            media_type=connection.get("media_type", "").strip() or MEDIA_TYPE,
            hidden=(partner, user),
        )
    )


def _signature(partner: str, user: str) -> str:
    """Both tokens in one header (2)."""
    return f"Bearer {partner}, User {user}"


def _stored_signature(secrets: Secrets, project: str) -> str | None:
    """What the administrator may have stored in the meantime: user tokens die with their password (2)."""
    partner = (secrets.get(project, "partner_token", fresh=True) or "").strip()
    user = (secrets.get(project, "user_token", fresh=True) or "").strip()
    return _signature(partner, user) if partner and user else None
