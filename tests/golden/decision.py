"""Golden rows at decision level: events, fold, decide; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from patchcord.model.effects import (
    AddRecording,
    AssignTask,
    CompleteTask,
    CreateRecord,
    CreateTask,
    Decision,
    Effect,
    LogCall,
    LogKind,
    Made,
    ShowPopup,
    Target,
    UpdateRecord,
)
from patchcord.model.events import CallType
from patchcord.model.records import RecordKind
from patchcord.model.settings import Settings
from patchcord.model.timeline import fold
from patchcord.scenarios.constraints import Facts, check
from patchcord.scenarios.decide import decide
from patchcord.scenarios.profiles import Finding, InvalidSettings, effective, merge
from patchcord.telephony.statuses import classify
from tests.golden import dialled, reactivated, routing
from tests.golden.compare import Action, differences
from tests.golden.rows import Row, client_of, document, events_of, settings_of

LATER: Mapping[str, str] = {}
"""Kinds of events that have no decision yet, and why."""


def run(row: Row) -> list[str]:
    """What differs between the row and the product; empty when it holds."""
    if row.kind == "classify":
        return differences(row.expected, row.must_not, [classified(row)])
    if row.kind == "save_settings":
        return differences(row.expected, row.must_not, saved(row))
    if row.kind == "routing_lookup":
        return routing.run(row)
    if row.kind == "click_to_call":
        return dialled.run(row)
    if row.kind == "reactivate":
        return reactivated.run(row)
    settings = settings_of(row)
    actions = [in_row_words(effect, row, settings) for effect in effects(row, settings)]
    return differences(expected_in_neutral_words(row, settings), row.must_not, actions)


def effects(row: Row, settings: Settings) -> list[Effect]:
    """All effects of the row's deliveries, decided anew after each one as the service does, each key once."""
    events, client = events_of(row, settings.phone.default_region), client_of(row, settings)
    done: dict[str, Effect] = {}
    for count in range(1, len(events) + 1):
        decision: Decision = decide(fold(events[:count]), client, settings)
        for effect in decision.effects:
            if effect.key not in done and not _already_recorded(effect, done):
                done[effect.key] = effect
    return list(done.values())


def _already_recorded(effect: Effect, done: Mapping[str, Effect]) -> bool:
    if not isinstance(effect, AddRecording):
        return False
    written = done.get(effect.effect)
    return isinstance(written, CreateTask | LogCall) and written.recording is not None


# --- effects in the words of a row ---


def expected_in_neutral_words(row: Row, settings: Settings) -> list[Action]:
    """The expected actions with the vendor's kinds (ticket, order, process) as neutral ones."""
    return [
        {**action, "entity": settings.vendor.words.get(action["entity"], action["entity"])} if "entity" in action else action
        for action in row.expected
    ]


def in_row_words(effect: Effect, row: Row, settings: Settings) -> Action:
    names = made_names(row, settings)
    common: Action = {"at": effect.at.value}
    match effect:
        case CreateRecord():
            return common | _created(effect, names)
        case UpdateRecord():
            return common | _updated(effect, names)
        case CreateTask():
            return common | _tasked(effect, names)
        case LogCall():
            return common | _logged(effect, names)
        case AddRecording():
            return {"do": "update", "entity": "task", "id": "call_log", "at": "recording_ready", "set": "recording_link"}
        case AssignTask():
            return common | {"do": "update", "entity": "task", "id": effect.effect, "set": "assignee"}
        case CompleteTask():
            return common | {"do": "complete", "entity": "task", "id": effect.task}
        case ShowPopup():
            return {"do": "popup", "shows": list(effect.shows), "entity": None}


def made_names(row: Row, settings: Settings) -> dict[RecordKind, str]:
    """What the row calls the records it expects to be made."""
    return {
        settings.vendor.words[action["entity"]]: str(action["as"])
        for action in row.expected
        if action["do"] == "create" and action["entity"] in settings.vendor.words
    }


def _name(target: Target, names: Mapping[RecordKind, str]) -> str:
    return names.get(target.kind, f"new {target.kind.value}") if isinstance(target, Made) else target.id


