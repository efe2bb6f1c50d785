"""`patchcord webhooks`: the addresses to paste into the telephony's cabinet, with what each is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import RenderableType

from cli.failures import usage
from cli.frame import Session, command
from cli.output import Answer, facts
from patchcord.telephony.ringostat_setup import webhooks as ringostat_webhooks

SECRET = "webhook_secret"  # noqa: S105 - the name of a secret
"""Under which name `project init` keeps the secret of the webhooks' addresses; the settings hold its hash alone."""
PLACEHOLDER = "https://YOUR-API"


@dataclass(frozen=True, slots=True)
class Hook:
    """One address. `where` is its place in the cabinet; `needed`: without it the product misses calls."""

    where: str
    url: str
    method: str = ""
    format: str = ""
    parameters: tuple[str, ...] = ()
    needed: bool = False
    note: str = ""


def addresses(telephony: str, base: str | None, project: str, secret: str) -> tuple[Hook, ...]:
    """Every address of a project. Raises Failure for a base that is no address of an API."""
    root = (base or PLACEHOLDER).rstrip("/")
    own = _of_mango(root, project, secret) if telephony == "mango" else _of_ringostat(root, project, secret)
    form = Hook("Your site's own form", f"{root}/v1/forms/{project}/NAME", "POST", "JSON or form", note="docs/forms.md")
    button = Hook(
        "Button in a softphone or chat tool", f"{root}/v1/dispatch/{project}/{secret}", "POST", "JSON", note="docs/forms.md"
    )
    return (*own, form, button)


def _of_mango(root: str, project: str, secret: str) -> tuple[Hook, ...]:
    note = "MANGO adds /events/call, /events/summary and so on; press Check connection"
    return (
        Hook(
            "API connector, address of the external system", f"{root}/v1/hooks/{project}/{secret}/mango", needed=True, note=note
        ),
    )


def _of_ringostat(root: str, project: str, secret: str) -> tuple[Hook, ...]:
    try:
        hooks = ringostat_webhooks(root, project, secret)
    except ValueError as error:
        raise usage(str(error), "The address of the API is the stack's output ApiUrl; the stand prints its own.") from None
    told = [
        Hook(f"{it.event}, {it.moment}", it.url, it.method, it.data_format, it.parameters, it.required, it.note) for it in hooks
    ]
    note = "for smart routing (docs/routing.md); /NAME of a block may follow"
    return (
        *told,
        Hook("Webhook number, in the forwarding scheme", f"{root}/v1/routing/{project}/{secret}", "POST", "JSON", note=note),
    )


def shown(hooks: Sequence[Hook]) -> list[RenderableType]:
    """The addresses for a person in front of the cabinet."""
    parts: list[RenderableType] = []
    for place, hook in enumerate(hooks, 1):
        parts.append(f"{place}. {hook.where} ({'required' if hook.needed else 'optional'})")
        parts.append(f"   {hook.url}")
        named = (("method", hook.method), ("format", hook.format), ("parameters", hook.parameters), ("note", hook.note))
        parts.append(facts((f"   {name}", value) for name, value in named))
    return parts


def webhooks(
    session: Session,
    base: Annotated[
        str | None, typer.Option(help="address of the API, if the stack does not tell it", show_default=False)
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(envvar="PATCHCORD_WEBHOOK_SECRET", help="the addresses' secret, if it is not kept here", show_default=False),
    ] = None,
) -> Answer:
    """Print the webhooks to paste, with the project's secret in them."""
    project = session.project
    kept = secret or session.connection.secrets.get(project.name, SECRET)
    if kept is None:
        raise usage("the secret of the webhooks' addresses is not kept here", "Give it: --secret, or PATCHCORD_WEBHOOK_SECRET.")
    if not project.admits(kept):
        raise usage("this is not the secret of the project's webhooks", "telephony.secrets holds the hashes of those that are.")
    hooks = addresses(project.settings.telephony.provider, base or session.connection.base, project.name, kept)
    return Answer([asdict(hook) for hook in hooks], shown(hooks))


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "webhooks")(webhooks)
