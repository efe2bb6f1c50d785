"""The account as a WSGI application: what tests put in, what they take out, and the way of a request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from sandbox.telephony.mango_twin import config, faults, wire
from sandbox.telephony.mango_twin.gate import Body, Gate
from sandbox.telephony.mango_twin.history import NO_RECALL, Direction, History, Part, past_call
from sandbox.telephony.mango_twin.recordings import LINK, Files
from sandbox.telephony.mango_twin.reports import Reports
from sandbox.telephony.mango_twin.state import FIRST_GROUP, FIRST_LINE, FIRST_USER, Group, Leg, Line, Place, Recording, State
from sandbox.telephony.mango_twin.switchboard import Command, Result, Switchboard
from sandbox.telephony.mango_twin.wire import Edition, Refusal, TooFast
from sandbox.twins.base import Clock, Fault, Seen, json_answer, utc_now

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ROOT, FILES = "/vpbx/", "/files/"


class MangoTwin:
    """A fake MANGO OFFICE account. Requests are carried out one after another; only waiting goes on at the same time.

    `clock` gives aware UTC. `edition` is the manual whose statuses errors have. `files_url` is what the addresses of
    recordings begin with, such as `https://files.mango-office.ru` (empty: this server's own `/files`, which opens them in
    any case). `report_delay` is how long a statistic takes. `links` switches on the GET links of recordings, which are off
    in a new account. `missing_counts` lets 33xx answers count as invalid requests. `results_as_text` sends `result` as a
    text, as most of the manual's samples have it.
    """

    def __init__(
        self,
        *,
        clock: Clock = utc_now,
        key: str = "mango-twin-key-0000000000000000",
        salt: str = "mango-twin-salt-000000000000000",
        edition: Edition = "2026",
        files_url: str = "",
        report_delay: timedelta = timedelta(0),
        links: bool = False,
        missing_counts: bool = True,
        results_as_text: bool = False,
    ) -> None:
        self.clock, self.key, self.salt, self.edition, self.files_url = clock, key, salt, edition, files_url
        self.report_delay, self.links, self.missing_counts = report_delay, links, missing_counts
        self.results_as_text = results_as_text
        self._lock = threading.RLock()
        self.faults = faults.Faults()
        self.reset()

    def reset(self) -> None:
        """Everything as new: the account, ledger, results, faults, limits, block, request log."""
        with self._lock:
            self._state = State()
            self._history = History(self._state)
            self._gate = Gate(self.key, self.salt)
            self._switchboard = Switchboard(self._state)
            self._files = Files(self._state, self.clock, self.files_url)
            self._reports = Reports(self._state, self._history, self.clock, self.report_delay)
            self._ledger: list[Command] = []
            self._seen: list[Seen] = []
            self._results: list[tuple[datetime, Result]] = []
            self.faults.behave()

    # ---- what tests and the stand put in

    def seed_employee(
        self,
        *,
        extension: str,
        name: str,
        email: str = "",
        user_id: int | None = None,
        numbers: Sequence[str] = (),
        department: str = "",
    ) -> str:
        """An employee; `extension` may be empty. Returns his user id."""
        with self._lock:
            number = FIRST_USER + self._state.ids.number("user") if user_id is None else user_id
            return str(self._state.add_employee(extension, name, email, department, numbers, number).user_id)

    def seed_group(self, *, extension: str, name: str, operators: Sequence[str] = ()) -> str:
        """A group with its short number and the extensions of its operators. Returns its id."""
        with self._lock:
            group = Group(FIRST_GROUP + self._state.ids.number("group"), extension, name, tuple(operators))
            self._state.groups.append(group)
            return str(group.group_id)

    def seed_line(self, *, number: str, name: str | None = None, comment: str | None = None, schema: str = "По умолчанию") -> str:
        """A line: a phone number, or a SIP line with its URI and its own `name`. Returns its id."""
        with self._lock:
            region = "sip" if number.startswith("sip:") else "1"
            line = Line(FIRST_LINE + self._state.ids.number("line"), number, name, comment, region, schema)
            self._state.lines.append(line)
            return str(line.line_id)

    def seed_sound(self, internal_id: int) -> None:
        """A sound file that `commands/play/start` can play."""
        with self._lock:
            self._state.sounds.add(internal_id)

    def add_recording(self, recording_id: str, *, entry_id: str, ready_at: datetime, content: bytes = b"ID3 recording") -> None:
        """A recording that can be fetched from `ready_at` (aware) on."""
        with self._lock:
            self._state.recordings[recording_id] = Recording(recording_id, entry_id, ready_at, content)

    def add_call(
        self,
        *,
        entry_id: str,
        started: datetime,
        direction: Direction = "in",
        client: str,
        line: str = "",
        parts: Sequence[Part] = (),
        menu: int = 0,
        recalled: int = NO_RECALL,
    ) -> None:
        """A past call for the statistics.

        `started` is aware; `client` the other side's number (of an internal call the callee's extension); `parts` who was
        rung and who talked, in order (an outgoing call has one: the caller's); `menu` seconds in the voice menu before;
        `recalled` 0, 1 or 2 (called back in vain, called back, not called back).
        """
        with self._lock:
            self._history.add(past_call(entry_id, started, direction, client, line, parts, menu, recalled))

    def open_call(
        self, call_id: str, entry_id: str, place: Place = "ivr", *, connected: bool = False, extension: str = ""
    ) -> None:
        """A leg under way that commands can act upon; `extension` is the employee's it is at."""
        with self._lock:
            self._state.legs[call_id] = Leg(call_id, entry_id, place, connected, extension)

    def close_call(self, call_id: str) -> None:
        """The leg ends by itself. Raises KeyError when there is none."""
        with self._lock:
            self._state.legs[call_id] = replace(self._state.legs[call_id], over=True)

    def misbehave(self, *armed: Fault) -> None:
        """Arm faults (see `Fault`; the path begins with `/vpbx/`); the first that fits a request is the one that hits it.

        Raises ValueError for a kind that is not late, hang, lose_answer, status, html, garbage or empty.
        """
        self.faults.arm(*armed)

    # ---- what they take out

    @property
    def ledger(self) -> tuple[Command, ...]:
        """The commands that were accepted."""
        with self._lock:
            return tuple(self._ledger)

    @property
    def requests(self) -> tuple[Seen, ...]:
        """All requests that came, with the status answered (None: none)."""
        with self._lock:
            return tuple(self._seen)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """All legs, also those that routes and transfers made, and those that are over."""
        with self._lock:
            return tuple(self._state.legs.values())

    def results(self) -> list[Result]:
        """Take what MANGO would have sent by now to our address in answer to commands and orders, oldest first."""
        with self._lock:
            now = self.clock()
            due = [result for at, result in self._results if at <= now]
            self._results = [later for later in self._results if later[0] > now]
            return due

    # ---- the way of a request

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with Request(environ) as request:
            return self.answer(request)(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Answer one request. Raises ConnectionAbortedError when a fault wants the connection closed without an answer."""
        request.get_data(parse_form_data=True)
        status = None
        try:
            response = self.faults.answer(request, self._dispatch, self.edition)
            status = response.status_code
        finally:
            with self._lock:
                query = request.query_string.decode("latin-1")
                self._seen.append(Seen(request.method, request.path, query, status, self.clock()))
        return response

    def _dispatch(self, request: Request) -> Response:
        with self._lock:
            if request.path.startswith(FILES):
                return self._files.open(request.path.removeprefix(FILES))
            if not request.path.startswith(ROOT):
                return Response("Not Found", 404)
            if self._gate.block.holds(self.clock()):
                return wire.blocked()
            try:
                return self._vpbx(request, request.path.removeprefix(ROOT).rstrip("/"))
            except TooFast:
                return wire.too_fast()
            except Refusal as refused:
                return self._refuse(refused)

    def _refuse(self, refused: Refusal) -> Response:
        if wire.is_invalid(refused.code, self.missing_counts) and self._gate.block.count(self.clock()):
            return wire.blocked()
        return wire.refusal(self.edition, refused)

    def _vpbx(self, request: Request, path: str) -> Response:
        if path.startswith(f"{LINK}/") and request.method == "GET":
            if not self.links:
                raise Refusal(wire.UNSUPPORTED)
            return self._files.link(request, path, self._gate)
        body = self._gate.body(request, path, self.clock())
        if self._switchboard.knows(path):
            return self._command(path, body)
        pages: dict[str, Callable[[], Response]] = {
            "config/users/request": lambda: json_answer(config.users(self._state, body)),
            "groups": lambda: json_answer(config.groups(self._state, body)),
            "incominglines": lambda: json_answer(config.lines(self._state, body)),
            "stats/request": lambda: self._order(body),
            "stats/result": lambda: self._reports.fetch_csv(body),
            "stats/calls/request": lambda: json_answer({"key": self._reports.order_json(body)}),
            "stats/calls/result": lambda: self._reports.fetch_json(body),
            "queries/recording/post": lambda: self._files.post(request, body),
        }
        if path not in pages:
            raise Refusal(wire.NO_OBJECT, path)
        return pages[path]()

    def _command(self, path: str, body: Body) -> Response:
        code = self._switchboard.carry_out(path, body)
        now = self.clock()
        self._ledger.append(Command(path, body, now))
        told = {"command_id": body["command_id"], "result": str(code) if self.results_as_text else code}
        self._results.append((now, Result(path.replace("commands/", "result/", 1), told)))
        return json_answer({"result": wire.OK})

    def _order(self, body: Body) -> Response:
        """A statistic as CSV; its readiness is told as `result/stat` too."""
        key, ready_at = self._reports.order_csv(body)
        told = {"key": key} | {name: body[name] for name in ("request_id",) if name in body}
        self._results.append((ready_at, Result("result/stat", told)))
        return json_answer({"key": key})

    def resume(self) -> None:
        """Waiting is possible (again): a server starts."""
        self.faults.resume()

    def stop(self) -> None:
        """End all waiting at once: the server stops."""
        self.faults.stop()
