"""`patchcord project`: setting a project up, and its settings, version by version."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from cli.failures import Failure, missing, usage
from cli.frame import Session, command, group, no_project
from cli.output import Answer, table
from cli.tree import Difference, Tree, below, differences, effective_tree, read_document, typed, with_value, without
from cli.webhooks import SECRET, addresses, shown
from patchcord.crm.errors import Misconfigured
from patchcord.model.vendors import VENDORS
from patchcord.scenarios.constraints import check
from patchcord.scenarios.profiles import Finding, InvalidSettings, effective
from patchcord.service.projects import CLIENT_KEY, secret_hash
from patchcord.store.port import Document
from patchcord.store.secrets import secret_name
from patchcord.telephony.mango.envelope import KEY_SECRET, SALT_SECRET

app = group("Projects and their settings.")

TELEPHONIES = ("ringostat", "mango")
EMPLOYEE = '{"name": "Anna", "email": "anna@…", "main_directions": ["sip:…"]}'
"""The least that an employee must have."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A version that was stored, what it changes, and what there is to say about it."""

    version: int
    changes: Sequence[Difference]
    warnings: Sequence[Finding]

    def answer(self) -> Answer:
        data = {"version": self.version, "changes": _trees(self.changes), "warnings": _trees(self.warnings)}
        parts: list[RenderableType] = [f"saved as version {self.version}"]
        if self.changes:
            parts.append(_change_table(self.changes))
        return Answer(data, (*parts, *map(_finding, self.warnings)))


def current(session: Session) -> tuple[Document, Tree]:
    """The latest version and its settings. Raises Failure when there is none."""
    document = session.connection.store.document(session.name)
    if document is None:
        raise no_project(session.name)
    return document, json.loads(document.body)


def stored(session: Session, document: Mapping[str, Any], before: Mapping[str, Any], expected: int) -> Saved:
    """Check a document as a whole and store it after version `expected`. Raises InvalidSettings, VersionConflict.

    `expected` is the version that was looked at: what somebody else has saved since is not overwritten.
    """
    findings = check(effective(document))
    if any(finding.severity == "error" for finding in findings):
        raise InvalidSettings(findings)
    connection = session.connection
    body = json.dumps(document, ensure_ascii=False, default=str)
    version = connection.store.save_document(session.name, body, getpass.getuser(), connection.clock.now(), expected)
    connection.projects.forget()
    return Saved(version, differences(before, json.loads(body)), findings)


@command(app, "init")
def init(
    session: Session,
    name: Annotated[str, typer.Argument(help="[a-z0-9-], at most 40")],
    crm: Annotated[str, typer.Option(help=f"one of {', '.join(VENDORS)}", prompt="CRM")],
    telephony: Annotated[str, typer.Option(help=f"one of {', '.join(TELEPHONIES)}", prompt="telephony")],
    timezone: Annotated[str | None, typer.Option(help="the company's, such as Europe/Kyiv", show_default=False)] = None,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of crm.options, such as base_url=https://…")] = None,
    secret: Annotated[list[str] | None, typer.Option(help="name of a secret of the CRM; its value is asked for")] = None,
) -> Answer:
    """Make a project: its secrets, its first settings, and the webhooks to paste."""
    made = session.of(name)
    _known("CRM", crm, VENDORS)
    _known("telephony", telephony, TELEPHONIES)
    store, secrets = made.connection.store, made.connection.secrets
    if store.document(name) is not None:
        raise Failure(f"there is a project {name} already", "`patchcord project show` and `set` are for changing it.")
    hook = token_urlsafe(32)
    document: Tree = {
        "crm": {"vendor": crm, "options": dict(_pair(item) for item in option or ())},
        "telephony": {"provider": telephony, "secrets": [secret_hash(hook)]},
        **({"timezone": timezone} if timezone else {}),
    }
    for wanted in secret or ():
        secrets.put(name, wanted, typer.prompt(f"secret {wanted}", hide_input=True, err=True))
    if secrets.get(name, CLIENT_KEY, fresh=True) is None:  # never replaced: known clients would be new
        secrets.put(name, CLIENT_KEY, token_urlsafe(32))
    secrets.put(name, SECRET, hook)
    saved = stored(made, document, {}, 0)
    hooks = addresses(telephony, made.connection.base, name, hook)
    lacking = _lacking(made, telephony)
    steps = [*lacking, *_next_steps(name)]
    data = {"project": name, "version": saved.version, "webhooks": [asdict(hook) for hook in hooks], "next": steps}
    ordered = "\n".join(f"{place}. {step}" for place, step in enumerate(steps, 1))
    return Answer(data, (f"project {name}: saved as version {saved.version}\n", *shown(hooks), f"\nWhat is next\n{ordered}"))


