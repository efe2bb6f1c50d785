"""The promises as messages (design 2): JSON that names a call and one of its events, and nothing personal."""

from __future__ import annotations

import json

from patchcord.store.port import CallKey, Entry


def promise_text(key: CallKey, event: str) -> str:
    """The message that brings an event back."""
    return json.dumps({"project": key.project, "provider": key.provider, "call": key.call, "event": event})


def promise_of(entry: Entry) -> str:
    """A message that brings a stored call back."""
    return promise_text(entry.key, min(entry.events))


def extra_look(promise: str) -> str:
    """The promise as a message that comes once: if the event still cannot be finished, the promise itself will."""
    return json.dumps({**json.loads(promise), "once": True})
