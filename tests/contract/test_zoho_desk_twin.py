"""The Zoho Desk twin against its reference (crm_zohodesk.md), by plain requests.

Every answer of every test is also held against the composed contract file, where that is at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.zoho_desk import Account, ZohoDeskTwin
from tests.contract.crm_contract import validator

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
OLENA = "+380501234567"
Json = dict[str, Any]


@dataclass
class Client:
    """A session that knows the twin's address and holds every exchange against the documentation."""

    url: str
    session: requests.Session
    headers: dict[str, str]
    violations: list[str] = field(default_factory=list)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        answer = self.session.request(method, f"{self.url}/api/v1{path}", headers=self.headers, timeout=10, **more)
        body = answer.request.body
        exchange = {
            "vendor": "zoho_desk", "method": method, "url": answer.url, "request_headers": dict(answer.request.headers),
            "request_body": body.decode("utf-8", "replace") if isinstance(body, bytes) else body,
            "status": answer.status_code, "response_headers": dict(answer.headers), "response_body": answer.text,
            "elapsed_ms": 1.0,
        }  # fmt: skip
        check = validator()
        # what the server refuses need not be a documented request, but the refusal itself is documented
        found = check(exchange) if check else []
        refused = answer.status_code >= 400
        self.violations += [sentence for sentence in found if not refused or ": response " in sentence]
        return answer

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.send("GET", path, params={name.rstrip("_"): value for name, value in params.items()})

    def rows(self, path: str, **params: Any) -> list[Json]:
        answer = self.get(path, **params)
        if answer.status_code == 204:
            assert answer.content == b""
            return []
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["data"]
        return found

    def ids(self, path: str, **params: Any) -> list[str]:
        return [row["id"] for row in self.rows(path, **params)]

    def made(self, path: str, body: Json, method: str = "POST") -> Json:
        answer = self.send(method, path, json=body)
        assert answer.status_code == 200, answer.text
        row: Json = answer.json()
        return row

    def refused(self, path: str, body: Json, status: int = 422, method: str = "POST") -> Json:
        answer = self.send(method, path, json=body)
        assert answer.status_code == status, answer.text
        error: Json = answer.json()
        return error

    def field_refused(self, path: str, body: Json, method: str = "POST") -> tuple[str, str]:
        error = self.refused(path, body, 422, method)
        assert error["errorCode"] == "INVALID_DATA"
        return error["errors"][0]["fieldName"], error["errors"][0]["errorType"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> ZohoDeskTwin:
    return ZohoDeskTwin(clock=clock)


@pytest.fixture
def http(twin: ZohoDeskTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        headers = {"Authorization": f"Zoho-oauthtoken {twin.grant().access}", "orgId": twin.account.org_id}
        client = Client(running.url, session, headers)
        yield client
        assert client.violations == []


def contact_body(**more: Any) -> Json:
    return {"lastName": "Koval", "firstName": "Olena", "phone": OLENA, **more}


def ticket_body(twin: ZohoDeskTwin, **more: Any) -> Json:
    return {"subject": "Call", "departmentId": twin.department, **more}


def call_body(twin: ZohoDeskTwin, **more: Any) -> Json:
    return {"subject": "Call", "departmentId": twin.department, "direction": "inbound", "status": "Completed",
            "startTime": "2026-09-12T08:13:40.000Z", "duration": 74, **more}  # fmt: skip


# ---- signing in (1)


def oauth(http: Client, **form: str) -> Json:
    secrets = {"client_id": Account().client_id, "client_secret": Account().client_secret}
    answer = http.session.post(f"{http.url}/oauth/v2/token", data={**secrets, **form}, timeout=10)
    assert answer.status_code == 200
    facts: Json = answer.json()
    return facts


def test_scheme_is_zoho_s_own(twin: ZohoDeskTwin, http: Client) -> None:
    token = twin.grant().access
    for header in (f"Bearer {token}", token, "Zoho-oauthtoken wrong", ""):
        http.headers["Authorization"] = header
        answer = http.get("/agents")
        assert (answer.status_code, answer.json()["errorCode"]) == (401, "INVALID_OAUTH")
    http.headers["Authorization"] = f"Zoho-oauthtoken {token}"
    assert http.rows("/agents")


def test_refreshing_gives_a_token_and_keeps_the_refresh_token(twin: ZohoDeskTwin, http: Client) -> None:
    refresh = twin.grant().refresh
    facts = oauth(http, grant_type="refresh_token", refresh_token=refresh)
    assert (facts["token_type"], facts["expires_in"], "refresh_token" in facts) == ("Bearer", 3600, False)
    assert "desk" not in facts["api_domain"]
    http.headers["Authorization"] = f"Zoho-oauthtoken {facts['access_token']}"
    assert http.rows("/agents")


def test_refusals_of_the_accounts_host_come_with_200(twin: ZohoDeskTwin, http: Client) -> None:
    refresh = twin.grant().refresh
    assert oauth(http, grant_type="refresh_token", refresh_token="wrong") == {"error": "invalid_code"}
    assert oauth(http, grant_type="refresh_token", refresh_token=refresh, client_secret="x") == {"error": "invalid_client"}
    assert oauth(http, grant_type="password")["error"] == "unsupported_grant_type"
    for _ in range(9):
        assert "access_token" in oauth(http, grant_type="refresh_token", refresh_token=refresh)


def test_eleventh_token_in_ten_minutes_is_denied(twin: ZohoDeskTwin, http: Client, clock: ManualClock) -> None:
    refresh = twin.grant().refresh
    answers = [oauth(http, grant_type="refresh_token", refresh_token=refresh) for _ in range(11)]
    assert [answer.get("error") for answer in answers] == [None] * 10 + ["Access Denied"]
    clock.advance(timedelta(minutes=10))
    assert "access_token" in oauth(http, grant_type="refresh_token", refresh_token=refresh)


def test_grant_code_is_good_once(twin: ZohoDeskTwin, http: Client) -> None:
    code = twin.grants.code()
    assert oauth(http, grant_type="authorization_code", code=code)["refresh_token"]
    assert oauth(http, grant_type="authorization_code", code=code) == {"error": "invalid_code"}


def test_access_token_ends_after_an_hour(http: Client, clock: ManualClock) -> None:
    clock.advance(timedelta(minutes=59))
    assert http.rows("/agents")
    clock.advance(timedelta(minutes=1))
    assert http.get("/agents").status_code == 401


@pytest.mark.parametrize(("given", "status", "code"), [("1", 403, "OAUTH_ORG_MISMATCH"), ("acme", 500, "INTERNAL_SERVER_ERROR")])
def test_portal_is_named_in_a_header(http: Client, given: str, status: int, code: str) -> None:
    http.headers["orgId"] = given
    answer = http.get("/agents")
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
    del http.headers["orgId"]
    assert http.get("/agents").status_code == 403
    assert [row["id"] for row in http.rows("/organizations")] == [Account().org_id]


def test_scopes_are_checked(twin: ZohoDeskTwin, http: Client) -> None:
    grant = twin.grant(scopes=("Desk.contacts.READ", "Desk.activities.tasks.ALL"))
    http.headers["Authorization"] = f"Zoho-oauthtoken {grant.access}"
    assert http.rows("/contacts") == http.rows("/tasks") == []
    assert http.refused("/contacts", contact_body(), 403)["errorCode"] == "SCOPE_MISMATCH"
    assert http.get("/contacts/search", phone=OLENA).status_code == 403


# ---- limits (2)


def test_every_answer_tells_its_price(twin: ZohoDeskTwin, http: Client) -> None:
    twin.set(credits=100)
    search, single = http.get("/contacts/search", phone=OLENA), http.send("POST", "/contacts", json=contact_body())
    told = [(answer.headers["X-Rate-Limit-Request-Weight-v3"], answer.headers["X-Rate-Limit-Remaining-v3"])
            for answer in (search, single)]  # fmt: skip
    assert told == [("3", "97"), ("1", "96")]


def test_spent_day_is_told_until_midnight(twin: ZohoDeskTwin, http: Client, clock: ManualClock) -> None:
    twin.set(credits=4)
    assert http.rows("/contacts/search", phone=OLENA) == []
    answer = http.get("/contacts/search", phone=OLENA)
    assert (answer.status_code, answer.json()["errorCode"]) == (429, "THRESHOLD_EXCEEDED")
    assert answer.headers["Retry-After"] == str(12 * 3600)
    clock.advance(timedelta(hours=12))
    http.headers["Authorization"] = f"Zoho-oauthtoken {twin.grant().access}"
    assert http.rows("/contacts/search", phone=OLENA) == []


def test_too_many_at_once_has_no_retry_after(twin: ZohoDeskTwin, http: Client) -> None:
    twin.misbehave(Fault("status", status=429))
    answer = http.get("/agents")
    assert (answer.json()["errorCode"], "Retry-After" in answer.headers) == ("TOO_MANY_REQUESTS", False)


# ---- errors (3)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("expired_token", 401, "INVALID_OAUTH"), ("missing_right", 403, "SCOPE_MISMATCH"), ("refuse", 400, "BAD_REQUEST"),
     ("status", 503, "INTERNAL_SERVER_ERROR")],
)  # fmt: skip
def test_faults_have_the_vendor_s_shape(twin: ZohoDeskTwin, http: Client, kind: Any, status: int, code: str) -> None:
    twin.misbehave(Fault(kind))
    answer = http.get("/agents")
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)


