"""The computed script of a day: equal to what is written by hand, and able to fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from patchcord.model.roster import Roster, RosterUser
from patchcord.scenarios.profiles import effective
from patchcord.telephony.mango.legs import SETTLING
from sandbox import demo
from sandbox.player import mango_day
from sandbox.player.day import NEW, scenes
from sandbox.player.mango import Account, MangoCall
from sandbox.player.routed import Routed
from sandbox.player.scene import FORGED, NOBODY, REACHED, TOGETHER, UNREADABLE, Expected, Scene
from sandbox.player.script import Script
from sandbox.twins.pipedrive import PipedriveTwin

DAY = date(2026, 3, 2)
ACCOUNT = Account("key-of-the-account", "salt-of-the-account")
ROSTER = Roster({demo.SALES: "Sales"}, {person.extension: RosterUser(person.staff_id) for person in demo.COLLEAGUES})


def script(roster: Roster | None = None, **changes: object) -> Script:
    twin = PipedriveTwin()
    made = demo.Demo("pipedrive", twin, "http://localhost", "s" * 24, "k" * 24, {}, "c" * 24)
    users = {person.login: twin.seed_user(name=person.name) for person in (demo.ANNA, demo.BORIS, demo.OLENA)}
    known = demo._seed_clients(made, users)
    settings = effective(demo.settings(made, {"base_url": "http://localhost"}, users) | changes)
    return Script(settings, known, roster, demo.ONLINE if roster is None else None)


def computed(day: Sequence[Scene[Any]], roster: Roster | None = None, **changes: object) -> list[Scene[Any]]:
    return list(script(roster, **changes).of(day))


Due = tuple[str, str, str, str]


def evening(day: Sequence[Scene[Any]], roster: Roster | None = None, **changes: object) -> list[Due]:
    """The deadlines of a day: when, whose, of which task, and whether it is done or what is written."""
    told = script(roster, **changes)
    list(told.of(day))
    return [
        (f"{scene.call.start:%H:%M}", scene.call.client or "", scene.call.effect, _of(scene.expects)) for scene in told.evening()
    ]


def _of(expects: tuple[Expected, ...]) -> str:
    (only,) = expects
    return ", ".join(only.writes) or only.situation


def _sorted(expects: tuple[Expected, ...]) -> tuple[Expected, ...]:
    return tuple(replace(expected, writes=tuple(sorted(expected.writes))) for expected in expects)


def test_the_decision_says_of_pipedrives_day_what_was_written_by_hand() -> None:
    for hand, machine in zip(scenes(DAY), computed(scenes(DAY)), strict=True):
        assert _sorted(machine.expects) == _sorted(hand.expects), hand.shows


def test_another_setting_makes_another_script() -> None:
    assert computed(scenes(DAY), no_open_primary="log_on_contact") != computed(scenes(DAY))


def routed(day: Sequence[Scene[Any]]) -> list[Routed]:
    return [expected.routed for scene in day for expected in scene.expects if expected.routed is not None]


def test_the_script_of_whom_to_ring_follows_the_settings() -> None:
    by_hand = routed(scenes(DAY))
    assert len({answer.reason for answer in by_hand}) >= 5
    no_crm = routed(computed(scenes(DAY), routing={"enabled": False}))
    assert {answer.source for answer in by_hand} - {answer.source for answer in no_crm} == {"by_crm"}
    nobody_called = routed(computed(scenes(DAY), stickiness={"global": {"enabled": False}}))
    assert {answer.source for answer in by_hand} - {answer.source for answer in nobody_called} == {"stickiness"}


def test_only_where_routing_has_asked_the_crm_it_need_not_be_asked_again() -> None:
    unasked = [scene.expects[0].routed for scene in scenes(DAY) if any(expected.unasked for expected in scene.expects)]
    assert unasked == [Routed("demo_anna", "by_crm", "found")] * 2
    without = computed(scenes(DAY), routing={"enabled": False})
    assert not any(expected.unasked for scene in without for expected in scene.expects)


# --- the evening ---

DONE, CALL, LOOK, CHECK = "completed_or_gone", "task:callback", "task:review_call", "task:check_settings"
BORIS, MISSED = demo.BORIS_CLIENT, "+380661112202"

EVENING: tuple[Due, ...] = (
    ("11:32", BORIS, LOOK, f"overdue:{LOOK}:1"),
    ("11:48", MISSED, CALL, DONE),
    ("12:11", demo.ANNAS_CLIENT, CALL, DONE),
    ("13:46", "+380731112206", CHECK, f"overdue:{CHECK}:1"),
    ("14:04", demo.CONTACT_ONLY, CHECK, f"overdue:{CHECK}:1"),
    ("15:15", demo.DEAL_CLIENT, CALL, DONE),
    ("15:41", "+380681112208", CALL, f"overdue:{CALL}:1"),
    ("16:21", "+380991112209", CALL, f"overdue:{CALL}:1"),
    ("18:10", "+380981112211", CALL, f"overdue:{CALL}:1"),
    ("18:22", MISSED, LOOK, f"overdue:{LOOK}:1"),
    ("18:28", BORIS, CALL, f"overdue:{CALL}:1"),
)
"""Two hours after each call of Ringostat's day that has left a task: those whom somebody has reached are done (design 10)."""

