"""Megaplan: declaration, access, talk, reading, writing, account, client (crm_megaplan.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from patchcord.crm.connect import needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import Leases, Secrets
from patchcord.crm.megaplan.access import bot_grant
from patchcord.crm.megaplan.client import Megaplan
from patchcord.crm.megaplan.declaration import DECLARATION, VENDOR, Connection

__all__ = ["DECLARATION", "Connection", "Megaplan", "connect"]

WAYS = "advertising_way."


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Megaplan:
    """The project's Megaplan, without a request.

    Settings: `base_url` (`https://acme.megaplan.ru`), `program` (id or name), `done_status` and `todo_category` (ids),
    `deadline` (`text`, the default, or `when`), `look_up` (`duplicates` or `search`), `notes` (`client` or `process`),
    `timezone` of the deadlines in texts, `advertising_way.<utm_source>` (ids). Secrets: `username` and `password` of the bot
    user, or `grant`. Raises Misconfigured.
    """
    base_url = needed_setting(VENDOR, connection, "base_url").rstrip("/")
    grant = bot_grant(base_url, secrets, store, project)
    return Megaplan(
        Connection(
            base_url=base_url,
            credentials=grant,
            hidden=(grant.password,),
            program=connection.get("program", "").strip(),
            done_status=_id(connection, "done_status"),
            category=_id(connection, "todo_category"),
            timed=_choice(connection, "deadline", "text", "when"),
            by_search=_choice(connection, "look_up", "duplicates", "search"),
            notes_on_deal=_choice(connection, "notes", "client", "process"),
            timezone=_timezone(connection),
            ways={name.removeprefix(WAYS).lower(): _id(connection, name) for name in connection if name.startswith(WAYS)},
        )
    )


def _choice(connection: Mapping[str, str], name: str, usual: str, other: str) -> bool:
    """Whether a setting has its other value; raises Misconfigured for a third one."""
    value = connection.get(name) or usual
    if value not in (usual, other):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is neither {usual} nor {other}")
    return value == other


def _id(connection: Mapping[str, str], name: str) -> str:
    value = connection.get(name, "").strip()
    if value and not (value.isascii() and value.isdigit()):
        raise Misconfigured(VENDOR, "connect", f"the setting {name} is not an id")
    return value


def _timezone(connection: Mapping[str, str]) -> tzinfo:
    try:
        return ZoneInfo(connection.get("timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise Misconfigured(VENDOR, "connect", "the setting timezone is no time zone") from None
