"""What is read of the account once and kept: its statuses, time zone, fields and users (crm_retailcrm.md 2, 5, 7, 11)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from typing import Any

from patchcord.crm.errors import Gone, Misconfigured, Rejected
from patchcord.crm.http import Http
from patchcord.crm.port import User
from patchcord.crm.retailcrm import reading, writing
from patchcord.crm.retailcrm.declaration import FIRST_STATUS, VENDOR, Connection
from patchcord.crm.retailcrm.reading import Row
from patchcord.crm.together import together
from patchcord.model.records import RecordKind
from patchcord.wire import Answer, segment

API = "/api/v5"
ENTITIES = {RecordKind.CONTACT: "customer", RecordKind.DEAL: "order"}
LIMIT = 100
MOST_PAGES = 50
GROUPS_FRESH = 600.0
"""Seconds for which an unknown status is not looked for again."""


class Account:
    """Reads of one connection, and what is known from them. Two threads may read the same thing twice; that harms nothing."""

    def __init__(self, http: Http, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self.http = http
        self._connection = connection
        self._clock = clock
        self._groups: Mapping[str, str] = {}
        self._groups_at: float | None = None
        self._zone: tzinfo | None = reading.zone_of(connection.timezone) if connection.timezone else None
        self._performer = connection.task_performer
        self._fields: dict[RecordKind, tuple[Row, ...]] = {}
        self._elements: dict[str, Mapping[str, str]] = {}

    # --- reads

    def read(self, path: str, operation: str, query: Mapping[str, Any] | None = None) -> Answer:
        return self.http.call("GET", API + path, query=query or {}, operation=operation)

    def page(self, path: str, name: str, query: Mapping[str, Any], operation: str) -> tuple[tuple[Row, ...], bool]:
        """One page of a list, and whether it goes on. A list is there unless the account is not (4)."""
        try:
            answer = self.read(path, operation, {**query, "limit": LIMIT})
        except Gone as error:
            raise Misconfigured(VENDOR, operation, error.words) from error
        return reading.rows_of(reading.part(answer, name, list, operation)), reading.has_next_page(answer)

    def rows(self, path: str, name: str, query: Mapping[str, Any], operation: str) -> Iterator[Row]:
        """The rows of a list, page after page (4)."""
        for number in range(1, MOST_PAGES + 1):
            rows, goes_on = self.page(path, name, {**query, "page": number}, operation)
            yield from rows
            if not goes_on:
                return

    def named(self, path: str, name: str, operation: str) -> Mapping[str, Any]:
        """A map of the references, by code (5)."""
        found: Mapping[str, Any] = reading.part(self.read(path, operation), name, dict, operation)
        return found

    def learn(self, statuses: Iterable[str]) -> None:
        """Read what orders of these statuses are read by and what is not known yet: groups and time zone, at the same time."""
        unread: list[Callable[[], object]] = [] if self._zone else [self.zone]
        if any(self._is_new(status) for status in statuses):
            unread.append(self.read_groups)
        together(unread)

    # --- statuses (5)

    def is_open(self, status: str) -> bool:
        """Whether an order with this status is open: its group is none of the closed ones."""
        if self._connection.closed_statuses:
            return status not in self._connection.closed_statuses
        if status == FIRST_STATUS:
            return True
        if self._is_new(status):
            self.read_groups()
        return self._groups.get(status) not in self._connection.closed_groups

    def _is_new(self, status: str) -> bool:
        """Whether the groups must be read to tell of this status, and may be read again already."""
        if self._connection.closed_statuses or status == FIRST_STATUS or status in self._groups:
            return False
        return self._groups_at is None or self._clock() - self._groups_at > GROUPS_FRESH

    def read_groups(self) -> frozenset[str]:
        """The codes of the groups there are; keeps which status is in which."""
        groups = self.named("/reference/status-groups", "statusGroups", "list status groups")
        rows = [row for row in groups.values() if isinstance(row, dict)]
        self._groups = {str(status): str(row.get("code")) for row in rows for status in row.get("statuses") or ()}
        self._groups_at = self._clock()
        return frozenset(str(row.get("code")) for row in rows)

    # --- time (2)

    def zone(self) -> tzinfo:
        """The account's time zone: from the settings of the connection, else asked for once."""
        if self._zone is None:
            name = self.zone_name()
            self._zone = reading.zone_of(name)
        if self._zone is None:
            raise Misconfigured(VENDOR, "read settings", "the account's time zone is unknown: set timezone")
        return self._zone

    def zone_name(self) -> str:
        """The zone as the account has it, alone or in an object with a `value`."""
        found = self.named("/settings", "settings", "read settings").get("timezone")
        return str(found.get("value") or "") if isinstance(found, dict) else str(found or "")

    # --- people (11)

    def users(self) -> tuple[User, ...]:
        return tuple(reading.read_user(row) for row in self.rows("/users", "users", {}, "list users"))

    def performer(self) -> str:
        """Who gets a task that nobody is named for: as the connection says, else the first active administrator (9)."""
        if not self._performer:
            self._performer = next((user.id for user in self.users() if user.active and user.admin), "")
        if not self._performer:
            raise Rejected(VENDOR, "create task", "a task needs a performer: set task_performer")
        return self._performer

    # --- custom fields (7)

    def field_rows(self, kind: RecordKind, *, fresh: bool = False) -> tuple[Row, ...]:
        if fresh or kind not in self._fields:
            query = {"filter[entity]": ENTITIES[kind]}
            rows = self.rows("/custom-fields", "customFields", query, "list fields")
            self._fields[kind] = tuple(row for row in rows if row.get("entity", ENTITIES[kind]) == ENTITIES[kind])
        return self._fields[kind]

    def knows_fields(self, kind: RecordKind) -> bool:
        return kind in self._fields

    def typed(self, kind: RecordKind, fields: Mapping[str, str]) -> dict[str, Any]:
        """The values as their fields take them."""
        rows = {str(row.get("code")): row for row in self.field_rows(kind)} if fields else {}
        return {code: self._typed(value, rows.get(code, {})) for code, value in fields.items()}

    def _typed(self, value: str, row: Row) -> Any:
        dictionary = row.get("dictionary")
        return writing.typed(value, str(row.get("type") or ""), self._elements_of(str(dictionary)) if dictionary else {})

    def _elements_of(self, dictionary: str) -> Mapping[str, str]:
        """The codes of a dictionary's elements by their label in lower case; a code stands for itself."""
        if dictionary not in self._elements:
            path = f"/custom-fields/dictionaries/{segment(dictionary)}"
            rows = reading.rows_of(self.named(path, "customDictionary", "read dictionary").get("elements"))
            self._elements[dictionary] = {str(row.get("name")).lower(): str(row.get("code")) for row in rows}
        return self._elements[dictionary]
