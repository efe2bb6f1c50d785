"""The HubSpot twin against its reference (crm_hubspot.md), by plain requests.

Every answer of every test is also held against the file derived from the vendor's catalogue, where that is at hand.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
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
from sandbox.twins.hubspot import Account, HubSpotTwin

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
TOKEN = {"Authorization": f"Bearer {Account().access_token}"}
OLENA, NATIONAL = "+380501234567", "501234567"
CRM = "/crm/objects/2026-03"
SPECS = Path(__file__).resolve().parents[2].parent / "shared" / "specs"
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
        answer = self.session.request(method, self.url + path, headers=self.headers, timeout=10, **more)
        body = answer.request.body
        self.exchanges.append(
            {
                "vendor": "hubspot",
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

    def data(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> requests.Response:
        return self.send("POST", path, json=body)

    def made(self, sort: str, properties: Json, *links: tuple[str, int]) -> Any:
        answer = self.post(f"{CRM}/{sort}", {"properties": properties, "associations": [link(*one) for one in links]})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def patch(self, sort: str, key: str, **properties: str) -> requests.Response:
        return self.send("PATCH", f"{CRM}/{sort}/{key}", json={"properties": properties})

    def refused(self, path: str, body: Any, status: int = 400) -> str:
        answer = self.post(path, body)
        assert answer.status_code == status, answer.text
        assert answer.json()["status"] == "error"
        return str(answer.json()["message"])

    def search(self, sort: str = "contacts", *filters: Json, **more: Any) -> Any:
        """Ids found by filters that are alternatives."""
        groups = {"filterGroups": [{"filters": [one]} for one in filters]} if filters else {}
        answer = self.post(f"{CRM}/{sort}/search", {**groups, **more})
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["results"]]


def link(key: str, type_id: int) -> Json:
    return {"to": {"id": key}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]}


def one(name: str, operator: str, value: str | None = None, **more: Any) -> Json:
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> HubSpotTwin:
    return HubSpotTwin(clock=clock)


@pytest.fixture
def http(twin: HubSpotTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        client = Client(running.url, session)
        yield client
    if CHECK:
        ours = [sentence for exchange in client.exchanges for sentence in CHECK(exchange) if ": response " in sentence]
        assert ours == [], "the twin is not like the vendor"


# ---- signing in (2)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
def test_nobody_gets_in_without_a_token(http: Client, headers: dict[str, str]) -> None:
    http.headers = headers
    answer = http.get("/crm/owners/2026-03")
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_a_rotated_key_is_refused(twin: HubSpotTwin, http: Client) -> None:
    twin.replace_access_token("new")
    assert http.get("/crm/owners/2026-03").status_code == 401


def token(http: Client, path: str = "/oauth/2026-03/token", **form: str) -> requests.Response:
    http.headers = {}
    return http.send("POST", path, data={"client_id": "twin-client", "client_secret": "twin-client-secret", **form})


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_refreshing_gives_half_an_hour(twin: HubSpotTwin, http: Client, clock: ManualClock, version: str) -> None:
    refresh = twin.grant().refresh
    given = token(http, f"/oauth/{version}/token", grant_type="refresh_token", refresh_token=refresh).json()
    assert (given["token_type"], given["expires_in"], given["hub_id"]) == ("bearer", 1800, 1234567)
    assert (given["refresh_token"], "crm.objects.contacts.read" in given["scopes"]) == (refresh, True)
    http.headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert http.get("/crm/owners/2026-03").status_code == 200
    clock.advance(timedelta(seconds=1800))
    expired = http.get("/crm/owners/2026-03")
    assert (expired.status_code, expired.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")


def test_refresh_tokens_can_rotate(twin: HubSpotTwin, http: Client) -> None:
    twin.set(rotate_refresh=True)
    refresh = twin.grant().refresh
    assert token(http, grant_type="refresh_token", refresh_token=refresh).json()["refresh_token"] != refresh
    again = token(http, grant_type="refresh_token", refresh_token=refresh)
    assert (again.status_code, again.json()["status"], again.json()["error"]) == (400, "BAD_REFRESH_TOKEN", "invalid_grant")


def test_token_calls_want_everything_in_the_form(twin: HubSpotTwin, http: Client) -> None:
    refresh = twin.grant().refresh
    assert token(http, grant_type="refresh_token", refresh_token=refresh, client_secret="wrong").status_code == 400
    assert http.send("POST", "/oauth/v3/token?grant_type=refresh_token").status_code == 400
    assert token(http, grant_type="password").json()["error"] == "unsupported_grant_type"


def test_an_authorisation_code_is_good_once(http: Client) -> None:
    back = "https://patchcord.example/oauth"
    params = {"client_id": "twin-client", "redirect_uri": back, "state": "s1"}
    answer = http.session.get(f"{http.url}/oauth/authorize", params=params, allow_redirects=False, timeout=5)
    assert answer.headers["Location"].endswith("&state=s1")
    code = answer.headers["Location"].partition("code=")[2].partition("&")[0]
    assert token(http, grant_type="authorization_code", code=code, redirect_uri=back).status_code == 200
    assert token(http, grant_type="authorization_code", code=code, redirect_uri=back).status_code == 400


def test_expired_and_revoked_grants(twin: HubSpotTwin, http: Client) -> None:
    grant = twin.grant()
    assert token(http, "/oauth/v3/token/introspect", access_token=grant.access).json()["hub_id"] == 1234567
    twin.expire_access_tokens()
    assert token(http, "/oauth/v3/token/introspect", access_token=grant.access).json() == {"active": False}
    assert token(http, grant_type="refresh_token", refresh_token=grant.refresh).status_code == 200
    twin.revoke_grants()
    assert token(http, grant_type="refresh_token", refresh_token=grant.refresh).status_code == 400


def test_a_missing_scope_is_named(twin: HubSpotTwin, http: Client) -> None:
    http.headers = {"Authorization": f"Bearer {twin.grant(('oauth', 'crm.objects.contacts.read')).access}"}
    assert http.get(f"{CRM}/contacts").status_code == 200
    assert http.search("tasks") == []
    answer = http.post(f"{CRM}/notes", {"properties": {"hs_timestamp": "2026-09-12T08:15:04Z"}})
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert answer.json()["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.contacts.write"]}


# ---- creating (8)


def test_company_contact_lead_are_created_and_linked(twin: HubSpotTwin, http: Client) -> None:
    anna, source = twin.seed_user(name="Anna"), twin.seed_field("contact", "utm_source")
    firm = http.made("companies", {"name": "Acme", "phone": "+380441234567", "hubspot_owner_id": anna})["id"]
    values = {"firstname": "Olena", "lastname": "K.", "phone": OLENA, "hubspot_owner_id": anna, source: "google"}
    contact = http.made("contacts", values, (firm, 279))
    names = {"hs_lead_name": "Incoming call", "patchcord_marker": "c1/lead"}
    lead = http.made("leads", names, (contact["id"], 578), (firm, 580))
    assert contact["properties"]["createdate"] == "2026-09-12T12:00:00.000Z"
    assert contact["url"] == f"https://app.hubspot.com/contacts/1234567/record/0-1/{contact['id']}"
    assert [(write.do, write.kind) for write in twin.ledger] == [
        ("create", "organization"), ("create", "contact"), ("create", "lead"),
    ]  # fmt: skip
    organization, person, entry = twin.ledger
    assert (organization.fields["name"], organization.fields["phone"]) == ("Acme", "+380441234567")
    assert (person.fields["name"], person.fields["phone"], person.fields["owner"]) == ("Olena K.", OLENA, anna)
    assert (person.fields["organization"], person.fields["attribution"]) == (firm, {"utm_source": "google"})
    assert (entry.id, entry.fields["contact"], entry.fields["organization"]) == (lead["id"], contact["id"], firm)
    assert (entry.fields["marker"], entry.fields["stage"]) == ("c1/lead", "new-stage-id")


@pytest.mark.parametrize(
    ("sort", "properties", "words"),
    [
        ("contacts", {"phone": OLENA}, "firstname"),
        ("contacts", {"firstname": "O", "utm_sorce": "x"}, 'Property "utm_sorce" does not exist'),
        ("contacts", {"firstname": "O", "hubspot_owner_id": "9586501"}, "owner"),
        ("contacts", {"firstname": "O", "hs_object_id": "1"}, "read only"),
        ("contacts", {"firstname": "O", "email": "nobody"}, "invalid"),
        ("contacts", {"firstname": "O", "lifecyclestage": "friend"}, "allowed options"),
        ("contacts", {"firstname": "O" * 65_537}, "too long"),
        ("contacts", {"firstname": 7}, "texts"),
        ("companies", {"phone": OLENA}, "name, domain"),
        ("deals", {"dealname": "D"}, "dealstage"),
        ("deals", {"dealname": "D", "dealstage": "Contract sent"}, "allowed options"),
        ("deals", {"dealname": "D", "dealstage": "contractsent", "amount": "much"}, "number"),
        ("leads", {"hs_lead_name": "L"}, "primary contact"),
        ("tasks", {"hs_task_subject": "S"}, "hs_timestamp"),
        ("tasks", {"hs_timestamp": "soon"}, "datetime"),
        ("tasks", {"hs_timestamp": "2026-09-12T08:00:00Z", "hs_task_status": "DONE"}, "allowed options"),
        ("calls", {"hs_timestamp": "1789200000000", "hs_call_recording_url": "http://rec.example/1.mp3"}, "recording"),
        ("notes", {"hs_note_body": "N"}, "hs_timestamp"),
        ("notes", {"hs_timestamp": "2026-09-12T08:00:00Z", "hs_note_body": "x" * 65_537}, "too long"),
    ],
)
def test_bodies_the_server_refuses(twin: HubSpotTwin, http: Client, sort: str, properties: Json, words: str) -> None:
    assert words in http.refused(f"{CRM}/{sort}", {"properties": properties})
    assert twin.ledger == ()


def test_errors_name_property_and_code(http: Client) -> None:
    answer = http.post(f"{CRM}/contacts", {"properties": {"firstname": "O", "utm_sorce": "x", "lifecyclestage": "y"}}).json()
    assert (answer["category"], bool(answer["correlationId"])) == ("VALIDATION_ERROR", True)
    assert [entry["code"] for entry in answer["errors"]] == ["PROPERTY_DOESNT_EXIST", "INVALID_OPTION"]
    assert answer["errors"][0]["context"] == {"propertyName": ["utm_sorce"]}


def test_unknown_sorts_are_answered_in_the_bare_shape(http: Client) -> None:
    answer = http.get(f"{CRM}/visits").json()
    assert set(answer) == {"status", "message", "correlationId"}


def test_only_json_objects_are_taken(http: Client) -> None:
    assert http.send("POST", f"{CRM}/contacts", data={"firstname": "O"}).status_code == 415
    http.refused(f"{CRM}/contacts", [])
    http.refused(f"{CRM}/contacts", {"firstname": "O"})


def test_a_used_address_is_a_conflict_that_names_the_contact_in_its_text_only(http: Client) -> None:
    known = http.made("contacts", {"email": "olena@example.com"})["id"]
    answer = http.post(f"{CRM}/contacts", {"properties": {"email": "Olena@example.com"}})
    assert (answer.status_code, answer.json()["category"]) == (409, "CONFLICT")
    assert answer.json()["message"] == f"Contact already exists. Existing ID: {known}"
    http.made("contacts", {"firstname": "Olena", "phone": OLENA})
    http.made("contacts", {"firstname": "Petro", "phone": OLENA})


@pytest.mark.parametrize("status", [400, 409])
def test_a_unique_value_is_used_once(twin: HubSpotTwin, http: Client, status: int) -> None:
    twin.set(unique_conflict_status=status)
    body = {"hs_timestamp": "2026-09-12T08:00:00Z", "patchcord_marker": "c1"}
    key = http.made("tasks", body)["id"]
    assert key in http.refused(f"{CRM}/tasks", {"properties": body}, status)
    assert http.patch("tasks", key, patchcord_marker="c1").status_code == 200


@pytest.mark.parametrize("links", [[("404", 279)], [("1", 999)], [("1", 578)]])
def test_associations_must_fit(http: Client, links: list[tuple[str, int]]) -> None:
    body = {"properties": {"firstname": "O"}, "associations": [link(*entry) for entry in links]}
    http.refused(f"{CRM}/contacts", body)
    http.refused(f"{CRM}/contacts", {"properties": {"firstname": "O"}, "associations": [{"to": {}}]})


def test_a_pipeline_is_needed_when_there_are_several(twin: HubSpotTwin, http: Client) -> None:
    http.made("deals", {"dealname": "A", "dealstage": "contractsent"})
    pipeline, stages = twin.seed_pipeline("deal", "Repairs", ("New", "Done"))
    assert "pipeline" in http.refused(f"{CRM}/deals", {"properties": {"dealname": "B", "dealstage": "contractsent"}})
    http.refused(f"{CRM}/deals", {"properties": {"dealname": "B", "dealstage": "contractsent", "pipeline": pipeline}})
    http.made("deals", {"dealname": "B", "dealstage": stages[1], "pipeline": pipeline})
    assert (twin.ledger[-1].fields["pipeline"], twin.ledger[-1].fields["stage"]) == (pipeline, stages[1])
    shown = {
        row["id"]: [stage["label"] for stage in row["stages"]] for row in http.data("/crm/pipelines/2026-03/deals")["results"]
    }
    assert shown[pipeline] == ["New", "Done"]
    assert http.get("/crm/pipelines/2026-03/contacts").status_code == 400


def test_an_archived_owner_is_taken_unless_the_account_refuses(twin: HubSpotTwin, http: Client) -> None:
    gone = twin.seed_user(name="Gone", active=False)
    http.made("contacts", {"firstname": "O", "hubspot_owner_id": gone})
    twin.set(refuse_archived_owner=True)
    http.refused(f"{CRM}/contacts", {"properties": {"firstname": "O", "hubspot_owner_id": gone}})


# ---- reading and changing (5, 6.4, 8, 9, 15)


def test_values_are_texts_and_ids_numbers_only_in_associations(twin: HubSpotTwin, http: Client) -> None:
    firm = twin.seed_organization(name="Acme")
    contact = twin.seed_contact(phone=OLENA, name="Olena", organization=firm)
    deal = twin.seed_deal(contact=contact, status="won")
    shown = http.data(f"{CRM}/contacts/{contact}", properties="num_associated_deals,associatedcompanyid,phone,nothing",
                      associations="deals,companies")  # fmt: skip
    assert shown["properties"]["num_associated_deals"] == "1"
    assert shown["properties"]["associatedcompanyid"] == firm
    assert "nothing" not in shown["properties"]
    assert shown["associations"]["deals"]["results"] == [{"id": deal, "type": "contact_to_deal"}]
    asked = {"inputs": [{"id": deal}, {"id": "404"}], "properties": ["hs_is_closed", "hs_is_closed_won"]}
    rows = http.post(f"{CRM}/deals/batch/read", asked)
    assert (rows.status_code, rows.json()["numErrors"]) == (207, 1)
    facts = rows.json()["results"][0]["properties"]
    assert (facts["hs_is_closed"], facts["hs_is_closed_won"]) == ("true", "true")
    listed = http.data(f"{CRM}/contacts/{contact}/associations/deals")["results"]
    assert listed[0]["toObjectId"] == int(deal)
    read = http.post("/crm/associations/2026-03/deals/contacts/batch/read", {"inputs": [{"id": deal}, {"id": "404"}]})
    assert read.status_code == 207
    assert [entry["toObjectId"] for entry in read.json()["results"][0]["to"]] == [int(contact)]


def test_an_empty_text_clears(twin: HubSpotTwin, http: Client, clock: ManualClock) -> None:
    contact = twin.seed_contact(phone=OLENA, name="Olena K.")
    clock.advance(timedelta(minutes=1))
    shown = http.patch("contacts", contact, lastname="", phone="+380671112233").json()
    assert shown["updatedAt"] == "2026-09-12T12:01:00.000Z"
    assert twin.ledger[-1].fields == {"name": "Olena", "phone": "+380671112233"}


def test_objects_are_found_by_a_unique_value(http: Client) -> None:
    contact = http.made("contacts", {"email": "olena@example.com", "patchcord_marker": "c1"})["id"]
    assert http.data(f"{CRM}/contacts/olena@example.com", idProperty="email")["id"] == contact
    assert http.data(f"{CRM}/contacts/c1", idProperty="patchcord_marker")["id"] == contact
    assert http.get(f"{CRM}/contacts/c2", idProperty="patchcord_marker").status_code == 404
    assert http.get(f"{CRM}/contacts/Olena", idProperty="firstname").status_code == 400
    asked = {"idProperty": "email", "inputs": [{"id": "olena@example.com"}], "properties": ["email"]}
    assert http.post(f"{CRM}/contacts/batch/read", asked).json()["results"][0]["id"] == contact


def test_upsert_makes_once_and_takes_no_associations(twin: HubSpotTwin, http: Client) -> None:
    values = {"patchcord_marker": "c1", "hs_timestamp": "2026-09-12T08:13:40Z", "hs_call_title": "Call"}
    entry = {"id": "c1", "idProperty": "patchcord_marker", "properties": values}
    answers = [http.post(f"{CRM}/calls/batch/upsert", {"inputs": [entry]}).json()["results"][0] for _ in range(2)]
    assert [answer["new"] for answer in answers] == [True, False]
    assert answers[0]["id"] == answers[1]["id"]
    http.refused(f"{CRM}/calls/batch/upsert", {"inputs": [{**entry, "associations": []}]})
    http.refused(f"{CRM}/calls/batch/upsert", {"inputs": []})
    assert len(twin.writes("log", "call")) == 1


def test_links_are_made_and_cut_later(twin: HubSpotTwin, http: Client) -> None:
    contact, firm = twin.seed_contact(phone=OLENA), twin.seed_organization(name="Acme")
    made = http.send("PUT", f"{CRM}/companies/{firm}/associations/default/contacts/{contact}")
    assert made.json()["results"][0]["associationSpec"]["associationTypeId"] == 280
    assert twin.ledger[-1].fields == {"organization": firm}
    assert http.send("DELETE", f"{CRM}/contacts/{contact}/associations/companies/{firm}").status_code == 204
    assert twin.ledger[-1].fields == {"organization": None}
    assert http.send("PUT", f"{CRM}/contacts/{contact}/associations/default/companies/404").status_code == 404
    assert http.send("PUT", f"{CRM}/contacts/{contact}/associations/default/contacts/{contact}").status_code == 400


def test_a_lead_does_not_outlive_its_contact(twin: HubSpotTwin, http: Client) -> None:
    first, second = twin.seed_lead(phone=OLENA), twin.seed_lead(phone="+380671112233")
    contact = twin.records("lead")[0]["contact"]
    http.send("DELETE", f"{CRM}/leads/{first}/associations/contacts/{contact}")
    twin.remove("contact", twin.records("lead")[0]["contact"])
    assert [http.get(f"{CRM}/leads/{key}").status_code for key in (first, second)] == [404, 404]


def test_lists_and_searches_page_differently(twin: HubSpotTwin, http: Client) -> None:
    for number in range(5):
        twin.seed_contact(name=f"P{number}")
    seen, after = [], None
    for _ in range(3):
        page = http.data(f"{CRM}/contacts", limit=2, properties="firstname", **({"after": after} if after else {}))
        seen += [row["properties"]["firstname"] for row in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after")
    assert (seen, after) == (["P0", "P1", "P2", "P3", "P4"], None)
    assert http.get(f"{CRM}/contacts", after="2").status_code == 400
    assert http.get(f"{CRM}/contacts", limit=101).status_code == 400
    page = http.post(f"{CRM}/contacts/search", {"limit": 2}).json()
    assert (page["total"], page["paging"]["next"]["after"]) == (5, "2")
    assert len(http.search("contacts", limit=2, after="4")) == 1
    http.refused(f"{CRM}/contacts/search", {"after": "l-2"})


def test_old_paths_answer_the_same_and_unknown_versions_nothing(twin: HubSpotTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    for path in ("/crm/v3/objects", "/crm/objects/2025-09", "/crm/objects/2026-09"):
        assert http.session.get(f"{http.url}{path}/contacts/{contact}", headers=TOKEN, timeout=5).status_code == 200
    assert http.session.get(f"{http.url}/crm/objects/2019-03/contacts", headers=TOKEN, timeout=5).status_code == 404
    assert http.get(f"{CRM}/0-1/{contact}").status_code == 200
    assert http.get(f"{CRM}/contacts/404").status_code == 404
    assert http.send("DELETE", f"{CRM}/contacts/{contact}").status_code == 204
    assert http.get(f"{CRM}/contacts/{contact}").status_code == 404


# ---- looking up (6)


COMPUTED = "hs_searchable_calculated_phone_number"


@pytest.mark.parametrize("stored", [OLENA, "050 123-45-67", "380501234567", "(050) 123 45 67", "00380501234567"])
def test_the_computed_number_has_no_country_code(twin: HubSpotTwin, http: Client, stored: str) -> None:
    contact, firm = twin.seed_contact(phone=stored), twin.seed_organization(phone=stored)
    assert http.search("contacts", one(COMPUTED, "EQ", NATIONAL)) == [contact]
    assert http.search("companies", one(COMPUTED, "EQ", NATIONAL)) == [firm]
    assert http.search("contacts", one(COMPUTED, "EQ", "380501234567")) == []


def test_numbers_that_cannot_be_read(twin: HubSpotTwin, http: Client) -> None:
    contact = twin.seed_contact(phone="7")
    assert http.search("contacts", one(COMPUTED, "EQ", "7")) == [contact]
    twin.set(computes_unreadable=False)
    assert http.search("contacts", one(COMPUTED, "HAS_PROPERTY")) == []


def test_companies_may_lack_the_computed_number(http: Client) -> None:
    twin = HubSpotTwin(account=Account(company_phone_computed=False))
    with serve(twin) as running:
        body = {"filterGroups": [{"filters": [one(COMPUTED, "EQ", NATIONAL)]}]}
        answer = requests.post(f"{running.url}{CRM}/companies/search", json=body, headers=TOKEN, timeout=5)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "PROPERTY_DOESNT_EXIST")


def test_filters(twin: HubSpotTwin, http: Client) -> None:
    olena = twin.seed_contact(phone=OLENA, name="Olena Koval", updated=NOON - timedelta(days=1))
    petro = twin.seed_contact(phone="+380671112233", name="Petro Koval")
    deal = twin.seed_deal(contact=olena)
    yesterday = str(int((NOON - timedelta(hours=1)).timestamp() * 1000))
    expected = {
        (olena,): [
            one("phone", "EQ", OLENA), one("phone", "IN", values=[OLENA]), one("phone", "CONTAINS_TOKEN", f"*{NATIONAL}"),
            one("firstname", "EQ", "OLENA"), one("firstname", "NEQ", "Petro"), one("firstname", "NOT_IN", values=["petro"]),
            one("createdate", "LT", yesterday), one("createdate", "LTE", "2026-09-11T12:00:00Z"),
            one("createdate", "BETWEEN", "0", highValue=yesterday), one("firstname", "NOT_CONTAINS_TOKEN", "petro"),
            one("associations.deal", "EQ", deal),
        ],
        (petro,): [one("createdate", "GT", yesterday), one("createdate", "GTE", "2026-09-12T12:00:00Z")],
        (olena, petro): [one("lastname", "EQ", "Koval"), one("lastname", "CONTAINS_TOKEN", "kov*"), one("phone", "HAS_PROPERTY")],
        (): [
            one("firstname", "IN", values=["Olena"]), one("phone", "EQ", NATIONAL), one("email", "HAS_PROPERTY"),
            one("firstname", "CONTAINS_TOKEN", "len"), one("phone", "NOT_HAS_PROPERTY"), one("email", "LT", "5"),
        ],
    }  # fmt: skip
    for keys, filters in expected.items():
        for entry in filters:
            assert http.search("contacts", entry) == list(keys), entry
    assert http.search("deals", one("associations.contact", "IN", values=[olena, petro])) == [deal]
    newest = [{"propertyName": "createdate", "direction": "DESCENDING"}]
    assert http.search("contacts", one("phone", "EQ", OLENA), one("lastname", "EQ", "koval"), sorts=newest) == [petro, olena]


@pytest.mark.parametrize(
    "body",
    [
        {"filterGroups": [{"filters": [one("phone", "EQ", "1")]}] * 6},
        {"filterGroups": [{"filters": [one("phone", "EQ", "1")] * 7}]},
        {"filterGroups": [{"filters": [one("phone", "EQ", "1")] * 5}] * 4},
        {"filterGroups": [{"filters": [one("phones", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [one("phone", "LIKE", "1")]}]},
        {"filterGroups": [{"filters": [one("phone", "EQ")]}]},
        {"filterGroups": [{"filters": [one("phone", "IN", "1")]}]},
        {"filterGroups": [{"filters": [one("associations.deal", "GT", "1")]}]},
        {"filterGroups": "all"}, {"limit": 201}, {"after": "9999", "limit": 2}, {"query": "x" * 3000},
        {"sorts": [{"propertyName": "phones"}]}, {"sorts": ["phone", "email"]},
    ],
)  # fmt: skip
def test_searches_the_server_refuses(http: Client, body: Json) -> None:
    http.refused(f"{CRM}/contacts/search", body)


def test_free_text(twin: HubSpotTwin, http: Client) -> None:
    olena = twin.seed_contact(phone="050 123-45-67", name="Olena Koval")
    twin.seed_contact(phone="+380671112233", name="Petro")
    firm = twin.seed_organization(name="Acme Works", phone=OLENA)
    assert http.search("contacts", query="kov ole") == [olena]
    assert http.search("companies", query="acme") == [firm]
    assert http.search("contacts", query=NATIONAL) == [olena]
    twin.set(query_finds_parts=False)
    assert http.search("contacts", query=NATIONAL) == []


def test_search_lags_but_reading_does_not(twin: HubSpotTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(seconds=5)
    contact = http.made("contacts", {"firstname": "Olena", "phone": OLENA, "patchcord_marker": "c1"})["id"]
    assert http.search("contacts", one("phone", "EQ", OLENA)) == []
    assert http.get(f"{CRM}/contacts/{contact}").status_code == 200
    assert http.get(f"{CRM}/contacts/c1", idProperty="patchcord_marker").status_code == 200
    clock.advance(timedelta(seconds=3))
    deal = http.made("deals", {"dealname": "D", "dealstage": "contractsent"}, (contact, 3))["id"]
    clock.advance(timedelta(seconds=2))
    assert http.search("contacts", one("phone", "EQ", OLENA)) == [contact]
    assert http.search("deals", one("associations.contact", "EQ", contact)) == []
    assert len(http.data(f"{CRM}/contacts/{contact}/associations/deals")["results"]) == 1
    clock.advance(timedelta(seconds=3))
    assert http.search("deals", one("associations.contact", "EQ", contact)) == [deal]


@pytest.mark.parametrize("lags", [True, False])
def test_changes_can_lag_as_well(twin: HubSpotTwin, http: Client, clock: ManualClock, lags: bool) -> None:
    contact = twin.seed_contact(phone=OLENA, name="Olena")
    twin.search_lag = timedelta(seconds=5)
    twin.set(changes_lag=lags)
    http.patch("contacts", contact, firstname="Lena")
    assert http.search("contacts", one("firstname", "EQ", "Olena")) == ([contact] if lags else [])
    clock.advance(timedelta(seconds=5))
    assert http.search("contacts", one("firstname", "EQ", "Lena")) == [contact]


def test_seeds_can_be_searched_at_once(twin: HubSpotTwin, http: Client) -> None:
    twin.search_lag = timedelta(hours=1)
    deal = twin.seed_deal(phone=OLENA)
    contact = twin.records("deal")[0]["contact"]
    assert http.search("deals", one("associations.contact", "EQ", contact)) == [deal]


# ---- leads and deals (7)


@pytest.mark.parametrize("status", [403, 404])
def test_leads_need_a_plan(twin: HubSpotTwin, http: Client, status: int) -> None:
    contact = twin.seed_contact(phone=OLENA)
    twin.set(leads=False, no_leads_status=status)
    assert http.get(f"{CRM}/leads", limit=1).status_code == status
    assert http.post(f"{CRM}/leads", {"properties": {"hs_lead_name": "L"}}).status_code == status
    assert http.get(f"{CRM}/contacts/{contact}/associations/leads").status_code == status
    with pytest.raises(NotImplementedError, match="leads"):
        twin.seed_lead(phone=OLENA)
    assert twin.connection("x").options["leads"] == "no"


@pytest.mark.parametrize(
    ("status", "stored"),
    [("open", "open"), ("won", "won"), ("lost", "lost"), ("closed", "won"), ("archived", "lost"), ("converted", "won")],
)
def test_deals_are_seeded_in_any_status(twin: HubSpotTwin, status: Any, stored: str) -> None:
    twin.seed_deal(phone=OLENA, status=status, updated=NOON - timedelta(days=1))
    (row,) = twin.records("deal")
    assert (row["status"], row["open"], row["updated_at"]) == (stored, stored == "open", "2026-09-11T12:00:00.000Z")


def test_a_qualified_lead_stays_and_makes_a_deal(twin: HubSpotTwin, http: Client) -> None:
    lead = twin.seed_lead(phone=OLENA, name="L")
    twin.set_status("lead", lead, "converted")
    assert (
        http.data(f"{CRM}/leads/{lead}", properties="hs_pipeline_stage")["properties"]["hs_pipeline_stage"]
        == "qualified-stage-id"
    )
    assert [(row["status"], row["open"]) for row in twin.records("lead")] == [("converted", False)]
    assert [row["name"] for row in twin.records("deal")] == ["L"]


# ---- tasks, calls, notes (10, 11)


def test_a_task_hangs_on_its_records_and_can_be_closed(twin: HubSpotTwin, http: Client) -> None:
    firm, contact = twin.seed_organization(name="Acme"), twin.seed_contact(phone=OLENA)
    lead, deal, anna = twin.seed_lead(contact=contact), twin.seed_deal(contact=contact), twin.seed_user(name="Anna")
    body = '<p>Missed call, <a href="https://pbx.example/rec/5f2c.mp3">recording</a></p>'
    values = {"hs_timestamp": "2026-09-12T09:30:00Z", "hs_task_subject": "Call back", "hs_task_body": body,
              "hs_task_status": "NOT_STARTED", "hs_task_type": "CALL", "hubspot_owner_id": anna}  # fmt: skip
    task = http.made("tasks", values, (lead, 647), (contact, 204), (deal, 216), (firm, 192))["id"]
    (write,) = twin.ledger
    assert (write.do, write.kind, write.id) == ("task", "call", task)
    assert write.fields["targets"] == [["lead", lead], ["deal", deal], ["contact", contact], ["organization", firm]]
    assert (write.fields["due_at"], write.fields["assignee"]) == ("2026-09-12T09:30:00Z", anna)
    assert (write.fields["text"], write.fields["recording"]) == ("Missed call, recording", "https://pbx.example/rec/5f2c.mp3")
    for sort, key in (("leads", lead), ("deals", deal), ("contacts", contact), ("companies", firm)):
        listed = http.data(f"{CRM}/{sort}/{key}/associations/tasks")["results"]
        assert [entry["toObjectId"] for entry in listed] == [int(task)]
    http.patch("tasks", task, hs_task_status="COMPLETED")
    assert (twin.ledger[-1].do, twin.ledger[-1].fields) == ("complete_task", {"completed": True})
    http.patch("tasks", task, hs_task_subject="Called")
    assert (twin.ledger[-1].do, twin.ledger[-1].kind) == ("update", "task")


def test_a_call_with_its_late_recording(twin: HubSpotTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    values = {"hs_timestamp": "2026-09-12T08:13:40Z", "hs_call_title": "Incoming call", "hs_call_body": "patchcord:c1/log",
              "hs_call_direction": "INBOUND", "hs_call_status": "COMPLETED", "hs_call_duration": "74000"}  # fmt: skip
    key = http.made("calls", values, (contact, 194))["id"]
    (write,) = twin.writes("log", "call")
    assert (write.fields["talk_seconds"], write.fields["marker"], write.fields["recording"]) == (74, "c1/log", None)
    http.patch("calls", key, hs_call_recording_url="https://pbx.example/rec/1.mp3")
    assert (twin.ledger[-1].kind, twin.ledger[-1].fields) == ("log", {"recording": "https://pbx.example/rec/1.mp3"})
    twin.set(recording_needs_ending=True)
    assert http.patch("calls", key, hs_call_recording_url="https://pbx.example/listen?id=1").status_code == 400


def test_notes(twin: HubSpotTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    note = http.made("notes", {"hs_timestamp": "1789200904000", "hs_note_body": "<p>Form</p>"}, (contact, 202))["id"]
    (write,) = twin.ledger
    assert (write.do, write.id, write.fields["text"], write.fields["targets"]) == ("note", note, "Form", [["contact", contact]])
    http.patch("notes", note, hs_note_body="changed")
    assert (twin.ledger[-1].kind, twin.ledger[-1].fields) == ("note", {"text": "changed"})


def test_people_finish_and_delete_tasks_in_the_crm(twin: HubSpotTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    task = twin.seed_task(title="Call back", due_at=NOON + timedelta(hours=2), targets=[("contact", contact)])
    assert twin.tasks()[0]["due_at"] == "2026-09-12T14:00:00Z"
    assert twin.tasks()[0]["targets"] == [["contact", contact]]
    twin.finish_task(task)
    assert http.data(f"{CRM}/tasks/{task}", properties="hs_task_status")["properties"]["hs_task_status"] == "COMPLETED"
    twin.remove("task", task)
    assert http.get(f"{CRM}/tasks/{task}").status_code == 404
    assert twin.ledger == ()


# ---- properties and owners (12, 13, 16)


def test_properties_are_listed_and_created(twin: HubSpotTwin, http: Client) -> None:
    twin.set(scopes=(*twin.account.scopes, "crm.schemas.contacts.write", "crm.schemas.deals.write"))
    body = {"name": "utm_source", "label": "UTM source", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    assert http.post("/crm/properties/2026-03/contacts", body).status_code == 201
    http.refused("/crm/properties/2026-03/contacts", body, 409)
    http.refused("/crm/properties/2026-03/contacts", {**body, "name": "UTM source"})
    seeded = twin.seed_field("contact", "Colour", "option", ("Dark red", "Blue"))
    rows = {row["name"]: row for row in http.data("/crm/properties/2026-03/contacts")["results"]}
    assert (rows["utm_source"]["hubspotDefined"], rows["firstname"]["hubspotDefined"]) == (False, True)
    assert rows["hs_object_id"]["modificationMetadata"]["readOnlyValue"] is True
    assert [option["value"] for option in rows[seeded]["options"]] == ["dark_red", "blue"]
    assert http.data(f"/crm/properties/2026-03/contacts/{seeded}")["label"] == "Colour"
    assert http.get("/crm/properties/2026-03/contacts/nothing").status_code == 404
    for number in range(9):
        http.post("/crm/properties/2026-03/deals", {**body, "name": f"u{number}", "hasUniqueValue": True})
    http.refused("/crm/properties/2026-03/deals", {**body, "name": "u9", "hasUniqueValue": True})


def test_creating_properties_needs_its_scope(http: Client) -> None:
    assert http.post("/crm/properties/2026-03/contacts", {}).status_code == 403


def test_deactivated_owners_stand_apart(twin: HubSpotTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna K.", email="anna@example.com")
    gone = twin.seed_user(name="Gone", active=False)
    active = {row["id"]: row for row in http.data("/crm/owners/2026-03", limit=500)["results"]}
    assert (active[anna]["firstName"], active[anna]["archived"], isinstance(active[anna]["userId"], int)) == ("Anna", False, True)
    assert gone not in active
    (row,) = http.data("/crm/owners/2026-03", archived="true")["results"]
    assert (row["id"], row["userId"]) == (gone, None)
    assert [row["id"] for row in http.data("/crm/owners/2026-03", email="anna@example.com")["results"]] == [anna]
    assert http.data(f"/crm/owners/2026-03/{anna}")["email"] == "anna@example.com"
    assert http.get(f"/crm/owners/2026-03/{gone}").status_code == 404


def test_the_account_tells_where_links_lead(http: Client) -> None:
    facts = http.data("/account-info/2026-03/details")
    assert (facts["portalId"], facts["uiDomain"]) == (1234567, "app.hubspot.com")


# ---- limits (3)


def test_searches_have_a_counter_without_headers(twin: HubSpotTwin, http: Client, clock: ManualClock) -> None:
    twin.set(enforce_rates=True)
    answers = [http.post(f"{CRM}/contacts/search", {}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert not any("ratelimit" in name.lower() for answer in answers for name in answer.headers)
    assert (answers[-1].json()["policyName"], "Retry-After" in answers[-1].headers) == ("SECONDLY", False)
    assert http.get(f"{CRM}/contacts").headers["X-HubSpot-RateLimit-Remaining"] == "99"
    clock.advance(timedelta(seconds=1))
    assert http.post(f"{CRM}/contacts/search", {}).status_code == 200


def test_everything_else_has_ten_seconds(twin: HubSpotTwin, http: Client, clock: ManualClock) -> None:
    twin.set(enforce_rates=True, burst=2)
    answers = [http.get(f"{CRM}/contacts") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    body = answers[-1].json()
    assert (body["policyName"], body["errorType"]) == ("TEN_SECONDLY_ROLLING", "RATE_LIMIT")
    assert answers[-1].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    clock.advance(timedelta(seconds=10))
    assert http.get(f"{CRM}/contacts").status_code == 200


def test_the_day_is_told_to_keys_only(twin: HubSpotTwin, http: Client, clock: ManualClock) -> None:
    twin.set(daily_budget=2)
    assert http.get(f"{CRM}/contacts").headers["X-HubSpot-RateLimit-Daily-Remaining"] == "1"
    http.headers = {"Authorization": f"Bearer {twin.grant().access}"}
    assert "X-HubSpot-RateLimit-Daily" not in http.get(f"{CRM}/contacts").headers
    assert http.get(f"{CRM}/contacts").json()["policyName"] == "DAILY"
    clock.advance(timedelta(hours=12))
    http.headers = dict(TOKEN)
    assert http.get(f"{CRM}/contacts").status_code == 200


# ---- misbehaviour in the vendor's shapes, webhooks


def test_faults_look_like_hubspot(twin: HubSpotTwin, http: Client) -> None:
    statuses = (429, 503, 477, 423)
    twin.misbehave(*(Fault("status", status=status) for status in statuses), Fault("expired_token"), Fault("missing_right"))
    slow, broken, moving, locked, expired, right = (http.get(f"{CRM}/contacts") for _ in range(6))
    assert (slow.status_code, slow.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert (broken.status_code, broken.json()["status"]) == (503, "error")
    assert (moving.status_code, moving.headers["Retry-After"], locked.status_code) == (477, "3600", 423)
    assert (expired.status_code, expired.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert (right.status_code, right.json()["category"]) == (403, "MISSING_SCOPES")


def test_a_lost_answer_leaves_the_record(twin: HubSpotTwin, http: Client) -> None:
    twin.misbehave(Fault("lose_answer", "POST", "/contacts$"))
    with pytest.raises(requests.ConnectionError):
        http.post(f"{CRM}/contacts", {"properties": {"firstname": "O", "patchcord_marker": "c1"}})
    assert http.get(f"{CRM}/contacts/c1", idProperty="patchcord_marker").status_code == 200


def test_webhooks_are_signed_and_their_ids_are_numbers(twin: HubSpotTwin) -> None:
    lead = twin.seed_lead(phone=OLENA, owner="41629780")
    url = "https://patchcord.example/hubspot?x=1"
    headers, body = twin.webhook("lead", lead, "hubspot_owner_id", url)
    (event,) = json.loads(body)
    assert (event["objectId"], event["objectTypeId"], event["propertyValue"]) == (int(lead), "0-136", "41629780")
    signed = f"POST{url}{body}{headers['X-HubSpot-Request-Timestamp']}".encode()
    wanted = hmac.new(twin.account.client_secret.encode(), signed, hashlib.sha256).digest()
    assert base64.b64decode(headers["X-HubSpot-Signature-v3"]) == wanted


# ---- seeding


def test_a_deal_seeded_with_a_phone_hangs_on_a_contact_which_is_adopted(twin: HubSpotTwin) -> None:
    anna, acme = twin.seed_user(name="Anna"), twin.seed_organization(name="Acme")
    deal = twin.seed_deal(phone=OLENA, owner=anna, attribution={"utm_source": "google", "client_id": "GA1"})
    contact = twin.seed_contact(phone=OLENA, name="Olena", owner=anna, organization=acme, attribution={"keyword": "chairs"})
    (person,) = twin.records("contact")
    assert (person["id"], person["name"], person["owner"], person["organization"]) == (contact, "Olena", anna, acme)
    assert person["attribution"] == {"keyword": "chairs"}
    (row,) = twin.records("deal")
    assert (row["id"], row["contact"], row["owner"], row["open"]) == (deal, contact, anna, True)
    assert row["attribution"] == {"utm_source": "google", "client_id": "GA1"}
    assert twin.seed_contact(phone=OLENA) != contact
    assert twin.ledger == ()


def test_fields_count_as_attribution_or_marker_by_name(twin: HubSpotTwin, http: Client) -> None:
    names = [twin.seed_field("contact", name) for name in ("patchcord_utm_medium", "client_id", "Colour")]
    assert names == ["patchcord_utm_medium", "telephony_client_id", "telephony_colour"]
    http.made("contacts", {"firstname": "O", names[0]: "cpc", names[2]: "red", "patchcord_marker": "c1"})
    words = twin.ledger[0].fields
    assert (words["attribution"], words["fields"], words["marker"]) == ({"utm_medium": "cpc"}, {"Colour": "red"}, "c1")


def test_people_change_things_in_the_crm(twin: HubSpotTwin, http: Client) -> None:
    anna, deal = twin.seed_user(name="Anna"), twin.seed_deal(phone=OLENA)
    twin.set_owner("deal", deal, anna)
    assert http.data(f"{CRM}/deals/{deal}", properties="hubspot_owner_id")["properties"]["hubspot_owner_id"] == anna
    twin.set_status("deal", deal, "won")
    assert twin.records("deal")[0]["status"] == "won"
    twin.set_status("deal", deal, "open")
    assert (twin.records("deal")[0]["open"], twin.ledger) == (True, ())


def test_reset_makes_the_account_anew(twin: HubSpotTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    requests.post(f"{http.url}/_twin/reset", timeout=5)
    assert http.search("contacts") == []
    assert len(http.data("/crm/owners/2026-03")["results"]) == 1