def _known(what: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise usage(f"there is no {what} {name!r}", f"One of: {', '.join(names)}.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise usage(f"{text!r} is no KEY=VALUE")
    return name, value


def _lacking(session: Session, telephony: str) -> list[str]:
    """What the connections lack, as far as it can be told without asking anybody."""
    lacks = []
    try:
        session.connection.projects.crm(session.project)
    except Misconfigured as error:
        remedy = f"patchcord project set crm.options.…, or patchcord project secret …; docs/vendors/{error.vendor}.md"
        lacks.append(f"{error.words}: {remedy}")
    wanted = (KEY_SECRET, SALT_SECRET) if telephony == "mango" else ()
    kept, name = session.connection.secrets, session.name
    missed = [secret for secret in wanted if not kept.get(name, secret)]
    return [*lacks, *(f"the secret {secret} is missing: patchcord project secret -p {name} {secret}" for secret in missed)]


def _next_steps(name: str) -> list[str]:
    return [
        f"check the connection: patchcord crm check -p {name}",
        f"name the employees: patchcord project set -p {name} employees.anna '{EMPLOYEE}'",
        f"bind them to the CRM's users: patchcord employees match -p {name} --write",
        f"say who takes over: patchcord project set -p {name} senior_manager anna",
        f"switch it on: patchcord project set -p {name} integration.enabled true",
    ]


@command(app, "show")
def show(
    session: Session,
    key: Annotated[str | None, typer.Argument(help="a setting or a section, all without one", show_default=False)] = None,
    in_force: Annotated[bool, typer.Option("--effective", help="with what the CRM's profile adds")] = False,
    version: Annotated[int | None, typer.Option(help="an old version", show_default=False)] = None,
) -> Answer:
    """Show a project's own settings, or those in force."""
    document, tree = current(session) if version is None else _version(session, version)
    if in_force:
        tree = effective_tree(effective(tree))
    leaves = below(tree, key)
    if key is not None and not leaves:
        raise missing(f"{key} is not set{'' if in_force else ' in this project’s own settings'}")
    rows = [(name, value) for name, value in leaves.items()]
    data = {"project": session.name, "version": document.version, "settings": tree if key is None else leaves}
    return Answer(data, (f"{session.name}, version {document.version}", table(("setting", "value"), rows)))


def _version(session: Session, version: int) -> tuple[Document, Tree]:
    document = session.connection.store.document(session.name, version)
    if document is None:
        raise missing(f"{session.name} has no version {version}", "`patchcord project history` lists them.")
    return document, json.loads(document.body)


@command(app, "set")
def set_value(
    session: Session,
    key: Annotated[str, typer.Argument(help="dotted, such as tasks.deadline")],
    value: Annotated[str | None, typer.Argument(help="JSON, TOML or text", show_default=False)] = None,
    unset: Annotated[bool, typer.Option("--unset", help="leave it to the profile again")] = False,
) -> Answer:
    """Change one setting. The whole document is checked and stored as a new version; it acts within a minute."""
    if unset is (value is not None):
        raise usage("give either a value or --unset")
    document, tree = current(session)
    if value is None:
        return stored(session, without(tree, key), tree, document.version).answer()
    meant = typed(value)
    try:
        return stored(session, with_value(tree, key, meant), tree, document.version).answer()
    except InvalidSettings as invalid:
        if isinstance(meant, str) or key not in {finding.field for finding in invalid.findings}:
            raise
    # an id of the CRM looks like a number and is a text
    return stored(session, with_value(tree, key, value), tree, document.version).answer()


@command(app, "secret")
def put_secret(session: Session, secret: Annotated[str, typer.Argument(help="such as api_token, mango_key")]) -> Answer:
    """Put a secret of the CRM or the telephony where the functions read it. The value is asked for; it acts in 5 minutes."""
    name, secrets = session.project.name, session.connection.secrets
    if secret == CLIENT_KEY:
        raise usage(f"{CLIENT_KEY} must never change: known clients would be new")
    try:
        secret_name(secret)
    except ValueError:
        raise usage(f"{secret[:60]!r} cannot be a secret's name") from None
    secrets.put(name, secret, typer.prompt(f"secret {secret}", hide_input=True, err=True))
    return Answer({"project": name, "secret": secret}, (f"{secret} is kept",))


@command(app, "apply")
def apply(session: Session, file: Annotated[Path, typer.Argument(help="settings, TOML or JSON")]) -> Answer:
    """Replace the whole document by a file's."""
    document, tree = current(session)
    return stored(session, read_document(file), tree, document.version).answer()


@command(app, "validate")
def validate(
    session: Session,
    file: Annotated[
        Path | None, typer.Argument(help="settings, TOML or JSON; the project's own without", show_default=False)
    ] = None,
) -> Answer:
    """Check a file's settings, for which no stack is needed, or the project's. Nothing is stored. Exit code 1 for an error."""
    tree = current(session)[1] if file is None else read_document(file)
    try:
        findings = check(effective(tree))
    except InvalidSettings as invalid:
        findings = invalid.findings
    wrong = any(finding.severity == "error" for finding in findings)
    words = [_finding(finding) for finding in findings] or ["nothing is wrong with these settings"]
    return Answer({"valid": not wrong, "findings": _trees(findings)}, words, wrong)


@command(app, "history")
def history(session: Session) -> Answer:
    """List the versions, newest first, with what each changed."""
    documents = session.connection.store.documents(session.name)
    if not documents:
        raise no_project(session.name)
    trees = [json.loads(document.body) for document in documents]
    changed = [[change.key for change in differences(old, new)] for new, old in zip(trees, [*trees[1:], {}], strict=True)]
    rows = [
        {"version": it.version, "at": it.at.isoformat(timespec="seconds"), "author": it.author, "changed": keys}
        for it, keys in zip(documents, changed, strict=True)
    ]
    cells = [
        (str(it.version), f"{it.at:%Y-%m-%d %H:%M}", it.author, "made" if it.version == 1 else keys)
        for it, keys in zip(documents, changed, strict=True)
    ]
    return Answer(rows, (table(("version", "at (UTC)", "author", "changed"), cells),))


@command(app, "rollback")
def rollback(session: Session, version: Annotated[int, typer.Argument(help="the version to go back to")]) -> Answer:
    """Make an old version the current one again, as a new version."""
    document, tree = current(session)
    _, old = _version(session, version)
    return stored(session, old, tree, document.version).answer()


def _change_table(changes: Sequence[Difference]) -> RenderableType:
    return table(("setting", "before", "after"), [(change.key, change.before, change.after) for change in changes])


def _finding(finding: Finding) -> str:
    return f"{finding.severity} {finding.code} {finding.field}: {finding.message}"


def _trees(items: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(item) for item in items]
