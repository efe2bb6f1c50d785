"""Who has this number: one batch for contacts, companies, leads and deals (crm_bitrix24.md 6).

Ids go from the search to the lists inside of the batch. Whether the portal can do that is checked by what comes back;
where it cannot, the lists are asked for once more with the ids themselves. So nothing depends on the resolver (4, 17).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from patchcord.crm.bitrix24.declaration import Connection
from patchcord.crm.bitrix24.reading import Row, is_of_number, read_record, text_id
from patchcord.crm.bitrix24.rest import Command, Rest, Results, earlier, rows_of
from patchcord.crm.bitrix24.writing import ENTITIES
from patchcord.crm.port import Search
from patchcord.model.phone import Phone, StorageFormat, digits_of, formatted
from patchcord.model.records import Record, RecordKind

OPERATION = "look up"
WORDS = {RecordKind.LEAD: "LEAD", RecordKind.CONTACT: "CONTACT", RecordKind.ORGANIZATION: "COMPANY"}
"""What `crm.duplicate.findbycomm` can find; deals never (6.1)."""
SHORT = ("id", "title", "assignedById", "stageId", "stageSemanticId", "contactId", "companyId", "createdTime", "updatedTime")
WHOLE = ("*", "fm", "stageSemanticId")
"""All phone numbers come with `*` only (7)."""
OPEN_ONLY = {RecordKind.LEAD: {"stageSemanticId": "P"}, RecordKind.DEAL: {"closed": "N"}}
EMPLOYERS = "employers"

Ids = Mapping[RecordKind, Sequence[int]]


def variants(phone: Phone) -> list[str]:
    """The number in each spelling whose digits differ: the portal compares whole numbers (6.1)."""
    trunk = digits_of(formatted(phone, StorageFormat.NATIONAL))
    texts = [phone.e164, phone.digits, trunk, phone.national, f"00{phone.digits}"]
    if phone.digits.startswith("7"):
        texts.append(f"8{phone.national}")
    return list(dict.fromkeys(texts))


class LookUp:
    """One look-up."""

    def __init__(self, rest: Rest, connection: Connection, search: Search, phone: Phone) -> None:
        self._rest = rest
        self._connection = connection
        self._search = search
        self._phone = phone
        self._kinds = tuple(kind for kind in WORDS if kind is not RecordKind.LEAD or connection.has_leads)

    def records(self) -> tuple[Record, ...]:
        """Every record of the number. Of leads and deals that are found by their contact or company only open ones are
        asked for, because a client may have any number of closed ones."""
        results = self._rest.batch({**self._searches(), **self._lists(None)}, OPERATION, halt=False)
        ids = {kind: _ids(results.needed(f"{kind.value}_ids"), WORDS[kind]) for kind in self._kinds}
        if not any(ids.values()):
            return ()
        if not self._is_whole(results, ids):
            results = self._rest.batch(self._lists(ids), OPERATION, halt=False)
        return tuple(self._read(results, ids))

    # --- the commands

    def _searches(self) -> dict[str, Command]:
        """One search a kind, because a kind with 20 matches hides the others (6.1)."""
        values = variants(self._phone)
        return {
            f"{kind.value}_ids": Command(
                "crm.duplicate.findbycomm", {"type": "PHONE", "values": values, "entity_type": WORDS[kind]}
            )
            for kind in self._kinds
        }

    def _lists(self, ids: Ids | None) -> dict[str, Command]:
        """The lists by ids, or by what the searches before them find; lists without ids are left out."""
        commands = {}
        for key, (kind, column, of, only) in self._plan().items():
            wanted: Any = earlier(f"{of.value}_ids", WORDS[of]) if ids is None else list(ids[of])
            if wanted:
                select = (*SHORT, column) if only else WHOLE
                commands[key] = self._list(kind, {f"@{column}": wanted, **only}, tuple(dict.fromkeys(select)))
        if ids is None or ids[RecordKind.CONTACT]:
            employer = earlier(RecordKind.CONTACT.value, "items", "0", "companyId")
            commands[EMPLOYERS] = self._list(RecordKind.ORGANIZATION, {"id": employer}, SHORT)
        return commands

    def _plan(self) -> dict[str, tuple[RecordKind, str, RecordKind, Mapping[str, str]]]:
        """By key: what is listed, by which column, for the ids of which kind, and under which further condition."""
        plan: dict[str, tuple[RecordKind, str, RecordKind, Mapping[str, str]]] = {
            kind.value: (kind, "id", kind, {}) for kind in self._kinds
        }
        owned = (RecordKind.LEAD, RecordKind.DEAL) if self._connection.has_leads else (RecordKind.DEAL,)
        for kind in owned:
            contacts = self._connection.contact_filter if kind is RecordKind.DEAL else "contactId"
            for of, column in ((RecordKind.CONTACT, contacts), (RecordKind.ORGANIZATION, "companyId")):
                plan[f"{kind.value}_of_{of.value}"] = (kind, column, of, OPEN_ONLY[kind])
        return plan

    def _list(self, kind: RecordKind, conditions: Mapping[str, Any], select: Sequence[str]) -> Command:
        fields = self._search.attribution.get(kind, {}).values()
        params = {
            "entityTypeId": ENTITIES[kind],
            "select": [*select, *fields],
            "filter": dict(conditions),
            "order": {"id": "DESC"},
            "start": -1,
            "useOriginalUfNames": "Y",
        }
        return Command("crm.item.list", params)

    # --- the answer

    def _is_whole(self, results: Results, ids: Ids) -> bool:
        """Whether the ids went from the searches to the lists: everything that was found must have come back."""
        needed = {key: of for key, (_, _, of, _) in self._plan().items() if ids[of]}
        if any(key not in results.values for key in needed):
            return False
        return all(set(ids[kind]) <= set(_by_id(results, kind.value)) for kind in self._kinds)

    def _read(self, results: Results, ids: Ids) -> Iterator[Record]:
        """What is of the number. Every row is checked, because a list without ids lists anything (4)."""
        own = {kind: self._of_number(results, kind, ids[kind]) for kind in self._kinds}
        yield from (self._record(RecordKind.CONTACT, row) for row in own[RecordKind.CONTACT].values())
        yield from self._organizations(results, own)
        for kind in (RecordKind.LEAD, RecordKind.DEAL):
            rows = {**own.get(kind, {}), **self._owned(results, kind, own, ids)}
            yield from (self._record(kind, row) for row in rows.values())

    def _of_number(self, results: Results, kind: RecordKind, ids: Sequence[int]) -> dict[int, Row]:
        if not ids:
            return {}
        results.needed(kind.value)
        rows = _by_id(results, kind.value)
        return {key: rows[key] for key in ids if key in rows and is_of_number(rows[key], self._phone, self._search)}

    def _owned(self, results: Results, kind: RecordKind, own: Mapping[RecordKind, Mapping[int, Row]], ids: Ids) -> dict[int, Row]:
        """Open leads or deals of the contacts and companies with the number."""
        found: dict[int, Row] = {}
        for key, (listed, column, of, only) in self._plan().items():
            if listed is kind and only and ids[of]:
                results.needed(key)
                rows = _by_id(results, key)
                found |= {one: row for one, row in rows.items() if _linked(row.get(column), own[of])}
        return found

    def _organizations(self, results: Results, own: Mapping[RecordKind, Mapping[int, Row]]) -> Iterator[Record]:
        """Companies with the number, and those of the contacts, each once; of further ones only the id is known."""
        companies = dict(own[RecordKind.ORGANIZATION])
        employers = _by_id(results, EMPLOYERS)
        yield from (self._record(RecordKind.ORGANIZATION, row) for row in companies.values())
        for row in own[RecordKind.CONTACT].values():
            key = _whole(row.get("companyId"))
            if key is None or key in companies:
                continue
            companies[key] = employers.get(key, {})
            known = companies[key]
            yield self._record(RecordKind.ORGANIZATION, known) if known else Record(RecordKind.ORGANIZATION, str(key))

    def _record(self, kind: RecordKind, row: Row) -> Record:
        return read_record(kind, row, self._search.attribution.get(kind))


def _ids(found: Any, word: str) -> list[int]:
    """The ids of a search; nobody found is an empty list instead of an object (6.1)."""
    keys = found.get(word) if isinstance(found, dict) else None
    return [number for key in keys if (number := _whole(key))] if isinstance(keys, list) else []


def _whole(value: Any) -> int | None:
    text = text_id(value) or ""
    return int(text) if text.isascii() and text.isdigit() else None


def _linked(value: Any, known: Mapping[int, Row]) -> bool:
    """Whether an item's contact or company, or one of its contacts, is among the known ones."""
    return any(_whole(one) in known for one in (value if isinstance(value, list) else [value]))


def _by_id(results: Results, key: str) -> dict[int, Row]:
    """The rows of a list by id, in the order given; none when the command has no result."""
    rows = rows_of(results.values.get(key), "items")
    return {number: row for row in rows if (number := _whole(row.get("id")))}
