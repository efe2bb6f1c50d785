"""Clients: people and companies, how they are found, and their comments (crm_megaplan.md 4, 5, 7, 9)."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed, digits
from sandbox.twins.megaplan.bodies import checked
from sandbox.twins.megaplan.neutral import note_words, record_words
from sandbox.twins.megaplan.state import (
    COMMENT,
    COMPANY,
    CONTRACTORS,
    DEAL,
    EMPLOYEE,
    HUMAN,
    NEUTRAL,
    Row,
    company_row,
    human_row,
    link,
)
from sandbox.twins.megaplan.wire import (
    CARD_KEYS,
    LIST_KEYS,
    Call,
    asked,
    is_seen,
    key_of,
    living,
    missing,
    ok,
    page,
    refused,
    short,
    whole,
)

PHONE_SORTS = ("phone", "whatsapp", "viber")
LEAST_DIGITS = 4


# ---- create, change, read (5)


def create(call: Call) -> Response:
    """`POST /contractorHuman`, `/contractorCompany`."""
    word, body = call.args["word"], call.record()
    values = checked(call, word, body)
    if word == COMPANY and not values.get("name"):
        raise refused("name: the value must not be empty", "name")
    row = human_row(call.state) if word == HUMAN else company_row(call.state)
    _store(call, row, values)
    call.state.add(row)
    call.twin.wrote("create", NEUTRAL[word], row["id"], record_words(call.twin, row))
    return ok(short(call, [row])[0])


def update(call: Call) -> Response:
    """`POST /contractorHuman/{id}`: only what the body names; a list replaces the whole list."""
    word = call.args["word"]
    row = living(call, word, call.args["key"])
    before = record_words(call.twin, row)
    _store(call, row, checked(call, word, call.record()))
    call.state.touch(row)
    call.twin.wrote("update", NEUTRAL[word], row["id"], changed(before, record_words(call.twin, row)))
    return ok(short(call, [row])[0])


def _store(call: Call, row: Row, values: Row) -> None:
    """Contacts of a company stand in the people; a person's name is composed of its parts."""
    for contact in values.pop("contacts", []):
        call.state.table(HUMAN)[contact["id"]]["company"] = link(row)
    row.update(values)
    if row["contentType"] == HUMAN:
        row["name"] = " ".join(row[part] for part in ("lastName", "firstName", "middleName") if row[part])


def get(call: Call) -> Response:
    """`GET /contractorHuman/{id}` and the abstract `/contractor/{id}`; deleted ones are told as such."""
    word, key = call.args.get("word"), call.args["key"]
    row = call.state.table(word).get(key) if word else call.state.contractor(key)
    if row is None:
        raise missing("Contractor")
    return ok(whole(call, row, asked(call, row["contentType"])))


def list_rows(call: Call) -> Response:
    """`GET /contractorHuman`, `/contractorCompany`, `/contractor`. A raw `q` is ignored."""
    words = (call.args["word"],) if "word" in call.args else CONTRACTORS
    rows = [row for row in call.state.contractors() if row["contentType"] in words and not row["isDropped"]]
    return page(call, rows, words[0])


def deals(call: Call) -> Response:
    """`GET /contractor/{id}/deals`."""
    row = call.state.contractor(call.args["key"])
    if row is None:
        raise missing("Contractor")
    return page(call, call.state.deals_of(row), DEAL)


def broken(call: Call) -> Response:
    """Abstract paths that answer 500 (3)."""
    raise Refused(500, "Internal server error")


# ---- look-up (4)


def possible_duplicates(call: Call) -> Response:
    """Candidates of either subtype that share a name or a contact, deleted ones too."""
    names = asked(call, call.args["word"], LIST_KEYS | {"name", "contactInfo"})
    name, wanted = call.literal.get("name"), call.literal.get("contactInfo") or []
    rows = [row for row in _searchable(call) if (name and row["name"] == name) or _shares(call, row, wanted)]
    return _found(call, rows, names)


def search(call: Call) -> Response:
    """By name or contacts, both subtypes, reduced cards."""
    names = asked(call, call.args["word"], LIST_KEYS)
    text = str(call.literal.get("q", "")).lower()
    rows = [row for row in _searchable(call) if not row["isDropped"] and _speaks_of(row, text)]
    return _found(call, rows, names)


def _searchable(call: Call) -> list[Row]:
    return [row for row in call.state.contractors() if is_seen(call, row)]


