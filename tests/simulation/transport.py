"""CRMs in process: what `requests` would send goes straight to the twin whose address it is."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from sandbox.twins.base import AnswerLost, Twin


def ask(twin: Twin, prepared: requests.PreparedRequest) -> requests.Response:
    """The twin's answer. Raises requests.ConnectionError when the twin hangs up."""
    parts = urlsplit(prepared.url or "")
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
    environ = EnvironBuilder(
        path=parts.path,
        query_string=parts.query,
        base_url=f"{parts.scheme}://{parts.netloc}/",
        method=prepared.method or "GET",
        headers=list(prepared.headers.items()),
        input_stream=BytesIO(body),
        content_length=len(body),
    ).get_environ()
    with Request(environ) as request:
        try:
            answer = twin.answer(request)
        except AnswerLost as lost:
            raise requests.ConnectionError("the twin hung up") from lost
        headers = answer.get_wsgi_headers(environ)
    response = requests.Response()
    response.status_code = answer.status_code
    response.headers = CaseInsensitiveDict(list(headers))
    response.url = prepared.url or ""
    response.raw = HTTPResponse(BytesIO(answer.get_data()), headers=dict(headers), preload_content=False)
    return response


def send_by(pick: Callable[[str], Callable[[requests.PreparedRequest, float], requests.Response]]) -> Callable[..., Any]:
    """A replacement of `requests.Session.send`: `pick` finds by host and port who answers a request within so many seconds."""

    def send(session: requests.Session, prepared: requests.PreparedRequest, **how: Any) -> requests.Response:
        _, seconds = how["timeout"]
        return pick(urlsplit(prepared.url or "").netloc)(prepared, seconds)

    return send
