"""A whole Patchcord in one process: real function handlers over the in-memory store and a twin, on virtual time."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import json
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest

from patchcord.crm.connect import open_crm
from patchcord.service import bootstrap
from patchcord.service.accept import Service
from patchcord.service.call_lists import CallList, MangoList, RingostatList
from patchcord.service.click_to_call import Dialler
from patchcord.service.deadlines import Deadlines, MemoryDeadlines
from patchcord.service.forms import with_forms
from patchcord.service.observe import Observer
from patchcord.service.overdue import Overdue
from patchcord.service.perform import Performer
from patchcord.service.projects import Connect, Projects, save, secret_hash
from patchcord.service.provider import Providers
from patchcord.service.put_through import Desk
from patchcord.service.reconcile import Reconciler
from patchcord.service.recording_sources import RecordingSources
from patchcord.service.recordings import Recordings
from patchcord.service.retry import Retrier
from patchcord.service.ringostat_apis import RingostatApis
from patchcord.service.route import Router
from patchcord.service.softphone import Softphone
from patchcord.store.memory import MemoryQueue, MemorySecrets, MemoryStore
from patchcord.store.port import Queue, Store
from sandbox.twins.base import ManualClock

REPOSITORY = Path(__file__).resolve().parents[1]
SECRET = "s3cret-of-the-demo-project-0123456789"
CLICK_SECRET = "s3cret-of-the-button-in-the-crm-0123456789"
API_URL = "https://hooks.example"
MANGO_KEY, MANGO_SALT = "key0of0the0account", "salt0of0the0account"
NOBODY = "http://127.0.0.1:9"
"""Where nobody listens: no test may ask a real provider."""
START = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)


class VirtualClock:
    """Time that passes only when somebody waits."""

    def __init__(self, manual: ManualClock) -> None:
        self.manual = manual

    def now(self) -> datetime:
        return self.manual()

    def sleep(self, seconds: float) -> None:
        self.manual.advance(timedelta(seconds=seconds))

    def skip(self, seconds: float) -> None:
        """Nobody has anything to do for that long."""
        self.sleep(seconds)


class FastClock(VirtualClock):
    """Real threads on a clock that runs with the machine's, ahead of it by what was waited for on purpose."""

    def __init__(self) -> None:
        super().__init__(ManualClock(START))
        self._begun = time.monotonic()
        self._ahead = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=time.monotonic() - self._begun + self._ahead)

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.05))

    def skip(self, seconds: float) -> None:
        self._ahead += seconds


