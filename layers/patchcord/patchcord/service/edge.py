"""The edge: what AWS calls. Times the invocation, flushes the metrics, and lets nothing else through (design 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patchcord.service import accept
from patchcord.service.accept import Payload, Response, Service
from patchcord.service.clock import Deadline
from patchcord.service.put_through import Desk, webhook_number
from patchcord.service.recordings import Recordings, answer
from patchcord.service.retry import Retrier

MARGIN = 1.0
"""Seconds kept back for answering after the last effect."""


def deadline_of(context: Any) -> Deadline:
    """The time that Lambda leaves this invocation."""
    return Deadline(lambda: float(context.get_remaining_time_in_millis()) / 1000 - MARGIN)


def webhook(service: Service, payload: Payload, context: Any, provider: str, hint: str) -> Response:
    """One webhook, from payload to answer."""
    try:
        return accept.webhook(service, payload, provider, hint, deadline_of(context))
    finally:
        service.observer.flush()


def recording(recordings: Recordings, payload: Payload) -> Response:
    """One opened link to a recording, from payload to answer."""
    try:
        return answer(recordings, payload)
    finally:
        recordings.observer.flush()


def smart_routing(desk: Desk, payload: Payload) -> Response:
    """One question of a Webhook number, from payload to answer."""
    try:
        return webhook_number(desk, payload)
    finally:
        desk.observer.flush()


def retry(service: Service, retrier: Retrier, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """One batch of promises, with the failures that SQS shall deliver again."""
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    unsettled = retrier.unsettled(event["Records"])
    deadline = deadline_of(context)

    def handle(record: Any) -> None:
        retrier.handle(record.raw_event, unsettled, deadline)

    try:
        with processor(event["Records"], handle):
            processor.process()
        return dict(processor.response())
    finally:
        service.observer.flush()
