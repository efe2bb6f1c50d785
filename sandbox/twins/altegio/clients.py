"""Clients: search, the deprecated list, the chain's, creation, change, removal (crm_altegio.md 4, 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.altegio.fields import custom_values
from sandbox.twins.altegio.neutral import client_words
from sandbox.twins.altegio.state import Row, State, client_row
from sandbox.twins.altegio.wire import Call, body_of, invalid, not_found, ok, paged, whole
from sandbox.twins.base import Refused, changed, digits

FILTERS = frozenset({
    "id", "quick_search", "sold_amount", "importance", "has_mobile_app", "category", "has_passteam_card", "passteam_card_ids",
    "birthday", "gender", "record", "client", "sale",
})  # fmt: skip
NEVER_IN_SEARCH = frozenset({"custom_fields", "card", "note", "comment"})
"""Asked for or not, the search does not tell these (4)."""
ORDERS = ("id", "name", "phone", "email", "discount", "first_visit_date", "last_visit_date", "sold_amount", "visit_count")
TEXTS = ("surname", "patronymic", "email", "card", "birth_date", "comment")
NUMBERS = ("sex_id", "importance_id", "discount", "spent", "balance", "sms_check", "sms_not")
WRITABLE = frozenset({"name", "phone", "middle_name", "gender_id", "categories", "labels", "custom_fields", *TEXTS, *NUMBERS})
EXISTS = "The client with the specified phone number already exists in the database"


# ---- look-up (4)


def search(call: Call) -> Response:
    """`POST /company/{id}/clients/search`: only the fields that are asked for."""
    body: Row = body_of(call)
    page, size = whole(body.get("page"), 1, 100_000, "page"), whole(body.get("page_size"), 25, 200, "page_size")
    order = body.get("order_by", "id")
    if order not in ORDERS:
        raise invalid("order_by", "order_by is not allowed")
    rows = [row for row in visible(call) if _fits(row, body)]
    down = str(body.get("order_by_direction", "DESC")).upper() == "DESC"
    rows.sort(key=lambda row: (str(row.get(order) or ""), row["id"]) if order != "id" else ("", row["id"]), reverse=down)
    names = [name for name in body.get("fields") or ("id", "name", "phone", "email") if name not in NEVER_IN_SEARCH]
    shown = [_searched(call, row, names) for row in rows[(page - 1) * size : page * size]]
    return ok(shown, {"total_count": len(rows)})


def visible(call: Call) -> list[Row]:
    """The clients that the vendor's search shows by now."""
    return [row for key, row in call.state.clients.items() if call.twin.searchable(call.state.created[key])]


def _fits(row: Row, body: Row) -> bool:
    """Whether a client passes the filters, all of them (AND) or any (OR)."""
    filters = body.get("filters") or []
    passed = [_passes(row, item) for item in filters]
    return (any(passed) if body.get("operation") == "OR" else all(passed)) if filters else True


def _passes(row: Row, item: Any) -> bool:
    if not isinstance(item, dict) or item.get("type") not in FILTERS or not isinstance(item.get("state"), dict):
        raise invalid("filters", "filter is not allowed")
    if item["type"] == "id":
        return row["id"] in (item["state"].get("value") or [])
    if item["type"] != "quick_search":
        raise Refused(400, f"the twin has no filter {item['type']}")
    value = item["state"].get("value")
    if not isinstance(value, str):
        raise invalid("filters", "value must be text")
    return quick(row, value)


def quick(row: Row, value: str) -> bool:
    """The box of the UI: a part of the name, number, e-mail or card; of numbers only digits count (4)."""
    wanted = value.strip().lower()
    texts = (row["name"], row["surname"], row["email"], row["card"])
    is_number = re.fullmatch(r"\+?[\d\s().-]+", wanted) is not None and digits(wanted) != ""
    return any(wanted in text.lower() for text in texts) or (is_number and digits(wanted) in digits(row["phone"]))


def _searched(call: Call, row: Row, names: list[str]) -> Row:
    """A row of the search: the number as text. Whoever lacks the right gets none."""
    told = {"id": row["id"], **{name: row.get(name) for name in names}}
    if "phone" in told and "phones" not in call.account.rights:
        told["phone"] = ""
    if "last_visit_date" in names:
        told["last_visit_date"] = ""
    return told


def listed(call: Call) -> Response:
    """`GET /clients/{id}`, deprecated: whole clients by a part of the number, name or e-mail."""
    wanted, name, email = digits(call.query("phone")), call.query("fullname").lower(), call.query("email").lower()
    rows = [
        row
        for row in visible(call)
        if wanted in digits(row["phone"]) and name in row["name"].lower() and email in row["email"].lower()
    ]
    return paged(call, [told_whole(call, row) for row in rows])


