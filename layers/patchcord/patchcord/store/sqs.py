"""The promises on SQS (design 2): a retry queue and its dead-letter queue."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

LONGEST_DELAY = 900
"""Seconds; SQS delays no message longer. Whoever has to wait longer is promised again when it comes back."""
LONGEST_VISIBILITY = 11 * 3600
LONGEST_REASON = 1_000
NOT_SENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that SQS refuses."""
HIDDEN = 120
"""Seconds for which a message being moved is nobody else's."""


def delay_seconds(delay: timedelta) -> int:
    """Whole seconds within what SQS takes, never earlier than asked unless that is too long."""
    return min(max(math.ceil(delay.total_seconds()), 0), LONGEST_DELAY)


class SqsQueue:
    """The queue port on two SQS queues."""

    def __init__(self, client: SQSClient, url: str, dead_letter_url: str) -> None:
        self._client = client
        self._url = url
        self._dead_letter_url = dead_letter_url

    def promise(self, body: str, delay: timedelta) -> None:
        """Send a message that comes back after the delay, 0 to 900 s."""
        self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay_seconds(delay))

    def bury(self, body: str, reason: str) -> None:
        """Put a message into the dead-letter queue, with the reason as a message attribute."""
        words = NOT_SENDABLE.sub("", reason)[:LONGEST_REASON].strip() or "no reason given"
        self._client.send_message(
            QueueUrl=self._dead_letter_url,
            MessageBody=body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": words}},
        )

    def postpone(self, receipt: str, pause: timedelta) -> None:
        """Keep a received message away for the pause, up to SQS's twelve hours less the time it has been out."""
        seconds = min(max(math.ceil(pause.total_seconds()), 0), LONGEST_VISIBILITY)
        self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds)


def redrive(client: SQSClient, dead_letter_url: str, url: str, limit: int, *, wait: int = 1) -> int:
    """Move up to `limit` messages from the dead-letter queue back to the queue; how many were moved.

    Each is sent before it is deleted: a crash in between doubles a message, which the journal makes harmless, and loses
    none. A message that is no JSON object stays where a person finds it. `wait` is the seconds of a long poll, because a
    short one can come back empty from a queue that is not.
    """
    moved = 0
    while moved < limit:
        messages = client.receive_message(
            QueueUrl=dead_letter_url,
            MaxNumberOfMessages=min(limit - moved, 10),
            WaitTimeSeconds=wait,
            VisibilityTimeout=HIDDEN,
        ).get("Messages", [])
        if not messages:
            break
        moved += sum(_move(client, dead_letter_url, url, message) for message in messages)
    return moved


def _move(client: SQSClient, dead_letter_url: str, url: str, message: MessageTypeDef) -> bool:
    """Send one message back and delete it; False when it is not one of ours."""
    body = redriven(message["Body"])
    if body is None:
        return False
    client.send_message(QueueUrl=url, MessageBody=body)
    client.delete_message(QueueUrl=dead_letter_url, ReceiptHandle=message["ReceiptHandle"])
    return True


def redriven(body: str) -> str | None:
    """The body marked as `redriven`; None when it is no JSON object."""
    try:
        promise = json.loads(body)
    except ValueError:
        return None
    return json.dumps({**promise, "redriven": True}) if isinstance(promise, dict) else None
