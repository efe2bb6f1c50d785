"""What can be seen from outside: log lines, metrics, traces; never a number, a name, a token or a secret (design 1.5).

Only the words listed here reach a log line: ids of ours and of the provider, situations, rules, states, durations.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

from patchcord.service.work import Report, Status

if TYPE_CHECKING:
    from aws_lambda_powertools import Tracer

    from patchcord.scenarios.routes import Route

NAMESPACE = "Patchcord"

LONGEST_CHAIN = 5
"""Errors of one trace."""

TRACED = "_X_AMZN_TRACE_ID"
"""Lambda sets this for an invocation that is traced."""

COUNTED = {
    Status.DONE: "Done",
    Status.DUPLICATE: "Duplicate",
    Status.IGNORED: "Ignored",
    Status.WAITING: "Waiting",
    Status.PARKED: "Parked",
    Status.FAILED: "Failed",
}


class Wordless(LambdaPowertoolsFormatter):
    """Errors without their words: the trace says where and which sort, the words may quote a client or a token."""

    def __init__(self) -> None:
        super().__init__(serialize_stacktrace=False)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The places of an error and of those that led to it, the last first."""
        parts: list[str] = []
        error = ei[1]
        while error is not None and len(parts) < LONGEST_CHAIN:
            parts.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nafter:\n".join(parts)


class Observer:
    """Log, metrics and traces of one function."""

    def __init__(self, service: str | None = None) -> None:
        self.logger = Logger(service=service, logger_formatter=Wordless())
        self.metrics = Metrics(namespace=NAMESPACE, service=service)
        self._tracer: Tracer | None = None

    @property
    def tracer(self) -> Tracer:
        """X-Ray; imported on first use, because its SDK takes longer to load than everything else here.

        AWS requests are traced by operation. CRM requests are not: their addresses hold clients' numbers.
        """
        if self._tracer is None:
            from aws_lambda_powertools import Tracer

            self._tracer = Tracer(patch_modules=["botocore"])
        return self._tracer

    @contextmanager
    def call(self, project: str, call: str) -> Iterator[None]:
        """Everything logged and traced inside carries the project and the call."""
        with self.logger.append_context_keys(project=project, call=call), self._traced(project, call):
            yield

    @contextmanager
    def _traced(self, project: str, call: str) -> Iterator[None]:
        if TRACED not in os.environ:
            yield
            return
        with self.tracer.provider.in_subsegment(name="event") as segment:
            segment.put_annotation("project", project)
            segment.put_annotation("call", call)
            yield

    def reported(self, report: Report, crm: str, milliseconds: float) -> None:
        """One line and the counts for a processed event."""
        self.count(COUNTED[report.status])
        self.logger.info(
            "event processed",
            status=report.status.value,
            situation=report.situation,
            reason=report.reason,
            rules=list(report.rules),
            effects={key: state.state.value for key, state in report.effects.items()},
            crm=crm,
            ms=round(milliseconds),
        )
        with single_metric(name="Latency", unit=MetricUnit.Milliseconds, value=milliseconds, namespace=NAMESPACE) as metric:
            metric.add_dimension(name="crm", value=crm)

    def routed(self, found: Route, milliseconds: int, failure: str, late: bool, crm: str) -> None:
        """One line and the counts for an answered caller."""
        self.count("Routed" if found.direction else "RoutedToNobody")
        if failure:
            self.count("RoutingFailed")
        self.logger.info(
            "caller routed",
            source=found.source.value,
            reason=found.reason.value,
            block=found.block,
            rules=list(found.rules),
            failure=failure,
            late=late,
            crm=crm,
            ms=milliseconds,
        )
        with single_metric(
            name="RoutingLatency", unit=MetricUnit.Milliseconds, value=milliseconds, namespace=NAMESPACE
        ) as metric:
            metric.add_dimension(name="crm", value=crm)

    def looked(self, effect: str, round: int, outcome: str) -> None:
        """One line and the count for a task that was looked at when its deadline had come."""
        self.count("DeadlineLooked")
        self.logger.info("deadline looked at", effect=effect, round=round, outcome=outcome)

    def flush(self) -> None:
        """Write out the metrics of the invocation, if there are any."""
        if self.metrics.metric_set:
            self.metrics.flush_metrics()

    def count(self, name: str) -> None:
        self.metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)

    def alarm(self, project: str, crm: str) -> None:
        """The CRM refuses our credentials: one alarm, until somebody connects it again."""
        self.count("CrmUnauthorised")
        self.logger.error("CRM connection shut off: credentials refused", project=project, crm=crm)
