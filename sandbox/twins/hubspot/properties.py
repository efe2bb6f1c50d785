"""Property lists, the values they take, and those that HubSpot computes (crm_hubspot.md 6.1, 8, 10, 12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import phonenumbers
from werkzeug.wrappers import Response

from sandbox.twins.base import digits, json_answer
from sandbox.twins.hubspot.neutral import moment_of, primary_company, stage_of
from sandbox.twins.hubspot.state import (
    CALLS,
    COMPANIES,
    CONTACTS,
    DEALS,
    LEADS,
    NOTES,
    TASKS,
    Row,
    State,
    Thing,
    stamp,
)
from sandbox.twins.hubspot.wire import Call, Problem, body_of, invalid, not_found, sort_of

if TYPE_CHECKING:
    from sandbox.twins.hubspot.twin import HubSpotTwin

Values = dict[str, str | None]
LONGEST = 65_536
CREATED = {CONTACTS: "createdate", COMPANIES: "createdate", DEALS: "createdate"}
MODIFIED = {CONTACTS: "lastmodifieddate"}
CALL_STATUSES = "BUSY CALLING_CRM_USER CANCELED COMPLETED CONNECTING FAILED IN_PROGRESS NO_ANSWER QUEUED RINGING"
STAGES = "subscriber lead marketingqualifiedlead salesqualifiedlead opportunity customer evangelist other"
LEAD_STATUSES = "NEW OPEN IN_PROGRESS OPEN_DEAL UNQUALIFIED ATTEMPTED_TO_CONTACT CONNECTED BAD_TIMING"
BUILT_IN: Mapping[str, Mapping[str, str]] = {
    CONTACTS: {
        "email": "string", "firstname": "string", "lastname": "string", "phone": "string", "mobilephone": "string",
        "fax": "string", "company": "string", "website": "string", "jobtitle": "string", "lifecyclestage": STAGES,
        "hs_lead_status": LEAD_STATUSES, "hs_additional_emails": "string",
    },
    COMPANIES: {
        "name": "string", "domain": "string", "phone": "string", "website": "string", "lifecyclestage": STAGES,
        "hs_lead_status": LEAD_STATUSES,
    },
    DEALS: {"dealname": "string", "dealstage": "string", "pipeline": "string", "amount": "number", "closedate": "datetime",
            "description": "string"},
    LEADS: {"hs_lead_name": "string", "hs_lead_type": "NEW_BUSINESS UPSELL RE_ATTEMPTING", "hs_lead_label": "HOT WARM COLD",
            "hs_pipeline": "string", "hs_pipeline_stage": "string"},
    TASKS: {
        "hs_timestamp": "datetime", "hs_task_subject": "string", "hs_task_body": "string",
        "hs_task_status": "NOT_STARTED COMPLETED IN_PROGRESS WAITING DEFERRED", "hs_task_priority": "NONE LOW MEDIUM HIGH",
        "hs_task_type": "CALL EMAIL TODO", "hs_task_reminders": "string",
    },
    CALLS: {
        "hs_timestamp": "datetime", "hs_call_title": "string", "hs_call_body": "string",
        "hs_call_direction": "INBOUND OUTBOUND", "hs_call_status": CALL_STATUSES, "hs_call_duration": "number",
        "hs_call_from_number": "string", "hs_call_to_number": "string", "hs_call_disposition": "string",
        "hs_call_recording_url": "string", "hs_call_source": "INTEGRATIONS_PLATFORM",
    },
    NOTES: {"hs_timestamp": "datetime", "hs_note_body": "string", "hs_attachment_ids": "string"},
}  # fmt: skip
"""Properties every account has; a list of words is an enumeration's."""
PHONES = {"hs_searchable_calculated_phone_number": "phone", "hs_searchable_calculated_mobile_number": "mobilephone"}
COMPUTED = {
    CONTACTS: (*PHONES, "associatedcompanyid", "num_associated_deals"),
    DEALS: ("hs_is_closed", "hs_is_closed_won"),
}
NEEDED = {
    DEALS: ("dealname", "dealstage"), LEADS: ("hs_lead_name",), TASKS: ("hs_timestamp",), CALLS: ("hs_timestamp",),
    NOTES: ("hs_timestamp",),
}  # fmt: skip
ONE_OF = {CONTACTS: ("email", "firstname", "lastname"), COMPANIES: ("name", "domain")}