def _found(call: Call, rows: list[Row], names: tuple[str, ...]) -> Response:
    """Fields that a subtype does not have are left out of its cards."""
    limit = call.literal.get("limit", 100)
    shown = short(call, rows[:limit], names)
    cards = [{name: value for name, value in card.items() if _belongs(name, card)} for card in shown]
    return ok(cards, {"count": len(rows), "limit": limit, "hasMoreNext": len(rows) > limit, "hasMorePrev": False})


def _belongs(name: str, card: Row) -> bool:
    return not (name == "company" and card["contentType"] == COMPANY)


def _shares(call: Call, row: Row, wanted: list[Any]) -> bool:
    own = {(one["type"], _compared(call, one)) for one in row["contactInfo"]}
    return any(isinstance(one, dict) and (one.get("type"), _compared(call, one)) in own for one in wanted)


def _compared(call: Call, info: Row) -> str:
    """How numbers are compared is not known (14): by their digits or letter by letter, as the account is set up."""
    value = str(info.get("value", ""))
    return digits(value) if info.get("type") in PHONE_SORTS and call.twin.account.phone_match == "digits" else value


def _speaks_of(row: Row, text: str) -> bool:
    number = digits(text)
    values = [str(one["value"]) for one in row["contactInfo"]]
    has_number = len(number) >= LEAST_DIGITS and any(number in digits(value) for value in values)
    return bool(text) and (text in row["name"].lower() or has_number or any(text in value.lower() for value in values))


def call_route(call: Call) -> Response:
    """`GET /callRoute`: who is responsible for the number, and whose number it is."""
    wanted = digits(str(call.literal.get("phone", "")))
    if not wanted:
        raise refused("phone is required", "phone")
    users = [row for row in _searchable(call) if not row["isDropped"] and _has_number(row, wanted)]
    people = [call.state.find(one) for row in users[:1] for one in row["responsibles"]]
    employees = [row for row in people if row and row["contentType"] == EMPLOYEE and row["isWorking"]]
    cards = {"employees": [_named(row) for row in employees[:1]], "users": [_named(row) for row in users]}
    return ok({"contentType": "CallRoute", "type": "responsible" if employees else "all", "timeout": 15, **cards})


def _has_number(row: Row, wanted: str) -> bool:
    return any(one["type"] in PHONE_SORTS and digits(one["value"]) == wanted for one in row["contactInfo"])


def _named(row: Row) -> Row:
    return {**link(row), "name": row["name"]}


# ---- comments (7)


def comment(call: Call) -> Response:
    """`POST /<entity>/{id}/comments`: HTML in `content`, bare or inside an action request."""
    target = living(call, call.args["word"], call.args["key"])
    body = call.record()
    body = body["comment"] if isinstance(body.get("comment"), dict) else body
    content = body.get("content")
    if not isinstance(content, str) or not content or len(content) > call.twin.account.longest_text:
        raise refused("content: the value is empty or too long", "content")
    row = add_comment(call, target, content)
    call.twin.wrote("note", "note", row["id"], note_words(call.twin, row, target))
    return ok(short(call, [row])[0])


def add_comment(call: Call, target: Row, content: str) -> Row:
    row = call.state.add(call.state.new(COMMENT, content=content, owner={"contentType": EMPLOYEE, "id": call.twin.bot}))
    call.state.comments.setdefault(key_of(target), []).append(row)
    return row


def list_comments(call: Call) -> Response:
    target = living(call, call.args["word"], call.args["key"])
    return page(call, call.state.comments.get(key_of(target), []), COMMENT)


# ---- the account's own fields, people (9)


def extra_fields(call: Call) -> Response:
    asked(call, "extraFields", LIST_KEYS)
    rows = list(call.state.own_fields.get(call.args["word"], {}).values())
    return ok(rows, {"count": len(rows), "limit": 100, "hasMoreNext": False, "hasMorePrev": False})


def list_employees(call: Call) -> Response:
    """`GET /employee`: filters are ignored, the fired stand among the others."""
    call.literal.pop("filter", None)
    return page(call, call.state.table(EMPLOYEE).values(), EMPLOYEE)


def get_employee(call: Call) -> Response:
    return ok(whole(call, living(call, EMPLOYEE, call.args["key"]), asked(call, EMPLOYEE, CARD_KEYS)))


def current_user(call: Call) -> Response:
    return ok(whole(call, call.state.table(EMPLOYEE)[call.twin.bot], asked(call, EMPLOYEE, LIST_KEYS)))


def list_all(call: Call) -> Response:
    """Short lists of the account: programs, statuses, categories, channels."""
    return page(call, call.state.table(call.args["word"]).values(), call.args["word"])
