"""A day of the demo project with MANGO OFFICE: what its many small events add to a day of calls.

What has to come of each delivery is computed (`script.py`); what a scene shows is told here, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from sandbox.demo import (
    ANNA,
    ANNAS_CLIENT,
    BLOCKED,
    BORIS,
    BORIS_CLIENT,
    CONTACT_ONLY,
    DEAL_CLIENT,
    MAIN_LINE,
    NORA,
    OLENA,
    OLENA_AT_HOME,
    SALES,
    SECOND_LINE,
    STRANGER,
)
from sandbox.player.beside import Click
from sandbox.player.mango import Account, MangoCall, Ping
from sandbox.player.scene import Scene, at, moved

ANNAS_KEY = "anna"
OFF_BY_SCHEDULE = 1192
GREETING = 8
"""Seconds that the greeting lasts: what the settings say where a project says nothing (`routing.greeting`)."""

NOBODYS = Account("", "")
"""The account of the calls below; `scenes` puts the demo's in its place."""


def _in(clock: str, client: str | None, **facts: Any) -> MangoCall:
    return MangoCall(start=at(clock), client=client, account=NOBODYS, **{"line": MAIN_LINE, **facts})


def _out(clock: str, client: str, **facts: Any) -> MangoCall:
    return _in(clock, client, way="out", menu=0, **facts)


def _click(clock: str, client: str, **facts: Any) -> MangoCall:
    return _in(clock, client, way="callback", menu=0, command=f"pc:callback:{clock}:", **facts)


