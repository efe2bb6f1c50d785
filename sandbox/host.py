"""A thin host for the functions of template.yaml: HTTP routes by payload 2.0, SQS sources, schedules on demand, and Lambda's
Invoke for whoever asks for a function by its name, such as a state machine (design 8).

In production the engine is AWS. Here all functions live in one process and are called one after another, as in a single
Lambda container. `docs/stand.md` says what else differs.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import logging
import os
import re
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

import boto3
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from sandbox.aws import queue_url
from sandbox.template import ACCOUNT, REGION, Function, Route, Schedule, Source, Stack, arn

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Json = dict[str, Any]
Handler = Callable[[Json, Any], Any]
Page = Callable[[Request], Response]

IDLE = 0.2
"""Seconds between two looks into an empty queue."""
AFTER_FAILURE = 1.0
TEXT = ("text/", "application/json", "application/javascript", "application/xml")
"""Content types that API Gateway passes on as they are; everything else, forms too, comes base64-encoded."""


class PortTaken(Exception):
    """Nobody can listen there."""


class InvocationFailed(Exception):
    """The function raised `error` (the name of its class) with `words`; the trace stands in the log."""

    def __init__(self, function: str, error: str = "Exception", words: str = "") -> None:
        super().__init__(function)
        self.error, self.words = error, words


# --- what the functions print ---


class Logs(io.TextIOBase):
    """Whatever the functions print: line by line into a file, and kept for whoever wants to look."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._begun = threading.local()
        self._lines: list[str] = []

    @property
    def lines(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._lines)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Threads write at the same time, and `print` writes a line and its end apart: so each has its own begun line."""
        *whole, self._begun.text = (getattr(self._begun, "text", "") + text).split("\n")
        if whole:
            with self._lock:
                self._lines.extend(line for line in whole if line)
                self._file.writelines(f"{line}\n" for line in whole if line)
                self._file.flush()
        return len(text)

    def failed(self, what: str) -> None:
        """One line about the exception being handled."""
        trace = traceback.format_exc()
        self.write(json.dumps({"level": "ERROR", "message": f"stand: {what} failed", "trace": trace}) + "\n")


@contextmanager
def collected(path: Path) -> Iterator[Logs]:
    """Everything printed, to stdout and stderr alike, goes into the file at `path` and not to the screen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    servers = logging.getLogger("werkzeug")
    level = servers.level
    with path.open("w", encoding="utf-8") as file:
        logs = Logs(file)
        servers.setLevel(logging.CRITICAL)  # one line a request, with the address, which holds the secret
        try:
            with redirect_stdout(logs), redirect_stderr(logs):
                yield logs
        finally:
            servers.setLevel(level)


# --- Lambda ---


@dataclass(frozen=True, slots=True)
class Context:
    """Lambda's context object."""

    function_name: str
    memory_limit_in_mb: int
    until: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        return arn("lambda", f"function:{self.function_name}")

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.until - time.monotonic()) * 1000))


def load_handler(function: Function, root: Path) -> Handler:
    """The function's handler, its module under a name of its own."""
    module_name, _, name = function.handler.rpartition(".")
    path = root / function.code / f"{module_name}.py"
    spec = importlib.util.spec_from_file_location(f"stand_functions.{function.id}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = getattr(module, name)
    return handler


# --- API Gateway ---


def payload(request: Request, route: Route, parameters: Mapping[str, str]) -> Json:
    """The request as an HTTP API hands it to a function: payload format 2.0."""
    body, encoded = _body(request)
    now = datetime.now(UTC)
    event: Json = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query_string.decode("latin-1"),
        "headers": {"x-forwarded-proto": request.scheme, **{name.lower(): value for name, value in request.headers.items()}},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "stand",
            "domainName": request.host,
            "domainPrefix": "stand",
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
                "sourceIp": request.remote_addr or "",
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": route.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": encoded,
    }
    if request.args:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in request.args.lists()}
    if parameters:
        event["pathParameters"] = dict(parameters)
    if body:
        event["body"] = body
    return event


