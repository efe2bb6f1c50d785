"""Objects in the neutral words of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from patchcord.model.events import ATTRIBUTION
from sandbox.twins.base import iso, neutral_fields, plain_text, recording_in
from sandbox.twins.hubspot.state import (
    CALLS,
    COMPANIES,
    CONTACTS,
    DEALS,
    LEADS,
    NEUTRAL,
    RECORDS,
    TASKS,
    Place,
    State,
    Thing,
    stamp,
)

if TYPE_CHECKING:
    from sandbox.twins.hubspot.twin import HubSpotTwin

MARKER = "patchcord_marker"
NAMES = {COMPANIES: "name", DEALS: "dealname", LEADS: "hs_lead_name"}
BODIES = {TASKS: "hs_task_body", CALLS: "hs_call_body", "notes": "hs_note_body"}
TARGET_ORDER = (LEADS, DEALS, CONTACTS, COMPANIES)
UNQUALIFIED, QUALIFIED = "unqualified-stage-id", "qualified-stage-id"


def name_of(thing: Thing) -> str:
    """A record's name; a contact's is its first and last name."""
    if thing.sort == CONTACTS:
        parts = (thing.properties.get(part) for part in ("firstname", "lastname"))
        return " ".join(part for part in parts if part)
    return thing.properties.get(NAMES[thing.sort]) or ""


def words_of(twin: HubSpotTwin, thing: Thing) -> dict[str, Any]:
    """A contact, company, deal or lead in the words of `Write.fields`."""
    state, given = twin.state, thing.properties
    words: dict[str, Any] = {"name": name_of(thing), "owner": given.get("hubspot_owner_id"), "status": status_of(state, thing)}
    words |= neutral_fields(_own_fields(state, thing))
    if thing.sort in (CONTACTS, COMPANIES):
        words["phone"] = given.get("phone") or given.get("mobilephone")
    if thing.sort == CONTACTS:
        words |= {"email": given.get("email"), "organization": primary_company(state, thing.place)}
    if thing.sort in (DEALS, LEADS):
        prefix = "" if thing.sort == DEALS else "hs_"
        words |= {"contact": _first(state, thing, CONTACTS), "organization": _first(state, thing, COMPANIES)}
        words |= {
            "pipeline": given.get(f"{prefix}pipeline"),
            "stage": given.get("dealstage" if not prefix else "hs_pipeline_stage"),
        }
    return words


def _own_fields(state: State, thing: Thing) -> dict[str, Any]:
    """The account's own properties: by name those the ledger has words for, the others by label."""
    own = (row for row in state.properties[thing.sort].values() if not row["hubspotDefined"])
    return {_word(row["name"], row["label"]): thing.properties.get(row["name"]) for row in own}


def _word(name: str, label: str) -> str:
    parameter = name.removeprefix("patchcord_")
    return name if parameter in ATTRIBUTION or parameter == "marker" else label


def _first(state: State, thing: Thing, sort: str) -> str | None:
    return next(iter(state.linked(thing.place, sort)), None)


def primary_company(state: State, place: Place) -> str | None:
    """The company of a contact's primary link: what `associatedcompanyid` tells."""
    return next((end[1] for end, link in state.links_of(place) if end[0] == COMPANIES and 1 in link.types), None)


def stage_of(state: State, properties: dict[str, str | None]) -> dict[str, Any] | None:
    """The stage a deal stands in."""
    pipeline = state.pipelines[DEALS].get(properties.get("pipeline") or "")
    stages = pipeline["stages"] if pipeline else ()
    return next((stage for stage in stages if stage["id"] == properties.get("dealstage")), None)


def status_of(state: State, thing: Thing) -> str:
    """open, won, lost; a lead is open, converted (qualified) or archived (unqualified); all others are open (7)."""
    if thing.sort == LEADS:
        return {QUALIFIED: "converted", UNQUALIFIED: "archived"}.get(thing.properties.get("hs_pipeline_stage") or "", "open")
    if thing.sort != DEALS:
        return "open"
    stage = stage_of(state, thing.properties)
    metadata = stage["metadata"] if stage else {}
    if metadata.get("isClosed") != "true":
        return "open"
    return "won" if float(metadata.get("probability", "0")) >= 1 else "lost"


def moment_of(text: str | None) -> datetime | None:
    """A date-time property: ISO 8601 or milliseconds."""
    if not text:
        return None
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def targets_of(state: State, place: Place) -> list[list[str]]:
    """The records a task, call or note hangs on: lead, deal, contacts, companies."""
    return [[NEUTRAL[sort], key] for sort in TARGET_ORDER for key in state.linked(place, sort)]


def trace_words(twin: HubSpotTwin, thing: Thing) -> dict[str, Any]:
    """A task, call or note in the words of `Write.fields`."""
    given = thing.properties
    body = given.get(BODIES[thing.sort]) or ""
    found = twin.marker_in_text.search(plain_text(body))
    words: dict[str, Any] = {
        "text": plain_text(body), "recording": given.get("hs_call_recording_url") or recording_in(body),
        "marker": given.get(MARKER) or (found[1] if found else None), "targets": targets_of(twin.state, thing.place),
    }  # fmt: skip
    owner = given.get("hubspot_owner_id")
    if thing.sort == TASKS:
        due = moment_of(given.get("hs_timestamp"))
        completed = given.get("hs_task_status") == "COMPLETED"
        return words | {"title": given.get("hs_task_subject"), "completed": completed, "assignee": owner,
                        "due_at": iso(due) if due else None}  # fmt: skip
    words["author"] = owner
    return words | _call_words(given, owner) if thing.sort == CALLS else words


def _call_words(given: dict[str, str | None], owner: str | None) -> dict[str, Any]:
    return {
        "title": given.get("hs_call_title"), "assignee": owner, "direction": given.get("hs_call_direction"),
        "outcome": given.get("hs_call_status"), "talk_seconds": int(given.get("hs_call_duration") or 0) // 1000,
        "started_at": given.get("hs_timestamp"), "from": given.get("hs_call_from_number"), "to": given.get("hs_call_to_number"),
    }  # fmt: skip


def any_words(twin: HubSpotTwin, thing: Thing) -> dict[str, Any]:
    """Any object in neutral words."""
    return words_of(twin, thing) if thing.sort in RECORDS else trace_words(twin, thing)


def record_words(twin: HubSpotTwin, thing: Thing) -> dict[str, Any]:
    """What `Twin.records` tells of a record."""
    head = {"kind": NEUTRAL[thing.sort], "id": thing.id, "open": status_of(twin.state, thing) == "open"}
    return {**head, **words_of(twin, thing), "updated_at": stamp(thing.updated), "created_at": stamp(thing.created)}
