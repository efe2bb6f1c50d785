"""The fields of each module, and what a value must be like (crm_zohocrm.md 3, 7, 11). Lengths are remembered, not documented."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sandbox.twins.zoho_crm.state import ACCOUNTS, CALLS, CONTACTS, DEALS, LEADS, NOTES, TASKS, Row, State
from sandbox.twins.zoho_crm.wire import Call, Wrong, invalid

COMMON = (
    "Owner ownerlookup; Created_By ownerlookup r; Modified_By ownerlookup r; Created_Time datetime r; Modified_Time datetime r"
)
RECORD = "Lead_Source picklist 120; Description textarea 32000; Tag tags"
PERSON = (
    "Last_Name text 80 m; First_Name text 40; Full_Name text 120 r; Email email 100; Phone phone 30; Mobile phone 30;Fax phone 30"
)
STANDARD = {
    LEADS: f"{PERSON}; {RECORD}; Company text 200; Lead_Status picklist 120; Converted__s boolean r; Converted_Contact lookup r;"
    "Converted_Account lookup r; Converted_Deal lookup r",
    CONTACTS: f"{PERSON}; {RECORD}; Account_Name lookup Accounts; Home_Phone phone 30; Other_Phone phone 30; Asst_Phone phone 30",
    ACCOUNTS: f"Account_Name text 200 m; {RECORD}; Phone phone 30; Fax phone 30; Website website 450",
    DEALS: f"Deal_Name text 120 m; {RECORD}; Stage picklist 120 m; Pipeline picklist 120; Closing_Date date; Amount currency;"
    "Account_Name lookup Accounts; Contact_Name lookup Contacts",
    TASKS: "Subject text 300 m; Due_Date date; Status picklist 120; Priority picklist 120; Who_Id lookup Contacts; "
    "What_Id lookup *; Description textarea 32000; Remind_At ALARM; Closed_Time datetime r;"
    "Send_Notification_Email boolean; Tag tags",
    CALLS: "Subject text 300 m; Call_Type picklist 120 m; Call_Start_Time datetime m; Call_Duration text 120 m;"
    "Call_Duration_in_seconds integer r; Who_Id lookup Contacts; What_Id lookup *; Description textarea 32000;"
    "Call_Result picklist 120; Voice_Recording__s website 450; Outgoing_Call_Status picklist 120;"
    "Dialled_Number phone 30; Caller_ID phone 30; Tag tags",
    NOTES: "Note_Title text 120; Note_Content textarea 65535; Parent_Id lookup *",
}  # fmt: skip
"""`api name, data type, length or module, m for mandatory, r for read only`."""

JSON_TYPES = {
    "ownerlookup": "jsonobject", "lookup": "jsonobject", "ALARM": "jsonobject", "tags": "jsonarray", "boolean": "boolean",
    "multiselectpicklist": "jsonarray", "integer": "integer", "double": "double", "currency": "double",
}  # fmt: skip
SHAPES: Mapping[str, Any] = {"jsonobject": dict, "jsonarray": list, "boolean": bool, "integer": int, "double": (int, float)}
PICKED = {"Call_Type": ("Inbound", "Outbound", "Missed"),
          "Status": ("Not Started", "Deferred", "In Progress", "Completed", "Waiting for input")}  # fmt: skip
CUSTOM_TYPES = {"text": "text", "number": "double", "date": "date", "phone": "phone", "option": "picklist"}


def add_standard(state: State) -> None:
    for module, text in STANDARD.items():
        state.fields[module] = {}
        for entry in f"{text}; {COMMON}".split(";"):
            name, data_type, *rest = entry.split()
            length = next((int(word) for word in rest if word.isdigit()), 0)
            target = next((word for word in rest if word in (*STANDARD, "*")), "")
            add_field(state, module, name, name.replace("_", " "), data_type, length=length, target=target,
                      mandatory="m" in rest, read_only="r" in rest)  # fmt: skip


def add_field(
    state: State, module: str, name: str, label: str, data_type: str, *, length: int = 0, target: str = "",
    mandatory: bool = False, read_only: bool = False, custom: bool = False, unique: bool = False, options: Sequence[str] = (),
) -> Row:  # fmt: skip
    """A field as `GET /settings/fields` tells it (11)."""
    row: Row = {
        "id": state.new_id("field"), "api_name": name, "field_label": label, "display_label": label, "data_type": data_type,
        "json_type": JSON_TYPES.get(data_type, "string"), "length": length or 255, "custom_field": custom,
        "system_mandatory": mandatory, "read_only": read_only, "unique": {"casesensitive": ""} if unique else {},
        "lookup": {"module": {"api_name": target}} if target else {},
        "pick_list_values": [{"display_value": text, "actual_value": text} for text in options],
    }  # fmt: skip
    state.fields[module][name] = row
    return row


def api_name(label: str) -> str:
    """The api name made of a label: words with a capital, joined by underscores."""
    return "_".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", label)) or "Field"


def target_of(field: Row) -> str:
    """The module a lookup leads to; `*` for several, empty for what is no lookup."""
    return str(field["lookup"].get("module", {}).get("api_name", ""))


# ---- what is sent


def cleaned(call: Call, module: str, record: Row, index: int) -> Row:
    """The values of a sent record as they are stored. Unknown and read-only names are passed over, as Zoho does."""
    fields, values = call.state.fields[module], {}
    for name, value in record.items():
        field = fields.get(name)
        if field is None or field["read_only"]:
            continue
        values[name] = None if value in (None, "") else _checked(call, field, value, record, index)
    if "$se_module" in record:
        values["$se_module"] = record["$se_module"]
    return values


def _checked(call: Call, field: Row, value: Any, record: Row, index: int) -> Any:
    name, kind = field["api_name"], field["json_type"]
    shape = SHAPES.get(kind, str)
    if not isinstance(value, shape) or (isinstance(value, bool) and kind != "boolean"):
        raise invalid(name, index, expected_data_type="text" if kind == "string" else kind)
    if kind == "string":
        return _text(call, field, value, index)
    if field["data_type"] == "ownerlookup":
        return _owner(call, value, index)
    if field["data_type"] == "lookup":
        return _linked(call, field, value, record, index)
    if field["data_type"] == "ALARM" and not _is_alarm(call, value):
        raise invalid(name, index, expected_data_type="alarm")
    return value


def _text(call: Call, field: Row, value: str, index: int) -> str:
    name, data_type = field["api_name"], field["data_type"]
    if len(value) > field["length"]:
        raise invalid(name, index, maximum_length=field["length"])
    if data_type == "date" and not _is_date(value):
        raise invalid(name, index, expected_data_type="date")
    if data_type == "datetime" and not _is_time(value):
        raise invalid(name, index, expected_data_type="datetime")
    listed = [option["actual_value"] for option in field["pick_list_values"]]
    if name in PICKED and not listed and value not in PICKED[name]:
        raise invalid(name, index)
    if listed and value not in listed and call.twin.account.strict_picklists:
        raise invalid(name, index)
    return value


def _is_date(value: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value)) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_alarm(call: Call, value: Row) -> bool:
    """A reminder of a task that does not repeat: ACTION and DATE-TIME (8)."""
    found = re.fullmatch(r"ACTION=(EMAIL|POPUP);TRIGGER=DATE-TIME:(\S+)", str(value.get("ALARM")))
    return call.twin.account.single_reminders and found is not None and _is_time(found[2])


def _owner(call: Call, value: Row, index: int) -> str:
    user = call.state.users.get(str(value.get("id")))
    if user is None or (call.twin.account.refuse_inactive_owner and user["status"] != "active"):
        raise invalid("Owner", index, "the id given seems to be invalid")
    return str(user["id"])


def _linked(call: Call, field: Row, value: Row, record: Row, index: int) -> str:
    """The id of a lookup's record; What_Id leads to the module that `$se_module` names (8)."""
    name, target = field["api_name"], target_of(field)
    if target == "*":
        target = str(record.get("$se_module") or "")
        if name == "What_Id" and not target:
            raise Wrong(400, "DEPENDENT_FIELD_MISSING", "dependent field missing", api_name="$se_module")
    if str(value.get("id")) not in call.state.tables.get(target, {}):
        raise invalid(name, index, "the related id given seems to be invalid")
    return str(value["id"])


