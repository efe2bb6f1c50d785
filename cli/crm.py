"""`patchcord crm`: the connection to the CRM, its fields and its users."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli.failures import usage
from cli.frame import Session, command, group
from cli.output import Answer, table
from patchcord.model.records import RecordKind
from patchcord.model.settings import Settings
from patchcord.service.connect import reconnect

app = group("The connection to the CRM.")


@command(app, "check")
def check(
    session: Session,
    again: Annotated[bool, typer.Option("--reconnect", help="open it again if the CRM takes our credentials")] = False,
) -> Answer:
    """Check the connection: credentials, rights, fields. Exit code 1 when something is missing."""
    projects, project = session.connection.projects, session.project
    lacks = reconnect(session.connection.store, projects, project) if again else projects.crm(project).check()
    rows = [(lack.code, lack.what, lack.remedy) for lack in lacks]
    shown = table(("code", "what is missing", "what to do"), rows) if lacks else "connected; nothing is missing"
    return Answer({"vendor": project.settings.crm.vendor, "lacks": [asdict(lack) for lack in lacks]}, (shown,), bool(lacks))


@command(app, "fields")
def fields(session: Session, kind: Annotated[str, typer.Argument(help="contact, lead … or the CRM's own word")]) -> Answer:
    """List the fields of a kind of record, with the ids that settings name."""
    wanted = kind_of(kind, session.settings)
    found = session.connection.projects.crm(session.project).fields(wanted)
    rows = [(field.id, field.name, field.type, field.custom) for field in found]
    return Answer([asdict(field) for field in found], (table(("id", "name", "type", "custom"), rows),))


@command(app, "users")
def users(session: Session) -> Answer:
    """List the CRM's users, with the ids that employees are bound to."""
    found = session.connection.projects.crm(session.project).users()
    rows = [(user.id, user.name, user.email, user.active, user.admin) for user in found]
    return Answer([asdict(user) for user in found], (table(("id", "name", "e-mail", "active", "administrator"), rows),))


def kind_of(word: str, settings: Settings) -> RecordKind:
    """A kind of record by its neutral name or the CRM's own word."""
    words = settings.vendor.words
    named = words.get(word.lower())
    if named is not None:
        return named
    if word.lower() in {kind.value for kind in words.values()}:
        return RecordKind(word.lower())
    raise usage(f"{settings.vendor.title} has no {word!r}", f"One of: {', '.join(sorted({*words, *words.values()}))}.")
