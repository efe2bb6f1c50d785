"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from typing import Any

from sandbox.twins.altegio.state import Row, State
from sandbox.twins.base import neutral_fields, recording_in


def client_words(state: State, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A client in the words of `Write.fields`: it has no owner and no organization; our marker stands in its comment."""
    titles = state.fields["client"]
    named = {titles[code]["title"]: value for code, value in row["custom_fields"].items() if code in titles}
    words = neutral_fields(named)
    found = marker.search(row["comment"])
    words["marker"] = found[1] if found else words["marker"]
    return {"name": row["name"], "owner": None, "status": "open", "phone": row["phone"] or None,
            "email": row["email"] or None, "organization": None, **words}  # fmt: skip


def comment_words(client: int, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A comment of a client: plain text."""
    found = marker.search(row["text"])
    return {
        "title": "", "text": row["text"], "author": str(row["user"]["id"]), "targets": [["contact", str(client)]],
        "recording": recording_in(row["text"]), "marker": found[1] if found else None,
    }  # fmt: skip


def record_words(state: State, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """What `Twin.records` tells of a client."""
    head = {"kind": "contact", "id": str(row["id"]), "open": True}
    return {**head, **client_words(state, row, marker), "updated_at": row["last_change_date"]}
