"""The local stand: the whole product on this machine, with a day of calls (docs/stand.md).

python -m sandbox [--once] [--crm pipedrive] [--telephony ringostat] [--port N] [--accelerate N] [--secret S]
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import boto3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from werkzeug.wrappers import Request, Response

from patchcord.service import bootstrap
from patchcord.service.projects import SHORTEST_SECRET
from patchcord.store.port import Entry
from sandbox import aws, demo, display, journal, template
from sandbox.clock import StandClock, one_clock
from sandbox.deadlines import Evening, evening
from sandbox.host import Host, Logs, PortTaken, collected
from sandbox.player import commands
from sandbox.player.outcome import Outcome
from sandbox.player.play import Stage, play
from sandbox.player.players import PLAYERS, Player
from sandbox.player.scene import Scene
from sandbox.player.script import Script

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ROOT = Path(__file__).parents[1]
LOG = Path("build/stand.log")
JOURNAL = "/_stand/journal"
API_URL = "PATCHCORD_API_URL"
ACCELERATE = 60.0
DAY_IS_OVER = 19
"""Before this hour the day that is played is yesterday, so that no call lies in the future."""
WIDE_FILE = 140
"""Columns of output that goes into a file or a pipe."""
BAD_USAGE, NOT_AS_SCRIPTED, INTERRUPTED = 2, 1, 130


@dataclass(frozen=True)
class Options:
    """What to run. `port` 0 is a free one; `accelerate` shortens the queues' delays and widens the CRM's limits; `secret` is
    that of the webhooks' addresses, a new one by default."""

    once: bool = False
    crm: str = "pipedrive"
    telephony: str = "ringostat"
    port: int = 0
    accelerate: float = ACCELERATE
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """A running stand. `runs` is what each run of catching up has answered."""

    url: str
    aws: str
    demo: demo.Demo
    host: Host
    logs: Logs
    begun: datetime
    clock: StandClock
    player: Player
    evening: Evening
    runs: list[Any] = field(default_factory=list)

    @property
    def addresses(self) -> display.Addresses:
        journal, ledger = f"{self.url}{JOURNAL}", f"{self.demo.twin_url}/_twin/"
        return display.Addresses(self.demo.hooks(self.url), ledger, journal, str(LOG), self.aws)

    @property
    def command(self) -> str:
        """A call of a new client to copy."""
        return self.player.command(self.demo, self.demo.hooks(self.url), self.clock.now())

    @property
    def question(self) -> str:
        """A question whom to ring to copy, empty where the telephony does not ask."""
        return "" if self.player.question is None else self.player.question(self.demo.questions(self.url))

    @property
    def beside(self) -> tuple[str, str]:
        """A form of the site, and a click in the CRM, to copy."""
        doors = self.demo.doors(self.url)
        return commands.form(doors["forms"]), commands.click(doors["calls"], demo.BORIS_CLIENT, "boris")


# --- putting it up ---


@contextmanager
def standing(options: Options) -> Iterator[Stand]:
    """The stand, as long as the context lasts. Raises PortTaken."""
    begun = datetime.now(UTC)
    with ExitStack() as parts:
        logs = parts.enter_context(collected(ROOT / LOG))
        address, functions = parts.enter_context(aws.moto_and_lambda())
        stack = template.load(ROOT / "template.yaml", {"EndpointUrl": address})
        parts.enter_context(aws.environment(stack.environment))
        parts.enter_context(aws.hurried(options.accelerate))
        clock = parts.enter_context(one_clock())
        waiting = parts.enter_context(evening(clock, options.accelerate))
        parts.enter_context(demo.roomier(options.accelerate, clock))
        parts.enter_context(new_container(stack.environment["POWERTOOLS_SERVICE_NAME"]))
        aws.create(stack)
        project = parts.enter_context(demo.running(options.crm, clock, options.secret, options.telephony))
        host = Host(stack, ROOT, logs, pages(begun, clock))
        functions.invoked = host.invoked
        url = parts.enter_context(host.running(options.port))
        os.environ[API_URL] = url  # where links to recordings lead that are found when catching up
        yield Stand(url, address, project, host, logs, begun, clock, PLAYERS[options.telephony], waiting)


@contextmanager
def new_container(service: str) -> Iterator[None]:
    """A Lambda container begins and ends with its process; here nothing of it may outlive the stand."""
    _forget(service)
    try:
        yield
    finally:
        _forget(service)


