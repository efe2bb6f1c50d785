"""How anybody is talked to over HTTP: sessions, time-outs, answers read whole, masking, the recording of traffic.

What an answer means is not known here: that is the business of `crm/http.py` and of the telephony providers. `requests` is
imported with the first request, so that importing a vendor stays cheap.
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

if TYPE_CHECKING:
    import requests

RECORD_VARIABLE = "PATCHCORD_RECORD"
LAMBDA_VARIABLE, STAND_VARIABLE = "AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL"
"""The first is set wherever Lambda runs us, the second where it is a stand's, whose CRMs are on the same machine."""
USER_AGENT = "Patchcord"
CONNECT_TIME_OUT = 3.05
IDLE_CONNECTION = 50.0
"""Seconds after which a kept connection is not trusted: a frozen Lambda does not see the other side or a NAT hang up."""
CHUNK = 65_536
WORDS_LENGTH = 300
MASK = "***"

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


# --- what came back


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. Header names are lower-case; `json` is None unless the content type says JSON and it is JSON.

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


# --- what may be shown


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


# --- the exchange


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes out; `url` is the whole address."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer. `unsendable`: the address or a header is none, so that repeating it is of no use."""

    words: str
    unsendable: bool = False


_NAME = re.compile(r"([a-z0-9_-]+\.)+[a-z][a-z0-9-]*", re.I)
_NEAR = (".internal", ".local", ".localhost", ".localdomain")


def is_public(url: str) -> bool:
    """Whether an address is one of the Internet: https, a host by a full name or a public number, without credentials.

    A function on AWS has neighbours that trust it, Lambda's own interface and the tracing daemon; no setting and no
    answer of a vendor may send a request there.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme != "https" or "@" in parts.netloc or not parts.netloc.isprintable() or "\\" in url:
        return False
    if _NAME.fullmatch(host):
        return not host.lower().endswith(_NEAR)
    from ipaddress import ip_address

    try:
        return ip_address(host).is_global
    except ValueError:
        return False


def _may_ask(url: str) -> bool:
    return LAMBDA_VARIABLE not in os.environ or bool(os.environ.get(STAND_VARIABLE)) or is_public(url)


class TooSlow(Exception):
    """The answer has not arrived whole within the time."""


class Wire:
    """The way to one server: a session that keeps its connections, and every exchange recorded if that is asked for.

    `vendor` is the name in the recording. `hidden` are secrets that stand in addresses or bodies; the recording never
    shows them. `clock` counts seconds.
    """

    def __init__(self, vendor: str, *, hidden: Sequence[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._vendor = vendor
        self._hidden = tuple(hidden)
        self._clock = clock
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._used = clock()

    def send(
        self, request: Request, time_outs: tuple[float, float], *, deadline: float | None = None, hidden: Sequence[str] = ()
    ) -> Answer | Failure:
        """The answer whatever its status, or why there is none.

        `time_outs` are the seconds for connecting and for the answer; the whole answer is there within their sum and
        before `deadline`, an instant of the clock. `hidden` are this request's own secrets. Nothing is raised for what
        the network does, and no exception of the library travels along: its text holds the address.
        """
        if not _may_ask(request.url):
            return Failure("the address is none of the Internet: is it complete, and https?", unsendable=True)
        started = self._clock()
        session = self._ready_session(started)
        outcome = self._exchange(session, request, time_outs, deadline)
        self._used = self._clock()
        self._record(request, outcome, self._used - started, (*hidden, *self._hidden))
        return outcome

    def close(self) -> None:
        """Hang up kept connections; the next request connects again."""
        if self._session is not None:
            self._session.close()

    def _ready_session(self, now: float) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = new_session()
            elif now - self._used > IDLE_CONNECTION:
                self._session.close()
            self._used = now
            return self._session

    def _exchange(
        self, session: requests.Session, request: Request, time_outs: tuple[float, float], deadline: float | None
    ) -> Answer | Failure:
        import requests
        import urllib3

        until = self._clock() + sum(time_outs)
        if deadline is not None:
            until = min(until, deadline)
        try:
            with session.request(
                request.method,
                request.url,
                data=request.body,
                headers=dict(request.headers),
                timeout=time_outs,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._body(response, until)
        except (requests.ConnectTimeout, requests.ReadTimeout, urllib3.exceptions.TimeoutError, TooSlow):
            return Failure(f"no answer within {time_outs[1]:.1f} s")
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError):
            return Failure("the connection failed")
        except ValueError:
            return Failure("the address or the credentials cannot be sent: are they complete?", unsendable=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return Failure(f"the exchange failed ({type(error).__name__})")
        return read_answer(response.status_code, response.headers, body)

    def _body(self, response: requests.Response, until: float) -> bytes:
        """The whole body; raises TooSlow when it drips on past the time, which a time-out of the socket does not notice."""
        chunks: list[bytes] = []
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            chunks.append(chunk)
            if self._clock() > until:
                raise TooSlow
        return b"".join(chunks)

    def _record(self, request: Request, outcome: Answer | Failure, seconds: float, secrets: Sequence[str]) -> None:
        path = os.environ.get(RECORD_VARIABLE)
        if not path:
            return
        answer = outcome if isinstance(outcome, Answer) else None
        body = (request.body or b"").decode()
        exchange = {
            "vendor": self._vendor,
            "method": request.method,
            "url": masked_url(request.url),
            "request_headers": {name: masked_header(name, value) for name, value in request.headers.items()},
            "request_body": masked_body(body, request.headers.get("Content-Type", "")),
            "status": answer.status if answer else None,
            "response_headers": {name: masked_header(name, value) for name, value in answer.headers.items()} if answer else {},
            "response_body": masked_body(answer.text, answer.content_type) if answer else "",
            "elapsed_ms": round(seconds * 1000, 1),
        }
        record(path, exchange, secrets)


def segment(value: str) -> str:
    """An id as one segment of a path, whatever characters it holds."""
    return quote(value, safe="")


def new_session() -> requests.Session:
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
