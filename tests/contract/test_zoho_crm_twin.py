"""The Zoho CRM twin against its reference (crm_zohocrm.md), by plain requests.

Every answer of every test is also held against the vendor's published files, where those are at hand.
"""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, Status, serve
from sandbox.twins.zoho_crm import Account, ZohoCrmTwin

NOON = datetime(2026, 9, 12, 9, 0, tzinfo=UTC)
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
    headers: dict[str, str]
    exchanges: list[Json] = field(default_factory=list)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        answer = self.session.request(method, self.url + path, headers=headers, timeout=10, **more)
        body = answer.request.body
        self.exchanges.append(
            {
                "vendor": "zoho_crm",
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
        return self.send("GET", f"/crm/v8{path}", params=params)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.send("POST", f"/crm/v8{path}", json=body)

    def put(self, path: str, body: Any) -> requests.Response:
        return self.send("PUT", f"/crm/v8{path}", json=body)

    def coql(self, query: str) -> Any:
        """The rows of a query, an empty list for 204."""
        answer = self.post("/coql", {"select_query": query})
        assert answer.status_code in (200, 204), answer.text
        return answer.json()["data"] if answer.status_code == 200 else []

    def made(self, module: str, record: Json) -> str:
        answer = self.post(f"/{module}", {"data": [record]})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"][0]["details"]["id"])

    def refused(self, path: str, record: Json, method: str = "POST") -> Json:
        """The error object of a refused record."""
        answer = self.send(method, f"/crm/v8{path}", json={"data": [record]})
        assert answer.status_code == 400, answer.text
        (entry,) = answer.json()["data"]
        assert entry["status"] == "error"
        return dict(entry)

    def composite(self, *parts: Json, rollback: bool = False, parallel: bool = False) -> requests.Response:
        body = {"rollback_on_fail": rollback, "parallel_execution": parallel, "__composite_requests": list(parts)}
        return self.post("/__composite_requests", body)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> ZohoCrmTwin:
    return ZohoCrmTwin(clock=clock)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Zoho-oauthtoken {token}"}


@pytest.fixture
def http(twin: ZohoCrmTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        client = Client(running.url, session, bearer(twin.token().access))
        yield client
    if CHECK:
        ours = [sentence for exchange in client.exchanges for sentence in CHECK(exchange) if ": response " in sentence]
        assert ours == [], "the twin is not like the vendor"


# ---- signing in (1)


@pytest.mark.parametrize("headers", [{}, bearer("1000.wrong"), {"Authorization": "Bearer {token}"}])
def test_nobody_gets_in_without_a_token_in_zoho_s_own_scheme(twin: ZohoCrmTwin, http: Client, headers: dict[str, str]) -> None:
    http.headers = {name: value.format(token=twin.token().access) for name, value in headers.items()}
    answer = http.get("/users", type="AllUsers")
    assert answer.status_code == 401
    assert answer.json() == {"code": "INVALID_TOKEN", "details": {}, "message": "invalid oauth token", "status": "error"}


def refresh(http: Client, token: str, **more: str) -> requests.Response:
    account = Account()
    form = {"grant_type": "refresh_token", "client_id": account.client_id, "client_secret": account.client_secret,
            "refresh_token": token, **more}  # fmt: skip
    http.headers = {}
    return http.send("POST", "/oauth/v2/token", data=form)


def test_refreshing_gives_a_token_that_works_for_an_hour(twin: ZohoCrmTwin, http: Client, clock: ManualClock) -> None:
    given = refresh(http, twin.refresh_token).json()
    assert (given["token_type"], given["expires_in"], given["api_domain"]) == ("Bearer", 3600, http.url)
    assert "refresh_token" not in given
    http.headers = bearer(given["access_token"])
    assert http.get("/users", type="CurrentUser").json()["users"][0]["full_name"] == "Admin"
    clock.advance(timedelta(hours=1))
    assert http.get("/users", type="CurrentUser").status_code == 401


@pytest.mark.parametrize(
    ("more", "error"),
    [({"refresh_token": "x"}, "invalid_code"), ({"client_secret": "x"}, "invalid_client"), ({"grant_type": "x"}, "unsupported")],
)
def test_a_refused_refresh_comes_with_200(twin: ZohoCrmTwin, http: Client, more: dict[str, str], error: str) -> None:
    answer = refresh(http, twin.refresh_token, **more)
    assert answer.status_code == 200
    assert answer.json()["error"].startswith(error)


def test_the_eleventh_token_within_ten_minutes_is_refused(twin: ZohoCrmTwin, http: Client, clock: ManualClock) -> None:
    for _ in range(10):
        assert "access_token" in refresh(http, twin.refresh_token).json()
    assert refresh(http, twin.refresh_token).json()["error"] == "Access Denied"
    clock.advance(timedelta(minutes=10))
    assert "access_token" in refresh(http, twin.refresh_token).json()


def test_the_oldest_of_too_many_tokens_dies(twin: ZohoCrmTwin, http: Client) -> None:
    tokens = [twin.token().access for _ in range(15)]
    assert http.get("/users", type="CurrentUser").status_code == 401
    http.headers = bearer(tokens[-1])
    assert http.get("/users", type="CurrentUser").status_code == 200


def test_a_grant_code_is_good_once(twin: ZohoCrmTwin, http: Client) -> None:
    code = twin.grants.code(twin.admin)
    first, second = (refresh(http, "", grant_type="authorization_code", code=code).json() for _ in range(2))
    assert refresh(http, first["refresh_token"]).json()["access_token"]
    assert second["error"] == "invalid_code"


def test_revoked_grants_work_no_more(twin: ZohoCrmTwin, http: Client) -> None:
    twin.revoke_grants()
    assert http.get("/org").status_code == 401
    assert refresh(http, twin.refresh_token).json()["error"] == "invalid_code"


@pytest.mark.parametrize(
    ("scope", "verb", "path"),
    [
        ("ZohoCRM.coql.READ", "POST", "/coql"), ("ZohoSearch.securesearch.READ", "GET", "/Leads/search"),
        ("ZohoCRM.composite_requests.CUSTOM", "POST", "/__composite_requests"), ("ZohoCRM.modules.ALL", "GET", "/Leads"),
        ("ZohoCRM.org.READ", "GET", "/org"),
    ],
)  # fmt: skip
def test_a_missing_scope_is_told(twin: ZohoCrmTwin, http: Client, scope: str, verb: str, path: str) -> None:
    http.headers = bearer(twin.token(tuple(one for one in Account().scopes if one != scope)).access)
    answer = http.send(verb, f"/crm/v8{path}", params={"phone": "123", "fields": "id"} if verb == "GET" else {})
    assert (answer.status_code, answer.json()["code"]) == (401, "OAUTH_SCOPE_MISMATCH")


def test_a_scope_of_one_module_is_enough_for_it(twin: ZohoCrmTwin, http: Client) -> None:
    http.headers = bearer(twin.token(("ZohoCRM.modules.leads.READ",)).access)
    assert http.get("/Leads", fields="id").status_code == 204
    assert http.post("/Leads", {"data": [{"Last_Name": "O"}]}).status_code == 401
    assert http.get("/Contacts", fields="id").status_code == 401


# ---- limits (2)


def test_credits_are_told_from_half_on_and_end_without_a_pause(twin: ZohoCrmTwin, http: Client, clock: ManualClock) -> None:
    twin.set(credits=10, spent=4)
    assert "X-API-CREDITS-REMAINING" in http.get("/org").headers
    twin.set(credits=10, spent=2)
    assert "X-API-CREDITS-REMAINING" not in http.get("/org").headers
    twin.set(credits=10, spent=9)
    assert http.get("/org").headers["X-API-CREDITS-REMAINING"] == "0"
    refused = http.get("/org")
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert "Retry-After" not in refused.headers
    clock.advance(timedelta(days=1))
    http.headers = bearer(twin.token().access)
    assert http.get("/org").status_code == 200


def test_a_composite_takes_five_places(twin: ZohoCrmTwin, http: Client) -> None:
    twin.set(slots=4)
    assert http.composite({"method": "GET", "uri": "/crm/v8/org"}).status_code == 429
    assert http.get("/org").status_code == 200


def test_calls_at_the_same_time_are_counted(twin: ZohoCrmTwin, http: Client) -> None:
    twin.set(slots=1)
    twin.misbehave(Fault("late", path="/org", seconds=0.5))
    statuses: list[int] = []
    one = threading.Thread(
        target=lambda: statuses.append(requests.get(f"{http.url}/crm/v8/org", headers=http.headers, timeout=5).status_code)
    )
    one.start()
    while not twin.meter.busy:
        one.join(0.01)
    assert http.get("/users", type="AllUsers").status_code == 429
    one.join()
    assert statuses == [200]
    assert http.get("/users", type="AllUsers").status_code == 200


# ---- records (3, 7)


def test_account_contact_and_deal_are_created_and_linked(twin: ZohoCrmTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna Bondar", email="anna@example.com")
    source = twin.seed_field("contact", "patchcord_utm_source")
    account = http.made("Accounts", {"Account_Name": "Acme", "Phone": OLENA, "Owner": {"id": anna}})
    contact = http.made("Contacts", {"First_Name": "Olena", "Last_Name": "Koval", "Mobile": OLENA, source: "google",
                                     "Account_Name": {"id": account}})  # fmt: skip
    http.made("Deals", {"Deal_Name": "Kitchen", "Stage": "Qualification", "Contact_Name": {"id": contact},
                        "Account_Name": {"id": account}})  # fmt: skip
    organization, person, deal = twin.ledger
    assert (organization.kind, organization.id, organization.fields["owner"]) == ("organization", account, anna)
    assert (person.fields["name"], person.fields["phone"], person.fields["organization"]) == ("Olena Koval", OLENA, account)
    assert (person.fields["attribution"], person.fields["owner"]) == ({"utm_source": "google"}, twin.admin)
    assert (deal.fields["contact"], deal.fields["organization"]) == (contact, account)
    assert (deal.fields["stage"], deal.fields["pipeline"]) == ("Qualification", "Standard (Standard)")


def test_a_lead_links_to_what_the_customer_made_a_lookup_for(twin: ZohoCrmTwin, http: Client) -> None:
    contact = twin.seed_contact(name="Olena")
    lookup = twin.seed_lookup("lead", "Caller", "contact")
    lead = http.made("Leads", {"Last_Name": "Koval", lookup: {"id": contact}, "Contact_Name": {"id": contact}})
    assert twin.ledger[0].fields["contact"] == contact
    shown = http.get(f"/Leads/{lead}").json()["data"][0]
    assert shown[lookup] == {"id": contact, "name": "Olena"}
    assert "Contact_Name" not in shown


@pytest.mark.parametrize(
    ("path", "record", "code", "name"),
    [
        ("/Leads", {"First_Name": "Anna"}, "MANDATORY_NOT_FOUND", "Last_Name"),
        ("/Leads", {"Last_Name": ""}, "MANDATORY_NOT_FOUND", "Last_Name"),
        ("/Leads", {"Last_Name": "A", "Layout": {"id": "1"}}, "MANDATORY_NOT_FOUND", "Company"),
        ("/Leads", {"Last_Name": "A" * 81}, "INVALID_DATA", "Last_Name"),
        ("/Leads", {"Last_Name": 7}, "INVALID_DATA", "Last_Name"),
        ("/Leads", {"Last_Name": "A", "Mobile": "1" * 31}, "INVALID_DATA", "Mobile"),
        ("/Leads", {"Last_Name": "A", "Owner": {"id": "9"}}, "INVALID_DATA", "Owner"),
        ("/Leads", {"Last_Name": "A", "Owner": "9"}, "INVALID_DATA", "Owner"),
        ("/Contacts", {"Last_Name": "A", "Account_Name": {"id": "9"}}, "INVALID_DATA", "Account_Name"),
        ("/Contacts", {"Last_Name": "A", "Account_Name": "Acme"}, "INVALID_DATA", "Account_Name"),
        ("/Deals", {"Deal_Name": "D"}, "MANDATORY_NOT_FOUND", "Stage"),
        ("/Deals", {"Deal_Name": "D", "Stage": "Qualification", "Closing_Date": "1.10.2026"}, "INVALID_DATA", "Closing_Date"),
        ("/Tasks", {"Status": "Completed"}, "MANDATORY_NOT_FOUND", "Subject"),
        ("/Tasks", {"Subject": "S", "Status": "Done"}, "INVALID_DATA", "Status"),
        ("/Tasks", {"Subject": "S", "Due_Date": "2026-09-12T10:00:00Z"}, "INVALID_DATA", "Due_Date"),
        ("/Tasks", {"Subject": "S", "Due_Date": "2026-02-30"}, "INVALID_DATA", "Due_Date"),
        ("/Tasks", {"Subject": "S", "Remind_At": {"ALARM": "ACTION=SMS"}}, "INVALID_DATA", "Remind_At"),
        ("/Tasks", {"Subject": "S", "What_Id": {"id": "9"}}, "DEPENDENT_FIELD_MISSING", "$se_module"),
        ("/Tasks", {"Subject": "S", "What_Id": {"id": "9"}, "$se_module": "Leads"}, "INVALID_DATA", "What_Id"),
        ("/Tasks", {"Subject": "S", "Who_Id": {"id": "9"}}, "INVALID_DATA", "Who_Id"),
    ],
)
def test_records_the_server_refuses(twin: ZohoCrmTwin, http: Client, path: str, record: Json, code: str, name: str) -> None:
    error = http.refused(path, record)
    assert (error["code"], error["details"]["api_name"]) == (code, name)
    assert twin.ledger == ()


def test_some_failed_is_207_and_all_failed_400(twin: ZohoCrmTwin, http: Client) -> None:
    answer = http.post("/Leads", {"data": [{"Last_Name": "A"}, {"First_Name": "B"}]})
    assert answer.status_code == 207
    assert [entry["code"] for entry in answer.json()["data"]] == ["SUCCESS", "MANDATORY_NOT_FOUND"]
    assert len(twin.ledger) == 1


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": [1]}, {"data": [{"Last_Name": "A"}], "trigger": ["magic"]}])
def test_bodies_without_records_are_refused(http: Client, body: Json) -> None:
    assert http.post("/Leads", body).status_code == 400


def test_what_is_no_json_is_refused(http: Client) -> None:
    assert http.send("POST", "/crm/v8/Leads", data=b"{").json()["code"] == "INVALID_REQUEST"


def test_unknown_and_read_only_names_are_passed_over(twin: ZohoCrmTwin, http: Client) -> None:
    lead = http.made("Leads", {"Last_Name": "A", "Colour": "red", "Created_Time": "2020-01-01T00:00:00Z"})
    row = twin.state.tables["Leads"][lead]
    assert "Colour" not in row
    assert row["Created_Time"] == "2026-09-12T12:00:00+03:00"


def test_what_the_customer_demands_is_mandatory(twin: ZohoCrmTwin, http: Client) -> None:
    twin.set(mandatory=frozenset({("Leads", "Company")}), pipelines_on=True)
    assert http.refused("/Leads", {"Last_Name": "A"})["details"]["api_name"] == "Company"
    assert http.refused("/Deals", {"Deal_Name": "D", "Stage": "Qualification"})["details"]["api_name"] == "Pipeline"


@pytest.mark.parametrize("inside", [False, True])
def test_a_unique_field_names_the_record_that_has_the_value(twin: ZohoCrmTwin, http: Client, inside: bool) -> None:
    twin.set(duplicate_inside=inside)
    key = twin.seed_field("lead", "Call Key", unique=True)
    first = http.made("Leads", {"Last_Name": "A", key: "c1"})
    error = http.refused("/Leads", {"Last_Name": "B", key: "c1"})
    details = error["details"]
    assert (error["code"], details["api_name"]) == ("DUPLICATE_DATA", "Call_Key")
    assert (details["duplicate_record"] if inside else details)["id"] == first


def test_two_accounts_of_one_name_are_duplicates_unless_switched_off(twin: ZohoCrmTwin, http: Client) -> None:
    http.made("Accounts", {"Account_Name": "Acme"})
    assert http.refused("/Accounts", {"Account_Name": "Acme"})["code"] == "DUPLICATE_DATA"
    twin.set(unique_account_names=False)
    http.made("Accounts", {"Account_Name": "Acme"})


def test_pick_lists_take_unknown_values_unless_they_are_strict(twin: ZohoCrmTwin, http: Client) -> None:
    name = twin.seed_field("lead", "Source", "option", ("Phone", "Site"))
    http.made("Leads", {"Last_Name": "A", name: "Radio"})
    twin.set(strict_picklists=True)
    assert http.refused("/Leads", {"Last_Name": "A", name: "Radio"})["details"]["api_name"] == name
    http.made("Leads", {"Last_Name": "A", name: "Site"})


def test_number_fields_say_what_they_expect(twin: ZohoCrmTwin, http: Client) -> None:
    name = twin.seed_field("lead", "Rooms", "number")
    assert http.refused("/Leads", {"Last_Name": "A", name: "2"})["details"]["expected_data_type"] == "double"
    http.made("Leads", {"Last_Name": "A", name: 2})


def test_changes_are_reported_as_far_as_they_are_some(twin: ZohoCrmTwin, http: Client) -> None:
    anna, lead = twin.seed_user(name="Anna"), twin.seed_lead(name="Olena")
    for path, record in ((f"/Leads/{lead}", {"Owner": {"id": anna}}), ("/Leads", {"id": lead, "Last_Name": "Koval"})):
        assert http.put(path, {"data": [record]}).status_code == 200
    assert [dict(write.fields) for write in twin.writes("update", "lead")] == [{"owner": anna}, {"name": "Koval"}]


def test_change_of_what_is_not_there_is_invalid_data(twin: ZohoCrmTwin, http: Client) -> None:
    for key in ("5725767000000000999", twin.seed_lead(status="converted")):
        error = http.refused(f"/Leads/{key}", {"Last_Name": "A"}, "PUT")
        assert (error["code"], error["details"]["api_name"]) == ("INVALID_DATA", "id")


def test_inactive_owners_are_taken_unless_switched_off(twin: ZohoCrmTwin, http: Client) -> None:
    gone = twin.seed_user(name="Left", active=False)
    http.made("Leads", {"Last_Name": "A", "Owner": {"id": gone}})
    twin.set(refuse_inactive_owner=True)
    assert http.refused("/Leads", {"Last_Name": "A", "Owner": {"id": gone}})["details"]["api_name"] == "Owner"


def test_the_owner_can_be_changed_by_an_action(twin: ZohoCrmTwin, http: Client) -> None:
    anna, lead = twin.seed_user(name="Anna"), twin.seed_lead()
    assert http.post(f"/Leads/{lead}/actions/change_owner", {"owner": {"id": anna}, "notify": False}).status_code == 200
    assert twin.records("lead")[0]["owner"] == anna


def test_upsert_changes_what_has_the_key(twin: ZohoCrmTwin, http: Client) -> None:
    key = twin.seed_field("lead", "Call Key", unique=True)
    body = {"data": [{"Last_Name": "A", key: "c1"}], "duplicate_check_fields": [key]}
    first, second = (http.post("/Leads/upsert", body).json()["data"][0] for _ in range(2))
    assert (first["action"], second["action"], second["duplicate_field"]) == ("insert", "update", key)
    assert first["details"]["id"] == second["details"]["id"]
    assert http.post("/Tasks/upsert", {"data": [{"Subject": "S"}]}).status_code == 400


def test_a_lead_is_converted_once(twin: ZohoCrmTwin, http: Client) -> None:
    lead = http.made("Leads", {"Last_Name": "Koval", "Company": "Acme", "Mobile": OLENA})
    order = {"data": [{"overwrite": False, "Deals": {"Deal_Name": "Kitchen", "Stage": "Qualification"}}]}
    made = http.post(f"/Leads/{lead}/actions/convert", order).json()["data"][0]["details"]
    assert {module for module in made if made[module]} == {"Contacts", "Accounts", "Deals"}
    again = http.post(f"/Leads/{lead}/actions/convert", order)
    assert again.json()["code"] == "ID_ALREADY_CONVERTED"
    assert http.get("/Leads", fields="id").status_code == 204
    assert http.get("/Leads", fields="id", converted="both").status_code == 200
    assert twin.records("lead")[0]["status"] == "converted"
    assert twin.records("deal")[0]["contact"] == made["Contacts"]["id"]


def test_modules_that_are_off_or_unknown_are_invalid(twin: ZohoCrmTwin, http: Client) -> None:
    twin.set(hidden_modules=frozenset({"Calls"}))
    for path in ("/Calls", "/Potentials"):
        assert http.get(path, fields="id").json()["code"] == "INVALID_MODULE"
    modules = {row["api_name"]: row["api_supported"] for row in http.get("/settings/modules").json()["modules"]}
    assert (modules["Calls"], modules["Tasks"]) == (False, True)
    assert http.get("/Leads/1/Nonsense").json()["code"] == "INVALID_URL_PATTERN"


# ---- lists (4)


def test_lists_need_fields_and_go_by_pages(twin: ZohoCrmTwin, http: Client) -> None:
    assert http.get("/Leads").json()["code"] == "REQUIRED_PARAM_MISSING"
    assert http.get("/Leads", fields=",".join("F" + "x" * n for n in range(51))).json()["code"] == "LIMIT_EXCEEDED"
    keys = [twin.seed_lead(name=f"L{n}", updated=NOON + timedelta(minutes=n)) for n in range(5)]
    order = {"fields": "Last_Name,Nonsense", "sort_by": "Created_Time", "sort_order": "asc", "per_page": 2}
    first, last = http.get("/Leads", **order).json(), http.get("/Leads", page=3, **order).json()
    assert [row["id"] for row in first["data"]] == keys[:2]
    assert first["info"]["more_records"] is True
    assert (last["data"], last["info"]["more_records"]) == ([{"id": keys[4], "Last_Name": "L4"}], False)
    assert http.get("/Leads", page=4, **order).status_code == 204
    assert http.get("/Leads", fields="id", ids=f"{keys[1]},9").json()["info"]["count"] == 1
    assert http.get("/Leads", fields="id", per_page=200, page=11).status_code == 400
    assert http.get("/Leads", fields="id", per_page=201).status_code == 400


def test_a_record_that_is_not_there_is_nothing(twin: ZohoCrmTwin, http: Client) -> None:
    assert http.get("/Leads/5725767000000000999").status_code == 204
    lead = twin.seed_lead(name="Olena", owner=twin.seed_user(name="Anna", email="anna@example.com"))
    shown = http.get(f"/Leads/{lead}", fields="Full_Name,Owner").json()["data"][0]
    assert (shown["Full_Name"], shown["Owner"]["name"]) == ("Olena", "Anna")


def test_related_records_are_listed(twin: ZohoCrmTwin, http: Client) -> None:
    contact = twin.seed_contact(name="Olena")
    deal = twin.seed_deal(name="Kitchen", contact=contact)
    task = twin.seed_task(title="Call back", targets=[("contact", contact)])
    assert http.get(f"/Contacts/{contact}/Deals", fields="Deal_Name").json()["data"] == [{"id": deal, "Deal_Name": "Kitchen"}]
    assert http.get(f"/Contacts/{contact}/Tasks", fields="Subject").json()["data"][0]["id"] == task
    assert http.get(f"/Contacts/{contact}/Calls", fields="Subject").status_code == 204


# ---- search (5.1)


@pytest.mark.parametrize("stored", [OLENA, "050 123 45 67", "(050) 123-45-67", "+38 050.123.4567"])
@pytest.mark.parametrize("asked", ["501234567", "50 123-45 67", "1234567"])
def test_search_goes_by_digits(twin: ZohoCrmTwin, http: Client, stored: str, asked: str) -> None:
    lead = twin.seed_lead(phone=stored)
    assert http.get("/Leads/search", phone=asked, fields="Mobile").json()["data"] == [{"id": lead, "Mobile": stored}]


def test_search_looks_into_all_fields_of_the_sort_phone(twin: ZohoCrmTwin, http: Client) -> None:
    own, lead = twin.seed_field("lead", "Call back on", "phone"), twin.seed_lead(name="Olena")
    for name in ("Phone", "Mobile", "Fax", own):
        http.put(f"/Leads/{lead}", {"data": [{"Phone": None, "Mobile": None, "Fax": None, own: None, name: OLENA}]})
        assert http.get("/Leads/search", phone="501234567", fields="id").status_code == 200
    assert http.get("/Deals/search", phone="501234567", fields="id").status_code == 204


def test_the_index_lags_and_coql_does_not(twin: ZohoCrmTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(minutes=1)
    http.made("Leads", {"Last_Name": "Koval", "Mobile": OLENA})
    assert http.get("/Leads/search", phone="501234567", fields="id").status_code == 204
    assert len(http.coql(f"select id from Leads where Mobile = '{OLENA}'")) == 1
    clock.advance(timedelta(minutes=1))
    assert http.get("/Leads/search", phone="501234567", fields="id").status_code == 200


def test_converted_leads_are_hidden_from_the_search(twin: ZohoCrmTwin, http: Client) -> None:
    twin.seed_lead(phone=OLENA, status="converted")
    assert http.get("/Leads/search", phone="501234567", fields="id").status_code == 204
    assert http.get("/Leads/search", phone="501234567", fields="id", converted="both").status_code == 200


def test_search_by_e_mail_and_word_and_by_nothing(twin: ZohoCrmTwin, http: Client) -> None:
    lead = http.made("Leads", {"Last_Name": "Koval", "Email": "Olena@example.com"})
    for params in ({"email": "olena@example.com"}, {"word": "kov"}, {"email": "olena@example.com", "phone": "999"}):
        assert http.get("/Leads/search", fields="id", **params).json()["data"] == [{"id": lead}]
    assert http.get("/Leads/search", fields="id").json()["code"] == "EXPECTED_PARAM_MISSING"
    assert http.get("/Leads/search", phone="12", fields="id").status_code == 400
    assert http.get("/Leads/search", phone="call me", fields="id").status_code == 400


# ---- COQL (5.2)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (f"Mobile = '{OLENA}'", True),
        ("Mobile = '+380 50'", False),
        ("Mobile like '%1234567'", True),
        ("Mobile like '%50123%'", True),
        ("Mobile like '+38%'", True), ("Mobile like '%380%4567'", False), (f"Mobile in ('1','{OLENA}')", True),
        ("Mobile not in ('1')", True), ("Phone is null", True), ("Mobile is not null", True), ("Converted__s = 'false'", True),
        ("Converted__s = 'true'", False),
        ("(Phone is null and Mobile is null)", False),
        ("(Phone is null or Mobile is null)", True),
        ("((Phone is null or Mobile is null) and Last_Name != 'x')", True), ("Last_Name = 'O\\'Neil'", True),
        ("Created_Time >= '2026-09-12T09:00:00+00:00'", True), ("Created_Time > '2026-09-12T12:00:00+03:00'", False),
        ("Last_Name not like 'O%'", False), ("Owner = '{owner}'", True),
    ],
)  # fmt: skip
def test_conditions(twin: ZohoCrmTwin, http: Client, where: str, found: bool) -> None:
    twin.seed_lead(phone=OLENA, name="O'Neil")
    assert bool(http.coql(f"select id from Leads where {where.replace('{owner}', twin.admin)}")) == found


def test_lookups_are_followed_and_tell_their_id_only(twin: ZohoCrmTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA, owner=twin.admin, organization=twin.seed_organization(name="Acme"))
    deal = twin.seed_deal(name="Kitchen", contact=contact)
    columns = "id, Deal_Name, Owner, Contact_Name, Contact_Name.Mobile"
    where = f"(Contact_Name.Mobile = '{OLENA}' and Contact_Name.Account_Name.Account_Name = 'Acme')"
    assert http.coql(f"select {columns} from Deals where {where}") == [
        {"id": deal, "Deal_Name": "Kitchen", "Owner": {"id": twin.admin}, "Contact_Name": {"id": contact},
         "Contact_Name.Mobile": OLENA}
    ]  # fmt: skip


def test_order_and_limit(twin: ZohoCrmTwin, http: Client) -> None:
    for number in (2, 3, 1):
        twin.seed_lead(name=f"L{number}")
    query = "select Last_Name from Leads where Last_Name is not null order by Last_Name desc limit 1, 2"
    assert [row["Last_Name"] for row in http.coql(query)] == ["L2", "L1"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("select id from Leads", "SYNTAX_ERROR"), ("delete from Leads where id = '1'", "SYNTAX_ERROR"),
        ("select id from Leads where Phone = 'a' or Phone = 'b' or Phone = 'c'", "SYNTAX_ERROR"),
        ("select id from Leads where Phone = 'it's'", "SYNTAX_ERROR"),
        ("select id from Leads where Converted__s = false", "SYNTAX_ERROR"),
        ("select id from Leads where (Phone = 'a'", "SYNTAX_ERROR"), ("select id from Leads where Phone ~ 'a'", "SYNTAX_ERROR"),
        ("select id from Potentials where id = '1'", "INVALID_QUERY"),
        ("select Colour from Leads where id = '1'", "INVALID_QUERY"),
        ("select id from Leads where Contact_Name.Phone = '1'", "INVALID_QUERY"),
        ("select id from Leads where Description = '1'", "INVALID_QUERY"),
        ("select id from Leads where id = '1' limit 2001", "LIMIT_EXCEEDED"),
    ],
)  # fmt: skip
def test_queries_the_server_refuses(http: Client, query: str, code: str) -> None:
    answer = http.post("/coql", {"select_query": query})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_conditions_and_values_are_limited(http: Client) -> None:
    def bracketed(count: int) -> str:
        return "Phone = '1'" if count == 1 else f"({bracketed(count - 1)} or Phone = '1')"

    assert http.coql(f"select id from Leads where {bracketed(25)}") == []
    for where in (bracketed(26), f"Phone in ({','.join(['1'] * 51)})"):
        assert http.post("/coql", {"select_query": f"select id from Leads where {where}"}).json()["code"] == "LIMIT_EXCEEDED"


# ---- tasks, calls, notes (8, 9, 10)


def test_a_task_hangs_on_a_contact_and_a_deal_but_not_on_a_contact_and_a_lead(twin: ZohoCrmTwin, http: Client) -> None:
    contact, lead = twin.seed_contact(name="Olena"), twin.seed_lead(name="Olena")
    deal = twin.seed_deal(contact=contact)
    both = {"Subject": "S", "Who_Id": {"id": contact}, "What_Id": {"id": deal}, "$se_module": "Deals"}
    http.made("Tasks", both)
    assert twin.tasks()[0]["targets"] == [["deal", deal], ["contact", contact]]
    error = http.refused("/Tasks", {**both, "What_Id": {"id": lead}, "$se_module": "Leads"})
    assert error["details"]["api_name"] == "Who_Id"


def test_a_task_is_completed_at_once_or_later(twin: ZohoCrmTwin, http: Client) -> None:
    key = http.made("Tasks", {"Subject": "S", "Due_Date": "2026-09-12", "Description": "Text\nPatchcord c1/task"})
    assert http.get(f"/Tasks/{key}", fields="Status,Closed_Time").json()["data"][0]["Closed_Time"] is None
    http.put(f"/Tasks/{key}", {"data": [{"Status": "Completed"}]})
    assert http.get(f"/Tasks/{key}").json()["data"][0]["Closed_Time"] == "2026-09-12T12:00:00+03:00"
    http.made("Tasks", {"Subject": "Talk", "Status": "Completed", "Description": "https://rec.example/1.mp3"})
    assert [write.do for write in twin.ledger] == ["task", "complete_task", "task"]
    first, second = twin.tasks()
    assert (first["completed"], first["due_at"], first["marker"]) == (True, "2026-09-12", "c1/task")
    assert (second["completed"], second["recording"]) == (True, "https://rec.example/1.mp3")


def test_a_reminder_tells_the_instant(twin: ZohoCrmTwin, http: Client) -> None:
    alarm = {"ALARM": "ACTION=POPUP;TRIGGER=DATE-TIME:2026-09-12T16:00:00+03:00"}
    http.made("Tasks", {"Subject": "S", "Due_Date": "2026-09-12", "Remind_At": alarm})
    assert twin.tasks()[0]["due_at"] == "2026-09-12T13:00:00Z"
    twin.set(single_reminders=False)
    assert http.refused("/Tasks", {"Subject": "S", "Remind_At": alarm})["details"]["api_name"] == "Remind_At"


def call_body(**words: Any) -> Json:
    return {
        "Subject": "Call",
        "Call_Type": "Inbound",
        "Call_Start_Time": "2026-09-12T11:55:00+03:00",
        "Call_Duration": "03:25",
        **words,
    }


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ({"Call_Type": "Internal"}, "Call_Type"),
        ({"Call_Duration": None}, "Call_Duration"),
        ({"Call_Duration": "00:00"}, "Call_Duration"),
        ({"Call_Duration": "205"}, "Call_Duration"),
        ({"Call_Duration": 205}, "Call_Duration"),
        ({"Call_Start_Time": None}, "Call_Start_Time"),
        ({"Call_Start_Time": "2026-09-12T11:55:00"}, "Call_Start_Time"),
        ({"Call_Type": "Outbound", "Call_Duration": "00:00"}, "Call_Duration"),
    ],
)  # fmt: skip
def test_calls_the_server_refuses(http: Client, words: Json, name: str) -> None:
    assert http.refused("/Calls", call_body(**words))["details"]["api_name"] == name


