"""Who of us took part (telephony.md 1.4, 6): the agent behind connected_with, caller and the employee's fields."""

from __future__ import annotations

from dataclasses import astuple
from hashlib import blake2b

from patchcord.model.employees import Agent, sip_login
from patchcord.telephony.ringostat.fields import Fields
from patchcord.telephony.ringostat.numbers import address_or_phone, bare, has_letters, split_name


def agent(fields: Fields, region: str, outgoing: bool, not_ours: tuple[str | None, ...]) -> Agent | None:
    """The employee of this event, None when nothing tells of one. `not_ours` are the numbers of client and line:
    on outgoing calls they may stand where the employee's own direction is expected."""
    name, address = _direction(fields, region, outgoing, not_ours)
    sip, number, extension = _split(address)
    found = Agent(
        provider_id=fields.text("employee_number"),
        sip=sip,
        number=number,
        extension=fields.text("extension_number") or extension,
        email=fields.text("employee_email"),
        name=fields.text("employee_fio") or name,
    )
    return found if any(astuple(found)) else None


def _direction(fields: Fields, region: str, outgoing: bool, not_ours: tuple[str | None, ...]) -> tuple[str | None, str | None]:
    """The display name and the direction. Who made an outgoing call is its `caller`, who took a call `connected_with`."""
    display = None
    for field in ("caller", "connected_with") if outgoing else ("connected_with",):
        text = fields.text(field)
        if text is None:
            continue
        name, _ = split_name(text)
        display = display or name
        address = address_or_phone(text, region)
        if not (outgoing and address in not_ours):
            return display, address
    return display, None


def _split(address: str | None) -> tuple[str | None, str | None, str | None]:
    """A direction as SIP login, number in E.164 or extension, as patchcord.model.employees compares them."""
    if address is None:
        return None, None, None
    if has_letters(bare(address)):
        return sip_login(address), None, None
    return (None, address, None) if address.startswith("+") else (None, None, bare(address) or None)


def identity(agent: Agent | None) -> str | None:
    """What tells agents apart within the keys of a call's events; numbers, addresses and names only as their mark."""
    if agent is None:
        return None
    if agent.sip:
        return f"sip:{agent.sip}"
    if agent.provider_id:
        return f"id:{agent.provider_id}"
    if agent.extension:
        return f"ext:{agent.extension}"
    return mark((agent.number or agent.email or agent.name or "").encode())


def mark(content: bytes) -> str:
    """A short hash: the same for the same content, tells nothing of it."""
    return blake2b(content, digest_size=8).hexdigest()
