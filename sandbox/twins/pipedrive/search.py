"""Searching (crm_pipedrive.md 6): digits only for phones, related leads and deals, and an index that lags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import digits
from sandbox.twins.pipedrive.fields import SEARCHABLE, custom_of
from sandbox.twins.pipedrive.state import DEAL, LEAD, ORGANIZATION, PERSON, Key, Row, State
from sandbox.twins.pipedrive.wire import Call, bad, cut_v2, ok

FIELDS = {
    PERSON: ("name", "phone", "email", "custom_fields", "notes"),
    ORGANIZATION: ("name", "address", "custom_fields", "notes"),
    LEAD: ("title", "custom_fields", "notes"),
    DEAL: ("title", "custom_fields", "notes"),
}
"""What each sort is searched in; leads and deals have no phone (6.1)."""
OTHER_TYPES = ("product", "file", "mail_attachment", "project")
RELATED = 100


@dataclass(frozen=True, slots=True)
class Term:
    """What is looked for. A leading space is a `+` that was not encoded: it finds nothing."""

    text: str
    exact: bool

    def in_text(self, value: str) -> bool:
        found, sought = value.strip().lower(), self.text.lower()
        return found == sought if self.exact else sought in found

    def in_phone(self, value: str) -> bool:
        """Digits within digits; with `exact_match` the stored notation itself (6.2)."""
        if self.exact or any(letter.isalpha() for letter in self.text):
            return value.strip() == self.text
        return bool(digits(self.text)) and digits(self.text) in digits(value)


def term_of(call: Call) -> Term:
    text, exact = call.query("term"), call.query("exact_match") == "true"
    if len(text.strip()) < (1 if exact else 2):
        raise bad("term: must be at least 2 characters long")
    return Term(text, exact)


def item_search(call: Call) -> Response:
    """`GET /api/v2/itemSearch`: items by score, `related_items` with `search_for_related_items=true`."""
    term = term_of(call)
    types = _words(call, "item_types", (*FIELDS, *OTHER_TYPES)) or list(FIELDS)
    fields = _words(call, "fields", (*{name for names in FIELDS.values() for name in names}, "code", "description"))
    found = [hit for word in types if word in FIELDS for hit in _hits(call, word, term, fields)]
    page, additional = cut_v2(call, _by_score(found), most=100)
    related = list(_related(call, page)) if call.query("search_for_related_items") == "true" else []
    return ok({"items": page, "related_items": related}, additional)


def search_one(call: Call) -> Response:
    """`GET /api/v2/{persons,organizations,leads,deals}/search`."""
    term, word = term_of(call), call.args["word"]
    hits = _hits(call, word, term, _words(call, "fields", FIELDS[word]))
    for name in ("person", "organization"):
        wanted = call.query(f"{name}_id")
        if wanted:
            hits = [hit for hit in hits if str((hit["item"].get(name) or {}).get("id")) == wanted]
    page, additional = cut_v2(call, _by_score(hits))
    return ok({"items": page}, additional)


def _words(call: Call, name: str, known: Iterable[str]) -> list[str]:
    given = [word for word in call.query(name).split(",") if word]
    for word in given:
        if word not in known:
            raise bad(f"{name}: '{word}' is not allowed")
    return given


def _by_score(hits: list[Row]) -> list[Row]:
    return sorted(hits, key=lambda hit: -hit["result_score"])


def _hits(call: Call, word: str, term: Term, fields: list[str]) -> list[Row]:
    if term.text.startswith(" "):
        return []
    sought = [name for name in FIELDS[word] if not fields or name in fields]
    return [
        {"result_score": _score(term, row), "item": item_of(call.state, word, row)}
        for row in _visible(call, word, call.state.table(word).values()) if _matches(call.state, word, row, term, sought)
    ]  # fmt: skip


def _score(term: Term, row: Row) -> float:
    """The more of the name the term is, the higher; never by time (7)."""
    name = str(row.get("name") or row.get("title") or "")
    return round(min(1.0, len(term.text) / max(1, len(name))) if term.in_text(name) else 0.29, 2)


def _visible(call: Call, word: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows that are not deleted and have reached the index."""
    for row in rows:
        if not row.get("is_deleted") and call.twin.searchable(call.state.indexed[word, row["id"]]):
            yield row


