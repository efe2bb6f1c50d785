"""The base of all vendors: time-outs, the five errors, sign-in, masking, recording (design 7)."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.grants import Credentials, FixedToken, NoCredentials
from patchcord.crm.http import Dialect, Http
from patchcord.crm.port import Rate
from patchcord.wire import Answer, masked_body, masked_header, masked_url, read_answer, read_pause, scrubbed

LAYER = Path(__file__).resolve().parents[2] / "layers" / "patchcord"
TOKEN = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Reply:
    """What the stub answers: bytes as they are, or a JSON value."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drop: bool = False
    drip: float = 0.0


@dataclass
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Stub:
    """A server on a free port that answers what `reply` says and remembers what it was asked."""

    def __init__(self, reply: Callable[[Asked], Reply]) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.reply = reply
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self) -> None:
                stub.connections += 1
                super().setup()

            def do_GET(self) -> None:
                stub.answer(self)

            def do_POST(self) -> None:
                stub.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hung up is what several tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        asked = Asked(handler.command, handler.path, dict(handler.headers.items()), body)
        self.asked.append(asked)
        reply = self.reply(asked)
        time.sleep(reply.wait)
        if reply.drop:
            handler.close_connection = True
            return
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **reply.headers}
        handler.send_response(reply.status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        for number in range(len(content)) if reply.drip else ():
            handler.wfile.write(content[number : number + 1])
            handler.wfile.flush()
            time.sleep(reply.drip)
        if not reply.drip:
            handler.wfile.write(content)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


Serve = Callable[..., Stub]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts stubs: `serve(Reply(...), Reply(...))` answers in turn, the last one for ever; or a function of the request."""
    stubs: list[Stub] = []

    def start(*replies: Reply | Callable[[Asked], Reply]) -> Stub:
        left = list(replies)

        def in_turn(asked: Asked) -> Reply:
            reply = left.pop(0) if len(left) > 1 else left[0]
            return reply(asked) if callable(reply) else reply

        stubs.append(Stub(in_turn))
        return stubs[-1]

    yield start
    for stub in stubs:
        stub.close()


Connect = Callable[..., Http]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens an Http to a stub and hangs up at the end."""
    opened: list[Http] = []

    def start(stub: Stub | str, credentials: Credentials | None = None, **settings: Any) -> Http:
        url = stub if isinstance(stub, str) else stub.url
        opened.append(Http("vendor", url, credentials or FixedToken("x-api-token", TOKEN), **settings))
        return opened[-1]

    yield start
    for http in opened:
        http.close()


def get(http: Http, path: str = "/thing", **more: Any) -> Answer:
    return http.call("GET", path, operation="read thing", **more)


def refusal(http: Http) -> CrmError:
    with pytest.raises(CrmError) as caught:
        get(http)
    return caught.value


# --- what goes out


def test_query_is_encoded_and_nothing_is_lost(serve: Serve, connect: Connect) -> None:
    stub = serve(Reply())
    get(connect(stub), query={"term": "+380 & x=1#😀", "flag": True, "limit": 100})
    assert stub.asked[0].path == "/thing?term=%2B380%20%26%20x%3D1%23%F0%9F%98%80&flag=true&limit=100"


def test_json_and_form_bodies_carry_their_content_type(serve: Serve, connect: Connect) -> None:
    stub = serve(Reply())
    http = connect(stub)
    http.call("POST", "/a", json={"name": "Ірина 😀 \"'"}, operation="create")
    http.call("POST", "/b", form={"name": "Ірина & Co"}, operation="create")
    first, second = stub.asked
    assert first.headers["Content-Type"] == "application/json"
    assert json.loads(first.body) == {"name": "Ірина 😀 \"'"}
    assert second.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert second.body == b"name=%D0%86%D1%80%D0%B8%D0%BD%D0%B0+%26+Co"


def test_token_goes_into_its_header_only(serve: Serve, connect: Connect) -> None:
    stub = serve(Reply())
    get(connect(stub))
    assert stub.asked[0].headers["x-api-token"] == TOKEN
    assert TOKEN not in stub.asked[0].path


def test_connection_is_kept(serve: Serve, connect: Connect) -> None:
    stub = serve(Reply(body={"a": 1}))
    http = connect(stub)
    for _ in range(5):
        assert get(http).json == {"a": 1}
    assert stub.connections == 1


def test_connection_is_not_trusted_after_a_pause(serve: Serve, connect: Connect) -> None:
    stub, now = serve(Reply()), [0.0]
    http = connect(stub, clock=lambda: now[0])
    get(http)
    now[0] += 300
    get(http)
    assert stub.connections == 2


def test_environment_proxies_and_netrc_do_not_matter(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    for name, value in {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NETRC": str(netrc)}.items():
        monkeypatch.setenv(name, value)
    stub = serve(Reply())
    get(connect(stub))
    assert "Authorization" not in stub.asked[0].headers


def test_redirects_are_not_followed(serve: Serve, connect: Connect) -> None:
    other = serve(Reply())
    stub = serve(Reply(302, headers={"Location": other.url}))
    assert isinstance(refusal(connect(stub)), Misconfigured)
    assert not other.asked


def test_cookies_are_not_kept(serve: Serve, connect: Connect) -> None:
    stub = serve(Reply(headers={"Set-Cookie": "session=1"}))
    http = connect(stub)
    get(http)
    get(http)
    assert "Cookie" not in stub.asked[1].headers


def test_requests_and_units_are_counted(serve: Serve, connect: Connect) -> None:
    http = connect(serve(Reply()), rate=Rate(20, timedelta(seconds=2), {"search": 2}))
    get(http, cost="search")
    get(http)
    assert (http.count, http.units) == (2, 3)


def test_counting_is_exact_with_many_threads(serve: Serve, connect: Connect) -> None:
    http = connect(serve(Reply()))
    threads = [threading.Thread(target=get, args=(http,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert http.count == 20


# --- what comes back


@pytest.mark.parametrize("kind", ["application/json", "application/hal+json", "application/problem+json; charset=utf-8"])
def test_json_is_parsed_when_the_content_type_says_so(kind: str) -> None:
    assert read_answer(200, {"Content-Type": kind}, b'{"a": 1}').json == {"a": 1}


def test_json_is_not_guessed() -> None:
    answer = read_answer(200, {"Content-Type": "text/plain"}, b'{"a": 1}')
    assert answer.json is None
    assert answer.text == '{"a": 1}'


def test_empty_success_is_success(serve: Serve, connect: Connect) -> None:
    assert get(connect(serve(Reply(204, b"", {"Content-Type": ""})))).json is None


def test_compressed_and_chunked_answers_are_read(serve: Serve, connect: Connect) -> None:
    big = json.dumps({"items": ["😀" * 50] * 4000}).encode()
    zipped = serve(Reply(body=gzip.compress(big), headers={"Content-Encoding": "gzip"}))
    http = connect(zipped)
    assert get(http).json == json.loads(big)
    get(http)
    assert zipped.connections == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Misconfigured), (400, Rejected), (401, Unauthorised), (402, Misconfigured), (403, Misconfigured), (404, Gone),
        (405, Rejected), (408, Transient), (409, Rejected), (410, Gone), (413, Rejected), (415, Rejected), (422, Rejected),
        (423, Transient), (429, Transient), (500, Transient), (502, Transient), (503, Transient), (504, Transient),
        (521, Transient),
    ],
)  # fmt: skip
def test_each_status_is_one_of_the_five(serve: Serve, connect: Connect, status: int, error: type[CrmError]) -> None:
    caught = refusal(connect(serve(Reply(status, {"error": "So it is"}))))
    assert type(caught) is error
    assert caught.vendor == "vendor"
    assert caught.request == "read thing"
    if isinstance(caught, Rejected):
        assert (caught.status, caught.words) == (status, "So it is")


def test_429_cools_the_connection_down_for_as_long_as_asked(serve: Serve, connect: Connect) -> None:
    caught = refusal(connect(serve(Reply(429, headers={"Retry-After": "7"}))))
    assert isinstance(caught, Transient)
    assert (caught.cool_down, caught.retry_after) == (True, timedelta(seconds=7))


def test_500_is_the_request_s_own_matter(serve: Serve, connect: Connect) -> None:
    caught = refusal(connect(serve(Reply(500))))
    assert isinstance(caught, Transient)
    assert not caught.cool_down


def test_html_403_is_a_block_for_minutes(serve: Serve, connect: Connect) -> None:
    caught = refusal(connect(serve(Reply(403, b"<html>denied</html>", {"Content-Type": "text/html"}))))
    assert isinstance(caught, Transient)
    assert caught.cool_down
    assert caught.retry_after is not None
    assert caught.retry_after >= timedelta(minutes=1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b'{"data": [{"id"'),
        Reply(body=b"<html>maintenance</html>", headers={"Content-Type": "text/html"}),
        Reply(body=b"<html>", headers={"Content-Type": ""}),
    ],
)
def test_garbage_on_success_is_transient(serve: Serve, connect: Connect, reply: Reply) -> None:
    assert isinstance(refusal(connect(serve(reply))), Transient)


def test_a_cut_off_body_is_transient(serve: Serve, connect: Connect) -> None:
    assert isinstance(
        refusal(connect(serve(Reply(body=b"{}", headers={"Content-Length": "50", "Connection": "close"})))), Transient
    )


def test_broken_compression_is_transient(serve: Serve, connect: Connect) -> None:
    assert isinstance(refusal(connect(serve(Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"})))), Transient)


def test_a_dropped_connection_is_transient(serve: Serve, connect: Connect) -> None:
    caught = refusal(connect(serve(Reply(drop=True))))
    assert isinstance(caught, Transient)
    assert not caught.cool_down


def test_nobody_there_is_transient(connect: Connect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert isinstance(refusal(connect(url)), Transient)


@pytest.mark.parametrize("url", ["acme.pipedrive.com", "http://", "https://[::1", "http://a b"])
def test_a_wrong_address_is_misconfigured(connect: Connect, url: str) -> None:
    assert isinstance(refusal(connect(url)), Misconfigured)


@pytest.mark.parametrize("token", ["with\nnewline", "ключ"])
def test_a_token_that_cannot_be_sent_is_misconfigured_and_not_shown(serve: Serve, connect: Connect, token: str) -> None:
    caught = refusal(connect(serve(Reply()), FixedToken("x-api-token", token)))
    assert isinstance(caught, Misconfigured)
    assert token not in "".join(traceback.format_exception(caught))


class Megaplan(Dialect):
    """A vendor that hides its errors in answers with status 200."""

    def status(self, answer: Answer) -> int:
        return int(answer.json["meta"]["status"])

    def words(self, answer: Answer) -> str:
        return str(answer.json["meta"]["errors"])


def test_a_vendor_says_what_its_answers_mean(serve: Serve, connect: Connect) -> None:
    stub = serve(Reply(200, {"meta": {"status": 422, "errors": ["no such field"]}}))
    caught = refusal(connect(stub, dialect=Megaplan()))
    assert isinstance(caught, Rejected)
    assert (caught.status, caught.words) == (422, "['no such field']")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([{"message": "Required fields are missing: [LastName]", "errorCode": "X"}], "Required fields are missing: [LastName]"),
        ({"error": "NO_AUTH", "error_description": "Wrong data"}, "NO_AUTH; Wrong data"),
        ({"error": {"code": "X", "message": "Deep"}}, "Deep"),
        ({"errors": [{"message": "one"}, {"detail": "two"}]}, "one; two"),
        ({"unknown": 1}, "status 400"),
        (b"<html>", "status 400 with an HTML page"),
    ],
)
def test_words_are_found_in_the_usual_shapes(serve: Serve, connect: Connect, body: Any, words: str) -> None:
    headers = {"Content-Type": "text/html"} if isinstance(body, bytes) else {}
    assert refusal(connect(serve(Reply(400, body, headers)))).words == words


# --- time


def test_a_slow_answer_is_given_up(serve: Serve, connect: Connect) -> None:
    started = time.monotonic()
    assert isinstance(refusal(connect(serve(Reply(wait=1.0)), time_out=0.1)), Transient)
    assert time.monotonic() - started < 0.8


def test_an_answer_that_drips_is_given_up(serve: Serve, connect: Connect) -> None:
    http = connect(serve(Reply(body=b" " * 100, drip=0.05)), time_out=0.5)
    http.deadline = time.monotonic() + 0.4
    started = time.monotonic()
    assert isinstance(refusal(http), Transient)
    assert time.monotonic() - started < 1.5


def test_the_deadline_shortens_the_time_out(serve: Serve, connect: Connect) -> None:
    http = connect(serve(Reply(wait=2.0)))
    http.deadline = time.monotonic() + 0.2
    started = time.monotonic()
    assert isinstance(refusal(http), Transient)
    assert time.monotonic() - started < 1.0


def test_nothing_starts_after_the_deadline(serve: Serve, connect: Connect) -> None:
    stub = serve(Reply())
    http = connect(stub)
    http.deadline = time.monotonic() - 1
    assert "not started" in refusal(http).words
    assert not stub.asked
    http.deadline = None
    assert get(http).status == 200


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("3", timedelta(seconds=3)), ("1.5", timedelta(seconds=1.5)), ("", None), ("soon", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", timedelta()),
    ],
)  # fmt: skip
def test_retry_after_is_read(text: str, pause: timedelta | None) -> None:
    assert read_pause(text) == pause


# --- sign-in


class Changing:
    """Credentials with a new token at each refresh, as long as there is one."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.rejected: list[str] = []

    def apply(self, headers: Any) -> str:
        headers["Authorization"] = f"Bearer {self.tokens[0]}"
        return self.tokens[0]

    def refresh(self, rejected_token: str) -> bool:
        self.rejected.append(rejected_token)
        self.tokens = self.tokens[1:] or self.tokens
        return self.tokens[0] != rejected_token

    def close(self) -> None:
        pass


def only(token: str) -> Callable[[Asked], Reply]:
    return lambda asked: Reply() if asked.headers["Authorization"] == f"Bearer {token}" else Reply(401, {"error": "expired"})


def test_401_refreshes_once_and_repeats(serve: Serve, connect: Connect) -> None:
    stub, credentials = serve(only("new")), Changing("old", "new")
    http = connect(stub, credentials)
    http.call("POST", "/thing", json={"a": 1}, operation="create thing")
    assert credentials.rejected == ["old"]
    assert [asked.body for asked in stub.asked] == [b'{"a": 1}', b'{"a": 1}']


def test_401_after_the_refresh_is_unauthorised(serve: Serve, connect: Connect) -> None:
    stub, credentials = serve(only("another")), Changing("old", "new", "newer")
    assert isinstance(refusal(connect(stub, credentials)), Unauthorised)
    assert len(stub.asked) == 2


def test_401_without_a_refresh_is_asked_once(serve: Serve, connect: Connect) -> None:
    stub = serve(Reply(401))
    assert isinstance(refusal(connect(stub)), Unauthorised)
    assert len(stub.asked) == 1


def test_a_fixed_token_that_was_replaced_is_read_again(serve: Serve, connect: Connect) -> None:
    stub = serve(lambda asked: Reply(200 if asked.headers["x-api-token"] == "new" else 401))
    http = connect(stub, FixedToken("x-api-token", "old", lambda: "new"))
    assert get(http).status == 200
    assert get(http).status == 200
    assert len(stub.asked) == 3


# --- nothing leaks


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("no person with +380 (67) 123-45-67 here", "123"),
        ("phone 380671234567", "380671234567"),
        ("mail olena.k@example.com is taken", "olena"),
        (f"token {TOKEN} is wrong", TOKEN),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x", "eyJhbGci"),
    ],
)
def test_personal_data_and_tokens_are_scrubbed(text: str, hidden: str) -> None:
    assert hidden not in scrubbed(text)


def test_useful_words_stay() -> None:
    text = "'person_id' is a read-only field (ERR_BAD_REQUEST) at https://developers.pipedrive.com/docs status 400"
    assert scrubbed(text) == text


def test_words_are_short_and_on_one_line() -> None:
    assert len(scrubbed("word " * 1000)) == 300
    assert scrubbed("a\n b\t c") == "a b c"


def test_no_exception_holds_token_or_number(serve: Serve, connect: Connect) -> None:
    number = "+380" + "671234567"
    for reply in (Reply(drop=True), Reply(400, {"error": f"{TOKEN} refused for {number}"}), Reply(500), Reply(wait=0.5)):
        http = connect(serve(reply), time_out=0.1)
        with pytest.raises(CrmError) as caught:
            get(http, query={"term": number})
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
        assert TOKEN not in shown
        assert number[1:] not in shown
        assert caught.value.__context__ is None


def test_no_log_line_holds_the_query(serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        get(connect(serve(Reply())), query={"term": "671234567"})
    assert "671234567" not in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("Authorization", "Bearer abc", "Bearer ***"),
        ("Authorization", "Zoho-oauthtoken 1000.abc", "Zoho-oauthtoken ***"),
        ("Authorization", "Bearer PARTNER, User USER", "Bearer ***, User ***"),
        ("authorization", "abc", "***"),
        ("x-api-token", "abc", "***"),
        ("X-API-KEY", "abc", "***"),
        ("Cookie", "a=b", "***"),
        ("x-daily-ratelimit-token-remaining", "5", "5"),
        ("Content-Type", "application/json", "application/json"),
    ],
)
def test_headers_are_masked(name: str, value: str, masked: str) -> None:
    assert masked_header(name, value) == masked


def test_bodies_are_masked() -> None:
    form = masked_body("grant_type=refresh_token&refresh_token=s3cret&code=c0de", "application/x-www-form-urlencoded")
    assert form == "grant_type=refresh_token&refresh_token=***&code=***"
    body = masked_body('{"access_token": "s3cret", "list": [{"password": "s3cret"}], "code": 7}', "application/json")
    assert json.loads(body) == {"access_token": "***", "list": [{"password": "***"}], "code": 7}
    assert masked_body('{"name":"ACME"}', "application/json") == '{"name":"ACME"}'
    assert masked_body("{broken token", "application/json") == "{broken token"


def test_urls_are_masked() -> None:
    assert masked_url("https://a.example/x?api_key=s3cret&b=1") == "https://a.example/x?api_key=***&b=1"
    assert masked_url("https://a.example/x?b=%2B1") == "https://a.example/x?b=%2B1"


# --- recording


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    path = tmp_path / "traffic.jsonl"
    monkeypatch.setenv("PATCHCORD_RECORD", str(path))
    return lambda: [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_exchanges_are_recorded(serve: Serve, connect: Connect, recording: Callable[[], list[dict[str, Any]]]) -> None:
    stub = serve(Reply(201, {"id": 7}))
    connect(stub).call("POST", "/thing", json={"name": "Ірина\u2028"}, query={"a": 1}, operation="create thing")
    (line,) = recording()
    assert set(line) == {
        "vendor", "method", "url", "request_headers", "request_body", "status", "response_headers", "response_body", "elapsed_ms",
    }  # fmt: skip
    assert (line["vendor"], line["method"], line["url"], line["status"]) == ("vendor", "POST", f"{stub.url}/thing?a=1", 201)
    assert json.loads(line["request_body"]) == {"name": "Ірина\u2028"}
    assert json.loads(line["response_body"]) == {"id": 7}
    assert line["request_headers"]["x-api-token"] == "***"
    assert TOKEN not in json.dumps(line)


def test_tokens_of_answers_are_masked(serve: Serve, connect: Connect, recording: Callable[[], list[dict[str, Any]]]) -> None:
    connect(serve(Reply(200, {"access_token": "renewed-0123456789", "expires_in": 3600}))).call(
        "POST", "/token", operation="refresh"
    )
    (line,) = recording()
    assert json.loads(line["response_body"]) == {"access_token": "***", "expires_in": 3600}


def test_a_lost_answer_is_recorded(serve: Serve, connect: Connect, recording: Callable[[], list[dict[str, Any]]]) -> None:
    refusal(connect(serve(Reply(drop=True))))
    assert recording()[0]["status"] is None


def test_secrets_in_the_address_are_masked(serve: Serve, connect: Connect, recording: Callable[[], list[dict[str, Any]]]) -> None:
    stub = serve(Reply(400, {"error": "wrong s3cr3t!"}))
    http = connect(f"{stub.url}/rest/1/s3cr3t!", NoCredentials(), hidden=("s3cr3t!",))
    assert "s3cr3t!" not in str(refusal(http))
    assert "s3cr3t!" not in json.dumps(recording())


def test_many_threads_record_whole_lines(serve: Serve, connect: Connect, recording: Callable[[], list[dict[str, Any]]]) -> None:
    http = connect(serve(Reply(body={"text": "x" * 5000})))
    threads = [threading.Thread(target=get, args=(http,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recording()) == 20


# --- start-up


def test_importing_a_vendor_loads_no_http_library() -> None:
    code = (
        "import sys, patchcord.crm.pipedrive as p; print(sorted({'requests', 'urllib3', 'boto3', 'pydantic'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(LAYER)}
    )
    assert shown.stdout.strip() == "[]"
