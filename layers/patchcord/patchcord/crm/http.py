"""How every vendor is talked to over HTTP: session, time-outs, sign-in, the five errors, recording of traffic.

A vendor brings a `Dialect` for what its answers mean where they differ from the usual; the mapping from statuses to
errors stands here once (design 7). `requests` is imported with the first call, so that importing a vendor stays cheap.
"""

from __future__ import annotations

import json as jsonlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised

if TYPE_CHECKING:
    import requests

    from patchcord.crm.grants import Credentials
    from patchcord.crm.port import Rate

RECORD_VARIABLE = "PATCHCORD_RECORD"
USER_AGENT = "Patchcord"
CONNECT_TIME_OUT = 3.05
LEAST_TIME = 0.02
"""Seconds that must be left before the deadline for a call to be worth starting."""
IDLE_CONNECTION = 50.0
"""Seconds after which a kept connection is not trusted: a frozen Lambda does not see the vendor or a NAT hang up."""
BLOCK_PAUSE = timedelta(minutes=5)
"""How long we stay quiet after a block by the vendor's edge, unless the vendor says."""
CHUNK = 65_536
WORDS_LENGTH = 300
MASK = "***"

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

Query = Mapping[str, Any] | Sequence[tuple[str, Any]]
"""Texts, numbers and booleans by name, or pairs where a name comes more than once."""


# --- what came back