def check_mandatory(call: Call, module: str, row: Row, index: int, *, with_layout: bool) -> None:
    """What the system, the customer and (with a Layout) the standard layout demand (7)."""
    needed = [name for name, field in call.state.fields[module].items() if field["system_mandatory"]]
    needed += [name for place, name in sorted(call.twin.account.mandatory) if place == module]
    needed += ["Pipeline"] if module == DEALS and call.twin.account.pipelines_on else []
    needed += {LEADS: ["Company"], DEALS: ["Closing_Date"]}.get(module, []) if with_layout else []
    for name in needed:
        if row.get(name) in (None, ""):
            path = f"$.data[{index}].{name}"
            raise Wrong(400, "MANDATORY_NOT_FOUND", "required field not found", api_name=name, json_path=path)


def check_unique(call: Call, module: str, row: Row, index: int, own: str = "") -> None:
    """Fields marked unique, and the names of accounts (3, 7)."""
    unique = [name for name, field in call.state.fields[module].items() if field["unique"]]
    unique += ["Account_Name"] if module == ACCOUNTS and call.twin.account.unique_account_names else []
    for name in unique:
        for other in call.state.tables[module].values():
            if row.get(name) and other.get(name) == row[name] and other["id"] != own:
                raise _duplicate(call, module, name, other, index)


def _duplicate(call: Call, module: str, name: str, other: Row, index: int) -> Wrong:
    where: Row = {"id": other["id"]}
    if call.twin.account.duplicate_inside:
        where = {"duplicate_record": {"id": other["id"], "Owner": {"id": other["Owner"]}, "module": {"api_name": module}}}
    path = f"$.data[{index}].{name}"
    return Wrong(400, "DUPLICATE_DATA", "duplicate data", api_name=name, json_path=path, **where)


# ---- what is shown


def shown(state: State, module: str, row: Row, name: str, *, bare: bool = False) -> Any:
    """A field's value in an answer; `bare` as COQL tells lookups (5.2). Names of what is not there are None."""
    field = state.fields[module].get(name)
    value = row.get(name)
    if name == "Full_Name":
        return state.name_of(module, row["id"])
    if name == "Converted__s":
        return value is True
    if field is None or value is None or field["json_type"] != "jsonobject" or field["data_type"] == "ALARM":
        return value
    if bare:
        return {"id": value}
    if field["data_type"] == "ownerlookup":
        email = {"email": state.users[value]["email"]} if name == "Owner" else {}
        return {"id": value, "name": state.user_name(value), **email}
    target = row.get("$se_module") if target_of(field) == "*" else target_of(field)
    found = {"id": value, "name": state.name_of(str(target), value)}
    if name == "Parent_Id":
        found["module"] = {"api_name": target, "id": "5725767000000002175"}
    return found


def listed(state: State, module: str, row: Row, names: Sequence[str]) -> Row:
    """A record of a list or a search: its id and the fields asked for."""
    return {"id": row["id"], **{name: shown(state, module, row, name) for name in names if name in state.fields[module]}}
