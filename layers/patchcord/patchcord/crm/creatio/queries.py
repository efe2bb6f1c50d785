"""OData texts: what is asked, escaped (crm_creatio.md 4-6, 11)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from patchcord.crm.creatio.declaration import Connection
from patchcord.model.phone import Phone, digits_of, notations

MOST_IDS = 15
"""As many ids as one filter names: there is no `in` (4)."""
MOST_ROWS = 50
PEOPLE = "Id,Name,OwnerId,AccountId,TypeId,CreatedOn,ModifiedOn"
FIRMS = "Id,Name,OwnerId,CreatedOn,ModifiedOn"
LEADS = "Id,LeadName,OwnerId,SalesOwnerId,MobilePhone,BusinesPhone,QualifiedContactId,QualifiedAccountId,CreatedOn,ModifiedOn"
DEALS = "Id,Title,OwnerId,ContactId,AccountId,CreatedOn,ModifiedOn"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[A-Za-z]\w{0,127}", re.ASCII)
_PLAIN = "(),'/:;=$"
"""What stands in an option as it is; a quote within a text is doubled."""
_TAIL = 7
"""Digits of a number that are looked for in plain text columns; the whole number is compared afterwards."""


def is_id(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether the text can be the name of a column."""
    return _NAME.fullmatch(text) is not None


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def time(at: datetime) -> str:
    """A moment as filters and bodies have it (4)."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def asking(entity: str, **options: str | int) -> str:
    """`Entity?$filter=…`: options by their names without the dollar sign, percent-encoded."""
    pairs = (f"${name}={quote(str(value), safe=_PLAIN)}" for name, value in options.items() if value)
    return f"{entity}?{'&'.join(pairs)}"


def expanded(link: str, columns: str, connection: Connection) -> str:
    """A lookup's record within the row, with these columns where the site lets us say so (5.1)."""
    return f"{link}($select={columns})" if connection.expand == "narrow" else link


def any_of(path: str, ids: Iterable[str]) -> str:
    """Lookups are filtered by the id of the record they lead to (4)."""
    return " or ".join(f"{path} eq {key}" for key in dict.fromkeys(ids) if is_id(key))


# --- look-up (5)


def by_number(owner: str, columns: str, phone: Phone, connection: Connection) -> str:
    """Communication rows of contacts or accounts whose digits end so, however they are written (5.1)."""
    tail = phone.national[-9:][::-1]
    return asking(
        f"{owner}Communication",
        filter=f"startswith(SearchNumber,{quoted(tail)})",
        select=f"Id,Number,{owner}Id",
        expand=expanded(owner, columns, connection),
        top=MOST_ROWS,
    )


def leads_with(parts: Iterable[str], connection: Connection) -> str:
    """Leads whose phone columns, which are plain text, contain one of the parts (5.2)."""
    tests = (f"contains({column},{quoted(part)})" for part in parts for column in ("MobilePhone", "BusinesPhone"))
    return _leads(" or ".join(tests), connection)


def leads_of(people: Iterable[str], firms: Iterable[str], connection: Connection) -> str:
    tests = (any_of("QualifiedContact/Id", people), any_of("QualifiedAccount/Id", firms))
    return _leads(" or ".join(test for test in tests if test), connection)


def _leads(test: str, connection: Connection) -> str:
    status = expanded("QualifyStatus", "Id,IsFinal", connection)
    return asking("Lead", filter=test, select=LEADS, expand=status, orderby="ModifiedOn desc", top=MOST_ROWS)


def deals_of(people: Iterable[str], firms: Iterable[str], connection: Connection) -> str:
    tests = (any_of("Contact/Id", people), any_of("Account/Id", firms))
    test = " or ".join(test for test in tests if test)
    stage = expanded("Stage", "Id,End", connection)
    return asking("Opportunity", filter=test, select=DEALS, expand=stage, orderby="ModifiedOn desc", top=MOST_ROWS)


def joined_deals_of(people: Iterable[str], connection: Connection) -> str:
    """Open opportunities that contacts take part in without being their main contact (5.3)."""
    test = f"({any_of('Contact/Id', people)}) and Opportunity/Stage/End eq false"
    deal = expanded("Opportunity", DEALS, connection)
    return asking("OpportunityContact", filter=test, select="Id,ContactId,OpportunityId", expand=deal, top=MOST_ROWS)


def plain_tail(phone: Phone) -> str:
    return phone.digits[-_TAIL:]


def spelled_tails(phone: Phone) -> tuple[str, ...]:
    """The last digits of the number with what people put between them."""
    tail = plain_tail(phone)
    groups = ((tail[:3], tail[3:]), (tail[:3], tail[3:5], tail[5:]))
    made = [mark.join(group) for mark in " -." for group in groups]
    written = (re.search(rf"(?:\d\D*){{{_TAIL - 1}}}\d$", form) for form in notations(phone))
    made += [found[0] for found in written if found]
    return tuple(dict.fromkeys(form for form in made if form != tail and digits_of(form) == tail))


# --- everything else


def records(entity: str, ids: Iterable[str], columns: Iterable[str]) -> str:
    """Records by their ids, with these columns."""
    chosen = list(dict.fromkeys(ids))[:MOST_IDS]
    return asking(entity, filter=any_of("Id", chosen), select=",".join(dict.fromkeys(("Id", *columns))), top=MOST_IDS)


def one(entity: str, key: str, columns: str = "Id") -> str:
    return asking(f"{entity}({key})", select=columns)


def users(table: str, columns: str, skip: int, top: int, connection: Connection) -> str:
    """Users, never without `$select`: the table holds secrets (11)."""
    own = "SysAdminUnitTypeValue eq 4" if table == "SysAdminUnit" else ""
    person = expanded("Contact", "Id,Name,Email", connection)
    return asking(table, filter=own, select=columns, expand=person, orderby="Name", top=top, skip=skip)
