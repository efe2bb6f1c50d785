"""Golden rows of forms and dispatches, end to end: the site's own form, the button, and Ringostat's closed dialogue."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from patchcord.service.journal import effect_state
from patchcord.store.port import Entry
from sandbox.twins.base import Write
from tests.golden.rows import Row, client_number
from tests.harness import World

KINDS = ("form", "messenger_dispatch", "messenger_dialog_closed")
SITE = "https://www.shop.example"
SETTINGS: Mapping[str, Any] = {"forms": {"origins": [SITE]}}
"""What a project says so that its site may send forms."""

Written = tuple[Write, str]


def play(row: Row, product: World) -> str:
    """Deliver the row's event as often as it says; returns the moment at which its writes are due."""
    for _ in range(int(row.event.get("deliveries", 1))):
        if row.kind == "form":
            answered = product.form(_form(row), origin=SITE)
            assert answered["statusCode"] in {200, 202}, answered
        elif row.kind == "messenger_dispatch":
            product.dispatch(_dispatch(row))
        else:
            assert product.post("chat.end", _closed(row))["status_code"] == 200
    return {"form": "submit", "messenger_dispatch": "dispatch"}.get(row.kind, "end")


def _form(row: Row) -> dict[str, Any]:
    event = row.event
    told = {"phone": client_number(row), "name": event.get("name"), "email": event.get("email")}
    return {name: value for name, value in told.items() if value} | dict(event.get("utm") or {}) | dict(event.get("fields") or {})


def _dispatch(row: Row) -> dict[str, Any]:
    event = row.event
    told = {name: event.get(name) for name in ("name", "email", "channel", "pressed_by")}
    return {"phone": client_number(row), "dialogue": row.id, **{name: value for name, value in told.items() if value}}


def _closed(row: Row) -> dict[str, Any]:
    return {"dialog_id": row.id, "channel": row.event.get("channel"), "client_phone": client_number(row)}


def merged(written: Sequence[Written], entries: Iterable[Entry]) -> list[Written]:
    """The writes as a row tells them: a name completed with the record's id is the name it was made with (C-23), and what a
    form adds to a record, fields and a note, is one update of it."""
    notes = _form_notes(entries)
    names = _second_names(written)
    kept = [(write, moment) for write, moment in written if not _is_second_name(write, names)]
    noted = {target for write, _ in kept if write.id in notes for target in _targets(write)}
    return [
        (_as_row_tells(write, notes, names), moment)
        for write, moment in kept
        if not (write.do == "update" and (write.kind, write.id) in noted)
    ]


def _form_notes(entries: Iterable[Entry]) -> set[str]:
    """The ids of what was written for forms; a comment that is part of a record stands in the journal as `order:<its id>`."""
    states = [effect_state(text) for entry in entries for text in entry.effects.values()]
    forms = [state for state in states if state.what.startswith("update ") and state.what.endswith(": form")]
    return {str(state.id).rpartition(":")[2] for state in forms}


def _second_names(written: Sequence[Written]) -> dict[tuple[str, str], str]:
    """The names that records were given after they were made, by kind and id."""
    made = {(write.kind, write.id) for write, _ in written if write.do == "create"}
    renamed = [write for write, _ in written if _is_second_name(write, made)]
    return {(write.kind, write.id): str(write.fields["name"]) for write in renamed}


def _is_second_name(write: Write, made: Container[tuple[str, str]]) -> bool:
    return write.do == "update" and (write.kind, write.id) in made and set(write.fields) == {"name"}


def _targets(write: Write) -> list[tuple[str, str]]:
    return [(str(kind), str(identity)) for kind, identity in write.fields.get("targets") or ()]


def _as_row_tells(write: Write, notes: set[str], names: Mapping[tuple[str, str], str]) -> Write:
    if write.do == "create" and (write.kind, write.id) in names:
        return replace(write, fields={**write.fields, "name": names[write.kind, write.id]})
    if write.do in {"note", "log"} and write.id in notes:
        kind, identity = _targets(write)[0]
        return Write("update", kind, identity, {"about": "form_data"})
    return write
