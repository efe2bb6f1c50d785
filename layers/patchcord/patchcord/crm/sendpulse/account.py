"""One account's interface and what it is made of: pipelines, boards, fields, people (crm_sendpulse.md 3, 6, 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from patchcord.crm.errors import Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.port import CrmField, Lack, User
from patchcord.crm.sendpulse import reading
from patchcord.crm.sendpulse.declaration import DECLARATION, VENDOR, Connection, SendPulseDialect
from patchcord.crm.sendpulse.reading import Row
from patchcord.model.records import RecordKind

API = "/crm/v1"
PAGE = 100
MOST_PAGES = 20
Step = Callable[[], Iterator[Lack]]


class Account:
    """Requests and their shapes; pipelines and boards are read once, because they hardly ever change (9)."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=SendPulseDialect(),
            hidden=connection.hidden,
        )
        self._groups: dict[str, tuple[Row, ...]] = {}

    # --- requests

    def send(self, method: str, path: str, body: Mapping[str, Any] | None, operation: str) -> Any:
        """The answer's body."""
        return self.http.call(method, API + path, json=body, operation=operation, cost="write").json

    def one(self, path: str, operation: str) -> Row:
        """A single read; raises Transient when the answer holds no record."""
        return _whole(self.http.call("GET", API + path, operation=operation).json, operation)

    def new_id(self, path: str, body: Mapping[str, Any], operation: str) -> str:
        """The id of what is created; without one it is not known whether it was."""
        return str(_whole(self.send("POST", path, body, operation), operation)["id"])

    def rows(self, path: str, operation: str) -> tuple[Row, ...]:
        """A list that has no pages."""
        return _list(self.http.call("GET", API + path, operation=operation).json, operation)

    def found(self, path: str, body: Mapping[str, Any], operation: str, most_pages: int = MOST_PAGES) -> Iterator[Row]:
        """A list that is asked for by POST, page after page (3)."""
        for page in range(most_pages):
            place = {**body, "limit": PAGE, "offset": page * PAGE}
            rows = _list(self.http.call("POST", API + path, json=place, operation=operation, cost="search").json, operation)
            yield from rows
            if len(rows) < PAGE:
                return

    def all_of(self, path: str, operation: str) -> tuple[Row, ...]:
        """A list that is asked for by POST and documents no pages: tasks (3)."""
        return _list(self.send("POST", path, {}, operation), operation)

    # --- pipelines and boards

    def pipelines(self) -> tuple[Row, ...]:
        return self._group("/pipelines", "list pipelines")

    def boards(self) -> tuple[Row, ...]:
        return self._group("/boards", "list boards")

    def _group(self, path: str, operation: str) -> tuple[Row, ...]:
        if path not in self._groups:
            self._groups[path] = self.rows(path, operation)
        return self._groups[path]

    def forget(self) -> None:
        """Read pipelines and boards anew when they are needed."""
        self._groups.clear()

    def place_of_deal(self, pipeline: str | None, step: str | None) -> tuple[int, int]:
        """Pipeline and step of a new deal: as the draft says, else the settings, else the first ones."""
        known = self.connection
        group = _number(pipeline) or known.pipeline
        own_step = _number(step) or (known.step if group == known.pipeline else None)
        if group and own_step:
            return group, own_step
        row = _chosen(self.pipelines(), group, "pipeline")
        return int(row["id"]), own_step or _end(row, 0, "pipeline")

    def place_of_task(self, board: str | None, *, done: bool) -> tuple[int, int]:
        """Board and column of a new task. A board is named by its id or its name; one that is not there any more loses no
        task: it goes to the usual board."""
        known = self.connection
        usual = known.done_step if done else known.open_step
        if usual and known.board and board in (None, "", str(known.board)):
            return known.board, usual
        named = next((row for row in self.boards() if board and board in (str(row.get("id")), row.get("name"))), None)
        row = named or _chosen(self.boards(), known.board, "board")
        column = usual if row.get("id") == known.board else None
        return int(row["id"]), column or _end(row, -1 if done else 0, "board")

    def done_step(self, board: Any) -> int | None:
        """The column that completes a task of this board: the settings' one, else the last; None for an unknown board."""
        if self.connection.done_step and board == self.connection.board:
            return self.connection.done_step
        row = next((row for row in self.boards() if row.get("id") == board), None)
        return _end(row, -1, "board") if row is not None and reading.steps_of(row) else None

    # --- people and fields

    def users(self) -> tuple[User, ...]:
        return tuple(reading.read_user(row) for row in self.rows("/users", "list users"))

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        """The fields of contacts, or those of deals of all pipelines (6)."""
        paths = ["/contacts/attributes"]
        if kind is RecordKind.DEAL:
            paths = [f"/pipelines/{row['id']}/attributes" for row in self.pipelines() if row.get("status", 1) == 1]
        rows = (row for path in paths for row in self.rows(path, "list fields") if row.get("status", 1) != 0)
        own = {str(row.get("id")): reading.read_field(row, kind) for row in rows}
        return (*reading.system_fields(kind), *own.values())

    # --- what is missing

    def lacks(self) -> tuple[Lack, ...]:
        """Everything at once; stops at refused credentials, because nothing else can be seen then."""
        self.forget()
        try:
            users = self.users()
        except Unauthorised as error:
            return (Lack("unauthorised", f"SendPulse refuses our key ({error.words})", "Enter an API key that is active."),)
        except Gone:
            return (Lack("address", "No SendPulse answers at this address", "Correct the address."),)
        except Misconfigured as error:
            return (_no_right(error),)
        steps: tuple[Step, ...] = (lambda: self._lacking_person(users), self._lacking_groups, self._lacking_fields)
        return tuple(lack for step in steps for lack in _looked(step))

    def _lacking_person(self, users: tuple[User, ...]) -> Iterator[Lack]:
        if str(self.connection.responsible) not in {user.id for user in users}:
            what = f"The user {self.connection.responsible} is not in the list of users"
            yield Lack("responsible", what, "Set responsible to the id of a user who has confirmed the invitation.")

    def _lacking_groups(self) -> Iterator[Lack]:
        known = self.connection
        wanted = (
            ("pipeline", self.pipelines(), known.pipeline, (("step", known.step),)),
            ("board", self.boards(), known.board, (("open_step", known.open_step), ("done_step", known.done_step))),
        )
        for word, rows, group, steps in wanted:
            row = next((row for row in rows if group in (None, row.get("id"))), None)
            if row is None:
                yield Lack(word, f"There is no {word} {group or ''}".rstrip(), f"Set {word} to one that exists.")
                continue
            ids = {step["id"] for step in reading.steps_of(row)}
            for name, step in steps:
                if step is not None and step not in ids:
                    yield Lack(name, f"The {word} has no step {step}", f"Set {name} to a step of the {word}.")

    def _lacking_fields(self) -> Iterator[Lack]:
        for kind, key in self.connection.marker_fields.items():
            if key not in {field.id for field in self.fields(kind)}:
                what = f"The field {key} for our marker is missing in {DECLARATION.kinds[kind]}"
                yield Lack("marker_field", what, "Create a text field and enter its id.")


