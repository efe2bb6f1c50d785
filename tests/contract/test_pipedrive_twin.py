"""The Pipedrive twin against its reference (crm_pipedrive.md), by plain requests.

Every answer of every test is also held against the vendor's published files, where those are at hand.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.pipedrive import Account, PipedriveTwin

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
TOKEN = {"x-api-token": Account().api_token}
OLENA = "+380501234567"
SPECS = Path(__file__).resolve().parents[2].parent / "shared" / "specs"
NO_SPECS = "the vendors' published files (../shared/specs) are not on this machine"
Json = dict[str, Any]


def _checker() -> Callable[[Json], list[str]] | None:
    """`check_exchange` of the specs' validator, or None."""
    spec = importlib.util.spec_from_file_location("crm_specs_validate", SPECS / "validate.py")
    if not (SPECS / "validate.py").is_file() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    check: Callable[[Json], list[str]] = module.check_exchange
    return check


CHECK = _checker()


@dataclass
class Client:
    """A session that knows the twin's address and keeps every exchange."""

    url: str
    session: requests.Session
    headers: dict[str, str] = field(default_factory=lambda: dict(TOKEN))
    exchanges: list[Json] = field(default_factory=list)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        answer = self.session.request(method, self.url + path, headers=headers, timeout=10, **more)
        body = answer.request.body
        self.exchanges.append(
            {
                "vendor": "pipedrive",
                "method": method,
                "url": answer.url,
                "request_headers": dict(answer.request.headers),
                "request_body": body.decode("utf-8", "replace") if isinstance(body, bytes) else body,
                "status": answer.status_code,
                "response_headers": dict(answer.headers),
                "response_body": answer.text,
                "elapsed_ms": answer.elapsed.total_seconds() * 1000,
            }
        )
        return answer

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.send("GET", path, params=params)

    def post(self, path: str, body: Json) -> requests.Response:
        return self.send("POST", path, json=body)

    def patch(self, path: str, body: Json) -> requests.Response:
        return self.send("PATCH", path, json=body)

    def data(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def made(self, path: str, body: Json) -> Any:
        answer = self.post(path, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()["data"]

    def refused(self, path: str, body: Json, status: int = 400, method: str = "POST") -> str:
        answer = self.send(method, path, json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["success"] is False
        return str(answer.json()["error"])

    def search(self, term: str = "501234567", **more: Any) -> Json:
        params = {"item_types": "person", "fields": "phone", "search_for_related_items": "true", "limit": 20, **more}
        found: Json = self.data("/api/v2/itemSearch", term=term, **params)
        return found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> PipedriveTwin:
    return PipedriveTwin(clock=clock)


@pytest.fixture
def http(twin: PipedriveTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        client = Client(running.url, session)
        yield client
    if CHECK:
        ours = [sentence for exchange in client.exchanges for sentence in CHECK(exchange) if ": response " in sentence]
        assert ours == [], "the twin is not like the vendor"


# ---- signing in (2)


@pytest.mark.parametrize(
    "headers", [{}, {"x-api-token": "wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}]
)
def test_nobody_gets_in_without_a_token(http: Client, headers: dict[str, str]) -> None:
    http.headers = headers
    answer = http.get("/api/v1/users/me")
    assert answer.status_code == 401
    assert (answer.json()["success"], answer.json()["error"], answer.json()["errorCode"]) == (False, "unauthorized access", 401)


def test_a_replaced_token_and_that_of_a_deactivated_user_are_refused(twin: PipedriveTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    twin.seed_api_token(anna, "anna-token")
    http.headers = {"x-api-token": "anna-token"}
    assert http.data("/api/v1/users/me")["name"] == "Anna"
    twin.set_user_active(anna, False)
    assert http.get("/api/v1/users/me").status_code == 401
    twin.replace_api_token("new")
    http.headers = TOKEN
    assert http.get("/api/v1/users/me").status_code == 401


def oauth(http: Client, *, secret: str = "twin-secret", **form: str) -> requests.Response:
    http.headers = {}
    return http.send("POST", "/oauth/token", data=form, auth=("twin-client", secret))


def test_refreshing_gives_a_bearer_token_that_works_until_it_expires(
    twin: PipedriveTwin, http: Client, clock: ManualClock
) -> None:
    grant = twin.grant()
    given = oauth(http, grant_type="refresh_token", refresh_token=grant.refresh).json()
    assert (given["token_type"], given["expires_in"], given["api_domain"]) == ("Bearer", 3599, "https://acme.pipedrive.com")
    assert "leads:full" in given["scope"]
    assert given["refresh_token"] == grant.refresh
    http.headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert http.data("/api/v1/users/me")["company_domain"] == "acme"
    clock.advance(timedelta(seconds=3599))
    assert http.get("/api/v1/users/me").status_code == 401


def test_refresh_tokens_can_be_good_for_one_use_only(twin: PipedriveTwin, http: Client) -> None:
    twin.set(refresh_single_use=True)
    grant = twin.grant()
    first = oauth(http, grant_type="refresh_token", refresh_token=grant.refresh).json()
    assert first["refresh_token"] != grant.refresh
    again = oauth(http, grant_type="refresh_token", refresh_token=grant.refresh)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert oauth(http, grant_type="refresh_token", refresh_token=first["refresh_token"]).status_code == 200


def test_the_token_call_wants_basic_authentication_and_a_form(twin: PipedriveTwin, http: Client) -> None:
    refresh = twin.grant().refresh
    assert oauth(http, secret="wrong", grant_type="refresh_token", refresh_token=refresh).status_code == 401
    assert (
        http.send("POST", "/oauth/token", json={"grant_type": "refresh_token"}, auth=("twin-client", "twin-secret")).status_code
        == 400
    )
    assert oauth(http, grant_type="password").json()["error"] == "unsupported_grant_type"


def test_an_authorisation_code_is_good_once_for_its_address(http: Client) -> None:
    back = "https://patchcord.example/oauth"
    params = {"client_id": "twin-client", "redirect_uri": back, "state": "s1"}
    answer = http.session.get(f"{http.url}/oauth/authorize", params=params, allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{back}?code=")
    assert answer.headers["Location"].endswith("&state=s1")
    code = answer.headers["Location"].partition("code=")[2].partition("&")[0]
    assert oauth(http, grant_type="authorization_code", code=code, redirect_uri=back).status_code == 200
    assert oauth(http, grant_type="authorization_code", code=code, redirect_uri=back).status_code == 400


def test_expired_and_revoked_grants(twin: PipedriveTwin, http: Client) -> None:
    grant = twin.grant()
    twin.expire_access_tokens()
    http.headers = {"Authorization": f"Bearer {grant.access}"}
    assert http.get("/api/v1/users/me").status_code == 401
    assert oauth(http, grant_type="refresh_token", refresh_token=grant.refresh).status_code == 200
    revoked = http.send("POST", "/oauth/revoke", data={"token": grant.refresh}, auth=("twin-client", "twin-secret"))
    assert revoked.status_code == 200
    assert oauth(http, grant_type="refresh_token", refresh_token=grant.refresh).status_code == 400


def test_a_missing_scope_is_403(twin: PipedriveTwin, http: Client) -> None:
    http.headers = {"Authorization": f"Bearer {twin.grant(scopes=('base', 'leads:read')).access}"}
    assert http.get("/api/v1/leads").status_code == 200
    assert http.refused("/api/v1/leads", {"title": "x"}, 403) == "Scope and URL mismatch"
    assert http.get("/api/v2/persons").status_code == 403


# ---- the two versions (1, 4, 5, 8)


def test_organisation_person_lead_are_created_and_linked(twin: PipedriveTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    source = twin.seed_field("lead", "utm_source")
    medium = twin.seed_field("contact", "patchcord_utm_medium")
    organisation = http.post("/api/v2/organizations", {"name": "Acme", "owner_id": int(anna)})
    org_id = organisation.json()["data"]["id"]
    person_body = {"name": OLENA, "owner_id": int(anna), "org_id": org_id,
                   "phones": [{"value": OLENA, "primary": True, "label": "mobile"}],
                   "custom_fields": {medium: "cpc"}}  # fmt: skip
    person = http.post("/api/v2/persons", person_body)
    lead_body = {"title": "Incoming call", "owner_id": int(anna), "person_id": person.json()["data"]["id"],
                 "organization_id": org_id, "origin_id": "call:5f2c:lead", "channel_id": "google / cpc",
                 "value": {"amount": 0, "currency": "EUR"}, source: "google"}  # fmt: skip
    lead = http.post("/api/v1/leads", lead_body)
    assert (organisation.status_code, person.status_code, lead.status_code) == (200, 200, 201)
    shown = lead.json()["data"]
    assert (shown["source_name"], shown["origin"], shown["visible_to"], shown[source]) == ("API", "API", "3", "google")
    assert shown["add_time"] == "2026-09-12T12:00:00.000Z"
    assert person.json()["data"]["add_time"] == "2026-09-12T12:00:00Z"
    assert [(write.do, write.kind) for write in twin.ledger] == [
        ("create", "organization"),
        ("create", "contact"),
        ("create", "lead"),
    ]
    _, contact, entry = twin.ledger
    assert contact.fields["phone"] == OLENA
    assert (contact.fields["owner"], contact.fields["organization"]) == (anna, "1")
    assert contact.fields["attribution"] == {"utm_medium": "cpc"}
    assert (entry.id, entry.fields["contact"], entry.fields["organization"]) == (shown["id"], contact.id, "1")
    assert (entry.fields["marker"], entry.fields["attribution"]) == ("call:5f2c:lead", {"utm_source": "google"})


def test_without_an_owner_it_is_the_tokens_user(twin: PipedriveTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    twin.seed_api_token(anna, "anna-token")
    http.headers = {"x-api-token": "anna-token"}
    assert http.made("/api/v2/persons", {"name": "Olena"})["owner_id"] == int(anna)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/v2/persons", {"name": "O", "phone": OLENA}, "phone"),
        ("/api/v2/persons", {"name": "O", "owner_id": "1"}, "owner_id"),
        ("/api/v2/persons", {"phones": [{"value": OLENA}]}, "name"),
        ("/api/v2/persons", {"name": "O" * 256}, "name"),
        ("/api/v2/persons", {"name": "O", "owner_id": 99}, "99"),
        ("/api/v2/persons", {"name": "O", "org_id": 99}, "org_id"),
        ("/api/v2/persons", {"name": "O", "custom_fields": {"a" * 40: "x"}}, "custom_fields"),
        ("/api/v2/organizations", {"owner_id": 1}, "name"),
        ("/api/v2/deals", {"person_id": 1}, "person_id"),
        ("/api/v2/deals", {"value": 1}, "title"),
        ("/api/v2/deals", {"title": "D", "stage_id": 99}, "stage_id"),
        (
            "/api/v2/activities",
            {"subject": "S", "person_id": 1},
            "'person_id' is a read-only field. Add a primary participant instead",
        ),
        ("/api/v2/activities", {"type": "task"}, "subject"),
        ("/api/v2/activities", {"subject": "S", "type": "visit"}, "type"),
        ("/api/v2/activities", {"subject": "S", "done": 1}, "done"),
        ("/api/v2/activities", {"subject": "S", "due_date": "12.09.2026"}, "due_date"),
        ("/api/v2/activities", {"subject": "S", "due_date": "2026-02-30"}, "due_date"),
        ("/api/v2/activities", {"subject": "S", "due_time": "9:30"}, "due_time"),
        ("/api/v2/activities", {"subject": "S", "participants": [{"person_id": 99, "primary": True}]}, "participants"),
        ("/api/v2/activities", {"subject": "S", "lead_id": "adf21080-0e10-11eb-879b-05d71fb426ec", "deal_id": 1}, "together"),
        ("/api/v1/leads", {"title": "L"}, "linked to a person or an organization"),
        ("/api/v1/leads", {"person_id": 1}, "title"),
        ("/api/v1/leads", {"title": "L", "person_id": 99}, "person_id"),
        ("/api/v1/leads", {"title": "L", "person_id": 1, "custom_fields": {}}, "custom_fields"),
        ("/api/v1/leads", {"title": "L", "person_id": 1, "a" * 40: "x"}, "not allowed"),
        ("/api/v1/notes", {"content": "C"}, "At least one"),
        ("/api/v1/notes", {"person_id": 1}, "Content"),
        ("/api/v1/notes", {"content": "C", "person_id": 99}, "person_id"),
        ("/api/v1/notes", {"content": "C", "person_id": [1]}, "person_id"),
        ("/api/v2/dealFields", {"field_name": "F", "field_type": "enum", "options": ["a"]}, "options"),
        ("/api/v2/dealFields", {"field_name": "F", "field_type": "enum"}, "options"),
    ],
)
def test_bodies_the_server_refuses(twin: PipedriveTwin, http: Client, path: str, body: Json, words: str) -> None:
    assert words in http.refused(path, body)
    assert twin.ledger == ()


def test_v1_takes_numbers_as_texts_and_v2_does_not(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    assert http.made("/api/v1/leads", {"title": "L", "person_id": person})["person_id"] == int(person)
    http.refused("/api/v2/deals", {"title": "D", "person_id": person})


def test_only_json_is_taken(http: Client) -> None:
    assert http.send("POST", "/api/v2/persons", data={"name": "O"}).status_code == 415
    broken = http.send("POST", "/api/v2/persons", data=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400


def test_removed_v1_calls_are_gone_and_v2_has_no_leads(http: Client) -> None:
    assert http.get("/api/v1/persons").status_code == 410
    assert http.get("/api/v1/deals/3").status_code == 410
    assert http.get("/api/v2/leads").status_code == 404
    assert http.get("/api/v2/notes").status_code == 404


def test_v2_pages_with_a_cursor(twin: PipedriveTwin, http: Client) -> None:
    for number in range(5):
        twin.seed_contact(name=f"P{number}")
    seen, cursor = [], None
    for _ in range(3):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = http.get("/api/v2/persons", **params).json()
        seen += [row["name"] for row in answer["data"]]
        cursor = answer["additional_data"]["next_cursor"]
    assert (seen, cursor) == (["P0", "P1", "P2", "P3", "P4"], None)
    assert http.get("/api/v2/persons", limit=501).status_code == 400
    assert http.get("/api/v2/persons", cursor="nonsense").status_code == 400


@pytest.mark.parametrize("at_root", [False, True])
def test_v1_pages_with_start(twin: PipedriveTwin, http: Client, at_root: bool) -> None:
    twin.set(leads_paging_at_root=at_root)
    for number in range(3):
        twin.seed_lead(phone=OLENA, name=f"L{number}")
    first = http.get("/api/v1/leads", limit=2).json()["additional_data"]
    paging = first if at_root else first["pagination"]
    assert (paging["more_items_in_collection"], paging["next_start"]) == (True, 2)
    last = http.get("/api/v1/leads", limit=2, start=2).json()
    assert [row["title"] for row in last["data"]] == ["L2"]


def test_lists_filter_and_sort(twin: PipedriveTwin, http: Client) -> None:
    acme = twin.seed_organization(name="Acme")
    old = twin.seed_contact(name="Old", organization=acme, updated=NOON - timedelta(days=2))
    new = twin.seed_contact(name="New", organization=acme, updated=NOON)
    twin.seed_contact(name="Other")
    newest = http.data("/api/v2/persons", org_id=acme, sort_by="update_time", sort_direction="desc")
    assert [str(row["id"]) for row in newest] == [new, old]
    assert [row["name"] for row in http.data("/api/v2/persons", updated_since="2026-09-12T11:00:00Z", org_id=acme)] == ["New"]
    assert [row["name"] for row in http.data("/api/v2/persons", ids=f"{old},{new}")] == ["Old", "New"]
    assert http.get("/api/v2/persons", updated_since="yesterday").status_code == 400
    assert http.get("/api/v2/persons", sort_by="name").status_code == 400


# ---- looking up (6)


def test_one_request_finds_person_lead_and_deal_with_their_owners(twin: PipedriveTwin, http: Client) -> None:
    anna, boris, vera = (twin.seed_user(name=name) for name in ("Anna", "Boris", "Vera"))
    acme = twin.seed_organization(name="Acme")
    person = twin.seed_contact(phone="+380 (50) 123-45-67", name="Olena K.", owner=anna, organization=acme)
    deal = twin.seed_deal(contact=person, owner=boris, name="Renewal", status="won")
    lead = twin.seed_lead(contact=person, owner=vera)
    archived = twin.seed_lead(contact=person, owner=vera, status="archived")
    found = http.search()
    (hit,) = found["items"]
    assert (hit["item"]["id"], hit["item"]["type"], hit["item"]["phones"]) == (int(person), "person", ["+380 (50) 123-45-67"])
    assert (hit["item"]["owner"], hit["item"]["organization"]["name"]) == ({"id": int(anna)}, "Acme")
    related = {str(entry["item"]["id"]): entry["item"] for entry in found["related_items"]}
    assert set(related) == {deal, lead, archived}
    assert (related[deal]["status"], related[deal]["owner"]["id"], related[deal]["is_archived"]) == ("won", int(boris), False)
    assert (related[lead]["owner"]["id"], related[lead]["is_archived"], related[lead]["type"]) == (int(vera), False, "lead")
    assert related[archived]["is_archived"] is True
    assert related[lead]["person"] == {"id": int(person), "name": "Olena K."}


@pytest.mark.parametrize("term", ["501234567", "+380501234567", "050 123 45 67", "380501234567"])
def test_only_digits_count(twin: PipedriveTwin, http: Client, term: str) -> None:
    twin.seed_contact(phone="+380 (50) 123-45-67")
    twin.seed_contact(phone="+380671112233")
    assert len(http.search(term)["items"]) == 1


def test_a_plus_must_be_encoded(twin: PipedriveTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    plain = http.send("GET", f"/api/v2/itemSearch?term={OLENA}&item_types=person&fields=phone")
    encoded = http.send("GET", f"/api/v2/itemSearch?term=%2B{OLENA[1:]}&item_types=person&fields=phone")
    assert (len(plain.json()["data"]["items"]), len(encoded.json()["data"]["items"])) == (0, 1)


def test_an_exact_match_compares_the_stored_notation(twin: PipedriveTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    assert http.search("501234567", exact_match="true")["items"] == []
    assert len(http.search(OLENA, exact_match="true")["items"]) == 1


@pytest.mark.parametrize("params", [{"term": "5"}, {"term": ""}, {"limit": 101}, {"item_types": "ticket"}, {"fields": "phones"}])
def test_searches_the_server_refuses(http: Client, params: Json) -> None:
    assert http.get("/api/v2/itemSearch", **{"term": "501234567", **params}).status_code == 400


def test_all_numbers_of_a_person_are_searched_and_two_persons_may_share_one(twin: PipedriveTwin, http: Client) -> None:
    phones = [{"value": "+380441112233", "primary": True, "label": "work"}, {"value": OLENA, "primary": False, "label": "home"}]
    for name in ("Olena", "Petro"):
        http.made("/api/v2/persons", {"name": name, "phones": phones})
    assert sorted(hit["item"]["name"] for hit in http.search()["items"]) == ["Olena", "Petro"]


def test_leads_and_deals_carry_no_phone_but_organisations_may(twin: PipedriveTwin, http: Client) -> None:
    acme = twin.seed_organization(phone="+380 44 123-45-67", name="Acme")
    lead = twin.seed_lead(organization=acme)
    assert http.search("441234567", item_types="lead,deal")["items"] == []
    found = http.search("441234567", item_types="person,organization", fields="phone,custom_fields")
    assert [hit["item"]["name"] for hit in found["items"]] == ["Acme"]
    assert [entry["item"]["id"] for entry in found["related_items"]] == [lead]


def test_search_lags_but_lists_and_gets_do_not(twin: PipedriveTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(seconds=5)
    person = http.made("/api/v2/persons", {"name": "Olena", "phones": [{"value": OLENA, "primary": True, "label": "work"}]})
    assert http.search()["items"] == []
    assert http.get(f"/api/v2/persons/{person['id']}").status_code == 200
    assert len(http.data("/api/v2/persons", updated_since="2026-09-12T11:59:59Z")) == 1
    clock.advance(timedelta(seconds=3))
    http.made("/api/v1/leads", {"title": "L", "person_id": person["id"]})
    clock.advance(timedelta(seconds=2))
    assert (len(http.search()["items"]), http.search()["related_items"]) == (1, [])
    assert len(http.data("/api/v1/leads", person_id=person["id"])) == 1
    clock.advance(timedelta(seconds=3))
    assert len(http.search()["related_items"]) == 1


def test_seeds_can_be_searched_at_once(twin: PipedriveTwin, http: Client) -> None:
    twin.search_lag = timedelta(hours=1)
    twin.seed_lead(phone=OLENA)
    assert len(http.search()["related_items"]) == 1


def test_other_searches(twin: PipedriveTwin, http: Client) -> None:
    acme = twin.seed_organization(name="Acme")
    person = twin.seed_contact(phone=OLENA, name="Olena Koval", organization=acme)
    twin.seed_contact(phone=OLENA, name="Petro")
    twin.seed_lead(contact=person, name="Spring sale")
    twin.seed_deal(contact=person, name="Spring order")
    assert len(http.data("/api/v2/persons/search", term="501234567", fields="phone")["items"]) == 2
    assert len(http.data("/api/v2/persons/search", term="501234567", organization_id=acme)["items"]) == 1
    assert len(http.data("/api/v2/leads/search", term="spring", person_id=person)["items"]) == 1
    assert len(http.data("/api/v2/deals/search", term="spring")["items"]) == 1
    assert len(http.data("/api/v2/organizations/search", term="acme")["items"]) == 1
    assert len(http.data("/api/v2/itemSearch", term="spring")["items"]) == 2


# ---- open, archived, converted (7)


def test_archived_leads_vanish_and_refuse_changes(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    lead = twin.seed_lead(contact=person)
    assert http.patch(f"/api/v1/leads/{lead}", {"is_archived": True}).json()["data"]["is_archived"] is True
    assert twin.ledger[-1].fields == {"status": "archived"}
    assert http.data("/api/v1/leads", person_id=person) == []
    assert [row["id"] for row in http.data("/api/v1/leads/archived")] == [lead]
    http.refused(f"/api/v1/leads/{lead}", {"owner_id": 1}, method="PATCH")


def test_archived_deals_too(twin: PipedriveTwin, http: Client) -> None:
    deal = twin.seed_deal(phone=OLENA, status="archived")
    assert http.data("/api/v2/deals") == []
    assert [str(row["id"]) for row in http.data("/api/v2/deals/archived")] == [deal]
    http.refused(f"/api/v2/deals/{deal}", {"owner_id": 1}, method="PATCH")


def test_a_converted_lead_is_gone_and_a_deal_is_there(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    source = twin.seed_field("deal", "utm_source")
    lead = http.made("/api/v1/leads", {"title": "L", "person_id": int(person), source: "google", "origin_id": "m1"})["id"]
    conversion = http.made(f"/api/v2/leads/{lead}/convert/deal", {})["conversion_id"]
    facts = http.data(f"/api/v2/leads/{lead}/convert/status/{conversion}")
    assert facts["status"] == "completed"
    assert http.get(f"/api/v1/leads/{lead}").status_code == 404
    http.refused(f"/api/v1/leads/{lead}", {"title": "x"}, 404, "PATCH")
    (deal,) = http.data("/api/v2/deals", person_id=person, status="open", include_fields="source_lead_id")
    assert (deal["id"], deal["source_lead_id"], deal["custom_fields"][source]) == (facts["deal_id"], lead, "google")
    assert "source_lead_id" not in http.data(f"/api/v2/deals/{deal['id']}")
    assert [entry["item"]["type"] for entry in http.search()["related_items"]] == ["deal"]


def test_a_seeded_converted_lead_is_a_deal_too(twin: PipedriveTwin, http: Client) -> None:
    lead = twin.seed_lead(phone=OLENA, name="L", status="converted")
    assert http.get(f"/api/v1/leads/{lead}").status_code == 404
    assert [row["name"] for row in twin.records("deal")] == ["L"]
    assert len(http.search()["related_items"]) == 1


@pytest.mark.parametrize(("key", "status"), [("42", 400), ("adf21080-0e10-11eb-879b-05d71fb426ec", 404)])
def test_lead_ids_are_uuids(http: Client, key: str, status: int) -> None:
    assert http.get(f"/api/v1/leads/{key}").status_code == status


def test_removed_records_are_404(twin: PipedriveTwin, http: Client) -> None:
    person, lead = twin.seed_contact(phone=OLENA), twin.seed_lead(phone=OLENA)
    twin.remove("lead", lead)
    twin.remove("contact", person)
    assert http.get(f"/api/v1/leads/{lead}").status_code == 404
    answer = http.get(f"/api/v2/persons/{person}")
    assert (answer.status_code, answer.json()["success"]) == (404, False)
    assert http.search()["items"] == []


# ---- changing (8)


def test_an_update_writes_what_changed(twin: PipedriveTwin, http: Client, clock: ManualClock) -> None:
    anna = twin.seed_user(name="Anna")
    source, person = twin.seed_field("lead", "utm_source"), twin.seed_contact(phone=OLENA)
    lead = twin.seed_lead(contact=person)
    clock.advance(timedelta(minutes=1))
    shown = http.patch(f"/api/v1/leads/{lead}", {"owner_id": int(anna), source: "google"}).json()["data"]
    assert shown["update_time"] == "2026-09-12T12:01:00.000Z"
    assert twin.ledger[-1].fields == {"owner": anna, "attribution": {"utm_source": "google"}}
    http.refused(f"/api/v1/leads/{lead}", {"origin_id": "late"}, method="PATCH")
    http.patch(f"/api/v1/leads/{lead}", {source: None})
    assert twin.records("lead")[0]["attribution"] == {}
    assert twin.records("lead")[0]["owner"] == anna


def test_phones_are_replaced_as_a_whole(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    http.patch(f"/api/v2/persons/{person}", {"phones": [{"value": "+380671112233", "primary": True, "label": "work"}]})
    assert http.search()["items"] == []
    assert twin.ledger[-1].fields == {"phone": "+380671112233"}


def test_deals_take_a_place_in_a_pipeline(twin: PipedriveTwin, http: Client) -> None:
    service = twin.seed_pipeline("Service", ("New", "Done"))
    stages = http.data("/api/v2/stages", pipeline_id=service)
    assert [row["name"] for row in stages] == ["New", "Done"]
    assert [row["name"] for row in http.data("/api/v2/pipelines")] == ["Sales", "Service"]
    first = http.made("/api/v2/deals", {"title": "A"})
    second = http.made("/api/v2/deals", {"title": "B", "pipeline_id": int(service)})
    third = http.made("/api/v2/deals", {"title": "C", "stage_id": stages[1]["id"]})
    assert [row["stage_id"] for row in (first, second, third)] == [1, stages[0]["id"], stages[1]["id"]]
    assert third["pipeline_id"] == int(service)
    assert twin.ledger[-1].fields["stage"] == str(stages[1]["id"])
    http.refused("/api/v2/deals", {"title": "D", "pipeline_id": 1, "stage_id": stages[0]["id"]})
    won = http.patch(f"/api/v2/deals/{first['id']}", {"status": "won"}).json()["data"]
    assert (won["status"], won["won_time"]) == ("won", "2026-09-12T12:00:00Z")
    assert [row["title"] for row in http.data("/api/v2/deals", status="open")] == ["B", "C"]


def test_an_inactive_owner_is_taken_unless_the_account_refuses(twin: PipedriveTwin, http: Client) -> None:
    gone = int(twin.seed_user(name="Gone", active=False))
    http.made("/api/v2/persons", {"name": "O", "owner_id": gone})
    twin.set(refuse_inactive_owner=True)
    assert "not active" in http.refused("/api/v2/persons", {"name": "O", "owner_id": gone})


def test_contact_sync_fields_are_403_until_it_is_on(twin: PipedriveTwin, http: Client) -> None:
    http.refused("/api/v2/persons", {"name": "O", "job_title": "CEO"}, 403)
    twin.set(contact_sync=True)
    assert http.made("/api/v2/persons", {"name": "O", "job_title": "CEO"})["job_title"] == "CEO"


# ---- tasks (10)


def task_body(**more: Any) -> Json:
    note = '<p>Missed call, <a href="https://pbx.example/rec/5f2c.mp3" onclick="x()">recording</a></p><script>x()</script>'
    return {"subject": "Call back", "type": "task", "due_date": "2026-09-12", "due_time": "16:30", "duration": "00:15",
            "done": False, "note": note, **more}  # fmt: skip


def test_a_task_hangs_on_its_records_and_can_be_found_and_closed(twin: PipedriveTwin, http: Client) -> None:
    acme = twin.seed_organization(name="Acme")
    person = twin.seed_contact(phone=OLENA)
    lead = twin.seed_lead(contact=person)
    links = {"lead_id": lead, "org_id": int(acme), "participants": [{"person_id": int(person), "primary": True}]}
    task = http.made("/api/v2/activities", task_body(owner_id=1, **links))
    assert (task["due_time"], task["duration"], task["person_id"], task["done"]) == ("16:30:00", "00:15:00", int(person), False)
    assert "script" not in task["note"]
    assert "onclick" not in task["note"]
    (write,) = twin.ledger
    assert (write.do, write.kind, write.id) == ("task", "task", str(task["id"]))
    assert write.fields["targets"] == [["lead", lead], ["contact", person], ["organization", acme]]
    assert (write.fields["due_at"], write.fields["assignee"]) == ("2026-09-12T16:30:00Z", "1")
    assert (write.fields["text"], write.fields["recording"]) == ("Missed call, recording", "https://pbx.example/rec/5f2c.mp3")
    for filters in ({"person_id": person}, {"lead_id": lead}, {"org_id": acme}, {"done": "false"}):
        assert len(http.data("/api/v2/activities", updated_since="2026-09-12T11:59:00Z", **filters)) == 1
    assert http.data("/api/v2/activities", deal_id=7) == []
    closed = http.patch(f"/api/v2/activities/{task['id']}", {"done": True}).json()["data"]
    assert closed["marked_as_done_time"]
    assert (twin.ledger[-1].do, twin.ledger[-1].fields) == ("complete_task", {"completed": True})
    assert http.data("/api/v2/activities", done="false") == []


def test_a_completed_call_and_its_late_recording(twin: PipedriveTwin, http: Client) -> None:
    call = http.made("/api/v2/activities", {"subject": "Call", "type": "call", "done": True, "note": "patchcord:c1:log"})
    assert (twin.ledger[0].kind, twin.ledger[0].fields["completed"], twin.ledger[0].fields["marker"]) == (
        "call",
        True,
        "c1:log",
    )
    http.patch(f"/api/v2/activities/{call['id']}", {"note": '<a href="https://pbx.example/rec/1.mp3">recording</a>'})
    assert (twin.ledger[1].do, twin.ledger[1].kind, twin.ledger[1].id) == ("update", "task", str(call["id"]))
    assert twin.ledger[1].fields["recording"] == "https://pbx.example/rec/1.mp3"


def test_a_task_without_a_time_is_for_the_whole_day(twin: PipedriveTwin, http: Client) -> None:
    http.made("/api/v2/activities", {"subject": "A", "due_date": "2026-09-12"})
    http.made("/api/v2/activities", {"subject": "B", "due_time": "10:00"})
    assert [write.fields["due_at"] for write in twin.ledger] == ["2026-09-12", None]


def test_an_activity_type_can_be_switched_off(twin: PipedriveTwin, http: Client) -> None:
    twin.seed_activity_type("task", active=False)
    assert "type" in http.refused("/api/v2/activities", {"subject": "S", "type": "task"})
    types = {row["key_string"]: row["active_flag"] for row in http.data("/api/v1/activityTypes")}
    assert (types["call"], types["task"]) == (True, False)


def test_people_finish_and_delete_tasks_in_the_crm(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    task = twin.seed_task(title="Call back", due_at=NOON + timedelta(hours=2), targets=[("contact", person)])
    assert twin.tasks()[0]["due_at"] == "2026-09-12T14:00:00Z"
    twin.finish_task(task)
    assert http.data(f"/api/v2/activities/{task}")["done"] is True
    twin.remove("task", task)
    assert http.get(f"/api/v2/activities/{task}").status_code == 404


# ---- notes and call logs (10.3, 11)


def test_notes(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    lead = twin.seed_lead(contact=person)
    note = http.made("/api/v1/notes", {"content": "<p>Form: price list</p>", "lead_id": lead, "person_id": int(person)})
    (write,) = twin.ledger
    assert (write.do, write.kind, write.fields["text"]) == ("note", "note", "Form: price list")
    assert (write.fields["targets"], write.fields["author"]) == ([["lead", lead], ["contact", person]], "1")
    http.made("/api/v1/notes", {"content": "another", "person_id": int(person)})
    assert [row["id"] for row in http.data("/api/v1/notes", lead_id=lead)] == [note["id"]]
    assert http.send("PUT", f"/api/v1/notes/{note['id']}", json={"content": "changed"}).json()["data"]["content"] == "changed"
    assert (twin.ledger[-1].do, twin.ledger[-1].fields) == ("update", {"text": "changed"})
    assert http.data(f"/api/v1/notes/{note['id']}")["update_time"] == "2026-09-12 12:00:00"


def test_only_administrators_write_in_somebody_elses_name(twin: PipedriveTwin, http: Client) -> None:
    person, anna = twin.seed_contact(phone=OLENA), twin.seed_user(name="Anna")
    body = {"content": "C", "person_id": int(person), "user_id": int(anna)}
    assert http.made("/api/v1/notes", body)["user_id"] == int(anna)
    twin.seed_api_token(anna, "anna-token")
    http.headers = {"x-api-token": "anna-token"}
    http.refused("/api/v1/notes", {**body, "user_id": 1}, 403)


def log_body(**more: Any) -> Json:
    return {"subject": "Incoming call", "duration": "74", "outcome": "connected", "from_phone_number": OLENA,
            "to_phone_number": "+380441112233", "start_time": "2026-09-12 08:13:40",
            "end_time": "2026-09-12 08:14:54", **more}  # fmt: skip


def test_call_logs_are_for_apps_and_take_one_recording(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    lead = twin.seed_lead(contact=person)
    body = log_body(person_id=int(person), lead_id=lead, note="<p>Line: spring sale</p>")
    http.refused("/api/v1/callLogs", body, 403)
    http.headers = {"Authorization": f"Bearer {twin.grant().access}"}
    log = http.made("/api/v1/callLogs", body)
    assert http.data(f"/api/v2/activities/{log['activity_id']}")["done"] is True
    assert (twin.ledger[-1].do, twin.ledger[-1].kind, twin.ledger[-1].fields["outcome"]) == ("log", "call", "connected")
    assert twin.ledger[-1].fields["talk_seconds"] == 74
    upload = f"/api/v1/callLogs/{log['id']}/recordings"
    assert http.send("POST", upload, files={"file": ("1.mp3", b"x", "audio/mpeg")}).status_code == 200
    assert http.send("POST", upload, files={"file": ("1.mp3", b"x", "audio/mpeg")}).status_code == 409
    assert http.data(f"/api/v1/callLogs/{log['id']}")["has_recording"] is True
    assert len(http.data("/api/v1/callLogs")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "answered"},
        {"duration": 74},
        {"start_time": "2026-09-12T08:13:40Z"},
        {"to_phone_number": ""},
        {"person_id": 99},
    ],
)
def test_call_logs_the_server_refuses(twin: PipedriveTwin, http: Client, wrong: Json) -> None:
    http.headers = {"Authorization": f"Bearer {twin.grant().access}"}
    http.refused("/api/v1/callLogs", log_body(**wrong))


def test_a_call_log_can_take_over_an_activity(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    http.headers = {"Authorization": f"Bearer {twin.grant().access}"}
    participants = [{"person_id": int(person), "primary": True}]
    call = http.made("/api/v2/activities", {"subject": "Call", "type": "call", "participants": participants})
    log = http.made("/api/v1/callLogs", log_body(activity_id=call["id"]))
    assert (log["activity_id"], log["person_id"]) == (call["id"], int(person))


# ---- fields and users (12, 13)


@pytest.mark.parametrize(("kind", "path"), [("lead", "deal"), ("contact", "person"), ("organization", "organization")])
def test_fields_are_listed_and_created(twin: PipedriveTwin, http: Client, kind: str, path: str) -> None:
    made = http.made(f"/api/v2/{path}Fields", {"field_name": "patchcord_marker", "field_type": "varchar"})
    assert len(made["field_code"]) == 40
    assert made["is_custom_field"] is True
    seeded = twin.seed_field(kind, "Colour", "option", ("red", "blue"))
    rows = {row["field_code"]: row for row in http.data(f"/api/v2/{path}Fields", limit=500)}
    assert rows[made["field_code"]]["field_name"] == "patchcord_marker"
    assert [option["label"] for option in rows[seeded]["options"]] == ["red", "blue"]
    assert any(not row["is_custom_field"] for row in rows.values())
    assert http.data(f"/api/v2/{path}Fields/{seeded}")["field_type"] == "enum"


def test_fields_are_made_by_administrators_and_apps_with_the_scope(twin: PipedriveTwin, http: Client) -> None:
    twin.seed_api_token(twin.seed_user(name="Anna"), "anna-token")
    body = {"field_name": "x", "field_type": "varchar"}
    http.headers = {"x-api-token": "anna-token"}
    http.refused("/api/v2/dealFields", body, 403)
    http.headers = {"Authorization": f"Bearer {twin.grant(scopes=('base', 'deals:full')).access}"}
    http.refused("/api/v2/dealFields", body, 403)
    http.headers = TOKEN
    http.refused("/api/v2/dealFields", {**body, "field_type": "string"})


def test_values_must_fit_their_field(twin: PipedriveTwin, http: Client) -> None:
    text, colour = twin.seed_field("contact", "T"), twin.seed_field("contact", "Colour", "option", ("red",))
    number, several = twin.seed_field("contact", "N", "number"), twin.seed_field("contact", "S", "set", ("a", "b"))
    refused: tuple[Json, ...] = ({text: "x" * 256}, {text: 5}, {colour: "red"}, {colour: 999}, {number: "5"}, {several: []})
    for wrong in refused:
        http.refused("/api/v2/persons", {"name": "O", "custom_fields": wrong})
    option = http.data(f"/api/v2/personFields/{colour}")["options"][0]["id"]
    right = {text: "x" * 255, colour: option, number: 5, several: None}
    person = http.made("/api/v2/persons", {"name": "O", "custom_fields": right})
    assert person["custom_fields"] == right
    assert twin.ledger[0].fields["fields"] == {"T": "x" * 255, "Colour": "red", "N": 5}


def test_a_field_can_be_required(twin: PipedriveTwin, http: Client) -> None:
    source, person = twin.seed_field("lead", "utm_source"), int(twin.seed_contact(phone=OLENA))
    twin.set(required=frozenset({("lead", source)}))
    assert "utm_source" in http.refused("/api/v1/leads", {"title": "L", "person_id": person}, 422)
    http.made("/api/v1/leads", {"title": "L", "person_id": person, source: "google"})


def test_users(twin: PipedriveTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna", email="anna@example.com")
    gone = twin.seed_user(name="Gone", active=False)
    users = {str(row["id"]): row for row in http.data("/api/v1/users")}
    assert (users["1"]["is_you"], users[anna]["is_you"], users[gone]["active_flag"]) == (True, False, False)
    assert users[anna]["timezone_name"] == "Europe/Kyiv"
    assert [row["id"] for row in http.data("/api/v1/users/find", term="anna@example.com", search_by_email=1)] == [int(anna)]
    assert http.data(f"/api/v1/users/{anna}")["email"] == "anna@example.com"
    assert http.data("/api/v1/users/me")["company_domain"] == "acme"


# ---- limits (3)


def test_limits_are_off_by_default_but_told(http: Client) -> None:
    answers = [http.get("/api/v1/users/me") for _ in range(25)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["x-ratelimit-limit"] == "20"


def test_search_and_the_rest_have_counters_of_their_own(twin: PipedriveTwin, http: Client, clock: ManualClock) -> None:
    twin.set(enforce_rates=True)
    for left in range(9, -1, -1):
        answer = http.get("/api/v2/itemSearch", term="501234567")
        assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (200, str(left))
    refused = http.get("/api/v2/itemSearch", term="501234567")
    assert refused.status_code == 429
    told = [refused.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
    assert told == ["10", "0", "2"]
    assert [http.get("/api/v1/users/me").status_code for _ in range(21)] == [200] * 20 + [429]
    clock.advance(timedelta(seconds=2))
    assert http.get("/api/v2/itemSearch", term="501234567").status_code == 200


def test_going_on_after_429_is_answered_by_the_edge(twin: PipedriveTwin, http: Client, clock: ManualClock) -> None:
    twin.set(enforce_rates=True, burst=1, edge_block_after=2)
    statuses = [http.get("/api/v1/users/me").status_code for _ in range(4)]
    assert statuses == [200, 429, 429, 403]
    clock.advance(timedelta(seconds=59))
    blocked = http.get("/api/v1/users/me")
    assert (blocked.status_code, blocked.headers["Content-Type"]) == (403, "text/html; charset=utf-8")
    clock.advance(timedelta(seconds=60))
    assert http.get("/api/v1/users/me").status_code == 200


def test_the_days_budget_runs_out_and_comes_back_at_midnight(twin: PipedriveTwin, http: Client, clock: ManualClock) -> None:
    twin.set(daily_budget=45)
    first = http.get("/api/v2/itemSearch", term="501234567")
    assert first.headers["x-daily-requests-left"] == "25"
    http.get("/api/v2/itemSearch", term="501234567")
    http.made("/api/v2/persons", {"name": "O"})
    refused = http.post("/api/v2/persons", {"name": "P"})
    assert (refused.status_code, refused.headers["x-daily-requests-left"]) == (429, "0")
    clock.advance(timedelta(hours=12))
    assert http.post("/api/v2/persons", {"name": "P"}).status_code == 200


# ---- misbehaviour in the vendor's shapes


def test_faults_look_like_pipedrive(twin: PipedriveTwin, http: Client) -> None:
    twin.misbehave(*(Fault("status", status=status) for status in (429, 503)), Fault("expired_token"), Fault("missing_right"))
    slow, broken, expired, right = (http.get("/api/v1/users/me") for _ in range(4))
    assert (slow.status_code, slow.headers["x-ratelimit-remaining"], slow.json()["success"]) == (429, "0", False)
    assert (broken.status_code, broken.json()["data"]) == (503, None)
    assert (expired.status_code, expired.json()["errorCode"]) == (401, 401)
    assert (right.status_code, right.json()["error"]) == (403, "Scope and URL mismatch")


def test_a_lead_whose_answer_was_lost_can_be_found_by_its_origin_id(twin: PipedriveTwin, http: Client) -> None:
    person = twin.seed_contact(phone=OLENA)
    twin.misbehave(Fault("lose_answer", "POST", "/leads$"))
    with pytest.raises(requests.ConnectionError):
        http.post("/api/v1/leads", {"title": "L", "person_id": int(person), "origin_id": "c1:lead"})
    (lead,) = http.data("/api/v1/leads", person_id=person, sort="update_time DESC")
    assert lead["origin_id"] == "c1:lead"


# ---- seeding


def test_a_lead_seeded_with_a_phone_hangs_on_a_contact_which_is_adopted(twin: PipedriveTwin) -> None:
    anna = twin.seed_user(name="Anna")
    lead = twin.seed_lead(phone=OLENA, owner=anna, attribution={"utm_source": "google"})
    contact = twin.seed_contact(phone=OLENA, name="Olena", owner=anna)
    assert [(row["id"], row["name"], row["owner"]) for row in twin.records("contact")] == [(contact, "Olena", anna)]
    (row,) = twin.records("lead")
    assert (row["id"], row["contact"], row["owner"], row["open"]) == (lead, contact, anna, True)
    assert row["attribution"] == {"utm_source": "google"}
    assert twin.seed_contact(phone=OLENA) != contact
    assert twin.ledger == ()


@pytest.mark.parametrize(
    ("status", "stored", "is_open"),
    [
        ("open", "open", True),
        ("won", "won", False),
        ("lost", "lost", False),
        ("closed", "won", False),
        ("archived", "archived", False),
    ],
)
def test_deals_are_seeded_in_any_status(twin: PipedriveTwin, status: Any, stored: str, is_open: bool) -> None:
    twin.seed_deal(phone=OLENA, status=status, updated=NOON - timedelta(days=1))
    (row,) = twin.records("deal")
    assert (row["status"], row["open"], row["updated_at"]) == (stored, is_open, "2026-09-11T12:00:00Z")


def test_people_change_things_in_the_crm(twin: PipedriveTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    lead = twin.seed_lead(phone=OLENA)
    twin.set_owner("lead", lead, anna)
    assert http.data(f"/api/v1/leads/{lead}")["owner_id"] == int(anna)
    twin.set_status("lead", lead, "archived")
    assert http.data(f"/api/v1/leads/{lead}")["is_archived"] is True
    twin.set_status("lead", lead, "open")
    twin.set_status("lead", lead, "converted")
    assert (twin.records("lead"), len(twin.records("deal")), twin.ledger) == ([], 1, ())


def test_reset_makes_the_account_anew(twin: PipedriveTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    requests.post(f"{http.url}/_twin/reset", timeout=5)
    assert http.search()["items"] == []
    assert [row["name"] for row in http.data("/api/v1/users")] == ["Admin"]


# ---- the vendor's own files


@pytest.mark.skipif(CHECK is None, reason=NO_SPECS)
def test_a_day_of_exchanges_fits_the_vendors_files(twin: PipedriveTwin, http: Client, tmp_path: Path) -> None:
    assert CHECK is not None
    marker = http.made("/api/v2/dealFields", {"field_name": "utm_source", "field_type": "varchar"})["field_code"]
    http.search("501234567")
    acme = http.made("/api/v2/organizations", {"name": "Acme", "owner_id": 1})["id"]
    phones = [{"value": OLENA, "primary": True, "label": "mobile"}]
    person = http.made("/api/v2/persons", {"name": OLENA, "owner_id": 1, "org_id": acme, "phones": phones})["id"]
    lead_body = {
        "title": "Call",
        "owner_id": 1,
        "person_id": person,
        "organization_id": acme,
        "origin_id": "c1",
        marker: "google",
    }
    lead = http.made("/api/v1/leads", lead_body)["id"]
    deal = http.made("/api/v2/deals", {"title": "Order", "person_id": person, "org_id": acme, "value": 100, "currency": "EUR"})[
        "id"
    ]
    participants = [{"person_id": person, "primary": True}]
    task = http.made("/api/v2/activities", task_body(owner_id=1, lead_id=lead, org_id=acme, participants=participants))["id"]
    http.patch(f"/api/v2/activities/{task}", {"done": True})
    http.made("/api/v1/notes", {"content": "<p>Form</p>", "lead_id": lead, "person_id": person})
    http.search("501234567")
    http.search("501234567", item_types="person,organization", fields="phone,custom_fields")
    http.data("/api/v2/persons/search", term="501234567", fields="phone")
    http.patch(f"/api/v1/leads/{lead}", {"owner_id": 1, marker: "bing"})
    http.patch(f"/api/v2/deals/{deal}", {"owner_id": 1})
    http.patch(f"/api/v2/persons/{person}", {"name": "Olena"})
    http.data("/api/v1/leads", person_id=person, sort="update_time DESC", limit=100, start=0)
    http.data("/api/v1/leads/archived")
    http.data(f"/api/v1/leads/{lead}")
    since = {"updated_since": "2026-09-12T11:00:00Z", "sort_by": "update_time", "sort_direction": "desc"}
    http.data("/api/v2/persons", org_id=acme, **since)
    http.data("/api/v2/deals", person_id=person, status="open", **since)
    http.data("/api/v2/activities", person_id=person, **since)
    for path in ("users", "users/me", "activityTypes", "notes"):
        http.data(f"/api/v1/{path}")
    for path in ("pipelines", "stages", "dealFields", "personFields", "organizationFields", f"persons/{person}", f"deals/{deal}"):
        http.data(f"/api/v2/{path}")
    conversion = http.made(f"/api/v2/leads/{lead}/convert/deal", {})["conversion_id"]
    http.data(f"/api/v2/leads/{lead}/convert/status/{conversion}")
    http.get(f"/api/v1/leads/{lead}")
    grant = twin.grant()
    http.headers = {"Authorization": f"Bearer {grant.access}"}
    http.made("/api/v1/callLogs", log_body(person_id=person, org_id=acme, deal_id=deal))
    oauth(http, grant_type="refresh_token", refresh_token=grant.refresh)
    traffic = tmp_path / "traffic.jsonl"
    traffic.write_text("\n".join(json.dumps(exchange, ensure_ascii=False) for exchange in http.exchanges), encoding="utf-8")
    lines = [json.loads(line) for line in traffic.read_text(encoding="utf-8").split("\n")]
    assert len(lines) > 35
    assert [sentence for line in lines for sentence in CHECK(line)] == []
