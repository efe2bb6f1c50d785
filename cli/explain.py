"""`patchcord explain`: a call from its events to what was written, by which rule, and what would be decided now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from cli.calls import Numbers
from cli.deciding import client_of, decided_again, planned, states_of, timeline_at
from cli.frame import Session, command
from cli.journal import call_of, named, person, status_of
from cli.output import Answer, facts, table
from patchcord.crm.errors import CrmError
from patchcord.crm.port import Crm
from patchcord.model.effects import Decision
from patchcord.model.events import Event
from patchcord.model.phone import masked
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline
from patchcord.service.journal import EffectState, events_of
from patchcord.store.port import Entry

Tree = dict[str, Any]


def explain(
    session: Session,
    call: Annotated[str, typer.Argument(help="provider:id, or the id alone")],
    numbers: Numbers = False,
) -> Answer:
    """Explain a call: its events, what they come to, the situation, what was written and why."""
    project, connection = session.project, session.connection
    settings = project.settings
    entry = call_of(connection.store, project.name, call, settings.telephony.provider)
    told = explained(entry, settings, numbers=numbers)
    told["effects"] = [effect_tree(key, state, opened(session)) for key, state in states_of(entry).items()]
    events = events_of(entry)
    if events:
        now, rosters = connection.clock.now(), lambda: connection.providers.roster(project)
        timeline = timeline_at(events, now, settings, rosters)
        told["timeline"] = timeline_facts(timeline, settings, numbers=numbers)
        told["client_records"] = [
            {"kind": it.kind.value, "id": it.id, "open": it.open, "owner": it.owner} for it in client_of(entry, timeline).records
        ]
        told["now"] = decided_now(decided_again(entry, settings, now, rosters), entry)
    return Answer(told, _shown(told), told["status"] == "failed")


def opened(session: Session) -> Crm | None:
    """The project's CRM for making links, which asks it nothing; None when its connection is not set up."""
    try:
        return session.connection.projects.crm(session.project)
    except CrmError:
        return None


def explained(entry: Entry, settings: Settings, *, numbers: bool = False) -> Tree:
    """What the journal says of a call: its decision, its events in order, the answers that routing gave."""
    decision = json.loads(entry.decision) if entry.decision else {}
    events = sorted(events_of(entry), key=lambda event: (event.at, event.key))
    return {
        "call": named(entry),
        "heard": entry.at.isoformat(timespec="seconds") if entry.at else None,
        "status": status_of(entry, decision.get("situation", "")),
        "situation": decision.get("situation", ""),
        "reason": decision.get("reason", ""),
        "rules": list(dict.fromkeys(decision.get("rules", []))),
        "events": [_event(event, entry, settings) for event in events if "route" not in event.extra],
        "routing": [{"at": event.at.isoformat(timespec="seconds"), **event.extra} for event in events if "route" in event.extra],
    }


def _event(event: Event, entry: Entry, settings: Settings) -> Tree:
    people = [f"{part.part.value} {person(part.agent, settings.directory)}" for part in event.parts]
    return {
        "at": event.at.isoformat(timespec="seconds"),
        "moment": event.moment.value,
        "key": event.key,
        "outcome": event.outcome.value if event.outcome else None,
        "people": people,
        "carried_out": event.key in entry.settled,
    }


def timeline_facts(timeline: Timeline, settings: Settings, *, numbers: bool = False) -> Tree:
    """The folded call, without what is secret (the recording's address) and, unless `numbers`, without the number."""
    people = settings.directory

    def value(item: Any) -> Any:
        return getattr(item, "value", None)

    return {
        "kind": timeline.kind.value,
        "way": value(timeline.call_type),
        "client": timeline.client if numbers else masked(timeline.client) if timeline.client else None,
        "hidden": timeline.hidden,
        "line": timeline.line,
        "moments": sorted(moment.value for moment in timeline.moments),
        "outcome": value(timeline.outcome),
        "missed_in": value(timeline.missed_in),
        "talked": [person(agent, people) for agent in timeline.handlers],
        "rang_at": [person(agent, people) for agent in timeline.offered_to],
        "caller": person(timeline.caller, people) if timeline.caller else None,
        "dispatching": person(timeline.dispatching, people) if timeline.dispatching else None,
        "started_at": timeline.started_at.isoformat(timespec="seconds") if timeline.started_at else None,
        "wait_seconds": timeline.wait_seconds,
        "talk_seconds": timeline.talk_seconds,
        "recording": timeline.recording is not None,
        "visit": sorted(timeline.attribution),
        "form_fields": sorted(timeline.form),
    }