def test_a_call_is_logged_and_gets_its_recording_later(twin: ZohoCrmTwin, http: Client) -> None:
    lead = twin.seed_lead()
    key = http.made("Calls", call_body(What_Id={"id": lead}, **{"$se_module": "Leads"}))
    http.made("Calls", call_body(Call_Type="Missed", Call_Duration="00:00"))
    assert http.get(f"/Calls/{key}").json()["data"][0]["Call_Duration_in_seconds"] == 205
    assert http.put(f"/Calls/{key}", {"data": [{"Voice_Recording__s": "https://rec.example/1"}]}).status_code == 200
    assert http.refused(f"/Calls/{key}", {"Call_Type": "Outbound"}, "PUT")["details"]["api_name"] == "Call_Type"
    logged, _, update = twin.ledger
    assert (logged.do, logged.kind, logged.fields["targets"]) == ("log", "call", [["lead", lead]])
    assert (update.kind, dict(update.fields)) == ("call", {"recording": "https://rec.example/1"})
    twin.set(late_recordings=False)
    assert http.refused(f"/Calls/{key}", {"Voice_Recording__s": "https://rec.example/2"}, "PUT")["code"] == "INVALID_DATA"


def test_notes_stand_below_their_record(twin: ZohoCrmTwin, http: Client) -> None:
    lead = twin.seed_lead(name="Olena")
    one = http.post(f"/Leads/{lead}/Notes", {"data": [{"Note_Title": "T", "Note_Content": "One"}]})
    parent = {"module": {"api_name": "Leads"}, "id": lead}
    two = http.post("/Notes", {"data": [{"Note_Content": "Two", "Parent_Id": parent}]})
    assert (one.status_code, two.status_code) == (201, 201)
    rows = http.get("/Notes", fields="Note_Content,Parent_Id", sort_by="id", sort_order="asc").json()["data"]
    assert [row["Note_Content"] for row in rows] == ["One", "Two"]
    assert (rows[0]["Parent_Id"]["id"], rows[0]["Parent_Id"]["name"]) == (lead, "Olena")
    assert len(http.get(f"/Leads/{lead}/Notes", fields="Note_Content").json()["data"]) == 2
    http.put(f"/Notes/{rows[0]['id']}", {"data": [{"Note_Content": "One and more"}]})
    assert [(write.do, write.kind) for write in twin.ledger] == [("note", "note"), ("note", "note"), ("update", "note")]
    assert twin.ledger[0].fields["targets"] == [["lead", lead]]


