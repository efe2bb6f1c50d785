"""Golden rows: reading the file, and what a row says in the product's own terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from patchcord.model.employees import Agent
from patchcord.model.events import CallType, Event, EventKind, MissPlace, Moment, Outcome, Part, Participation
from patchcord.model.phone import in_notation_of, read_phone, same_number, try_phone
from patchcord.model.records import Client, Owner, Record, RecordKind
from patchcord.model.settings import Settings
from patchcord.scenarios.profiles import effective, merge, nested

SHARED = Path(__file__).resolve().parents[3] / "shared" / "reference" / "golden_cases.yaml"
"""Where the golden cases lie beside a checkout."""

Tree = dict[str, Any]
ANSWERED_AFTER = timedelta(seconds=8)
LEG = timedelta(seconds=40)
TALK = timedelta(seconds=95)
LATE_RECORDING = timedelta(seconds=60)


@dataclass(frozen=True)
class Row:
    """One case of the file, with the file's fixtures."""

    id: str
    body: Tree
    fixtures: Tree

    @property
    def event(self) -> Tree:
        return dict(self.body["event"])

    @property
    def kind(self) -> str:
        return str(self.event["type"])

    @property
    def expected(self) -> list[Tree]:
        return list(self.body["expected"])

    @property
    def must_not(self) -> list[Any]:
        return list(self.body.get("must_not") or [])

    @property
    def crm(self) -> str:
        return str(self.body["crm"])

    @property
    def profile(self) -> str:
        return str(self.body["settings"]["profile"]).removesuffix("_default")

    @property
    def override(self) -> Tree:
        return dict(self.body["settings"].get("override") or {})

    @property
    def project(self) -> Tree:
        own = self.fixtures.get(f"{self.crm}_project") or {}
        return {**self.fixtures["project"], **own}


def load(path: Path) -> list[Row]:
    """The rows of a golden file."""
    content = yaml.safe_load(path.read_text("utf-8"))
    fixtures = content.get("fixtures") or yaml.safe_load(SHARED.read_text("utf-8"))["fixtures"]
    return [Row(str(body["id"]), body, fixtures) for body in content["cases"]]


def crm_user(owner: str | None, fixtures: Tree) -> str | None:
    """The CRM user behind an owner of a row: an employee's key, or a CRM user that belongs to nobody."""
    if owner is None:
        return None
    employee = fixtures["employees"].get(owner)
    return employee["crm_user"] if employee else owner


def document(row: Row) -> Tree:
    """The settings document of a row: the fixtures' project with the row's override."""
    project = row.project
    employees = {
        key: {name: value for name, value in employee.items() if name != "role"}
        for key, employee in row.fixtures["employees"].items()
    }
    base: Tree = {
        "crm": {"vendor": row.crm, "profile": row.profile},
        "timezone": project["timezone"],
        "phone": {"default_region": project["default_region"]},
        "working_hours": project.get("working_hours"),
        "senior_manager": project["senior_manager"],
        "tasks": project.get("tasks") or {},
        "employees": employees,
    }
    base["integration"] = {"enabled": True} | ({"language": project["language"]} if "language" in project else {})
    return merge(base, nested(row.override))


def settings_of(row: Row) -> Settings:
    return effective(document(row))


# --- the client as the CRM holds it ---


def client_of(row: Row, settings: Settings) -> Client:
    """What a look-up of the row's client finds, under the project's search rules (O-11)."""
    number = client_number(row)
    phone = try_phone(number, settings.phone.default_region)
    if phone is None:
        return Client(None)
    listed = settings.phone.search == "listed_formats"
    formats = [in_notation_of(phone, example) for example in settings.phone.search_formats] if listed else None

    def matches(stored: str) -> bool:
        if formats is not None:
            return stored in formats
        return same_number(phone, stored, settings.phone.default_region)

    return Client(phone.e164, tuple(_visible(row, settings, matches)), _open_callback(row))


def _visible(row: Row, settings: Settings, matches: Any) -> Sequence[Record]:
    """Records that carry the number, and those that hang on a contact which carries it."""
    states = [state for state in row.body["crm_state"] if state["entity"] != "task"]
    records = [(state, record_of(state, row, settings)) for state in states]
    contacts = [(state, record) for state, record in records if record.kind is RecordKind.CONTACT]
    found = {record.id for state, record in contacts if matches(str(state.get("phone", "")))}
    default = contacts[0][1].id if contacts else None
    visible: list[Record] = []
    for state, record in records:
        if record.kind is RecordKind.CONTACT or record.kind in settings.vendor.phone_kinds or default is None:
            if matches(str(state.get("phone", ""))):
                visible.append(record)
        elif (state.get("contact") or default) in found:
            visible.append(replace(record, contact=state.get("contact") or default))
    return visible


def record_of(state: Mapping[str, Any], row: Row, settings: Settings) -> Record:
    """A record of a row's CRM state."""
    updated = state.get("updated")
    owners = tuple(_owner(owner, row.fixtures) for owner in state.get("owners") or ())
    return Record(
        kind=settings.vendor.words[state["entity"]],
        id=str(state["id"]),
        owner=crm_user(state.get("owner"), row.fixtures),
        open=state.get("status", "open") == "open",
        contact=state.get("contact"),
        updated_at=datetime.fromisoformat(str(updated)).replace(tzinfo=UTC) if updated else None,
        attribution=state.get("utm"),
        owners=owners,
    )