def decided_now(now: Decision, entry: Entry) -> Tree:
    """What the settings in force make of the call today, and what of it the journal does not have."""
    kept = entry.effects.keys()
    effects = [asdict(planned(effect)) for effect in now.effects]
    return {
        "situation": now.situation,
        "reason": now.reason,
        "rules": list(dict.fromkeys(now.rules)),
        "effects": effects,
        "not_in_journal": [effect.key for effect in now.effects if effect.key not in kept],
        "no_longer": [key for key in kept if key not in {effect.key for effect in now.effects}],
    }


def effect_tree(key: str, state: EffectState, crm: Crm | None) -> Tree:
    link = crm.link(state.ref) if crm is not None and state.ref is not None else None
    return {
        "key": key,
        "what": state.what,
        "state": state.state.value,
        "id": state.id,
        "link": link or None,
        "owner": state.owner,
        "since": state.since.isoformat(timespec="seconds"),
        "rules": list(dict.fromkeys(state.rules)),
        "words": state.words,
    }


def _shown(told: Mapping[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = [_heading(told), "\nEvents"]
    events = [(it["at"], it["moment"], it["outcome"], it["people"], _done(it)) for it in told["events"]]
    parts.append(table(("at", "moment", "outcome", "people", ""), events))
    if told["routing"]:
        answers = [(it["at"], it["route"], it.get("source"), it.get("reason"), it.get("ms")) for it in told["routing"]]
        parts += ["\nSmart routing", table(("at", "rang", "by", "reason", "ms"), answers)]
    if "timeline" in told:
        parts += [
            "\nThe call",
            facts((name.replace("_", " "), value) for name, value in told["timeline"].items() if value is not False),
        ]
    if told.get("client_records"):
        records = [(it["kind"], it["id"], "open" if it["open"] else "closed", it["owner"]) for it in told["client_records"]]
        parts += ["\nThe client before the call", table(("kind", "id", "state", "CRM user"), records)]
    parts.append("\nWritten in the CRM" if told["effects"] else "\nNothing was written in the CRM")
    if told["effects"]:
        effects = [(it["what"], it["state"], it["id"], it["owner"], it["rules"], it["words"]) for it in told["effects"]]
        parts.append(table(("what", "state", "id", "owner", "rules", "the CRM's words"), effects))
        parts += [f"   {it['what']}: {it['link']}" for it in told["effects"] if it["link"]]
    return [*parts, *_today(told)]


def _heading(told: Mapping[str, Any]) -> RenderableType:
    situation = ": ".join(filter(None, (told["situation"], told["reason"])))
    return facts(
        (
            ("call", told["call"]),
            ("heard", told["heard"]),
            ("status", told["status"]),
            ("situation", situation),
            ("rules", told["rules"]),
        )
    )


def _done(event: Mapping[str, Any]) -> str:
    return "" if event["carried_out"] else "open until its promise, or the end of the call"


def _today(told: Mapping[str, Any]) -> list[RenderableType]:
    """What today's settings would make of it, if that is something else."""
    now = told.get("now")
    if now is None or not (
        now["not_in_journal"] or now["no_longer"] or now["situation"] != (told["situation"] or now["situation"])
    ):
        return []
    words = [
        ("situation", now["situation"]),
        ("not in the journal", now["not_in_journal"]),
        ("no longer asked for", now["no_longer"]),
    ]
    return ["\nWith the settings of today", facts(words)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "explain")(explain)
