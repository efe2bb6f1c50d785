"""Opening a recording through the real handler: where people are led, and what they are told if not (telephony.md 3.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from moto import mock_aws
from werkzeug.wrappers import Response as HttpResponse

from patchcord.service import bootstrap
from patchcord.service.clock import SystemClock
from patchcord.service.links import Recording, read_token, recording_address, recording_token
from patchcord.service.projects import save
from patchcord.service.provider import Providers
from patchcord.service.recording_sources import MangoRecordings, RecordingSources
from patchcord.service.recordings import NOT_READY, Recordings, Sources, leads_to
from patchcord.telephony.errors import Invalid, Missing, NotAdmitted, NotReady, Refused, TelephonyError, Unavailable
from sandbox.aws import create, environment
from sandbox.telephony.mango_twin import MangoTwin
from sandbox.telephony.mango_twin import serve as serve_mango
from sandbox.template import load
from sandbox.twins.base import ManualClock
from tests.harness import REPOSITORY, START, Context, World, function, http_event, world
from tests.ringostat_server import AUTH_KEY, RingostatServer, ringostat

CLIENT_KEY = "key-of-the-hashes"
CALL = "ua18_-1772704800.1204417"
RECORDING = Recording("ringostat", CALL, "", "2026-03-05")
FILES = "https://files.mango-office.ru"


def token(what: Recording = RECORDING, secret: str = CLIENT_KEY, days: int = 365) -> str:
    return recording_token(secret, what, START + timedelta(days=days))


@dataclass
class Desk:
    """A product whose links are opened."""

    product: World

    def open(self, link: str | None = None, method: str = "GET", project: str = "demo") -> dict[str, Any]:
        path = {"project": project, "token": token() if link is None else link}
        answered: dict[str, Any] = function("recording").handler(http_event(method, path), Context())
        return answered

    @property
    def log(self) -> str:
        return self.product.log.getvalue()


@contextmanager
def desk(
    telephony: dict[str, Any],
    secrets: dict[str, str],
    *,
    sources: Sources | None = None,
    mango: MangoRecordings | None = None,
    manual: ManualClock | None = None,
) -> Iterator[Desk]:
    """The product of one project; `sources` replaces all providers' clients, `mango` that of MANGO."""
    crm = {"vendor": "pipedrive", "options": {"base_url": "https://acme.pipedrive.com"}}
    document = {"crm": crm, "telephony": telephony}
    with world(document, secrets=secrets, manual=manual) as product, pytest.MonkeyPatch.context() as patch:
        providers = Providers(product.store, product.secrets, product.clock)
        client = providers.mango if mango is None else lambda project: mango
        own = sources or RecordingSources(product.secrets, client, product.clock)
        recordings = Recordings(product.service.projects, own, product.clock, product.service.observer)
        patch.setattr(bootstrap, "recordings", lambda: recordings)
        yield Desk(product)


@pytest.fixture
def stage() -> Iterator[tuple[Desk, RingostatServer]]:
    with ringostat() as (server, url), desk({"base_url": url}, {"ringostat_api_key": AUTH_KEY}) as opened:
        yield opened, server


Stage = tuple[Desk, RingostatServer]


@dataclass
class Told:
    """A source that says what it is told to."""

    outcome: str | TelephonyError

    def __call__(self, project: object, provider: str) -> Told:
        return self

    def fresh(self, recording: Recording) -> str:
        if isinstance(self.outcome, TelephonyError):
            raise self.outcome
        return self.outcome


# --- Ringostat ---


