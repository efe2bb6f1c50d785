"""What a golden row says of the CRM, put into a twin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from patchcord.model.records import RecordKind
from sandbox.twins.base import Twin
from sandbox.twins.sendpulse.twin import SendPulseTwin
from tests.golden.rows import Row, settings_of

UTM = ("utm_source", "utm_medium", "utm_campaign", "client_id")


class Seeds:
    """What a row says of the CRM, put into the twin; remembers the twin's ids by the row's names."""

    def __init__(self, row: Row, twin: Twin) -> None:
        self.row, self.twin = row, twin
        self.users: dict[str, str] = {}
        self.ids: dict[str, tuple[str, str]] = {}
        self.fields = {kind: {name: twin.seed_field(kind, f"patchcord_{name}") for name in UTM} for kind in self._kinds()}
        self.own_fields = self._own_fields()
        for state in sorted(row.body["crm_state"], key=lambda state: state["entity"] != "contact"):
            self.ids[str(state["id"])] = self._seed(state)
        self._without_deals_of_conversions()

    def _without_deals_of_conversions(self) -> None:
        """A row that has a converted lead and a deal means by that deal the one which the conversion has made."""
        named = {identity for kind, identity in self.ids.values() if kind == RecordKind.DEAL.value}
        if not named or all(state.get("status") != "converted" for state in self.row.body["crm_state"]):
            return
        for deal in self.twin.records(RecordKind.DEAL.value):
            if str(deal["id"]) not in named:
                self.twin.remove(RecordKind.DEAL.value, str(deal["id"]))

    def _own_fields(self) -> dict[str, str]:
        """The field for the dialled line, where the row wants it: its id by its name."""
        settings = settings_of(self.row)
        if not settings.save_source_line:
            return {}
        return {settings.source_line_field: self.twin.seed_field("contact", settings.source_line_field)}

    def _own_field(self, name: str) -> str:
        """A contact's field of the account, by the name the row uses."""
        self.own_fields[name] = self.twin.seed_field("contact", name)
        return self.own_fields[name]

    def named(self, kind: str, identity: str) -> str | None:
        """What the row calls a record of the CRM state."""
        return next((name for name, known in self.ids.items() if known == (kind, identity)), None)

    def _kinds(self) -> list[str]:
        return sorted({kind.value for kind in settings_of(self.row).vendor.words.values()})

    def user(self, owner: str | None) -> str | None:
        """The twin's user for an employee's key or for somebody whom no employee is bound to."""
        if owner is None:
            return None
        if owner not in self.users:
            self.users[owner] = self.twin.seed_user(name=owner, email=f"{owner}@example.com")
        return self.users[owner]

    def _seed(self, state: Mapping[str, Any]) -> tuple[str, str]:
        kind = settings_of(self.row).vendor.words[state["entity"]]
        updated = state.get("updated")
        common: dict[str, Any] = {
            "phone": state.get("phone"),
            "owner": self.user(state.get("owner")),
            "updated": datetime.fromisoformat(str(updated)).replace(tzinfo=UTC) if updated else None,
            "attribution": state.get("utm"),
        }
        if kind is RecordKind.CONTACT:
            return kind.value, self.twin.seed_contact(**common)
        _, contact = self.ids.get(str(state.get("contact") or self._only_contact()), ("contact", None))
        seed = self.twin.seed_lead if kind is RecordKind.LEAD else self.twin.seed_deal
        return kind.value, seed(**common, contact=contact, status=state.get("status", "open"))

    def _only_contact(self) -> str | None:
        return next((str(state["id"]) for state in self.row.body["crm_state"] if state["entity"] == "contact"), None)

    def settings(self, options: Mapping[str, str]) -> dict[str, Any]:
        """The part of the settings that names the twin's users and fields."""
        employees = {
            key: {"crm_user": self.user(key)} for key, employee in self.row.fixtures["employees"].items() if employee["crm_user"]
        }
        more: dict[str, Any] = {}
        chosen = settings_of(self.row)
        if chosen.missed_tasks.board and isinstance(self.twin, SendPulseTwin):
            self.twin.seed_board(chosen.missed_tasks.board, ("To do", "Done"))
        if chosen.utm_fields:
            more["utm_fields"] = {name: self._own_field(field) for name, field in chosen.utm_fields.items()}
        words = {kind.value: word for word, kind in reversed(settings_of(self.row).vendor.words.items())}
        extra = {words[kind]: [[name, field] for name, field in fields.items()] for kind, fields in self.fields.items()}
        return {
            "crm": {"options": dict(options)},
            "employees": employees,
            "lines": [self.row.fixtures["line"]],
            "fields": {"extra": extra},
            **more,
        }
