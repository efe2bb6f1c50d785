"""SOQL and SOSL texts (crm_salesforce.md 6). Whatever comes from outside is escaped or refused: nothing can be slipped in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from patchcord.crm.salesforce.declaration import Connection
from patchcord.model.phone import Phone, StorageFormat, digits_of, formatted

PHONES = {
    "Lead": ("Phone", "MobilePhone"),
    "Contact": ("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
    "Account": ("Phone",),
}
"""The fields in which a client's number counts; a search in the PHONE group finds it in others too, such as a fax (6.1)."""
TIMES = ("CreatedDate", "LastModifiedDate")
MOST_FOUND = 200
MOST_IDS = 200

_NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", re.ASCII)
_CONTROLS = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def is_name(text: str) -> bool:
    """Whether the text can be the API name of a field."""
    return _NAME.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether the text can be a record's id (1)."""
    return _ID.fullmatch(text) is not None


def quoted(text: str) -> str:
    """A text as a SOQL literal (6.3)."""
    escaped = re.sub(r"([\\'\"])", r"\\\1", text)
    return "'" + "".join(_CONTROLS.get(char, char) for char in escaped if char in _CONTROLS or char >= " ") + "'"


def _listed(texts: Iterable[str]) -> str:
    return f"({','.join(quoted(text) for text in texts)})"


def moment(at: datetime) -> str:
    """A time as a SOQL literal."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def select(fields: Iterable[str], target: str, condition: str, rest: str = "") -> str:
    """A query; the names must be API names, the values in the condition quoted."""
    return f"SELECT {','.join(dict.fromkeys(fields))} FROM {target} WHERE {condition} {rest}".rstrip()  # noqa: S608


# --- the look-up (6.1-6.4)


def terms(phone: Phone) -> tuple[str, ...]:
    """The tokens under which the number may stand in the index: whole ones, because no wildcard may stand in front (6.1)."""
    trunk = digits_of(formatted(phone, StorageFormat.NATIONAL))
    return tuple(dict.fromkeys((phone.national, trunk, phone.digits, f"00{phone.digits}")))


def search(phone: Phone, connection: Connection) -> str:
    """Leads, contacts and accounts in one search (6.2)."""
    links = [name for name in (connection.lead_contact_field, connection.lead_organization_field) if name]
    lead = ("Id", "Name", "OwnerId", *PHONES["Lead"], "Status", "IsConverted", *links, *TIMES)
    contact = ("Id", "Name", "OwnerId", "AccountId", "Account.Name", "Account.OwnerId", *PHONES["Contact"], *TIMES)
    account = ("Id", "Name", "OwnerId", *PHONES["Account"], *TIMES)
    returned = f"Lead({','.join(lead)} WHERE IsConverted=false),Contact({','.join(contact)}),Account({','.join(account)})"
    return f"FIND {{{' OR '.join(terms(phone))}}} IN PHONE FIELDS RETURNING {returned} LIMIT {MOST_FOUND}"


_DEAL = ("Name", "OwnerId", "AccountId", "IsClosed", *TIMES)
_ROLE = ("OpportunityId", "ContactId", *(f"Opportunity.{name}" for name in _DEAL))
_OPEN_ROLES = "ORDER BY Opportunity.LastModifiedDate DESC LIMIT 200"


def roles_by_number(spellings: Sequence[str]) -> str:
    """The open opportunities of contacts whose number is stored in one of these spellings: exact, and never late (6.1)."""
    numbers = tuple(f"Contact.{name}" for name in PHONES["Contact"])
    stored = " OR ".join(f"{name} IN {_listed(spellings)}" for name in numbers)
    return select((*_ROLE, *numbers), "OpportunityContactRole", f"Opportunity.IsClosed=false AND ({stored})", _OPEN_ROLES)


def roles_of(contacts: Iterable[str]) -> str:
    """The open opportunities of these contacts (6.3)."""
    condition = f"Opportunity.IsClosed=false AND ContactId IN {_listed(contacts)}"
    return select(_ROLE, "OpportunityContactRole", condition, _OPEN_ROLES)


def opportunities_of(accounts: Iterable[str]) -> str:
    """The open opportunities of these accounts, for orgs that do not fill contact roles (6.3)."""
    condition = f"IsClosed=false AND AccountId IN {_listed(accounts)}"
    return select(("Id", *_DEAL), "Opportunity", condition, "ORDER BY LastModifiedDate DESC LIMIT 200")


def values_of(target: str, ids: Iterable[str], fields: Iterable[str]) -> str:
    """Some fields of records that are known; names that cannot be fields are left out."""
    return select(("Id", *(name for name in fields if is_name(name))), target, f"Id IN {_listed(ids)}")


# --- the rest


def users(*more: str) -> str:
    """People, active or not; other sorts of users are left out (13)."""
    return select(("Id", "Name", "Email", "IsActive", *more), "User", "UserType='Standard'")


def made_since(target: str, since: datetime, fields: Iterable[str], condition: str = "") -> str:
    """Records created since then, the newest first."""
    narrowed = f" AND {condition}" if condition else ""
    return select(("Id", "CreatedDate", *fields), target, f"CreatedDate>={moment(since)}{narrowed}", "ORDER BY CreatedDate DESC")