def _body(request: Request) -> tuple[str, bool]:
    """The body, and whether it is base64."""
    content = request.get_data()
    if request.mimetype.startswith(TEXT):
        try:
            return content.decode(), False
        except UnicodeDecodeError:
            pass
    return (base64.b64encode(content).decode(), True) if content else ("", False)


def response_of(answer: Any) -> Response:
    """A function's answer as HTTP; without a status code it is the body of a 200, as an HTTP API takes it."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Response(json.dumps(answer), mimetype="application/json")
    body: str | bytes = answer.get("body") or ""
    if answer.get("isBase64Encoded"):
        body = base64.b64decode(body)
    headers = {"content-type": "application/json", **{name.lower(): str(it) for name, it in answer.get("headers", {}).items()}}
    return Response(body, int(answer["statusCode"]), headers)


def message(status: int, words: str) -> Response:
    """What API Gateway says by itself."""
    return Response(json.dumps({"message": words}), status, mimetype="application/json")


# --- SQS ---


def records(messages: Sequence[Mapping[str, Any]], queue: str) -> Json:
    """Received messages as the event that Lambda makes of them."""
    return {"Records": [_record(item, queue) for item in messages]}


def _record(item: Mapping[str, Any], queue: str) -> Json:
    return {
        "messageId": item["MessageId"],
        "receiptHandle": item["ReceiptHandle"],
        "body": item["Body"],
        "attributes": item.get("Attributes", {}),
        "messageAttributes": {
            name: {"dataType": it["DataType"], "stringValue": it.get("StringValue")}
            for name, it in item.get("MessageAttributes", {}).items()
        },
        "md5OfBody": item.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn("sqs", queue),
        "awsRegion": REGION,
    }


def succeeded(event: Json, answer: Any, *, partial: bool) -> list[str]:
    """The receipts of the messages to delete. Whoever names a message that is not in the batch, or none, has all come back."""
    receipts = {record["messageId"]: record["receiptHandle"] for record in event["Records"]}
    failures = answer.get("batchItemFailures") if partial and isinstance(answer, dict) else None
    if not failures:
        return list(receipts.values())
    failed = {failure.get("itemIdentifier") for failure in failures}
    return [receipt for id, receipt in receipts.items() if id not in failed] if failed <= set(receipts) else []


class Poller(threading.Thread):
    """Hands a queue's messages to its function until it is stopped."""

    def __init__(self, host: Host, function: Function, source: Source) -> None:
        super().__init__(name=f"poller-{source.queue}", daemon=True)
        self._host, self._function, self._source = host, function, source
        self._url = queue_url(source.queue)
        self._client: SQSClient = boto3.client("sqs")
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            try:
                worked = self.poll()
            except Exception:  # noqa: BLE001 - the edge of a thread: a promise must not get lost because one batch failed
                self._host.failed(f"the source {self._source.queue}")
                self._end.wait(AFTER_FAILURE)
            else:
                if not worked:
                    self._end.wait(IDLE)

    def poll(self) -> bool:
        """One batch, if there is one."""
        messages = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(self._source.batch_size, 10),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            return False
        event = records(messages, self._source.queue)
        try:
            answer = self._host.invoke(self._function, event)
        except InvocationFailed:
            return True  # all of them come back when their visibility ends
        for receipt in succeeded(event, answer, partial=self._source.partial):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        return True

    def stop(self) -> None:
        self._end.set()
        self.join()
        self._client.close()


# --- EventBridge ---


def scheduled(schedule: Schedule, now: datetime) -> Json:
    """The event that EventBridge sends when a schedule's time has come."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": [arn("events", f"rule/{schedule.name}")],
        "detail": {},
    }


# --- the host ---


class _Quiet(WSGIRequestHandler):
    """werkzeug's handler without its access log."""

    def log(self, type: str, message: str, *args: Any) -> None:
        if type == "error":
            print(message % args if args else message, file=sys.stderr)


