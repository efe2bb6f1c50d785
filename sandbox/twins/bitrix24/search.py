"""Looking up by number (crm_bitrix24.md 6.1, 6.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sandbox.twins.base import Refused, digits
from sandbox.twins.bitrix24.state import COMPANY, CONTACT, LEAD, Row
from sandbox.twins.bitrix24.wire import NO_CODE, Call, Result, as_list

MOST_VALUES = MOST_FOUND = 20
TYPES = {"LEAD": LEAD, "CONTACT": CONTACT, "COMPANY": COMPANY}
EXTENSION = re.compile(r"(;|#|,|\bext\b|\bx\b|доб).*", re.IGNORECASE | re.DOTALL)


def normalised(text: str) -> str:
    """Digits alone, without an extension; a leading 8 of ten and more becomes 7 (6.1)."""
    found = digits(EXTENSION.sub("", text))
    return f"7{found[1:]}" if len(found) >= 10 and found.startswith("8") else found


def find_by_comm(call: Call) -> Result:
    """`crm.duplicate.findbycomm`: whole numbers compared as text; a type that is full hides those after it."""
    kind, values = str(call.get("type") or ""), [str(value) for value in as_list(call.get("values"))]
    if kind not in ("PHONE", "EMAIL"):
        raise Refused(400, "Communication type is not defined", NO_CODE)
    if not values or len(values) > MOST_VALUES:
        raise Refused(400, "Communication values is not defined", NO_CODE)
    wanted = str(call.get("entity_type") or "")
    if wanted and wanted not in TYPES:
        raise Refused(400, f"Entity type '{wanted}' is not supported in current context", NO_CODE)
    found: dict[str, list[int]] = {}
    for name, entity in TYPES.items():
        if wanted in ("", name):
            keys = list(_holders(call, entity, kind, values))[:MOST_FOUND]
            found |= {name: keys} if keys else {}
            if len(keys) == MOST_FOUND:
                break
    return Result(found or [])


def _holders(call: Call, entity: int, kind: str, values: list[str]) -> Iterator[int]:
    """Ids of the items that hold one of the values and that search shows already."""
    wanted = {_comparable(kind, value) for value in values} - {""}
    for key, row in call.state.items[entity].items():
        held = {_comparable(kind, entry["value"]) for entry in _entries(call, entity, row) if entry["typeId"] == kind}
        if held & wanted and call.twin.searchable(call.state.indexed[entity, key]):
            yield key


def _entries(call: Call, entity: int, row: Row) -> list[Row]:
    """A lead with a contact may have no number of its own (7)."""
    if entity == LEAD and row["contactId"] and call.twin.account.number_of_contact_only:
        return []
    return list(row["fm"])


def _comparable(kind: str, value: str) -> str:
    return normalised(value) if kind == "PHONE" else value.strip().lower()


def search_crm_entities(call: Call) -> Result:
    """`telephony.externalCall.searchCrmEntities`: contact before company before lead, with owner and extension."""
    number = str(call.get("PHONE_NUMBER") or "")
    if not digits(number):
        raise Refused(400, "PHONE_NUMBER should be set", "ERROR_CORE")
    order = (("CONTACT", CONTACT), ("COMPANY", COMPANY), ("LEAD", LEAD))
    return Result([_hit(call, name, entity, key) for name, entity in order for key in _holders(call, entity, "PHONE", [number])])


def _hit(call: Call, name: str, entity: int, key: int) -> Row:
    row = call.state.items[entity][key]
    owner = call.state.users[row["assignedById"]]
    person = " ".join(part for part in (row.get("name"), row.get("lastName")) if part)
    return {
        "CRM_ENTITY_TYPE": name, "CRM_ENTITY_ID": key, "ASSIGNED_BY_ID": row["assignedById"],
        "NAME": person or row.get("title") or "",
        "ASSIGNED_BY": {
            "ID": row["assignedById"], "TIMEMAN_STATUS": "OPENED", "USER_PHONE_INNER": owner["UF_PHONE_INNER"],
            "WORK_PHONE": owner["WORK_PHONE"], "PERSONAL_PHONE": "", "PERSONAL_MOBILE": owner["PERSONAL_MOBILE"],
        },
    }  # fmt: skip
