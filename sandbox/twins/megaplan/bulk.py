"""Several calls in one request (crm_megaplan.md 3)."""

from __future__ import annotations

import json

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused
from sandbox.twins.megaplan.state import CONTRACTORS, EMPLOYEE
from sandbox.twins.megaplan.wire import Call, ok, refused, short

PREFIX = "/api/v3/"


def bulk(call: Call) -> Response:
    """`POST /bulk`: order kept, each call with its own status; faults hit the calls inside by their own paths."""
    body = call.record()
    calls = body.get("calls")
    if body.get("contentType") != "BulkApiCall" or not isinstance(calls, list) or not calls:
        raise refused("calls: a list of ApiCall is expected", "calls")
    return ok([_envelope(call, one) for one in calls])


def _envelope(call: Call, one: object) -> object:
    """The envelope that the call inside answers, whatever its status; a broken one breaks the whole answer."""
    if not isinstance(one, dict) or one.get("contentType") != "ApiCall" or not str(one.get("url")).startswith(PREFIX):
        raise refused("calls: ApiCall is expected", "calls")
    if str(one["url"]).startswith(f"{PREFIX}bulk"):
        raise refused("bulk calls cannot be nested", "calls")
    answer = call.twin.answer_inside(_inner(call, one))
    if answer.mimetype != "application/json":
        raise Refused(502, "Bad Gateway")
    try:
        return json.loads(answer.get_data())
    except ValueError:
        raise Refused(502, "Bad Gateway") from None


def _inner(call: Call, one: dict[str, str]) -> Request:
    path, _, query = one["url"].partition("?")
    headers = {"Authorization": call.request.headers.get("Authorization", "")}
    builder = EnvironBuilder(path=path, query_string=query, method=one.get("method", "GET"), headers=list(headers.items()),
                             data=one.get("body") or None, content_type="application/json")  # fmt: skip
    try:
        return Request(builder.get_environ())
    finally:
        builder.close()


def by_links(call: Call) -> Response:
    """`POST /bulk/getEntitiesByLinks`: unordered, what is not visible is missing, 500 for employees."""
    links = call.body if isinstance(call.body, list) else []
    if any(isinstance(one, dict) and one.get("contentType") == EMPLOYEE for one in links):
        raise Refused(500, "Internal server error")
    rows = [row for one in links if (row := call.state.find(one)) and not row.get("isDropped")]
    rows.sort(key=lambda row: (row["contentType"] not in CONTRACTORS, row["contentType"], row["id"]))
    return ok(short(call, rows))
