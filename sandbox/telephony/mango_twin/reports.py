"""The two statistics: a report is ordered, gets ready, is fetched by its key, is forgotten (telephony.md 3.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby
from typing import Any

from werkzeug.wrappers import Response

from sandbox.telephony.mango_twin import parameters, wire
from sandbox.telephony.mango_twin.gate import Body
from sandbox.telephony.mango_twin.history import CONTEXT_TYPE, History, PastCall, Row
from sandbox.telephony.mango_twin.state import State
from sandbox.telephony.mango_twin.wire import Refusal
from sandbox.twins.base import Clock, json_answer

MOSCOW = timezone(timedelta(hours=3))
MONTH, KEPT = timedelta(days=31), timedelta(minutes=1)
FIELDS = (
    *("records", "start", "finish", "answer", "from_extension", "from_number", "to_extension", "to_number"),
    *("disconnect_reason", "line_number", "location"),
)
"""The columns when none are asked for, in this order."""
MORE_FIELDS = ("entry_id", "create")
PAGES = (1, 5, 10, 20, 50, 100, 500, 1000, 2000, 5000)
DATES = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
ENDS = ("from", "to", "call_party")


@dataclass(frozen=True, slots=True)
class Report:
    """An ordered report; from `ready_at` on it can be fetched, for a minute."""

    ready_at: datetime
    make: Callable[[], Any]


class Reports:
    """Reports by key. `delay` is how long MANGO takes to make one."""

    def __init__(self, state: State, history: History, clock: Clock, delay: timedelta) -> None:
        self._state, self._history, self._clock, self._delay = state, history, clock, delay
        self._ids = state.ids
        self._csv: dict[str, Report] = {}
        self._json: dict[str, Report] = {}

    def _order(self, shelf: dict[str, Report], make: Callable[[], Any]) -> str:
        key = self._ids.hex("report", 30) + "="
        shelf[key] = Report(self._clock() + self._delay, make)
        return key

    def _forgotten(self, report: Report | None) -> bool:
        return report is None or self._clock() >= report.ready_at + KEPT

    # ---- stats/request, stats/result

    def order_csv(self, body: Body) -> tuple[str, datetime]:
        """The key of a new report, and when it is ready."""
        start, end = (parameters.whole(body, name) for name in ("date_from", "date_to"))
        _check_span(timedelta(seconds=end - start))
        columns = _columns(body)
        ends = {name: wanted for name in ENDS if (wanted := _end(parameters.inner(body, name)))}
        if "call_party" in ends and len(ends) > 1:
            raise Refusal(wire.BAD_PARAMETERS, "call_party")
        if parameters.has(body, "request_id"):
            parameters.text(body, "request_id")
        key = self._order(self._csv, lambda: self._table(start, end, columns, ends))
        return key, self._csv[key].ready_at

    def _table(self, start: int, end: int, columns: Sequence[str], ends: dict[str, Row]) -> str:
        calls = [call for call in self._history.calls if start <= call.start <= end]
        rows = [row for call in calls for row in self._history.rows(call) if _has_ends(row, ends)]
        return "".join(";".join(str(row[name]) for name in columns) + "\n" for row in rows)

    def fetch_csv(self, body: Body) -> Response:
        """204 while it is made, 404 for a key that is unknown or forgotten, else the CSV without a heading."""
        report = self._csv.get(parameters.text(body, "key"))
        if report is None or self._forgotten(report):
            return Response("Not Found", 404)
        if self._clock() < report.ready_at:
            return Response(status=204)
        return Response(report.make(), content_type="text/csv; charset=utf-8")

    # ---- stats/calls/request, stats/calls/result

    def order_json(self, body: Body) -> str:
        """The key of a new report."""
        start, end = (_date(body, name) for name in ("start_date", "end_date"))
        limit, offset = parameters.chosen(body, "limit", PAGES), parameters.whole(body, "offset")
        _check_span(end - start)
        wanted = self._filter(body)
        return self._order(self._json, lambda: self._days(start, end, wanted, slice(offset, offset + limit)))

    def _filter(self, body: Body) -> Callable[[PastCall], bool]:
        users, groups, types = (parameters.wholes(body, name) for name in ("user_ids", "group_ids", "context_type"))
        status, recall = (parameters.wholes(body, name) for name in ("context_status", "recall_status"))
        if recall and (types, status) != ([1], [0]):
            raise Refusal(wire.BAD_PARAMETERS, "recall_status")
        sought = parameters.text(body, "search_string") if parameters.has(body, "search_string") else ""
        if 0 < len(sought) < 3:
            raise Refusal(wire.BAD_FORMAT, "search_string")

        def fits(call: PastCall) -> bool:
            people = {one.user_id for part in call.parts if (one := self._state.employee(part.extension))}
            rung = {group.group_id for part in call.parts if (group := self._state.group(part.group))}
            texts = [call.client, call.line, *(part.extension for part in call.parts)]
            return (
                (not users or not people.isdisjoint(users))
                and (not groups or not rung.isdisjoint(groups))
                and (not types or CONTEXT_TYPE[call.direction] in types)
                and (not status or int(call.talk > 0) in status)
                and (not recall or call.recall_status in recall)
                and any(sought in text for text in texts)
            )

        return fits

    def _days(self, start: datetime, end: datetime, wanted: Callable[[PastCall], bool], page: slice) -> list[Row]:
        """Newest first, a block a day; the totals are the day's, whatever the page."""
        first, last = start.timestamp(), end.timestamp()
        found = [call for call in reversed(self._history.calls) if first <= call.start <= last and wanted(call)]
        shown = found[page]
        return [self._day(day, list(calls), found) for day, calls in groupby(shown, key=_day_of)]

    def _day(self, day: str, shown: list[PastCall], found: list[PastCall]) -> Row:
        whole = [call for call in found if _day_of(call) == day]
        totals = {"total_talks_duration": sum(call.talk for call in whole), "total_calls_count": len(whole)}
        totals |= {"total_calls_duration": sum(call.length for call in whole)}
        return {"list": [self._history.context(call) for call in shown], "period": day} | totals

    def fetch_json(self, body: Body) -> Response:
        """Always 200; `status` says whether it is `work`, `complete` or `not-found`."""
        report = self._json.get(parameters.text(body, "key"))
        if report is None or self._forgotten(report):
            return json_answer({"result": wire.OK, "status": "not-found", "data": []})
        if self._clock() < report.ready_at:
            return json_answer({"result": wire.OK, "status": "work", "data": []})
        return json_answer({"result": wire.OK, "status": "complete", "data": report.make()})