# --- helpers


def _looked(step: Step) -> Iterator[Lack]:
    try:
        yield from step()
    except Misconfigured as error:
        yield _no_right(error)


def _no_right(error: Misconfigured) -> Lack:
    return Lack("right", f"We may not: {error.request} ({error.words})", "Use a key of an account whose plan has the CRM.")


def _whole(body: Any, operation: str) -> Row:
    row = reading.inside(body)
    if row is None:
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return row


def _list(body: Any, operation: str) -> tuple[Row, ...]:
    rows = reading.listed(body)
    if rows is None:
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return rows


def _number(text: str | None) -> int | None:
    """An id of a draft; raises Rejected when it is none."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Rejected(VENDOR, "create deal", "the pipeline or step is not an id", 400)
    return int(text)


def _chosen(rows: tuple[Row, ...], key: int | None, word: str) -> Row:
    """The pipeline or board of that id, or the first one."""
    row = next((row for row in rows if key in (None, row.get("id"))), None)
    if row is None:
        raise Misconfigured(VENDOR, f"choose {word}", f"there is no {word} {key or ''}".rstrip())
    return row


def _end(row: Row, place: int, word: str) -> int:
    steps = reading.steps_of(row)
    if not steps:
        raise Misconfigured(VENDOR, f"choose {word}", f"the {word} has no steps")
    return int(steps[place]["id"])
