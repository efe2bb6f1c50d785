"""Looking for a write whose answer was lost (crm_hubspot.md 9, 15): by our marker's property, else by what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from patchcord.crm.errors import Gone, Rejected
from patchcord.crm.http import Http
from patchcord.crm.hubspot import reading, writing
from patchcord.crm.hubspot.declaration import VERSION
from patchcord.crm.hubspot.reading import Row
from patchcord.crm.hubspot.writing import BODIES, CALLS, NOTES, OBJECTS, TASKS
from patchcord.crm.port import Trace, Written
from patchcord.model.effects import LogKind
from patchcord.model.phone import digits_of
from patchcord.model.records import RecordKind, Ref
from patchcord.wire import segment

CREATED = {"contacts": "createdate", "companies": "createdate", "deals": "createdate"}
SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours when a write is looked for by its time."""
MOST_INPUTS, MOST_LINKS, MOST_PAGES = 100, 500, 20


class LostWrites:
    """Looks for lost writes of one connection; `marker` is the property for ours, empty where there is none."""

    def __init__(self, http: Http, marker: str) -> None:
        self._http = http
        self._marker = marker

    def find(self, trace: Trace) -> str | None:
        """The id of the write, None when it did not happen."""
        name = object_of(trace)
        try:
            return self.by_marker(name, trace.marker)
        except Rejected:
            # the account has no such property: what was written then carries the marker in its text, or none
            return self._by_text(name, trace) if name in BODIES else self._by_name(name, trace)

    def by_marker(self, name: str, marker: str) -> str | None:
        """The object whose property for our marker has this value, not through the search (15). Raises Rejected without it.

        As a batch of one: a marker may hold a slash, which does not survive in every path.
        """
        operation = f"find {name} by marker"
        if not self._marker:
            raise Rejected(self._http.vendor, operation, "the connection has no property for the marker")
        body = {"idProperty": self._marker, "inputs": [{"id": marker}], "properties": [self._marker]}
        path = f"/crm/objects/{VERSION}/{name}/batch/read"
        try:
            rows = reading.results_of(self._http.call("POST", path, json=body, operation=operation), operation)
        except Gone:
            return None
        return next((str(row["id"]) for row in rows if reading.value(row, self._marker) == marker), None)

    def _by_text(self, name: str, trace: Trace) -> str | None:
        """A task, call or note by the last line of its text, among those of one of its records."""
        line, body = writing.marker_line(trace.marker), BODIES[name]
        rows = self._linked(trace.targets[0], name, (body,)) if trace.targets else self._recent(name, trace, (body,))
        found = next((str(row["id"]) for row in rows if reading.has_marker(reading.value(row, body), line)), None)
        return found if trace.targets else trace.seen(found, self._http.vendor, f"look for lost {name}")

    def _by_name(self, name: str, trace: Trace) -> str | None:
        """A record by its number or name, among what was made since. Leads and deals are read through their contact."""
        kind = trace.kind or RecordKind.CONTACT
        wanted = reading.properties_of(kind)
        contact = next((ref for ref in trace.targets if ref.kind is RecordKind.CONTACT), None)
        through = contact if kind in (RecordKind.LEAD, RecordKind.DEAL) else None
        rows = self._linked(through, name, wanted) if through else self._recent(name, trace, wanted)
        found = next((str(row["id"]) for row in rows if _is_meant(row, kind, trace) and _made_since(row, trace.since)), None)
        return found if through else trace.seen(found, self._http.vendor, f"look for lost {name}")

    def _recent(self, name: str, trace: Trace, wanted: Sequence[str]) -> tuple[Row, ...]:
        """What was made since, newest first: by the search, which lags."""
        created = CREATED.get(name, "hs_createdate")
        since = str(int((trace.since - SKEW).timestamp() * 1000))
        body = {
            "filterGroups": [{"filters": [{"propertyName": created, "operator": "GTE", "value": since}]}],
            "properties": list(wanted),
            "sorts": [{"propertyName": created, "direction": "DESCENDING"}],
            "limit": MOST_INPUTS,
        }
        path, operation = f"/crm/objects/{VERSION}/{name}/search", f"look for lost {name}"
        answer = self._http.call("POST", path, json=body, operation=operation, cost="search")
        return reading.results_of(answer, operation)

    def _linked(self, target: Ref, name: str, wanted: Sequence[str]) -> Iterator[Row]:
        """The objects of a sort that hang on a record, newest first; this does not lag."""
        ids = sorted(self._ids(target, name), key=int, reverse=True)
        path, operation = f"/crm/objects/{VERSION}/{name}/batch/read", f"look for lost {name}"
        for start in range(0, len(ids), MOST_INPUTS):
            inputs = [{"id": key} for key in ids[start : start + MOST_INPUTS]]
            answer = self._http.call("POST", path, json={"inputs": inputs, "properties": list(wanted)}, operation=operation)
            yield from sorted(reading.results_of(answer, operation), key=lambda row: int(row["id"]), reverse=True)

    def _ids(self, target: Ref, name: str) -> Iterator[str]:
        path = f"/crm/objects/{VERSION}/{OBJECTS[target.kind]}/{segment(target.id)}/associations/{name}"
        query: dict[str, Any] = {"limit": MOST_LINKS}
        for _ in range(MOST_PAGES):
            answer = self._http.call("GET", path, query=query, operation="list associations")
            found = (str(row.get("toObjectId")) for row in reading.results_of(answer, "list associations"))
            yield from (key for key in found if writing.is_number(key))
            after = reading.next_page(answer)
            if after is None:
                return
            query["after"] = after


def object_of(trace: Trace) -> str:
    """HubSpot's name for what was written."""
    if trace.sort is Written.RECORD:
        return OBJECTS[trace.kind or RecordKind.CONTACT]
    if trace.sort is Written.TASK:
        return TASKS
    return NOTES if trace.sort is Written.NOTE or trace.log is LogKind.NOTE else CALLS


def _made_since(row: Mapping[str, Any], since: datetime) -> bool:
    made = reading.read_time(row.get("createdAt"))
    return made is not None and made >= since.astimezone(UTC) - SKEW


def _is_meant(row: Row, kind: RecordKind, trace: Trace) -> bool:
    """Whether the record is the one that was to be created: by its number, else by its name."""
    wanted = digits_of(trace.phone)[-9:]
    if kind is RecordKind.CONTACT and wanted:
        return any(digits_of(reading.value(row, name))[-9:] == wanted for name in reading.NUMBERS[kind])
    return bool(trace.name) and reading.name_of(row, kind) == writing.cut(trace.name)