def test_bodies_are_json_objects(http: Client) -> None:
    assert http.refused("/contacts", {}, 400)["errorCode"] == "EMPTY_PAYLOAD"
    assert http.send("POST", "/contacts", data=b"{").status_code == 415
    http.headers["Content-Type"] = "application/json"
    assert http.send("POST", "/contacts", data=b"{").status_code == 400
    assert http.send("DELETE", "/contacts").status_code == 405
    assert http.send("GET", "/nothing").json()["errorCode"] == "URL_NOT_FOUND"


# ---- paging (4)


def test_lists_begin_at_one_and_searches_at_zero(twin: ZohoDeskTwin, http: Client) -> None:
    ids = [twin.seed_contact(phone=OLENA, name=f"Contact {number}") for number in range(5)]
    assert http.ids("/contacts", from_=1, limit=2) == ids[:2]
    assert http.ids("/contacts", from_=3, limit=2) == ids[2:4]
    assert http.ids("/contacts/search", phone=OLENA, from_=1, limit=2) == ids[1:3]
    assert http.get("/contacts", from_=6).status_code == 204


def test_search_gives_ten_by_default_and_tells_how_many_there_are(twin: ZohoDeskTwin, http: Client) -> None:
    for number in range(12):
        twin.seed_contact(phone=OLENA, name=f"Contact {number}")
    body = http.get("/contacts/search", phone=OLENA).json()
    assert (len(body["data"]), body["count"]) == (10, 12)


