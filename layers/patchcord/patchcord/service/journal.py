"""What stands in a call's journal: states of effects, the client as first seen, the decision. As JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from patchcord.model.codec import load
from patchcord.model.effects import Decision
from patchcord.model.events import Event
from patchcord.model.records import Client, Owner, Record, RecordKind, Ref
from patchcord.scenarios.afterwards import ASSIGNEE, OWNER
from patchcord.scenarios.overdue import PREFIX
from patchcord.store.port import Entry


class State(StrEnum):
    """How far an effect is. INTENDED without a later state: it may have happened, so it is looked for first. WITHDRAWN: the
    same, and what was heard of the call later does not ask for it any more."""

    INTENDED = "intended"
    WITHDRAWN = "withdrawn"
    DONE = "done"
    FAILED = "failed"


IN_DOUBT = frozenset({State.INTENDED, State.WITHDRAWN})
"""States of effects of which nobody knows whether they were carried out."""


@dataclass(frozen=True, slots=True)
class EffectState:
    """One effect in the journal.

    `what` says it in words for people, `id` is the vendor's id of what was written, `kind` the record kind if it is a
    record, `owner` the employee it was made for. `since` is the time of the first intent. `recording` says whether the link
    was written with it. `words` are the vendor's, when it refused. `watched` says that the wait for a task's deadline has
    begun, `told` that a dead letter tells of the refusal.
    """

    state: State
    what: str
    since: datetime
    rules: tuple[str, ...] = ()
    id: str | None = None
    kind: RecordKind | None = None
    recording: bool = False
    words: str = ""
    owner: str | None = None
    watched: bool = False
    told: bool = False

    @property
    def ref(self) -> Ref | None:
        """The record that was written, if it is one."""
        return Ref(self.kind, self.id) if self.kind is not None and self.id is not None else None

    def dump(self) -> str:
        return _json(
            {
                "state": self.state.value,
                "what": self.what,
                "since": self.since.isoformat(),
                "rules": list(self.rules),
                "id": self.id,
                "kind": self.kind.value if self.kind else None,
                "recording": self.recording,
                "words": self.words,
                "owner": self.owner,
                "watched": self.watched,
                "told": self.told,
            }
        )


def effect_state(text: str) -> EffectState:
    """An effect's state as it stands in the journal."""
    tree = json.loads(text)
    return EffectState(
        state=State(tree["state"]),
        what=tree["what"],
        since=datetime.fromisoformat(tree["since"]),
        rules=tuple(tree.get("rules", ())),
        id=tree.get("id"),
        kind=RecordKind(tree["kind"]) if tree.get("kind") else None,
        recording=tree.get("recording", False),
        words=tree.get("words", ""),
        owner=tree.get("owner"),
        watched=tree.get("watched", False),
        told=tree.get("told", False),
    )


def states_of(entry: Entry) -> dict[str, EffectState]:
    """The effects of the call itself. What follows an overdue task is somebody else's, who may be writing right now."""
    return {key: effect_state(text) for key, text in entry.effects.items() if not key.startswith(PREFIX)}


def is_unfinished(states: Mapping[str, EffectState]) -> bool:
    """Whether it is not known what a call has written."""
    return any(state.state is State.INTENDED for state in states.values())


def withdrawn(states: Mapping[str, EffectState], decision: Decision) -> dict[str, EffectState]:
    """What was intended or refused, and is not asked for any more by all that is known now: it holds up nobody."""
    asked_for = {effect.key for effect in decision.effects}
    return {
        key: replace(state, state=State.WITHDRAWN, words="not asked for any more")
        for key, state in states.items()
        if state.state in {State.INTENDED, State.FAILED} and key not in asked_for
    }


def made_for(states: Mapping[str, EffectState]) -> dict[str, str | None]:
    """For whom a call has written its records and tasks so far, by the key of the effect that wrote them; None where that is
    in doubt, or nobody's."""
    records = {key: state.owner for key, state in states.items() if state.kind is not None and state.state is State.DONE}
    # what is only intended may stand in the CRM, as it was intended first
    known = IN_DOUBT | {State.DONE}
    people = records | {key: state.owner for key, state in states.items() if state.owner and state.state in known}
    changing = {
        key.split(":", 1)[1] for key, state in states.items() if key.startswith((OWNER, ASSIGNEE)) and state.state in IN_DOUBT
    }
    return {key: None if key in changing else person for key, person in people.items()}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The client as it was before the call, and when it was looked at. `partly`: routing has looked, which asks for records
    and not for an open callback task."""

    client: Client
    at: datetime
    partly: bool = False

    def dump(self) -> str:
        records = [record_tree(record) for record in self.client.records]
        callback = self.client.callback or self.client.open_callback
        return _json({"at": self.at.isoformat(), "callback": callback, "records": records, "partly": self.partly})


def snapshot(text: str, phone: str | None) -> Snapshot:
    """The stored client; the number itself is not in the journal's copy, so it is given."""
    tree = json.loads(text)
    records = tuple(record_of(record) for record in tree["records"])
    callback = tree.get("callback")
    known = callback if isinstance(callback, str) else None
    return Snapshot(Client(phone, records, bool(callback), known), datetime.fromisoformat(tree["at"]), bool(tree.get("partly")))


def record_tree(record: Record) -> dict[str, Any]:
    """A record as JSON; empty values are left out, and so is the name, which nobody needs here."""
    tree = {
        "kind": record.kind.value,
        "id": record.id,
        "owner": record.owner,
        "open": record.open,
        "contact": record.contact,
        "organization": record.organization,
        "created_at": _iso(record.created_at),
        "updated_at": _iso(record.updated_at),
        "attribution": dict(record.attribution) if record.attribution is not None else None,
        "owners": [[owner.crm_user, owner.active, owner.employee] for owner in record.owners] or None,
    }
    return {key: value for key, value in tree.items() if value is not None}


def record_of(tree: Mapping[str, Any]) -> Record:
    """The inverse of record_tree."""
    return Record(
        kind=RecordKind(tree["kind"]),
        id=tree["id"],
        owner=tree.get("owner"),
        open=tree["open"],
        contact=tree.get("contact"),
        organization=tree.get("organization"),
        created_at=_time(tree.get("created_at")),
        updated_at=_time(tree.get("updated_at")),
        attribution=tree.get("attribution"),
        owners=tuple(Owner(*owner) for owner in tree.get("owners", ())),
    )


def events_of(entry: Entry) -> list[Event]:
    """The events of a call, as they were accepted."""
    return [load(body) for body in entry.events.values()]


def decision_text(decision: Decision) -> str:
    """The decision as the journal keeps it: the situation, the reason and the rules; effects have their own entries."""
    return _json({"situation": decision.situation, "reason": decision.reason, "rules": list(decision.rules)})


def _json(tree: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in tree.items() if value not in (None, "", [], False)} | _kept(tree))


def _kept(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Values that mean something although they are empty."""
    return {key: tree[key] for key in ("records",) if key in tree}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
