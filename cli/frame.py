"""The frame of every command: the options they share, one place for output, and one for everything that goes wrong."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, wraps
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from cli.connection import Connection, Target, connected
from cli.failures import Exit, Failure, missing, unreachable, usage
from cli.output import Answer, show, tell, tracked
from patchcord.crm.errors import CrmError
from patchcord.model.settings import Settings
from patchcord.scenarios.profiles import InvalidSettings
from patchcord.service.gate import NotNow, Shut
from patchcord.service.projects import PROJECT_NAME, IncompleteProject, Project
from patchcord.store.port import ClaimLost, VersionConflict
from patchcord.telephony.errors import TelephonyError

T = TypeVar("T")

STAND_PROJECT = "demo"

Stack = Annotated[str | None, typer.Option("--stack", envvar="PATCHCORD_STACK", help="a deployed stack", show_default=False)]
Stand = Annotated[
    str | None, typer.Option("--stand", envvar="PATCHCORD_STAND", help="address of the local stand's AWS", show_default=False)
]
Name = Annotated[
    str | None, typer.Option("--project", "-p", envvar="PATCHCORD_PROJECT", help="which project", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout instead of tables")]


class Session:
    """One run of one command: what it works on, opened when it is needed."""

    def __init__(self, target: Target, name: str | None, as_json: bool, connection: Connection | None = None) -> None:
        self.as_json = as_json
        self._target, self._name, self._connection = target, name, connection

    @cached_property
    def connection(self) -> Connection:
        return self._connection or connected(self._target)

    @property
    def name(self) -> str:
        """The project's name. Raises Failure when none was given, or it cannot be one."""
        name = self._name or (STAND_PROJECT if self._target.stand else None)
        if name is None:
            raise usage("it is not said which project", "Give --project NAME, or set PATCHCORD_PROJECT.")
        return project_name(name)

    def of(self, name: str) -> Session:
        """The same session for another project."""
        return Session(self._target, project_name(name), self.as_json, self.connection)

    @cached_property
    def project(self) -> Project:
        """The project in force. Raises Failure when there is none of that name."""
        project = self.connection.projects.get(self.name)
        if project is None:
            raise no_project(self.name)
        return project

    @property
    def settings(self) -> Settings:
        return self.project.settings

    def tracked(self, items: Iterable[T], words: str, total: int | None = None) -> Iterator[T]:
        """The items, with a bar where somebody looks on."""
        return iter(items) if self.as_json else tracked(items, words, total)

    def confirm(self, question: str, sure: bool) -> None:
        """Ask unless it is sure already. Raises Failure where nobody can be asked, and Abort for a no."""
        if sure:
            return
        if self.as_json:
            raise usage("this cannot be undone, and --json asks no question", "Add --yes.")
        typer.confirm(question, abort=True, err=True)


def project_name(name: str) -> str:
    """The name, if it can be a project's."""
    if not PROJECT_NAME.fullmatch(name):
        raise usage(f"{name!r} cannot be a project's name", "Small letters, digits and hyphens, at most 40.")
    return name


def no_project(name: str) -> Failure:
    """There is none of that name."""
    return missing(f"there is no project {name}", f"`patchcord project init {name}` makes it.")


def group(words: str) -> typer.Typer:
    """A group of commands, or all of them."""
    return typer.Typer(help=words, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Make a function a command. It gets a Session before its own parameters; the shared options are added to them."""

    def register(work: Callable[..., Answer]) -> Callable[..., Answer]:
        app.command(name, help=inspect.getdoc(work))(_framed(work))
        return work

    return register


def _framed(work: Callable[..., Answer]) -> Callable[..., None]:
    hints = get_type_hints(work, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name]) for parameter in list(inspect.signature(work).parameters.values())[1:]
    ]

    @wraps(work)
    def run(**given: Any) -> None:
        context: typer.Context = given.pop("context")
        target = Target(given.pop("stack"), given.pop("stand"))
        session = Session(target, given.pop("project"), given.pop("as_json"), context.obj)
        raise typer.Exit(ended(lambda: work(session, **given), session.as_json))

    shared = {"stack": Stack, "stand": Stand, "project": Name, "as_json": AsJson}
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=False if name == "as_json" else None
        )
        for name, annotation in shared.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__signature__ = inspect.Signature([context, *own, *options])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (context, *own, *options)}
    return run


def ended(work: Callable[[], Answer], as_json: bool) -> Exit:
    """Do the work, print what it came to, and tell how it ended."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = work()
    except Failure as failure:
        return _failed(failure)
    except InvalidSettings as invalid:
        named = "\n".join(f"{it.severity} {it.code} {it.field}: {it.message}" for it in invalid.findings)
        return _failed(
            Failure(f"these settings cannot be used:\n{named}", "Nothing was stored. docs/settings.md explains the codes.")
        )
    except VersionConflict:
        return _failed(Failure("somebody has saved the settings in between", "Nothing was stored. Look at them and try again."))
    except ClaimLost:
        return _failed(unreachable("an event of this client was worked on meanwhile", "It is not finished. Do it again."))
    except IncompleteProject as incomplete:
        return _failed(missing(str(incomplete), "Put it into the Parameter Store (docs/aws.md)."))
    except CrmError as error:
        return _failed(unreachable(f"the CRM did not do it: {error}", "`patchcord crm check` says what the connection lacks."))
    except TelephonyError as error:
        return _failed(unreachable(f"the telephony did not do it: {error}"))
    except NotNow as wait:
        return _failed(unreachable(f"the CRM may not be asked before {wait.until:%H:%M:%S} UTC: its limit is used up"))
    except Shut as shut:
        return _failed(unreachable(f"the connection to the CRM is shut off: {shut.reason}", "`patchcord crm check --reconnect`"))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        return _failed(
            unreachable(f"AWS refused {error.operation_name}: {code}", "Check AWS_PROFILE, AWS_REGION and your rights.")
        )
    except BotoCoreError as error:
        return _failed(unreachable(f"AWS cannot be reached: {error}", "Check AWS_PROFILE and AWS_REGION."))
    show(answer, as_json)
    return Exit.FOUND if answer.wrong else Exit.OK


def _failed(failure: Failure) -> Exit:
    sys.stdout.flush()
    tell(f"patchcord: {failure.words}", style="bold red")
    if failure.remedy:
        tell(failure.remedy)
    return failure.code
