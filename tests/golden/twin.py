"""Golden rows end to end: the provider's payloads through the real function handlers, judged by the twin's ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patchcord.model.phone import same_number, try_phone
from patchcord.model.records import RecordKind
from patchcord.model.settings import Settings
from patchcord.scenarios.profiles import effective, merge
from patchcord.service.journal import effect_state
from sandbox.twins import has_twin, twin_class
from sandbox.twins.base import ManualClock, Twin, Write, serve
from tests.golden import decision, dialled, mango, reactivated, routed, submitted
from tests.golden.compare import Action, differences
from tests.golden.payloads import Delivery, deliveries, ended_at
from tests.golden.rows import Row, begun_at, document, duration
from tests.golden.seeds import Seeds
from tests.harness import World, world

UTM = ("utm_source", "utm_medium", "utm_campaign", "client_id")


def skipped(row: Row) -> str | None:
    """Why a row cannot run at this level yet, None if it can."""
    if row.kind in decision.LATER:
        return decision.LATER[row.kind]
    if row.kind in {"classify", "save_settings"}:
        return None
    if row.kind not in {"call", "routing_lookup", "click_to_call", "reactivate", *submitted.KINDS}:
        return f"{row.kind} comes with a later step"
    return None if has_twin(row.crm) else f"{row.crm} has no twin yet"


INTEGRATION = "integration"
"""The rules' word for the account that the integration was connected with."""


def run(row: Row) -> list[str]:
    """What differs between the row and what stands in the twin's ledger; empty when it holds."""
    if row.kind == "routing_lookup":
        return routed.run(row)
    if row.kind == "click_to_call":
        return dialled.run_through(row)
    if row.kind == "reactivate":
        return reactivated.run_through(row)
    if row.kind not in {"call", *submitted.KINDS}:
        return decision.run(row)
    with prepared(row) as stage:
        stage.play()
        actions = stage.actions()
        return differences(expected(row, stage.settings, stage.twin), row.must_not, actions)


def expected(row: Row, settings: Settings, twin: Twin) -> list[Action]:
    """What the ledger can tell of the row's expectation.

    No CRM here lets anybody else than the connection be the creator; a comment is always the connection's own; a pop-up is
    shown by the CRM's own app and is no write.
    """
    untold = {"creator"} | ({"author"} if twin.writes("note") else set())
    actions = [action for action in decision.expected_in_neutral_words(row, settings) if action["do"] != "popup"]
    return [{key: value for key, value in action.items() if key not in untold} for action in actions]


@contextmanager
def prepared(row: Row) -> Iterator[Stage]:
    """The row's CRM state in a twin, and the product connected to it."""
    clock = ManualClock(begun_at(row))
    twin = twin_class(row.crm)(clock=clock)
    with serve(twin) as running:
        seeded = Seeds(row, twin)
        connection = twin.connection(running.url)
        telephony = {"telephony": {"provider": "mango" if row.kind == "call" and mango.is_mangos(row) else "ringostat"}}
        body = merge(merge(document(row), seeded.settings(connection.options)), {**telephony, **submitted.SETTINGS})
        with world(body, manual=clock, secrets=connection.secrets) as product:
            yield Stage(row, twin, product, effective(body), seeded)


