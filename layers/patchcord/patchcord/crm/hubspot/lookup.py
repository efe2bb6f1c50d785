"""Finding a number's records: the searches, those that can at the same time (crm_hubspot.md 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from patchcord.crm.errors import Gone, Misconfigured, Rejected
from patchcord.crm.http import Http
from patchcord.crm.hubspot import reading
from patchcord.crm.hubspot.declaration import VENDOR, VERSION
from patchcord.crm.hubspot.reading import Row
from patchcord.crm.hubspot.writing import OBJECTS, is_property_name
from patchcord.crm.port import Search
from patchcord.crm.together import together
from patchcord.model.phone import Phone, notations
from patchcord.model.records import Record, RecordKind

CONTACT, ORGANIZATION, LEAD, DEAL = RecordKind.CONTACT, RecordKind.ORGANIZATION, RecordKind.LEAD, RecordKind.DEAL
COMPUTED, COMPUTED_MOBILE = "hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number"
NEWEST = {CONTACT: "lastmodifieddate"}
MOST_ROWS, MOST_OWNERS = 100, 50
"""Rows of one search; contacts or companies whose records are asked for, so that the body stays below its limit."""

Filter = Mapping[str, Any]


class LookUp:
    """The look-up of one connection: two searches at once by number, then leads and deals at once.

    When nobody has the number, the searches that leads and deals would have taken look for it as free text instead, so
    that a look-up always takes the same number of searches.
    """

    def __init__(self, http: Http, *, leads: bool, closed_stages: frozenset[str]) -> None:
        self._http = http
        self._primary = (LEAD, DEAL) if leads else (DEAL,)
        self._closed_stages = closed_stages
        self._computed = {CONTACT: True, ORGANIZATION: True}

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """Contacts, companies, leads, deals: in the order in which HubSpot tells each."""
        contacts, companies = self._holders(phone, search)
        people = [self._record(row, CONTACT, search) for row in contacts]
        firms = [self._record(row, ORGANIZATION, search) for row in companies]
        if not people and not firms:
            return ()
        tasks = [partial(self._related, kind, people[:MOST_OWNERS], firms[:MOST_OWNERS], search) for kind in self._primary]
        related = [record for found in together(tasks) for record in found]
        return (*people, *firms, *reading.companies_of(people, firms), *related)

    # --- by number (6.1, 6.2)

    def _holders(self, phone: Phone, search: Search) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
        """The contacts and companies of the number."""
        kinds = (CONTACT, ORGANIZATION)
        found = dict(zip(kinds, together([partial(self._by_number, kind, phone, search) for kind in kinds]), strict=True))
        if not any(found.values()) and not search.formats:
            others = kinds[: len(self._primary)]
            found |= zip(others, together([partial(self._by_text, kind, phone, search) for kind in others]), strict=True)
        return found[CONTACT], found[ORGANIZATION]

    def _by_number(self, kind: RecordKind, phone: Phone, search: Search) -> tuple[Row, ...]:
        """By filters; once more without the computed number where this kind turns out to have none."""
        groups = number_groups(kind, phone, reading.listed(phone, search), computed=self._computed[kind])
        try:
            rows = self._search(kind, search, filterGroups=groups)
        except Rejected as error:
            if not self._computed[kind] or COMPUTED not in error.words:
                raise
            self._computed[kind] = False
            return self._by_number(kind, phone, search)
        return reading.of_number(rows, kind, phone, search)

    def _by_text(self, kind: RecordKind, phone: Phone, search: Search) -> tuple[Row, ...]:
        rows = self._search(kind, search, query=phone.national)
        return reading.of_number(rows, kind, phone, search)

    def _search(self, kind: RecordKind, search: Search, **how: Any) -> tuple[Row, ...]:
        name = OBJECTS[kind]
        wanted = [field for field in search.attribution.get(kind, {}).values() if is_property_name(field)]
        body = {
            **how,
            "properties": list(dict.fromkeys([*reading.properties_of(kind), *wanted])),
            "sorts": [{"propertyName": NEWEST.get(kind, "hs_lastmodifieddate"), "direction": "DESCENDING"}],
            "limit": MOST_ROWS,
        }
        operation = f"search {name}"
        answer = self._http.call("POST", f"/crm/objects/{VERSION}/{name}/search", json=body, operation=operation, cost="search")
        return reading.results_of(answer, operation)

    # --- leads and deals (6.3)

    def _related(self, kind: RecordKind, people: Sequence[Record], firms: Sequence[Record], search: Search) -> list[Record]:
        """The records of a kind that belong to one of the contacts or companies."""
        ends = (("associations.contact", people), ("associations.company", firms))
        groups = [{"filters": [_any_of(name, [record.id for record in records])]} for name, records in ends if records]
        try:
            rows = self._search(kind, search, filterGroups=groups)
        except Gone as error:
            raise Misconfigured(VENDOR, error.request, f"this account has no {OBJECTS[kind]}") from None
        contacts = self._contacts_of(kind, rows, people, firms)
        firm = firms[0].id if len(firms) == 1 and not people else None
        return [self._record(row, kind, search, contact=contacts.get(str(row.get("id"))), organization=firm) for row in rows]

    def _contacts_of(
        self, kind: RecordKind, rows: Sequence[Row], people: Sequence[Record], firms: Sequence[Record]
    ) -> dict[str, str]:
        """Each row's contact: a search does not tell it, so it is asked for where it is not plain (9)."""
        ids = [str(row.get("id")) for row in rows]
        if len(people) == 1 and not firms:
            return dict.fromkeys(ids, people[0].id)
        if not ids or not people:
            return {}
        path, operation = f"/crm/associations/{VERSION}/{OBJECTS[kind]}/contacts/batch/read", "read associations"
        answer = self._http.call("POST", path, json={"inputs": [{"id": key} for key in ids]}, operation=operation)
        known = [record.id for record in people]
        links = {str(row["from"]["id"]): _ends(row) for row in reading.results_of(answer, operation) if _has_from(row)}
        ours = {key: next((one for one in known if one in ends), None) for key, ends in links.items()}
        return {key: one for key, one in ours.items() if one}

    def _record(self, row: Row, kind: RecordKind, search: Search, **links: str | None) -> Record:
        return reading.record(row, kind, search, closed_stages=self._closed_stages, **links)