@pytest.mark.parametrize(
    ("path", "record"),
    [
        ("/Leads/5725767000000000999/Notes", {"Note_Content": "C"}), ("/Notes", {"Note_Content": "C"}),
        ("/Notes", {"Note_Content": "C", "Parent_Id": "9"}),
    ],
)  # fmt: skip
def test_notes_to_nothing_are_refused(http: Client, path: str, record: Json) -> None:
    assert http.refused(path, record)["details"]["api_name"] == "Parent_Id"


# ---- composites (12)


def part(name: str, module: str, record: Json) -> Json:
    return {"sub_request_id": name, "method": "POST", "uri": f"/crm/v8/{module}", "body": {"data": [record]}}


def query(name: str, text: str) -> Json:
    return {"sub_request_id": name, "method": "POST", "uri": "/crm/v8/coql", "body": {"select_query": text}}


def statuses(answer: requests.Response) -> list[int]:
    return [entry["details"]["response"]["status_code"] for entry in answer.json()["__composite_requests"]]


def test_references_link_what_is_made_together(twin: ZohoCrmTwin, http: Client) -> None:
    contact = {"Last_Name": "Koval", "Account_Name": {"id": "@{acc:$.data[0].details.id}"}}
    answer = http.composite(part("acc", "Accounts", {"Account_Name": "Acme"}), part("con", "Contacts", contact), rollback=True)
    assert statuses(answer) == [201, 201]
    assert twin.records("contact")[0]["organization"] == twin.records("organization")[0]["id"]
    assert [write.kind for write in twin.ledger] == ["organization", "contact"]


