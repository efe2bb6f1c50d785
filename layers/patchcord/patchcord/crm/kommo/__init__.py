"""Kommo, known as amoCRM too: declaration, reading, writing, client (crm_kommo.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import BearerToken, ClientIn, Credentials, Encoding, Leases, OAuthGrant, Secrets, TokenEndpoint
from patchcord.crm.kommo.client import Kommo
from patchcord.crm.kommo.declaration import (
    DECLARATION,
    VENDOR,
    Calls,
    Card,
    Choice,
    Companies,
    Connection,
    KommoDialect,
    Searching,
)
from patchcord.crm.kommo.writing import is_number
from patchcord.model.records import RecordKind

__all__ = ["DECLARATION", "Connection", "Kommo", "connect"]

C = TypeVar("C", bound=Choice)


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Kommo:
    """The project's Kommo, without a request.

    Settings: `base_url` (`https://acme.kommo.com`, `https://acme.amocrm.ru`), `auth` (`token`, the default, or `oauth`),
    `redirect_uri` (oauth), `marker_fields.contact`, `.company`, `.lead` (custom fields for our marker), `incoming_stages`
    (stage ids, with commas), `task_type`, `search`, `companies`, `calls`, `card` (see `Connection`). Secrets: `api_token`, the
    long-lived token; or `client_id`, `client_secret` and `grant`. Raises Misconfigured.
    """
    base_url = needed_setting(VENDOR, connection, "base_url").rstrip("/")
    stages = [part.strip() for part in connection.get("incoming_stages", "").split(",") if part.strip()]
    return Kommo(
        Connection(
            base_url=base_url,
            credentials=_credentials(base_url, connection, secrets, store, project),
            marker_fields=_marker_fields(connection),
            incoming_stages=frozenset(_id(stage, "incoming_stages") for stage in stages),
            task_type=_id(connection.get("task_type") or "1", "task_type"),
            search=_choice(connection, "search", Searching.NATIONAL),
            companies=_choice(connection, "companies", Companies.NEEDED),
            calls=_choice(connection, "calls", Calls.ENDPOINT),
            card=_choice(connection, "card", Card.CONTACT),
        )
    )


def _credentials(base_url: str, connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Credentials:
    """A long-lived token, or the grant of an OAuth integration: JSON body, a redirect_uri to the byte (1)."""
    auth = connection.get("auth") or "token"
    if auth == "token":
        value = needed_secret(VENDOR, secrets, project, "api_token")
        return BearerToken(value, lambda: secrets.get(project, "api_token", fresh=True))
    if auth != "oauth":
        raise Misconfigured(VENDOR, "connect", "the setting auth is neither token nor oauth")
    endpoint = TokenEndpoint(
        url=f"{base_url}/oauth2/access_token",
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
        client_in=ClientIn.BODY,
        encoding=Encoding.JSON,
        extra={"redirect_uri": needed_setting(VENDOR, connection, "redirect_uri")},
    )
    return OAuthGrant(VENDOR, endpoint, secrets, store, project, dialect=KommoDialect())


def _marker_fields(connection: Mapping[str, str]) -> dict[RecordKind, str]:
    """The fields for our marker by neutral kind, out of the settings with the vendor's words."""
    prefix = "marker_fields."
    kinds = {word: kind for kind, word in DECLARATION.kinds.items()}
    words = {name.removeprefix(prefix): key for name, key in connection.items() if name.startswith(prefix) and key}
    for word, key in words.items():
        if word not in kinds:
            raise Misconfigured(VENDOR, "connect", f"there is no marker field of {word}: choose contact, company or lead")
        _id(key, f"{prefix}{word}")
    return {kinds[word]: key for word, key in words.items()}


def _id(text: str, name: str) -> int:
    if not is_number(text):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} wants the id, a number")
    return int(text)


def _choice(connection: Mapping[str, str], name: str, default: C) -> C:
    given = connection.get(name) or default.value
    choices = type(default)
    if given not in set(choices):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is none of {choices.words()}")
    return choices(given)
