"""Where the product is, and the way in: a deployed stack by name, the local stand by its address, or the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cli.failures import missing, unreachable, usage
from patchcord.crm.connect import open_crm
from patchcord.service.clock import Clock, SystemClock
from patchcord.service.deadlines import Deadlines, StepFunctions
from patchcord.service.perform import Performer
from patchcord.service.projects import Connect, Projects
from patchcord.service.provider import Providers
from patchcord.store.dynamo import DynamoStore, Tables
from patchcord.store.port import Queue, Secrets, Store
from patchcord.store.secrets import ParameterSecrets
from patchcord.store.sqs import SqsQueue, redrive

if TYPE_CHECKING:
    import boto3

TABLES = ("projects", "journal", "clients", "connections")
STAND_STAGE, STAND_REGION, STAND_ACCOUNT = "dev", "eu-central-1", "123456789012"
"""The stand runs the template with its defaults."""
VARIABLES = (
    *(f"PATCHCORD_{table.upper()}_TABLE" for table in TABLES),
    "PATCHCORD_QUEUE_URL",
    "PATCHCORD_DEAD_LETTER_QUEUE_URL",
    "PATCHCORD_PARAMETERS",
)
"""What the functions read (service/bootstrap.py)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was said of where the product is; neither: the environment says it."""

    stack: str | None = None
    stand: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a stack's parts. `deadlines` is the ARN of the state machine that waits for them, `base` the address of
    its API, if it is known."""

    tables: Tables
    queue: str
    dead_letters: str
    parameters: str
    deadlines: str | None = None
    base: str | None = None


@dataclass(frozen=True)
class Connection:
    """Everything that commands work on, made once. `redrive` moves up to so many dead letters back and counts them."""

    store: Store
    queue: Queue
    secrets: Secrets
    redrive: Callable[[int], int]
    clock: Clock = field(default_factory=SystemClock)
    deadlines: Deadlines | None = None
    base: str | None = None
    connect: Connect = open_crm

    @cached_property
    def projects(self) -> Projects:
        return Projects(self.store, self.secrets, self.clock, self.connect)

    @cached_property
    def providers(self) -> Providers:
        return Providers(self.store, self.secrets, self.clock)

    @cached_property
    def performer(self) -> Performer:
        """Who carries out calls. What is refused is told to whoever called the command: no alarm, and no dead letter."""
        bury, alarm = (lambda body, reason: None), (lambda project, crm: None)
        return Performer(self.store, self.projects, self.clock, bury, alarm, self.providers.roster, self.deadlines)


def connected(target: Target, environment: Mapping[str, str] = os.environ) -> Connection:
    """The way into what `target` names. Raises Failure when it is not there or cannot be reached."""
    if target.stack and target.stand:
        raise usage("--stack and --stand exclude each other")
    session, endpoint = _session(target)
    try:
        names = _names(session, endpoint, target, environment)
    except KeyError as error:
        raise usage(
            f"it is not known where the product is: {error.args[0]} is not set",
            "Name a deployed stack (--stack patchcord-dev), the local stand (--stand and the address of AWS that it prints),\n"
            f"or set what the functions read: {', '.join(VARIABLES)}.",
        ) from None
    dynamodb, sqs = _client(session, "dynamodb", endpoint), _client(session, "sqs", endpoint)
    return Connection(
        store=DynamoStore(dynamodb, names.tables),
        queue=SqsQueue(sqs, names.queue, names.dead_letters),
        secrets=ParameterSecrets(names.parameters, client=_client(session, "ssm", endpoint)),
        redrive=lambda most: redrive(sqs, names.dead_letters, names.queue, most),
        deadlines=_deadlines(session, endpoint, names.deadlines),
        base=names.base,
    )


def _session(target: Target) -> tuple[boto3.Session, str | None]:
    """The credentials of the shell; the stand takes any, and is never shown real ones."""
    import boto3

    if target.stand is None:
        return boto3.Session(), None
    return boto3.Session("local", "local", region_name=STAND_REGION), target.stand


def _client(session: boto3.Session, service: Any, endpoint: str | None) -> Any:
    from patchcord.service.bootstrap import AWS

    return session.client(service, config=AWS, endpoint_url=endpoint)


def _deadlines(session: boto3.Session, endpoint: str | None, machine: str | None) -> Deadlines | None:
    return StepFunctions(lambda: _client(session, "stepfunctions", endpoint), machine) if machine else None


def _names(session: boto3.Session, endpoint: str | None, target: Target, environment: Mapping[str, str]) -> Names:
    """Raises KeyError for a variable that is not set."""
    if target.stack:
        return _of_stack(_client(session, "cloudformation", endpoint), target.stack)
    if target.stand:
        return _of_stand(_client(session, "sqs", endpoint), target.stand)
    tables, (queue, dead_letters, parameters) = VARIABLES[:4], VARIABLES[4:]
    named = Tables(*(environment[name] for name in tables))
    deadlines, base = environment.get("PATCHCORD_DEADLINES_ARN"), environment.get("PATCHCORD_API_URL")
    return Names(named, environment[queue], environment[dead_letters], environment[parameters], deadlines, base)


def _of_stack(cloudformation: Any, name: str) -> Names:
    from botocore.exceptions import ClientError

    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ValidationError":
            raise
        raise missing(f"there is no stack {name} in this region", "Check the name, AWS_PROFILE and AWS_REGION.") from None
    return names_of(stack)


def names_of(stack: Mapping[str, Any]) -> Names:
    """A deployed stack's names, as CloudFormation describes it. Raises Failure when it is not one of ours."""
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
    parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack.get("Parameters", ())}
    try:
        return Names(
            tables=Tables(*(outputs[f"{table.title()}TableName"] for table in TABLES)),
            queue=outputs["RetryQueueUrl"],
            dead_letters=outputs["DeadLetterQueueUrl"],
            parameters=f"/patchcord/{parameters['Stage']}",
            deadlines=_machine(stack["StackId"], parameters["Stage"]),
            base=outputs.get("ApiUrl"),
        )
    except KeyError as error:
        raise missing(f"the stack is not one of Patchcord's, or is not deployed yet: it has no {error.args[0]}") from None


def _machine(like: str, stage: str) -> str:
    """The ARN of the state machine, in the partition, region and account of another ARN."""
    partition, _, region, account = like.split(":")[1:5]
    return f"arn:{partition}:states:{region}:{account}:stateMachine:patchcord-{stage}-task-deadline"


def _of_stand(sqs: Any, address: str) -> Names:
    """The stand's names; asking for its queues tells whether it is there."""
    from botocore.exceptions import BotoCoreError, ClientError

    prefix = f"patchcord-{STAND_STAGE}"
    try:
        queue, dead_letters = (sqs.get_queue_url(QueueName=f"{prefix}-{name}")["QueueUrl"] for name in ("retry", "dead-letter"))
    except (BotoCoreError, ClientError, ValueError):
        raise unreachable(
            f"there is no stand at {address}",
            "`make run` prints the address of its AWS as long as it stays up; this is the one to give.",
        ) from None
    tables = Tables(*(f"{prefix}-{table}" for table in TABLES))
    machine = _machine(f"arn:aws::{STAND_REGION}:{STAND_ACCOUNT}", STAND_STAGE)
    return Names(tables, queue, dead_letters, f"/patchcord/{STAND_STAGE}", machine)