def _columns(body: Body) -> list[str]:
    if not parameters.has(body, "fields"):
        return list(FIELDS)
    names = re.split(r"\s*,\s*", parameters.text(body, "fields", limit=1024).strip())
    if not set(names) <= {*FIELDS, *MORE_FIELDS}:
        raise Refusal(wire.BAD_FORMAT, "fields")
    return names


def _end(given: Row) -> Row:
    """What a row's end has to be: extension, number, or both; empty values ask for nothing."""
    wanted: Row = {}
    if parameters.has(given, "extension"):
        wanted["extension"] = parameters.extension(given, "extension")
    if parameters.has(given, "number"):
        wanted["number"] = parameters.number(given, "number")
    return wanted


def _has_ends(row: Row, ends: dict[str, Row]) -> bool:
    def has(end: str, wanted: Row) -> bool:
        return all(row[f"{end}_{name}"] == value for name, value in wanted.items())

    party = ends.get("call_party", {})
    rest = [has(end, wanted) for end, wanted in ends.items() if end != "call_party"]
    return all(rest) and (has("from", party) or has("to", party))


def _check_span(span: timedelta) -> None:
    if not timedelta(0) <= span <= MONTH:
        raise Refusal(wire.BAD_PARAMETERS, "period")


def _date(body: Body, name: str) -> datetime:
    text = parameters.text(body, name)
    for form in DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=MOSCOW)
        except ValueError:
            continue
    raise Refusal(wire.BAD_FORMAT, name)


def _day_of(call: PastCall) -> str:
    return datetime.fromtimestamp(call.start, UTC).astimezone(MOSCOW).date().isoformat()