def _created(effect: CreateRecord, names: Mapping[RecordKind, str]) -> Action:
    return {
        "do": "create",
        "entity": effect.kind,
        "owner": effect.owner,
        "creator": effect.creator,
        "name": effect.name,
        "phone": effect.phone,
        "utm": bool(effect.attribution),
        "client_id": effect.attribution.get("client_id"),
        "link_to": [_name(link, names) for link in effect.links],
        "fields": dict(effect.fields),
        "kind": effect.pipeline,
        "pipeline": effect.pipeline,
        "status": effect.stage,
        "stage": effect.stage,
        "name_contains_id": "{lead_id}" in effect.name,
        "tags": list(effect.tags),
    }


def _updated(effect: UpdateRecord, names: Mapping[RecordKind, str]) -> Action:
    action: Action = {"do": "update", "entity": effect.target.kind, "id": _name(effect.target, names)}
    if effect.owner is not None:
        return action | {"owner": effect.owner}
    written: Any = dict(effect.fields) if effect.about == "fields" else effect.about
    return action | {"set": "form_data" if written == "form" else written}


def _tasked(effect: CreateTask, names: Mapping[RecordKind, str]) -> Action:
    return {
        "do": "task",
        "kind": effect.kind.value,
        "state": "completed" if effect.completed else "open",
        "assignee": effect.assignee,
        "attach_to": [_name(target, names) for target in effect.targets],
        "due_in": None if effect.due_in is None else iso(effect.due_in),
        "recording_link": effect.recording is not None,
        "describe_direction": effect.direction,
        "visit_data": effect.visit_data,
        "board": effect.board,
        "title": effect.title,
    }


def _logged(effect: LogCall, names: Mapping[RecordKind, str]) -> Action:
    return {
        "do": "log",
        "kind": effect.kind.value,
        "attach_to": [_name(target, names) for target in effect.targets],
        "author": "integration" if effect.kind is LogKind.CALL_ENTITY else effect.author,
        "assignee": effect.assignee,
        "recording_link": effect.recording is not None,
    }


def iso(duration: timedelta) -> str:
    """A duration as a row writes it: PT4H, PT90M."""
    minutes = int(duration.total_seconds() // 60)
    return f"PT{minutes // 60}H" if minutes % 60 == 0 else f"PT{minutes}M"


# --- classification and settings ---


def classified(row: Row) -> Action:
    event = row.event
    way = CallType(event["direction"]) if "direction" in event else None
    found = classify(event["status"], event.get("talk_seconds"), way)
    action: Action = {"do": "classify", "result": found.outcome.value if found.outcome else None}
    action["direction"] = found.call_type.value if found.call_type else None
    action["missed_in"] = found.missed_in.value if found.missed_in else None
    action["voicemail"] = found.voicemail
    return action


def saved(row: Row) -> list[Action]:
    """Save the settings the row describes: accepted, or what is found wrong with them."""
    try:
        findings = check(effective(merge(document(row), _changes(row))), _facts(row))
    except InvalidSettings as refused:
        findings = refused.findings
    return [_found(finding) for finding in findings] or [{"do": "accept"}]


def _found(finding: Finding) -> Action:
    return {"do": "reject" if finding.severity == "error" else "warn", "code": finding.code}


def _changes(row: Row) -> dict[str, Any]:
    event, changes = row.event, {}
    if "row" in event:
        columns = {key: value for key, value in event.items() if key not in {"type", "row", "action"}}
        changes["rows"] = {event["row"]: columns}
        return changes
    if "employees" in event:
        changes["employees"] = {key: {"main_directions": directions} for key, directions in event["employees"].items()}
    if "plan" in event:
        changes["integration"] = {"plan": event["plan"]}
    if "mapping" in event:
        changes["fields"] = {"extra": event["mapping"]}
    known = {"type", "action", "employees", "mapping", *FACTS}
    return changes | {key: value for key, value in event.items() if key not in known}


FACTS = ("crm_user_role", "api_methods", "field_types", "registered", "greeting_seconds", "wait_for_end", "leads_enabled", "plan")


def _facts(row: Row) -> Facts:
    event = row.event
    methods = event.get("api_methods")
    return Facts(
        activating=event.get("action") == "activate",
        crm_user_role=event.get("crm_user_role"),
        api_methods=None if methods is None else frozenset(methods),
        field_types=event.get("field_types") or {},
        registered_webhooks=event.get("registered"),
        greeting_seconds=event.get("greeting_seconds"),
        wait_for_end=event.get("wait_for_end"),
        leads_enabled=event.get("leads_enabled"),
    )
