"""Customers and orders: look-up, creation, change (crm_retailcrm.md 5, 6.2, 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import changed, digits
from sandbox.twins.retailcrm.fields import SOURCE, checked_values
from sandbox.twins.retailcrm.neutral import comment_words, words_of
from sandbox.twins.retailcrm.state import CUSTOMER, NEUTRAL, ORDER, Row, customer_row, full_name, numbers_of, order_row
from sandbox.twins.retailcrm.wire import (
    Call,
    Filter,
    Malformed,
    check_names,
    check_texts,
    check_user,
    created_within,
    entity,
    filter_of,
    newest_first,
    ok,
    page,
    row_of,
    shown,
    site_of,
)

CUSTOMER_FILTERS = ("name", "email", "ids", "externalIds", "managers", "sites", "dateFrom", "dateTo", "customFields")
ORDER_FILTERS = (
    "customer", "customerId", "ids", "externalIds", "numbers", "managers", "sites", "extendedStatus", "createdAtFrom",
    "createdAtTo", "customFields", "orderMethods",
)  # fmt: skip
NAMES = ("firstName", "lastName", "patronymic")
SHORT = (*NAMES, "email", "externalId", "phone", "additionalPhone")
COMMENTS = ("customerComment", "managerComment")
ALLOWED: Mapping[str, frozenset[str]] = {
    CUSTOMER: frozenset((*NAMES, "externalId", "email", "phones", "managerId", "source", "customFields", "addTags")),
    ORDER: frozenset(
        (*NAMES, *COMMENTS, "externalId", "number", "email", "phone", "additionalPhone", "managerId", "status", "orderMethod",
         "orderType", "customer", "source", "customFields", "items")
    ),
}  # fmt: skip
PLURALS = {CUSTOMER: "customers", ORDER: "orders"}


# ---- look-up (6.2)


def list_customers(call: Call) -> Response:
    """`GET /customers`; `filter[name]` is a name or a number, and only that goes through the search index."""
    chosen = filter_of(call, CUSTOMER_FILTERS)
    rows = [row for row in _chosen(call, CUSTOMER, chosen) if _in_search(call, CUSTOMER, row, chosen.one("name"), _is_like)]
    return page(call, "customers", newest_first(created_within(rows, chosen, "dateFrom", "dateTo")))


def list_orders(call: Call) -> Response:
    """`GET /orders`; `filter[customer]` is a name or a number of the order or of its customer."""
    chosen = filter_of(call, ORDER_FILTERS)
    rows = [row for row in _chosen(call, ORDER, chosen) if _in_search(call, ORDER, row, chosen.one("customer"), _is_of)]
    rows = [row for row in rows if _is_chosen_order(call, row, chosen)]
    return page(call, "orders", [answered(call, ORDER, row) for row in newest_first(created_within(rows, chosen))])


def _chosen(call: Call, word: str, chosen: Filter) -> list[Row]:
    custom = chosen.custom()
    return [
        row for row in call.state.table(word).values()
        if chosen.among("ids", row["id"]) and chosen.among("externalIds", row.get("externalId"))
        and chosen.among("managers", row.get("managerId")) and chosen.among("sites", row["site"])
        and all(str(row["customFields"].get(code)) == value for code, value in custom.items())
    ]  # fmt: skip


def _is_chosen_order(call: Call, row: Row, chosen: Filter) -> bool:
    customer = row.get("customer") or {}
    wanted = chosen.values.get("extendedStatus")
    fits = wanted is None or row["status"] in wanted or call.account.group_of(row["status"]) in wanted
    return fits and chosen.among("customerId", customer.get("id")) and chosen.among("numbers", row["number"])


def _in_search(call: Call, word: str, row: Row, term: str, matches: Any) -> bool:
    if not term:
        return True
    return call.twin.searchable(call.state.indexed[word, row["id"]]) and matches(call, row, term)


def _is_of(call: Call, order: Row, term: str) -> bool:
    customer = call.state.customers.get((order.get("customer") or {}).get("id", 0))
    return _is_like(call, order, term) or (customer is not None and _is_like(call, customer, term))


def _is_like(call: Call, row: Row, term: str) -> bool:
    """A part of the name, or of a number: by its digits, or letter by letter where the account is set up so (17)."""
    if term.casefold() in full_name(row).casefold():
        return True
    if not call.account.search_normalises:
        return any(term in number for number in numbers_of(row))
    wanted = digits(term)
    return len(wanted) > 2 and any(wanted in digits(number) for number in numbers_of(row))


# ---- reading one


def get_record(call: Call) -> Response:
    word = call.args["word"]
    return ok(**{word: answered(call, word, row_of(call, call.state.table(word)))})


def answered(call: Call, word: str, row: Row) -> Row:
    """A row as it is answered; an order holds its whole customer."""
    if word == CUSTOMER or not row.get("customer"):
        return shown(row)
    known: Row = row["customer"]
    customer = shown(call.state.customers.get(known["id"], known))
    return shown({**row, "customer": customer, "contact": customer})


# ---- writing (7)


def create_record(call: Call) -> Response:
    """`POST /customers/create`, `POST /orders/create`: 201; the externalId is unique in its shop (13)."""
    word, site = call.args["word"], site_of(call)
    body = _object(call, word)
    _check(call, word, body)
    _check_unique(call, word, body, site)
    row = customer_row(call.state, site) if word == CUSTOMER else order_row(call.state, site, first_status(call))
    _apply(call, word, row, body)
    if word == ORDER:
        _join_customer(call, row, body, site)
    call.state.add(word, row)
    call.twin.wrote("create", NEUTRAL[word], row["id"], _words(call, word, row))
    return ok(201, id=row["id"], **({} if word == CUSTOMER else {"order": answered(call, word, row)}))


def first_status(call: Call) -> str:
    return call.account.statuses[0]


def edit_record(call: Call) -> Response:
    """`POST /customers/{key}/edit`, `POST /orders/{key}/edit` with `by` and `site` (1, 7)."""
    word, site = call.args["word"], site_of(call)
    row = row_of(call, call.state.table(word))
    body = _object(call, word)
    _check(call, word, body)
    _check_unique(call, word, body, site, row)
    before, comment = _words(call, word, row), row.get("managerComment", "")
    _apply(call, word, row, body)
    if word == ORDER and "customer" in body:
        _join_customer(call, row, body, site)
    _tell_edit(call, word, row, before, comment)
    if word == CUSTOMER:
        return ok(id=row["id"], state="updated")
    return ok(id=row["id"], order=answered(call, word, row))


def _tell_edit(call: Call, word: str, row: Row, before: Row, comment: str) -> None:
    """A changed manager's comment is a note, because orders have no others (8)."""
    news = changed(before, _words(call, word, row))
    if row.get("managerComment", "") != comment:
        call.twin.wrote("note", "note", row["id"], comment_words(row, call.twin.marker_in_text))
        if not news:
            return
    call.twin.wrote("update", NEUTRAL[word], row["id"], news)


