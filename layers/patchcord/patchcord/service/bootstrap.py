"""Wiring: a service from the environment, once a container (design 3). The only place that knows everything."""

from __future__ import annotations

import os
from functools import cache

import boto3
from botocore.config import Config

from patchcord.crm.connect import open_crm
from patchcord.service.accept import Service
from patchcord.service.clock import SystemClock
from patchcord.service.observe import Observer
from patchcord.service.perform import Performer
from patchcord.service.projects import Projects
from patchcord.service.retry import Retrier
from patchcord.store.dynamo import DynamoStore, Tables
from patchcord.store.secrets import ParameterSecrets
from patchcord.store.sqs import SqsQueue

AWS = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
"""Every AWS call ends well before a function does. Where AWS is, boto3 takes from AWS_ENDPOINT_URL (the local stand)."""


@cache
def store() -> DynamoStore:
    tables = Tables(
        projects=os.environ["PATCHCORD_PROJECTS_TABLE"],
        journal=os.environ["PATCHCORD_JOURNAL_TABLE"],
        clients=os.environ["PATCHCORD_CLIENTS_TABLE"],
        connections=os.environ["PATCHCORD_CONNECTIONS_TABLE"],
    )
    return DynamoStore(boto3.client("dynamodb", config=AWS), tables)


@cache
def queue() -> SqsQueue:
    client = boto3.client("sqs", config=AWS)
    return SqsQueue(client, os.environ["PATCHCORD_QUEUE_URL"], os.environ["PATCHCORD_DEAD_LETTER_QUEUE_URL"])


@cache
def secrets() -> ParameterSecrets:
    return ParameterSecrets(os.environ["PATCHCORD_PARAMETERS"])


@cache
def observer() -> Observer:
    return Observer()


@cache
def service() -> Service:
    """The service of this container."""
    clock = SystemClock()
    projects = Projects(store(), secrets(), clock, open_crm)
    performer = Performer(store(), projects, clock, lambda project, crm: observer().alarm(project.name, crm))
    return Service(projects, performer, queue(), clock, observer())


@cache
def retrier() -> Retrier:
    return Retrier(service(), store(), queue())
