"""The computed script of a day: equal to the one written by hand, and able to fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from patchcord.scenarios.profiles import effective
from sandbox import demo
from sandbox.player.day import Expected, scenes
from sandbox.player.script import Script
from sandbox.twins.pipedrive import PipedriveTwin

DAY = date(2026, 3, 2)


def computed(**changes: object) -> list[tuple[Expected, ...]]:
    twin = PipedriveTwin()
    made = demo.Demo("pipedrive", twin, "http://localhost", "s" * 24, "k" * 24, {})
    users = {person.login: twin.seed_user(name=person.name) for person in (demo.ANNA, demo.BORIS, demo.OLENA)}
    known = demo._seed_clients(made, users)
    settings = effective(demo.settings(made, {"base_url": "http://localhost"}, users) | changes)
    return [_sorted(scene.expects) for scene in Script(settings, known).of(scenes(DAY))]


def _sorted(expects: tuple[Expected, ...]) -> tuple[Expected, ...]:
    return tuple(replace(expected, writes=tuple(sorted(expected.writes))) for expected in expects)


def test_the_decision_says_of_pipedrives_day_what_was_written_by_hand() -> None:
    by_hand = [_sorted(scene.expects) for scene in scenes(DAY)]
    for scene, hand, machine in zip(scenes(DAY), by_hand, computed(), strict=True):
        assert machine == hand, scene.shows


def test_another_setting_makes_another_script() -> None:
    assert computed(no_open_primary="log_on_contact") != computed()
