"""A task's deadline has come: called by the state machine task_deadline, once an execution and round."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import task_deadline


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The execution's state, and its next one."""
    return task_deadline(bootstrap.overdue(), event, context)
