"""`patchcord dry-run`: what would be written for a webhook or a call, and what other settings would change. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from cli.deciding import Change, change_of, decided_again, decision_of, planned, states_of, timeline_at
from cli.failures import usage
from cli.frame import Session, command
from cli.journal import call_of, calls_of, days, named
from cli.output import Answer, calls_in_words, facts, table
from cli.payloads import event_in
from cli.read_only import ReadOnly
from cli.tree import read_document
from patchcord.model.effects import Decision
from patchcord.model.phone import read_phone
from patchcord.model.records import Client, Record
from patchcord.model.roster import Roster
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline
from patchcord.scenarios.constraints import check
from patchcord.scenarios.profiles import InvalidSettings, effective
from patchcord.scenarios.screen import screen
from patchcord.service.clients import client_key, index_of, lag_of, merged
from patchcord.service.gate import Gate, look_up_cost
from patchcord.service.journal import events_of, snapshot
from patchcord.service.seeing import search_of
from patchcord.store.names import DEFAULT_RETENTION
from patchcord.store.port import CallKey, Entry

LOOK_BACK = DEFAULT_RETENTION.journal + timedelta(days=31)
"""How far back calls may have been heard of first: the journal is kept from its last write on."""


def dry_run(
    session: Session,
    what: Annotated[
        str | None, typer.Argument(metavar="[FILE|CALL]", help="a webhook in a file, or a call of the journal")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="other settings, TOML or JSON, to compare with", show_default=False)
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="compare over so many calls of the journal", show_default=False)] = None,
    moment: Annotated[
        str | None, typer.Option("--as", help="for a body alone: the end of its address, such as in/after", show_default=False)
    ] = None,
) -> Answer:
    """Say what would be written, and write nothing; with --settings, what those would change."""
    other = None if settings is None else other_settings(settings)
    if last is not None:
        if other is None or what is not None:
            raise usage("--last compares two settings over the journal: it needs --settings, and neither a file nor a call")
        return _over_the_journal(session, other, last)
    if what is None:
        raise usage("it is not said what to try", "Give a file, a call, or --last N with --settings.")
    return _of_one(session, what, moment, other)


def other_settings(path: Path) -> Settings:
    """A file's settings, if they could be saved. Raises InvalidSettings."""
    settings = effective(read_document(path))
    wrong = tuple(finding for finding in check(settings) if finding.severity == "error")
    if wrong:
        raise InvalidSettings(wrong)
    return settings


# --- one webhook, or one call ---


def _of_one(session: Session, what: str, moment: str | None, other: Settings | None) -> Answer:
    project, connection = session.project, session.connection
    entry = _entry(session, what, moment)
    now = connection.clock.now()

    def decided(settings: Settings, *, anew: bool = False) -> Decision:
        timeline = timeline_at(events_of(entry), now, settings, lambda: connection.providers.roster(project))
        return decision_of(timeline, client, settings, {} if anew else states_of(entry))

    timeline = timeline_at(events_of(entry), now, project.settings)
    client = client_seen(session, entry, timeline)
    found = [{"kind": it.kind.value, "id": it.id, "open": it.open, "owner": it.owner} for it in client.records]
    decision = decided(project.settings)
    data: dict[str, Any] = {"call": named(entry), "client_records": found, **_told(decision, entry)}
    parts = [*_shown(data)]
    if other is not None:
        change = change_of(decided(project.settings, anew=True), decided(other, anew=True))
        data["with_other_settings"] = asdict(change) if change else None
        parts += ["\nWith the other settings", _change(change)]
    return Answer(data, parts)


def _entry(session: Session, what: str, moment: str | None) -> Entry:
    """The call in the journal; or the one that a file's webhook would make, with what the journal has of it already."""
    project, connection = session.project, session.connection
    path = Path(what)
    if path.suffix != ".json" and not path.is_file():
        return call_of(connection.store, project.name, what, project.settings.telephony.provider)
    from patchcord.model.codec import dump

    event = event_in(path, moment, project, connection.clock)
    key = CallKey(project.name, event.provider, event.call)
    known = connection.store.entry(key) or Entry(key)
    return Entry(key, {event.key: dump(event), **known.events}, known.effects, known.settled, known.client, known.decision)