def test_references_work_in_addresses_and_parameters(http: Client) -> None:
    read = {"method": "GET", "uri": "/crm/v8/Leads/@{one:$.data[0].details.id}", "params": {"fields": "Last_Name"}}
    answer = http.composite(part("one", "Leads", {"Last_Name": "Koval"}), read, rollback=True)
    body = answer.json()["__composite_requests"][1]["details"]["response"]["body"]
    assert body["data"][0]["Last_Name"] == "Koval"


def test_with_rollback_nothing_remains_of_a_failure(twin: ZohoCrmTwin, http: Client) -> None:
    parts = (part("a", "Accounts", {"Account_Name": "A"}), part("b", "Leads", {}), part("c", "Contacts", {"Last_Name": "C"}))
    answer = http.composite(*parts, rollback=True)
    assert answer.status_code == 400
    entries = answer.json()["__composite_requests"]
    assert [entry["code"] for entry in (entries[0], entries[2])] == ["ROLLBACK_PERFORMED", "PROCESSING_STOPPED"]
    assert entries[1]["details"]["response"]["body"]["data"][0]["code"] == "MANDATORY_NOT_FOUND"
    assert (twin.ledger, twin.records("organization"), twin.records("contact")) == ((), [], [])


def test_without_rollback_each_part_stands_alone(twin: ZohoCrmTwin, http: Client) -> None:
    parts = (part("a", "Leads", {}), part("b", "Contacts", {"Last_Name": "C"}), query("c", "select id from Deals where id = '1'"))
    answer = http.composite(*parts, parallel=True)
    assert (answer.status_code, statuses(answer)) == (200, [400, 201, 204])
    assert len(twin.ledger) == 1


