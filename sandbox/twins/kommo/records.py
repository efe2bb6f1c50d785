"""Leads, contacts, companies and their links (crm_kommo.md 4, 5, 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed, digits
from sandbox.twins.kommo.fields import PHONE, shown_values, values_of
from sandbox.twins.kommo.neutral import words_of
from sandbox.twins.kommo.state import (
    COMPANIES,
    CONTACTS,
    LEADS,
    LOST,
    NEUTRAL,
    WON,
    Row,
    State,
    ordinary_stages,
    record_row,
)
from sandbox.twins.kommo.wire import (
    Call,
    Check,
    Invalid,
    check_body,
    each,
    elements,
    hal,
    is_ids,
    is_int,
    is_list,
    is_name,
    is_number,
    is_object,
    is_text,
    is_time,
    known_user,
    listed,
    nothing,
    object_of,
    written,
)

COMMON: Mapping[str, Check] = {
    "name": is_name, "responsible_user_id": is_int, "created_by": is_int, "updated_by": is_int, "created_at": is_time,
    "updated_at": is_time, "request_id": is_text, "custom_fields_values": is_list, "tags_to_add": is_list,
    "_embedded": is_object,
}  # fmt: skip
ALLOWED: Mapping[str, Mapping[str, Check]] = {
    CONTACTS: {**COMMON, "first_name": is_name, "last_name": is_name},
    COMPANIES: COMMON,
    LEADS: {**COMMON, "price": is_number, "status_id": is_int, "pipeline_id": is_int, "closed_at": is_time,
            "loss_reason_id": is_int, "visitor_uid": is_text},
}  # fmt: skip
ON_CHANGE: Mapping[str, Check] = {"id": is_int, "tags_to_delete": is_list}
EMBEDDED: Mapping[str, Mapping[str, Check]] = {
    CONTACTS: {"tags": is_list, "companies": is_ids},
    COMPANIES: {"tags": is_list},
    LEADS: {"tags": is_list, "contacts": is_ids, "companies": is_ids},
}
PLAIN = ("responsible_user_id", "created_by", "updated_by", "created_at", "updated_at", "price", "loss_reason_id", "closed_at")


# ---- how a row is shown


def shown(call: Call, word: str, row: Row) -> Row:
    """A record as an answer has it: embedded leads and contacts by id alone, and only when `with` asks (5)."""
    inside: Row = {"tags": row["tags"]}
    if word != COMPANIES:
        inside["companies"] = [{"id": row["company"]}] if row["company"] else []
    if word != LEADS and call.asked("leads"):
        inside["leads"] = [{"id": lead["id"]} for lead in call.state.leads_of(word, row["id"])]
    if word == LEADS and call.asked("contacts"):
        inside["contacts"] = [{"id": key, "is_main": place == 0} for place, key in enumerate(row["contacts"])]
    if word == COMPANIES and call.asked("contacts"):
        inside["contacts"] = [{"id": contact["id"]} for contact in call.state.contacts_of(row["id"])]
    own = {name: value for name, value in row.items() if name not in ("custom", "tags", "company", "contacts")}
    links = {"self": {"href": f"https://{call.twin.account.subdomain}.{call.twin.account.zone}/api/v4/{word}/{row['id']}"}}
    return {**own, "custom_fields_values": shown_values(call.state, word, row), "_links": links, "_embedded": inside}


# ---- lists (5)


def list_rows(call: Call) -> Response:
    """`GET /{leads|contacts|companies}` with `query`, filters by id, owner and times, and an order."""
    found = list(call.state.records[call.word].values())
    if call.query("query"):
        found = [row for row in found if _visible(call, row) and matches(call, row, call.query("query"))]
    found = ordered(call, _filtered(call, found))
    return listed(call, call.word, [shown(call, call.word, row) for row in found])


def _visible(call: Call, row: Row) -> bool:
    """Whether the search's index has the row already; lists and gets do not wait for it."""
    return call.twin.searchable(call.state.indexed[call.word, row["id"]])