DAY: tuple[Scene[MangoCall | Ping], ...] = (
    Scene(shows='The button "check connection" of the cabinet', call=Ping(start=at("08:55:00"), account=NOBODYS)),
    Scene(
        shows="A new client comes through the voice menu, Anna answers; the call is recorded",
        call=_in("09:02:10", "+380931112201", people=(ANNA,), talk=184, tracked=True, recording="kept"),
    ),
    Scene(
        shows="Anna answers her own client; all numbers come as texts",
        call=_in("09:15:42", ANNAS_CLIENT, people=(ANNA,), talk=95, as_texts=True),
    ),
    Scene(
        shows="Boris does not pick up, so Anna answers his client: he has to look at it",
        call=_in("09:31:05", BORIS_CLIENT, group=SALES, rung=(BORIS,), people=(ANNA,), wait=26, talk=61),
    ),
    Scene(
        shows="Anna misses a new client",
        call=_in("09:48:20", "+380661112202", rung=(ANNA,), wait=35, menu=0),
    ),
    Scene(
        shows="Boris calls the missed client back",
        call=_out("09:55:00", "+380661112202", people=(BORIS,), talk=120),
    ),
    Scene(
        shows="A client of Anna is missed in a group: it rang at her and at Boris",
        call=_in("10:10:33", ANNAS_CLIENT, group=SALES, rung=(ANNA, BORIS), wait=44),
    ),
    Scene(
        shows="A new client is missed in a group",
        call=_in("10:22:15", "+380661112203", group=SALES, rung=(BORIS, ANNA), wait=44),
    ),
    Scene(
        shows="A new client gets lost in the voice menu: the summary has no callee, and claims success",
        call=_in("10:40:01", "+380991112204", menu=12, digits="4", wait=25),
    ),
    Scene(
        shows="Anna calls her client",
        call=_out("10:58:44", ANNAS_CLIENT, people=(ANNA,), talk=233),
    ),
    Scene(
        shows="Each event of a new client's call comes twice",
        call=_in("11:05:12", "+380971112205", people=(BORIS,), talk=77, order="twice"),
    ),
    Scene(
        shows="The summary of a new client's call comes before everything else",
        call=_in("11:20:50", "+380631112206", people=(ANNA,), talk=102, order="summary_first"),
    ),
    Scene(
        shows="Anna hands a new client over to Boris, without a word",
        call=_in("11:45:27", "+380951112207", people=(ANNA, BORIS), talk=310),
    ),
    Scene(
        shows="Boris asks Anna first, then hands a new client over to her",
        call=_in("12:03:30", "+380951112208", people=(BORIS, ANNA), talk=240, transfer="consultative"),
    ),
    Scene(
        shows="The events of a transfer come in the wrong order: Anna, who was first, is responsible all the same",
        call=_in("12:20:00", "+380951112209", people=(ANNA, BORIS), talk=180, order="backwards"),
    ),
    Scene(
        shows="Anna clicks on a number: the first leg shows her client as the caller",
        call=_click("12:40:18", ANNAS_CLIENT, people=(ANNA,), wait=17, talk=51),
    ),
    Scene(
        shows="Boris clicks on a number and picks up, but the client does not",
        call=_click("13:02:40", BORIS_CLIENT, people=(BORIS,), wait=35),
    ),
    Scene(
        shows="Out of hours there is a summary and nothing else: that 300 is a group stands in MANGO's list of groups only",
        call=_in("13:20:00", "+380681112210", group=SALES, wait=20, order="summary_only", reason=OFF_BY_SCHEDULE),
    ),
    Scene(
        shows="Olena answers a new client on a telephone that stands in no settings: MANGO tells whose it is",
        call=_in("13:30:30", "+380681112213", people=(OLENA_AT_HOME,), talk=62),
    ),
    Scene(
        shows="Somebody calls who hides his number",
        call=_in("13:40:05", None, rung=(OLENA,), wait=18),
    ),
    Scene(
        shows="A blocked number calls",
        call=_in("13:50:00", BLOCKED, people=(ANNA,), talk=12),
    ),
    Scene(
        shows="One of the company's own lines calls another",
        call=_in("14:00:18", SECOND_LINE, people=(BORIS,), talk=20, menu=0),
    ),
    Scene(
        shows="Boris calls Olena: an internal call",
        call=_in("14:10:00", None, way="internal", people=(BORIS, OLENA), wait=5, talk=30),
    ),
    Scene(
        shows="Of a recording nothing is heard until its file is ready, after the end of the call",
        call=_in("14:30:14", ANNAS_CLIENT, people=(ANNA,), talk=88, recording="file_only"),
    ),
    Scene(
        shows="Somebody whom the settings do not know answers a new client; the recording is too short to be kept",
        call=_in("14:50:09", "+380731112211", people=(STRANGER,), talk=4, recording="short"),
    ),
    Scene(
        shows="Nora, who has no user in the CRM, answers a contact without a lead",
        call=_in("15:03:30", CONTACT_ONLY, people=(NORA,), talk=41),
    ),
    Scene(
        shows="The CRM answers 429, too many requests: the promise tries again",
        call=_in("15:20:49", BORIS_CLIENT, people=(BORIS,), talk=132),
        trouble="rate_limit",
    ),
    Scene(
        shows="The CRM writes a record, but its answer gets lost: found again, not written twice",
        call=_in("15:40:02", "+380981112212", rung=(BORIS,), wait=29),
        trouble="lost_answer",
    ),
    Scene(
        shows="A contact of Boris is missed, and nobody will call back today",
        call=_in("15:50:00", CONTACT_ONLY, rung=(BORIS,), wait=28),
    ),
    Scene(
        shows="An event that somebody else has signed",
        call=_in("16:00:00", DEAL_CLIENT, people=(ANNA,), talk=10, order="summary_only"),
        spoilt="signature",
    ),
    Scene(
        shows="An event whose end got lost on the way",
        call=_in("16:01:00", DEAL_CLIENT, people=(ANNA,), talk=10, order="summary_only"),
        spoilt="cut",
    ),
    Scene(
        shows="A signed event that nobody can read",
        call=_in("16:02:00", DEAL_CLIENT, people=(ANNA,), talk=10, order="summary_only"),
        spoilt="json",
    ),
    Scene(
        shows="A stranger who does not know the secret of the address",
        call=_in("16:03:00", DEAL_CLIENT, people=(ANNA,), talk=10, order="summary_only"),
        spoilt="secret",
    ),
    Scene(
        shows="The first client of the day calls again, on the other line",
        call=_in("17:02:37", "+380931112201", people=(ANNA,), talk=205, line=SECOND_LINE),
    ),
    Scene(
        shows="Just now: Anna is sent for while a client of hers hears the greeting",
        call=_in("17:30:00", DEAL_CLIENT, people=(ANNA,), menu=GREETING, wait=16, talk=73),
        live=True,
    ),
    Scene(
        shows="Just now: Boris, who has called his client in vain, is sent for",
        call=_in("17:32:00", BORIS_CLIENT, people=(BORIS,), menu=GREETING, wait=15, talk=52),
        live=True,
    ),
    Scene(
        shows="Just now: a new client hears the whole greeting, and Anna answers in the group",
        call=_in("17:34:00", "+380931112214", group=SALES, people=(ANNA,), menu=GREETING, wait=19, talk=64),
        live=True,
    ),
)


BESIDE: tuple[Scene[Click], ...] = (
    Scene(
        shows="Anna clicks on her client's number in the CRM: MANGO is told to ring her, then the client",
        call=Click(start=at("12:40:10"), client=ANNAS_CLIENT, employee=ANNAS_KEY),
    ),
)

LOST: tuple[Scene[MangoCall], ...] = (
    Scene(
        shows="Boris has answered a new client, but no event came: found in MANGO's statistics",
        call=_in("16:40:30", "+380931112215", people=(BORIS,), menu=0, talk=66),
        lost=True,
    ),
)
"""Their events never arrive."""


def scenes(day: date, account: Account) -> tuple[Scene[MangoCall | Ping | Click], ...]:
    """The calls as if they had happened on that day, signed by the account; what they have to come to is still to be computed."""
    told: list[Scene[Any]] = sorted((*DAY, *BESIDE), key=lambda scene: scene.call.start)
    return tuple(_signed(moved((*told, *LOST), day), account))


def _signed(calls: Iterator[Scene[Any]], account: Account) -> Iterator[Scene[Any]]:
    for scene in calls:
        own = isinstance(scene.call, MangoCall | Ping)
        yield replace(scene, call=replace(scene.call, account=account)) if own else scene