def test_references_are_not_filled_in_when_parts_run_at_once_or_bodies_take_none(twin: ZohoCrmTwin, http: Client) -> None:
    contact = {"Last_Name": "Koval", "Account_Name": {"id": "@{acc:$.data[0].details.id}"}}
    parts = (part("acc", "Accounts", {"Account_Name": "Acme"}), part("con", "Contacts", contact))
    at_once = http.composite(*parts, parallel=True).json()["__composite_requests"][1]["details"]["response"]["body"]
    assert at_once["code"] == "INVALID_REFERENCE"
    twin.set(body_references=False, unique_account_names=False)
    refused = http.composite(*parts, rollback=True).json()["__composite_requests"][1]["details"]["response"]["body"]
    assert refused["data"][0]["details"]["api_name"] == "Account_Name"


@pytest.mark.parametrize(
    ("parts", "flags", "code"),
    [
        ([part(f"p{n}", "Leads", {"Last_Name": "A"}) for n in range(6)], {}, "INVALID_DATA"),
        ([part("a", "Leads", {"Last_Name": "A"})] * 2, {}, "DUPLICATE_DATA"),
        ([part("a", "Leads", {"Last_Name": "A"})], {"rollback": True, "parallel": True}, "AMBIGUITY_DURING_PROCESSING"),
        ([], {}, "INVALID_DATA"),
    ],
)
def test_composites_the_server_refuses(http: Client, parts: list[Json], flags: dict[str, bool], code: str) -> None:
    answer = http.composite(*parts, **flags)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_parts_have_limits_of_their_own(twin: ZohoCrmTwin, http: Client) -> None:
    two = {"method": "POST", "uri": "/crm/v8/Leads", "body": {"data": [{"Last_Name": "A"}, {"Last_Name": "B"}]}}
    many = query("q", "select id from Leads where id is not null limit 26")
    signed = {"method": "GET", "uri": "/crm/v8/org", "headers": {"Authorization": "x"}}
    nested = {"method": "POST", "uri": "/crm/v8/__composite_requests", "body": {}}
    unknown = {"method": "GET", "uri": "/crm/v8/Leads/1/2/3"}
    assert statuses(http.composite(two, many, signed, nested, unknown)) == [400, 400, 400, 400, 404]
    assert twin.ledger == ()