def client_seen(session: Session, entry: Entry, timeline: Timeline) -> Client:
    """The client as the journal has him, else as the CRM tells now; nobody asks for one with whom nothing is done."""
    if entry.client is not None:
        return snapshot(entry.client, timeline.client).client
    if timeline.client is None or screen(timeline, session.settings) is not None:
        return Client(timeline.client)
    return Client(timeline.client, found_in_crm(session, timeline.client))


def found_in_crm(session: Session, e164: str) -> tuple[Record, ...]:
    """What the CRM and our index know of a number: as `perform` looks, within the CRM's limit, through a connection that
    cannot write. Raises the errors of the CRM port, NotNow, Shut."""
    project, connection = session.project, session.connection
    crm = ReadOnly(connection.projects.crm(project))
    Gate(connection.store, project.name, crm, connection.clock).spend(look_up_cost(crm))
    found = crm.find(read_phone(e164, project.settings.phone.default_region), search_of(project.settings, e164))
    index = index_of(connection.store.client(project.name, client_key(project.client_secret, e164)))
    return merged(index, found, connection.clock.now(), lag_of(crm))


def _told(decision: Decision, entry: Entry) -> dict[str, Any]:
    effects = [{**asdict(planned(effect)), "journal": _state(entry, effect.key)} for effect in decision.effects]
    rules = list(dict.fromkeys(decision.rules))
    return {"situation": decision.situation, "reason": decision.reason, "rules": rules, "effects": effects}


def _state(entry: Entry, key: str) -> str | None:
    state = states_of(entry).get(key)
    return state.state.value if state else None


def _shown(told: dict[str, Any]) -> Iterable[RenderableType]:
    situation = ": ".join(filter(None, (told["situation"], told["reason"])))
    records = [f"{it['kind']} {it['id']}{'' if it['open'] else ' (closed)'}" for it in told["client_records"]]
    yield facts(
        (("call", told["call"]), ("client has", records or "nothing"), ("situation", situation), ("rules", told["rules"]))
    )
    if not told["effects"]:
        yield "\nNothing would be written"
        return
    yield "\nWhat would be written"
    rows = [(it["what"], it["at"], it["whose"], it["due"], it["rules"], it["journal"]) for it in told["effects"]]
    yield table(("what", "moment", "whose", "due", "rules", "journal"), rows)


def _change(change: Change | None) -> RenderableType:
    if change is None:
        return "the same would be written"
    situation = change.situation_after if change.situation_after != change.situation_before else None
    return facts((("situation", situation), ("added", change.added), ("removed", change.removed), ("changed", change.changed)))


# --- the journal ---


def _over_the_journal(session: Session, other: Settings, last: int) -> Answer:
    project, connection = session.project, session.connection
    now = connection.clock.now()
    wanted = days((now - LOOK_BACK).date(), now.date())
    entries = (entry for entry in calls_of(connection.store, project.name, wanted) if entry.events)

    def rosters() -> Roster | None:
        return connection.providers.roster(project)

    rows: list[tuple[str, Change]] = []
    looked = 0
    for entry in session.tracked(islice(entries, last), "deciding again", last):
        looked += 1
        before, after = (decided_again(entry, it, now, rosters, anew=True) for it in (project.settings, other))
        change = change_of(before, after)
        if change is not None:
            rows.append((named(entry), change))
    data = {"calls": looked, "differences": [{"call": call, **asdict(change)} for call, change in rows]}
    words = f"{len(rows)} of {calls_in_words(looked)} would be treated otherwise"
    cells = [
        (call, it.situation_before, it.situation_after, *("\n".join(words) for words in (it.added, it.removed, it.changed)))
        for call, it in rows
    ]
    columns = ("call", "situation", "with the others", "added", "removed", "changed")
    return Answer(data, (table(columns, cells), f"\n{words}") if rows else (words,))


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "dry-run")(dry_run)
