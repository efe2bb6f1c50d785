"""AWS on this machine: moto's server, the stack's tables and queues in it, and an environment that leads nowhere else."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3

from sandbox.template import ACCOUNT, REGION, Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LOOPBACK = "127.0.0.1"
NOT_HERE = ("AWS_", "POWERTOOLS_")
"""Variables of the shell that must not act in the stand: credentials and endpoints of a real account above all."""


@contextmanager
def moto() -> Iterator[str]:
    """moto's server with nothing in it, on a free port of this machine; yields its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(LOOPBACK, 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        _emptied(url)
        yield url
    finally:
        server.stop()


def _emptied(url: str) -> None:
    """moto keeps its state in the process, so an earlier stand's would still be there."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()


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
    """Make the stack's tables and queues."""
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


def queue_url(name: str) -> str:
    """A queue's address, as the template gives it to the functions."""
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"


def waiting(sqs: SQSClient, url: str) -> int:
    """How many messages a queue holds, delayed and received ones too."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(answer[name]) for name in names)