# ---- the organisation (6, 11)


def test_users_by_type_and_page(twin: ZohoCrmTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna Bondar", email="anna@example.com")
    left = twin.seed_user(name="Left", active=False)
    for kind, expected in (("AllUsers", {twin.admin, anna, left}), ("ActiveConfirmedUsers", {twin.admin, anna}),
                           ("AdminUsers", {twin.admin}), ("DeactiveUsers", {left})):  # fmt: skip
        assert {row["id"] for row in http.get("/users", type=kind).json()["users"]} == expected
    page = http.get("/users", type="AllUsers", page=2, per_page=2).json()
    assert ([row["status"] for row in page["users"]], page["info"]["more_records"]) == (["disabled"], False)
    assert http.get("/users", type="Nonsense").status_code == 400
    row = http.get("/users", type="AllUsers").json()["users"][1]
    assert (row["first_name"], row["last_name"], row["profile"]["name"]) == ("Anna", "Bondar", "Standard")


def test_fields_are_described(twin: ZohoCrmTwin, http: Client) -> None:
    assert twin.seed_field("lead", "utm_source") == "Utm_Source"
    rows = {row["api_name"]: row for row in http.get("/settings/fields", module="Leads").json()["fields"]}
    assert (rows["Utm_Source"]["field_label"], rows["Utm_Source"]["custom_field"]) == ("utm_source", True)
    assert (rows["Last_Name"]["system_mandatory"], rows["Mobile"]["data_type"]) == (True, "phone")
    assert http.get("/settings/fields").json()["code"] == "REQUIRED_PARAM_MISSING"


def test_stages_tell_what_closes_a_deal(twin: ZohoCrmTwin, http: Client) -> None:
    (layout,) = http.get("/settings/layouts", module="Deals").json()["layouts"]
    (pipeline,) = http.get("/settings/pipeline", layout_id=layout["id"]).json()["pipeline"]
    kinds = {stage["actual_value"]: stage["forecast_type"] for stage in pipeline["maps"]}
    assert (kinds["Qualification"], kinds["Closed Won"], kinds["Closed-Lost to Competition"]) == (
        "Open",
        "Closed Won",
        "Closed Lost",
    )
    assert http.get("/settings/pipeline", layout_id="1").status_code == 400
    assert http.get("/org").json()["org"][0]["zgid"] == twin.account.zgid


# ---- misbehaviour


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault("status", status=503), 503, "INTERNAL_ERROR"), (Fault("status", status=429), 429, "TOO_MANY_REQUESTS"),
        (Fault("expired_token"), 401, "INVALID_TOKEN"), (Fault("missing_right"), 403, "NO_PERMISSION"),
        (Fault("refuse", words="no"), 400, "INVALID_DATA"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrapped", [False, True])
def test_faults_speak_like_the_vendor(
    twin: ZohoCrmTwin, http: Client, fault: Fault, status: int, code: str, wrapped: bool
) -> None:
    twin.set(wrapped_errors=wrapped)
    twin.misbehave(fault)
    answer = requests.get(f"{http.url}/crm/v8/Leads", headers=http.headers, params={"fields": "id"}, timeout=5)
    body = answer.json()["data"][0] if wrapped else answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (status, code, "error")


def test_an_answer_that_is_lost_leaves_the_record(twin: ZohoCrmTwin, http: Client) -> None:
    twin.misbehave(Fault("lose_answer", method="POST"))
    with pytest.raises(requests.ConnectionError):
        http.made("Leads", {"Last_Name": "A"})
    assert len(twin.ledger) == 1


# ---- seeding


def test_a_lead_carries_its_number_and_a_deal_hangs_on_a_contact_which_is_adopted(twin: ZohoCrmTwin) -> None:
    anna = twin.seed_user(name="Anna")
    twin.seed_lead(phone=OLENA, owner=anna, attribution={"utm_source": "google"})
    deal = twin.seed_deal(phone=OLENA, owner=anna)
    contact = twin.seed_contact(phone=OLENA, name="Olena", owner=anna)
    (lead,) = twin.records("lead")
    assert (lead["phone"], lead["contact"], lead["attribution"]) == (OLENA, None, {"utm_source": "google"})
    assert [(row["id"], row["name"]) for row in twin.records("contact")] == [(contact, "Olena")]
    assert [(row["id"], row["contact"]) for row in twin.records("deal")] == [(deal, contact)]
    assert twin.seed_contact(phone=OLENA) != contact
    assert twin.ledger == ()


@pytest.mark.parametrize(
    ("status", "lead", "deal"),
    [
        ("open", ("open", True), ("open", True)), ("archived", ("archived", False), ("lost", False)),
        ("converted", ("converted", False), None), ("won", None, ("won", False)), ("lost", None, ("lost", False)),
        ("closed", None, ("won", False)),
    ],
)  # fmt: skip
def test_records_are_seeded_in_any_status(twin: ZohoCrmTwin, status: Status, lead: Any, deal: Any) -> None:
    if lead:
        twin.seed_lead(status=status)
        assert [(row["status"], row["open"]) for row in twin.records("lead")] == [lead]
    if deal:
        twin.seed_deal(status=status)
        assert [(row["status"], row["open"]) for row in twin.records("deal")] == [deal]


def test_people_change_things_in_the_crm(twin: ZohoCrmTwin, http: Client) -> None:
    anna, lead, deal = twin.seed_user(name="Anna"), twin.seed_lead(), twin.seed_deal()
    twin.set_owner("lead", lead, anna)
    twin.set_status("lead", lead, "archived")
    twin.set_status("deal", deal, "won")
    task = twin.seed_task(title="S", due_at=NOON, targets=[("lead", lead)])
    twin.finish_task(task)
    assert http.get(f"/Leads/{lead}", fields="Owner").json()["data"][0]["Owner"]["id"] == anna
    assert (twin.records("lead")[0]["status"], twin.records("deal")[0]["status"]) == ("archived", "won")
    assert (twin.tasks()[0]["completed"], twin.tasks()[0]["targets"]) == (True, [["lead", lead]])
    twin.remove("task", task)
    twin.remove("lead", lead)
    assert (twin.tasks(), twin.records("lead"), twin.ledger) == ([], [], ())


def test_a_project_s_connection_works(twin: ZohoCrmTwin, http: Client) -> None:
    connection = twin.connection(http.url)
    grant = json.loads(connection.secrets["grant"])
    assert connection.options == {"accounts_url": http.url}
    http.headers = bearer(grant["access_token"])
    assert http.get("/org").status_code == 200
    assert "access_token" in refresh(http, grant["refresh_token"]).json()


def test_reset_makes_the_account_anew(twin: ZohoCrmTwin, http: Client) -> None:
    twin.seed_lead(phone=OLENA)
    requests.post(f"{http.url}/_twin/reset", timeout=5)
    assert twin.records("lead") == []
    assert [row["full_name"] for row in twin.state.users.values()] == ["Admin"]


# ---- the vendor's own files


@pytest.mark.skipif(CHECK is None, reason=NO_SPECS)
def test_a_day_of_exchanges_fits_the_vendors_files(twin: ZohoCrmTwin, http: Client) -> None:
    assert CHECK is not None
    twin.seed_field("lead", "patchcord_utm_source")
    account = http.made("Accounts", {"Account_Name": "Acme", "Phone": OLENA})
    contact = http.made("Contacts", {"Last_Name": "Koval", "Mobile": OLENA, "Account_Name": {"id": account}})
    lead = http.made("Leads", {"Last_Name": "Koval", "Mobile": OLENA, "Patchcord_Utm_Source": "google"})
    deal = http.made("Deals", {"Deal_Name": "Kitchen", "Stage": "Qualification", "Contact_Name": {"id": contact}})
    http.put(f"/Leads/{lead}", {"data": [{"Lead_Status": "Contacted"}], "trigger": ["workflow"]})
    hung = {"Who_Id": {"id": contact}, "What_Id": {"id": deal}, "$se_module": "Deals"}
    task = http.made("Tasks", {"Subject": "Call back", "Due_Date": "2026-09-12", "Status": "Not Started", **hung})
    http.put(f"/Tasks/{task}", {"data": [{"Status": "Completed"}]})
    http.made("Calls", call_body(**hung))
    http.post(f"/Leads/{lead}/Notes", {"data": [{"Note_Title": "T", "Note_Content": "C"}]})
    http.get("/Leads/search", phone="501234567", fields="id,Full_Name,Mobile,Owner", per_page=10)
    http.coql("select id, Deal_Name, Owner, Contact_Name from Deals where Contact_Name.Mobile like '%1234567' limit 5")
    http.composite(
        query("l", f"select id from Leads where Mobile = '{OLENA}'"), query("c", "select id from Contacts where id = '1'")
    )
    for module in ("Leads", "Contacts", "Accounts", "Deals", "Tasks", "Calls"):
        http.get(f"/{module}", fields="Owner,Created_Time", sort_by="Created_Time", sort_order="desc", per_page=100)
    http.get("/Notes", fields="Note_Content")
    for key, module in ((lead, "Leads"), (contact, "Contacts"), (account, "Accounts"), (deal, "Deals"), (task, "Tasks")):
        http.get(f"/{module}/{key}")
    http.get(f"/Contacts/{contact}/Deals", fields="Deal_Name")
    for path, params in (("users", {"type": "AllUsers"}), ("org", {}), ("settings/modules", {}),
                         ("settings/fields", {"module": "Leads"}), ("settings/layouts", {"module": "Deals"})):  # fmt: skip
        assert http.get(f"/{path}", **params).status_code == 200
    refresh(http, twin.refresh_token)
    assert len(http.exchanges) > 30
    assert [sentence for exchange in http.exchanges for sentence in CHECK(exchange)] == []