@pytest.mark.parametrize(
    "wrong", [{"limit": 101}, {"limit": 0}, {"from_": 5000}, {"from_": "x"}, {"sortBy": "-name"}, {"page": 1}]
)
def test_wrong_paging_is_refused(http: Client, wrong: Json) -> None:
    assert http.get("/contacts", **wrong).status_code == 422


def test_sorting_by_the_last_change(twin: ZohoDeskTwin, http: Client) -> None:
    old, new = (twin.seed_contact(name=str(days), updated=NOON - timedelta(days=days)) for days in (3, 1))
    assert http.ids("/contacts", sortBy="-modifiedTime") == [new, old]
    assert http.ids("/contacts", sortBy="modifiedTime") == [old, new]


# ---- search (5)


def test_number_is_compared_as_it_is_stored(twin: ZohoDeskTwin, http: Client) -> None:
    key = twin.seed_contact(phone="050 123 4567", name="Olena")
    assert http.ids("/contacts/search", phone="0501234567") == []
    for value in ("050 123 4567", "*4567", "050*", "0501234567,050 123 4567", "${notempty}"):
        assert http.ids("/contacts/search", phone=value) == [key]
    twin.set(index_strips=True)
    assert http.ids("/contacts/search", phone="0501234567") == [key]
    assert http.ids("/contacts/search", phone="*123-4567") == [key]


