"""What the network would answer, without a network: an event's answers are recorded once on moto and the twin, then repeated.

AWS is answered in a hook of botocore, the CRM in the adapter below `requests`; both sides of the wire above them are real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import requests
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

EMPTY = (200, {"content-type": "application/x-amz-json-1.0"}, b"{}")
"""What a request without a recorded answer gets: enough for a put."""

Recorded = tuple[int, dict[str, str], bytes]


class Body(BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """The whole of it."""
        yield self.read()


@dataclass
class Answers:
    """An event's answers, by the name of the request, in order. `again` begins with the first ones anew.

    `asked` counts the requests since then: as many as were recorded, when the event takes the same way as it did then.
    """

    by_name: dict[str, list[Recorded]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def keep(self, name: str, answer: Recorded) -> None:
        """Record one."""
        self.by_name.setdefault(name, []).append(answer)

    @property
    def recorded(self) -> Mapping[str, int]:
        """How many answers there are of each name."""
        return {name: len(kept) for name, kept in self.by_name.items()}

    def next(self, name: str) -> Recorded:
        """The next answer of this name; the last one stays."""
        kept = self.by_name.get(name, [EMPTY])
        place = min(self.asked[name], len(kept) - 1)
        self.asked[name] += 1
        return kept[place]

    def again(self) -> None:
        """Begin anew: the same event comes again."""
        self.asked.clear()


# --- AWS


def record_aws(client: Any, answers: Answers) -> None:
    """Keep what this client is answered from now on."""

    def received(event_name: str, response_dict: dict[str, Any], **_: Any) -> None:
        headers = {str(name): str(value) for name, value in response_dict["headers"].items()}
        answers.keep(event_name.rsplit(".", 1)[-1], (response_dict["status_code"], headers, response_dict["body"]))

    client.meta.events.register("response-received", received)


def answer_aws(client: Any, answers: Answers) -> None:
    """Answer this client's requests instead of sending them; they are built, signed and read as ever."""

    def send(event_name: str, request: Any, **_: Any) -> AWSResponse:
        status, headers, body = answers.next(event_name.rsplit(".", 1)[-1])
        return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), Body(body))

    client.meta.events.register_first("before-send", send)


# --- the CRM


@contextmanager
def recorded_crm(answers: Answers) -> Iterator[None]:
    """Keep what the CRM answers."""
    real = HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = real(adapter, request, **{**options, "stream": False})
        body = response.content
        answers.keep(_name(request), (response.status_code, {"content-type": response.headers["content-type"]}, body))
        return _response(adapter, request, answers.by_name[_name(request)][-1])

    with patch.object(HTTPAdapter, "send", send):
        yield


@contextmanager
def answered_crm(answers: Answers) -> Iterator[None]:
    """Answer the CRM's requests instead of sending them."""

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        return _response(adapter, request, answers.next(_name(request)))

    with patch.object(HTTPAdapter, "send", send):
        yield


def _name(request: requests.PreparedRequest) -> str:
    return f"{request.method} {urlsplit(str(request.url)).path}"


def _response(adapter: HTTPAdapter, request: requests.PreparedRequest, recorded: Recorded) -> requests.Response:
    status, headers, body = recorded
    return adapter.build_response(request, HTTPResponse(BytesIO(body), headers, status, preload_content=False))