class Host:
    """The functions of a stack, behind their routes and sources. `pages` are the stand's own, by path."""

    def __init__(self, stack: Stack, root: Path, logs: Logs, pages: Mapping[str, Page] = MappingProxyType({})) -> None:
        self.stack, self.logs, self.pages = stack, logs, pages
        self.failures: list[str] = []
        self._handlers = {function.id: load_handler(function, root) for function in stack.functions}
        self._container = threading.Lock()
        rules = [_rule(function, route) for function in stack.functions for route in function.routes]
        self._routes = Map(rules, strict_slashes=False, merge_slashes=False, redirect_defaults=False)

    def failed(self, what: str) -> None:
        """Called where an exception ends: it is told loudly, and the summary counts it."""
        self.failures.append(what)
        self.logs.failed(what)

    def invoke(self, function: Function, event: Json) -> Any:
        """Call a function, one at a time, with what survives JSON both ways. Raises InvocationFailed."""
        given = json.loads(json.dumps(event))
        with self._container:
            context = Context(function.name, function.memory, time.monotonic() + function.timeout)
            try:
                return json.loads(json.dumps(self._handlers[function.id](given, context)))
            except Exception as error:  # noqa: BLE001 - the edge: as on AWS the exception is logged, and the caller told of it
                self.failed(function.id)
                raise InvocationFailed(function.id, type(error).__name__, str(error)) from None

    def invoked(self, name: str, event: Json) -> tuple[Any, bool]:
        """Lambda's Invoke: the answer of the function with this name or ARN, or the error as its payload, and whether it
        succeeded. Raises KeyError for an unknown function."""
        function = next((it for it in self.stack.functions if name in {it.name, arn("lambda", f"function:{it.name}")}), None)
        if function is None:
            raise KeyError(name)
        try:
            return self.invoke(function, event), True
        except InvocationFailed as failure:
            return {"errorType": failure.error, "errorMessage": failure.words}, False

    def tick(self) -> list[Any]:
        """Call every function that has a schedule, as EventBridge does when its time has come; what each answered."""
        now = datetime.now(UTC)
        answers = []
        for schedule in self.stack.schedules:
            event = scheduled(schedule, now)
            answers.append(self.invoked(schedule.function, event)[0])
        return answers

    def answer(self, request: Request) -> Response:
        """One HTTP request: a page of the stand, or a route of the template."""
        page = self.pages.get(request.path)
        if page is not None:
            return page(request)
        try:
            rule, parameters = self._routes.bind_to_environ(request.environ).match(return_rule=True)
        except HTTPException:
            return message(404, "Not Found")
        function, route = rule.endpoint
        try:
            return response_of(self.invoke(function, payload(request, route, parameters)))
        except InvocationFailed:
            return message(500, "Internal Server Error")

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with Request(environ) as request:
            return self.answer(request)(environ, start_response)

    @contextmanager
    def running(self, port: int = 0, address: str = "127.0.0.1") -> Iterator[str]:
        """Serve the routes and poll the sources as long as the context lasts; yields the address. Raises PortTaken."""
        with ExitStack() as open_things:
            url = open_things.enter_context(served(self, address, port))
            for function in self.stack.functions:
                for source in function.sources:
                    poller = Poller(self, function, source)
                    poller.start()
                    open_things.callback(poller.stop)
            yield url


def _rule(function: Function, route: Route) -> Rule:
    path = re.sub(r"\{(\w+)\+\}", r"<path:\1>", route.path).replace("{", "<").replace("}", ">")
    return Rule(path, methods=None if route.method == "ANY" else [route.method], endpoint=(function, route))


@contextmanager
def served(app: Any, address: str, port: int) -> Iterator[str]:
    """A WSGI application on a port of its own thread. Raises PortTaken."""
    try:
        listening = socket.create_server((address, port), backlog=128)
    except OSError as error:
        raise PortTaken(f"Port {port} cannot be used ({os.strerror(error.errno or 0)})") from None
    with listening:
        server = make_server(address, port, app, threaded=True, request_handler=_Quiet, fd=listening.fileno())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="host", daemon=True)
        thread.start()
        try:
            yield f"http://{address}:{server.port}"
        finally:
            server.shutdown()
            thread.join()
