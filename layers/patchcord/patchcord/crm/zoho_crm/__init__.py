"""Zoho CRM: declaration, dialect, queries, reading, writing, checking, client (crm_zohocrm.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta, tzinfo
from typing import Any

from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import ClientIn, Leases, OAuthGrant, Secrets, TokenEndpoint
from patchcord.crm.zoho_crm.client import ZohoCrm
from patchcord.crm.zoho_crm.declaration import DECLARATION, VENDOR, Connection, Together
from patchcord.crm.zoho_crm.dialect import TokenDialect
from patchcord.crm.zoho_crm.queries import MOST_CONDITIONS, is_api_name
from patchcord.model.records import RecordKind

__all__ = ["DECLARATION", "Connection", "ZohoCrm", "connect"]

KINDS = {word: kind for kind, word in DECLARATION.kinds.items()}
PHONE_FIELDS = {"contact": "Mobile,Phone", "lead": "Mobile,Phone", "account": "Phone"}
TEXTS = ("lead_company", "deal_stage", "deal_pipeline", "task_open", "task_completed")
CHOICES = {"composite": tuple(Together), "reminder": ("popup", "email", "none"), "call_duration": ("mm:ss", "HH:mm")}
EARLY = timedelta(minutes=10)
"""Access tokens live for an hour and are renewed after fifty minutes (1)."""


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> ZohoCrm:
    """The project's Zoho CRM, without a request.

    Settings: `accounts_url` (`https://accounts.zoho.eu`); all others may be left out, docs/vendors/zoho_crm.md lists them.
    Secrets: `client_id`, `client_secret`, and `grant` with at least `refresh_token`. Raises Misconfigured.
    """
    accounts = needed_setting(VENDOR, connection, "accounts_url").rstrip("/")
    grant = _grant(accounts, secrets, store, project)
    settings: dict[str, Any] = {name: connection[name] for name in TEXTS if connection.get(name)}
    settings |= {name: _choice(connection, name) for name in CHOICES if connection.get(name)}
    settings |= {name: _listed(connection[name]) for name in ("dead_lead_statuses", "closed_stages") if connection.get(name)}
    if "converted_field" in connection:
        settings["converted_field"] = _named(connection["converted_field"], "converted_field", empty=True)
    return ZohoCrm(
        Connection(
            credentials=grant,
            api_domain=lambda: connection.get("api_domain") or _api_domain(grant),
            web_url=_web_url(accounts, connection),
            scopes=lambda: frozenset(str(grant.grant().facts.get("scope") or "").replace(",", " ").split()),
            marker_fields=_by_kind(connection, "marker_fields."),
            lead_lookups=_lookups(connection),
            phone_fields=_phone_fields(connection),
            defaults=_defaults(connection),
            time_zone=_time_zone(connection.get("time_zone") or "UTC"),
            closing_days=_days(connection.get("closing_days") or "30"),
            lead_source=connection.get("lead_source") != "no",
            lead_search=connection.get("lead_search") != "no",
            **settings,
        )
    )


def _grant(accounts: str, secrets: Secrets, store: Leases, project: str) -> OAuthGrant:
    """Client id and secret in a form; the scheme is Zoho's own, whatever the token type says (1)."""
    endpoint = TokenEndpoint(
        url=f"{accounts}/oauth/v2/token",
        client_id=needed_secret(VENDOR, secrets, project, "client_id"),
        client_secret=needed_secret(VENDOR, secrets, project, "client_secret"),
        client_in=ClientIn.BODY,
    )
    return OAuthGrant(VENDOR, endpoint, secrets, store, project, scheme="Zoho-oauthtoken", early=EARLY, dialect=TokenDialect())


def _api_domain(grant: OAuthGrant) -> str:
    """Where the API is: what the token answer said, never made by hand (1). A grant that does not know asks for a token."""
    if not grant.grant().facts.get("api_domain"):
        grant.refresh(grant.grant().access_token)
    domain = str(grant.grant().facts.get("api_domain") or "")
    if not domain.startswith(("https://", "http://")):
        raise Misconfigured(VENDOR, "connect", "the grant names no api_domain")
    return domain


def _web_url(accounts: str, connection: Mapping[str, str]) -> str:
    """Where people open records; `org` makes it sure that it is the right organisation (14)."""
    base = (connection.get("web_url") or accounts.replace("//accounts.", "//crm.", 1)).rstrip("/")
    return f"{base}/crm/org{connection['org']}" if connection.get("org") else f"{base}/crm"


# --- reading the settings


def _wrong(name: str, words: str) -> Misconfigured:
    return Misconfigured(VENDOR, "connect", f"the setting {name} {words}")


def _named(text: str, setting: str, *, empty: bool = False) -> str:
    name = text.strip()
    if not is_api_name(name) and not (empty and not name):
        raise _wrong(setting, "is no API name of a field")
    return name


def _listed(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _choice(connection: Mapping[str, str], name: str) -> str:
    value = connection[name]
    if value not in CHOICES[name]:
        raise _wrong(name, f"is none of {', '.join(CHOICES[name])}")
    return Together(value) if name == "composite" else value


def _kind(word: str, setting: str) -> RecordKind:
    if word not in KINDS:
        raise _wrong(setting, f"names no kind: choose one of {', '.join(KINDS)}")
    return KINDS[word]


def _by_kind(connection: Mapping[str, str], prefix: str) -> dict[RecordKind, str]:
    """The fields of settings such as `marker_fields.lead`, by neutral kind."""
    found = {name: value for name, value in connection.items() if name.startswith(prefix) and value}
    return {_kind(name.removeprefix(prefix), name): _named(value, name) for name, value in found.items()}


def _lookups(connection: Mapping[str, str]) -> dict[RecordKind, str]:
    found = _by_kind(connection, "lead_lookups.")
    if set(found) - {RecordKind.CONTACT, RecordKind.ORGANIZATION}:
        raise _wrong("lead_lookups", "leads to contacts and accounts only")
    return found


def _phone_fields(connection: Mapping[str, str]) -> dict[RecordKind, tuple[str, ...]]:
    """The fields of the number, by kind: the first is written, all are searched."""
    found = {}
    for word, usual in PHONE_FIELDS.items():
        setting = f"phone_fields.{word}"
        names = [part for part in (connection.get(setting) or usual).split(",") if part.strip()]
        if not 0 < len(names) <= MOST_CONDITIONS // 3:
            raise _wrong(setting, "is empty or too long")
        found[_kind(word, setting)] = tuple(dict.fromkeys(_named(name, setting) for name in names))
    return found


def _defaults(connection: Mapping[str, str]) -> dict[RecordKind, dict[str, str]]:
    """Values that each new record gets, from settings such as `defaults.lead.Industry` (7)."""
    found: dict[RecordKind, dict[str, str]] = {}
    for setting, value in connection.items():
        prefix, _, rest = setting.partition(".")
        word, _, name = rest.partition(".")
        if prefix == "defaults" and value:
            found.setdefault(_kind(word, setting), {})[_named(name, setting)] = value
    return found


def _days(text: str) -> int:
    if not text.isdigit() or len(text) > 4:
        raise _wrong("closing_days", "is not a number of days")
    return int(text)


def _time_zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise _wrong("time_zone", "is no time zone") from None
