"""AWS on this machine: moto's server, the stack's tables, queues and state machines in it, and an environment that leads
nowhere else.

moto executes state machines, but runs no functions: a state machine's Lambda call goes to moto's own port. So in front of
moto stands `Lambda`, which has the host answer it.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import boto3
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from sandbox.template import ACCOUNT, REGION, Machine, Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LOOPBACK = "127.0.0.1"
PORT = "MOTO_PORT"
NOT_HERE = ("AWS_", "POWERTOOLS_")
"""Variables of the shell that must not act in the stand: credentials and endpoints of a real account above all."""


INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
"""The path of Lambda's Invoke."""
ROOT = Path(__file__).parents[1]

Invoked = Callable[[str, dict[str, Any]], tuple[Any, bool]]


class Lambda:
    """Answers Lambda's Invoke in front of moto by `invoked`, once the host is there; `behind` answers everything else."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind
        self.invoked: Invoked | None = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        match = INVOKE.fullmatch(environ.get("PATH_INFO", ""))
        if match is None or self.invoked is None:
            return self._behind(environ, start_response)
        with Request(environ) as request:
            answer = self._answer(self.invoked, unquote(match[1]), json.loads(request.get_data() or b"{}"))
            return answer(environ, start_response)

    def _answer(self, invoked: Invoked, name: str, event: dict[str, Any]) -> Response:
        """As AWS answers: an exception of the function is a 200, too, and a header says so."""
        try:
            payload, succeeded = invoked(name, event)
        except KeyError:
            words = {"Type": "User", "message": f"Function not found: {name}"}
            headers = {"x-amzn-errortype": "ResourceNotFoundException"}
            return Response(json.dumps(words), 404, headers, mimetype="application/json")
        failed = {} if succeeded else {"x-amz-function-error": "Unhandled"}
        return Response(json.dumps(payload), 200, failed, mimetype="application/json")


@contextmanager
def moto() -> Iterator[str]:
    """moto's server with nothing in it, on a free port of this machine; yields its address."""
    with moto_and_lambda() as (url, _):
        yield url


@contextmanager
def moto_and_lambda() -> Iterator[tuple[str, Lambda]]:
    """moto's server, and what stands in front of it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    front = Lambda(DomainDispatcherApplication(create_backend_app))
    server = make_server(LOOPBACK, 0, front, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="moto", daemon=True)
    thread.start()
    url = f"http://{LOOPBACK}:{server.port}"
    try:
        with _port_told(server.port):
            _emptied(url)
            yield url, front
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _port_told(port: int) -> Iterator[None]:
    """moto's state machines look here where to call a function."""
    before = os.environ.get(PORT)
    os.environ[PORT] = str(port)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(PORT, None)
        else:
            os.environ[PORT] = before


def _emptied(url: str) -> None:
    """moto keeps its state in the process, so an earlier stand's would still be there."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()
        executed = {"stepfunctions": {"execute_state_machine": True}}
        session.post(f"{url}/moto-api/config", json=executed, timeout=10).raise_for_status()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables of the functions, and of the shell's nothing that could lead to a real account."""
    before = dict(os.environ)
    kept = {name: value for name, value in before.items() if not name.startswith(NOT_HERE)}
    proxies = ",".join(filter(None, (before.get("NO_PROXY") or before.get("no_proxy"), LOOPBACK, "localhost")))
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY=proxies,
        no_proxy=proxies,
    )
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def hurried(factor: float) -> Iterator[None]:
    """Within this context clients made by `boto3.client` ask SQS for delays and invisibilities `factor` times shorter."""

    def shorten(params: dict[str, Any], **_: Any) -> None:
        for name in ("DelaySeconds", "VisibilityTimeout"):
            if name in params:
                params[name] = math.ceil(params[name] / factor)

    before = boto3.DEFAULT_SESSION
    session = boto3.Session()
    for operation in ("SendMessage", "ChangeMessageVisibility"):
        session.events.register(f"before-parameter-build.sqs.{operation}", shorten)
    boto3.DEFAULT_SESSION = session
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


def create(stack: Stack) -> None:
    """Make the stack's tables, queues and state machines."""
    dynamodb = boto3.client("dynamodb")
    for table in stack.tables:
        request: Any = table.request
        dynamodb.create_table(**request)
        if table.expires:
            expiry: Any = {"Enabled": True, "AttributeName": table.expires}
            dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=expiry)
    dynamodb.close()
    sqs: SQSClient = boto3.client("sqs")
    for queue in stack.queues:
        attributes: Any = queue.attributes
        sqs.create_queue(QueueName=queue.name, Attributes=attributes)
    for queue in stack.queues:  # after all of them are there: a policy names another queue
        if queue.redrive:
            sqs.set_queue_attributes(QueueUrl=queue_url(queue.name), Attributes={"RedrivePolicy": json.dumps(queue.redrive)})
    sqs.close()
    for machine in stack.machines:
        _create_machine(machine)


def _create_machine(machine: Machine) -> None:
    states = boto3.client("stepfunctions")
    type_: Any = machine.type
    states.create_state_machine(name=machine.name, type=type_, definition=machine.definition(ROOT), roleArn=machine.role)
    states.close()


def queue_url(name: str) -> str:
    """A queue's address, as the template gives it to the functions."""
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"


def waiting(sqs: SQSClient, url: str) -> int:
    """How many messages a queue holds, delayed and received ones too."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(answer[name]) for name in names)