class Context:
    """What Lambda tells a function about its time."""

    function_name = "test"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:test"
    aws_request_id = "test"

    def __init__(self, seconds: float = 30.0) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def function(name: str) -> ModuleType:
    """A Lambda function's module, loaded as the runtime does."""
    module_name = f"functions_{name}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, REPOSITORY / "functions" / name / "app.py")
        if spec is None or spec.loader is None:
            raise LookupError(name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[module_name] = module
    return sys.modules[module_name]


def http_event(method: str, path: Mapping[str, str], *, query: Mapping[str, str] | None = None, body: bytes | None = None,
               headers: Mapping[str, str] | None = None) -> dict[str, Any]:  # fmt: skip
    """An API Gateway payload, version 2.0."""
    return {
        "version": "2.0",
        "headers": dict(headers or {}),
        "queryStringParameters": dict(query or {}),
        "pathParameters": dict(path),
        "requestContext": {"domainName": "hooks.example", "http": {"method": method, "path": "/", "sourceIp": "198.51.100.7"}},
        "body": base64.b64encode(body).decode() if body is not None else None,
        "isBase64Encoded": body is not None,
    }


@dataclass
class World:
    """A running product. `answers` keeps every HTTP answer, `log` everything it logged."""

    clock: VirtualClock
    store: Store
    queue: Any
    secrets: MemorySecrets
    service: Service
    retrier: Retrier
    log: io.StringIO
    deadlines: Any = None
    project: str = "demo"
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def post(self, hint: str, payload: Mapping[str, Any], *, secret: str = SECRET, seconds: float = 30.0) -> dict[str, Any]:
        """Deliver a Ringostat webhook; `hint` such as `in.after`, `missed`, `out.after`."""
        return self.send(hint, "POST", body=json.dumps(payload).encode(), headers={"content-type": "application/json"},
                         secret=secret, seconds=seconds)  # fmt: skip

    def send(self, hint: str, method: str, *, secret: str = SECRET, project: str | None = None, seconds: float = 30.0,
             **request: Any) -> dict[str, Any]:  # fmt: skip
        way, _, moment = hint.partition(".")
        kinds = {"in": "incoming_call", "out": "outgoing_call", "form": "form_submission", "chat": "messenger_dispatch"}
        name = kinds.get(way, "missed_call")
        path = {"project": project or self.project, "secret": secret} | ({"moment": moment} if moment else {})
        answer = function(name).handler(http_event(method, path, **request), Context(seconds))
        body = json.loads(answer["body"])
        self.answers.append((answer["statusCode"], body))
        return {"status_code": answer["statusCode"], **body}

    def mango(self, path: str, told: Mapping[str, Any] | str, *, secret: str = SECRET, key: str = MANGO_KEY,
              salt: str = MANGO_SALT) -> dict[str, Any]:  # fmt: skip
        """Deliver a MANGO event, signed; `path` such as `events/call`, `told` its JSON."""
        text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        body = urlencode({"vpbx_api_key": key, "sign": hashlib.sha256((key + text + salt).encode()).hexdigest(), "json": text})
        return self.pbx(path, body.encode(), secret=secret)

    def pbx(self, path: str, body: bytes, *, secret: str = SECRET) -> dict[str, Any]:
        """Deliver a body to the address of MANGO's events as it is."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        parameters = {"project": self.project, "secret": secret, "path": path}
        answer = function("pbx_events").handler(http_event("POST", parameters, body=body, headers=headers), Context())
        told = json.loads(answer["body"])
        self.answers.append((answer["statusCode"], told))
        return {"status_code": answer["statusCode"], **told}

    def route(self, payload: Mapping[str, Any] | None = None, *, block: str | None = None, method: str = "POST",
              secret: str = SECRET, **request: Any) -> dict[str, Any]:  # fmt: skip
        """Ask whom to ring, as Ringostat's Webhook number does; the whole HTTP answer."""
        path = {"project": self.project, "secret": secret} | ({"block": block} if block else {})
        if payload is not None:
            request = {"body": json.dumps(payload).encode(), "headers": {"content-type": "application/json"}, **request}
        answer: dict[str, Any] = function("smart_routing").handler(http_event(method, path, **request), Context())
        return answer

    def form(self, payload: Mapping[str, Any] | bytes, *, form: str = "callback", method: str = "POST",
             sort: str = "application/json", project: str | None = None, **headers: str) -> dict[str, Any]:  # fmt: skip
        """Send a form as a site's page does; the whole HTTP answer. Further headers by name, `_` for `-`."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        told = {"content-type": sort} | {name.replace("_", "-"): value for name, value in headers.items()}
        path = {"project": project or self.project, "form": form}
        answer: dict[str, Any] = function("form_submission").handler(http_event(method, path, body=body, headers=told), Context())
        return answer

    def dispatch(self, payload: Mapping[str, Any] | bytes, *, secret: str = SECRET) -> dict[str, Any]:
        """Press "send the client's data to the CRM" in a softphone or chat tool."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        event = http_event("POST", {"project": self.project, "secret": secret}, body=body)
        answer = function("messenger_dispatch").handler(event, Context())
        told = json.loads(answer["body"])
        self.answers.append((answer["statusCode"], told))
        return {"status_code": answer["statusCode"], **told}

    def click(self, payload: Mapping[str, Any] | bytes, *, secret: str = CLICK_SECRET, **headers: str) -> dict[str, Any]:
        """Click a number in the CRM. Headers by name, `_` for `-`."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        event = http_event("POST", {"project": self.project, "secret": secret}, body=body, headers=told)
        answer = function("click_to_call").handler(event, Context())
        return {"status_code": answer["statusCode"], "headers": answer["headers"], **json.loads(answer["body"])}

    def reconcile(self, *, seconds: float = 300.0, **wish: Any) -> dict[str, Any]:
        """Catch up, as the schedule does or as a direct invocation wishes; what became of the project, or the refusal."""
        told: dict[str, Any] = function("reconcile").handler(wish, Context(seconds))
        found: dict[str, Any] = told.get("projects", {}).get(self.project, told)
        return found

    def keep_promises(self, rounds: int = 10) -> int:
        """Let the retry function work on what is promised, on virtual time, until nothing is left; how many rounds it took."""
        for count in range(rounds):
            records = self.queue.deliver(self.clock)
            if not records:
                return count
            answer = function("retry").handler({"Records": records}, Context())
            self.queue.acknowledge(records, {item["itemIdentifier"] for item in answer["batchItemFailures"]})
        raise AssertionError("promises are left")


class PromiseQueue(MemoryQueue):
    """The in-memory queue with SQS's delays, visibility and dead-letter rule, on virtual time."""

    most_receives = 8

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock
        self._due: dict[str, tuple[datetime, str, int]] = {}
        self._count = 0

    def promise(self, body: str, delay: timedelta) -> None:
        super().promise(body, delay)
        self._count += 1
        self._due[str(self._count)] = (self._clock.now() + delay, body, 0)

    def postpone(self, receipt: str, pause: timedelta) -> None:
        _, body, received = self._due[receipt]
        self._due[receipt] = (self._clock.now() + pause, body, received)

    def deliver(self, clock: VirtualClock) -> list[dict[str, Any]]:
        """The next messages, after waiting for the earliest; those received too often are buried."""
        while self._due:
            earliest = min(due for due, _, _ in self._due.values())
            if earliest > clock.now():
                clock.skip((earliest - clock.now()).total_seconds())
            ready = [receipt for receipt, (due, _, _) in self._due.items() if due <= clock.now()][:10]
            records = [record for receipt in ready if (record := self._receive(receipt)) is not None]
            if records:
                return records
        return []

    def _receive(self, receipt: str) -> dict[str, Any] | None:
        _, body, received = self._due[receipt]
        if received >= self.most_receives:
            del self._due[receipt]
            self.bury(body, "received too often")
            return None
        self._due[receipt] = (self._clock.now() + timedelta(seconds=180), body, received + 1)
        return {
            "messageId": receipt,
            "receiptHandle": receipt,
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(received + 1)},
            "eventSource": "aws:sqs",
        }

    def acknowledge(self, records: list[dict[str, Any]], failed: set[str]) -> None:
        for record in records:
            if record["messageId"] not in failed:
                self._due.pop(record["messageId"], None)