def matches(call: Call, row: Row, text: str) -> bool:
    """`query` looks into all filled fields: texts within texts, and in numbers the digits alone where the account is so (5)."""
    state, sought = call.state, text.strip().lower()
    fields = state.fields[call.word]
    if sought in str(row["name"]).lower():
        return True
    for key, entries in row["custom"].items():
        for value in (str(entry["value"]) for entry in entries):
            is_number_field = fields[key]["code"] == PHONE and call.twin.account.search_ignores_punctuation
            if sought in value.lower() or (
                is_number_field and digits(text) == text.lstrip("+") and digits(text) in digits(value)
            ):
                return True
    return False


def _filtered(call: Call, rows: list[Row]) -> list[Row]:
    if any(name.startswith("filter[custom_fields_values]") for name in call.request.args) and not call.twin.account.api_filter:
        raise Refused(403, "Filtering by custom fields is not available for this account")
    for column in ("id", "responsible_user_id", "pipeline_id"):
        wanted = call.several(f"filter[{column}]")
        rows = [row for row in rows if not wanted or str(row.get(column)) in wanted]
    for column in ("created_at", "updated_at"):
        first, last = (_seconds(call, f"filter[{column}][{end}]") for end in ("from", "to"))
        rows = [row for row in rows if (first is None or row[column] >= first) and (last is None or row[column] <= last)]
    status = call.query("filter[statuses][0][status_id]"), call.query("filter[statuses][0][pipeline_id]")
    return [row for row in rows if not any(status) or (str(row["status_id"]), str(row["pipeline_id"])) == status]


def _seconds(call: Call, name: str) -> int | None:
    given = call.query(name)
    if given and not given.isdigit():
        raise Refused(400, f"{name} must be Unix seconds")
    return int(given) if given else None


def ordered(call: Call, rows: list[Row]) -> list[Row]:
    """By `order[id]`, `order[created_at]` or `order[updated_at]`, asc or desc; else by id."""
    for column in ("id", "created_at", "updated_at"):
        way = call.query(f"order[{column}]")
        if way not in ("", "asc", "desc"):
            raise Refused(400, f"order[{column}] must be asc or desc")
        if way:
            return sorted(rows, key=lambda row: (row[column], row["id"]), reverse=way == "desc")
    return sorted(rows, key=lambda row: int(row["id"]))


def get_row(call: Call) -> Response:
    """204 for one that is not there (3)."""
    row = call.state.records[call.word].get(call.args["key"])
    return nothing() if row is None else hal(shown(call, call.word, row))


# ---- what a body asks for


@dataclass(frozen=True, slots=True)
class Wanted:
    """A checked element: its body, its custom values, and for leads its place."""

    body: Row
    custom: dict[int, list[Row]]
    pipeline: int | None = None
    status: int | None = None


def checked(call: Call, word: str, body: Row, *, allowed: Mapping[str, Check], current: Row | None = None) -> Wanted:
    """Raises Invalid for names, types, users, stages, fields and linked records that do not fit."""
    check_body(body, allowed)
    inside = body.get("_embedded") or {}
    check_body(inside, EMBEDDED[word])
    for name in ("responsible_user_id", "created_by", "updated_by"):
        known_user(call, body.get(name), name)
    for name in (CONTACTS, COMPANIES):
        for item in inside.get(name) or ():
            if item["id"] not in call.state.records[name]:
                raise Invalid(f"_embedded.{name}.0.id")
    if len(inside.get(COMPANIES) or ()) > 1:
        raise Invalid("_embedded.companies", "At most one company is allowed.", "TooMany")
    custom = values_of(call, word, body.get("custom_fields_values"))
    pipeline, status = placed(call.state, body, current) if word == LEADS else (None, None)
    return Wanted(body, custom, pipeline, status)