def _words(call: Call, word: str, row: Row) -> dict[str, Any]:
    return words_of(call.state, call.account, word, row)


def _object(call: Call, word: str) -> Row:
    body = entity(call, word)
    if not isinstance(body, dict):
        raise Malformed({}, f"Parameter '{word}' must be an object")
    return body


def _check(call: Call, word: str, body: Row) -> None:
    check_names(body, ALLOWED[word])
    check_texts(body, SHORT, COMMENTS)
    check_user(call, body, "managerId")
    for name, known in (("status", call.account.statuses), ("orderMethod", call.account.order_methods),
                        ("orderType", call.account.order_types)):  # fmt: skip
        if name in body and body[name] not in known:
            raise Malformed({name: "The value you selected is not a valid choice."})
    _check_phones(body.get("phones", []))
    source = body.get("source", {})
    if not isinstance(source, dict) or set(source) - set(SOURCE):
        raise Malformed({"source": "This value is not valid."})


def _check_phones(phones: Any) -> None:
    if not isinstance(phones, list) or not all(
        isinstance(entry, dict) and set(entry) == {"number"} and isinstance(entry["number"], str) for entry in phones
    ):
        raise Malformed({"phones": "This value is not valid."})


def _check_unique(call: Call, word: str, body: Row, site: str, own: Row | None = None) -> None:
    key = body.get("externalId")
    rows = call.state.table(word).values()
    if key and any(row is not own and row["site"] == site and row.get("externalId") == key for row in rows):
        title = word.capitalize()
        raise Malformed({"externalId": f"{title} with externalId={key} already exists"}, f"{title} is not loaded")


def _apply(call: Call, word: str, row: Row, body: Row) -> None:
    """Put the body into the row; custom fields are merged, phones replaced or merged (17)."""
    values = checked_values(call.state, word, body.get("customFields", {}))
    special = {"customFields", "customer", "addTags", "phones", "items", "source"}
    row.update({name: value for name, value in body.items() if name not in special and value not in (None, "")})
    row["customFields"].update(values)
    if body.get("source"):
        row["source"] = {**row.get("source", {}), **body["source"]}
    if "phones" in body:
        kept = row["phones"] if call.account.phones_are_merged else []
        row["phones"] = [*kept, *(dict(entry) for entry in body["phones"] if entry not in kept)]
    if "tags" in row:
        row["tags"] = list(dict.fromkeys((*row["tags"], *body.get("addTags", ()))))
    if "status" in body:
        row["statusUpdatedAt"] = call.state.now()


# ---- whose order it is


def _join_customer(call: Call, order: Row, body: Row, site: str) -> None:
    """The customer by id or externalId, a whole new one, or, without any, the one with the same number (7)."""
    given = body.get("customer")
    if given is None:
        customer = _own_customer(call, order, site)
    elif not isinstance(given, dict):
        raise Malformed({"customer": "This value is not valid."}, "Order is not loaded")
    else:
        customer = _given_customer(call, given, site)
    if customer is not None:
        order["customer"] = {"type": "customer", "id": customer["id"], "site": customer["site"]}
        customer["ordersCount"] += 1


def _given_customer(call: Call, given: Row, site: str) -> Row:
    for name in ("id", "externalId"):
        if name in given:
            found = next((row for row in call.state.customers.values() if row.get(name) == given[name]), None)
            if found is not None:
                return found
            if set(given) <= {"id", "externalId", "type", "site"}:
                words = f"Customer with {name}={given[name]} not found."
                raise Malformed({f"customer.{name}": words}, "Order is not loaded")
    _check(call, CUSTOMER, given)
    row = customer_row(call.state, site)
    _apply(call, CUSTOMER, row, given)
    call.state.add(CUSTOMER, row)
    call.twin.wrote("create", NEUTRAL[CUSTOMER], row["id"], _words(call, CUSTOMER, row))
    return row


def _own_customer(call: Call, order: Row, site: str) -> Row | None:
    """What the system does by itself, which is no write of ours."""
    if not call.account.orders_find_customer:
        return None
    numbers = {digits(number) for number in numbers_of(order)}
    for row in call.state.customers.values():
        if numbers & {digits(number) for number in numbers_of(row)}:
            return row
    row = customer_row(call.state, site)
    row |= {name: order[name] for name in NAMES if order.get(name)}
    row["phones"] = [{"number": number} for number in numbers_of(order)]
    return call.state.add(CUSTOMER, row)
