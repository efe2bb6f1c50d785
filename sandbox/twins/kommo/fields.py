"""Custom fields: their descriptions and the values they take (crm_kommo.md 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, neutral_fields
from sandbox.twins.kommo.state import COMPANIES, CONTACTS, LEADS, Row, State
from sandbox.twins.kommo.wire import (
    Call,
    Invalid,
    check_body,
    each,
    elements,
    hal,
    is_bool,
    is_int,
    is_list,
    is_number,
    is_object,
    is_text,
    listed,
    nothing,
    written,
)

PHONE, EMAIL = "PHONE", "EMAIL"
PHONE_KINDS = ("WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER")
EMAIL_KINDS = ("WORK", "PRIV", "OTHER")
TRACKING = ("UTM_SOURCE", "UTM_MEDIUM", "UTM_CAMPAIGN", "UTM_CONTENT", "UTM_TERM", "UTM_REFERRER", "REFERRER", "GCLIENTID")
BUILT_IN = {
    CONTACTS: (("Phone", "multitext", PHONE), ("Email", "multitext", EMAIL), ("Position", "text", "POSITION")),
    COMPANIES: (("Phone", "multitext", PHONE), ("Email", "multitext", EMAIL), ("Web", "url", "WEB"),
                ("Address", "textarea", "ADDRESS")),
    LEADS: (),
}  # fmt: skip
TYPES = ("text", "numeric", "checkbox", "select", "multiselect", "date", "url", "textarea", "radiobutton", "streetaddress",
         "smart_address", "birthday", "legal_entity", "date_time", "price", "category", "multitext", "tracking_data",
         "linked_entity", "chained_list", "monetary", "file")  # fmt: skip
CHOICES = ("select", "multiselect", "radiobutton")
LONGEST, MOST_FIELDS = 256, 40


def field_row(state: State, word: str, name: str, field_type: str, options: Sequence[str] = (), code: str | None = None) -> Row:
    """A field of leads, contacts or companies; `options` are the labels of a choice, or the kinds of a multitext."""
    enums = [
        {"id": state.new_id("enum"), "value": label, "sort": place, "code": label if field_type == "multitext" else None}
        for place, label in enumerate(options)
    ]
    row: Row = {
        "id": state.new_id("field"), "name": name, "type": field_type, "account_id": state.account_id, "code": code,
        "sort": len(state.fields[word]), "is_api_only": False, "enums": enums or None, "group_id": None,
        "required_statuses": [], "entity_type": word,
    }  # fmt: skip
    state.fields[word][row["id"]] = row
    return row


def add_built_in(state: State, *, tracking: bool) -> None:
    kinds = {PHONE: PHONE_KINDS, EMAIL: EMAIL_KINDS}
    for word, fields in BUILT_IN.items():
        for name, field_type, code in fields:
            field_row(state, word, name, field_type, kinds.get(code, ()), code)
    for code in TRACKING if tracking else ():
        field_row(state, LEADS, code.lower(), "tracking_data", code=code)


# ---- values that are sent


def values_of(call: Call, word: str, given: Any, path: str = "custom_fields_values") -> dict[int, list[Row]]:
    """What `custom_fields_values` asks for, by field id; 400 with its place for what does not fit."""
    if given is None:
        return {}
    if not is_list(given) or len(given) > MOST_FIELDS:
        raise Invalid(path, f"An array of at most {MOST_FIELDS} fields is expected.", "InvalidType")
    found: dict[int, list[Row]] = {}
    for place, item in enumerate(given):
        field = _field_named(call.state, word, item, f"{path}.{place}")
        found[field["id"]] = _entries(call, field, item.get("values"), f"{path}.{place}.values")
    return found


def _field_named(state: State, word: str, item: Any, path: str) -> Row:
    """By `field_id` or by `field_code`."""
    if not is_object(item) or set(item) not in ({"field_id", "values"}, {"field_code", "values"}):
        raise Invalid(path, "field_id or field_code, and values, are expected.", "InvalidType")
    column = "id" if "field_id" in item else "code"
    wanted = item.get("field_id", item.get("field_code"))
    for row in state.fields[word].values():
        if wanted is not None and row[column] == wanted and not is_bool(wanted):
            return row
    raise Invalid(f"{path}.field_{column}")


def _entries(call: Call, field: Row, given: Any, path: str) -> list[Row]:
    if given is None:
        return []
    if not is_list(given) or not given or not all(is_object(entry) for entry in given):
        raise Invalid(path, "An array of values is expected.", "InvalidType")
    if len(given) > 1 and field["type"] not in ("multitext", "multiselect"):
        raise Invalid(path, "This field takes one value.", "InvalidType")
    return [_entry(call, field, entry, f"{path}.{place}") for place, entry in enumerate(given)]


def _entry(call: Call, field: Row, entry: Row, path: str) -> Row:
    if field["type"] in CHOICES:
        return _choice(field, entry, path)
    if field["type"] == "multitext":
        return _multitext(field, entry, path)
    if not fits(field["type"], entry.get("value"), numbers_as_text=call.twin.account.numbers_as_text):
        raise Invalid(f"{path}.value", "This value is not valid.", "InvalidType")
    return {"value": entry["value"]}


def _choice(field: Row, entry: Row, path: str) -> Row:
    """By `enum_id`, or by the exact `value`."""
    for option in field["enums"] or ():
        if option["id"] == entry.get("enum_id") or ("enum_id" not in entry and option["value"] == entry.get("value")):
            return {"value": option["value"], "enum_id": option["id"], "enum_code": option["code"]}
    raise Invalid(f"{path}.{'enum_id' if 'enum_id' in entry else 'value'}")


def _multitext(field: Row, entry: Row, path: str) -> Row:
    """A number or an address with its kind; without one it is the first kind."""
    if not is_text(entry.get("value")) or len(entry["value"]) > LONGEST:
        raise Invalid(f"{path}.value", "This value is not valid.", "InvalidType")
    for option in field["enums"]:
        if entry.get("enum_id", option["id"]) == option["id"] and entry.get("enum_code", option["code"]) == option["code"]:
            return {"value": entry["value"], "enum_id": option["id"], "enum_code": option["code"]}
    raise Invalid(f"{path}.enum_code")


def fits(field_type: str, value: Any, *, numbers_as_text: bool) -> bool:
    """Whether a field of the type holds the value: short texts 256 characters, dates as Unix seconds or RFC 3339."""
    if field_type in ("text", "url", "tracking_data"):
        return is_text(value) and len(value) <= LONGEST
    if field_type in ("numeric", "price", "monetary"):
        texts = numbers_as_text and is_text(value) and bool(re.fullmatch(r"-?\d+(\.\d+)?", value))
        return is_number(value) or texts
    if field_type in ("date", "date_time", "birthday"):
        return is_int(value) or (is_text(value) and _is_moment(value))
    if field_type == "checkbox":
        return is_bool(value)
    return is_text(value) or is_object(value)


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


# ---- values that are stored


def shown_values(state: State, word: str, row: Row) -> list[Row] | None:
    """`custom_fields_values` as an answer has it; null when nothing is filled."""
    described = state.fields[word]
    shown = [
        {"field_id": key, "field_name": described[key]["name"], "field_code": described[key]["code"],
         "field_type": described[key]["type"], "values": entries}
        for key, entries in row["custom"].items() if entries
    ]  # fmt: skip
    return shown or None


def entries_with_code(state: State, word: str, row: Row, code: str) -> list[str]:
    """The numbers or addresses of a record."""
    fields = state.fields[word]
    return [entry["value"] for key, entries in row["custom"].items() if fields[key]["code"] == code for entry in entries]


def neutral_of(state: State, word: str, row: Row) -> dict[str, Any]:
    """`attribution`, `marker`, `fields` of a row: its own fields by name, without number and e-mail address."""
    fields = state.fields[word]
    named = {
        fields[key]["name"]: ", ".join(str(entry["value"]) for entry in entries) if len(entries) > 1 else entries[0]["value"]
        for key, entries in row["custom"].items()
        if entries and fields[key]["code"] not in (PHONE, EMAIL)
    }
    return neutral_fields(named)


# ---- the calls


def list_fields(call: Call) -> Response:
    """`GET /{leads|contacts|companies}/custom_fields`."""
    rows = list(call.state.fields[call.word].values())
    wanted = call.several("filter[type]")
    return listed(call, "custom_fields", [row for row in rows if not wanted or row["type"] in wanted])


def get_field(call: Call) -> Response:
    row = call.state.fields[call.word].get(call.args["key"])
    return nothing() if row is None else hal(row)


def create_fields(call: Call) -> Response:
    """`POST …/custom_fields`: an array, administrators only."""
    items = elements(call)
    allowed = {"name": is_text, "type": lambda given: given in TYPES, "code": is_text, "enums": is_list, "sort": is_int,
               "is_api_only": is_bool, "request_id": is_text}  # fmt: skip
    each(items, lambda item: check_body(item, allowed, ("name", "type")))
    rows = []
    for item in items:
        labels = [str(option.get("value")) for option in item.get("enums") or ()]
        if item["type"] in CHOICES and not labels:
            raise Refused(400, "enums are required")
        row = field_row(call.state, call.word, item["name"], item["type"], labels, item.get("code"))
        rows.append({**row, "request_id": item["request_id"]})
    return written(call, "custom_fields", rows)


def named_field(state: State, word: str, name: str) -> Mapping[str, Any]:
    """The field called so (or `patchcord_` and so), the newest first; made when the account has none."""
    for row in reversed(state.fields[word].values()):
        if row["name"].lower().removeprefix("patchcord_") == name.lower():
            return row
    return field_row(state, word, name, "text")