def _matches(state: State, word: str, row: Row, term: Term, fields: list[str]) -> bool:
    return any(_in_field(state, word, row, term, name) for name in fields)


def _in_field(state: State, word: str, row: Row, term: Term, name: str) -> bool:
    if name == "phone":
        return any(term.in_phone(entry["value"]) for entry in row["phones"])
    if name == "email":
        return any(term.in_text(entry["value"]) for entry in row["emails"])
    if name == "custom_fields":
        return any(term.in_text(value) or term.in_phone(value) for value in custom_texts(state, word, row))
    if name == "notes":
        return any(term.in_text(note) for note in notes_of(state, word, row["id"]))
    return term.in_text(str(row.get(name) or ""))


def custom_texts(state: State, word: str, row: Row) -> list[str]:
    """The values of searchable custom fields (12)."""
    values = row if word == LEAD else row["custom_fields"]
    return [str(values[code]) for code, field in custom_of(state, word).items()
            if field["field_type"] in SEARCHABLE and values.get(code) not in (None, "")]  # fmt: skip


def notes_of(state: State, word: str, key: Key) -> list[str]:
    column = {ORGANIZATION: "org_id"}.get(word, f"{word}_id")
    return [note["content"] for note in state.notes.values() if note[column] == key]


# ---- related items (6.1)


def _related(call: Call, page: list[Row]) -> Iterator[Row]:
    """Up to 100 newest leads and deals of each found person and organisation, and persons of each organisation."""
    seen: set[tuple[str, Any]] = set()
    for hit in page:
        item = hit["item"]
        for word, row in _relatives(call, item["type"], item["id"]):
            if (word, row["id"]) not in seen:
                seen.add((word, row["id"]))
                yield {"result_score": 0, "item": item_of(call.state, word, row)}


def _relatives(call: Call, word: str, key: Key) -> Iterator[tuple[str, Row]]:
    columns = {
        PERSON: {DEAL: "person_id", LEAD: "person_id"},
        ORGANIZATION: {DEAL: "org_id", LEAD: "organization_id", PERSON: "org_id"},
    }
    for other, column in columns.get(word, {}).items():
        fitting = [row for row in call.state.table(other).values() if row[column] == key]
        newest = sorted(_visible(call, other, fitting), key=lambda row: str(row["add_time"]), reverse=True)
        yield from ((other, row) for row in newest[:RELATED])


# ---- items


def item_of(state: State, word: str, row: Row) -> Row:
    """A found record as the search shows it: owner, links, status and `is_archived` are in it (6.1)."""
    item: Row = {"id": row["id"], "type": word, "visible_to": int(row["visible_to"]), "owner": {"id": row["owner_id"]},
                 "custom_fields": custom_texts(state, word, row), "notes": notes_of(state, word, row["id"])}  # fmt: skip
    if word in (PERSON, ORGANIZATION):
        return item | _name_item(state, word, row)
    organization = row["organization_id"] if word == LEAD else row["org_id"]
    item |= {
        "title": row["title"], "is_archived": row["is_archived"],
        "person": _link(state, PERSON, row["person_id"]), "organization": _link(state, ORGANIZATION, organization),
    }  # fmt: skip
    return item | (_deal_item(state, row) if word == DEAL else _lead_item(row))


def _name_item(state: State, word: str, row: Row) -> Row:
    if word == ORGANIZATION:
        return {"name": row["name"], "address": row["address"]}
    organization = _link(state, ORGANIZATION, row["org_id"])
    return {
        "name": row["name"], "phones": [entry["value"] for entry in row["phones"]],
        "emails": [entry["value"] for entry in row["emails"]],
        "organization": organization | {"address": None} if organization else None,
    }  # fmt: skip


def _deal_item(state: State, row: Row) -> Row:
    stage = {"id": row["stage_id"], "name": state.stages[row["stage_id"]]["name"]}
    return {"value": row["value"], "currency": row["currency"], "status": row["status"], "stage": stage}


def _lead_item(row: Row) -> Row:
    money = row["value"] or {"amount": None, "currency": None}
    return {"phones": [], "emails": [], "value": money["amount"], "currency": money["currency"]}


def _link(state: State, word: str, key: Key | None) -> Row | None:
    return {"id": key, "name": state.name_of(word, key)} if key is not None else None
