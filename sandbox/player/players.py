"""The players: what the stand must know of each telephony that it can play."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sandbox import demo
from sandbox.demo import Demo
from sandbox.player import commands, day, mango_day
from sandbox.player.mango import MangoCall
from sandbox.player.ringostat import ScriptedCall, listed
from sandbox.player.scene import Scene


@dataclass(frozen=True, slots=True)
class Player:
    """A telephony as the stand plays it.

    `scenes` are its day; `scripted` names the CRM for which the day brings its script with it, for the others it is computed.
    `moments` are the addresses below the project's, `transport` how they are called; `command` is one call to copy, given the
    address of the project's webhooks and the time, and `note` says what can be done with it. `question` asks whom to ring, given
    the address for that, if this telephony asks.
    `list_calls` has the telephony's own list tell of the day's calls.
    """

    title: str
    scenes: Callable[[date, Demo], tuple[Scene[Any], ...]]
    moments: str
    transport: str
    note: str
    command: Callable[[Demo, str, datetime], str]
    list_calls: Callable[[Demo, Sequence[Scene[Any]]], None]
    scripted: str | None = None
    question: Callable[[str], str] | None = None


def _mango_scenes(day: date, of: Demo) -> tuple[Scene[Any], ...]:
    """The day, signed by the demo's account, which keeps its recordings."""
    assert of.office is not None
    calls = mango_day.scenes(day, of.office.account)
    for call in (scene.call for scene in calls):
        if isinstance(call, MangoCall) and call.is_kept:
            of.office.keep_recording(call.recording_id, call.id, call.ready)
    return calls


def _mango_command(of: Demo, hooks: str, now: datetime) -> str:
    assert of.office is not None
    return commands.mango(hooks, of.office.account, demo.MAIN_LINE, demo.ANNA.extension, now)


def _list_ringostat(of: Demo, day: Sequence[Scene[Any]]) -> None:
    """Every call of the day, lost or not; what somebody spoilt is no call of Ringostat's."""
    assert of.ringostat is not None
    calls = (scene.call for scene in day if scene.spoilt is None)
    of.ringostat.calls += [listed(call) for call in calls if isinstance(call, ScriptedCall)]


def _list_mango(of: Demo, day: Sequence[Scene[Any]]) -> None:
    """The lost calls; of the others the statistics say nothing here."""
    assert of.office is not None
    for scene in day:
        if scene.lost and isinstance(scene.call, MangoCall):
            of.office.count_call(scene.call)


PLAYERS: Mapping[str, Player] = {
    "ringostat": Player(
        title="Ringostat",
        scenes=lambda day_, _: day.scenes(day_),
        moments="ringostat/…   with in/before  in/answer  in/forward  in/after  in/rated  missed  out/before  out/after",
        transport="POST or GET; JSON, form or query",
        note="Sent twice, it is done once; another uniqueid is another call",
        command=lambda _, hooks, __: commands.ringostat(hooks, demo.MAIN_LINE, demo.ANNA.login),
        list_calls=_list_ringostat,
        scripted="pipedrive",
        question=lambda questions: commands.question(questions, demo.ANNAS_CLIENT),
    ),
    "mango": Player(
        title="MANGO OFFICE",
        scenes=_mango_scenes,
        moments="mango/…   with events/call  events/summary  events/recording  events/record/added  events/dtmf  result/…  ping",
        transport="POST; a signed form",
        note="Sent twice, it is done once; another entry_id is another call",
        command=_mango_command,
        list_calls=_list_mango,
    ),
}