def placed(state: State, body: Mapping[str, Any], current: Row | None = None) -> tuple[int, int]:
    """Pipeline and stage: without a pipeline the main one, without a stage the first ordinary one (6)."""
    pipeline, status = body.get("pipeline_id"), body.get("status_id")
    if pipeline is None and status not in (None, WON, LOST):
        pipeline = next((key for key, rows in state.statuses.items() if status in [row["id"] for row in rows]), None)
    if pipeline is None:
        pipeline = current["pipeline_id"] if current else next(iter(state.pipelines))
    if pipeline not in state.pipelines:
        raise Invalid("pipeline_id")
    if status is not None and status not in [row["id"] for row in state.statuses[pipeline]]:
        raise Invalid("status_id")
    stays = current is not None and current["pipeline_id"] == pipeline
    chosen = status or (current["status_id"] if stays and current else ordinary_stages(state, pipeline)[0])
    return pipeline, chosen


def apply(call: Call, word: str, row: Row, wanted: Wanted) -> None:
    """Put the body into the row. A field that is sent is replaced whole, the others stay (6)."""
    body, inside = wanted.body, wanted.body.get("_embedded") or {}
    row.update({name: body[name] for name in PLAIN if body.get(name) is not None})
    row["custom"].update(wanted.custom)
    if word == LEADS:
        row |= {"pipeline_id": wanted.pipeline, "status_id": wanted.status}
        row["closed_at"] = call.state.now() if wanted.status in (WON, LOST) else None
    _name(word, row, body)
    _tags(call.state, row, body, inside)
    if inside.get(COMPANIES):
        row["company"] = inside[COMPANIES][0]["id"]
    if inside.get(CONTACTS):
        row["contacts"] = [item["id"] for item in sorted(inside[CONTACTS], key=lambda item: not item.get("is_main"))]


def _name(word: str, row: Row, body: Row) -> None:
    """A contact's name has two parts; what is sent as `name` is kept as it is."""
    if word == CONTACTS and ("first_name" in body or "last_name" in body):
        row.update({part: body.get(part) or row[part] for part in ("first_name", "last_name")})
        row["name"] = f"{row['first_name']} {row['last_name']}".strip()
    if body.get("name"):
        row["name"] = body["name"]


def _tags(state: State, row: Row, body: Row, inside: Row) -> None:
    if "tags" in inside:
        row["tags"] = []
    names = [tag["name"] for tag in (*(inside.get("tags") or ()), *(body.get("tags_to_add") or ())) if "name" in tag]
    gone = [tag.get("name") for tag in body.get("tags_to_delete") or ()]
    row["tags"] = [tag for tag in row["tags"] if tag["name"] not in (*gone, *names)] + [state.tag(name) for name in names]


# ---- writes (6)


def create_rows(call: Call) -> Response:
    """`POST /{leads|contacts|companies}`: an array. No field is required."""
    items = elements(call)
    wanted = each(items, lambda item: checked(call, call.word, item, allowed=ALLOWED[call.word]))
    made = [create(call, call.word, one) for one in wanted]
    return written(call, call.word, [_told(row, item) for row, item in zip(made, items, strict=True)])


def create(call: Call, word: str, wanted: Wanted) -> Row:
    """One new record; its owner is the token's user unless named."""
    row = record_row(call.state, word, "", call.user["id"], call.user["id"])
    apply(call, word, row, wanted)
    row["name"] = row["name"] or f"{word[:-1].title()} #{row['id']}"
    call.state.add(word, row)
    call.twin.wrote("create", NEUTRAL[word], row["id"], words_of(call.state, word, row))
    return row


def _told(row: Row, item: Row) -> Row:
    return {"id": row["id"], "request_id": item["request_id"]}


def update_row(call: Call) -> Response:
    """`PATCH /{…}/{id}`: an object; 404 for one that is not there (3)."""
    row = row_of(call, call.word, call.args["key"])
    body = object_of(call)
    _change(call, row, _checked_change(call, row, body))
    return hal({"id": row["id"], "updated_at": row["updated_at"], "_links": {"self": {"href": call.request.path}}})