@dataclass(frozen=True, slots=True)
class Answer:
    """A vendor's answer. Header names are lower-case; `json` is None unless the content type says JSON and it is JSON.

    `garbled` says that the content type promised JSON and the body is none.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    json: Any = None
    garbled: bool = False

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        return "html" in self.content_type or (not self.content_type and self.text.lstrip().startswith("<"))


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """The answer with its body parsed when, and only when, the content type says JSON (crm_pipedrive.md 3.4)."""
    lower = {name.lower(): value for name, value in headers.items()}
    text = body.decode("utf-8", errors="replace")
    plain = Answer(status, lower, text)
    if not text.strip() or "json" not in plain.content_type:
        return plain
    try:
        return Answer(status, lower, text, jsonlib.loads(text))
    except ValueError:
        return Answer(status, lower, text, garbled=True)


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


def read_pause(text: str) -> timedelta | None:
    """A `Retry-After` value as a pause, None when it cannot be read."""
    value = text.strip()
    if re.fullmatch(r"\d{1,7}(\.\d+)?", value):
        return timedelta(seconds=float(value))
    if not value:
        return None
    from email.utils import parsedate_to_datetime

    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC), timedelta())


def _telling(secrets: Sequence[str]) -> Iterator[str]:
    """The secrets long enough to be one; masking a shorter text would only spoil what stands around it."""
    return (secret for secret in secrets if len(secret) >= 6)


_SECRET_LIKE = re.compile(r"(?=[\w\-.=+/]*\d)(?=[\w\-.=+/]*[A-Za-z])[\w\-.=+/]{24,}")
_EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
_NUMBER_LIKE = re.compile(r"\+?\d(?:[\s().\-]{0,3}\d){6,}")


def scrubbed(text: str, *secrets: str) -> str:
    """The text on one line, at most 300 characters, without phone numbers, e-mail addresses and tokens (design 1.5)."""
    line = " ".join(text.split())
    for secret in _telling(secrets):
        line = line.replace(secret, MASK)
    line = _EMAIL.sub("•••", line)
    line = _SECRET_LIKE.sub(MASK, line)
    line = _NUMBER_LIKE.sub("•••", line)
    return line if len(line) <= WORDS_LENGTH else line[: WORDS_LENGTH - 1] + "…"


def error_of(vendor: str, operation: str, answer: Answer, dialect: Dialect, *secrets: str) -> CrmError | None:
    """The error an answer stands for, None for success: the one table of statuses (design 7)."""
    status = dialect.status(answer)
    words = "" if status < 300 else scrubbed(dialect.words(answer), *secrets)
    if dialect.is_blocked(answer):
        return Transient(vendor, operation, words, dialect.retry_after(answer) or BLOCK_PAUSE, cool_down=True)
    if status < 300:
        useless = answer.garbled or answer.is_html
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


# --- the recording of traffic


_SECRET_HEADERS = frozenset({"cookie", "set-cookie", "bpmcsrf"})
_SECRET_NAMES = frozenset(
    (
        "access_token", "refresh_token", "id_token", "user_token", "partner_token", "crm_token", "api_token", "apitoken",
        "auth_token", "authtoken", "token", "auth", "api_key", "apikey", "hapikey", "client_secret", "secret", "assertion",
        "password", "userpassword",
    )
)  # fmt: skip


def masked_header(name: str, value: str) -> str:
    """The value without its secret; the scheme of an authorisation stays."""
    lower = name.lower()
    if lower.endswith("authorization"):
        parts = [part.split() for part in value.split(",")]
        return ", ".join(f"{part[0]} {MASK}" if len(part) > 1 else MASK for part in parts)
    if lower in _SECRET_HEADERS or lower.endswith(("token", "-key", "apikey", "secret")):
        return MASK
    return value


def masked_body(text: str, content_type: str) -> str:
    """The body without the values of secret names; a body without such names stays as it is, byte for byte."""
    if not any(name in text.lower() for name in _SECRET_NAMES | {"grant_type"}):
        return text
    if content_type.startswith(FORM):
        pairs = parse_qsl(text, keep_blank_values=True)
        signs_in = any(name == "grant_type" for name, _ in pairs)
        return urlencode([(name, MASK if _is_secret(name, signs_in) else value) for name, value in pairs], safe="*")
    try:
        return jsonlib.dumps(_masked_json(jsonlib.loads(text)))
    except ValueError:
        return text


def _is_secret(name: str, signs_in: bool) -> bool:
    return name.lower() in _SECRET_NAMES or (signs_in and name.lower() in ("code", "username"))


def _masked_json(node: Any) -> Any:
    if isinstance(node, list):
        return [_masked_json(item) for item in node]
    if not isinstance(node, dict):
        return node
    signs_in = "grant_type" in node
    return {
        name: MASK if isinstance(value, str) and _is_secret(name, signs_in) else _masked_json(value)
        for name, value in node.items()
    }


def masked_url(url: str) -> str:
    """The URL without the values of secret parameters."""
    parts = urlsplit(url)
    if not any(name in parts.query.lower() for name in _SECRET_NAMES):
        return url
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(n, MASK if _is_secret(n, False) else v) for n, v in pairs], quote_via=quote, safe="*")
    return urlunsplit(parts._replace(query=query))


_RECORDING = threading.Lock()


def record(path: str, exchange: Mapping[str, Any], secrets: Sequence[str]) -> None:
    """Append one exchange as a JSON line (design 7). `secrets` are masked wherever they stand."""
    line = jsonlib.dumps(exchange)
    for secret in _telling(secrets):
        line = line.replace(jsonlib.dumps(secret)[1:-1], MASK)
    with _RECORDING, open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs start-up time
        file.write(line + "\n")


# --- the calls


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


class TooSlow(Exception):
    """The answer has not arrived whole within the time."""


def segment(value: str) -> str:
    """An id as one segment of a path, whatever characters it holds."""
    return quote(value, safe="")


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
        self._clock = clock
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._used = clock()

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
        if self._session is not None:
            self._session.close()

    def _request(
        self, method: str, path: str, query: Query, json: Any, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> _Request:
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
        return _Request(method, url, all_headers, body)

    def _exchange(self, request: _Request, operation: str, cost: str) -> tuple[Answer, str]:
        """One request on the wire, recorded; the answer whatever its status, and the token it was sent with."""
        headers: dict[str, str] = dict(request.headers)
        token = self.credentials.apply(headers)
        started = self._clock()
        time_outs = self._time_outs(started, operation)
        session = self._ready_session(started)
        self._add_up(cost)
        outcome = self._send(session, request, headers, time_outs, operation)
        self._used = self._clock()
        self._record(request, headers, outcome, self._used - started, token)
        # raised here, outside of the handler, so that no exception of the library travels along: its text holds the URL
        if isinstance(outcome, CrmError):
            raise outcome
        return outcome, token

    def _time_outs(self, now: float, operation: str) -> tuple[float, float]:
        """Seconds for connecting and for the answer; raises Transient when the deadline leaves no time."""
        left = float("inf") if self.deadline is None else self.deadline - now
        if left < LEAST_TIME:
            raise Transient(self.vendor, operation, "not started: no time is left")
        return min(CONNECT_TIME_OUT, left), min(self._time_out, left)

    def _add_up(self, cost: str) -> None:
        with self._lock:
            self.count += 1
            self.units += self._rate.cost(cost) if self._rate else 1

    def _ready_session(self, now: float) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = _new_session()
            elif now - self._used > IDLE_CONNECTION:
                self._session.close()
            self._used = now
            return self._session

    def _send(
        self,
        session: requests.Session,
        request: _Request,
        headers: Mapping[str, str],
        time_outs: tuple[float, float],
        operation: str,
    ) -> Answer | CrmError:
        import requests
        import urllib3

        until = self._clock() + sum(time_outs)
        if self.deadline is not None:
            until = min(until, self.deadline)
        try:
            with session.request(
                request.method,
                request.url,
                data=request.body,
                headers=dict(headers),
                timeout=time_outs,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._body(response, until)
        except (requests.ConnectTimeout, requests.ReadTimeout, urllib3.exceptions.TimeoutError, TooSlow):
            return Transient(self.vendor, operation, f"no answer within {time_outs[1]:.1f} s")
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError):
            return Transient(self.vendor, operation, "the connection failed")
        except ValueError:
            return Misconfigured(self.vendor, operation, "the address or the credentials cannot be sent: are they complete?")
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return Transient(self.vendor, operation, f"the exchange failed ({type(error).__name__})")
        return read_answer(response.status_code, response.headers, body)

    def _body(self, response: requests.Response, until: float) -> bytes:
        """The whole body; raises TooSlow when it drips on past the time, which a time-out of the socket does not notice."""
        chunks: list[bytes] = []
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            chunks.append(chunk)
            if self._clock() > until:
                raise TooSlow
        return b"".join(chunks)

    def _record(
        self, request: _Request, headers: Mapping[str, str], outcome: Answer | CrmError, seconds: float, token: str
    ) -> None:
        path = os.environ.get(RECORD_VARIABLE)
        if not path:
            return
        answer = outcome if isinstance(outcome, Answer) else None
        body = (request.body or b"").decode()
        exchange = {
            "vendor": self.vendor,
            "method": request.method,
            "url": masked_url(request.url),
            "request_headers": {name: masked_header(name, value) for name, value in headers.items()},
            "request_body": masked_body(body, headers.get("Content-Type", "")),
            "status": answer.status if answer else None,
            "response_headers": {name: masked_header(name, value) for name, value in answer.headers.items()} if answer else {},
            "response_body": masked_body(answer.text, answer.content_type) if answer else "",
            "elapsed_ms": round(seconds * 1000, 1),
        }
        record(path, exchange, (token, *self._hidden))


def _new_session() -> requests.Session:
    """A session that keeps connections, heeds no proxy or netrc of the environment, follows nothing, keeps no cookies."""
    from http.cookiejar import DefaultCookiePolicy

    import requests
    from requests.adapters import HTTPAdapter

    # its debug lines hold whole addresses, and searches hold phone numbers
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=16, max_retries=0))
    return session
