"""From Megaplan's answers to neutral words (crm_megaplan.md 1, 3, 4, 9). No I/O."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.megaplan.talk import Row
from patchcord.crm.port import CrmField, Search, User
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Owner, Record, RecordKind, Ref

TYPES = {
    RecordKind.CONTACT: "ContractorHuman",
    RecordKind.ORGANIZATION: "ContractorCompany",
    RecordKind.DEAL: "Deal",
}
"""Megaplan's name of each kind (1)."""
KINDS = {name: kind for kind, name in TYPES.items()}
EMPLOYEE = "Employee"
PHONE_SORTS = frozenset({"phone", "whatsapp", "viber"})
"""Sorts of contact data that are numbers (5)."""
DONE = frozenset({"finished", "success", "fail", "finish_without_result"})
"""Sorts of todo statuses that finish it (6)."""
ADMIN_RIGHT = "settings_setting_employees_rights"
FIELD_TYPES = {
    "StringField": "string", "FloatField": "number", "IntegerField": "number", "BigIntField": "number", "MoneyField": "number",
    "DateField": "date", "DateTimeField": "date", "BoolField": "boolean", "EnumField": "option", "RefLinkField": "record",
    "RefSetField": "record",
}  # fmt: skip
"""Megaplan's sorts of fields and ours (9)."""


class Cards:
    """What an answer tells of each entity: it is shown in full only where it first occurs, later ones are bare links (3)."""

    def __init__(self, *nodes: Any) -> None:
        self._cards: dict[tuple[str, str], dict[str, Any]] = {}
        for node in nodes:
            self.learn(node)

    def learn(self, node: Any) -> None:
        """Take in everything that stands in a part of an answer."""
        if isinstance(node, list | tuple):
            for item in node:
                self.learn(item)
        elif isinstance(node, dict):
            card = self._cards.setdefault(_key(node), {}) if node.get("id") else {}
            card.update({name: value for name, value in node.items() if value is not None or name not in card})
            self.learn(list(node.values()))

    def of(self, link: Any) -> Row:
        """All that is known of the entity."""
        return self._cards.get(_key(link), link) if isinstance(link, dict) else {}


def _key(node: Row) -> tuple[str, str]:
    return str(node.get("contentType")), str(node.get("id"))


def link_id(value: Any, kind: str) -> str | None:
    """The id of a link, if it is to an entity of that type."""
    is_one = isinstance(value, dict) and value.get("contentType") == kind and value.get("id")
    return str(value["id"]) if is_one else None


def read_time(value: Any) -> datetime | None:
    """A DateTime value as UTC (3)."""
    text = value.get("value") if isinstance(value, dict) else None
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


# --- clients and deals


def numbers_of(client: Row) -> tuple[str, ...]:
    """A client's numbers as they are stored."""
    infos = client.get("contactInfo")
    return tuple(
        str(info.get("value") or "")
        for info in (infos if isinstance(infos, list) else ())
        if isinstance(info, dict) and info.get("type") in PHONE_SORTS
    )


def clients_of_number(clients: Iterable[Row], phone: Phone, search: Search) -> tuple[Row, ...]:
    """The clients that really have the number, in a listed notation where notations are listed (S3-58); no deleted ones."""
    return tuple(client for client in clients if _is_client(client) and _has_number(client, phone, search))


def _is_client(card: Row) -> bool:
    kind = KINDS.get(str(card.get("contentType")))
    return kind in (RecordKind.CONTACT, RecordKind.ORGANIZATION) and card.get("isDropped") is not True


def _has_number(client: Row, phone: Phone, search: Search) -> bool:
    wanted = {in_notation_of(phone, example) for example in search.formats}
    return any(same_number(phone, text, search.region) and (not wanted or text.strip() in wanted) for text in numbers_of(client))


def companies_of(clients: Sequence[Row], cards: Cards) -> tuple[Row, ...]:
    """The companies of the people, each once, those that were found themselves left out."""
    found = {_key(client) for client in clients}
    links = [link for client in clients if isinstance(link := client.get("company"), dict)]
    companies = {_key(link): cards.of(link) for link in links if link_id(link, TYPES[RecordKind.ORGANIZATION])}
    return tuple(card for key, card in companies.items() if key not in found and card.get("isDropped") is not True)


def works(card: Row) -> bool:
    """Whether an employee still works here and is not blocked, unless the card does not tell (9)."""
    return card.get("isWorking") is not False and card.get("canLogin") is not False


def owners_of(links: Any, cards: Cards) -> tuple[Owner, ...]:
    """The responsibles in their order; groups and other clients are no employees (1)."""
    rows = [link for link in (links if isinstance(links, list) else [links]) if isinstance(link, dict) and link.get("id")]
    return tuple(
        Owner(str(link["id"]), active=works(cards.of(link)), employee=link.get("contentType") == EMPLOYEE) for link in rows
    )


def unknown_responsibles(client: Row, cards: Cards) -> tuple[str, ...]:
    """Of several responsibles, the employees of whom nothing tells whether they still work here (S4-26)."""
    links = client.get("responsibles")
    ids = [key for link in (links if isinstance(links, list) else ()) if (key := link_id(link, EMPLOYEE))]
    cards_by_id = {key: cards.of({"contentType": EMPLOYEE, "id": key}) for key in ids}
    return tuple(key for key, card in cards_by_id.items() if "isWorking" not in card) if len(ids) > 1 else ()


