"""Finding a client by number: candidates first, then in one bulk what their cards leave open (crm_megaplan.md 4, 10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected
from patchcord.crm.megaplan import reading, writing
from patchcord.crm.megaplan.account import PATHS
from patchcord.crm.megaplan.declaration import Connection
from patchcord.crm.megaplan.reading import Cards, Wanted
from patchcord.crm.megaplan.talk import Question, Row, Talk, many, one
from patchcord.crm.port import Search
from patchcord.model.phone import Phone
from patchcord.model.records import Record, RecordKind

NEWEST = {"sortBy": [{"contentType": "SortField", "fieldName": "timeCreated", "desc": True}]}
CLIENT_FIELDS = ("responsibles", "contactInfo", "company", "isDropped", "timeCreated", "timeUpdated", "countDeals")
COMPANY_FIELDS = tuple(name for name in CLIENT_FIELDS if name != "company")
DEAL_FIELDS = ("name", "result", "manager", "contractor", "contact", "isDropped", "timeCreated", "timeUpdated")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call of the second round of a look-up. `needed` ones may not be refused; of a `company` only the deals count in
    which one of the people is the contact person."""

    question: Question
    deals: bool = False
    needed: bool = False
    company: bool = False

    def forgives(self, error: CrmError) -> bool:
        """Whether the look-up is right without this answer."""
        return isinstance(error, Gone) or (not self.needed and isinstance(error, Misconfigured | Rejected))


class LookUp:
    """The look-ups of one connection."""

    def __init__(self, talk: Talk, connection: Connection) -> None:
        self._talk = talk
        self._connection = connection
        self._asks_fields = True

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """One request, one more for what a found client's card does not tell: deals, companies, who still works here."""
        rows = self._candidates(phone)
        cards = Cards(rows)
        self._complete(rows, cards)
        clients = reading.clients_of_number([cards.of(row) for row in rows], phone, search)
        if not clients:
            return ()
        deals, wanted = self._relatives(clients, search.attribution, cards)
        return reading.records_of(clients, deals, cards, wanted)

    def _candidates(self, phone: Phone) -> tuple[Row, ...]:
        """Whom Megaplan takes for owners of the number; without `fields` where it refuses them."""
        path, asked = "/contractorHuman/possibleDuplicates", self._asked(phone)
        if self._connection.by_search:
            path = "/contractorHuman/search"
        try:
            return self._talk.rows(Question("look up", path, asked))
        except Rejected as error:
            if not self._asks_fields or error.status != 422 or "fields" not in error.words:
                raise
        self._asks_fields = False
        return self._candidates(phone)

    def _asked(self, phone: Phone) -> dict[str, Any]:
        asked: dict[str, Any] = {"limit": 50}
        if self._connection.by_search:
            asked["q"] = phone.national
        else:
            asked["contactInfo"] = writing.asked_numbers(phone)
        return {**asked, "fields": list(CLIENT_FIELDS)} if self._asks_fields else asked

    def _complete(self, rows: Sequence[Row], cards: Cards) -> None:
        """The cards of those whose numbers the list does not tell (3)."""
        bare = [ref for row in rows if "contactInfo" not in cards.of(row) and (ref := reading.ref_of(row))]
        for answer in self._talk.together([Question("read client", f"{PATHS[ref.kind]}/{ref.id}") for ref in bare]):
            if isinstance(answer, CrmError) and not isinstance(answer, Gone):
                raise answer
            if not isinstance(answer, CrmError):
                cards.learn(one(answer, "read client"))

    def _relatives(self, clients: Sequence[Row], wanted: Wanted, cards: Cards) -> tuple[list[Row], Wanted]:
        """The clients' deals, and what is known by then of companies and responsibles; also which attribution was told.

        Fields that some program does not have make the whole list fail, so deals are asked for once more without them.
        """
        own = tuple((wanted.get(RecordKind.DEAL) or {}).values())
        try:
            return self._second_round(clients, wanted, own, cards), wanted
        except Rejected:
            if not own:
                raise
        without: Wanted = {kind: fields for kind, fields in wanted.items() if kind is not RecordKind.DEAL}
        return self._second_round(clients, without, (), cards), without

    def _second_round(self, clients: Sequence[Row], wanted: Wanted, own: tuple[str, ...], cards: Cards) -> list[Row]:
        asked = list(_second_questions(clients, wanted, own, cards))
        deals: dict[str, Row] = {}
        for question, answer in zip(asked, self._talk.together([item.question for item in asked]), strict=True):
            if isinstance(answer, CrmError):
                if not question.forgives(answer):
                    raise answer
                continue
            cards.learn(answer.get("data"))
            rows = many(answer, question.question.operation) if question.deals else ()
            deals |= {str(row.get("id")): row for row in rows if not question.company or reading.is_contact_person(row, clients)}
        return [cards.of(row) for row in deals.values()]


def _second_questions(clients: Sequence[Row], wanted: Wanted, own: tuple[str, ...], cards: Cards) -> Iterator[_Asked]:
    """What the first round left open: deals, the visit's data, companies, and who of several responsibles is still here."""
    for client in clients:
        if client.get("countDeals") != 0:
            yield _Asked(_deals_question(client, own), deals=True, needed=True)
        kind = reading.KINDS[str(client["contentType"])]
        if wanted.get(kind):
            yield _Asked(Question("read client", f"{PATHS[kind]}/{client['id']}", {"fields": list(wanted[kind].values())}))
    for company in reading.companies_of(clients, cards):
        path = f"{PATHS[RecordKind.ORGANIZATION]}/{company['id']}"
        yield _Asked(Question("read organization", path, {"fields": list(COMPANY_FIELDS)}))
        yield _Asked(_deals_question(company, own), deals=True, company=True)
    people = dict.fromkeys(key for client in clients for key in reading.unknown_responsibles(client, cards))
    for key in people:
        yield _Asked(Question("read employee", f"/employee/{key}", {"fields": ["isWorking", "canLogin"]}))


def _deals_question(client: Row, own: tuple[str, ...]) -> Question:
    query = {"limit": 100, **NEWEST, "fields": [*DEAL_FIELDS, *own]}
    return Question("read processes", f"/contractor/{client['id']}/deals", query)
