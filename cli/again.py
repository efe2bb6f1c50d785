"""`patchcord retry` and `redrive`: once the cause is mended, going on with what was given up."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.explain import effect_tree
from cli.frame import Session, command
from cli.journal import call_of
from cli.output import Answer, facts, table
from patchcord.service.accept import FINISHED
from patchcord.service.clock import no_deadline
from patchcord.service.work import Status

MOST = 1_000
"""Dead letters that are sent back at the most, unless somebody wants more."""


def retry(session: Session, call: Annotated[str, typer.Argument(help="provider:id, or the id alone")]) -> Answer:
    """Carry a call out now, also what the CRM has refused before. Exit code 1 when it is not finished then."""
    project, connection = session.project, session.connection
    key = call_of(connection.store, project.name, call, project.settings.telephony.provider).key
    report = connection.performer.resume(project, key, no_deadline(), again=True)
    effects = [effect_tree(name, state, None) for name, state in report.effects.items()]
    seconds = report.retry_after.total_seconds() if report.retry_after else None
    data: dict[str, Any] = {
        "call": f"{key.provider}:{key.call}",
        "status": report.status.value,
        "situation": report.situation,
        "reason": report.reason,
        "retry_after_seconds": seconds,
        "effects": effects,
    }
    heading = facts((name, data[name]) for name in ("call", "status", "situation", "reason"))
    rows = [(it["what"], it["state"], it["id"], it["rules"], it["words"]) for it in effects]
    shown = (heading, table(("what", "state", "id", "rules", "the CRM's words"), rows)) if rows else (heading,)
    return Answer(data, shown, report.status not in FINISHED or report.status is Status.FAILED)


def redrive(session: Session, most: Annotated[int, typer.Option(min=1, help="how many at the most")] = MOST) -> Answer:
    """Send dead letters back into the queue, of all projects; what was refused is tried again."""
    moved = session.connection.redrive(most)
    return Answer({"moved": moved}, (f"{moved} sent back",))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "retry")(retry)
    command(app, "redrive")(redrive)
