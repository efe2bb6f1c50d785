"""What an account calls things: statuses of todos, programs and their states, its own fields; each read once when needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from patchcord.crm.errors import Misconfigured, Rejected
from patchcord.crm.megaplan.declaration import VENDOR, Connection
from patchcord.crm.megaplan.reading import BUILT_IN, DONE
from patchcord.crm.megaplan.talk import Question, Row, Talk
from patchcord.crm.megaplan.writing import is_id, typed
from patchcord.model.records import RecordKind

PATHS = {
    RecordKind.CONTACT: "/contractorHuman",
    RecordKind.ORGANIZATION: "/contractorCompany",
    RecordKind.DEAL: "/deal",
}
_KEY = re.compile(r"[A-Za-z]\w*\d+CustomField\w+")


class Account:
    """The account behind a connection."""

    def __init__(self, talk: Talk, connection: Connection) -> None:
        self._talk = talk
        self._connection = connection
        self._statuses: dict[str, str] = {}
        self._programs: dict[str, str] = {}
        self._states: dict[str, dict[str, str]] = {}
        self._fields: dict[RecordKind, tuple[Row, ...]] = {}

    # --- todos (6)

    def done_status(self) -> str | None:
        """The id of the status of finished todos: the connection's, else the account's first."""
        if self._connection.done_status:
            return self._connection.done_status
        sorts = self.status_sorts()
        return next((key for key, sort in sorts.items() if sort == "finished"), None)

    def status_sorts(self) -> Mapping[str, str]:
        """The sort of each status by its id."""
        if not self._statuses:
            rows = self._talk.rows(Question("list statuses", "/todoStatus"))
            self._statuses = {str(row.get("id")): str(row.get("masterType")) for row in rows}
        return self._statuses

    def is_done(self, status: Any) -> bool:
        """Whether a todo's status finishes it; a bare link is looked up."""
        if not isinstance(status, dict):
            return False
        sort = status.get("masterType") or self.status_sorts().get(str(status.get("id")))
        return sort in DONE

    # --- programs (5)

    def program(self, named: str | None) -> str:
        """The id of the program, given by id or name; the connection's when none is named. Raises Misconfigured."""
        name = named or self._connection.program
        if not name:
            raise Misconfigured(VENDOR, "create process", "no program is chosen: set a pipeline or the option program")
        if is_id(name):
            return name
        if name not in self._programs:
            rows = self._talk.pages("list programs", "/program", {})
            self._programs = {str(row.get("name")): str(row.get("id")) for row in rows}
        return _named(self._programs, name, "program")

    def state(self, program: str, named: str | None) -> str | None:
        """The id of a state of the program, given by id or name. Raises Misconfigured."""
        if not named or is_id(named):
            return named or None
        if program not in self._states:
            row = self._talk.row(Question("read program", f"/program/{program}"))
            states = row.get("states") if isinstance(row.get("states"), list) else ()
            self._states[program] = {str(one.get("name")): str(one.get("id")) for one in states or () if isinstance(one, dict)}
        return _named(self._states[program], named, "state")

    # --- fields (9)

    def fields(self, kind: RecordKind, *, fresh: bool = False) -> tuple[Row, ...]:
        """The account's own fields of a kind."""
        if fresh or kind not in self._fields:
            self._fields[kind] = tuple(self._talk.pages("list fields", f"{PATHS[kind]}/extraFields", {}))
        return self._fields[kind]

    def keyed(self, kind: RecordKind, values: Mapping[str, str]) -> dict[str, Any]:
        """Values by key: a field may be named by its label. Typed if the fields are known already. Raises Rejected."""
        if kind in self._fields or any(not _is_key(kind, name) for name in values):
            return self.typed(kind, values)
        return dict(values)

    def typed(self, kind: RecordKind, values: Mapping[str, str]) -> dict[str, Any]:
        """Values as their fields take them, by key."""
        rows = {str(row.get("name")): row for row in self.fields(kind)}
        labels = {str(row.get("hrName")): key for key, row in rows.items()}
        found: dict[str, Any] = {}
        for name, value in values.items():
            key = name if name in rows or _is_key(kind, name) else labels.get(name)
            if key is None:
                raise Rejected(VENDOR, "write field", "there is no such field", 422)
            found[key] = typed(value, rows.get(key, {}))
        return found


def _is_key(kind: RecordKind, name: str) -> bool:
    return name in BUILT_IN[kind] or _KEY.fullmatch(name) is not None


def _named(ids: Mapping[str, str], name: str, what: str) -> str:
    if name not in ids:
        raise Misconfigured(VENDOR, "create process", f"there is no {what} of this name")
    return ids[name]
