"""Wiring: a service from the environment, once a container (design 3). The only place that knows everything."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from patchcord.crm.connect import open_crm
from patchcord.scenarios.routing import routes
from patchcord.service.accept import Service
from patchcord.service.clock import SystemClock
from patchcord.service.deadlines import StepFunctions
from patchcord.service.observe import Observer
from patchcord.service.perform import Performer
from patchcord.service.projects import Projects
from patchcord.service.retry import Retrier
from patchcord.store.dynamo import DynamoStore, Tables
from patchcord.store.secrets import ParameterSecrets
from patchcord.store.sqs import SqsQueue

if TYPE_CHECKING:
    from patchcord.model.events import Event
    from patchcord.model.roster import Roster
    from patchcord.service.click_to_call import Dialler
    from patchcord.service.clock import Deadline
    from patchcord.service.forms import Forms
    from patchcord.service.overdue import Overdue
    from patchcord.service.projects import Project
    from patchcord.service.provider import Providers
    from patchcord.service.put_through import Desk
    from patchcord.service.reconcile import Reconciler
    from patchcord.service.recordings import Recordings
    from patchcord.service.softphone import Softphone
    from patchcord.service.work import Report
    from patchcord.store.port import CallKey
    from patchcord.telephony.mango.client import Mango


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
def providers() -> Providers:
    """The way out to telephony providers; imported only by those who go it."""
    from patchcord.service.provider import Providers

    return Providers(store(), secrets(), SystemClock())


def roster_of(project: Project) -> Roster | None:
    """Who is behind the short numbers of a project's telephony."""
    return providers().roster(project)


@cache
def service() -> Service:
    """The service of this container."""
    clock = SystemClock()
    projects = Projects(store(), secrets(), clock, open_crm)
    performer = Performer(
        store(), projects, clock, queue().bury, lambda project, crm: observer().alarm(project.name, crm), roster_of, deadlines()
    )
    return Service(projects, performer, queue(), clock, observer(), after=after)


def after(project: Project, key: CallKey, report: Report, deadline: Deadline) -> None:
    """Feed the telephony's contact book, if the project wants it."""
    if project.settings.softphone.contacts:
        softphone()(project, key, report, deadline)


@cache
def softphone() -> Softphone:
    """What feeding the contact book takes; imported only by those who do."""
    from patchcord.service.ringostat_apis import RingostatApis
    from patchcord.service.softphone import TIME_OUT, Softphone

    kept = service()
    return Softphone(kept.projects, store(), kept.clock, observer(), RingostatApis(secrets(), TIME_OUT))


@cache
def dialler() -> Dialler:
    """What click-to-call needs; it has no use for the queue and for carrying out."""
    from patchcord.service.click_to_call import Dialler
    from patchcord.service.ringostat_apis import RingostatApis

    clock = SystemClock()
    projects = Projects(store(), secrets(), clock, open_crm)
    return Dialler(projects, store(), clock, observer(), RingostatApis(secrets()), providers().mango)


@cache
def reconciler() -> Reconciler:
    """What catching up needs."""
    from patchcord.service.call_lists import TIME_OUT, CallList, MangoList, RingostatList
    from patchcord.service.reconcile import Reconciler
    from patchcord.service.ringostat_apis import RingostatApis

    kept = service()
    ringostat = RingostatList(RingostatApis(secrets(), TIME_OUT), kept.clock)
    mango = MangoList(providers().mango, roster_of, store(), kept.clock)
    lists: dict[str, CallList] = {"ringostat": ringostat, "mango": mango}
    base = os.environ.get("PATCHCORD_API_URL", "")
    return Reconciler(kept, store(), lambda project: lists[project.settings.telephony.provider], base)


@cache
def pbx_service() -> Service:
    """The service of a telephony that is told whom to ring, instead of asking (MANGO)."""
    return replace(service(), before=before)


def before(project: Project, event: Event, begun: float) -> None:
    """Put the caller through, if the event is the chance for it."""
    from patchcord.service.put_through import is_routable, put_through

    if routes(project.settings) and is_routable(event):
        put_through(desk(), project, event, begun)


@cache
def desk() -> Desk:
    """What putting callers through needs."""
    from patchcord.service.put_through import Desk
    from patchcord.service.route import Router

    kept = service()
    router = Router(store(), kept.projects, kept.clock, observer())
    return Desk(kept.projects, router, store(), kept.clock, observer(), providers_mango)


def providers_mango(project: Project) -> Mango:
    """MANGO's interface for a project."""
    return providers().mango(project)


@cache
def forms() -> Forms:
    """What taking forms needs; imported only by those who do."""
    from patchcord.service.forms import with_forms

    return with_forms(service(), store())


@cache
def deadlines() -> StepFunctions | None:
    """Who waits for deadlines; None where no state machine is named. Its client is made when the first wait begins."""
    machine = os.environ.get("PATCHCORD_DEADLINES_ARN")
    return StepFunctions(lambda: boto3.client("stepfunctions", config=AWS), machine) if machine else None


@cache
def overdue() -> Overdue:
    """What looking at a task takes whose deadline has come."""
    from patchcord.service.overdue import Overdue

    kept = service()
    return Overdue(store(), kept.projects, kept.clock, observer(), kept.performer.told_apart)


@cache
def retrier() -> Retrier:
    return Retrier(service(), store(), queue())


@cache
def recordings() -> Recordings:
    """What opening recordings needs; it has no use for the queue and for carrying out."""
    from patchcord.service.recording_sources import RecordingSources
    from patchcord.service.recordings import Recordings

    clock = SystemClock()
    projects = Projects(store(), secrets(), clock, open_crm)
    return Recordings(projects, RecordingSources(secrets(), providers().mango, clock), clock, observer())
