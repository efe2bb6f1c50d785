"""SendPulse CRM: declaration, reading, writing, account, client (crm_sendpulse.md)."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import ClientIn, Credentials, Encoding, FixedToken, Flow, Leases, OAuthGrant, Secrets, TokenEndpoint
from patchcord.crm.sendpulse.client import SendPulse
from patchcord.crm.sendpulse.declaration import BASE_URL, DECLARATION, TOKEN_PATH, VENDOR, WEB_URL, Connection
from patchcord.model.records import RecordKind

__all__ = ["DECLARATION", "Connection", "SendPulse", "connect"]

IDS = ("responsible", "pipeline", "step", "board", "open_step", "done_step")
MARKER_FIELDS = "marker_fields."


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> SendPulse:
    """The project's SendPulse, without a request.

    Settings: `responsible` (id of the user who gets what has no owner, needed), `timezone` (the account's), `pipeline` and
    `step` of new deals, `board`, `open_step` and `done_step` of tasks (ids), `auth` (`api_key`, the default, or `oauth`),
    `search` (`pieces` or `tail`), `contact_form` (`at_once` or `steps`), `card` (`contact` or `deal`),
    `marker_fields.contact`, `.deal` (ids of fields), `base_url`, `web_url`. Secrets: `api_key`, or `client_id` and
    `client_secret`. Raises Misconfigured.
    """
    needed_setting(VENDOR, connection, "responsible")
    base_url = (connection.get("base_url") or BASE_URL).rstrip("/")
    credentials, hidden = _credentials(connection, base_url, secrets, store, project)
    return SendPulse(
        Connection(
            base_url=base_url,
            web_url=(connection.get("web_url") or WEB_URL).rstrip("/"),
            credentials=credentials,
            hidden=hidden,
            timezone=_timezone(connection),
            by_tail=_is_other(connection, "search", "pieces", "tail"),
            in_steps=_is_other(connection, "contact_form", "at_once", "steps"),
            deal_first=_is_other(connection, "card", "contact", "deal"),
            marker_fields=_marker_fields(connection),
            **{name: _id(connection, name) for name in IDS},
        )
    )


def _credentials(
    connection: Mapping[str, str], base_url: str, secrets: Secrets, store: Leases, project: str
) -> tuple[Credentials, tuple[str, ...]]:
    """A static key, or tokens of client credentials (2); and what must be seen nowhere."""
    if not _is_other(connection, "auth", "api_key", "oauth"):
        key = needed_secret(VENDOR, secrets, project, "api_key")
        return FixedToken("Authorization", f"Bearer {key}", lambda: _stored_key(secrets, project)), (key,)
    endpoint = TokenEndpoint(
        url=base_url + TOKEN_PATH,
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
        client_in=ClientIn.BODY,
        encoding=Encoding.JSON,
        flow=Flow.CLIENT_CREDENTIALS,
    )
    return OAuthGrant(VENDOR, endpoint, secrets, store, project), (endpoint.client_secret,)


def _stored_key(secrets: Secrets, project: str) -> str | None:
    """The key as the administrator has stored it by now."""
    key = secrets.get(project, "api_key", fresh=True)
    return f"Bearer {key.strip()}" if key and key.strip() else None


def _is_other(connection: Mapping[str, str], name: str, usual: str, other: str) -> bool:
    """Whether a setting has its other value; raises Misconfigured for a third one."""
    value = connection.get(name) or usual
    if value not in (usual, other):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is neither {usual} nor {other}")
    return value == other


def _id(connection: Mapping[str, str], name: str) -> int | None:
    value = connection.get(name, "").strip()
    if value and not (value.isascii() and value.isdigit()):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is not an id")
    return int(value) if value else None


def _marker_fields(connection: Mapping[str, str]) -> dict[RecordKind, str]:
    """The fields for our marker by kind, out of the settings with the vendor's words."""
    kinds = {word: kind for kind, word in DECLARATION.kinds.items()}
    names = [name for name in connection if name.startswith(MARKER_FIELDS) and connection[name]]
    for name in names:
        if name.removeprefix(MARKER_FIELDS) not in kinds:
            raise Misconfigured(VENDOR, "connect", f"{name} is unknown: choose contact or deal")
    return {kinds[name.removeprefix(MARKER_FIELDS)]: str(_id(connection, name)) for name in names}


def _timezone(connection: Mapping[str, str]) -> ZoneInfo:
    try:
        return ZoneInfo(connection.get("timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise Misconfigured(VENDOR, "connect", "the setting timezone is no time zone") from None
