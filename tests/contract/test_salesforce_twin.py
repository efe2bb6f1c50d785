"""The Salesforce twin against its reference (crm_salesforce.md), by plain requests.

Every answer of every test is also held against the shared description of the interface, where that is at hand.
"""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.salesforce import TWIN, Org, SalesforceTwin
from sandbox.twins.salesforce.state import full_id

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
OLENA = "+380671234567"
DATA = "/services/data/v67.0"
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
    headers: dict[str, str] = field(default_factory=dict)
    exchanges: list[Json] = field(default_factory=list)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        answer = self.session.request(method, self.url + path, headers=headers, timeout=10, **more)
        body = answer.request.body
        self.exchanges.append(
            {
                "vendor": "salesforce",
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
        return self.send("GET", DATA + path, params=params)

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", DATA + path, json=body, headers=named)

    def patch(self, path: str, body: Json, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("PATCH", DATA + path, json=body, headers=named)

    def made(self, target: str, **body: Any) -> str:
        answer = self.post(f"/sobjects/{target}", body)
        assert answer.status_code == 201, answer.text
        assert answer.json() == {"id": answer.json()["id"], "success": True, "errors": []}
        return str(answer.json()["id"])

    def query(self, text: str) -> list[Json]:
        answer = self.get("/query", q=text)
        assert answer.status_code == 200, answer.text
        rows: list[Json] = answer.json()["records"]
        return rows

    def sosl(self, text: str) -> list[str]:
        answer = self.get("/search", q=text)
        assert answer.status_code == 200, answer.text
        return [row["Id"] for row in answer.json()["searchRecords"]]

    def by_number(self, *terms: str, objects: str = "Lead(Id),Contact(Id),Account(Id)") -> list[str]:
        return self.sosl(f"FIND {{{' OR '.join(terms)}}} IN PHONE FIELDS RETURNING {objects}")


def refused(answer: requests.Response, status: int, code: str) -> Json:
    """The first error of the list that every error is (4)."""
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code), answer.text
    error: Json = answer.json()[0]
    return error


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> SalesforceTwin:
    return SalesforceTwin(clock=clock)


@pytest.fixture
def http(twin: SalesforceTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        client = Client(running.url, session)
        client.headers = {"Authorization": f"Bearer {twin.grant(running.url)['access_token']}"}
        yield client
    if CHECK:
        ours = [sentence for exchange in client.exchanges for sentence in CHECK(exchange) if ": response " in sentence]
        assert ours == [], "the twin is not like the vendor"


def test_it_is_the_twin_of_its_module() -> None:
    assert TWIN is SalesforceTwin
    assert (TWIN.vendor, TWIN.title) == ("salesforce", "Salesforce")


# ---- ids (1)


@pytest.mark.parametrize(
    ("short", "whole"), [("001A0000006Vm9r", "001A0000006Vm9rIAC"), ("003D000000QYVZj", "003D000000QYVZjIAP")]
)
def test_ids_have_three_characters_more_for_their_case(short: str, whole: str) -> None:
    assert full_id(short) == whole


def test_short_ids_lead_to_records_and_their_case_counts(twin: SalesforceTwin, http: Client) -> None:
    key = twin.seed_lead(phone=OLENA, name="Olena")
    assert http.get(f"/sobjects/Lead/{key[:15]}", fields="Id,Name").json()["Id"] == key
    refused(http.get(f"/sobjects/Lead/{key[:15].swapcase()}"), 404, "NOT_FOUND")


# ---- signing in (2)


def token(http: Client, **form: str) -> requests.Response:
    http.headers = {}
    body = {"client_id": Org().client_id, "client_secret": Org().client_secret, **form}
    return http.send("POST", "/services/oauth2/token", data=body)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
def test_nobody_gets_in_without_a_session(http: Client, headers: dict[str, str]) -> None:
    http.headers = headers
    refused(http.get("/limits"), 401, "INVALID_SESSION_ID")


def test_token_answer_has_no_end_and_tells_the_instance(twin: SalesforceTwin, http: Client) -> None:
    given = token(http, grant_type="client_credentials").json()
    assert (given["token_type"], given["instance_url"]) == ("Bearer", http.url)
    assert not {"expires_in", "refresh_token"} & set(given)
    http.headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert http.get("/limits").status_code == 200


def test_session_slides_with_use_and_ends_without(twin: SalesforceTwin, http: Client, clock: ManualClock) -> None:
    for _ in range(3):
        clock.advance(timedelta(minutes=119))
        assert http.get("/limits").status_code == 200
    clock.advance(timedelta(hours=2))
    refused(http.get("/limits"), 401, "INVALID_SESSION_ID")


def test_session_can_end_after_a_number_of_calls(twin: SalesforceTwin, http: Client) -> None:
    twin.set(calls_per_session=2)
    assert [http.get("/limits").status_code for _ in range(3)] == [200, 200, 401]


def test_refresh_tokens_live_on_unless_they_rotate(twin: SalesforceTwin, http: Client) -> None:
    refresh = twin.grant(http.url, refresh=True)["refresh_token"]
    assert "refresh_token" not in token(http, grant_type="refresh_token", refresh_token=refresh).json()
    twin.set(rotate_refresh=True)
    second = token(http, grant_type="refresh_token", refresh_token=refresh).json()["refresh_token"]
    again = token(http, grant_type="refresh_token", refresh_token=refresh)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert token(http, grant_type="refresh_token", refresh_token=second).status_code == 200
    twin.revoke()
    assert token(http, grant_type="refresh_token", refresh_token=second).status_code == 400


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant"),
    ],
)
def test_oauth_errors_are_objects(http: Client, form: dict[str, str], error: str) -> None:
    answer = token(http, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


def test_client_may_come_by_basic_authentication(http: Client) -> None:
    http.headers = {}
    form = {"grant_type": "client_credentials"}
    pairs = [(Org().client_id, Org().client_secret), (Org().client_id, "wrong")]
    assert [http.session.post(f"{http.url}/services/oauth2/token", data=form, auth=pair, timeout=5).status_code
            for pair in pairs] == [200, 400]  # fmt: skip


def test_authorisation_code_is_good_once_for_its_address(http: Client) -> None:
    back = "https://patchcord.example/oauth"
    params = {"response_type": "code", "client_id": Org().client_id, "redirect_uri": back, "state": "s1"}
    answer = http.session.get(f"{http.url}/services/oauth2/authorize", params=params, allow_redirects=False, timeout=5)
    code = answer.headers["Location"].partition("code=")[2].partition("&")[0]
    assert answer.headers["Location"] == f"{back}?code={code}&state=s1"
    given = token(http, grant_type="authorization_code", code=code, redirect_uri=back)
    assert given.json()["refresh_token"]
    assert token(http, grant_type="authorization_code", code=code, redirect_uri=back).status_code == 400


def test_edition_without_interface(twin: SalesforceTwin, http: Client) -> None:
    twin.set(api_enabled=False)
    refused(http.get("/limits"), 403, "API_DISABLED_FOR_ORG")


def test_versions_are_told_to_everybody_and_old_ones_are_gone(http: Client) -> None:
    http_headers, http.headers = http.headers, {}
    shown = http.send("GET", "/services/data/").json()
    assert {"version": "67.0", "url": "/services/data/v67.0"} in shown
    http.headers = http_headers
    refused(http.send("GET", "/services/data/v20.0/limits"), 404, "NOT_FOUND")
    assert http.get("/").json()["query"] == f"{DATA}/query"


# ---- limits (3)


def test_every_answer_tells_the_use_of_the_day(http: Client) -> None:
    first, second = http.get("/limits"), http.get("/sobjects/Nothing/describe")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/15000"
    assert first.json()["DailyApiRequests"] == {"Max": 15000, "Remaining": 14999}
    assert (second.status_code, second.headers["Sforce-Limit-Info"]) == (404, "api-usage=2/15000")


def test_spent_day_is_403_until_the_window_has_rolled(twin: SalesforceTwin, http: Client, clock: ManualClock) -> None:
    twin.set(daily_calls=1, session_life=timedelta(days=9))
    http.get("/limits")
    answer = http.get("/limits")
    refused(answer, 403, "REQUEST_LIMIT_EXCEEDED")
    assert "Retry-After" not in answer.headers
    clock.advance(timedelta(hours=24))
    assert http.get("/limits").status_code == 200


@pytest.mark.parametrize(("counted", "used"), [(True, 3), (False, 1)])
def test_parts_of_a_batch_count(twin: SalesforceTwin, http: Client, counted: bool, used: int) -> None:
    twin.set(batch_parts_count=counted)
    parts = [{"method": "GET", "url": "v67.0/limits"}] * 3
    answer = http.post("/composite/batch", {"batchRequests": parts})
    assert answer.headers["Sforce-Limit-Info"] == f"api-usage={used}/15000"


# ---- search (6.1, 6.2)


@pytest.mark.parametrize("stored", ["0671234567", "067 123 4567", "067-123-45-67", "(067) 123 45 67"])
def test_phone_is_one_token_of_digits(twin: SalesforceTwin, http: Client, stored: str) -> None:
    key = twin.seed_contact(phone=stored, name="Olena")
    assert http.by_number("671234567") == []
    assert http.by_number("671234567", "0671234567") == [key]
    assert http.by_number("067123*") == [key]


@pytest.mark.parametrize("name", ["Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "Fax"])
def test_all_fields_of_the_phone_type_are_searched(http: Client, name: str) -> None:
    key = http.made("Contact", LastName="Olena", **{name: OLENA})
    assert http.by_number("380671234567") == [key]


def test_own_fields_of_the_phone_type_are_searched(twin: SalesforceTwin, http: Client) -> None:
    field_name = twin.seed_field("lead", "Second", "phone")
    key = http.made("Lead", LastName="Olena", Company="x", **{field_name: OLENA})
    assert http.by_number("380671234567") == [key]


def test_new_records_are_hidden_from_search_but_not_from_queries(twin: SalesforceTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(minutes=3)
    key = http.made("Lead", LastName="Olena", Company="Acme", Phone=OLENA)
    assert http.by_number("380671234567") == []
    assert [row["Id"] for row in http.query(f"SELECT Id FROM Lead WHERE Phone IN ('{OLENA}')")] == [key]
    clock.advance(timedelta(minutes=3))
    assert http.by_number("380671234567") == [key]


def test_search_returns_what_was_asked_for(twin: SalesforceTwin, http: Client) -> None:
    owner = twin.seed_user(name="Anna")
    account = twin.seed_organization(name="Acme", owner=owner)
    contact = twin.seed_contact(phone=OLENA, name="Olena", organization=account)
    twin.seed_lead(phone=OLENA, status="converted", contact=contact)
    fields = "Contact(Id,Name,AccountId,Account.Name,Account.OwnerId,HomePhone),Lead(Id WHERE IsConverted=false)"
    answer = http.get("/search", q=f"FIND {{380671234567}} IN PHONE FIELDS RETURNING {fields} LIMIT 50")
    attributes = {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{contact}"}
    parent = {"type": "Account", "url": f"{DATA}/sobjects/Account/{account}"}
    assert answer.json()["searchRecords"] == [
        {"attributes": attributes, "Id": contact, "Name": "Olena", "AccountId": account, "HomePhone": None,
         "Account": {"attributes": parent, "Name": "Acme", "OwnerId": owner}},
    ]  # fmt: skip


def test_json_form_of_search(twin: SalesforceTwin, http: Client) -> None:
    lead, contact = twin.seed_lead(phone=OLENA), twin.seed_contact(phone="067 123 4567")
    objects = [{"name": "Lead", "fields": ["Id", "Phone"], "where": "IsConverted = false"}, {"name": "Contact"}]
    body = {"q": "0671234567 OR 380671234567", "in": "PHONE", "overallLimit": 50, "sobjects": objects}
    rows = http.post("/parameterizedSearch", body).json()["searchRecords"]
    assert [(row["attributes"]["type"], row["Id"]) for row in rows] == [("Lead", lead), ("Contact", contact)]
    assert len(http.post("/parameterizedSearch", {**body, "overallLimit": 1}).json()["searchRecords"]) == 1


@pytest.mark.parametrize(
    ("group", "term", "hit"),
    [
        ("NAME", "Olena", True), ("NAME", "olena Petrenko", True), ("NAME", "Olena Ivanova", False), ("NAME", "Ole?a", True),
        ("EMAIL", r"olena\@example.com", True), ("ALL", "Petrenko AND 380671234567", True), ("NAME", "380671234567", False),
    ],
)  # fmt: skip
def test_groups_and_words_of_search(http: Client, group: str, term: str, hit: bool) -> None:
    http.made("Contact", FirstName="Olena", LastName="Petrenko", Email="olena@example.com", Phone=OLENA)
    assert bool(http.sosl(f"FIND {{{term}}} IN {group} FIELDS RETURNING Contact(Id)")) is hit


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("380671234567", "MALFORMED_SEARCH"), ("FIND {+380671234567} RETURNING Lead(Id)", "MALFORMED_SEARCH"),
        ("FIND {*671234567} RETURNING Lead(Id)", "MALFORMED_SEARCH"), ("FIND {6} RETURNING Lead(Id)", "MALFORMED_SEARCH"),
        ("FIND {67 OR} RETURNING Lead(Id)", "MALFORMED_SEARCH"), ("FIND {67} IN TOES FIELDS RETURNING Lead", "MALFORMED_SEARCH"),
        ("FIND {67} RETURNING Leed(Id)", "INVALID_TYPE"), ("FIND {67} RETURNING Lead(Foo)", "INVALID_FIELD"),
    ],
)  # fmt: skip
def test_searches_that_are_refused(http: Client, text: str, code: str) -> None:
    refused(http.get("/search", q=text), 400, code)


# ---- queries (5, 6.3)


def test_open_opportunities_of_a_contact(twin: SalesforceTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    old = twin.seed_deal(name="Old", contact=contact, updated=NOON - timedelta(days=1))
    new = twin.seed_deal(name="New", contact=contact)
    twin.seed_deal(name="Won", contact=contact, status="won")
    twin.seed_deal(name="Another's", phone="+380501112233")
    rows = http.query(
        "SELECT Id,Name,StageName FROM Opportunity WHERE IsClosed=false AND Id IN (SELECT OpportunityId FROM "
        f"OpportunityContactRole WHERE ContactId IN ('{contact}')) ORDER BY LastModifiedDate DESC LIMIT 5"
    )
    assert [row["Id"] for row in rows] == [new, old]
    assert rows[0]["attributes"] == {"type": "Opportunity", "url": f"{DATA}/sobjects/Opportunity/{new}"}


def test_parents_are_reached_by_their_names(twin: SalesforceTwin, http: Client) -> None:
    owner = twin.seed_user(name="Anna")
    twin.seed_contact(phone=OLENA, organization=twin.seed_organization(name="Acme", owner=owner))
    twin.seed_contact(phone="+380501112233")
    rows = http.query("SELECT Account.Name, Account.Owner.Name FROM Contact ORDER BY Account.Name DESC")
    assert [row["Account"] and row["Account"]["Name"] for row in rows] == ["Acme", None]
    assert rows[0]["Account"]["Owner"]["Name"] == "Anna"
    assert len(http.query("SELECT Id FROM Contact WHERE Account.Owner.Name = 'anna'")) == 1


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("Name = 'ACME'", ["Acme"]), ("Name != 'Acme'", ["Bolt", "O'Hara"]), ("Name LIKE 'b%'", ["Bolt"]),
        (r"Name = 'O\'Hara'", ["O'Hara"]), ("Phone = null", ["Bolt", "O'Hara"]), ("NOT Name IN ('Acme','Bolt')", ["O'Hara"]),
        ("Name NOT IN ('Acme')", ["Bolt", "O'Hara"]), ("(Name = 'Acme' OR Name = 'Bolt') AND Phone != null", ["Acme"]),
        ("CreatedDate >= 2026-09-12T12:00:00Z", ["Acme", "Bolt", "O'Hara"]), ("CreatedDate < 2026-09-12T14:00:00+02:00", []),
        ("CreatedDate > 2026-09-12T11:59:59.000+0000 AND Name > 'B'", ["Bolt", "O'Hara"]),
    ],
)  # fmt: skip
def test_conditions(twin: SalesforceTwin, http: Client, condition: str, names: list[str]) -> None:
    for name, phone in (("Bolt", None), ("Acme", OLENA), ("O'Hara", None)):
        twin.seed_organization(name=name, phone=phone)
    assert [row["Name"] for row in http.query(f"SELECT Name FROM Account WHERE {condition} ORDER BY Name ASC")] == names


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FROM Leed", "INVALID_TYPE"), ("SELECT Foo FROM Lead", "INVALID_FIELD"),
        ("SELECT Account.Foo FROM Contact", "INVALID_FIELD"), ("SELECT Owner.Id, Boss.Id FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"), ("SELECT Id FROM Lead WHERE Name = Olena", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Name = 'O'Hara'", "MALFORMED_QUERY"), ("DELETE FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE IsConverted='false'", "INVALID_FIELD"), ("SELECT Id FROM Lead x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2026-09-12T12:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Name='a' AND Name='b' OR Name='c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Name='a' OR AccountId IN (SELECT Id FROM Account)", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead LIMIT five", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-13-01", "MALFORMED_QUERY"),
    ],
)  # fmt: skip
def test_queries_that_are_refused(http: Client, text: str, code: str) -> None:
    refused(http.get("/query", q=text), 400, code)


def test_queries_come_in_pages(twin: SalesforceTwin, http: Client) -> None:
    keys = [twin.seed_lead(name=f"Lead {number}") for number in range(5)]
    twin.set(page_rows=2)
    body, found = http.get("/query", q="SELECT Id FROM Lead").json(), list[str]()
    while True:
        assert body["totalSize"] == 5
        found += [row["Id"] for row in body["records"]]
        if body["done"]:
            break
        body = http.send("GET", body["nextRecordsUrl"]).json()
    assert found == keys
    assert http.get("/query", q="SELECT COUNT() FROM Lead").json() == {"totalSize": 5, "done": True, "records": []}
    refused(http.get("/query/01gNothing-2"), 400, "INVALID_QUERY_LOCATOR")


def test_offset_and_limit(twin: SalesforceTwin, http: Client) -> None:
    for number in range(5):
        twin.seed_lead(name=f"Lead {number}")
    rows = http.query("SELECT Name FROM Lead ORDER BY Name DESC NULLS LAST LIMIT 2 OFFSET 1")
    assert [row["Name"] for row in rows] == ["Lead 3", "Lead 2"]


def test_scans_of_a_very_large_org_take_too_long(twin: SalesforceTwin, http: Client) -> None:
    twin.set(scans_time_out=True)
    refused(http.get("/query", q=f"SELECT Id FROM Lead WHERE Phone='{OLENA}'"), 400, "QUERY_TIMEOUT")


# ---- one record (4, 8, 10)


def test_lead_is_created_and_told_in_neutral_words(twin: SalesforceTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    source, colour = twin.seed_field("lead", "patchcord_utm_source"), twin.seed_field("lead", "Colour")
    body = {"LastName": OLENA, "Company": "Acme", "Phone": OLENA, "OwnerId": anna, source: "google", colour: "red"}
    answer = http.post("/sobjects/Lead", body)
    (write,) = twin.ledger
    assert answer.headers["Location"] == f"{DATA}/sobjects/Lead/{write.id}"
    assert (write.do, write.kind) == ("create", "lead")
    assert (write.fields["name"], write.fields["phone"], write.fields["owner"]) == (OLENA, OLENA, anna)
    assert (write.fields["attribution"], write.fields["fields"]) == ({"utm_source": "google"}, {"Colour": "red"})
    assert (write.fields["contact"], write.fields["marker"], write.fields["status"]) == (None, None, "open")
    row = http.get(f"/sobjects/Lead/{write.id}").json()
    assert (row["CreatedDate"], row["Status"]) == ("2026-09-12T12:00:00.000+0000", "Open - Not Contacted")


@pytest.mark.parametrize(
    ("target", "body", "code", "words"),
    [
        ("Lead", {"Phone": OLENA}, "REQUIRED_FIELD_MISSING", "LastName, Company"),
        ("Contact", {}, "REQUIRED_FIELD_MISSING", "LastName"),
        ("Account", {"Phone": OLENA}, "REQUIRED_FIELD_MISSING", "Name"),
        ("Opportunity", {"Name": "x"}, "REQUIRED_FIELD_MISSING", "StageName, CloseDate"),
        ("Lead", {"LastName": "x", "Company": "x", "Foo__c": "x"}, "INVALID_FIELD", "Foo__c"),
        ("Lead", {"LastName": "x" * 81, "Company": "x"}, "STRING_TOO_LONG", "max length=80"),
        ("Lead", {"LastName": "x", "Company": "x", "Email": "no"}, "INVALID_EMAIL_ADDRESS", "no"),
        ("Lead", {"LastName": "x", "Company": "x", "OwnerId": "nobody"}, "MALFORMED_ID", "nobody"),
        ("Lead", {"LastName": "x", "Company": "x", "OwnerId": "0035g00000QwErTAAV"}, "MALFORMED_ID", "incorrect type"),
        ("Lead", {"LastName": "x", "Company": "x", "OwnerId": "0055g00000QwErTAAV"}, "INVALID_CROSS_REFERENCE_KEY", "invalid"),
        ("Lead", {"LastName": 5, "Company": "x"}, "JSON_PARSER_ERROR", "VALUE_NUMBER_INT"),
        ("Lead", {"LastName": "x", "Company": "x", "IsConverted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", "IsConverted"),
        ("Contact", {"LastName": "x", "Name": "y"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "Name"),
        ("Opportunity", {"Name": "x", "StageName": "y", "CloseDate": "12.09.2026"}, "JSON_PARSER_ERROR", "date"),
        (
            "Opportunity",
            {"Name": "x", "StageName": "y", "CloseDate": "2026-09-12", "Amount": "1"},
            "JSON_PARSER_ERROR",
            "currency",
        ),
        ("Task", {"TaskSubtype": "Chat"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Chat"),
        ("Task", {"CallType": "Incoming"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Incoming"),
        ("Task", {"IsReminderSet": "yes"}, "JSON_PARSER_ERROR", "boolean"),
        ("Task", {"ReminderDateTime": "soon"}, "JSON_PARSER_ERROR", "datetime"),
        ("Task", {"Description": "x" * 32_001}, "STRING_TOO_LONG", "max length=32000"),
        ("ContentNote", {"Title": "x", "Content": "ä"}, "JSON_PARSER_ERROR", "base64"),
        ("User", {"Name": "x"}, "INVALID_TYPE_FOR_OPERATION", "User"),
    ],
)
def test_bodies_the_server_refuses(twin: SalesforceTwin, http: Client, target: str, body: Json, code: str, words: str) -> None:
    assert words in refused(http.post(f"/sobjects/{target}", body), 400, code)["message"]
    assert twin.ledger == ()


def test_other_refusals(http: Client) -> None:
    refused(http.send("POST", f"{DATA}/sobjects/Lead", data="{"), 415, "UNSUPPORTED_MEDIA_TYPE")
    json_type = {"Content-Type": "application/json"}
    refused(http.send("POST", f"{DATA}/sobjects/Lead", data="{", headers=json_type), 400, "JSON_PARSER_ERROR")
    refused(http.send("POST", f"{DATA}/sobjects/Lead", data="[]", headers=json_type), 400, "JSON_PARSER_ERROR")
    refused(http.post("/sobjects/Nothing", {}), 404, "NOT_FOUND")
    refused(http.send("PUT", f"{DATA}/sobjects/Lead/00Q5g00000AbCdEAAV"), 405, "METHOD_NOT_ALLOWED")


def test_hidden_field_looks_like_none(twin: SalesforceTwin, http: Client) -> None:
    twin.set(hidden=frozenset({("Lead", "Phone")}))
    refused(http.post("/sobjects/Lead", {"LastName": "x", "Company": "x", "Phone": OLENA}), 400, "INVALID_FIELD")
    refused(http.get("/query", q="SELECT Phone FROM Lead"), 400, "INVALID_FIELD")
    assert "Phone" not in [one["name"] for one in http.get("/sobjects/Lead/describe").json()["fields"]]


def test_objects_that_can_only_be_read(twin: SalesforceTwin, http: Client) -> None:
    twin.set(read_only=frozenset({"Lead"}))
    refused(http.post("/sobjects/Lead", {"LastName": "x", "Company": "x"}), 403, "INSUFFICIENT_ACCESS_OR_READONLY")
    assert http.get("/sobjects/Lead/describe").json()["createable"] is False


def test_update_answers_without_a_body_and_tells_only_the_news(twin: SalesforceTwin, http: Client) -> None:
    anna, key = twin.seed_user(name="Anna"), twin.seed_lead(phone=OLENA, name="Olena")
    answer = http.patch(f"/sobjects/Lead/{key}", {"OwnerId": anna}, Sforce_Auto_Assign="FALSE")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [(write.do, write.id, dict(write.fields)) for write in twin.ledger] == [("update", key, {"owner": anna})]
    refused(http.patch(f"/sobjects/Lead/{key}", {"LastName": None}), 400, "REQUIRED_FIELD_MISSING")


def test_what_was_deleted_is_gone(twin: SalesforceTwin, http: Client) -> None:
    key = http.made("Contact", LastName="Olena")
    assert http.send("DELETE", f"{DATA}/sobjects/Contact/{key}").status_code == 204
    refused(http.patch(f"/sobjects/Contact/{key}", {"LastName": "x"}), 404, "ENTITY_IS_DELETED")
    refused(http.get(f"/sobjects/Contact/{key}"), 404, "ENTITY_IS_DELETED")
    refused(http.post("/sobjects/Task", {"WhoId": key}), 400, "ENTITY_IS_DELETED")


def test_assignment_rule_takes_leads_unless_told_not_to(twin: SalesforceTwin, http: Client) -> None:
    anna, rule = twin.seed_user(name="Anna"), twin.seed_queue("Inbound")
    twin.set(assigns_leads_to=rule)
    body = {"LastName": "x", "Company": "x", "OwnerId": anna}
    for headers, owner in (({}, rule), ({"Sforce_Auto_Assign": "TRUE"}, rule), ({"Sforce_Auto_Assign": "FALSE"}, anna)):
        http.post("/sobjects/Lead", body, **headers)
        assert twin.records("lead")[-1]["owner"] == owner
    http.made("Contact", LastName="x", OwnerId=anna)
    assert twin.records("contact")[-1]["owner"] == anna


def test_inactive_owner_is_refused(twin: SalesforceTwin, http: Client) -> None:
    left = twin.seed_user(name="Left", active=False)
    refused(http.post("/sobjects/Contact", {"LastName": "x", "OwnerId": left}), 400, "INACTIVE_OWNER_OR_USER")
    twin.set(refuse_inactive_owner=False)
    assert http.made("Contact", LastName="x", OwnerId=left)


def test_contact_of_an_opportunity_is_set_on_creation_only(twin: SalesforceTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    key = http.made("Opportunity", Name="Order", StageName="Prospecting", CloseDate="2026-10-12", ContactId=contact)
    assert twin.records("deal")[0]["contact"] == contact
    (role,) = http.query(f"SELECT ContactId, IsPrimary FROM OpportunityContactRole WHERE OpportunityId='{key}'")
    assert (role["ContactId"], role["IsPrimary"]) == (contact, True)
    refused(http.patch(f"/sobjects/Opportunity/{key}", {"ContactId": contact}), 400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_converted_lead_points_to_what_it_became_and_is_read_only(twin: SalesforceTwin, http: Client) -> None:
    key = twin.seed_lead(phone=OLENA, name="Olena")
    twin.set_status("lead", key, "converted")
    row = http.get(f"/sobjects/Lead/{key}").json()
    assert (row["IsConverted"], row["Status"]) == (True, "Closed - Converted")
    assert row["ConvertedContactId"] == twin.records("contact")[0]["id"]
    assert row["ConvertedOpportunityId"] == twin.records("deal")[0]["id"]
    refused(http.patch(f"/sobjects/Lead/{key}", {"LastName": "x"}), 400, "CANNOT_UPDATE_CONVERTED_LEAD")


def test_task_on_a_lead_has_no_what(twin: SalesforceTwin, http: Client) -> None:
    lead, account = twin.seed_lead(phone=OLENA), twin.seed_organization(name="Acme")
    refused(http.post("/sobjects/Task", {"WhoId": lead, "WhatId": account}), 400, "FIELD_INTEGRITY_EXCEPTION")
    key = http.made("Task", WhatId=account)
    refused(http.patch(f"/sobjects/Task/{key}", {"WhoId": lead}), 400, "FIELD_INTEGRITY_EXCEPTION")


def test_open_task_and_its_completion(twin: SalesforceTwin, http: Client) -> None:
    lead = twin.seed_lead(phone=OLENA)
    key = http.made("Task", Subject="Call back", WhoId=lead, ActivityDate="2026-09-12", IsReminderSet=True,
                    ReminderDateTime="2026-09-12T09:15:00.000+0000", Description="Missed\nhttps://r.example/1.mp3",
                    CallObject="c1/task")  # fmt: skip
    (write,) = twin.writes("task", "Task")
    assert (write.fields["completed"], write.fields["due_at"]) == (False, "2026-09-12T09:15:00Z")
    assert (write.fields["targets"], write.fields["marker"]) == ([["lead", lead]], "c1/task")
    assert write.fields["recording"] == "https://r.example/1.mp3"
    http.patch(f"/sobjects/Task/{key}", {"Status": "Completed"})
    assert dict(twin.writes("complete_task")[0].fields) == {"completed": True}
    assert http.get(f"/sobjects/Task/{key}", fields="IsClosed").json()["IsClosed"] is True
    refused(http.patch(f"/sobjects/Task/{key}", {"TaskSubtype": "Call"}), 400, "INVALID_FIELD_FOR_INSERT_UPDATE")


@pytest.mark.parametrize(
    ("body", "do", "kind"),
    [
        ({}, "task", "Task"), ({"Status": "Completed", "ActivityDate": "2026-09-12"}, "task", "Task"),
        ({"Status": "Completed", "ActivityDate": "2026-09-12", "TaskSubtype": "Call"}, "task", "Call"),
        ({"Status": "Completed", "ActivityDate": "2026-09-12", "TaskSubtype": "Call", "CallType": "Inbound"}, "log", "call"),
        ({"Status": "Completed"}, "note", "note"),
    ],
)  # fmt: skip
def test_tasks_calls_and_notes_are_told_apart(twin: SalesforceTwin, http: Client, body: Json, do: str, kind: str) -> None:
    http.made("Task", Subject="x", Description="text\nPatchcord c1/x", **body)
    (write,) = twin.ledger
    assert (write.do, write.kind, write.fields["marker"], write.fields["due_at"]) == (do, kind, "c1/x", None)
    assert len(twin.tasks()) == (do != "note")


def test_modern_note_takes_two_records(twin: SalesforceTwin, http: Client) -> None:
    lead = twin.seed_lead(phone=OLENA)
    content = base64.b64encode(b"<p>Price list</p><p>Patchcord c1/n</p>").decode()
    note = {"method": "POST", "url": f"{DATA}/sobjects/ContentNote", "referenceId": "note",
            "body": {"Title": "Form", "Content": content}}  # fmt: skip
    link = {"method": "POST", "url": f"{DATA}/sobjects/ContentDocumentLink", "referenceId": "link",
            "body": {"ContentDocumentId": "@{note.id}", "LinkedEntityId": lead, "ShareType": "V"}}  # fmt: skip
    assert composite(http, note, link) == [201, 201]
    (write,) = twin.writes("note")
    assert (write.fields["title"], write.fields["targets"], write.fields["marker"]) == ("Form", [["lead", lead]], "c1/n")


# ---- several at once (6.4, 8.6)


def composite(http: Client, *parts: Json, whole: bool = True, headers: dict[str, str] | None = None) -> list[int]:
    body = {"allOrNone": whole, "compositeRequest": list(parts)}
    answer = http.send("POST", f"{DATA}/composite", json=body, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return [part["httpStatusCode"] for part in answer.json()["compositeResponse"]]


def part(target: str, name: str, **body: Any) -> Json:
    return {"method": "POST", "url": f"{DATA}/sobjects/{target}", "referenceId": name, "body": body}


def test_linked_set_in_one_call(twin: SalesforceTwin, http: Client) -> None:
    link = twin.seed_link("lead", "Related_Contact", "contact")
    parts = [
        part("Account", "acc", Name="Acme"),
        part("Contact", "con", LastName="K.", AccountId="@{acc.id}"),
        part("Lead", "lead", LastName="K.", Company="Acme", **{link: "@{con.id}"}),
        part("Task", "task", Subject="Call back", WhoId="@{lead.id}"),
    ]
    answer = http.post("/composite", {"allOrNone": True, "compositeRequest": parts})
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/15000"
    shown = answer.json()["compositeResponse"]
    assert [(one["referenceId"], one["httpStatusCode"]) for one in shown] == [(one["referenceId"], 201) for one in parts]
    account, contact, lead, task = twin.ledger
    assert contact.fields["organization"] == account.id
    assert lead.fields["contact"] == contact.id == twin.records("lead")[0]["contact"]
    assert task.fields["targets"] == [["lead", lead.id]]
    assert shown[0]["httpHeaders"]["Location"] == f"{DATA}/sobjects/Account/{account.id}"


def test_reference_stands_in_addresses_too(twin: SalesforceTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA, name="Olena")
    change = {
        "method": "PATCH",
        "url": f"{DATA}/sobjects/Contact/{contact}",
        "referenceId": "con",
        "body": {"AccountId": "@{acc.id}"},
    }
    read = {"method": "GET", "url": f"{DATA}/sobjects/Account/@{{acc.id}}?fields=Name", "referenceId": "read"}
    answer = http.post("/composite", {"compositeRequest": [part("Account", "acc", Name="Acme"), change, read]}).json()
    account, changed, shown = answer["compositeResponse"]
    assert (changed["httpStatusCode"], changed["body"]) == (204, None)
    assert shown["body"]["Name"] == "Acme"
    assert twin.records("contact")[0]["organization"] == account["body"]["id"]


def test_one_failure_rolls_everything_back(twin: SalesforceTwin, http: Client) -> None:
    parts = [part("Account", "acc", Name="Acme"), part("Lead", "lead", LastName="x"), part("Account", "more", Name="More")]
    answer = http.post("/composite", {"allOrNone": True, "compositeRequest": parts}).json()["compositeResponse"]
    assert [one["httpStatusCode"] for one in answer] == [400, 400, 400]
    codes = [one["body"][0]["errorCode"] for one in answer]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert (twin.ledger, twin.records("organization")) == ((), [])


def test_without_all_or_none_the_rest_stays(twin: SalesforceTwin, http: Client) -> None:
    parts = [part("Account", "acc", Phone=OLENA), part("Contact", "con", LastName="x", AccountId="@{acc.id}"),
             part("Account", "more", Name="More")]  # fmt: skip
    assert composite(http, *parts, whole=False) == [400, 400, 201]
    assert [write.fields["name"] for write in twin.ledger] == ["More"]


def test_what_cannot_be_in_a_composite_call(http: Client) -> None:
    search = {"method": "GET", "url": f"{DATA}/search?q=FIND+%7B67%7D", "referenceId": "s"}
    assert composite(http, search, whole=False) == [400]
    body = {"compositeRequest": [part("Account", f"r{number}", Name="x") for number in range(26)]}
    refused(http.post("/composite", body), 400, "JSON_PARSER_ERROR")
    query = {"method": "GET", "url": f"{DATA}/query?q=SELECT+Id+FROM+Lead"}
    queries = [{**query, "referenceId": f"r{number}"} for number in range(6)]
    refused(http.post("/composite", {"compositeRequest": queries}), 400, "LIMIT_EXCEEDED")
    refused(http.post("/composite", {"compositeRequest": [part("Account", "a", Name="x")] * 2}), 400, "INVALID_INPUT")
    refused(http.post("/composite", {"compositeRequest": [part("Account", "a b", Name="x")]}), 400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(("work", "outer", "kept"), [(True, False, True), (False, False, False), (False, True, True)])
def test_headers_of_parts(twin: SalesforceTwin, http: Client, work: bool, outer: bool, kept: bool) -> None:
    anna = twin.seed_user(name="Anna")
    twin.set(assigns_leads_to=twin.seed_user(name="Rule"), part_headers=work)
    lead = part("Lead", "lead", LastName="x", Company="x", OwnerId=anna) | {"httpHeaders": {"Sforce-Auto-Assign": "FALSE"}}
    composite(http, lead, headers={"Sforce-Auto-Assign": "FALSE"} if outer else {})
    assert (twin.records("lead")[0]["owner"] == anna) is kept


def test_batch_answers_each_part(twin: SalesforceTwin, http: Client) -> None:
    twin.seed_lead(phone=OLENA)
    urls = ("v67.0/search?q=FIND%20%7B380671234567%7D%20IN%20PHONE%20FIELDS%20RETURNING%20Lead(Id)",
            "v67.0/query?q=SELECT+Id+FROM+Lead+WHERE+Phone='%2B380671234567'", "v67.0/query?q=x")  # fmt: skip
    body = {"batchRequests": [{"method": "GET", "url": url} for url in urls]}
    answer = http.post("/composite/batch", body).json()
    assert answer["hasErrors"] is True
    assert [part["statusCode"] for part in answer["results"]] == [200, 200, 400]
    assert len(answer["results"][0]["result"]["searchRecords"]) == answer["results"][1]["result"]["totalSize"] == 1
    assert answer["results"][2]["result"][0]["errorCode"] == "MALFORMED_QUERY"


def test_batch_can_stop_at_the_first_error(twin: SalesforceTwin, http: Client) -> None:
    create = {"method": "POST", "url": "v67.0/sobjects/Account", "richInput": {"Name": "Acme"}}
    body = {"haltOnError": True, "batchRequests": [create, {"method": "GET", "url": "v67.0/query?q=x"}, create]}
    answer = http.post("/composite/batch", body).json()
    assert [part["statusCode"] for part in answer["results"]] == [201, 400, 412]
    assert len(twin.ledger) == 1


# ---- external ids and duplicates (15)


def test_upsert_makes_once(twin: SalesforceTwin, http: Client) -> None:
    field_name = twin.seed_field("task", "Telephony_Event_Id", "marker")
    path = f"/sobjects/Task/{field_name}/ringostat-5f2c"
    first, second = http.patch(path, {"Subject": "Call"}), http.patch(path, {"Subject": "Incoming call"})
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"], second.json()["id"]) == (200, False, first.json()["id"])
    refused(http.post("/sobjects/Task", {field_name: "ringostat-5f2c"}), 400, "DUPLICATE_VALUE")
    twin.state.add("Task", {field_name: "ringostat-5f2c", "Subject": "Twice", "Status": "Not Started"}, "")
    several = http.patch(path, {"Subject": "x"})
    assert (several.status_code, len(several.json())) == (300, 2)
    refused(http.patch("/sobjects/Task/Subject__c/x", {}), 400, "INVALID_FIELD")


@pytest.mark.parametrize(
    ("rule", "header", "status"),
    [
        ("alert", "", 400), ("alert", "allowSave=true", 201), ("alert", "allowSave=true, includeRecordDetails=true", 201),
        ("block", "allowSave=true", 400), ("off", "", 201),
    ],
)  # fmt: skip
def test_duplicate_rules(twin: SalesforceTwin, http: Client, rule: str, header: str, status: int) -> None:
    there = twin.seed_lead(phone="067 123 4567", name="Olena")
    twin.set(duplicate_rule=rule)
    headers = {"Sforce_Duplicate_Rule_Header": header} if header else {}
    answer = http.post("/sobjects/Lead", {"LastName": "x", "Company": "x", "MobilePhone": OLENA}, **headers)
    assert answer.status_code == status
    if status == 400:
        result = refused(answer, 400, "DUPLICATES_DETECTED")["duplicateResult"]
        assert result["allowSave"] is (rule == "alert")
        assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == there


def test_details_of_a_duplicate_are_told_when_wanted(twin: SalesforceTwin, http: Client) -> None:
    twin.seed_lead(phone=OLENA, name="Olena")
    twin.set(duplicate_rule="block")
    body = {"LastName": "x", "Company": "x", "Phone": OLENA}
    answer = http.post("/sobjects/Lead", body, Sforce_Duplicate_Rule_Header="includeRecordDetails=true")
    found = answer.json()[0]["duplicateResult"]["matchResults"][0]["matchRecords"][0]["record"]
    assert (found["attributes"]["type"], found["Name"], found["Phone"]) == ("Lead", "Olena", OLENA)


# ---- the org (12, 13)


def test_description_of_an_object(twin: SalesforceTwin, http: Client) -> None:
    twin.seed_field("lead", "Source", "option", ("Phone", "Site"))
    twin.seed_field("lead", "patchcord_marker", "marker")
    twin.require_field("lead", twin.seed_field("lead", "Region"))
    fields = {one["name"]: one for one in http.get("/sobjects/Lead/describe").json()["fields"]}
    assert [value["value"] for value in fields["Source__c"]["picklistValues"]] == ["Phone", "Site"]
    assert (fields["patchcord_marker__c"]["externalId"], fields["patchcord_marker__c"]["unique"]) == (True, True)
    required = [
        name for name, one in fields.items() if one["createable"] and not one["nillable"] and not one["defaultedOnCreate"]
    ]
    assert required == ["LastName", "Company", "Region__c"]
    assert (fields["OwnerId"]["referenceTo"], fields["LastName"]["length"]) == (["User", "Group"], 80)
    assert fields["LastName"]["label"] == "Last Name"


def test_people_and_statuses_are_queried(twin: SalesforceTwin, http: Client) -> None:
    twin.seed_user(name="Boss", admin=True)
    twin.seed_user(name="Left", active=False)
    rows = http.query(
        "SELECT Name, Username, Profile.PermissionsModifyAllData FROM User WHERE IsActive=true AND UserType='Standard'"
    )
    assert [(row["Name"], row["Profile"]["PermissionsModifyAllData"]) for row in rows] == [("Integration", False), ("Boss", True)]
    assert len({row["Username"] for row in rows}) == 2
    closed = http.query("SELECT MasterLabel FROM TaskStatus WHERE IsClosed=true")
    assert [row["MasterLabel"] for row in closed] == ["Completed"]
    converted = http.query("SELECT MasterLabel FROM LeadStatus WHERE IsConverted=true")
    assert [row["MasterLabel"] for row in converted] == ["Closed - Converted"]


# ---- seeds and what people do


@pytest.mark.parametrize(
    ("kind", "status", "stored", "is_open"),
    [
        ("lead", "open", "open", True), ("lead", "archived", "closed", False), ("lead", "closed", "closed", False),
        ("lead", "converted", "converted", False), ("deal", "open", "open", True), ("deal", "won", "won", False),
        ("deal", "lost", "lost", False), ("deal", "archived", "lost", False),
    ],
)  # fmt: skip
def test_seeds_in_any_status(twin: SalesforceTwin, kind: str, status: Any, stored: str, is_open: bool) -> None:
    contact = twin.seed_contact(phone=OLENA)
    getattr(twin, f"seed_{kind}")(phone=OLENA, contact=contact, status=status, updated=NOON - timedelta(days=1))
    (row,) = twin.records(kind)
    assert (row["status"], row["open"], row["updated_at"]) == (stored, is_open, "2026-09-11T12:00:00.000+0000")
    twin.set_status(kind, row["id"], "open")
    assert twin.ledger == ()


def test_contact_of_a_deal_is_adopted(twin: SalesforceTwin) -> None:
    deal = twin.seed_deal(phone=OLENA)
    contact = twin.seed_contact(phone=OLENA, name="Olena")
    (row,) = twin.records("contact")
    assert (row["id"], row["name"]) == (contact, "Olena")
    assert twin.records("deal")[0] == {**twin.records("deal")[0], "id": deal, "contact": contact}
    assert twin.seed_deal(phone=OLENA) != deal
    assert len(twin.records("contact")) == 1


def test_people_change_things_in_the_crm(twin: SalesforceTwin, http: Client) -> None:
    anna, lead = twin.seed_user(name="Anna"), twin.seed_lead(phone=OLENA)
    twin.set_owner("lead", lead, anna)
    assert http.get(f"/sobjects/Lead/{lead}", fields="OwnerId").json()["OwnerId"] == anna
    task = twin.seed_task(title="Call", assignee=anna, due_at=NOON, targets=[("lead", lead)])
    assert (twin.tasks()[0]["due_at"], twin.tasks()[0]["targets"]) == ("2026-09-12T12:00:00Z", [["lead", lead]])
    twin.finish_task(task)
    assert twin.tasks()[0]["completed"] is True
    twin.remove("task", task)
    assert (twin.tasks(), twin.ledger) == ([], ())


def test_attribution_of_a_seed_finds_its_field(twin: SalesforceTwin) -> None:
    field_name = twin.seed_field("lead", "patchcord_utm_source")
    lead = twin.seed_lead(phone=OLENA, attribution={"utm_source": "google", "utm_medium": "cpc"})
    row = twin.state.row(lead) or {}
    assert (row[field_name], row["utm_medium__c"]) == ("google", "cpc")
    assert twin.records("lead")[0]["attribution"] == {"utm_source": "google", "utm_medium": "cpc"}


def test_reset_makes_the_org_anew(twin: SalesforceTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    requests.post(f"{http.url}/_twin/reset", timeout=5)
    assert http.get("/limits").status_code == 401
    assert [row["Name"] for row in twin.state.table("User").values()] == ["Integration"]


# ---- misbehaviour


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault("status", status=429), 403, "REQUEST_LIMIT_EXCEEDED"), (Fault("status", status=500), 500, "UNKNOWN_EXCEPTION"),
        (Fault("expired_token"), 401, "INVALID_SESSION_ID"), (Fault("missing_right"), 403, "INSUFFICIENT_ACCESS_OR_READONLY"),
        (Fault("refuse", words="No"), 400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
    ],
)  # fmt: skip
def test_faults_have_the_vendor_s_shape(twin: SalesforceTwin, http: Client, fault: Fault, status: int, code: str) -> None:
    twin.misbehave(fault)
    answer = http.get("/limits")
    refused(answer, status, code)
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=")


def test_lost_answer_is_a_done_write(twin: SalesforceTwin, http: Client) -> None:
    twin.misbehave(Fault("lose_answer", method="POST", path="/sobjects/Lead"))
    with pytest.raises(requests.ConnectionError):
        http.session.post(
            f"{http.url}{DATA}/sobjects/Lead", json={"LastName": "x", "Company": "x"}, headers=http.headers, timeout=5
        )
    assert len(twin.writes("create", "lead")) == 1


def test_connection_is_enough_to_come_in(twin: SalesforceTwin, http: Client) -> None:
    connection = twin.connection(http.url)
    assert connection.options == {"base_url": http.url}
    assert set(connection.secrets) == {"client_id", "client_secret", "grant"}
