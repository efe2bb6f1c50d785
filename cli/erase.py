"""`patchcord erase`: a client's data are removed here, and what stands in the CRM is listed for whoever removes it there."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from cli.dry_run import LOOK_BACK, found_in_crm
from cli.explain import opened
from cli.failures import unreachable, usage
from cli.frame import Session, command
from cli.journal import calls_of, days, named
from cli.output import Answer, calls_in_words, show, table
from patchcord.model.phone import ImpossiblePhone, masked, read_phone
from patchcord.service.claims import Claims
from patchcord.service.clients import client_key
from patchcord.service.clock import no_deadline
from patchcord.service.journal import events_of
from patchcord.store.port import CallKey, Claim, Entry

JUST_NOW = timedelta(days=1)
"""Calls that came while somebody was asked are removed too."""


def erase(
    session: Session,
    number: Annotated[str, typer.Argument(help="the client's number")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    no_crm: Annotated[bool, typer.Option("--no-crm", help="do not look into the CRM")] = False,
) -> Answer:
    """Remove a client's data from the journal and the client index; list what stands in the CRM. It cannot be undone."""
    project, connection = session.project, session.connection
    try:
        client = read_phone(number, project.settings.phone.default_region).e164
    except ImpossiblePhone:
        raise usage("this is no telephone number") from None
    entries = calls_with(session, client, LOOK_BACK)
    known = connection.store.client(project.name, client_key(project.client_secret, client)) is not None
    crm = None if no_crm else in_crm(session, client)
    data = {"client": masked(client), "calls": [named(entry) for entry in entries], "known_client": known, "in_crm": crm}
    if client in project.settings.blocked_e164:
        data["blocked"] = True
    if not entries and not known:
        return Answer({**data, "erased": False}, _shown(data, "Nothing is kept here of this client"))
    if not yes and not session.as_json:
        show(Answer(data, _shown(data, "To be removed here")), as_json=False)
    session.confirm(f"Remove {calls_in_words(len(entries))} of {masked(client)}?", yes)
    removed = _removed(session, client, entries)
    words = f"Removed here: {calls_in_words(removed)}, and what was known of the client"
    return Answer({**data, "erased": True}, _shown(data, words) if yes else (words,))


def calls_with(session: Session, client: str, back: timedelta) -> list[Entry]:
    """The calls first heard of within that time of which an event names the client."""
    now = session.connection.clock.now()
    wanted = days((now - back).date(), now.date())
    of_days = session.tracked(wanted, "reading the journal", len(wanted))
    entries = calls_of(session.connection.store, session.project.name, of_days)
    return [entry for entry in entries if any(event.client == client for event in events_of(entry))]


def in_crm(session: Session, client: str) -> list[dict[str, Any]]:
    """What the CRM has for the number: kind, id, and where a person opens it."""
    crm = opened(session)
    records = found_in_crm(session, client)
    return [{"kind": it.kind.value, "id": it.id, "link": crm.link(it.ref) if crm else None} for it in records]


def _removed(session: Session, client: str, entries: list[Entry]) -> int:
    """Remove under the client's claim, so that nobody writes to what is being removed; how many calls were there."""
    project, connection = session.project, session.connection
    store = connection.store
    claim = Claims(store, connection.clock).wait(project, client, CallKey(project.name, "cli", "erase"), no_deadline())
    if not isinstance(claim, Claim):
        raise unreachable("an event of this client is being worked on", "Nothing was removed. Try again in a minute.")
    late = {entry.key for entry in calls_with(session, client, JUST_NOW)}
    keys = [*late, *(entry.key for entry in entries if entry.key not in late)]
    count = sum(store.erase_call(key) for key in session.tracked(keys, "removing", len(keys)))
    store.erase_client(claim)
    return count


def _shown(data: dict[str, Any], words: str) -> list[RenderableType]:
    parts: list[RenderableType] = [words, *(f"   {call}" for call in data["calls"])]
    if data.get("blocked"):
        parts.append("\nThe number stands in blocked_numbers; that is for you to change")
    if data["in_crm"] is None:
        return [*parts, "\nThe CRM was not asked"]
    if not data["in_crm"]:
        return [*parts, "\nThe CRM has nothing for this number"]
    rows = [(it["kind"], it["id"], it["link"]) for it in data["in_crm"]]
    return [*parts, "\nIn the CRM, to be removed there", table(("kind", "id", "address"), rows)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "erase")(erase)
