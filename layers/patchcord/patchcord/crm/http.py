"""How every CRM vendor is talked to over HTTP: sign-in, the deadline, the five errors.

A vendor brings a `Dialect` for what its answers mean where they differ from the usual; the mapping from statuses to
errors stands here once (design 7). The exchange itself is `patchcord.wire`'s.
"""

from __future__ import annotations

import json as jsonlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.wire import CONNECT_TIME_OUT, FORM, JSON, USER_AGENT, Answer, Failure, Request, Wire, read_pause, scrubbed

if TYPE_CHECKING:
    from patchcord.crm.grants import Credentials
    from patchcord.crm.port import Rate

LEAST_TIME = 0.02
"""Seconds that must be left before the deadline for a call to be worth starting."""
BLOCK_PAUSE = timedelta(minutes=5)
"""How long we stay quiet after a block by the vendor's edge, unless the vendor says."""

Query = Mapping[str, Any] | Sequence[tuple[str, Any]]
"""Texts, numbers and booleans by name, or pairs where a name comes more than once."""


# --- what it means


class Dialect:
    """What a vendor's answers mean. A vendor overrides what differs; each method gets the whole answer.

    `status` turns an answer into the HTTP status it ought to have had, for vendors that answer 200 with an error inside
    (Megaplan), 403 for a limit (Salesforce) or for a bad key (RetailCRM), 503 for a limit (Bitrix24).
    """

    _WORDS = ("error", "errors", "error_description", "error_info", "errorMsg", "message", "title", "detail", "description")

    def status(self, answer: Answer) -> int:
        return answer.status

    def words(self, answer: Answer) -> str:
        """The vendor's explanation; it is shortened and scrubbed afterwards."""
        if answer.is_html:
            return f"status {answer.status} with an HTML page"
        if answer.json is None:
            return answer.text or f"status {answer.status}"
        return "; ".join(dict.fromkeys(self._sentences(answer.json))) or f"status {answer.status}"

    def _sentences(self, node: Any) -> Iterator[str]:
        """The texts under the usual names, at any depth below them."""
        if isinstance(node, str) and node:
            yield node
        elif isinstance(node, list):
            for item in node:
                yield from self._sentences(item)
        elif isinstance(node, dict):
            for name in self._WORDS:
                yield from self._sentences(node.get(name))

    def is_blocked(self, answer: Answer) -> bool:
        """Whether the vendor's edge has shut us out: a 403 that is a page, not the API speaking."""
        return answer.status == 403 and answer.is_html

    def retry_after(self, answer: Answer) -> timedelta | None:
        """The pause the vendor asks for: `Retry-After` in seconds or as a date."""
        return read_pause(answer.headers.get("retry-after", ""))


def error_of(vendor: str, operation: str, answer: Answer, dialect: Dialect, *secrets: str) -> CrmError | None:
    """The error an answer stands for, None for success: the one table of statuses (design 7)."""
    status = dialect.status(answer)
    words = "" if status < 300 else scrubbed(dialect.words(answer), *secrets)
    if dialect.is_blocked(answer):
        return Transient(vendor, operation, words, dialect.retry_after(answer) or BLOCK_PAUSE, cool_down=True)
    if status < 300:
        # a vendor with nothing to say says so with 204; an empty 200 is a gateway's, and nobody knows what was done
        useless = answer.garbled or answer.is_html or (answer.status == 200 and answer.json is None and not answer.text.strip())
        return Transient(vendor, operation, "the answer is not JSON") if useless else None
    if status < 400:
        return Misconfigured(vendor, operation, "the vendor sends us elsewhere: is the address right?")
    if status == 401:
        return Unauthorised(vendor, operation, words)
    if status in (402, 403):
        return Misconfigured(vendor, operation, words)
    if status in (404, 410):
        return Gone(vendor, operation, words)
    if status in (408, 423, 425, 429) or status >= 500:
        return Transient(vendor, operation, words, dialect.retry_after(answer), cool_down=status in (429, 503))
    return Rejected(vendor, operation, words, status)