def property_row(
    name: str, label: str, kind: str, *, options: Sequence[tuple[str, str]] = (), field_type: str = "", own: bool = False,
    unique: bool = False, read_only: bool = False,
) -> Row:  # fmt: skip
    """A property as its list describes it; `options` are value and label."""
    shown = [{"label": text, "value": value, "displayOrder": number, "hidden": False} for number, (value, text) in
             enumerate(options)]  # fmt: skip
    return {
        "name": name, "label": label, "type": kind, "fieldType": field_type or ("select" if options else "text"),
        "description": "", "groupName": "information", "options": shown, "hasUniqueValue": unique, "hidden": False,
        "hubspotDefined": not own, "calculated": read_only, "displayOrder": -1, "formField": False,
        "modificationMetadata": {"archivable": own, "readOnlyDefinition": not own, "readOnlyValue": read_only},
    }  # fmt: skip


def add_built_in(twin: HubSpotTwin) -> None:
    """Every sort's properties, and our marker's where the account has them."""
    for sort, known in twin.state.properties.items():
        for name, kind in BUILT_IN[sort].items():
            words = kind.split() if kind.upper() == kind or " " in kind else []
            options = [(word, word.replace("_", " ").capitalize()) for word in words]
            label = name.removeprefix("hs_").replace("_", " ").capitalize()
            known[name] = property_row(name, label, "enumeration" if words else kind, options=options)
        known["hubspot_owner_id"] = property_row("hubspot_owner_id", "Owner", "enumeration")
        for name in read_only_names(twin, sort):
            known[name] = property_row(name, name, "string", read_only=True)
        if twin.account.marker_properties:
            known["patchcord_marker"] = property_row("patchcord_marker", "Patchcord marker", "string", own=True, unique=True)


def read_only_names(twin: HubSpotTwin, sort: str) -> list[str]:
    """What HubSpot sets itself."""
    names = ["hs_object_id", created_name(sort), modified_name(sort), *COMPUTED.get(sort, ())]
    if sort == COMPANIES and twin.account.company_phone_computed:
        names.append("hs_searchable_calculated_phone_number")
    return names


def created_name(sort: str) -> str:
    return CREATED.get(sort, "hs_createdate")


def modified_name(sort: str) -> str:
    return MODIFIED.get(sort, "hs_lastmodifieddate")


# ---- computed values


def value_of(twin: HubSpotTwin, thing: Thing, name: str, given: Values | None = None) -> str | None:
    """A property's value as text, of the object as it is or with the properties given."""
    values = thing.properties if given is None else given
    if name in PHONES:
        return searchable_number(twin, values.get(PHONES[name]))
    computed: dict[str, Callable[[], str | None]] = {
        "hs_object_id": lambda: thing.id,
        created_name(thing.sort): lambda: stamp(thing.created),
        modified_name(thing.sort): lambda: stamp(thing.updated),
        "associatedcompanyid": lambda: primary_company(twin.state, thing.place),
        "num_associated_deals": lambda: str(len(twin.state.linked(thing.place, DEALS))) if thing.sort == CONTACTS else None,
        "hs_is_closed": lambda: _closed(twin.state, values),
        "hs_is_closed_won": lambda: _won(twin.state, values),
    }
    return computed[name]() if name in computed else values.get(name)


def searchable_number(twin: HubSpotTwin, text: str | None) -> str | None:
    """Area code and local number without the country code (6.1)."""
    if not text:
        return None
    try:
        number = phonenumbers.parse(text, twin.account.country)
    except phonenumbers.NumberParseException:
        return digits(text) if twin.account.computes_unreadable else None
    return phonenumbers.national_significant_number(number)


