"""From a row of `calls/list` to the event that the webhook after the call would have been (telephony.md 2, "joins").

The names of the list are the canonical names of the webhooks, and `uniqueid` is the same in both: so the reader of the
webhooks reads the row, and the event gets the same key as the webhook's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from patchcord.model.events import Event
from patchcord.telephony.port import HttpRequest, Reading
from patchcord.telephony.ringostat.reader import read

OUTGOING = frozenset({"out", "outgoing", "transitout"})


def listed_event(row: Mapping[str, Any], reading: Reading, now: datetime) -> Event:
    """The end of a listed call. The project's own names are for its webhooks only. Raises BadInput."""
    way = "out" if str(row.get("call_type") or "").strip().lower() in OUTGOING else "in"
    headers = {"content-type": "application/json"}
    request = HttpRequest("POST", now, headers=headers, body=json.dumps(dict(row)).encode())
    return read(request, f"{way}.after", replace(reading, key_map={}))
