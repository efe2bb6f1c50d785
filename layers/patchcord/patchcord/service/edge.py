"""The edge: what AWS calls. Times the invocation, flushes the metrics, and lets nothing else through (design 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from patchcord.service import accept
from patchcord.service.accept import Payload, Response, Service
from patchcord.service.clock import Deadline

if TYPE_CHECKING:
    from patchcord.service.click_to_call import Dialler
    from patchcord.service.forms import Forms
    from patchcord.service.overdue import Next, Overdue
    from patchcord.service.put_through import Desk
    from patchcord.service.reconcile import Reconciler
    from patchcord.service.recordings import Recordings
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


def site_form(forms: Forms, payload: Payload, context: Any) -> Response:
    """One form of a site, from payload to answer."""
    from patchcord.service import forms as door

    try:
        return door.site_form(forms, payload, deadline_of(context))
    finally:
        forms.service.observer.flush()


def dispatch(service: Service, payload: Payload, context: Any) -> Response:
    """One pressed button, from payload to answer."""
    from patchcord.service import dispatches

    try:
        return dispatches.dispatch(service, payload, deadline_of(context))
    finally:
        service.observer.flush()


def click_to_call(dialler: Dialler, payload: Payload) -> Response:
    """One click, from payload to answer."""
    from patchcord.service import click_to_call as door

    try:
        return door.click_to_call(dialler, payload)
    finally:
        dialler.observer.flush()


def reconcile(reconciler: Reconciler, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """One run of catching up: on schedule, or as a direct invocation wishes."""
    from patchcord.service.wishes import BadWish, wish_of

    try:
        return reconciler.run(wish_of(event), deadline_of(context))
    except BadWish as bad:
        return {"status": "refused", "field": bad.field, "expected": bad.expected}
    finally:
        reconciler.observer.flush()


def recording(recordings: Recordings, payload: Payload) -> Response:
    """One opened link to a recording, from payload to answer."""
    from patchcord.service import recordings as door

    try:
        return door.answer(recordings, payload)
    finally:
        recordings.observer.flush()


def smart_routing(desk: Desk, payload: Payload) -> Response:
    """One question of a Webhook number, from payload to answer."""
    from patchcord.service.put_through import webhook_number

    try:
        return webhook_number(desk, payload)
    finally:
        desk.observer.flush()


def task_deadline(overdue: Overdue, event: Mapping[str, Any], context: Any) -> Next:
    """One look at a task whose deadline has come: from the execution's state to its next one.

    Raises what the state machine repeats (CrmNotNow, LookFailed) or gives up at once (EscalationRefused), without a word of
    the CRM's: errors stand in the execution's history.
    """
    from patchcord.service.deadlines import watch_of
    from patchcord.service.overdue import CrmNotNow, EscalationRefused, LookFailed

    watch = watch_of(event)
    observer = overdue.observer
    try:
        with observer.call(watch.key.project, watch.key.call):
            try:
                found = overdue.look(watch, deadline_of(context))
            except (CrmNotNow, EscalationRefused) as error:
                observer.looked(watch.effect, watch.round, error.reason)
                raise
            except Exception as error:  # the outermost edge: what went wrong may hold a number, and the history keeps it
                observer.logger.exception("task not looked at")
                observer.count("Crashed")
                raise LookFailed(type(error).__name__) from None
            observer.looked(watch.effect, watch.round, found["outcome"])
            return found
    finally:
        observer.flush()


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
