"""The names values travel under: canonical ones, aliases, the project's own (telephony.md 1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

ALIASES: Mapping[str, tuple[str, ...]] = {
    "uniqueid": ("call_id", "cdr_id", "record"),
    "call_type": ("type",),
    "calldate": ("call_date", "date"),
    "call_timestamp": (),
    "caller_number": (),
    # Kept apart from caller_number: on outgoing calls that is our own number, and these are nobody knows what.
    "client_number": ("number_e164", "e164", "phone", "userfield"),
    "caller": (),
    "dst": ("callee", "destination", "n_alias"),
    "outbound_number": (),
    "connected_with": (),
    "disposition": ("call_status", "status"),
    "waittime": ("waiting", "duration_waiting"),
    "billsec": ("dialog", "duration_conversation"),
    "duration": ("call_duration", "duration_call"),
    "duration_ms": (),
    "employee_number": ("employee_id", "staffid", "manager_id", "user_call"),
    "employee_fio": ("employee",),
    "employee_email": (),
    "extension_number": ("employee_extension", "employee_extention", "extention_number", "extension"),
    "department": (),
    "has_recording": ("recording_presence",),
    "recording": ("record_link", "call_recording"),
    "recording_wav": (),
    "substitution_type": ("insertion_type",),
    "pool_name": (),
    "keyword": (),
    "utm_source": ("last_utm_source",),
    "utm_medium": ("last_utm_medium",),
    "utm_campaign": ("last_utm_campaign",),
    "utm_content": ("last_utm_content",),
    "utm_term": ("last_utm_term",),
    "client_id": ("ga", "googleclientid"),
    "landing": ("url",),
    "refferrer": ("referrer", "referer"),
    "remote_ip": ("ip",),
}
"""Canonical name to what it is also called, the likelier first. Whatever is not here is kept as an extra field."""

VISIT: Mapping[str, str] = {
    **{f"utm_{part}": f"utm_{part}" for part in ("source", "medium", "campaign", "content", "term")},
    "client_id": "client_id",
    "landing": "landing",
    "refferrer": "referrer",
    "keyword": "keyword",
    "pool_name": "pool",
    "substitution_type": "insertion",
    "remote_ip": "remote_ip",
}
"""The visit's data: canonical name to the neutral one of patchcord.model.events.ATTRIBUTION."""

CORE = frozenset(ALIASES) - frozenset(VISIT) - {"department", "employee_fio", "employee_email"}
"""Fields that decide what happens: one that is no plain value makes the event unreadable."""

SECRETS = frozenset(
    {"auth", "auth_key", "api_key", "apikey", "e", "key", "pass", "password", "secret", "sign", "signature", "token"}
)
"""Static parameters that guard our URL (telephony.md 1.2) or name the event; they are never stored."""

Names = Mapping[str, tuple[str, int]]
"""Wire name to canonical name and its place: 0 canonical, 1 the project's own, then the aliases."""


def tidy(wire: str) -> str:
    """A wire name as it is compared: without case, blanks and the `{{ }}` around names that are not Latin."""
    return wire.strip(" {}\t\r\n").lower()


def wire_names(key_map: Mapping[str, str]) -> Names:
    """All names to look for. The project's map wins over aliases, also over the canonical meaning of a name it uses."""
    return _mapped(tuple(sorted(key_map.items()))) if key_map else _PLAIN


@lru_cache(maxsize=64)
def _mapped(key_map: tuple[tuple[str, str], ...]) -> Names:
    names = dict(_PLAIN)
    for wire, canonical in key_map:
        target, _ = _PLAIN.get(tidy(canonical), (canonical, 0))
        names[tidy(wire)] = (target, 0 if tidy(wire) == target else 1)
    return names


def _plain() -> Names:
    names = {alias: (name, 2 + place) for name, aliases in ALIASES.items() for place, alias in enumerate(aliases)}
    return names | {name: (name, 0) for name in ALIASES} | {"call_card_link": ("call_card", 2)}


_PLAIN = _plain()