MANGOS_EVENING: tuple[Due, ...] = (
    ("11:32", BORIS, LOOK, f"overdue:{LOOK}:1"),
    ("11:48", MISSED, CALL, DONE),
    ("12:11", demo.ANNAS_CLIENT, CALL, DONE),
    ("12:22", "+380661112203", CALL, f"overdue:{CALL}:1"),
    ("12:40", "+380991112204", CALL, f"overdue:{CALL}:1"),
    ("15:20", "+380681112210", CALL, f"overdue:{CALL}:1"),
    ("16:50", "+380731112211", CHECK, f"overdue:{CHECK}:1"),
    ("17:04", demo.CONTACT_ONLY, CHECK, f"overdue:{CHECK}:1"),
    ("17:40", "+380981112212", CALL, f"overdue:{CALL}:1"),
    ("17:50", demo.CONTACT_ONLY, CALL, f"overdue:{CALL}:1"),
)


def test_the_evening_was_written_by_hand_too() -> None:
    assert tuple(evening(scenes(DAY))) == EVENING
    assert tuple(evening(of_mango(), ROSTER)) == MANGOS_EVENING


def test_the_evening_follows_the_settings() -> None:
    tasks = {"deadline": "PT1H", "on_overdue": "reassign"}
    changed = evening(scenes(DAY), tasks=tasks)
    assert [at for at, *_ in changed] == [f"{int(at[:2]) - 1}{at[2:]}" for at, *_ in EVENING]
    assert DONE not in {came for *_, came in changed}  # nobody's task is completed for him
    assert evening(scenes(DAY), tasks={"on_overdue": "none"}) == []


# --- MANGO's day ---

BY_HAND: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("A new client comes through the voice menu", "in_answered_new", (*NEW, "log", "recording:log")),
    ("Anna answers her own client", "in_answered_existing_by_responsible", ("log",)),
    ("Boris does not pick up", "in_answered_existing_by_other", ("log", "task:review_call")),
    ("Anna misses a new client", "in_missed_new", (*NEW, "task:callback")),
    ("Boris calls the missed client back", "out_answered_existing_by_other", ("task:acquaint", REACHED)),
    ("A client of Anna is missed in a group", "in_missed_existing", ("task:callback",)),
    ("A new client is missed in a group", "in_missed_group_new", (*NEW, "task:callback")),
    ("A new client gets lost in the voice menu", "in_missed_ivr_new", (*NEW, "task:callback")),
    ("Anna calls her client", "out_answered_existing_by_responsible", ("log", REACHED)),
    ("Each event of a new client's call comes twice", "in_answered_new", (*NEW, "log")),
    ("The summary of a new client's call comes before", "in_answered_new", (*NEW, "log")),
    ("Anna hands a new client over to Boris", "in_answered_new", (*NEW, "log")),
    ("Boris asks Anna first", "in_answered_new", (*NEW, "log")),
    ("The events of a transfer come in the wrong order", "in_answered_new", (*NEW, "log")),
    ("Anna clicks on a number", "out_answered_existing_by_responsible", ("log",)),
    ("Boris clicks on a number", "out_unanswered", ()),
    ("Out of hours", "in_missed_group_new", (*NEW, "task:callback")),
    ("Olena answers a new client on a telephone", "in_answered_new", (*NEW, "log")),
    ("Somebody calls who hides his number", "ignored", ()),
    ("A blocked number calls", "ignored", ()),
    ("One of the company's own lines", "ignored", ()),
    ("Boris calls Olena", "ignored", ()),
    ("Of a recording nothing is heard", "in_answered_existing_by_responsible", ("log", "recording:log")),
    ("Somebody whom the settings do not know", "in_answered_unknown_employee", (*NEW, "task:check_settings")),
    ("Nora, who has no user", "in_answered_unknown_employee", ("lead", "task:check_settings")),
    ("The CRM answers 429", "in_answered_existing_by_responsible", ("log",)),
    ("The CRM writes a record", "in_missed_new", (*NEW, "task:callback")),
    ("A contact of Boris is missed", "in_missed_existing", ("task:callback",)),
    ("The first client of the day calls again", "in_answered_existing_by_responsible", ("log",)),
    ("Just now: Anna is sent for", "in_answered_existing_by_responsible", ("lead", "log")),
    ("Just now: Boris, who has called", "in_answered_existing_by_responsible", ("log",)),
    ("Just now: a new client", "in_answered_new", (*NEW, "log")),
    ("Boris has answered a new client, but no event came", "in_answered_new", (*NEW, "log")),
)
"""What Pipedrive's default scenario (rules.md 1.0) makes of a whole call, by the beginning of what its scene shows."""


