"""Custom fields: their descriptions and the values they take (crm_pipedrive.md 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, neutral_fields
from sandbox.twins.pipedrive.state import DEAL, LEAD, ORGANIZATION, PERSON, Row, State
from sandbox.twins.pipedrive.wire import (
    LONGEST,
    Call,
    Check,
    bad,
    body_of,
    check_body,
    cut_v2,
    is_date,
    is_int,
    is_list,
    is_number,
    is_object,
    is_short,
    is_text,
    is_time,
    need,
    not_found,
    ok,
)

TYPES = ("varchar", "text", "double", "phone", "date", "daterange", "time", "timerange", "set", "enum", "varchar_auto", "address",
         "monetary", "org", "people", "user")  # fmt: skip
SEARCHABLE = ("address", "varchar", "text", "varchar_auto", "double", "monetary", "phone")
BUILT_IN = {
    DEAL: {"title": "varchar", "value": "monetary", "person_id": "people", "org_id": "org", "owner_id": "user",
           "status": "status", "channel_id": "varchar", "add_time": "date"},
    PERSON: {"name": "varchar", "phone": "phone", "email": "varchar", "org_id": "org", "owner_id": "user", "add_time": "date"},
    ORGANIZATION: {"name": "varchar", "address": "address", "owner_id": "user", "add_time": "date"},
}  # fmt: skip


def _varchar(value: Any) -> bool:
    return is_text(value) and len(value) <= LONGEST


def _text(value: Any) -> bool:
    return is_text(value) and len(value) <= 65_000


def _options(value: Any) -> bool:
    return is_list(value) and all(is_object(option) and is_short(option.get("label")) for option in value)


CHECKS: Mapping[str, Check] = {
    "varchar": _varchar, "varchar_auto": _varchar, "phone": _varchar, "text": _text, "double": is_number, "date": is_date,
    "time": lambda value: is_object(value) or is_time(value), "enum": is_int, "set": is_list, "user": is_int, "org": is_int,
    "people": is_int,
}  # fmt: skip


def field_row(state: State, word: str, name: str, field_type: str, options: Sequence[str] = (), code: str = "") -> Row:
    """A field of persons, organizations or deals; without a `code` it is a custom one with a 40-hex code."""
    row: Row = {
        "field_name": name, "field_code": code or state.ids.hex(f"{word}-field"), "field_type": field_type,
        "options": [{"id": state.ids.number("option"), "label": label} for label in options] or None, "subfields": None,
        "is_custom_field": not code, "is_optional_response_field": False,
    }  # fmt: skip
    if word == DEAL:
        row["description"] = ""
    state.fields.setdefault(word, {})[row["field_code"]] = row
    return row


def add_built_in(state: State) -> None:
    for word, names in BUILT_IN.items():
        for code, field_type in names.items():
            field_row(state, word, code.removesuffix("_id").replace("_", " ").capitalize(), field_type, code=code)


def fields_of(state: State, word: str) -> dict[str, Row]:
    """The fields of a sort of record by code; leads have those of deals."""
    return state.fields[DEAL if word == LEAD else word]


def custom_of(state: State, word: str) -> dict[str, Row]:
    return {code: row for code, row in fields_of(state, word).items() if row["is_custom_field"]}


# ---- values


def check_values(call: Call, word: str, values: Mapping[str, Any]) -> None:
    """Raises 400 for an unknown key and for a value the field cannot hold."""
    fields = custom_of(call.state, word)
    for code, value in values.items():
        if code not in fields:
            raise bad(f"Validation failed: custom_fields: unknown field '{code}'")
        if value is not None and not _fits(fields[code], value):
            raise bad(f"Validation failed: custom_fields.{code}: has an invalid value")


def _fits(field: Row, value: Any) -> bool:
    if not CHECKS.get(field["field_type"], is_object)(value):
        return False
    known = {option["id"] for option in field["options"] or ()}
    if field["field_type"] == "enum":
        return value in known
    return field["field_type"] != "set" or (bool(value) and all(is_int(part) and part in known for part in value))


def check_required(call: Call, word: str, values: Mapping[str, Any]) -> None:
    """422 when the account demands a field (crm_pipedrive.md 4)."""
    for kind, code in call.twin.account.required:
        if kind == word and values.get(code) in (None, "", []):
            name = fields_of(call.state, word)[code]["field_name"]
            raise Refused(422, f"Required field '{name}' is missing", "ERR_UNPROCESSABLE")


def named_values(state: State, word: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Custom values by the name of their field, options by their label."""
    fields = custom_of(state, word)
    return {fields[code]["field_name"]: _label(fields[code], value) for code, value in values.items() if code in fields}


def _label(field: Row, value: Any) -> Any:
    labels = {option["id"]: option["label"] for option in field["options"] or ()}
    return labels.get(value, value) if labels and is_int(value) else value


def neutral_of(state: State, word: str, row: Row) -> dict[str, Any]:
    """`attribution`, `marker`, `fields` of a row."""
    return neutral_fields(named_values(state, word, row if word == LEAD else row["custom_fields"]))


def shown_custom(call: Call, word: str, row: Row) -> Row:
    """`custom_fields` as v2 answers them: all there are, or those the query names."""
    wanted = [code for code in call.query("custom_fields").split(",") if code]
    if len(wanted) > 15:
        raise bad("custom_fields: at most 15 keys")
    return {code: row["custom_fields"].get(code) for code in custom_of(call.state, word) if not wanted or code in wanted}


# ---- the calls


def list_fields(call: Call) -> Response:
    """`GET /api/v2/{deal,person,organization}Fields`."""
    rows, additional = cut_v2(call, list(fields_of(call.state, call.args["word"]).values()))
    return ok(rows, additional)


def get_field(call: Call) -> Response:
    row = fields_of(call.state, call.args["word"]).get(call.args["code"])
    if row is None:
        raise not_found("Field")
    return ok(row)


def create_field(call: Call) -> Response:
    """`POST /api/v2/dealFields` …: administrators, or apps with the scope (checked with the route)."""
    body = body_of(call)
    check_body(body, {"field_name": is_short, "field_type": lambda given: is_text(given) and given in TYPES, "options": _options,
                      "ui_visibility": is_object, "important_fields": is_object, "required_fields": is_object,
                      "description": is_text})  # fmt: skip
    need(body, "field_name", "field_type")
    if not call.app and not call.admin:
        raise Refused(403, "You do not have permissions to do this.")
    options = [str(option["label"]) for option in body.get("options") or ()]
    if body["field_type"] in ("enum", "set") and not options:
        raise bad("Validation failed: options: is required")
    return ok(field_row(call.state, call.args["word"], body["field_name"], body["field_type"], options))