def update_rows(call: Call) -> Response:
    """`PATCH /{…}`: an array of objects with `id`."""
    items = elements(call)
    pairs = each(items, lambda item: _pair(call, item))
    for row, wanted in pairs:
        _change(call, row, wanted)
    rows = [{**_told(row, item), "updated_at": row["updated_at"]} for (row, _), item in zip(pairs, items, strict=True)]
    return written(call, call.word, rows)


def _pair(call: Call, item: Row) -> tuple[Row, Wanted]:
    row = call.state.records[call.word].get(item.get("id") or 0)
    if row is None:
        raise Invalid("id", "Entity not found.", "NotFound")
    return row, _checked_change(call, row, item)


def _checked_change(call: Call, row: Row, body: Row) -> Wanted:
    return checked(call, call.word, body, allowed={**ALLOWED[call.word], **ON_CHANGE}, current=row)


def _change(call: Call, row: Row, wanted: Wanted) -> None:
    change(call, call.word, row, lambda: apply(call, call.word, row, wanted))


def change(call: Call, word: str, row: Row, work: Callable[[], None]) -> None:
    """Do something to a row and put what differs into the ledger."""
    before = words_of(call.state, word, row)
    call.state.touch(row, call.user["id"])
    work()
    news = changed(before, words_of(call.state, word, row))
    call.twin.wrote("update", NEUTRAL[word], row["id"], news)


def row_of(call: Call, word: str, key: Any) -> Row:
    row = call.state.records[word].get(key)
    if row is None:
        raise Refused(404, "Entity not found")
    return row


# ---- links (6)


def link(call: Call) -> Response:
    """`POST /{…}/{id}/link`: an array of `to_entity_id`, `to_entity_type`, `metadata.is_main`."""
    row = row_of(call, call.word, call.args["key"])
    items = elements(call)
    each(items, lambda item: _check_link(call, item))
    for item in items:
        join(call, (call.word, row), (item["to_entity_type"], call.state.records[item["to_entity_type"]][item["to_entity_id"]]))
    links = [{"entity_id": row["id"], "entity_type": call.word, "to_entity_id": item["to_entity_id"],
              "to_entity_type": item["to_entity_type"], "metadata": None} for item in items]  # fmt: skip
    return hal({"_total_items": len(links), "_links": {}, "_embedded": {"links": links}})


def _check_link(call: Call, item: Row) -> None:
    check_body(item, {"request_id": is_text, "to_entity_id": is_int, "to_entity_type": is_text, "metadata": is_object},
               ("to_entity_id", "to_entity_type"))  # fmt: skip
    word = item["to_entity_type"]
    if word not in call.state.records or word == call.word:
        raise Invalid("to_entity_type")
    if item["to_entity_id"] not in call.state.records[word]:
        raise Invalid("to_entity_id", "Entity not found.", "NotFound")


def join(call: Call, one: tuple[str, Row], other: tuple[str, Row]) -> None:
    """Link two records: a lead to a company or a contact, a contact to a company. The link stands in the first of these."""
    order = (LEADS, CONTACTS, COMPANIES)
    (word, row), (other_word, target) = sorted((one, other), key=lambda side: order.index(side[0]))
    if other_word == COMPANIES:
        change(call, word, row, lambda: row.update(company=target["id"]))
    elif target["id"] not in row["contacts"]:
        change(call, word, row, lambda: row["contacts"].append(target["id"]))


def list_links(call: Call) -> Response:
    """`GET /{…}/{id}/links`."""
    row = row_of(call, call.word, call.args["key"])
    pairs = [(CONTACTS, key) for key in row["contacts"]] + ([(COMPANIES, row["company"])] if row["company"] else [])
    pairs += [(LEADS, lead["id"]) for lead in call.state.leads_of(call.word, row["id"])] if call.word != LEADS else []
    return listed(call, "links", [{"to_entity_id": key, "to_entity_type": word, "metadata": None} for word, key in pairs])
