"""Titles, descriptions and names that people read in the CRM, in the project's language (O-02, O-07, O-57).

The words are `texts/<language>.toml`. Placeholders of O-57, such as `{HH:MM}`, are not Python names, so they are filled
by plain replacement; an unknown placeholder stays as it is, for everybody to see.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from patchcord.model.employees import Agent
from patchcord.model.events import CallType, EventKind, MissPlace, Outcome
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline

LANGUAGES = ("en", "uk", "ru", "pl")
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

Words = Mapping[str, Mapping[str, str]]


@lru_cache
def words(language: str) -> Words:
    """All texts of a language."""
    return tomllib.loads((resources.files("patchcord.scenarios") / "texts" / f"{language}.toml").read_text("utf-8"))


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=1024)
def _pieces(template: str) -> tuple[str, ...]:
    """The template taken apart: text, placeholder, text, placeholder, …, text."""
    return tuple(PLACEHOLDER.split(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with every known placeholder replaced."""
    pieces = list(_pieces(template))
    for index in range(1, len(pieces), 2):
        name = pieces[index]
        pieces[index] = values.get(name, f"{{{name}}}")
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one call."""

    timeline: Timeline
    settings: Settings
    words: Words
    values: dict[str, str]

    def title(self, kind: str, agent: Agent | None = None, template: str | None = None, *, task: str = "") -> str:
        """A task's or log's title: the row's own, the project's, or the built-in one. `task` is another task's title."""
        chosen = template or next((text for known, text in self.settings.tasks.titles.items() if known == kind), None)
        return fill(chosen or self.words["titles"][kind], {**self.values, **self._about(agent), "task": task})

    def late(self, line: str, task: str, employee: str, due_at: datetime) -> str:
        """One line about a task that was not done in time: `overdue` or `handed_over`."""
        local = due_at.astimezone(_zone(self.settings.timezone))
        due = f"{local:%d.%m.%Y %H:%M}"
        return fill(self.words["lines"][line], {"task": task, "employee": employee, "due": due})

    def name(self, kind: str) -> str:
        """The name of a new contact, organization or lead; `{lead_id}` is left for whoever learns it."""
        names, own = self.words["names"], self.settings.names
        if kind == "contact" and self.timeline.person_name:
            return self.timeline.person_name
        if kind == "organization" and self.timeline.form.get("company") and own.organization is None:
            return self.timeline.form["company"]
        template: str | None = getattr(own, kind, None)
        if kind == "contact" and template is None and self._own_auto_client() is not None:
            template = "{auto_client}"
        if kind == "lead" and template is None and self.timeline.kind is EventKind.MESSENGER:
            template = self.settings.messenger.name_template or names["messenger"]
        if kind == "lead" and template is None and self.timeline.kind is EventKind.FORM:
            template = names["form"]
        chosen = template or names[kind]
        return fill(chosen, {**self.values, "auto_client": self._auto_client()} if "{auto_client}" in chosen else self.values)

    def description(self, agent: Agent | None = None, *, direction: str | None = None, recording: str | None = None) -> str:
        """The facts of the call, one a line."""
        values = {**self.values, **self._about(agent), "direction": direction or "", "recording": recording or ""}
        told = self._told(agent, direction, recording)
        lines = self.words["lines"]
        return fill("\n".join([lines[name] for name in told]), values)

    def visit(self) -> str:
        """The visit's data in one line, empty if there is none (P-BX-03)."""
        pairs = ", ".join(f"{name}={value}" for name, value in sorted(self.timeline.attribution.items()))
        return fill(self.words["lines"]["visit"], {"visit": pairs}) if pairs else ""

    def form(self) -> str:
        """What a form said, one field a line (S0-27)."""
        fields = {"name": self.timeline.person_name, "e-mail": self.timeline.person_email, **self.timeline.form}
        lines = [f"{name}: {value}" for name, value in fields.items() if value]
        return "\n".join([self.words["titles"]["form"], *lines])

    def _told(self, agent: Agent | None, direction: str | None, recording: str | None) -> list[str]:
        call = self.timeline
        facts = {
            "client": call.client is not None,
            "hidden": call.hidden,
            "line": call.line is not None,
            "time": True,
            "wait": bool(call.wait_seconds),
            "talk": bool(call.talk_seconds),
            "employee": agent is not None and direction is None and bool(self._about(agent)["employee"]),
            "department": bool(call.department),
            "voicemail": call.voicemail,
            "missed_ivr": call.missed_in is MissPlace.IVR,
            "missed_group": call.missed_in is MissPlace.GROUP,
            "direction": direction is not None,
            "recording": recording is not None,
        }
        return [name for name, holds in facts.items() if holds]

    def _about(self, agent: Agent | None) -> dict[str, str]:
        if agent is None:
            return {"employee": "", "direction": ""}
        employee = self.settings.directory.find(agent)
        return {
            "employee": (employee.name or employee.key) if employee else agent.name or agent.direction,
            "direction": agent.direction,
        }

    def _auto_client(self) -> str:
        return fill(self._own_auto_client() or self.words["names"][self._auto_client_key()], self.values)

    def _own_auto_client(self) -> str | None:
        """The project's template for clients made automatically (S4-05, S4-45); setting it is enough to have it used."""
        own: str | None = getattr(self.settings.names, self._auto_client_key())
        return own

    def _auto_client_key(self) -> str:
        return "auto_client_out" if self.timeline.call_type is CallType.OUT else "auto_client_in"


def texts_of(timeline: Timeline, settings: Settings) -> Texts:
    """The texts for a call, in the language and the time zone of the project."""
    language = words(settings.integration.language)
    return Texts(timeline, settings, language, _values(timeline, settings, language))


def _values(timeline: Timeline, settings: Settings, language: Words) -> dict[str, str]:
    begun = timeline.started_at.astimezone(_zone(settings.timezone)) if timeline.started_at else None
    client = timeline.client or timeline.person_email or language["names"]["hidden"]
    return {
        "client": client,
        "person": timeline.person_name or client,
        "line": timeline.line or "",
        "way": language["ways"][_way(timeline)],
        "department": timeline.department or "",
        "talk": _duration(timeline.talk_seconds),
        "wait": _duration(timeline.wait_seconds),
        **_clock(begun),
    }


def _clock(begun: datetime | None) -> dict[str, str]:
    if begun is None:
        return {"HH:MM": "", "DD.MM.YYYY": ""}
    return {"HH:MM": f"{begun.hour:02}:{begun.minute:02}", "DD.MM.YYYY": f"{begun.day:02}.{begun.month:02}.{begun.year}"}


def _way(timeline: Timeline) -> str:
    answered = timeline.outcome is Outcome.ANSWERED
    if timeline.call_type is CallType.OUT:
        return "out_answered" if answered else "out_unanswered"
    return "in_missed" if timeline.outcome is Outcome.MISSED else "in_answered"


def _duration(seconds: int | None) -> str:
    return f"{seconds // 60}:{seconds % 60:02}" if seconds is not None else ""
