"""What every vendor twin shares (design 8): clock, ids, ledger, misbehaviour, search lag, request log, control pages, server.

A twin is a WSGI application. The vendor's subclass brings its routes, its state and its error shapes; everything it
writes it reports in neutral words with `Twin.wrote`. Below `/_twin/` stand the control pages, which no vendor path reaches.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import socket
import sys
import threading
import uuid
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import wraps
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast, get_args

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from patchcord.model.events import ATTRIBUTION

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Clock = Callable[[], datetime]
Status = Literal["open", "archived", "converted", "won", "lost", "closed"]
FaultKind = Literal[
    "late", "status", "html", "garbage", "empty", "lose_answer", "refuse", "hang", "expired_token", "missing_right"
]  # fmt: skip
F = TypeVar("F", bound=Callable[..., Any])
HANG_SECONDS = 60.0
CONTROL = "/_twin"


def utc_now() -> datetime:
    """The real clock: aware UTC."""
    return datetime.now(UTC)


class ManualClock:
    """A clock that stands until it is moved: `clock.advance(timedelta(seconds=3))`."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


class Ids:
    """Ids that are the same in every run: counters per sort, and UUIDs and hex keys made of them."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._last: Counter[str] = Counter()

    def number(self, sort: str) -> int:
        self._last[sort] += 1
        return self._last[sort]

    def uuid(self, sort: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._seed}/{sort}/{self.number(sort)}"))

    def hex(self, sort: str, length: int = 40) -> str:
        return hashlib.sha256(f"{self._seed}/{sort}/{self.number(sort)}".encode()).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class Write:
    """One write, in neutral words.

    `do` is create, update, task, complete_task, log or note. `kind` is contact, organization, lead or deal for create and
    update (task, log or note for an update of those), the sort of task for task and complete_task, and call, note or
    call_entity for log. `fields` has the neutral words name, phone, owner, status, contact, organization, attribution,
    marker, fields, pipeline, stage for records; title, text, completed, assignee, author, due_at (ISO, UTC), targets (list
    of [kind, id]), recording, marker for the rest. An update has only what changed. `at` does not count in comparisons.
    """

    do: str
    kind: str
    id: str
    fields: Mapping[str, Any]
    at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave, for the requests whose method and path (regular expressions, searched) fit.

    The first `skip` fitting requests pass, the next `times` are hit (None: all until `Twin.behave`).
    late: answers after `seconds`. hang: waits `seconds`, then hangs up. lose_answer: does the work, then hangs up.
    status: answers `status` in the vendor's shape, 429 with the vendor's headers. html: a page of a gateway with `status`.
    refuse: 400 with `words`. expired_token, missing_right: the vendor's 401 and 403. garbage, empty: a 200 that is broken
    JSON or nothing. `after_write` lets the work be done before the wrong answer is given.
    """

    kind: FaultKind
    method: str = ""
    path: str = ""
    times: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 503
    words: str = "Service temporarily unavailable"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_write: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"unknown kind of fault {self.kind!r}")
        for number in (self.skip, self.seconds, self.status, self.times or 0):
            if not isinstance(number, int | float):
                raise TypeError(f"{number!r} is no number")
        re.compile(self.method), re.compile(self.path)

    def fits(self, request: Request) -> bool:
        return bool(re.fullmatch(self.method or ".*", request.method, re.I) and re.search(self.path, request.path))


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came in. `status` is None when no answer was given."""

    method: str
    path: str
    query: str
    status: int | None
    at: datetime


def locked(method: F) -> F:
    """Let a twin's method run while no request is being answered."""

    @wraps(method)
    def run(self: Twin, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return method(self, *args, **kwargs)

    return cast(F, run)


class Refused(Exception):
    """A handler refuses a request; the vendor's `refusal` gives it its shape."""

    def __init__(self, status: int, words: str, code: str = "") -> None:
        super().__init__(words)
        self.status, self.words, self.code = status, words, code


class AnswerLost(Exception):
    """The connection is closed without an answer."""


class Window:
    """At most `units` within a rolling `span`."""

    def __init__(self, units: int, span: timedelta) -> None:
        self.units, self.span = units, span
        self._taken: deque[datetime] = deque()

    def take(self, now: datetime) -> bool:
        """Count one request; False when there is no room for it (then it is not counted)."""
        free = self.remaining(now) > 0
        if free:
            self._taken.append(now)
        return free

    def remaining(self, now: datetime) -> int:
        while self._taken and self._taken[0] <= now - self.span:
            self._taken.popleft()
        return max(0, self.units - len(self._taken))

    def reset_in(self, now: datetime) -> timedelta:
        """How long until the next place is free."""
        return max(timedelta(0), self._taken[0] + self.span - now) if self._taken else timedelta(0)


@dataclass(frozen=True, slots=True)
class Connection:
    """What `crm.options` of a project's settings and its secrets say."""

    options: Mapping[str, str]
    secrets: Mapping[str, str]


class Seeding(ABC):
    """How tests and the stand put things into a twin. Ids are strings; nothing of this stands in the ledger.

    `phone` is E.164, `owner` a CRM user id, `contact` and `organization` ids of records, `updated` aware UTC (None: now),
    `attribution` neutral parameter to value. A lead or deal with a `phone` but no `contact`, in a CRM whose leads carry no
    phone, hangs on a contact with that phone, which `seed_contact` with the same phone adopts. Seeds can be searched at once.
    """

    @abstractmethod
    def connection(self, url: str) -> Connection:
        """How a project's settings and secrets connect it to this twin, served at `url`."""

    @abstractmethod
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str: ...

    @abstractmethod
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str: ...  # fmt: skip

    @abstractmethod
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str: ...  # fmt: skip

    @abstractmethod
    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str: ...  # fmt: skip

    @abstractmethod
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str: ...  # fmt: skip

    @abstractmethod
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str: ...  # fmt: skip

    @abstractmethod
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        """A custom field of a record kind; `field_type` is text, number, date, phone or option. Returns the vendor's id."""

    @abstractmethod
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        """Somebody changes the owner in the CRM's own pages."""

    @abstractmethod
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        """Somebody archives, converts, wins, loses or reopens a lead or deal in the CRM's own pages."""

    @abstractmethod
    def finish_task(self, task_id: str) -> None:
        """Somebody ticks a task off in the CRM's own pages."""

    @abstractmethod
    def remove(self, kind: str, record_id: str) -> None:
        """Somebody deletes a record (or a `task`) in the CRM's own pages."""

    @abstractmethod
    def records(self, kind: str) -> list[dict[str, Any]]:
        """All records of a kind as they stand: kind, id, status, open, and the neutral words of `Write`."""

    @abstractmethod
    def tasks(self) -> list[dict[str, Any]]:
        """All tasks as they stand: kind, id, and the neutral words of `Write`."""


class _Armed:
    """A fault with the counts it still has."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.skip, self.left = fault, fault.skip, fault.times

    def hits(self, request: Request) -> bool:
        if self.left == 0 or not self.fault.fits(request):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Twin(Seeding):
    """A fake CRM. Requests are carried out one after another; only waiting goes on at the same time.

    `clock` gives aware UTC; `search_lag` is how long a new record stays invisible to the vendor's search;
    `marker_in_text` finds our marker (group 1) in the text of a task, log or note.
    """

    vendor: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0)) -> None:
        self.clock = clock
        self.search_lag = search_lag
        self.marker_in_text = re.compile(r"\b[Pp]atchcord[:/ ]([^\s<>\"'\])]+)")
        self.lock = threading.RLock()
        self._stopped = threading.Event()
        self._map = Map(self.rules(), strict_slashes=False, redirect_defaults=False)
        self.reset()

    def reset(self) -> None:
        """Everything as new: state, ledger, faults, request log."""
        with self.lock:
            self.ids = Ids(self.vendor)
            self._ledger: list[Write] = []
            self._armed: list[_Armed] = []
            self._losing = False
            self._seen: list[Seen] = []
            self.forget()

    # ---- what a vendor brings

    @abstractmethod
    def rules(self) -> Iterable[Rule]:
        """The routes; each endpoint is a callable that takes the request and the path's parts and returns a Response."""

    @abstractmethod
    def forget(self) -> None:
        """Make the vendor's state anew."""

    @abstractmethod
    def refusal(self, status: int, words: str, code: str = "") -> Response:
        """The vendor's error shape, for any status."""

    @abstractmethod
    def unauthorised(self) -> Response:
        """What the vendor answers to a bad or expired token."""

    @abstractmethod
    def no_right(self) -> Response:
        """What the vendor answers when a right or scope is missing."""

    @abstractmethod
    def too_many(self) -> Response:
        """The vendor's 429 with its headers."""

    # ---- the ledger and the request log

    @property
    def ledger(self) -> tuple[Write, ...]:
        with self.lock:
            return tuple(self._ledger)

    @property
    def requests(self) -> tuple[Seen, ...]:
        with self.lock:
            return tuple(self._seen)

    def writes(self, do: str, kind: str = "") -> list[Write]:
        """The ledger's writes of one sort (and kind)."""
        return [write for write in self.ledger if write.do == do and kind in ("", write.kind)]

    def count(self, method: str = "", path: str = "") -> int:
        """How many requests came whose method and path (regular expressions) fit."""
        return sum(1 for seen in self.requests if re.fullmatch(method or ".*", seen.method) and re.search(path, seen.path))

    def wrote(self, do: str, kind: str, record_id: object, words: Mapping[str, Any]) -> None:
        """Put a write into the ledger; handlers call it once the write is done."""
        with self.lock:
            self._ledger.append(Write(do, kind, str(record_id), dict(words), self.clock()))

    def searchable(self, created: datetime) -> bool:
        """Whether the vendor's search shows what was created then."""
        return created + self.search_lag <= self.clock()

    # ---- misbehaviour

    def misbehave(self, *faults: Fault) -> None:
        """Arm faults; the first that fits a request is the one that hits it."""
        with self.lock:
            self._armed.extend(_Armed(fault) for fault in faults)

    def lose_next_write(self) -> None:
        """The next request that writes anything is carried out, and its answer is lost: whatever the vendor's paths are."""
        with self.lock:
            self._losing = True

    def _lose_if_written(self, before: int) -> None:
        with self.lock:
            if not self._losing or len(self._ledger) == before:
                return
            self._losing = False
        raise AnswerLost

    def behave(self) -> None:
        """Take all faults back."""
        with self.lock:
            self._armed.clear()
            self._losing = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that can still hit."""
        with self.lock:
            return tuple(armed.fault for armed in self._armed if armed.left != 0)

    def _fault_for(self, request: Request) -> Fault | None:
        with self.lock:
            return next((armed.fault for armed in self._armed if armed.hits(request)), None)

    def _misbehave(self, fault: Fault, request: Request) -> Response:
        if fault.kind == "late":
            self._stopped.wait(fault.seconds)
            return self._dispatch(request)
        if fault.after_write or fault.kind == "lose_answer":
            self._dispatch(request)
        if fault.kind in ("lose_answer", "hang"):
            self._stopped.wait(fault.seconds or (HANG_SECONDS if fault.kind == "hang" else 0))
            raise AnswerLost
        response = self._wrong_answer(fault)
        response.headers.update(fault.headers)
        return response

    def _wrong_answer(self, fault: Fault) -> Response:
        if fault.kind == "status":
            return self.too_many() if fault.status == 429 else self.refusal(fault.status, fault.words)
        answers: dict[str, Callable[[], Response]] = {
            "html": lambda: html_page(fault.status, fault.words),
            "garbage": lambda: Response('{"success": true, "data": [{"id"', mimetype="application/json"),
            "empty": lambda: Response(b"", mimetype="application/json"),
            "refuse": lambda: self.refusal(400, fault.words),
            "expired_token": self.unauthorised,
            "missing_right": self.no_right,
        }
        return answers[fault.kind]()

    # ---- answering

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with Request(environ) as request:
            return self.answer(request)(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Answer one request. Raises AnswerLost when a fault wants the connection closed without an answer."""
        if request.path == CONTROL or request.path.startswith(f"{CONTROL}/"):
            return _control(self, request)
        status = None
        try:
            fault = self._fault_for(request)
            written = len(self._ledger)
            response = self._dispatch(request) if fault is None else self._misbehave(fault, request)
            self._lose_if_written(written)
            status = response.status_code
        finally:
            self._note(request, status)
        return response

    def _dispatch(self, request: Request) -> Response:
        with self.lock:
            try:
                endpoint, parts = self._map.bind_to_environ(request.environ).match()
                answer: Response = endpoint(request, **parts)
            except Refused as refused:
                return self.refusal(refused.status, refused.words, refused.code)
            except HTTPException as refused:
                return self.refusal(refused.code or 500, refused.name)
            return answer

    def _note(self, request: Request, status: int | None) -> None:
        with self.lock:
            query = request.query_string.decode("latin-1")
            self._seen.append(Seen(request.method, request.path, query, status, self.clock()))

    def resume(self) -> None:
        """Waiting is possible (again): a server starts."""
        self._stopped.clear()

    def stop(self) -> None:
        """End all waiting at once: the server stops."""
        self._stopped.set()


# ---- answers and words


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; a twin never sends characters escaped, so that clients must read UTF-8."""
    return Response(json.dumps(body, ensure_ascii=False), status, headers, mimetype="application/json")


def html_page(status: int, words: str) -> Response:
    """A page as a gateway in front of the vendor sends it."""
    page = f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{html.escape(words)}</h1></body></html>"
    return Response(page, status, mimetype="text/html")


def digits(text: str) -> str:
    """Only the digits of a text."""
    return re.sub(r"\D", "", text)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with seconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain_text(markup: str) -> str:
    """The text of HTML, paragraphs and breaks as newlines."""
    broken = re.sub(r"<br\s*/?>|</(p|div|li|h\d|tr)>", "\n", markup, flags=re.I)
    return html.unescape(re.sub(r"<[^>]+>", "", broken)).strip()


_URL = re.compile(r"https?://[^\s\"'<>)\]]+", re.I)
_HREF = re.compile(r"<a\b[^>]*\bhref\s*=\s*[\"']?(https?://[^\s\"'>]+)", re.I)
_RECORDING = re.compile(r"rec|audio|\.(mp3|wav|ogg)\b", re.I)


def recording_in(markup: str) -> str | None:
    """The recording's link in HTML or plain text: the first that looks like one, else the first clickable one."""
    urls = [html.unescape(url) for url in _URL.findall(markup)]
    clickable = [html.unescape(url) for url in _HREF.findall(markup)]
    return next((url for url in urls if _RECORDING.search(url)), clickable[0] if clickable else None)


def neutral_fields(named: Mapping[str, Any]) -> dict[str, Any]:
    """`attribution`, `marker` and other `fields`, out of an account's own fields (name to value; empty ones are left out).

    A field is the visit's data when it is called like a neutral parameter or `patchcord_<parameter>`, the marker when it
    is called `marker` or `patchcord_marker`.
    """
    words: dict[str, Any] = {"attribution": {}, "marker": None, "fields": {}}
    for name, value in named.items():
        parameter = name.lower().removeprefix("patchcord_")
        if value in (None, "", []):
            continue
        if parameter == "marker":
            words["marker"] = value
        elif parameter in ATTRIBUTION or name.lower().startswith("patchcord_"):
            words["attribution"][parameter] = value
        else:
            words["fields"][name] = value
    return words


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What differs, one level deep into dictionaries: the fields of an `update`."""
    found: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            value = {name: inner for name, inner in value.items() if old.get(name) != inner}  # noqa: PLW2901
            old = {}
        if value != old:
            found[key] = value
    return found


# ---- control pages: GET /_twin/, GET /_twin/ledger, GET /_twin/requests, GET|POST|DELETE /_twin/faults, POST /_twin/reset


def _control(twin: Twin, request: Request) -> Response:
    pages: dict[tuple[str, str], Callable[[], Response]] = {
        ("GET", ""): lambda: _page(twin),
        ("GET", "ledger"): lambda: _listed(twin.ledger),
        ("GET", "requests"): lambda: _listed(twin.requests),
        ("GET", "faults"): lambda: _listed(twin.faults),
        ("POST", "faults"): lambda: _arm(twin, request),
        ("DELETE", "faults"): lambda: _done(twin.behave),
        ("POST", "reset"): lambda: _done(twin.reset),
    }
    page = pages.get((request.method, request.path.removeprefix(CONTROL).strip("/")))
    return page() if page else json_answer({"error": "no such control page"}, 404)


def _done(action: Callable[[], None]) -> Response:
    action()
    return json_answer({"done": True})


def _listed(items: Sequence[Write | Seen | Fault]) -> Response:
    return Response(json.dumps([asdict(item) for item in items], default=str), mimetype="application/json")


def _arm(twin: Twin, request: Request) -> Response:
    """Body: one fault or a list of them, as JSON objects with the fields of `Fault`."""
    try:
        given = json.loads(request.get_data())
        faults = [fault_of(item) for item in (given if isinstance(given, list) else [given])]
    except (ValueError, TypeError, re.error) as problem:
        return json_answer({"error": str(problem)}, 400)
    twin.misbehave(*faults)
    return json_answer({"armed": len(faults)})


def fault_of(given: object) -> Fault:
    """A fault out of a JSON object; raises ValueError or TypeError when it is none."""
    if not isinstance(given, dict) or "kind" not in given:
        raise ValueError("a fault is an object with a kind")
    unknown = set(given) - {item.name for item in fields(Fault)}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    return Fault(**given)


def _page(twin: Twin) -> Response:
    rows = "".join(_row(write) for write in reversed(twin.ledger))
    title = html.escape(f"{twin.title} (twin)")
    facts = f"{len(twin.ledger)} writes, {len(twin.requests)} requests, {len(twin.faults)} faults armed"
    style = "body{font:15px/1.5 sans-serif;margin:2em}td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    table = f"<table><tr><th>when<th>do<th>kind<th>id<th>fields</tr>{rows}</table>"
    page = f'<!DOCTYPE html><html lang="en"><head>{head}</head><body><h1>{title}</h1><p>{facts}</p>{table}</body></html>'
    return Response(page, mimetype="text/html")


def _row(write: Write) -> str:
    words = "; ".join(f"{name}: {value}" for name, value in write.fields.items() if value not in (None, "", {}, []))
    cells = (f"{write.at:%H:%M:%S}" if write.at else "", write.do, write.kind, write.id, words)
    return f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"


# ---- the server


class _Handler(WSGIRequestHandler):
    """werkzeug's handler closes every connection; this one reads the whole body first and keeps it open."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        environ["wsgi.input"] = BytesIO(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        try:
            with Request(environ) as request:
                response = self.server.twin.answer(request)
        except AnswerLost:
            self.close_connection = True
            return
        self._send(response, environ)

    def _send(self, response: Response, environ: WSGIEnvironment) -> None:
        body = response.get_data()
        self.send_response(response.status_code)
        for name, value in response.get_wsgi_headers(environ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: the twin has its own request log."""


class _Server(ThreadedWSGIServer):
    def __init__(self, host: str, port: int, twin: Twin) -> None:
        super().__init__(host, port, twin, _Handler)
        self.twin = twin
        self._connections: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever waited has hung up, as callers do who answer in time: nothing to tell. Anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close the connections that clients keep open, so that nobody talks to a stopped twin."""
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class RunningTwin:
    """A twin that answers at `url` (no slash at the end)."""

    twin: Twin
    url: str


@contextmanager
def serve(twin: Twin, host: str = "127.0.0.1", port: int = 0) -> Iterator[RunningTwin]:
    """Run a twin in its own thread on a free port (or the one given) as long as the context lasts."""
    server = _Server(host, port, twin)
    twin.resume()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name=f"twin-{twin.vendor}")
    thread.start()
    try:
        yield RunningTwin(twin, f"http://{host}:{server.port}")
    finally:
        twin.stop()
        server.shutdown()
        server.hang_up()
        thread.join()