def of_chain(call: Call) -> Response:
    """`GET /group/{id}/clients/?phone=`: one entry a location, 404 for nobody."""
    row = call.state.with_phone(call.query("phone"))
    if call.args["group_id"] != call.account.group_id or row is None:
        raise not_found("Client")
    entry = {"id": row["id"], "company_id": call.account.location_id, "name": row["name"], "email": row["email"]}
    return ok({"salon_group_id": call.account.group_id, "phone": call.query("phone"), "clients": [entry]})


def get_client(call: Call) -> Response:
    return ok(told_whole(call, client_of(call)))


def client_of(call: Call, name: str = "key") -> Row:
    """The client of the path; 404 when there is none (any more)."""
    row = call.state.clients.get(call.args[name])
    if row is None:
        raise not_found("Client")
    return row


def told_whole(call: Call, row: Row) -> Row:
    """A client as its card tells it: the number as an integer where it is one, no custom fields as a list (3)."""
    number = digits(row["phone"])
    usual = row["phone"].lstrip("+") == number and number and number[0] != "0"
    phone: Any = int(number) if usual else row["phone"]
    return {**row, "phone": phone if "phones" in call.account.rights else "", "custom_fields": row["custom_fields"] or []}


# ---- writing (5)


def create(call: Call) -> Response:
    return ok(told_whole(call, make(call, body_of(call))), status=201)


def create_many(call: Call) -> Response:
    """`POST /clients/{id}/bulk`: refusals stand beside what was created."""
    made: list[Row] = []
    errors: list[Row] = []
    for item in body_of(call, list):
        try:
            made.append(told_whole(call, make(call, item)))
        except Refused as refused:
            errors.append({"phone": item.get("phone", ""), "name": item.get("name", ""), "error": refused.words})
    return ok({"created": made, "errors": errors})


def make(call: Call, body: Row) -> Row:
    """A new client; a second one with the number is refused."""
    values = checked(call, body)
    if call.state.with_phone(values["phone"]) is not None:
        raise invalid("phone", EXISTS)
    row = client_row(call.state, values["name"], values["phone"])
    row |= values
    store(call.state, row)
    call.twin.wrote("create", "contact", row["id"], client_words(call.state, row, call.twin.marker_in_text))
    return row


def store(state: State, row: Row) -> None:
    state.clients[row["id"]] = row
    state.created[row["id"]] = state.clock()


def change(call: Call) -> Response:
    """`PUT /client/{id}/{key}`: name and number again; the rest is kept or cleared, as the account is set up."""
    row = client_of(call)
    values = checked(call, body_of(call))
    other = call.state.with_phone(values["phone"])
    if other is not None and other["id"] != row["id"]:
        raise invalid("phone", EXISTS)
    if digits(values["phone"]) == digits(row["phone"]):
        values["phone"] = row["phone"]
    before = client_words(call.state, deepcopy(row), call.twin.marker_in_text)
    if not call.account.put_keeps_omitted:
        row |= {name: value for name, value in client_row(call.state, "", "").items() if name in WRITABLE}
    row |= {**values, "last_change_date": call.state.long_time()}
    after = client_words(call.state, row, call.twin.marker_in_text)
    call.twin.wrote("update", "contact", row["id"], changed(before, after))
    return ok(told_whole(call, row))


def remove(call: Call) -> Response:
    row = client_of(call)
    del call.state.clients[row["id"]]
    return Response(status=204)


def checked(call: Call, body: Any) -> Row:
    """The values of a body as they are stored; 422 for what is missing or wrong."""
    if not isinstance(body, dict):
        raise Refused(400, "Request body has a wrong shape")
    values: Row = {"name": _name(call, body.get("name")), "phone": _phone(body.get("phone"))}
    values |= {name: _text(call, name, body[name]) for name in TEXTS if name in body}
    values |= {name: _number(name, body[name]) for name in NUMBERS if name in body}
    if "middle_name" in body:
        values["patronymic"] = _text(call, "middle_name", body["middle_name"])
    for name in ("categories", "labels"):
        if name in body:
            values["categories"] = [_category(key) for key in body[name]]
    if "custom_fields" in body:
        values["custom_fields"] = custom_values(call.state, body["custom_fields"])
    return values


def _name(call: Call, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise invalid("name", "Client name not specified")
    if len(value) > call.account.name_length:
        raise invalid("name", "Client name is too long")
    return value


def _phone(value: Any) -> str:
    if not isinstance(value, str | int) or not re.fullmatch(r"\+?\d{9,15}", str(value)):
        raise invalid("phone", "Phone must contain 9 to 15 digits")
    return f"+{digits(str(value))}" if not str(value).startswith("0") else str(value)


def _text(call: Call, name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > call.account.text_length:
        raise invalid(name, f"{name} is not a text or too long")
    return value


def _number(name: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(name, f"{name} must be a number")
    return value


def _category(key: Any) -> Mapping[str, Any]:
    if not isinstance(key, int):
        raise invalid("categories", "categories must be ids")
    return {"id": key, "title": f"Category {key}", "color": "#ffffff"}