def _closed(state: State, values: Values) -> str:
    stage = stage_of(state, values)
    return str(stage["metadata"]["isClosed"]) if stage else "false"


def _won(state: State, values: Values) -> str:
    stage = stage_of(state, values)
    won = stage is not None and stage["metadata"]["isClosed"] == "true" and stage["metadata"]["probability"] == "1.0"
    return "true" if won else "false"


# ---- values that are written


def check_values(call: Call, sort: str, given: Any, *, itself: Thing | None = None) -> Values:
    """The properties of a body; 400 with one entry for each wrong one, 409 for a unique value that is used."""
    if not isinstance(given, dict):
        raise Problem(400, "Invalid input JSON: properties are needed")
    known = call.state.properties[sort]
    errors = [found for name, value in given.items() if (found := _fault(call, known.get(name), name, value))]
    if errors:
        words = "Property values were not valid: " + "; ".join(error["message"] for error in errors)
        raise Problem(400, words, errors)
    values: Values = {name: value or None for name, value in given.items()}
    _check_unique(call, sort, values, itself)
    return values


def _fault(call: Call, row: Row | None, name: str, value: Any) -> Row | None:
    if row is None:
        return invalid(name, f'Property "{name}" does not exist', "PROPERTY_DOESNT_EXIST")
    if row["modificationMetadata"]["readOnlyValue"]:
        return invalid(name, f'"{name}" is a read only property; its value cannot be set.', "READ_ONLY_VALUE")
    if not isinstance(value, str):
        return invalid(name, f"{name}: values are texts", "INVALID_JSON")
    return _wrong_value(call, row, name, value) if value else None


def _wrong_value(call: Call, row: Row, name: str, value: str) -> Row | None:
    """Whether the text is none of its type: what the messages of 4 name."""
    special = {"hubspot_owner_id": _owner_fault, "hs_call_recording_url": _recording_fault, "email": _email_fault}
    if name in special:
        return special[name](call, value)
    options = [option["value"] for option in row["options"]]
    parts = value.strip(";").split(";") if row["fieldType"] == "checkbox" else [value]
    if options and not set(parts) <= set(options):
        return invalid(name, f"{value} was not one of the allowed options: {options}", "INVALID_OPTION")
    if row["type"] == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return invalid(name, f"{value} was not a valid number.", "INVALID_INTEGER")
    if row["type"] in ("date", "datetime") and not _is_time(value, row["type"]):
        return invalid(name, f"{value} was not a valid {row['type']}.", "INVALID_DATE")
    too_long = len(value.encode("utf-16-le")) // 2 > LONGEST
    return invalid(name, f"{name} is too long: {LONGEST} characters at most", "INVALID_LENGTH") if too_long else None


def _owner_fault(call: Call, value: str) -> Row | None:
    """The owner's `id`, not the `userId` (8.5)."""
    owner = call.state.owners.get(value)
    if owner and not (owner["archived"] and call.twin.account.refuse_archived_owner):
        return None
    return invalid("hubspot_owner_id", f"{value} is not a valid owner", "INVALID_OWNER_ID")


def _recording_fault(call: Call, value: str) -> Row | None:
    """https only; perhaps with the ending of a sound file (10.3)."""
    ending = re.search(r"\.(mp3|wav)(\?|$)", value) or not call.twin.account.recording_needs_ending
    if value.startswith("https://") and ending:
        return None
    return invalid("hs_call_recording_url", "hs_call_recording_url is not a valid recording URL", "INVALID_URL")


def _email_fault(call: Call, value: str) -> Row | None:
    if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return None
    return invalid("email", f"Email address {value} is invalid", "INVALID_EMAIL")