class Stage:
    """One row being played."""

    def __init__(self, row: Row, twin: Twin, product: World, settings: Settings, seeds: Seeds) -> None:
        self.row, self.twin, self.product, self.settings, self.seeds = row, twin, product, settings, seeds
        self.moments: list[str] = []

    def play(self) -> None:
        """Deliver the row's webhooks and keep all promises."""
        if self.row.kind in submitted.KINDS:
            self._label(submitted.play(self.row, self.product))
            self.product.keep_promises()
            self._label("promise")
            return
        if mango.is_mangos(self.row):
            self._play_mango()
            return
        for delivery in deliveries(self.row):
            self._wait_for(delivery)
            self.product.post(delivery.hint, delivery.payload)
            self._label(delivery.moment)
        self.product.keep_promises()
        self._label("promise")

    def _play_mango(self) -> None:
        """The end of a call is acted upon by its promise, a few seconds later: what comes of it belongs to the end."""
        for delivery in mango.deliveries(self.row):
            self._wait_for(delivery)
            self.product.mango(delivery.hint, delivery.payload)
            if delivery.moment != "answer":
                self.product.keep_promises()
            self._label(delivery.moment)

    def _wait_for(self, delivery: Delivery) -> None:
        manual = self.product.clock.manual
        if delivery.at > manual():
            manual.advance(delivery.at - manual())

    def _label(self, moment: str) -> None:
        self.moments += [moment] * (len(self.twin.ledger) - len(self.moments))

    def actions(self) -> list[Action]:
        """The twin's ledger in the words of a row."""
        written = [(write, moment) for write, moment in zip(self.twin.ledger, self.moments, strict=True)]
        return [self._action(write, moment) for write, moment in submitted.merged(self._completed(written), self._entries())]

    def _completed(self, written: list[tuple[Write, str]]) -> list[tuple[Write, str]]:
        """A task that a second request completed counts as one that is completed."""
        done = {write.id for write in self.twin.writes("complete_task")}

        def final(write: Write) -> Write:
            ended = write.do == "task" and write.id in done
            return replace(write, fields={**write.fields, "completed": True}) if ended else write

        return [(final(write), moment) for write, moment in written if write.do != "complete_task"]

    def _action(self, write: Write, moment: str) -> Action:
        action: Action = {"do": write.do, "at": moment}
        if write.do == "create":
            return action | self._created(write)
        if write.do in {"task", "log", "note"}:
            # a call that is written as a note is a log of that sort
            return action | self._traced(write) | {"do": "task" if write.do == "task" else "log"}
        return action | self._updated(write)

    def _created(self, write: Write) -> Action:
        fields = write.fields
        links = [("contact", fields.get("contact")), ("organization", fields.get("organization"))]
        return {
            "entity": RecordKind(write.kind),
            "owner": self._employee(fields.get("owner")),
            "phone": self._phone(fields.get("phone")),
            "utm": bool(fields.get("attribution")),
            "client_id": (fields.get("attribution") or {}).get("client_id"),
            "link_to": [self._name(kind, identity) for kind, identity in links if identity],
            "name": fields.get("name"),
            "pipeline": fields.get("pipeline"),
            "kind": fields.get("pipeline_name"),
            "status": fields.get("stage_name"),
            "fields": self._own(fields.get("fields") or {}),
            "name_contains_id": write.id in str(fields.get("name")),
        }

    def _own(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The account's own fields by the names the row uses."""
        names = {identity: name for name, identity in self.seeds.own_fields.items()}
        return {names.get(key, key): value for key, value in fields.items()}

    def _traced(self, write: Write) -> Action:
        fields = write.fields
        due, text = fields.get("due_at"), str(fields.get("text"))
        wanted = [str(action["describe_direction"]) for action in self.row.expected if action.get("describe_direction")]
        described = next((direction for direction in wanted if direction in text), None)
        return {
            "kind": self._effect_kind(write),
            "state": "completed" if fields.get("completed") else "open",
            "assignee": self._employee(fields.get("assignee")),
            "author": self._employee(fields.get("author")),
            "attach_to": [self._name(kind, identity) for kind, identity in fields["targets"]],
            "due_in": decision.iso(self._due_in(str(due))) if due else None,
            "recording_link": bool(fields.get("recording")),
            "describe_direction": described,
            "visit_data": "utm_source" in text,
            "title": fields.get("title"),
            "board": fields.get("board"),
        }

    def _due_in(self, due: str) -> timedelta:
        """How long after the call a task is due; a bare date stands for whatever expected deadline falls on it."""
        if len(due) == len("2026-03-05"):
            zone = ZoneInfo(self.row.project["timezone"])
            wanted = [duration(str(action["due_in"])) for action in self.row.expected if action.get("due_in")]
            fitting = (one for one in wanted if (ended_at(self.row) + one).astimezone(zone).date().isoformat() == due)
            return next(fitting, timedelta(0))
        return datetime.fromisoformat(due) - ended_at(self.row).replace(second=0)

    def _updated(self, write: Write) -> Action:
        if write.kind in {"task", "call", "log", "note"}:
            return {"entity": "task", "id": "call_log", "set": "recording_link" if write.fields.get("recording") else None}
        attribution, own = write.fields.get("attribution"), self._own(write.fields.get("fields") or {})
        return {
            "entity": RecordKind(write.kind),
            "id": self._name(write.kind, write.id),
            "set": write.fields.get("about") or ("utm" if attribution else own or None),
            "owner": self._employee(write.fields.get("owner")) if "owner" in write.fields else None,
        }

    # --- names ---

    def _employee(self, user: str | None) -> str | None:
        """Whom the row means; None for the account's own user, who stands in where a CRM insists on somebody."""
        own = INTEGRATION if user == INTEGRATION else None
        return next((owner for owner, known in self.seeds.users.items() if known == user), own)

    def _phone(self, stored: str | None) -> str | None:
        phone = try_phone(stored, self.settings.phone.default_region)
        return stored if phone is None or not same_number(phone, str(stored), self.settings.phone.default_region) else phone.e164

    def _name(self, kind: str, identity: str) -> str:
        """What the row calls a record: its id in the CRM state, or the `as` of the creation."""
        made = decision.made_names(self.row, self.settings)
        return self.seeds.named(kind, identity) or made.get(RecordKind(kind), f"{kind} {identity}")

    def _effect_kind(self, write: Write) -> str:
        """Which of our tasks or logs this is: the journal knows what was written under which id."""
        for entry in self._entries():
            for text in entry.effects.values():
                state = effect_state(text)
                if state.id == write.id and ("task" in state.what or "log" in state.what):
                    return state.what.rsplit(" ", 1)[-1]
        return "unknown"

    def _entries(self) -> Any:
        return self.product.store.calls("demo", f"{begun_at(self.row):%Y-%m-%d}").entries