def test_parameters_are_joined_by_and(twin: ZohoDeskTwin, http: Client) -> None:
    key = twin.seed_contact(phone=OLENA, name="Olena")
    assert http.ids("/contacts/search", phone=OLENA, mobile=OLENA) == []
    assert http.ids("/contacts/search", phone=OLENA, mobile="${empty}") == [key]
    assert http.ids("/contacts/search", _all="*501234567") == [key]


def test_search_in_names_and_accounts(twin: ZohoDeskTwin, http: Client) -> None:
    acme = twin.seed_organization(name="Acme", phone=OLENA)
    key = twin.seed_contact(name="Olena Koval", organization=acme)
    assert http.ids("/contacts/search", fullName="olena koval") == http.ids("/contacts/search", accountName="Acme") == [key]
    assert http.ids("/accounts/search", phone=OLENA) == [acme]


def test_tickets_are_found_by_number_contact_status_and_custom_field(
    twin: ZohoDeskTwin, http: Client, clock: ManualClock
) -> None:
    name = twin.seed_field("deal", "patchcord_marker")
    contact = twin.seed_contact(name="Olena")
    first, held, closed = (twin.seed_deal(phone=OLENA, contact=contact, name=name) for name in ("A", "B", "C"))
    twin.set_ticket_status(held, "On Hold")
    twin.set_status("deal", closed, "closed")
    assert http.ids("/tickets/search", phone=f"*{OLENA[-9:]}", status="${open}") == [first]
    twin.set(open_macro_has_on_hold=True)
    assert http.ids("/tickets/search", contactId=contact, status="${open}") == [first, held]
    assert http.ids("/tickets/search", status="Closed,On Hold") == [held, closed]
    clock.advance(timedelta(minutes=1))
    http.made(f"/tickets/{first}", {"cf": {name: "c1:ticket"}}, "PATCH")
    assert http.ids("/tickets/search", customField1=f"{name}:c1*") == [first]
    assert http.ids(f"/contacts/{contact}/tickets", sortBy="-modifiedTime")[0] == first


@pytest.mark.parametrize(
    "wrong", [{}, {"limit": 5}, {"_all": "ab"}, {"phone": ",".join("1" * 31)}, {"customField1": "x"}, {"cf": "1"}]
)
def test_wrong_searches_are_refused(http: Client, wrong: Json) -> None:
    assert http.get("/contacts/search", **wrong).status_code == 422


