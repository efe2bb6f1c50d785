"""What the stand shows: the day as a table, a summary, addresses to try things at."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from patchcord.model.phone import masked
from sandbox.player.beside import Click, Dispatch, Submission
from sandbox.player.evening import DueTask
from sandbox.player.outcome import Outcome, Written
from sandbox.player.players import Player
from sandbox.player.routed import Routing
from sandbox.player.scene import DIALLING
from sandbox.player.webhook_number import Question
from sandbox.twins.base import Write

WIDE = 124
"""Columns from which on the day is a table; below it is a list."""
COLUMNS = (("time", 8), ("event", 10), ("situation", 36), ("written in the CRM", 0), ("rules", 24), ("ms", 5))
"""Names and widths of the table; 0 is what the others leave."""
GAP = 2

REASONS = {
    "nothing_due": "nothing is due at this moment",
    "repeated_delivery": "the same delivery again: nothing is done twice",
    "blocked_number": "a blocked number: nothing is done",
    "own_number": "one of our own numbers: nothing is done",
    "hidden_number": "a hidden number: nothing can be done",
    "internal_call": "an internal call: nothing is done",
    "honeypot": "a robot: kept for whoever looks, and nothing is done",
    "not_dispatched": "nobody has pressed the button: nothing is done",
}
LOOKED = {
    "completed_or_gone": "it is done, or somebody has deleted it",
    "nobody_to_tell": "nobody can be told",
}
REFUSED = {
    400: "refused, 400: it cannot be read",
    403: "refused, 403: the account did not sign it",
    404: "refused, 404: there is nothing here",
}
ACKNOWLEDGED = "tells nothing that is needed"
ROUTED = "ring whom"
BESIDE = ("Somebody fills in the form of the site", "Somebody clicks on a client's number in the CRM")


class Screen(Console):
    """Where the stand shows things: the stdout it was started with, whatever `sys.stdout` is by then."""

    def on_broken_pipe(self) -> None:
        """Whoever read the output has gone (`… | head`)."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
        raise SystemExit(1)


# --- the day ---


def day(outcomes: Sequence[Outcome], width: int) -> RenderableType:
    """Every event of the day, call by call: a table, or a list where a table does not fit."""
    if width < WIDE:
        return Group(*_list(outcomes))
    return Group(_grid([_heading()], width), *(_call_table(scene, width) for scene in _scenes(outcomes)))


def _heading() -> tuple[Text, ...]:
    return tuple(Text(name, style="bold underline") for name, _ in COLUMNS)


def _call_table(scene: Sequence[Outcome], width: int) -> RenderableType:
    """A line about the call, and below it its events."""
    title = Text(f"{masked(scene[0].scene.call.client)}  {scene[0].scene.shows}", style="bold")
    return Group(Text(), title, _grid([row for outcome in scene for row in _rows(outcome)], width))


def _rows(outcome: Outcome) -> Iterator[tuple[Text, ...]]:
    """What came of a delivery; whom the caller was put through to is a row of its own."""
    clock = Text(_clock(outcome), style="dim")
    if not (isinstance(outcome.delivery, Question) and outcome.routing):
        rules, milliseconds = Text(_rules(outcome.rules), style="dim"), Text(f"{outcome.milliseconds:.0f}")
        yield clock, Text(_event(outcome)), Text(outcome.situation), _written(outcome), rules, milliseconds
    if outcome.routing is not None:
        found, rules = outcome.routing, Text(_rules(outcome.routing.rules), style="dim")
        whom = _problems(outcome, _whom(found)) if isinstance(outcome.delivery, Question) else _whom(found)
        yield (
            clock,
            Text(ROUTED),
            Text(f"{found.routed.source}: {found.routed.reason}"),
            whom,
            rules,
            Text(f"{found.milliseconds}"),
        )


def _whom(found: Routing) -> Text:
    """Who is rung, and as whom the telephony knows him."""
    if found.routed.direction:
        return Text(f"{found.employee} is rung: {found.routed.direction}", style="green")
    return Text(f"nobody, the scheme goes on{': the CRM was too slow' if found.routed.late else ''}", style="dim")


