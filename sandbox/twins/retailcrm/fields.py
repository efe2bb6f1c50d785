"""Custom fields, their dictionaries and the values they take (crm_retailcrm.md 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import neutral_fields
from sandbox.twins.retailcrm.state import Row, State
from sandbox.twins.retailcrm.wire import LONGEST, Call, Malformed, filter_of, not_found, ok, page

TYPES = ("boolean", "date", "dictionary", "email", "integer", "numeric", "string", "text")
SOURCE = {
    "source": "utm_source",
    "medium": "utm_medium",
    "campaign": "utm_campaign",
    "keyword": "utm_term",
    "content": "utm_content",
}
"""The vendor's own place for the visit's data; utm_term is called keyword (7)."""


def field_row(state: State, entity: str, name: str, field_type: str, options: Sequence[str] = ()) -> Row:
    """A custom field of customers or orders; options become a dictionary of their own."""
    code = _free_code(state, entity, re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "field")
    row: Row = {
        "name": name, "code": code, "required": False, "inFilter": True, "inList": True, "inGroupActions": False,
        "type": field_type, "entity": entity, "ordering": 50, "displayArea": "customer", "viewMode": "editable",
    }  # fmt: skip
    if options:
        row["dictionary"] = f"{entity}_{code}"
        elements = [{"name": label, "code": f"{code}-{number}", "ordering": number} for number, label in enumerate(options, 1)]
        state.dictionaries[row["dictionary"]] = {"name": name, "code": row["dictionary"], "elements": elements}
    state.fields[entity, code] = row
    return row


def _free_code(state: State, entity: str, code: str) -> str:
    taken = state.custom_of(entity)
    return code if code not in taken else next(f"{code}_{n}" for n in range(2, 999) if f"{code}_{n}" not in taken)


def code_named(state: State, entity: str, name: str) -> str | None:
    """The code of the field of that name, with or without our prefix."""
    fields = state.custom_of(entity).items()
    return next((code for code, row in fields if row["name"].lower().removeprefix("patchcord_") == name), None)


# ---- values


def checked_values(state: State, entity: str, values: Any) -> dict[str, Any]:
    """The values as they are stored; 400 for an unknown code and for a value that the field cannot hold."""
    if values == []:
        return {}
    if not isinstance(values, dict):
        raise Malformed({"customFields": "This value is not valid."})
    fields = state.custom_of(entity)
    wrong = {
        f"customFields[{code}]": "This value is not valid."
        for code, value in values.items()
        if code not in fields or not _fits(state, fields[code], value)
    }
    if wrong:
        raise Malformed(wrong)
    return {code: _stored(fields[code], value) for code, value in values.items()}


def _fits(state: State, field: Row, value: Any) -> bool:
    kind = field["type"]
    if value is None:
        return True
    if kind == "dictionary":
        return value in [element["code"] for element in state.dictionaries[field["dictionary"]]["elements"]]
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "numeric"):
        return not isinstance(value, bool) and bool(re.fullmatch(r"-?\d+" if kind == "integer" else r"-?\d+(\.\d+)?", str(value)))
    if not isinstance(value, str):
        return False
    return _is_date(value) if kind == "date" else kind == "text" or len(value) <= LONGEST


def _is_date(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _stored(field: Row, value: Any) -> Any:
    """Numbers may be sent as texts; they are kept as numbers."""
    if value is None or field["type"] not in ("integer", "numeric"):
        return value
    return int(value) if field["type"] == "integer" else float(value)


# ---- neutral words


def neutral_values(state: State, entity: str, row: Row) -> dict[str, Any]:
    """`attribution`, `marker` and `fields` of a row: its own fields by name, the source, the externalId."""
    fields = state.custom_of(entity)
    named = {fields[code]["name"]: _label(state, fields[code], value) for code, value in row["customFields"].items()}
    words = neutral_fields(named)
    words["attribution"] = {**source_words(row.get("source") or {}), **words["attribution"]}
    words["marker"] = words["marker"] or row.get("externalId")
    return words


def _label(state: State, field: Row, value: Any) -> Any:
    if field["type"] != "dictionary":
        return value
    elements = state.dictionaries[field["dictionary"]]["elements"]
    return next((element["name"] for element in elements if element["code"] == value), value)


def source_words(source: Mapping[str, Any]) -> dict[str, Any]:
    return {parameter: source[name] for name, parameter in SOURCE.items() if source.get(name)}


# ---- the calls


def list_fields(call: Call) -> Response:
    """`GET /custom-fields` by entity, type, code and name."""
    chosen = filter_of(call, ("entity", "type", "code", "name", "viewMode", "displayArea"))
    rows = [
        row for row in call.state.fields.values()
        if all(chosen.among(name, row[name]) for name in ("entity", "type", "code", "name"))
    ]  # fmt: skip
    return page(call, "customFields", rows)


def list_dictionaries(call: Call) -> Response:
    chosen = filter_of(call, ("code", "name"))
    rows = [row for row in call.state.dictionaries.values() if chosen.among("code", row["code"])]
    return page(call, "customDictionaries", rows)


def get_dictionary(call: Call) -> Response:
    row = call.state.dictionaries.get(call.args["key"])
    if row is None:
        raise not_found()
    return ok(customDictionary=row)