def _forget(service: str) -> None:
    """What `bootstrap` built, and the powertools' logger, which writes to where stdout once went."""
    parts: tuple[Any, ...] = (bootstrap.service, bootstrap.store, bootstrap.queue, bootstrap.secrets, bootstrap.observer)
    parts += (bootstrap.retrier, bootstrap.providers, bootstrap.recordings, bootstrap.pbx_service, bootstrap.desk)
    parts += (
        bootstrap.forms,
        bootstrap.deadlines,
        bootstrap.overdue,
        bootstrap.dialler,
        bootstrap.reconciler,
        bootstrap.softphone,
    )
    for part in parts:
        part.cache_clear()
    logging.getLogger(service).handlers.clear()
    logging.Logger.manager.loggerDict.pop(service, None)


def pages(begun: datetime, clock: StandClock) -> dict[str, Callable[[Request], Response]]:
    """The stand's own pages: the journal for people and for programs."""

    def calls() -> list[dict[str, Any]]:
        return journal.calls(entries(begun, clock.now()))

    return {
        JOURNAL: lambda _: Response(journal.page(demo.PROJECT, calls()), mimetype="text/html"),
        f"{JOURNAL}.json": lambda _: Response(json.dumps(calls(), ensure_ascii=False), mimetype="application/json"),
    }


def entries(begun: datetime, now: datetime) -> Iterator[Entry]:
    """The project's calls since the stand began, the latest first."""
    day = now.date()
    while day >= begun.date():
        after: str | None = None
        while True:
            page = bootstrap.store().calls(demo.PROJECT, day.isoformat(), after=after)
            yield from page.entries
            after = page.next
            if after is None:
                break
        day -= timedelta(days=1)


# --- the day ---


def played_day(now: datetime) -> date:
    """Today once its last call lies in the past, else yesterday."""
    local = now.astimezone(ZoneInfo(demo.ZONE))
    return local.date() if local.hour >= DAY_IS_OVER else local.date() - timedelta(days=1)


def play_day(stand: Stand, options: Options, console: Console) -> int:
    """Play the day and show it. 0 when every event ended as its script says and nothing is left over."""
    day = scripted(stand, options)
    stand.player.list_calls(stand.demo, day)
    outcomes = list(_with_progress(play(stage(stand, options), day), _number_of_events(day), console))
    stand.evening.is_over = True
    ending = _ending(stand, options)
    console.print(display.day(outcomes, console.width))
    console.print()
    console.print(display.summary(outcomes, ending))
    differences = display.differences(outcomes, ending)
    for difference in differences:
        console.print(f"NOT AS SCRIPTED: {difference}", style="bold red", markup=False)
    return NOT_AS_SCRIPTED if differences else 0


def stage(stand: Stand, options: Options) -> Stage:
    """Where the day is played."""
    hurried, twin = options.accelerate > 1, stand.demo.twin

    def until(at: datetime) -> None:
        left = max(at - stand.clock.now(), timedelta(0))
        stand.clock.skip(left) if hurried else time.sleep(left.total_seconds())

    return Stage(
        doors=stand.demo.doors(stand.url),
        project=demo.PROJECT,
        journal=bootstrap.store(),
        trouble=stand.demo.trouble,
        relieve=twin.behave,
        requests=lambda: len(twin.requests),
        catch_up=lambda: stand.runs.extend(stand.host.tick()),
        fall_due=stand.evening.fall_due,
        settle=lambda: until(stand.clock.now() + demo.SEARCH_LAG),
        pbx=stand.demo.office,
        patience=15 + 1200 / options.accelerate,
        skip=stand.clock.skip if hurried else lambda by: None,
        until=until,
    )


def scripted(stand: Stand, options: Options) -> tuple[Scene[Any], ...]:
    """The day with its script: written by hand for one CRM, as the decision says for the others; then its deadlines."""
    day, project = stand.player.scenes(played_day(stand.begun), stand.demo), stand.demo
    assert project.settings is not None
    known = {number: list(records) for number, records in project.known.items()}
    roster = None if project.office is None else project.office.roster
    script = Script(project.settings, known, roster, demo.ONLINE if project.office is None else None)
    computed = tuple(script.of(day))
    return (*(day if stand.player.scripted == options.crm else computed), *script.evening())


def _number_of_events(day: Sequence[Scene[Any]]) -> int:
    return sum(len(scene.expects) for scene in day)