@contextmanager
def world(
    document: Mapping[str, Any],
    *,
    start: datetime = START,
    secrets: Mapping[str, str] | None = None,
    store: Store | None = None,
    queue: Queue | None = None,
    connect: Connect = open_crm,
    deadlines: Deadlines | None = None,
    manual: ManualClock | None = None,
    real_time: bool = False,
    clock: VirtualClock | None = None,
) -> Iterator[World]:
    """The product for one project `demo`; its handlers use this world while the context lasts."""
    clock = clock or (FastClock() if real_time else VirtualClock(manual or ManualClock(start)))
    store = store or MemoryStore(now=clock.now)
    queue = queue or PromiseQueue(clock)
    kept = MemorySecrets()
    own = {"client_key": "key-of-the-hashes", "mango_key": MANGO_KEY, "mango_salt": MANGO_SALT}
    for name, value in {"api_token": "twin-api-token", **own, **(secrets or {})}.items():
        kept.put("demo", name, value)
    telephony = {"provider": "ringostat", **document.get("telephony", {}), "secrets": [secret_hash(SECRET)]}
    telephony.setdefault("base_url", NOBODY)
    save(store, "demo", {**document, "telephony": telephony}, "test", clock.now())
    log = io.StringIO()
    with redirect_stdout(log):
        # powertools' loggers live as long as the process, each bound to the stream it was made with
        observer = Observer(service=f"test-{uuid.uuid4().hex}")
    projects = Projects(store, kept, clock, connect)
    providers = Providers(store, kept, clock)
    deadlines = deadlines or MemoryDeadlines()
    performer = Performer(
        store, projects, clock, lambda project, crm: observer.alarm(project.name, crm), providers.roster, deadlines
    )
    overdue = Overdue(store, projects, clock, observer, performer.told_apart)
    recordings = Recordings(projects, RecordingSources(kept, providers.mango, clock), clock, observer)
    apis = RingostatApis(kept)
    softphone = Softphone(projects, store, clock, observer, apis)
    service = Service(projects, performer, queue, clock, observer, after=softphone)
    retrier = Retrier(service, store, queue)
    dialler = Dialler(projects, store, clock, observer, apis, providers.mango, choose=lambda accounts: sorted(accounts)[0])
    lists: dict[str, CallList] = {
        "ringostat": RingostatList(apis, clock),
        "mango": MangoList(providers.mango, providers.roster, store, clock),
    }
    reconciler = Reconciler(service, store, lambda project: lists[project.settings.telephony.provider], API_URL)
    desk = Desk(projects, Router(store, projects, clock, observer), store, clock, observer, providers.mango)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "service", lambda: service)
        patch.setattr(bootstrap, "retrier", lambda: retrier)
        patch.setattr(bootstrap, "forms", lambda: with_forms(service, store))
        patch.setattr(bootstrap, "overdue", lambda: overdue)
        patch.setattr(bootstrap, "dialler", lambda: dialler)
        patch.setattr(bootstrap, "reconciler", lambda: reconciler)
        patch.setattr(bootstrap, "recordings", lambda: recordings)
        patch.setattr(bootstrap, "desk", lambda: desk)
        patch.setattr(bootstrap, "pbx_service", lambda: replace(service, before=bootstrap.before))
        with redirect_stdout(log):
            yield World(clock, store, queue, kept, service, retrier, log, deadlines)