def _owner(owner: Any, fixtures: Tree) -> Owner:
    if isinstance(owner, Mapping):
        gone = bool(owner.get("blocked") or owner.get("deleted"))
        return Owner(str(owner["id"]), active=not gone, employee=owner.get("type") != "client")
    return Owner(crm_user(str(owner), fixtures) or str(owner))


def _open_callback(row: Row) -> bool:
    tasks = [state for state in row.body["crm_state"] if state["entity"] == "task"]
    return any(task.get("kind", "callback") == "callback" and task.get("status", "open") == "open" for task in tasks)


def client_number(row: Row) -> str | None:
    """The client's side of a call, form or dispatch, as the row writes it."""
    event = row.event
    number = event.get("to") if event.get("direction") == "out" else event.get("from", event.get("phone"))
    return None if number is None else str(number)


# --- the events ---


def agent_of(who: str, fixtures: Tree) -> Agent:
    """An employee by his first main direction, or a bare direction, as the provider would name it."""
    employee = fixtures["employees"].get(who)
    direction = str(employee["main_directions"][0]) if employee else who
    return Agent(sip=direction.removeprefix("sip:")) if direction.startswith("sip:") else Agent(number=direction)


def begun_at(row: Row) -> datetime:
    """When the row's call begins, UTC."""
    text = str(row.event.get("started") or row.project["now"])
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(row.project["timezone"])).astimezone(UTC)


def duration(text: str) -> timedelta:
    """`PT4H` or `PT90M`, as a row writes it."""
    return timedelta(hours=int(text[2:-1])) if text.endswith("H") else timedelta(minutes=int(text[2:-1]))


def answering(row: Row) -> list[str]:
    """Who talked, first to last."""
    return [str(who) for who in row.event.get("legs") or [row.event.get("answered_by")] if who is not None]


def events_of(row: Row, region: str) -> list[Event]:
    """The row's event as the deliveries a provider would make of it, in order; repeated ones are left in."""
    if row.kind == "call":
        events = _call_events(row, region)
    elif row.kind == "form":
        events = [_base(row, region, Moment.SUBMIT, EventKind.FORM)]
    elif row.kind == "messenger_dispatch":
        who = row.event.get("pressed_by")
        parts = (Participation(Part.DISPATCHING, agent_of(str(who), row.fixtures), begun_at(row)),) if who else ()
        events = [replace(_base(row, region, Moment.DISPATCH, EventKind.MESSENGER), parts=parts)]
    else:
        events = [_base(row, region, Moment.END, EventKind.MESSENGER)]
    return events * int(row.event.get("deliveries", 1))


def _base(row: Row, region: str, moment: Moment, kind: EventKind = EventKind.CALL) -> Event:
    event, number = row.event, client_number(row)
    utm = {name: str(value) for name, value in (event.get("utm") or {}).items()}
    return Event(
        provider="golden",
        call=str(event.get("call_id") or row.id),
        key=moment.value,
        moment=moment,
        at=begun_at(row),
        kind=kind,
        call_type=CallType(event["direction"]) if "direction" in event else None,
        client=read_phone(number, region).e164 if number else None,
        client_hidden=kind is EventKind.CALL and number is None,
        line=event.get("line"),
        started_at=begun_at(row),
        attribution=utm,
        person_name=event.get("name"),
        person_email=event.get("email"),
    )


def _call_events(row: Row, region: str) -> list[Event]:
    if row.event.get("stage") == "ringing":
        return [_base(row, region, Moment.RING)]
    if row.event["result"] == "answered" and row.event["direction"] == "in":
        legs = [
            replace(
                _base(row, region, Moment.ANSWER),
                key=f"answer:{who}",
                at=begun_at(row) + ANSWERED_AFTER + index * LEG,
                parts=(_part(row, Part.ANSWERED, who, begun_at(row) + ANSWERED_AFTER + index * LEG),),
            )
            for index, who in enumerate(answering(row))
        ]
        return [*legs, *_ends(row, region)]
    return _ends(row, region)


def _part(row: Row, part: Part, who: str, at: datetime) -> Participation:
    return Participation(part, agent_of(who, row.fixtures), at)


def _ends(row: Row, region: str) -> list[Event]:
    """The end of the call; with `events` the end first and the recording later."""
    event, answered = row.event, row.event["result"] == "answered"
    missed_in = event.get("missed_in")
    offered = [_part(row, Part.OFFERED, str(who), begun_at(row)) for who in event.get("distributed_to") or ()]
    caller = [_part(row, Part.CALLER, str(event["caller"]), begun_at(row))] if "caller" in event else []
    end = replace(
        _base(row, region, Moment.END),
        outcome=Outcome(event["result"]),
        missed_in=MissPlace(missed_in) if missed_in else None,
        parts=(*offered, *caller),
        at=begun_at(row) + ANSWERED_AFTER + TALK,
        talk_seconds=int(TALK.total_seconds()) if answered else 0,
        total_seconds=int((ANSWERED_AFTER + TALK).total_seconds()),
    )
    if "recording_ready" not in (event.get("events") or ()):
        return [replace(end, recording=event.get("recording"))]
    return [end, replace(end, key="end+recording", recording=event.get("recording"), at=end.at + LATE_RECORDING)]
