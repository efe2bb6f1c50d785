"""OAuth grants: one refresher, nothing rotated is lost (design 6)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from patchcord.crm.errors import CrmError, Misconfigured, Transient, Unauthorised
from patchcord.crm.grants import ClientIn, Encoding, Flow, OAuthGrant, TokenEndpoint
from patchcord.crm.http import Http
from patchcord.store.memory import MemorySecrets, MemoryStore
from tests.unit.test_http import Asked, Reply, Stub

PROJECT = "acme"
NOW = datetime(2026, 9, 12, 8, 0, tzinfo=UTC)


class Authority:
    """A token endpoint whose refresh tokens work once, and an API that takes the newest access token only."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.generation = 0
        self.refreshes = 0
        self.wait = 0.0
        self.next: list[Reply] = []
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> Reply:
        if asked.path.startswith("/oauth/token"):
            return self.token(asked)
        with self.lock:
            fits = asked.headers.get("Authorization") == f"Bearer access-{self.generation}"
        return Reply() if fits else Reply(401, {"error": "expired"})

    def token(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
            if self.next:
                return self.next.pop(0)
            given = fields_of(asked)
            if given["grant_type"] == "refresh_token" and given["refresh_token"] != f"refresh-{self.generation}":
                return Reply(400, {"error": "invalid_grant"})
            self.generation += 1
            self.refreshes += 1
            body = {
                "access_token": f"access-{self.generation}",
                "refresh_token": f"refresh-{self.generation}",
                "expires_in": 3599,
            }
            return Reply(body=body, wait=self.wait)


def fields_of(asked: Asked) -> Mapping[str, str]:
    text = asked.body.decode()
    if asked.headers["Content-Type"] == "application/json":
        fields: Mapping[str, str] = json.loads(text)
        return fields
    return {name: values[0] for name, values in parse_qs(text).items()}


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Stand:
    """An authority on a port, the stores, and grants over them."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.stub = Stub(self.authority)
        self.secrets = MemorySecrets()
        self.store = MemoryStore()
        self.clock = Clock()
        self.closing: list[Callable[[], None]] = [self.stub.close]
        self.put(0, NOW + timedelta(hours=1))

    def put(self, generation: int, expires: datetime | None, **more: str) -> None:
        facts = {"access_token": f"access-{generation}", "refresh_token": f"refresh-{generation}", **more}
        if expires:
            facts["expires_at"] = expires.isoformat()
        self.secrets.put(PROJECT, "grant", json.dumps(facts))

    @property
    def stored(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.secrets.get(PROJECT, "grant") or "{}")
        return facts

    def grant(self, *, secrets: Any = None, endpoint: Mapping[str, Any] | None = None, **settings: Any) -> OAuthGrant:
        target = TokenEndpoint(f"{self.stub.url}/oauth/token", "client", "s3cret", **(endpoint or {}))
        settings = {"clock": self.clock, "sleep": self.clock.sleep, **settings}
        made = OAuthGrant("vendor", target, secrets or self.secrets, self.store, PROJECT, **settings)
        self.closing.append(made.close)
        return made

    def http(self, grant: OAuthGrant) -> Http:
        made = Http("vendor", self.stub.url, grant)
        self.closing.append(made.close)
        return made


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    for close in reversed(made.closing):
        close()


def applied(grant: OAuthGrant) -> dict[str, str]:
    headers: dict[str, str] = {}
    grant.apply(headers)
    return headers


# --- the ordinary life of a grant


def test_a_good_token_is_used_as_it_is(stand: Stand) -> None:
    assert applied(stand.grant()) == {"Authorization": "Bearer access-0"}
    assert stand.authority.refreshes == 0


def test_a_token_near_its_end_is_renewed_first(stand: Stand) -> None:
    stand.put(0, NOW + timedelta(seconds=30))
    assert applied(stand.grant()) == {"Authorization": "Bearer access-1"}
    assert stand.stored["expires_at"] == (NOW + timedelta(seconds=3599)).isoformat()


def test_a_token_without_an_end_is_renewed_after_401_only(stand: Stand) -> None:
    stand.put(0, None)
    grant = stand.grant()
    assert applied(grant) == {"Authorization": "Bearer access-0"}
    assert grant.refresh("access-0")
    assert applied(grant) == {"Authorization": "Bearer access-1"}


def test_facts_of_the_answer_are_kept(stand: Stand) -> None:
    stand.put(0, NOW, api_domain="https://old.example", member="7")
    stand.authority.next = [
        Reply(body={"access_token": "a", "refresh_token": "r", "expires_in": "60", "api_domain": "https://new.example"})
    ]
    grant = stand.grant(early=timedelta())
    applied(grant)
    assert stand.stored == {
        "access_token": "a", "refresh_token": "r", "api_domain": "https://new.example", "member": "7",
        "expires_at": (NOW + timedelta(seconds=60)).isoformat(),
    }  # fmt: skip
    assert grant.grant().facts["api_domain"] == "https://new.example"


def test_the_old_refresh_token_stays_when_none_is_answered(stand: Stand) -> None:
    stand.put(0, NOW)
    stand.authority.next = [Reply(body={"access_token": "a", "expires_in": 3600})]
    applied(stand.grant())
    assert stand.stored["refresh_token"] == "refresh-0"


def test_basic_sign_in_with_a_form(stand: Stand) -> None:
    stand.grant().refresh("access-0")
    (asked,) = stand.authority.asked
    assert asked.headers["Authorization"] == "Basic Y2xpZW50OnMzY3JldA=="
    assert fields_of(asked) == {"grant_type": "refresh_token", "refresh_token": "refresh-0"}


def test_body_sign_in_with_json_and_extra_fields(stand: Stand) -> None:
    endpoint = {"client_in": ClientIn.BODY, "encoding": Encoding.JSON, "extra": {"redirect_uri": "https://app.example"}}
    stand.grant(endpoint=endpoint).refresh("access-0")
    (asked,) = stand.authority.asked
    assert "Authorization" not in asked.headers
    assert fields_of(asked) == {
        "grant_type": "refresh_token", "refresh_token": "refresh-0", "client_id": "client", "client_secret": "s3cret",
        "redirect_uri": "https://app.example",
    }  # fmt: skip


def test_client_credentials_need_no_stored_grant(stand: Stand) -> None:
    secrets = MemorySecrets()
    grant = stand.grant(secrets=secrets, endpoint={"flow": Flow.CLIENT_CREDENTIALS, "client_in": ClientIn.BODY})
    assert applied(grant) == {"Authorization": "Bearer access-1"}
    assert "refresh_token" not in fields_of(stand.authority.asked[0])


def test_the_scheme_is_the_vendor_s(stand: Stand) -> None:
    assert applied(stand.grant(scheme="Zoho-oauthtoken")) == {"Authorization": "Zoho-oauthtoken access-0"}


# --- refusals


def test_no_grant_is_unauthorised(stand: Stand) -> None:
    with pytest.raises(Unauthorised):
        applied(stand.grant(secrets=MemorySecrets()))


def test_a_broken_grant_is_misconfigured_and_not_shown(stand: Stand) -> None:
    stand.secrets.put(PROJECT, "grant", "s3cret-but-no-json")
    with pytest.raises(Misconfigured) as caught:
        applied(stand.grant())
    assert "s3cret" not in str(caught.value)


def test_a_refused_refresh_is_unauthorised_and_the_grant_stays(stand: Stand) -> None:
    stand.authority.next = [Reply(400, {"error": "invalid_grant", "error_description": "expired"})]
    before = stand.stored
    with pytest.raises(Unauthorised) as caught:
        stand.grant().refresh("access-0")
    assert caught.value.words == "invalid_grant; expired"
    assert stand.stored == before


@pytest.mark.parametrize("reply", [Reply(401, {"error": "invalid_client"}), Reply(200, {"error": "invalid_code"}), Reply(403)])
def test_other_refusals_are_unauthorised_too(stand: Stand, reply: Reply) -> None:
    stand.authority.next = [reply]
    with pytest.raises(Unauthorised):
        stand.grant().refresh("access-0")


@pytest.mark.parametrize("reply", [Reply(503), Reply(200, {}), Reply(200, b"{"), Reply(drop=True), Reply(429)])
def test_trouble_is_transient_and_the_grant_stays(stand: Stand, reply: Reply) -> None:
    stand.authority.next = [reply]
    before = stand.stored
    grant = stand.grant()
    with pytest.raises(Transient):
        grant.refresh("access-0")
    assert stand.stored == before
    assert grant.refresh("access-0")


def test_trouble_before_the_end_uses_the_old_token(stand: Stand) -> None:
    stand.put(0, NOW + timedelta(seconds=30))
    stand.authority.next = [Reply(503)]
    assert applied(stand.grant()) == {"Authorization": "Bearer access-0"}


def test_a_grant_without_refresh_token_is_unauthorised(stand: Stand) -> None:
    stand.secrets.put(PROJECT, "grant", json.dumps({"access_token": "access-0"}))
    with pytest.raises(Unauthorised):
        stand.grant().refresh("access-0")
    assert not stand.authority.asked


def test_a_refused_refresh_re_reads_before_it_gives_up(stand: Stand) -> None:
    def somebody_was_faster(asked: Asked) -> Reply:
        stand.put(5, NOW + timedelta(hours=1))
        return Reply(400, {"error": "invalid_grant"})

    stand.stub.reply = somebody_was_faster
    grant = stand.grant()
    assert grant.refresh("access-0")
    assert applied(grant) == {"Authorization": "Bearer access-5"}


def test_no_secret_is_shown(stand: Stand) -> None:
    stand.authority.next = [Reply(400, {"error": "invalid_grant for refresh-0 of client:s3cret"})]
    grant = stand.grant()
    with pytest.raises(CrmError) as caught:
        grant.refresh("access-0")
    assert "access-0" not in repr(caught.value)
    assert "s3cret" not in repr(TokenEndpoint("https://a.example", "client", "s3cret"))
    assert "access-0" not in repr(stand.grant().grant())


# --- many at once


def run_all(work: list[Callable[[], object]]) -> list[Exception]:
    """Run them at the same moment; the errors they ended with."""
    barrier, errors = threading.Barrier(len(work)), list[Exception]()

    def run(one: Callable[[], object]) -> None:
        barrier.wait()
        try:
            one()
        except CrmError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def live(stand: Stand, **settings: Any) -> OAuthGrant:
    """A grant in its own process, so to say: own cache, the real clock."""
    return stand.grant(clock=lambda: datetime.now(UTC), sleep=time.sleep, **settings)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("wait", [0.0, 0.3])
def test_thirty_threads_refresh_an_expired_token_once(stand: Stand, shared: bool, wait: float) -> None:
    stand.authority.generation = stand.authority.refreshes = 0
    stand.authority.wait = wait
    stand.put(0, datetime.now(UTC) - timedelta(minutes=1))
    one = live(stand)
    https = [stand.http(one if shared else live(stand)) for _ in range(30)]
    errors = run_all([lambda http=http: http.call("GET", "/thing", operation="read") for http in https])  # type: ignore[misc]
    assert not errors
    assert stand.authority.refreshes == 1
    assert stand.stored["refresh_token"] == "refresh-1"


def test_thirty_threads_with_a_rejected_token_refresh_once(stand: Stand) -> None:
    stand.authority.generation = 1  # the vendor has revoked access-0 before its end
    stand.put(0, datetime.now(UTC) + timedelta(hours=1), refresh_token="refresh-1")
    https = [stand.http(live(stand)) for _ in range(30)]
    errors = run_all([lambda http=http: http.call("GET", "/thing", operation="read") for http in https])  # type: ignore[misc]
    assert not errors
    assert stand.authority.refreshes == 1


def test_a_newer_stored_grant_is_taken_without_a_refresh(stand: Stand) -> None:
    grant = stand.grant()
    applied(grant)
    stand.put(4, NOW + timedelta(hours=1))
    assert grant.refresh("access-0")
    assert applied(grant) == {"Authorization": "Bearer access-4"}
    assert not stand.authority.asked


def test_the_grant_stored_while_the_lease_was_got_counts(stand: Stand) -> None:
    class LateLease(MemoryStore):
        def lease(self, project: str, name: str, holder: str, now: datetime, until: datetime) -> bool:
            stand.put(9, NOW + timedelta(hours=1))
            return super().lease(project, name, holder, now, until)

    stand.store = LateLease()
    grant = stand.grant()
    assert grant.refresh("access-0")
    assert applied(grant) == {"Authorization": "Bearer access-9"}
    assert not stand.authority.asked


def test_a_dead_refresher_s_lease_runs_out(stand: Stand) -> None:
    stand.store.lease(PROJECT, "refresh:grant", "the dead", NOW, NOW + timedelta(seconds=90))
    grant = stand.grant()
    with pytest.raises(Transient):
        grant.refresh("access-0")
    assert stand.clock.now - NOW < timedelta(seconds=20)  # no function waits until it is stopped
    stand.clock.sleep(90)
    assert grant.refresh("access-0")
    assert applied(grant) == {"Authorization": "Bearer access-1"}


def test_waiting_for_a_refresher_that_never_ends_is_transient(stand: Stand) -> None:
    class Busy(MemoryStore):
        def lease(self, project: str, name: str, holder: str, now: datetime, until: datetime) -> bool:
            return False

    stand.store = Busy()
    with pytest.raises(Transient):
        stand.grant().refresh("access-0")


def test_the_lease_is_given_back_after_trouble(stand: Stand) -> None:
    stand.authority.next = [Reply(503)]
    with pytest.raises(Transient):
        stand.grant().refresh("access-0")
    assert stand.store.lease(PROJECT, "refresh:grant", "another", NOW, NOW + timedelta(seconds=1))


# --- nothing that was rotated is lost


class Observed(MemorySecrets):
    """Secrets that note each put, and fail as often as told."""

    def __init__(self, copy: MemorySecrets, failures: int = 0) -> None:
        super().__init__()
        self._values = copy._values
        self.failures = failures

    def put(self, project: str, name: str, value: str) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("the parameter store is away")
        super().put(project, name, value)


def test_the_new_grant_is_stored_before_it_is_used(stand: Stand) -> None:
    stored_when_used: list[str] = []

    def watching(asked: Asked) -> Reply:
        if asked.path.startswith("/thing") and asked.headers["Authorization"] == "Bearer access-1":
            stored_when_used.append(stand.stored["refresh_token"])
        return stand.authority(asked)

    stand.stub.reply = watching
    stand.authority.generation = 0
    stand.put(0, NOW)
    stand.http(stand.grant()).call("GET", "/thing", operation="read")
    assert stored_when_used == ["refresh-1"]


def test_a_grant_that_could_not_be_stored_is_not_used_and_not_lost(stand: Stand) -> None:
    grant = stand.grant(secrets=Observed(stand.secrets, failures=2))
    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            grant.refresh("access-0")
        assert applied(grant) == {"Authorization": "Bearer access-0"}
        with pytest.raises(Transient):
            stand.grant().refresh("access-0")  # nobody else spends the dead refresh token
    assert grant.refresh("access-0")
    assert stand.authority.refreshes == 1
    assert stand.stored["refresh_token"] == "refresh-1"


def test_a_slow_token_endpoint_is_waited_for(stand: Stand) -> None:
    stand.authority.wait = 0.6
    grant = stand.grant(time_out=5.0)
    http = stand.http(grant)
    http.deadline = time.monotonic() + 0.1
    assert grant.refresh("access-0")
    assert stand.stored["refresh_token"] == "refresh-1"


def test_ten_rotations_in_a_row(stand: Stand) -> None:
    grants = [stand.grant() for _ in range(3)]
    for number in range(10):
        grants[number % 3].refresh(f"access-{number}")
    assert stand.stored["refresh_token"] == "refresh-10"
    assert stand.authority.refreshes == 10