# --- helpers


def number_groups(kind: RecordKind, phone: Phone, listed: Sequence[str], *, computed: bool) -> list[Filter]:
    """The alternatives under which a number may be stored, at most five (6.2): computed without country code, or as text."""
    names = reading.NUMBERS[kind]
    if listed:
        return [{"filters": [_in(name, listed)]} for name in names]
    texts = [_in(name, (*notations(phone), f"00{phone.digits}")) for name in names]
    if not computed:
        return [{"filters": [one]} for one in (*texts, *(_ends_with(name, phone) for name in names))]
    exact = {"propertyName": COMPUTED, "operator": "EQ", "value": phone.national}
    loose = [_ends_with(COMPUTED, phone), _ends_with(COMPUTED_MOBILE if kind is CONTACT else "phone", phone)]
    return [{"filters": [one]} for one in (exact, *loose, *texts)]


def _in(name: str, values: Iterable[str]) -> Filter:
    """`IN` compares texts in lower case (6.2)."""
    return {"propertyName": name, "operator": "IN", "values": [text.lower() for text in values]}


def _ends_with(name: str, phone: Phone) -> Filter:
    return {"propertyName": name, "operator": "CONTAINS_TOKEN", "value": f"*{phone.national}"}


def _any_of(name: str, ids: Sequence[str]) -> Filter:
    """`EQ` is documented for associations, `IN` is not (6.3)."""
    if len(ids) == 1:
        return {"propertyName": name, "operator": "EQ", "value": ids[0]}
    return {"propertyName": name, "operator": "IN", "values": list(ids)}


def _has_from(row: Row) -> bool:
    return isinstance(row.get("from"), dict) and "id" in row["from"]


def _ends(row: Row) -> set[str]:
    """The other ends of an object's associations; their ids are numbers here (1)."""
    ends = row.get("to")
    return {str(end.get("toObjectId")) for end in ends if isinstance(end, dict)} if isinstance(ends, list) else set()