def test_the_link_leads_to_the_recording_and_is_kept_nowhere(stage: Stage) -> None:
    opened, server = stage
    address = server.add(CALL)
    answered = opened.open()
    assert (answered["statusCode"], answered["headers"]["location"]) == (302, address)
    assert answered["headers"]["cache-control"] == "no-store"
    assert answered["headers"]["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answered["headers"]
    assert AUTH_KEY not in json.dumps(answered)
    assert len(server.asked) == 1


def test_the_link_in_the_payload_of_events_is_genuine(stage: Stage) -> None:
    opened, server = stage
    payload = json.loads((REPOSITORY / "events" / "recording.json").read_text("utf-8"))
    address = server.add("ua18_-1772705520.1204417")
    assert function("recording").handler(payload, Context())["headers"]["location"] == address
    assert opened.open(payload["pathParameters"]["token"])["statusCode"] == 302


def test_a_head_is_answered_like_a_get_and_asks_as_often(stage: Stage) -> None:
    opened, server = stage
    server.add(CALL)
    got, head = opened.open(), opened.open(method="HEAD")
    assert head == {**got, "body": ""}
    assert len(server.asked) == 2
    server.calls.clear()
    gone = opened.open(method="HEAD")
    assert (gone["statusCode"], gone["body"]) == (404, "")


def test_a_recording_that_is_being_stored(stage: Stage) -> None:
    opened, server = stage
    server.add(CALL, recording="")
    answered = opened.open()
    assert (answered["statusCode"], answered["body"]) == (202, NOT_READY)
    assert answered["headers"]["content-type"].startswith("text/plain")
    assert answered["headers"]["retry-after"] == "60"
    assert answered["headers"]["cache-control"] == "no-store"


def test_a_recording_that_is_gone(stage: Stage) -> None:
    opened, _ = stage
    answered = opened.open()
    assert answered["statusCode"] == 404
    assert answered["headers"]["content-type"] == "application/problem+json"
    assert json.loads(answered["body"])["title"] == "The telephony does not keep this recording any more."


@pytest.mark.parametrize(
    ("answer", "status", "retry_after"),
    [
        (HttpResponse("", 503), 503, "30"),
        (HttpResponse("", 429, {"retry-after": "7"}), 503, "7"),
        (HttpResponse("", 401), 503, "30"),
        (HttpResponse("", 400), 502, None),
    ],
)
def test_a_provider_in_trouble(stage: Stage, answer: HttpResponse, status: int, retry_after: str | None) -> None:
    opened, server = stage
    server.answer = answer
    answered = opened.open()
    assert (answered["statusCode"], answered["headers"].get("retry-after")) == (status, retry_after)
    assert answered["headers"]["cache-control"] == "no-store"
    assert AUTH_KEY not in opened.log


def test_a_changed_key_is_used(stage: Stage) -> None:
    opened, server = stage
    server.add(CALL)
    opened.product.secrets.put("demo", "ringostat_api_key", "another-key-0123456789")
    assert opened.open()["statusCode"] == 503
    opened.product.secrets.put("demo", "ringostat_api_key", AUTH_KEY)
    assert opened.open()["statusCode"] == 302


def test_a_missing_key_is_said_in_the_log() -> None:
    with desk({}, {}) as opened:
        assert opened.open()["statusCode"] == 503
        assert "ringostat_api_key" in opened.log


# --- MANGO ---


MANGO = Recording("mango", "MTg2MTMzODMzMA==", "MToxMDA2NzY2ODoyMjgyMjYyMTY6MA==")


@contextmanager
def on_mango() -> Iterator[tuple[Desk, MangoTwin]]:
    clock = ManualClock(START)
    twin = MangoTwin(clock=clock, files_url=FILES)
    with serve_mango(twin) as running:
        telephony = {"provider": "mango", "base_url": f"{running.url}/vpbx"}
        with desk(telephony, {"mango_key": twin.key, "mango_salt": twin.salt}, manual=clock) as opened:
            yield opened, twin


def test_each_opening_gets_a_new_address_of_mango() -> None:
    with on_mango() as (opened, twin):
        twin.add_recording(MANGO.id, entry_id=MANGO.call, ready_at=START)
        first, second = opened.open(token(MANGO)), opened.open(token(MANGO))
        assert (first["statusCode"], second["statusCode"]) == (302, 302)
        assert first["headers"]["location"].startswith(f"{FILES}/")
        assert first["headers"]["location"] != second["headers"]["location"]
        assert twin.key not in json.dumps([first, second])


def test_mango_is_asked_again_when_the_recording_may_be_there() -> None:
    with on_mango() as (opened, twin):
        twin.add_recording(MANGO.id, entry_id=MANGO.call, ready_at=START + timedelta(minutes=1))
        early = opened.open(token(MANGO))
        assert early["statusCode"] == 202
        opened.product.clock.skip(180)
        assert opened.open(token(MANGO))["statusCode"] == 302


def test_impatience_does_not_shut_the_account_out_of_mango() -> None:
    with on_mango() as (opened, twin):
        twin.add_recording(MANGO.id, entry_id=MANGO.call, ready_at=START + timedelta(minutes=1))
        statuses = [opened.open(token(MANGO))["statusCode"] for _ in range(5)]
        assert set(statuses) <= {202, 503}
        assert 401 not in {request.status for request in twin.requests}


def test_a_recording_that_mango_has_never_stored_is_gone_after_two_days() -> None:
    with on_mango() as (opened, _):
        link = token(Recording(MANGO.provider, MANGO.call, MANGO.id, "2026-03-05"))
        assert opened.open(link)["statusCode"] == 202
        opened.product.clock.skip(38 * 3600)  # from 10:00 on the day itself
        assert opened.open(link)["statusCode"] == 404


def test_a_project_that_has_left_mango_opens_its_old_recordings() -> None:
    class Old:
        def recording(self, recording_id: str, *, young: bool) -> str:
            return f"{FILES}/{recording_id.rstrip('=')}"

    with ringostat() as (server, url), desk({"base_url": url}, {"ringostat_api_key": AUTH_KEY}, mango=Old()) as opened:
        address = server.add(CALL)
        assert opened.open(token(MANGO))["headers"]["location"] == f"{FILES}/{MANGO.id.rstrip('=')}"
        assert opened.open()["headers"]["location"] == address


# --- as it is deployed ---


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stack of template.yaml in moto, with the container's own wiring."""
    stack = load(REPOSITORY / "template.yaml", {"EndpointUrl": "", "Stage": "test"})
    with mock_aws(), environment(stack.environment):
        create(stack)
        for name in ("store", "secrets", "observer", "recordings"):
            monkeypatch.setattr(bootstrap, name, cache(getattr(bootstrap, name).__wrapped__))
        yield


def test_the_container_wires_itself(deployed: None) -> None:
    with ringostat() as (server, url):
        address = server.add(CALL)
        document = {"crm": {"vendor": "megaplan"}, "telephony": {"base_url": url}}
        save(bootstrap.store(), "demo", document, "test", SystemClock().now())
        for name, value in {"client_key": CLIENT_KEY, "ringostat_api_key": AUTH_KEY}.items():
            bootstrap.secrets().put("demo", name, value)
        link = recording_token(CLIENT_KEY, RECORDING, SystemClock().now() + timedelta(days=1))
        answered = function("recording").handler(http_event("GET", {"project": "demo", "token": link}), Context())
        assert (answered["statusCode"], answered["headers"].get("location")) == (302, address)


# --- links that are none ---


def test_whatever_is_no_link_of_ours_is_answered_with_one_and_the_same_text(stage: Stage) -> None:
    opened, server = stage
    server.add(CALL)
    refused = [
        opened.open("x"),
        opened.open(""),
        opened.open(token()[:-1] + ("A" if token()[-1] != "A" else "B")),
        opened.open(token(secret="key-of-another-project")),
        opened.open(token(days=0)),
        opened.open(token(Recording("binotel", CALL, ""))),
        opened.open("ї" * 20),
        opened.open("A" * 100_000),
        opened.open(project="nobody"),
        opened.open(project="Demo#x"),
    ]
    assert {answered["statusCode"] for answered in refused} == {404}
    assert len({answered["body"] for answered in refused}) == 1
    assert all(answered["headers"]["content-type"] == "application/problem+json" for answered in refused)
    assert not server.asked


def test_a_link_works_until_its_end(stage: Stage) -> None:
    opened, server = stage
    server.add(CALL)
    link = token(days=1)
    opened.product.clock.skip(86_399)
    assert opened.open(link)["statusCode"] == 302
    opened.product.clock.skip(1)
    assert opened.open(link)["statusCode"] == 404


def test_the_address_for_people_is_the_route_of_the_function() -> None:
    path = recording_address("https://api.example/", "demo", "t").removeprefix("https://api.example")
    template = (REPOSITORY / "template.yaml").read_text("utf-8")
    assert path == "/v1/recordings/demo/t"
    assert "Path: /v1/recordings/{project}/{token}" in template


# --- where a provider may lead ---


@pytest.mark.parametrize(
    ("provider", "address"),
    [
        ("mango", f"{FILES}/x?y=z#t"),
        ("mango", "https://mango-office.ru/x"),
        ("mango", "https://a.b.MANGO-office.ru:443/x"),
        ("ringostat", "https://app.ringostat.com/recordings/x.ogg?token=0"),
        ("ringostat", "https://ringostat.net"),
    ],
)
def test_the_providers_own_servers(provider: str, address: str) -> None:
    assert leads_to(provider, address)


ELSEWHERE = [
    "",
    "http://files.mango-office.ru/x",
    "//files.mango-office.ru/x",
    "/x",
    "javascript:alert(1)//files.mango-office.ru",
    "https://evil.example/x",
    "https://evil.example/files.mango-office.ru",
    "https://evil.example#.mango-office.ru",
    "https://evil.example?.mango-office.ru",
    "https://evil.example\\.mango-office.ru/x",
    "https://evil.example%2f.mango-office.ru/x",
    "https://mango-office.ru.evil.example/x",
    "https://evilmango-office.ru/x",
    "https://mango-office.ru@evil.example/x",
    "https://user@files.mango-office.ru/x",
    "https://@files.mango-office.ru/x",
    "https://files.mango-office.ru:8443/x",
    "https://files.mango-office.ru:99999/x",
    "https://files.mango-office.ru:x/x",
    "https://files.mango-office.ru./x",
    "https://.mango-office.ru/x",
    "https://[::1].mango-office.ru/x",
    "https://files.mango-office.ru/x\r\nset-cookie: a=b",
    "https://files.mango-office.ru/x y",
    "https://files.mango-office.ru/\x7f",
    "https://files.mango-office.ru/я",
    "https://mаngo-office.ru/x",  # a Cyrillic letter
    "https://app.ringostat.com/x",  # another provider's
    " https://files.mango-office.ru/x",
    "https:files.mango-office.ru/x",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_is_led_elsewhere_and_the_address_is_not_logged(address: str) -> None:
    with desk({}, {}, sources=Told(address)) as opened:
        answered = opened.open(token(MANGO))
        assert answered["statusCode"] == 502
        assert "location" not in answered["headers"]
        assert answered["headers"]["content-type"] == "application/problem+json"
        assert "leads elsewhere" in opened.log
        assert not address.strip("/") or address not in opened.log


WORDS = "words of the provider"


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (NotReady("mango", "recording", WORDS), 202, "60"),
        (NotReady("mango", "recording", WORDS, retry_after=timedelta(minutes=2)), 202, "120"),
        (Missing("mango", "recording", WORDS), 404, None),
        (Unavailable("mango", "recording", WORDS), 503, "30"),
        (Unavailable("mango", "recording", WORDS, retry_after=timedelta(seconds=1.2)), 503, "2"),
        (Unavailable("mango", "recording", WORDS, retry_after=timedelta(0)), 503, "30"),
        (NotAdmitted("mango", "recording", WORDS, 401), 503, "30"),
        (Refused("mango", "recording", WORDS, 3103), 502, None),
        (Invalid("mango", "recording", WORDS), 502, None),
    ],
)
def test_each_error_has_its_answer(error: TelephonyError, status: int, retry_after: str | None) -> None:
    with desk({}, {}, sources=Told(error)) as opened:
        answered = opened.open(token(MANGO))
        assert (answered["statusCode"], answered["headers"].get("retry-after")) == (status, retry_after)
        assert type(error).__name__ in opened.log
        assert WORDS not in opened.log


def test_openings_are_counted() -> None:
    with desk({}, {}, sources=Told(f"{FILES}/x")) as opened:
        opened.open(token(MANGO))
        opened.open("forged")
        assert '"RecordingOpened":[1.0]' in opened.log
        assert '"Refused":[1.0]' in opened.log


def test_the_sample_payload_outlives_the_year() -> None:
    payload = json.loads((REPOSITORY / "events" / "recording.json").read_text("utf-8"))
    assert read_token(CLIENT_KEY, payload["pathParameters"]["token"], datetime(2035, 12, 31, tzinfo=UTC))
