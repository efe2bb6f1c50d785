"""The fields of the four objects: those every portal has, and its own (crm_bitrix24.md 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.twins.base import Refused
from sandbox.twins.bitrix24.state import COMPANY, CONTACT, DEAL, LEAD, WORDS, Row, State, flag, whole
from sandbox.twins.bitrix24.wire import Call, Result, as_list

LONGEST = 255
_COMMON = {
    "id": "integer!", "createdTime": "datetime!", "updatedTime": "datetime!", "createdBy": "user!", "updatedBy": "user!",
    "assignedById": "user", "opened": "boolean", "comments": "text", "observers": "user[]", "sourceId": "crm_status",
    "sourceDescription": "text", "originatorId": "string", "originId": "string", "utmSource": "string",
    "utmMedium": "string", "utmCampaign": "string", "utmContent": "string", "utmTerm": "string",
}  # fmt: skip
_MONEY = {"opportunity": "double", "currencyId": "crm_currency"}
_STAGED = {"stageId": "crm_status", "stageSemanticId": "string!", "contactId": "crm_contact", "contactIds": "crm_contact[]",
           "companyId": "crm_company"}  # fmt: skip
_PERSON = {"name": "string", "secondName": "string", "lastName": "string"}
NATIVE: Mapping[int, Mapping[str, str]] = {
    LEAD: {**_COMMON, **_MONEY, **_STAGED, **_PERSON, "title": "string", "fm": "crm_multifield[]"},
    DEAL: {**_COMMON, **_MONEY, **_STAGED, "title": "string", "categoryId": "crm_category", "closed": "boolean",
           "leadId": "crm_lead"},
    CONTACT: {**_COMMON, **_PERSON, "fm": "crm_multifield[]", "companyId": "crm_company", "companyIds": "crm_company[]",
              "leadId": "crm_lead", "originVersion": "string"},
    COMPANY: {**{name: kind for name, kind in _COMMON.items() if not name.startswith("source")}, "title": "string",
              "fm": "crm_multifield[]", "contactIds": "crm_contact[]", "leadId": "crm_lead"},
}  # fmt: skip
"""Types by name; `!` is read-only, `[]` is multiple."""
LONG_TEXTS = ("comments", "sourceDescription")
USER_TYPES = {"text": "string", "phone": "string", "number": "double", "date": "date", "option": "enumeration"}


def field_row(state: State, entity: int, label: str, kind: str, options: Sequence[str]) -> Row:
    """A field of the portal's own: `UF_CRM_…`, options with ids of their own."""
    code = f"UF_CRM_{1_700_000_000 + state.ids.number('field')}"
    row: Row = {"code": code, "label": label, "type": kind,
                "items": [{"ID": str(state.ids.number("option")), "VALUE": option} for option in options]}  # fmt: skip
    state.fields[entity][code] = row
    return row


def camel(code: str) -> str:
    """`UF_CRM_1700000000` as it is called without useOriginalUfNames."""
    return "ufCrm_" + code.removeprefix("UF_CRM_")


def original(entity: int, state: State, name: str) -> str:
    """The original name of a field of the portal's own, whichever of the two was given."""
    codes = {camel(code): code for code in state.fields[entity]}
    return codes.get(name, name)


def item_fields(call: Call) -> Result:
    """`crm.item.fields`."""
    entity = entity_of(call)
    fields = {name: _native_row(call, entity, name, kind) for name, kind in NATIVE[entity].items()}
    keep = flag(call.get("useOriginalUfNames"))
    own = {code if keep else camel(code): _own_row(call, entity, row) for code, row in call.state.fields[entity].items()}
    return Result({"fields": fields | own})


def entity_of(call: Call) -> int:
    entity = call.number("entityTypeId")
    if entity not in WORDS:
        raise Refused(400, "Smart process not found", "NOT_FOUND")
    return entity


def _native_row(call: Call, entity: int, name: str, kind: str) -> Row:
    row = _row(name, kind.strip("![]"), name, multiple="[]" in kind, read_only="!" in kind)
    return row | {"isRequired": (WORDS[entity], name) in call.twin.account.required}


def _own_row(call: Call, entity: int, own: Row) -> Row:
    row = _row(own["code"], own["type"], own["label"])
    row["isRequired"] = (WORDS[entity], own["code"]) in call.twin.account.required
    return row | ({"items": own["items"]} if own["items"] else {})


def _row(name: str, kind: str, title: str, *, multiple: bool = False, read_only: bool = False) -> Row:
    upper = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
    return {"type": kind, "isRequired": False, "isReadOnly": read_only, "isImmutable": False, "isMultiple": multiple,
            "isDynamic": name.startswith("UF_"), "title": title, "upperName": upper}  # fmt: skip


# ---- values that come in


def bad_value(name: str) -> Refused:
    return Refused(400, f"Invalid value of the field {name}", "CRM_FIELD_ERROR_VALUE_NOT_VALID")


def taken(call: Call, entity: int, given: Mapping[str, Any]) -> Row:
    """What of the given fields is stored, and as what: unknown and read-only ones are silently ignored (7)."""
    found: Row = {}
    for name, value in given.items():
        code = original(entity, call.state, name)
        if code in call.state.fields[entity]:
            found[code] = _own_value(call, call.state.fields[entity][code], value)
        elif not NATIVE[entity].get(name, "!").endswith("!") and name != "fm":
            found[name] = _native_value(call, name, NATIVE[entity][name], value)
    return found


def _own_value(call: Call, own: Row, value: Any) -> Any:
    if value in (None, ""):
        return None
    if own["type"] == "double":
        return _number(own["code"], value)
    if own["type"] == "enumeration":
        return _option(call, own, value)
    return str(value)


def _option(call: Call, own: Row, value: Any) -> int | None:
    if str(value) in {option["ID"] for option in own["items"]}:
        return int(value)
    if call.twin.account.keeps_wrong_options:
        return None
    raise bad_value(own["code"])


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise bad_value(name) from None


def _native_value(call: Call, name: str, kind: str, value: Any) -> Any:
    if kind == "user":
        return _user(call, name, value)
    if kind.startswith(("crm_contact", "crm_company", "crm_lead")):
        return _linked(call, name, kind, value)
    if kind == "boolean":
        return "Y" if flag(value) else "N"
    if kind == "double":
        return _number(name, value)
    if kind.endswith("[]"):
        return [whole(one) for one in as_list(value)]
    if len(str(value)) > LONGEST and name not in LONG_TEXTS:
        raise bad_value(name)
    return value


def _user(call: Call, name: str, value: Any) -> int:
    user = call.state.users.get(whole(value) or 0)
    if user is None or (not user["ACTIVE"] and call.twin.account.refuses_dismissed_owner):
        raise bad_value(name)
    return int(user["ID"])


def _linked(call: Call, name: str, kind: str, value: Any) -> Any:
    entity = {"crm_contact": CONTACT, "crm_company": COMPANY, "crm_lead": LEAD}[kind.removesuffix("[]")]
    keys = [whole(one) for one in as_list(value)]
    if any(call.state.item(entity, key) is None for key in keys):
        raise bad_value(name)
    return keys if kind.endswith("[]") else keys[0] if keys else None
