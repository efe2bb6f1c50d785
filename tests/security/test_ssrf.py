"""Whom the product asks: its CRM and its telephony, over TLS, and never whom a webhook, an answer or a wrong setting names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from werkzeug.wrappers import Request, Response

from patchcord.crm.connect import open_crm
from patchcord.crm.errors import CrmError
from patchcord.crm.port import Crm, Search
from patchcord.model.phone import read_phone
from patchcord.model.vendors import VENDORS
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.telephony.errors import TelephonyError
from patchcord.telephony.ringostat.api import RingostatApi
from patchcord.wire import LAMBDA_VARIABLE, STAND_VARIABLE, Failure, Wire, is_public
from patchcord.wire import Request as Sent
from sandbox.host import served
from sandbox.twins import twin_class
from sandbox.twins.base import Twin, serve
from tests.harness import START
from tests.integration.demo import after_call
from tests.security.doors import BY_ROUTE, DOORS, Door, with_told
from tests.security.stage import stage

NEIGHBOURS = (
    "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0/",
    "https://localhost/",
    "https://app.localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.100.1/",
    "https://[fd00:ec2::254]/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://api.pipedrive.com@127.0.0.1/",
    "https://user:pass@api.pipedrive.com/",
    "https://api.pipedrive.com\\@127.0.0.1/",
    "http://api.pipedrive.com/",
    "ftp://api.pipedrive.com/",
    "file:///etc/passwd",
    "https://",
    "//127.0.0.1/",
    "",
    "https://[",
    "https://１２７.0.0.1/",
)
PUBLIC = (
    "https://api.pipedrive.com/v1/leads",
    "https://acme.my.salesforce.com",
    "https://xn--80ak6aa92e.com/",
    "https://acme.bitrix24.eu:8443/rest/1/key/",
    "https://8.8.8.8/",
    "https://app.mango-office.ru/vpbx/",
)


@dataclass
class Trap:
    """A server that must not be asked; `led` is where it sends whoever asks."""

    led: str | None = None
    asked: list[str] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with Request(environ) as request:
            self.asked.append(request.path)
            answer = Response("", 200) if self.led is None else Response("", 302, {"location": self.led})
            return answer(environ, start_response)


@contextmanager
def trap(led: str | None = None) -> Iterator[tuple[Trap, str]]:
    made = Trap(led)
    with served(made, "127.0.0.1", 0) as url:
        yield made, url


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lambda runs us."""
    monkeypatch.setenv(LAMBDA_VARIABLE, "127.0.0.1:9001")
    monkeypatch.setenv(STAND_VARIABLE, "")


def test_only_the_internet_is_asked() -> None:
    assert not [url for url in NEIGHBOURS if is_public(url)]
    assert all(map(is_public, PUBLIC))


def test_on_aws_a_neighbour_is_not_asked(on_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with trap() as (neighbour, url):
        told = Wire("test").send(Sent("GET", url), (1.0, 1.0))
        assert isinstance(told, Failure) and told.unsendable
        assert not neighbour.asked
        monkeypatch.setenv(STAND_VARIABLE, "http://127.0.0.1:4566")
        assert not isinstance(Wire("test").send(Sent("GET", url), (1.0, 1.0)), Failure)
        assert neighbour.asked


@contextmanager
def connected(vendor: str, elsewhere: str | None = None) -> Iterator[tuple[Crm, Twin]]:
    """A CRM on its twin, or with the twin's settings on another server."""
    with serve(twin_class(vendor)(clock=lambda: START)) as running:
        address = elsewhere or running.url
        given = running.twin.connection(running.url)
        secrets = MemorySecrets()
        for name, value in given.secrets.items():
            secrets.put("demo", name, value.replace(running.url, address))
        options = {name: str(value).replace(running.url, address) for name, value in given.options.items()}
        crm = open_crm(vendor, options, secrets, MemoryStore(), "demo")
        try:
            yield crm, running.twin
        finally:
            cast(Any, crm).close()


def refused(crm: Crm) -> None:
    with pytest.raises(CrmError):
        crm.find(read_phone("+380671234567", "UA"), Search("UA"))


@pytest.mark.parametrize("vendor", VENDORS)
def test_on_aws_no_setting_of_a_crm_leads_to_a_neighbour(on_aws: None, vendor: str) -> None:
    with connected(vendor) as (crm, twin):
        refused(crm)
        assert not twin.requests


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_crm_sends_us_elsewhere(vendor: str) -> None:
    """A redirection is not followed: what comes along with a request belongs to that CRM."""
    with trap() as (neighbour, elsewhere), trap(f"{elsewhere}/latest") as (server, url), connected(vendor, url) as (crm, _):
        refused(crm)
        assert server.asked
        assert not neighbour.asked


def test_no_telephony_sends_us_elsewhere() -> None:
    with trap() as (neighbour, elsewhere), trap(f"{elsewhere}/latest") as (provider, url):
        with pytest.raises(TelephonyError):
            RingostatApi("key", url).online()
        assert provider.asked
        assert not neighbour.asked


@pytest.mark.parametrize("door", [door for door in DOORS if door.told], ids=lambda door: door.route)
def test_no_address_in_a_payload_is_asked(door: Door) -> None:
    """Links to recordings, pages, pictures: they are written down for people, at most."""
    names = (
        "recording",
        "recording_wav",
        "landing",
        "referrer",
        "refferrer",
        "url",
        "callback",
        "webhook",
        "utm_source",
        "avatar",
    )
    with trap() as (neighbour, url), stage() as here:
        told = with_told(door, **{name: f"{url}/{name}" for name in names})
        assert told.knock(here).status < 400
        here.keep_promises()
        assert not neighbour.asked


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example/x", "ftp://x/y"]
)
def test_only_web_addresses_become_links_to_recordings(link: str) -> None:
    with stage() as here:
        door = BY_ROUTE["POST /v1/hooks/{project}/{secret}/ringostat/in/{moment}"]
        assert with_told(door, recording=link).knock(here).status == 200
        here.keep_promises()
        assert not any(write.fields.get("recording") for write in here.twin.ledger)


def test_a_host_in_the_header_does_not_make_our_links() -> None:
    """Links of ours begin with the address that API Gateway knows to be ours."""
    with stage(recording={"own_links": True}) as here:
        call = {**after_call(), "recording": "https://app.ringostat.com/recordings/1.ogg?token=0"}
        door = with_told(BY_ROUTE["POST /v1/hooks/{project}/{secret}/ringostat/in/{moment}"], **call)
        assert door.knock(here, headers={"x_forwarded_host": "evil.example", "forwarded": "host=evil.example"}).status == 200
        here.keep_promises()
        links = [str(write.fields["recording"]) for write in here.twin.ledger if write.fields.get("recording")]
        assert links and all(link.startswith("https://hooks.example/v1/recordings/demo/") for link in links)