# --- the calls


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Http:
    """The way to one vendor's server for one connection.

    `deadline`, an instant of `clock`, bounds everything: calls are not started after it and time-outs are shortened to
    it (smart routing, design 9). `count` and `units` add up what was sent, for limits and benches. `hidden` are secrets
    that stand in the address itself (a Bitrix24 webhook); they are shown nowhere.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        credentials: Credentials,
        *,
        time_out: float = 8.0,
        rate: Rate | None = None,
        dialect: Dialect | None = None,
        hidden: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.vendor = vendor
        self.base_url = base_url.rstrip("/")
        self.credentials = credentials
        self.dialect = dialect or Dialect()
        self.deadline: float | None = None
        self.count = 0
        self.units = 0
        self._time_out = time_out
        self._rate = rate
        self._hidden = tuple(hidden)
        self.clock = clock
        self._lock = threading.Lock()
        self._wire = Wire(vendor, hidden=hidden, clock=lambda: self.clock())  # noqa: PLW0108 - the clock may be replaced

    def call(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        query: Query = (),
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        cost: str = "read",
    ) -> Answer:
        """One request and its answer; raises one of the five errors.

        `path` stands below the base address, or is a whole address. `operation` names the call in errors, without ids;
        `cost` is its sort in the declaration's rate. A 401 refreshes the credentials once and repeats the request.
        """
        request = self._request(method, path, query, json, form, headers or {})
        answer, token = self._exchange(request, operation, cost)
        if self.dialect.status(answer) == 401 and self.credentials.refresh(token):
            answer, token = self._exchange(request, operation, cost)
        error = error_of(self.vendor, operation, answer, self.dialect, token, *self._hidden)
        if error is not None:
            raise error
        return answer

    def close(self) -> None:
        """Hang up kept connections; the next call connects again."""
        self._wire.close()

    def _request(
        self, method: str, path: str, query: Query, json: Any, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Request:
        url = path if path.startswith(("http://", "https://")) else self.base_url + path
        pairs = query.items() if isinstance(query, Mapping) else query
        if pairs:
            url += "?" + urlencode([(name, _text(value)) for name, value in pairs], quote_via=quote, safe="")
        all_headers = {"User-Agent": USER_AGENT, "Accept": JSON, **headers}
        body: bytes | None = None
        if json is not None:
            body = jsonlib.dumps(json).encode()
            all_headers.setdefault("Content-Type", JSON)
        elif form is not None:
            body = urlencode(form).encode()
            all_headers.setdefault("Content-Type", FORM)
        return Request(method, url, all_headers, body)

    def _exchange(self, request: Request, operation: str, cost: str) -> tuple[Answer, str]:
        """One request on the wire; the answer whatever its status, and the token it was sent with."""
        headers: dict[str, str] = dict(request.headers)
        token = self.credentials.apply(headers)
        time_outs = self._time_outs(operation)
        self._add_up(cost)
        signed = Request(request.method, request.url, headers, request.body)
        outcome = self._wire.send(signed, time_outs, deadline=self.deadline, hidden=(token,))
        if not isinstance(outcome, Failure):
            return outcome, token
        kind = Misconfigured if outcome.unsendable else Transient
        raise kind(self.vendor, operation, outcome.words)

    def _time_outs(self, operation: str) -> tuple[float, float]:
        """Seconds for connecting and for the answer; raises Transient when the deadline leaves no time."""
        left = float("inf") if self.deadline is None else self.deadline - self.clock()
        if left < LEAST_TIME:
            raise Transient(self.vendor, operation, "not started: no time is left")
        return min(CONNECT_TIME_OUT, left), min(self._time_out, left)

    def _add_up(self, cost: str) -> None:
        with self._lock:
            self.count += 1
            self.units += self._rate.cost(cost) if self._rate else 1