def _grid(rows: Sequence[Sequence[RenderableType]], width: int) -> Table:
    """Rows in columns of the same widths in every table."""
    grid = Table.grid(padding=(0, GAP, 0, 0))
    left = width - sum(taken + GAP for _, taken in COLUMNS)
    for name, taken in COLUMNS:
        grid.add_column(width=taken or left, justify="right" if name == "ms" else "left", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid


def _list(outcomes: Sequence[Outcome]) -> Iterator[RenderableType]:
    for scene in _scenes(outcomes):
        yield Text(f"{masked(scene[0].scene.call.client)}  {scene[0].scene.shows}", style="bold")
        for outcome in scene:
            for clock, event, situation, written, rules, milliseconds in _rows(outcome):
                line = Text.assemble(clock, " ", event, ": ", situation, "; " if situation else "", written)
                yield Padding(line.append(f"  {rules}  {milliseconds} ms", style="dim"), (0, 0, 0, 2))
        yield Text()


def _scenes(outcomes: Sequence[Outcome]) -> Iterator[list[Outcome]]:
    """The outcomes by scene, in their order."""
    scene: list[Outcome] = []
    for outcome in outcomes:
        if scene and outcome.scene is not scene[0].scene:
            yield scene
            scene = []
        scene.append(outcome)
    if scene:
        yield scene


def _clock(outcome: Outcome) -> str:
    return f"{outcome.delivery.at:%H:%M:%S}"


def _rules(rules: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(rules))


def _event(outcome: Outcome) -> str:
    return outcome.delivery.title or outcome.delivery.hint


def _written(outcome: Outcome) -> Text:
    """What the event added in the CRM, or why nothing; and how it differs from its script, if it does."""
    text = Text(", ".join(map(_thing, outcome.written)), style="green") if outcome.written else _why_nothing(outcome)
    if outcome.later is not None:
        text.append(f"  (answered 202, finished by its promise {outcome.later:.1f} s later)", style="yellow")
    return _problems(outcome, text)


def _problems(outcome: Outcome, text: Text) -> Text:
    for problem in outcome.problems:
        text.append(f"\nnot as scripted: {problem}", style="bold red")
    return text


def _why_nothing(outcome: Outcome) -> Text:
    told = ACKNOWLEDGED if outcome.status == "acknowledged" else LOOKED.get(outcome.situation, "")
    if outcome.status == DIALLING:
        return Text("the telephony rings both", style="green")
    words = told or REFUSED.get(outcome.http) or REASONS.get(outcome.reason) or outcome.reason
    return Text(words or "nothing to write", style="dim")


def _thing(written: Written) -> str:
    id = written.id or ""
    return f"{written.what.removeprefix('create ')} {id if len(id) <= 12 else f'{id[:8]}…'}".rstrip()


# --- the summary ---


@dataclass(frozen=True, slots=True)
class Ending:
    """How things stand after the day: the twin's ledger, messages left in the two queues, invocations that raised, what each
    run of catching up has answered, and how many deadlines nobody has reckoned with."""

    crm: str
    ledger: tuple[Write, ...]
    promises: int
    dead_letters: int
    failures: tuple[str, ...]
    runs: tuple[Mapping[str, Any], ...] = ()
    waited: int = 0

    @property
    def clean(self) -> bool:
        return not (self.promises or self.dead_letters or self.failures or self.waited)


def summary(outcomes: Sequence[Outcome], ending: Ending) -> RenderableType:
    """What came of the day, in numbers that can be checked against the table and the ledger."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, words in _facts(outcomes, ending):
        grid.add_row(name, words)
    return grid


def _facts(outcomes: Sequence[Outcome], ending: Ending) -> Iterator[tuple[str, str]]:
    status = Counter(outcome.status for outcome in outcomes)
    quiet = sum(1 for outcome in outcomes if outcome.status == "done" and not outcome.written)
    later = [outcome for outcome in outcomes if outcome.later is not None]
    reasons = Counter(outcome.reason for outcome in outcomes if outcome.status == "ignored")
    refused = Counter(outcome.http for outcome in outcomes if outcome.status == "refused")
    calls = sum(1 for scene in _scenes(outcomes) if not isinstance(scene[0].scene.call, DueTask | Submission | Dispatch | Click))
    yield "events", f"{len(outcomes)}, of {calls} calls and dialogues and of what came beside them"
    yield "done", f"{status['done']}: {status['done'] - quiet} wrote into the CRM, {quiet} had nothing to write"
    yield "later", f"{len(later)} of these were answered 202 and finished by their promise"
    yield "ignored", f"{status['ignored']}{_listed(reasons)}"
    yield "duplicates", f"{status['duplicate']}, which wrote nothing"
    yield "refused", f"{status['refused']}{_listed(refused)}"
    if status["acknowledged"]:
        yield "acknowledged", f"{status['acknowledged']}, which tell nothing that is needed"
    if status["answered"]:
        yield "answered", f"{status['answered']} questions whom to ring"
    yield from _beside(outcomes, ending)
    routings = [outcome.routing for outcome in outcomes if outcome.routing is not None]
    if routings:
        yield "routed", _routed(routings)
    yield ending.crm, _ledger(ending.ledger)
    yield "queues", f"{ending.promises} promises left, {ending.dead_letters} dead letters"
    if ending.failures:
        yield "failures", f"{len(ending.failures)}{_listed(Counter(ending.failures))}: the log has the traces"
    as_scripted = sum(1 for outcome in outcomes if not outcome.problems)
    yield "result", f"{as_scripted} of {len(outcomes)} events ended as their script says"


def _beside(outcomes: Sequence[Outcome], ending: Ending) -> Iterator[tuple[str, str]]:
    """What was there beside calls, as far as the day had it."""
    of = Counter(outcome.delivery.door for outcome in outcomes)
    if forms := [outcome for outcome in outcomes if outcome.delivery.door == "forms"]:
        robots = sum(1 for outcome in forms if outcome.reason == "honeypot")
        yield "forms", f"{len(forms)}: {len(forms) - robots} of people, {robots} of a robot"
    if sent := [outcome for outcome in outcomes if outcome.delivery.door == "dispatch"]:
        new = sum(1 for outcome in sent if outcome.written)
        yield "messenger", f"{len(sent)} clients sent to the CRM: {new} new, {len(sent) - new} whom it knew"
    if of["calls"]:
        yield "clicks", f"{of['calls']}, for which the telephony was asked to ring both"
    if ending.runs:
        listed, missing = (sum(run[name] for run in ending.runs) for name in ("listed", "missing"))
        yield "caught up", f"{_counted(missing, 'event')} missing among {_counted(listed, 'listed call')}"
    if of["deadline"]:
        yield "deadlines", _deadlines([outcome for outcome in outcomes if outcome.delivery.door == "deadline"])


def _deadlines(looks: Sequence[Outcome]) -> str:
    """What became of the tasks that were due."""
    done = sum(1 for outcome in looks if outcome.situation == "completed_or_gone")
    wrote = [written.what for outcome in looks for written in outcome.written]
    tasks = sum(1 for what in wrote if "task" in what)
    told = [f"{_counted(tasks, 'task')} for the senior manager"] if tasks else []
    if notes := len(wrote) - tasks:
        told.append(f"{_counted(notes, 'note')} where it is the senior manager who is late")
    came = f", of the others came {' and '.join(told)}" if told else ""
    return f"{_counted(len(looks), 'task')} due: {done} done by then{came}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _routed(routings: Sequence[Routing]) -> str:
    somebody = sum(1 for found in routings if found.routed.direction)
    slowest = max(found.milliseconds for found in routings)
    late = sum(1 for found in routings if found.routed.late)
    waited = f"; for {late} the CRM was too slow, and was not waited for" if late else ""
    return f"{somebody} of {len(routings)} callers to somebody, slowest {slowest} ms{waited}"


def _listed(counted: Counter[Any]) -> str:
    return f" ({', '.join(f'{name} {count}' for name, count in sorted(counted.items()))})" if counted else ""


def _ledger(ledger: Iterable[Write]) -> str:
    """The ledger of the twin in words."""
    made: Counter[str] = Counter()
    done = {write.id for write in ledger if write.do == "complete_task"}
    for write in (write for write in ledger if write.do != "complete_task"):
        if write.do == "create":
            made[f"{write.kind}s created"] += 1
        elif write.do == "task":
            made["completed tasks" if write.fields.get("completed") or write.id in done else "open tasks"] += 1
        elif write.do == "note":
            made["notes"] += 1
        else:
            made[f"{write.do}s of {write.kind}s"] += 1
    return ", ".join(f"{name} {count}" for name, count in made.items()) or "nothing written"


def differences(outcomes: Sequence[Outcome], ending: Ending) -> list[str]:
    """Everything that is not as it should be, one sentence each."""
    told = [
        f"{outcome.scene.call.start:%H:%M:%S} {_event(outcome)}, {outcome.scene.shows}: {'; '.join(outcome.problems)}"
        for outcome in outcomes
        if outcome.problems
    ]
    if ending.failures:
        told.append(f"{len(ending.failures)} invocations failed: {', '.join(sorted(set(ending.failures)))}")
    told += [f"catching up has ended as {run['status']}: {dict(run)}" for run in ending.runs if run["status"] != "done"]
    missing, lost = sum(run["missing"] for run in ending.runs), sum(outcome.delivery.door == "list" for outcome in outcomes)
    if ending.runs and missing != lost:
        told.append(f"catching up has taken in {missing} events, but {lost} were lost")
    if ending.waited:
        told.append(f"{ending.waited} deadlines are waited for that no script knows")
    if ending.promises or ending.dead_letters:
        told.append(f"{ending.promises} promises and {ending.dead_letters} dead letters are left")
    return told


# --- addresses ---


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are. `hooks` ends with a slash and holds the secret."""

    hooks: str
    ledger: str
    journal: str
    log: str
    aws: str


def addresses(
    console: Console, known: Addresses, player: Player, command: str, question: str = "", beside: Sequence[str] = ()
) -> None:
    """The addresses, each on a line of its own that a terminal does not break."""
    asking = (("Whom to ring for a client, as Ringostat's Webhook number asks", question),) if question else ()
    lines = (
        (f"The project's webhooks ({player.transport})", f"{known.hooks}{player.moments}"),
        (f"Try one: a new client, answered. {player.note}", command),
        *asking,
        *zip(BESIDE, beside, strict=False),
        ("What stands in the CRM: the twin's ledger", known.ledger),
        ("What was decided and done for each call, and by which rules", f"{known.journal}   ({known.journal}.json)"),
        ("What the functions logged", known.log),
        ("AWS as the functions see it (moto; any credentials)", known.aws),
    )
    for title, line in lines:
        console.print(f"[bold]{escape(title)}[/bold]")
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