def test_search_lags_and_lists_do_not(twin: ZohoDeskTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(seconds=20)
    key = http.made("/contacts", contact_body())["id"]
    assert (http.ids("/contacts/search", phone=OLENA), http.ids("/contacts")) == ([], [key])
    clock.advance(timedelta(seconds=20))
    assert http.ids("/contacts/search", phone=OLENA) == [key]


def test_short_lists_leave_out_the_long_parts(twin: ZohoDeskTwin, http: Client) -> None:
    key = twin.seed_contact(phone=OLENA, name="Olena", attribution={"utm_source": "google"})
    assert http.rows("/contacts/search", phone=OLENA)[0]["cf"] == {"cf_utm_source": "google"}
    twin.set(short_lists=True)
    assert "cf" not in http.rows("/contacts/search", phone=OLENA)[0]
    assert "cf" in http.get(f"/contacts/{key}").json()


# ---- records (6, 7)


def test_creations_answer_200_with_the_whole_record(twin: ZohoDeskTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    acme = http.made("/accounts", {"accountName": "Acme", "ownerId": anna})
    contact = http.made("/contacts", contact_body(accountId=acme["id"], ownerId=anna))
    body = ticket_body(twin, contactId=contact["id"], phone=OLENA, assigneeId=anna, channel="Phone")
    ticket = http.made("/tickets", body)
    assert (ticket["status"], ticket["statusType"], ticket["ticketNumber"]) == ("Open", "Open", "101")
    assert len(ticket["id"]) == 18
    assert ticket["createdTime"] == "2026-09-12T12:00:00.000Z"
    assert ticket["id"] in ticket["webUrl"]
    accounts, contacts, tickets = twin.ledger
    assert (accounts.kind, accounts.fields["name"], accounts.fields["owner"]) == ("organization", "Acme", anna)
    assert (contacts.fields["name"], contacts.fields["organization"]) == ("Olena Koval", acme["id"])
    linked = {name: tickets.fields[name] for name in ("name", "owner", "contact", "organization", "phone", "pipeline", "stage")}
    assert linked == {"name": "Call", "owner": anna, "contact": contact["id"], "organization": acme["id"], "phone": OLENA,
                      "pipeline": twin.department, "stage": "Open"}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("/contacts", {"firstName": "Olena"}, ("/lastName", "missing")),
        ("/contacts", contact_body(lastName="x" * 101), ("/lastName", "invalid")),
        ("/contacts", contact_body(ownerId="99"), ("/ownerId", "invalid")),
        ("/contacts", contact_body(ownerId=99), ("/ownerId", "invalid")),
        ("/contacts", contact_body(accountId="99"), ("/accountId", "invalid")),
        ("/contacts", contact_body(nick="O"), ("/nick", "invalid")),
        ("/contacts", contact_body(cf={"cf_none": "x"}), ("/cf/cf_none", "invalid")),
        ("/accounts", {"phone": OLENA}, ("/accountName", "missing")),
        ("/tickets", {"subject": "Call"}, ("/departmentId", "missing")),
    ],
)
def test_wrong_bodies_are_refused_by_field(http: Client, path: str, body: Json, wrong: tuple[str, str]) -> None:
    assert http.field_refused(path, body) == wrong


def test_ticket_needs_a_contact(twin: ZohoDeskTwin, http: Client) -> None:
    assert http.field_refused("/tickets", ticket_body(twin)) == ("/contactId", "missing")
    assert http.field_refused("/tickets", ticket_body(twin, contact={"firstName": "O"})) == ("/contact/lastName", "missing")
    ticket = http.made("/tickets", ticket_body(twin, contact={"lastName": "Olena"}))
    assert twin.records("contact")[0]["id"] == ticket["contactId"]


def test_email_is_unique(twin: ZohoDeskTwin, http: Client) -> None:
    key = http.made("/contacts", contact_body(email="o@example.com"))["id"]
    assert http.field_refused("/contacts", contact_body(email="O@example.com")) == ("/email", "duplicate")
    http.made(f"/contacts/{key}", {"email": "o@example.com"}, "PATCH")
    twin.set(unique_email=False)
    http.made("/contacts", contact_body(email="o@example.com"))


def test_changes_are_told_alone(twin: ZohoDeskTwin, http: Client) -> None:
    key = twin.seed_contact(name="Olena Koval", phone=OLENA)
    name = twin.seed_field("contact", "patchcord_utm_source")
    http.made(f"/contacts/{key}", {"cf": {name: "google"}}, "PATCH")
    assert dict(twin.ledger[0].fields) == {"attribution": {"utm_source": "google"}}
    assert http.refused("/contacts/1", {"phone": "1"}, 404, "PATCH")["errorCode"] == "URL_NOT_FOUND"


def test_status_has_a_type(twin: ZohoDeskTwin, http: Client) -> None:
    key = twin.seed_deal(phone=OLENA)
    assert http.made(f"/tickets/{key}", {"status": "Closed"}, "PATCH")["statusType"] == "Closed"
    assert http.get(f"/tickets/{key}").json()["closedTime"]
    assert http.field_refused(f"/tickets/{key}", {"status": "Won"}, "PATCH") == ("/status", "invalid")