def of_mango() -> tuple[Scene[Any], ...]:
    return mango_day.scenes(DAY, ACCOUNT)


def in_the_end(scene: Scene[Any]) -> tuple[str, list[str]]:
    """The last situation that a scene's deliveries come to, and everything they write."""
    situations = [expected.situation for expected in scene.expects if expected.situation]
    return situations[-1], sorted(write for expected in scene.expects for write in expected.writes)


def test_the_decision_says_of_mangos_day_what_was_written_by_hand() -> None:
    calls = [scene for scene in computed(of_mango(), ROSTER) if scene.spoilt is None and scene.call.id]
    for scene, (beginning, situation, writes) in zip(calls, BY_HAND, strict=True):
        assert scene.shows.startswith(beginning)
        assert in_the_end(scene) == (situation, sorted(writes)), scene.shows


def test_whom_mango_is_told_to_ring_was_written_by_hand_too() -> None:
    day = computed(of_mango(), ROSTER)
    live = [scene for scene in day if scene.live]
    assert [scene.expects[0].routed for scene in live] == [
        Routed("101", "by_crm", "found"),
        Routed("102", "stickiness", "found"),
        Routed("", "nobody", "not_found"),
    ]
    assert len(routed(day)) == len(live)
    told = {scene.shows: [sent.title for sent in scene.deliveries].count("result") for scene in live}
    assert list(told.values()) == [1, 1, 0]


def test_if_nobody_is_responsible_no_command_sends_the_caller_anywhere() -> None:
    off = {"routing": {"enabled": False}, "distribute_to_responsible": False, "stickiness": {"global": {"enabled": False}}}
    live = [scene for scene in computed(of_mango(), ROSTER, **off) if scene.live]
    assert {scene.expects[0].routed for scene in live} == {Routed("", "nobody", "routing_off")}
    assert not any(scene.call.command for scene in live if isinstance(scene.call, MangoCall))


def test_without_mangos_list_a_group_is_taken_for_an_employee() -> None:
    situations = {scene.shows: in_the_end(scene)[0] for scene in computed(of_mango()) if scene.spoilt is None and scene.call.id}
    (out_of_hours,) = (situation for shows, situation in situations.items() if shows.startswith("Out of hours"))
    assert out_of_hours == "in_missed_new"


def test_what_is_spoilt_is_refused_whatever_it_tells() -> None:
    refused = {scene.spoilt: set(scene.expects) for scene in computed(of_mango(), ROSTER) if scene.spoilt is not None}
    assert refused == {"signature": {FORGED}, "cut": {FORGED}, "json": {UNREADABLE}, "secret": {NOBODY}}


def test_a_summary_waits_for_what_came_about_before_it() -> None:
    assert TOGETHER >= SETTLING
    for scene, expected in ends(computed(of_mango(), ROSTER)):
        assert expected.http == 202 or not expected.writes, scene.shows


def ends(day: Sequence[Scene[Any]]) -> Iterator[tuple[Scene[Any], Expected]]:
    for scene in day:
        if scene.spoilt is None:
            for sent, expected in zip(scene.deliveries, scene.expects, strict=True):
                if sent.title == "summary":
                    yield scene, expected