def _main(owners: Sequence[Owner]) -> str | None:
    """The first working employee, else the first employee."""
    people = [owner for owner in owners if owner.employee]
    return next((owner.crm_user for owner in people if owner.active), people[0].crm_user if people else None)


Wanted = Mapping[RecordKind, Mapping[str, str]]


def records_of(clients: Sequence[Row], deals: Iterable[Row], cards: Cards, wanted: Wanted) -> tuple[Record, ...]:
    """People, companies with the number, companies of the people, deals, in the order found."""
    people = [card for card in clients if KINDS.get(str(card.get("contentType"))) is RecordKind.CONTACT]
    companies = [card for card in clients if card not in people]
    rows = [*people, *companies, *companies_of(clients, cards)]
    return (*(_client(cards.of(row), cards, wanted) for row in rows), *(_deal(deal, cards, wanted) for deal in deals))


def _client(card: Row, cards: Cards, wanted: Wanted) -> Record:
    kind, owners = KINDS[str(card["contentType"])], owners_of(card.get("responsibles"), cards)
    return Record(
        kind=kind,
        id=str(card["id"]),
        owner=_main(owners),
        owners=owners,
        name=str(card.get("name") or ""),
        organization=link_id(card.get("company"), TYPES[RecordKind.ORGANIZATION]),
        created_at=read_time(card.get("timeCreated")),
        updated_at=read_time(card.get("timeUpdated")),
        attribution=stored_attribution(card, wanted.get(kind)),
    )


def _deal(card: Row, cards: Cards, wanted: Wanted) -> Record:
    """A deal; open while its `result` is active (1). Its client is a person or a company."""
    client, person = card.get("contractor"), TYPES[RecordKind.CONTACT]
    contact = link_id(client, person) or link_id(card.get("contact"), person)
    company = client if link_id(client, TYPES[RecordKind.ORGANIZATION]) else None
    if contact and company is None:
        company = cards.of({"contentType": person, "id": contact}).get("company")
    owners = owners_of(card.get("manager"), cards)
    return Record(
        kind=RecordKind.DEAL,
        id=str(card["id"]),
        owner=_main(owners),
        owners=owners,
        open=card.get("result") == "active" and card.get("isDropped") is not True,
        name=str(card.get("name") or ""),
        contact=contact,
        organization=link_id(company, TYPES[RecordKind.ORGANIZATION]),
        created_at=read_time(card.get("timeCreated")),
        updated_at=read_time(card.get("timeUpdated")),
        attribution=stored_attribution(card, wanted.get(RecordKind.DEAL)),
    )


def is_contact_person(deal: Row, clients: Sequence[Row]) -> bool:
    """Whether one of the people is the contact person of a company's deal."""
    return any(_key(client) == _key(deal.get("contact") or {}) for client in clients)


def stored_attribution(card: Row, fields: Mapping[str, str] | None) -> dict[str, str] | None:
    """What the record holds of the visit, None when nobody asked."""
    if not fields:
        return None
    found = {parameter: _plain(card.get(key)) for parameter, key in fields.items()}
    return {parameter: value for parameter, value in found.items() if value}


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("value", value.get("name"))
    if isinstance(value, list):
        return ",".join(_plain(item) for item in value)
    return "" if value is None else str(value)


# --- people and fields


def read_user(row: Row) -> User:
    """An employee (9)."""
    infos = row.get("contactInfo")
    mails = [str(info.get("value")) for info in infos or () if isinstance(info, dict) and info.get("type") == "email"]
    actions = row.get("possibleActions")
    return User(
        id=str(row.get("id")),
        name=str(row.get("name") or ""),
        email=mails[0] if mails else "",
        active=row.get("isWorking") is True and works(row),
        admin=isinstance(actions, list) and ADMIN_RIGHT in actions,
    )


BUILT_IN = {
    RecordKind.CONTACT: {"firstName": "Имя", "lastName": "Фамилия", "description": "Описание"},
    RecordKind.ORGANIZATION: {"name": "Название", "description": "Описание"},
    RecordKind.DEAL: {"name": "Название", "description": "Описание"},
}
"""Fields each account has that take a text."""


def read_fields(rows: Iterable[Row], kind: RecordKind) -> Iterator[CrmField]:
    """The built-in fields and the account's own."""
    for name, label in BUILT_IN[kind].items():
        yield CrmField(name, label, kind, "string", custom=False)
    for row in rows:
        own = str(row.get("contentType") or "")
        yield CrmField(str(row.get("name")), str(row.get("hrName") or ""), kind, FIELD_TYPES.get(own, own), custom=True)


# --- texts


def text_of(markup: Any) -> str:
    """The text of HTML; every tag ends a line."""
    return html.unescape(re.sub(r"<[^>]*>", "\n", markup)) if isinstance(markup, str) else ""


def has_marker(markup: Any, marker_line: str) -> bool:
    """Whether one of the text's lines is our marker's, whatever the server did to the tags around it."""
    return any(" ".join(line.split()) == marker_line for line in text_of(markup).splitlines())


def has_link(markup: Any, link: str) -> bool:
    """Whether the link stands in the HTML already, in the text or as a target."""
    return isinstance(markup, str) and re.search(re.escape(link) + r"(?=[\"'<\s]|$)", html.unescape(markup)) is not None


def ref_of(row: Row) -> Ref | None:
    """The record a link leads to, if it is of a kind of ours."""
    kind = KINDS.get(str(row.get("contentType")))
    return Ref(kind, str(row["id"])) if kind is not None and row.get("id") else None