def _is_time(value: str, kind: str) -> bool:
    try:
        moment = moment_of(value)
    except ValueError:
        return False
    midnight = moment is not None and (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return kind == "datetime" or midnight


def _check_unique(call: Call, sort: str, values: Values, itself: Thing | None) -> None:
    """409: contacts by e-mail with the id only in the text; a property of the account's own as it is set up (4, 15)."""
    unique = [name for name, row in call.state.properties[sort].items() if row["hasUniqueValue"]]
    for name in (["email"] if sort == CONTACTS else []) + unique:
        found = by_value(call.state, sort, name, values.get(name))
        if found is None or found is itself:
            continue
        if name == "email":
            raise Problem(409, f"Contact already exists. Existing ID: {found.id}")
        words = f"Cannot set propertyName={name}: {found.id} already has that value."
        raise Problem(call.twin.account.unique_conflict_status, words)


def by_value(state: State, sort: str, name: str, value: str | None) -> Thing | None:
    """The object with this value of a unique property; e-mail addresses do not differ by case."""
    if not value:
        return None
    wanted = value.lower() if name == "email" else value
    things = state.things[sort].values()
    return next((thing for thing in things if _same(thing.properties.get(name), wanted, name)), None)


def _same(stored: str | None, wanted: str, name: str) -> bool:
    return stored is not None and (stored.lower() if name == "email" else stored) == wanted


def check_needed(call: Call, sort: str, values: Values) -> None:
    """400 for a creation without its required properties (8, 10, 11)."""
    if sort in ONE_OF and not any(values.get(name) for name in ONE_OF[sort]):
        raise Problem(400, f"At least one of {', '.join(ONE_OF[sort])} must be set")
    missing = [name for name in NEEDED.get(sort, ()) if not values.get(name)]
    if missing:
        raise Problem(400, f"Some required properties were not set: {', '.join(missing)}")


def place(call: Call, sort: str, values: Values) -> None:
    """Pipeline and stage of a deal or lead, which must fit; the default pipeline when it is the only one (8.3, 8.4)."""
    if sort not in (DEALS, LEADS):
        return
    pipelines = call.state.pipelines[sort]
    pipeline_name, stage_name = ("pipeline", "dealstage") if sort == DEALS else ("hs_pipeline", "hs_pipeline_stage")
    if not values.get(pipeline_name):
        if sort == DEALS and len(pipelines) > 1:
            raise Problem(400, "Some required properties were not set: pipeline")
        values[pipeline_name] = next(iter(pipelines))
    stages = [stage["id"] for stage in pipelines.get(values[pipeline_name] or "", {}).get("stages", ())]
    if not values.get(stage_name) and stages:
        values[stage_name] = stages[0]
    if values.get(stage_name) not in stages:
        words = f"{values.get(stage_name)} was not one of the allowed options of pipeline {values[pipeline_name]}"
        raise Problem(400, words, [invalid(stage_name, words, "INVALID_OPTION")])


# ---- calls (12)


def list_properties(call: Call) -> Response:
    return json_answer({"results": list(call.state.properties[sort_of(call, "sort")].values())})


def get_property(call: Call) -> Response:
    row = call.state.properties[sort_of(call, "sort")].get(call.args["name"])
    if row is None:
        raise not_found(f"The property {call.args['name']} does not exist")
    return json_answer(row)


TYPES = ("string", "number", "date", "datetime", "enumeration", "bool")


def create_property(call: Call) -> Response:
    """`POST /crm/properties/…`; names are lower case, at most ten are unique."""
    sort, body = sort_of(call, "sort"), body_of(call)
    known = call.state.properties[sort]
    for name in ("name", "label", "type", "fieldType", "groupName"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Problem(400, f"Some required fields were not set: {name}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", body["name"]) or body["type"] not in TYPES:
        raise Problem(400, "The name or the type of the property is not valid")
    if body["name"] in known:
        raise Problem(409, f"A property named '{body['name']}' already exists.")
    if body.get("hasUniqueValue") and sum(1 for row in known.values() if row["hasUniqueValue"]) >= 10:
        raise Problem(400, "There are too many unique properties: 10 at most")
    options = [(str(option["value"]), str(option["label"])) for option in body.get("options") or ()]
    row = property_row(body["name"], body["label"], body["type"], options=options, field_type=body["fieldType"], own=True,
                       unique=bool(body.get("hasUniqueValue")))  # fmt: skip
    known[row["name"]] = row
    return json_answer(row, 201)