def _with_progress(outcomes: Iterator[Outcome], total: int, console: Console) -> Iterator[Outcome]:
    if not console.is_terminal:
        console.print(f"Playing a day of {total} events …\n")
        yield from outcomes
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    # stdout is the functions' log: the bar must not catch it
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False, transient=True) as progress:
        bar = progress.add_task("playing a day of calls", total=total)
        for outcome in outcomes:
            progress.update(bar, advance=1, description=f"{outcome.scene.call.start:%H:%M}  {outcome.scene.shows[:50]:50}")
            yield outcome


def _ending(stand: Stand, options: Options) -> display.Ending:
    """How things stand once the promises of the last events were looked at."""
    sqs = boto3.client("sqs")
    patience = time.monotonic() + 5 + 180 / options.accelerate
    while (promises := _left(stand, sqs, redriven=True)) and time.monotonic() < patience:
        time.sleep(0.1)
    dead_letters = _left(stand, sqs, redriven=False)
    sqs.close()
    twin = stand.demo.twin
    runs = tuple(run["projects"][demo.PROJECT] for run in stand.runs if "projects" in run)
    waited = len(stand.evening.held)
    return display.Ending(twin.title, twin.ledger, promises, dead_letters, tuple(stand.host.failures), runs, waited)


def _left(stand: Stand, sqs: SQSClient, *, redriven: bool) -> int:
    """Messages in the queues that have a dead-letter queue behind them, or in those that are one."""
    queues = (queue for queue in stand.host.stack.queues if bool(queue.redrive) is redriven)
    return sum(aws.waiting(sqs, aws.queue_url(queue.name)) for queue in queues)


# --- the command ---


def run(options: Options, console: Console, afterwards: Callable[[Stand], None] | None = None) -> int:
    """Put the stand up, play the day, and stay up unless it is for once. The exit status.

    `afterwards` is called after the day, while everything still runs; it replaces staying up.
    """
    if options.telephony not in PLAYERS:
        return _refuse(console, f"There is no player of {options.telephony!r}; there is one of: {', '.join(PLAYERS)}.")
    if options.crm not in demo.vendors():
        return _refuse(console, f"There is no twin of {options.crm!r} yet; there is one of: {', '.join(demo.vendors())}.")
    title = PLAYERS[options.telephony].title
    console.print(f"{title} → Patchcord → {options.crm}, all on this machine: moto for AWS, a twin for the CRM. Starting …")
    try:
        with standing(options) as stand:
            status = play_day(stand, options, console)
            stay = afterwards or (None if options.once else partial(_stay, console))
            if stay is not None:
                stay(stand)
            return status
    except PortTaken as problem:
        return _refuse(console, f"{problem}: choose another with --port, or leave --port away for a free one.")


def _refuse(console: Console, words: str) -> int:
    console.print(words, style="bold red", markup=False, highlight=False, soft_wrap=True)
    return BAD_USAGE


def _stay(console: Console, stand: Stand) -> None:
    """Print where things are, and wait for Ctrl-C."""
    console.print()
    display.addresses(console, stand.addresses, stand.player, stand.command, stand.question, stand.beside)
    console.print("\nEverything stays up until Ctrl-C.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("\nStopped.")


def options_of(arguments: Sequence[str] | None) -> Options:
    """The command line as options."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The whole product on this machine.")
    parser.add_argument("--once", action="store_true", help="end after the day; status 0 if all went as scripted")
    parser.add_argument("--crm", default=Options.crm, metavar="VENDOR", help="whose twin to write to (%(default)s)")
    parser.add_argument("--telephony", default=Options.telephony, metavar="NAME", help="who calls (%(default)s)")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="port of the webhooks; a free one by default")
    parser.add_argument(
        "--accelerate",
        type=_factor,
        default=ACCELERATE,
        metavar="N",
        help="how much shorter delays are than on AWS (%(default)g)",
    )
    parser.add_argument("--secret", type=_secret, help="secret in the webhooks' addresses; a new one by default")
    chosen = parser.parse_args(arguments)
    return Options(chosen.once, chosen.crm, chosen.telephony, chosen.port, chosen.accelerate, chosen.secret)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("must be a number up to 65535")
    return int(text)


def _secret(text: str) -> str:
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{{SHORTEST_SECRET},}}", text):
        raise argparse.ArgumentTypeError(f"must be {SHORTEST_SECRET} or more letters, digits, - and _")
    return text


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 1 <= factor <= 1000:
        raise argparse.ArgumentTypeError("must be a number from 1 to 1000")
    return factor


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    options = options_of(arguments)
    console = display.Screen(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE_FILE)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return run(options, console)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