def test_custom_values_must_fit(twin: ZohoDeskTwin, http: Client) -> None:
    line, size = twin.seed_field("contact", "Line"), twin.seed_field("contact", "Size", "number")
    source = twin.seed_field("contact", "Source", "option", ("Phone",))
    for name, value in ((line, "x" * 101), (line, 5), (size, "many"), (source, "Fax")):
        assert http.field_refused("/contacts", contact_body(cf={name: value})) == (f"/cf/{name}", "invalid")
    http.made("/contacts", contact_body(cf={line: None, size: "5", source: "Phone"}))
    assert twin.ledger[0].fields["fields"] == {"Size": "5", "Source": "Phone"}
    twin.set(numbers_as_texts=False)
    assert http.field_refused("/contacts", contact_body(cf={size: "5"})) == (f"/cf/{size}", "invalid")


# ---- tasks, calls, comments (8-10)


def test_task_can_be_born_done(twin: ZohoDeskTwin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    text = "Missed\nhttps://records.example/1.mp3\nPatchcord c1:task"
    body = {"departmentId": twin.department, "subject": "Call", "contactId": contact, "description": text, "status": "Completed"}
    task = http.made("/tasks", body)
    assert (task["statusType"], task["completedTime"]) == ("Closed", "2026-09-12T12:00:00.000Z")
    (write,) = twin.writes("task")
    assert (write.fields["completed"], write.fields["marker"]) == (True, "c1:task")
    assert write.fields["recording"] == "https://records.example/1.mp3"
    assert write.fields["targets"] == [["contact", contact]]


def test_task_is_closed_once(twin: ZohoDeskTwin, http: Client) -> None:
    due = datetime(2026, 9, 13, 10, 30, tzinfo=UTC)
    key = twin.seed_task(title="Call back", due_at=due)
    assert twin.tasks()[0]["due_at"] == "2026-09-13T10:30:00Z"
    for _ in range(2):
        http.made(f"/tasks/{key}", {"status": "Completed"}, "PATCH")
    assert [(write.do, write.id) for write in twin.ledger] == [("complete_task", key)]
    assert http.field_refused(f"/tasks/{key}", {"dueDate": "2026-09-13"}, "PATCH") == ("/dueDate", "invalid")


def test_task_needs_subject_and_department(twin: ZohoDeskTwin, http: Client) -> None:
    assert http.field_refused("/tasks", {"subject": "x"}) == ("/departmentId", "missing")
    body = {"departmentId": twin.department, "subject": "x" * 301}
    assert http.field_refused("/tasks", body) == ("/subject", "invalid")
    assert http.field_refused("/tasks", {**body, "subject": "x", "accountId": "1"}) == ("/accountId", "invalid")


def test_call_needs_a_contact_and_has_a_recording(twin: ZohoDeskTwin, http: Client) -> None:
    assert http.field_refused("/calls", call_body(twin)) == ("/contactId", "missing")
    body = call_body(twin, contactId=twin.seed_contact(phone=OLENA))
    assert http.field_refused("/calls", {**body, "status": "Answered"}) == ("/status", "invalid")
    assert http.field_refused("/calls", {**body, "recordingUrl": "x"}) == ("/recordingUrl", "invalid")
    call = http.made("/calls", body)
    http.made(f"/calls/{call['id']}", {"recordingUrl": "https://records.example/1"}, "PATCH")
    log, update = twin.ledger
    assert (log.do, log.kind, log.fields["talk_seconds"], log.fields["outcome"]) == ("log", "call", 74, "Completed")
    assert dict(update.fields) == {"recording": "https://records.example/1"}


def test_activities_are_listed_and_those_of_a_ticket_apart(twin: ZohoDeskTwin, http: Client) -> None:
    ticket = twin.seed_deal(phone=OLENA)
    mine, other = twin.seed_task(title="A", targets=[("deal", ticket)]), twin.seed_task(title="B")
    assert http.ids(f"/tickets/{ticket}/tasks") == [mine]
    assert http.ids("/tasks", sortBy="-modifiedTime") == [other, mine]
    assert http.ids("/calls") == []


def test_comments_are_public_unless_they_say_so(twin: ZohoDeskTwin, http: Client) -> None:
    ticket, contact = twin.seed_deal(phone=OLENA), twin.seed_contact(phone=OLENA)
    body = {"content": "a <b>\nPatchcord c1:note", "contentType": "plainText"}
    http.made(f"/tickets/{ticket}/comments", body)
    http.made(f"/contacts/{contact}/comments", {**body, "isPublic": False})
    first, second = twin.writes("note")
    assert [write.fields["public"] for write in (first, second)] == [True, False]
    assert (first.fields["text"], first.fields["marker"]) == ("a <b>\nPatchcord c1:note", "c1:note")
    assert (first.fields["targets"], second.fields["targets"]) == ([["deal", ticket]], [["contact", contact]])
    assert [row["content"] for row in http.rows(f"/tickets/{ticket}/comments")] == [body["content"]]
    assert http.field_refused(f"/tickets/{ticket}/comments", {"content": ""}) == ("/content", "missing")


# ---- the account (11)


def test_agents_departments_and_fields(twin: ZohoDeskTwin, http: Client) -> None:
    left = twin.seed_user(name="Left Long", email="left@example.com", active=False)
    closed = twin.seed_department("Closed", enabled=False)
    assert http.ids("/agents", limit=200) == [twin.admin, left]
    assert http.ids("/agents", status="ACTIVE") == [twin.admin]
    assert http.get(f"/agents/{left}").json()["status"] == "DISABLED"
    assert closed not in http.ids("/departments", isEnabled="true")
    own = twin.seed_field("deal", "patchcord_utm_source", "option", ("a",))
    rows = {row["apiName"]: row for row in http.rows("/fields", module="tickets")}
    assert own == "cf_patchcord_utm_source"
    assert (rows[own]["isCustomField"], rows[own]["allowedValues"]) == (True, [{"value": "a"}])
    assert not rows["subject"]["isCustomField"]
    assert http.get("/fields", module="deals").status_code == 422


# ---- seeding


def test_there_are_no_leads(twin: ZohoDeskTwin) -> None:
    with pytest.raises(NotImplementedError, match="no leads"):
        twin.seed_lead(name="x")
    with pytest.raises(NotImplementedError, match="no leads"):
        twin.seed_field("lead", "x")


def test_seeded_ticket_s_contact_is_adopted(twin: ZohoDeskTwin) -> None:
    ticket = twin.seed_deal(phone=OLENA)
    contact = twin.seed_contact(phone=OLENA, name="Olena")
    assert [row["id"] for row in twin.records("contact")] == [contact]
    assert twin.records("deal")[0] | {"id": ticket, "contact": contact, "open": True} == twin.records("deal")[0]
    assert twin.seed_contact(phone=OLENA) != contact


def test_people_work_in_desk_s_own_pages(twin: ZohoDeskTwin) -> None:
    anna, ticket, task = twin.seed_user(name="Anna"), twin.seed_deal(phone=OLENA, status="won"), twin.seed_task(title="x")
    assert not twin.records("deal")[0]["open"]
    twin.set_status("deal", ticket, "open")
    twin.set_owner("deal", ticket, anna)
    twin.finish_task(task)
    assert (twin.records("deal")[0]["open"], twin.records("deal")[0]["owner"]) == (True, anna)
    assert twin.tasks()[0]["completed"]
    twin.remove("deal", ticket)
    twin.remove("task", task)
    assert (twin.records("deal"), twin.tasks(), twin.ledger) == ([], [], ())


def test_connection_names_everything_a_project_needs(twin: ZohoDeskTwin) -> None:
    given = twin.connection("http://twin")
    assert set(given.options) == {"base_url", "accounts_url", "org_id", "portal", "department_id"}
    assert set(given.secrets) == {"client_id", "client_secret", "grant"}
    twin.reset()
    assert twin.records("contact") == []
