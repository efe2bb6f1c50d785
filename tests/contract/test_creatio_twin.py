"""The Creatio twin is like Creatio (crm_creatio.md): requests as a client sends them, judged by the documentation's check."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from sandbox.twins.base import ManualClock, serve
from sandbox.twins.creatio import TWIN, CreatioTwin
from sandbox.twins.creatio.schema import COMPLETED, MOBILE, NEVER, NOBODY
from tests.contract.crm_contract import validator

Json = Any
NOON = datetime(2026, 9, 10, 12, 0, tzinfo=UTC)
OLENA, REVERSED = "+380 (67) 123-45-67", "765432176083"
ID = "5b1d9a52-9d0f-5d4e-8d1b-0a6f3a4a9b{:02d}"
EXACT = "application/json; charset=utf-8; IEEE754Compatible=true"
CHECK = validator()


@dataclass
class Client:
    """Calls of the interface, each kept as an exchange for the check."""

    url: str
    session: requests.Session
    headers: Mapping[str, str]
    root: str = "/0"
    exchanges: list[Json] = field(default_factory=list)

    def call(
        self, method: str, resource: str, body: Json = None, /, *, content: str = EXACT, **options: str
    ) -> requests.Response:
        query = "&".join(f"${name}={quote(value)}" for name, value in options.items())
        url = f"{self.url}{self.root}/odata/{resource}{'?' if query else ''}{query}"
        headers = {**self.headers, "Accept": "application/json", **({"Content-Type": content} if body is not None else {})}
        answer = self.session.request(method, url, json=body, headers=headers, allow_redirects=False)
        shown = {name.lower(): value for name, value in answer.headers.items()}
        self.exchanges.append(
            {
                "vendor": "creatio", "method": method, "url": url, "request_headers": dict(answer.request.headers),
                "request_body": "" if body is None else json.dumps(body),
                "status": answer.status_code, "response_headers": shown, "response_body": answer.text, "elapsed_ms": 1,
            }
        )  # fmt: skip
        return answer

    def rows(self, entity: str, **options: str) -> list[Json]:
        answer = self.call("GET", entity, **options)
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["value"]
        return found

    def new(self, entity: str, body: Json) -> Json:
        answer = self.call("POST", entity, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def batch(self, *parts: Json, **headers: str) -> list[Json]:
        sent = [{"id": f"p{n}", "headers": {"Content-Type": EXACT}, **part} for n, part in enumerate(parts)]
        before, self.headers = self.headers, {**self.headers, **headers}
        answer = self.call("POST", "$batch", {"requests": sent})
        self.headers = before
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["responses"]
        return found


def refused(answer: requests.Response, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]["message"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> CreatioTwin:
    return CreatioTwin(clock=clock)


@pytest.fixture
def http(twin: CreatioTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        form = {"grant_type": "client_credentials", "client_id": twin.site.client_id, "client_secret": twin.site.client_secret}
        token = session.post(f"{running.url}/connect/token", data=form).json()["access_token"]
        client = Client(running.url, session, {"Authorization": f"Bearer {token}"})
        yield client
    if CHECK:
        ours = [sentence for exchange in client.exchanges for sentence in CHECK(exchange) if ": response " in sentence]
        assert ours == [], "the twin is not like the vendor"


def test_it_is_the_twin_of_its_module() -> None:
    assert TWIN is CreatioTwin
    assert (TWIN.vendor, TWIN.title) == ("creatio", "Creatio")


# ---- signing in (1)


def test_token_ends_after_its_time(http: Client, clock: ManualClock) -> None:
    assert http.call("GET", "Contact", top="1").status_code == 200
    clock.advance(timedelta(hours=1))
    assert http.call("GET", "Contact", top="1").status_code == 401


@pytest.mark.parametrize(
    ("change", "error"), [({"client_secret": "x"}, "invalid_client"), ({"grant_type": "password"}, "unsupported_grant_type")]
)
def test_token_call_is_particular(twin: CreatioTwin, http: Client, change: dict[str, str], error: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": twin.site.client_id, "client_secret": twin.site.client_secret}
    answer = requests.post(f"{http.url}/connect/token", data={**form, **change})
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def sign_in(twin: CreatioTwin, http: Client, password: str = "") -> requests.Response:
    body = {"UserName": twin.site.user, "UserPassword": password or twin.site.password}
    return requests.post(f"{http.url}/ServiceModel/AuthService.svc/Login", json=body, headers={"ForceUseSession": "true"})


def test_forms_sign_in_needs_cookies_and_csrf(twin: CreatioTwin, http: Client) -> None:
    answer = sign_in(twin, http)
    assert answer.json()["Code"] == 0
    assert set(answer.cookies.keys()) == {".ASPXAUTH", "BPMCSRF", "BPMLOADER", "UserName"}
    cookies = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
    http.headers = {"Cookie": cookies, "BPMCSRF": str(answer.cookies["BPMCSRF"]), "ForceUseSession": "true"}
    assert http.call("GET", "Contact", top="1").status_code == 200
    http.headers = {**http.headers, "BPMCSRF": "wrong"}
    assert http.call("GET", "Contact", top="1").status_code == 403
    http.headers = {}
    assert http.call("GET", "Contact", top="1").status_code == 401


def test_failed_sign_in_is_a_200_with_a_code(twin: CreatioTwin, http: Client) -> None:
    assert (sign_in(twin, http, "wrong").status_code, sign_in(twin, http, "wrong").json()["Code"]) == (200, 1)
    twin.set(password_expired=True)
    assert sign_in(twin, http).json()["PasswordChangeUrl"]


@pytest.mark.parametrize("core", [False, True])
def test_only_one_path_form_answers(twin: CreatioTwin, http: Client, core: bool) -> None:
    twin.set(core=core)
    found = []
    for http.root in ("/0", ""):
        found.append(http.call("GET", "Contact", top="1").status_code)
    assert found == ([404, 200] if core else [200, 404])


# ---- queries (4)


def test_empty_values_are_shown_as_creatio_shows_them(twin: CreatioTwin, http: Client) -> None:
    twin.seed_deal(name="Order")
    (row,) = http.rows("Opportunity", select="Id,ContactId,DueDate")
    assert (row["ContactId"], row["DueDate"]) == (NOBODY, NEVER)


def test_lookups_are_filtered_by_their_records(twin: CreatioTwin, http: Client) -> None:
    key = twin.seed_contact(phone=OLENA)
    assert len(http.rows("ContactCommunication", filter=f"Contact/Id eq {key}")) == 1
    answer = http.call("GET", "ContactCommunication", filter=f"ContactId eq {key}")
    refused(answer, 500, "ContactId")
    twin.set(lookup_ids=True)
    assert len(http.rows("ContactCommunication", filter=f"ContactId eq {key}")) == 1


@pytest.mark.parametrize(
    ("test", "names"),
    [
        ("contains(LeadName,'N')", {"Anna", "Jan", "O'Neil"}),
        ("startswith(LeadName,'an')", {"Anna"}), ("endswith(LeadName,'na')", {"Anna"}),
        ("LeadName eq 'O''Neil' or LeadName eq 'Jan'", {"O'Neil", "Jan"}), ("not contains(LeadName,'a')", {"O'Neil"}),
        ("(LeadName eq 'Jan' or LeadName eq 'Anna') and contains(LeadName,'J')", {"Jan"}),
        ("CreatedOn ge 2026-09-10T12:00:00Z", {"Anna", "Jan", "O'Neil"}), ("ModifiedOn gt 2026-09-10T12:00:01Z", set()),
        ("QualifyStatus/IsFinal eq false", {"Anna", "Jan"}), ("QualifyStatus/IsFinal eq true", {"O'Neil"}),
    ],
)  # fmt: skip
def test_filters(twin: CreatioTwin, http: Client, test: str, names: set[str]) -> None:
    twin.seed_lead(name="Anna"), twin.seed_lead(name="Jan"), twin.seed_lead(name="O'Neil", status="archived")
    assert {row["LeadName"] for row in http.rows("Lead", filter=test, select="LeadName")} == names


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"filter": "Nothing eq 1"}, 400), ({"filter": "LeadName eq"}, 400), ({"filter": "LeadName in ('a')"}, 400),
        ({"filter": "LeadName eq 1"}, 400), ({"filter": "OwnerId eq 'x'"}, 400), ({"filter": "LeadName ~ 'x'"}, 400),
        ({"filter": "soundex(LeadName,'x')"}, 501), ({"filter": "(LeadName eq 'a'"}, 400), ({"select": "Nothing"}, 400),
        ({"expand": "Nothing"}, 400), ({"orderby": "Nothing"}, 400), ({"top": "many"}, 400), ({"search": "x"}, 400),
    ],
)  # fmt: skip
def test_bad_queries_are_refused(twin: CreatioTwin, http: Client, options: dict[str, str], status: int) -> None:
    twin.seed_lead(name="Anna")
    refused(http.call("GET", "Lead", **options), status, "")


def test_pages_are_made_of_top_and_skip(twin: CreatioTwin, http: Client) -> None:
    for number in range(5):
        twin.seed_lead(name=f"L{number}")
    answer = http.call("GET", "Lead", select="LeadName", orderby="LeadName desc", top="2", skip="1", count="true").json()
    assert [row["LeadName"] for row in answer["value"]] == ["L3", "L2"]
    assert answer["@odata.count"] == 5
    assert "@odata.nextLink" not in answer


def test_expansion_brings_the_record(twin: CreatioTwin, http: Client) -> None:
    account = twin.seed_organization(name="Acme")
    twin.seed_contact(phone=OLENA, name="Olena", organization=account)
    twin.seed_contact(name="Alone")
    rows = http.rows("Contact", select="Id,Name", expand="Account($select=Id,Name)")
    found = {row["Name"]: row["Account"] for row in rows}
    assert (found["Olena"], found["Alone"]) == ({"Id": account, "Name": "Acme"}, None)
    twin.set(nested_select=False)
    assert http.call("GET", "Contact", expand="Account($select=Id)").status_code == 400
    assert http.rows("Contact", filter="Name eq 'Olena'", expand="Account")[0]["Account"]["Name"] == "Acme"


# ---- numbers (5, 7)


def test_search_number_is_the_digits_reversed(twin: CreatioTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    (row,) = http.rows("ContactCommunication", filter="startswith(SearchNumber,'765432176')")
    assert (row["Number"], row["SearchNumber"]) == (OLENA, REVERSED)
    assert http.rows("ContactCommunication", filter="startswith(SearchNumber,'765432177')") == []


def test_lead_s_columns_are_plain_text(twin: CreatioTwin, http: Client) -> None:
    twin.seed_lead(phone=OLENA)
    assert http.rows("Lead", filter="contains(MobilePhone,'1234567')") == []
    assert len(http.rows("Lead", filter="contains(MobilePhone,'123-45-67')")) == 1


@pytest.mark.parametrize("syncs", [True, False])
def test_row_for_a_new_contact_s_number_depends_on_the_site(twin: CreatioTwin, http: Client, syncs: bool) -> None:
    twin.set(syncs_phones=syncs)
    http.new("Contact", {"Id": ID.format(1), "Name": "Olena", "MobilePhone": OLENA})
    assert len(http.rows("ContactCommunication", filter=f"Contact/Id eq {ID.format(1)}")) == int(syncs)
    row = {"ContactId": ID.format(1), "CommunicationTypeId": MOBILE, "Number": "067 9"}
    assert http.new("ContactCommunication", row)["SearchNumber"] == "9760"


# ---- writing (3, 4, 7, 13)


def test_own_id_is_taken_once(twin: CreatioTwin, http: Client) -> None:
    body = {"Id": ID.format(2), "LeadName": "Call", "MobilePhone": OLENA, "UtmSourceStr": "google"}
    made = http.new("Lead", body)
    assert (made["Id"], made["OpportunityId"]) == (ID.format(2), NOBODY)
    refused(http.call("POST", "Lead", body), 500, "PRIMARY KEY")
    (write,) = twin.ledger
    assert (write.do, write.kind, write.id) == ("create", "lead", ID.format(2))
    assert (write.fields["phone"], write.fields["attribution"]) == (OLENA, {"utm_source": "google"})


@pytest.mark.parametrize(
    ("entity", "body", "status", "words"),
    [
        ("Contact", {"Name": "x", "Nothing": "y"}, 400, "Nothing"), ("Contact", {"Name": "x", "OwnerId": "me"}, 400, "OwnerId"),
        ("Contact", {"Name": ""}, 500, "Name"), ("Contact", {"Name": "x" * 251}, 500, "longer"),
        ("Contact", {"Name": "x", "OwnerId": ID.format(9)}, 500, "FOREIGN KEY"), ("Contact", {"Name": 1}, 400, "Name"),
        ("Contact", {"Name": "x", "CreatedOn": "2026-01-01T00:00:00Z"}, 400, "CreatedOn"), ("Contact", [], 400, "object"),
        ("Activity", {"Title": "x", "DueDate": "tomorrow"}, 400, "DueDate"),
        ("Opportunity", {"Title": "x", "Amount": "a"}, 400, "Amount"),
    ],
)  # fmt: skip
def test_bad_writes_are_refused(twin: CreatioTwin, http: Client, entity: str, body: Json, status: int, words: str) -> None:
    refused(http.call("POST", entity, body), status, words)
    assert twin.ledger == ()


def test_decimals_are_texts_only_when_the_content_type_says_so(http: Client) -> None:
    body = {"Title": "x", "Amount": "12.5"}
    assert http.call("POST", "Opportunity", body).status_code == 201
    assert http.call("POST", "Opportunity", body, content="application/json").status_code == 400


def test_change_is_answered_without_a_body(twin: CreatioTwin, http: Client) -> None:
    key, owner = twin.seed_lead(name="Call"), twin.seed_user(name="Anna")
    answer = http.call("PATCH", f"Lead({key})", {"OwnerId": owner})
    assert (answer.status_code, answer.text) == (204, "")
    assert [dict(write.fields) for write in twin.writes("update", "lead")] == [{"owner": owner}]
    assert http.call("PATCH", f"Lead({key})", {"OwnerId": None}).status_code == 204
    assert twin.records("lead")[0]["owner"] is None


@pytest.mark.parametrize(("patches_nothing", "status"), [(True, 204), (False, 404)])
def test_change_of_nothing_may_be_a_success(twin: CreatioTwin, http: Client, patches_nothing: bool, status: int) -> None:
    twin.set(patches_nothing=patches_nothing)
    assert http.call("PATCH", f"Lead({ID.format(9)})", {"LeadName": "x"}).status_code == status
    assert twin.ledger == ()


def test_what_is_not_there_is_a_404(twin: CreatioTwin, http: Client) -> None:
    key = twin.seed_lead(name="Call")
    assert http.call("GET", f"Lead({key})", select="Id").json()["Id"] == key
    assert http.call("DELETE", f"Lead({key})").status_code == 204
    for resource in (f"Lead({key})", "Nothing", "Lead(1)"):
        refused(http.call("GET", resource), 404, "Not Found")


def test_new_lead_and_deal_begin_at_the_beginning(twin: CreatioTwin, http: Client) -> None:
    lead, deal = http.new("Lead", {"LeadName": "x"}), http.new("Opportunity", {"Title": "x"})
    (status,) = http.rows("QualifyStatus", filter=f"Id eq {lead['QualifyStatusId']}")
    (stage,) = http.rows("OpportunityStage", filter=f"Id eq {deal['StageId']}")
    assert (status["IsFinal"], stage["End"]) == (False, False)


# ---- tasks, notes, calls (8-10)


def test_task_done_task_and_note(twin: CreatioTwin, http: Client) -> None:
    contact = twin.seed_contact(name="Olena")
    times = {"StartDate": "2026-09-12T09:00:00Z", "DueDate": "2026-09-12T09:30:00Z", "ContactId": contact}
    text = {"Notes": "Missed\nhttps://rec.example/1.mp3\nPatchcord pc-1"}
    http.new("Activity", {"Id": ID.format(1), "Title": "Open", "ShowInScheduler": True, **times, **text})
    http.new("Activity", {"Title": "Done", "StatusId": COMPLETED, "ShowInScheduler": True, **times})
    http.new("Activity", {"Title": "Note", "StatusId": COMPLETED, "ShowInScheduler": False, **times})
    opened, done, note = twin.ledger
    assert [(one.do, one.fields["completed"]) for one in (opened, done, note)] == [
        ("task", False),
        ("task", True),
        ("note", True),
    ]
    assert (opened.fields["due_at"], done.fields["due_at"]) == ("2026-09-12T09:30:00Z", None)
    assert (opened.fields["recording"], opened.fields["marker"]) == ("https://rec.example/1.mp3", "pc-1")
    assert opened.fields["targets"] == [["contact", contact]]
    http.call("PATCH", f"Activity({ID.format(1)})", {"StatusId": COMPLETED})
    assert dict(twin.writes("complete_task")[0].fields) == {"completed": True}
    assert [one["title"] for one in twin.tasks()] == ["Open", "Done"]


def test_call_has_our_key(twin: CreatioTwin, http: Client) -> None:
    body = {"IntegrationId": "pc-1", "Caption": "Call", "TalkTime": 5, "Notes": "Talked", "LeadId": twin.seed_lead(name="x")}
    key = http.new("Call", body)["Id"]
    http.call("PATCH", f"Call({key})", {"Notes": "Talked\nhttps://rec.example/1.mp3"})
    log, update = twin.ledger
    assert (log.do, log.kind, log.fields["marker"], log.fields["recording"]) == ("log", "call", "pc-1", None)
    assert (update.do, update.kind, update.fields["recording"]) == ("update", "log", "https://rec.example/1.mp3")
    assert http.rows("Call", filter="IntegrationId eq 'pc-1'", select="Id,ActivityId")[0]["Id"] == key


# ---- users and metadata (11)


def test_users_are_contacts_with_a_unit(twin: CreatioTwin, http: Client) -> None:
    key = twin.seed_user(name="Anna", email="anna@example.com", active=False)
    rows = http.rows(
        "SysAdminUnit", filter="SysAdminUnitTypeValue eq 4 and Active eq false", select="Id,Name,ContactId,Email,Active",
        expand="Contact($select=Id,Name,Email)",
    )  # fmt: skip
    assert [row["Contact"] for row in rows] == [{"Id": key, "Name": "Anna", "Email": "anna@example.com"}]
    assert twin.records("contact") == []
    twin.set(users_readable=False)
    assert http.call("GET", "SysAdminUnit", select="Id").status_code == 403
    assert len(http.rows("VwSysAdminUnit", select="Id,Name")) == 2


def test_metadata_have_the_customer_s_columns(twin: CreatioTwin, http: Client) -> None:
    assert twin.seed_field("lead", "patchcord_utm_source") == "Usrpatchcord_utm_source"
    assert twin.seed_field("lead", "Source", "option", ("Site",)) == "UsrSourceId"
    answer = http.call("GET", "$metadata")
    assert "xml" in answer.headers["Content-Type"]
    lead = re.search(r'<EntityType Name="Lead">.*?</EntityType>', answer.text, re.DOTALL)
    assert lead is not None
    assert '<Property Name="Usrpatchcord_utm_source" Type="Edm.String"/>' in lead[0]
    assert 'Name="UsrSource" Type="Terrasoft.Configuration.UsrSourceList"' in lead[0]
    assert [row["Name"] for row in http.rows("UsrSourceList", select="Name")] == ["Site"]


# ---- batches (12)


def lead(number: int, **more: Json) -> Json:
    return {"method": "POST", "url": "Lead", "body": {"Id": ID.format(number), "LeadName": f"L{number}"}, **more}


BAD = {"method": "POST", "url": "Lead", "body": {"Nothing": "x"}}


def test_parts_refer_to_ids_of_our_own(twin: CreatioTwin, http: Client) -> None:
    contact = {"method": "POST", "url": "Contact", "body": {"Id": ID.format(1), "Name": "Olena"}}
    linked = {"method": "POST", "url": "Lead", "body": {"Id": ID.format(2), "LeadName": "x", "QualifiedContactId": ID.format(1)}}
    look = {"method": "GET", "url": f"Lead?$filter=QualifiedContact/Id%20eq%20{ID.format(1)}&$select=Id"}
    answers = http.batch(contact, linked, look)
    assert [answer["status"] for answer in answers] == [201, 201, 200]
    assert answers[2]["body"]["value"] == [{"Id": ID.format(2)}]
    assert twin.records("lead")[0]["contact"] == ID.format(1)


def test_first_failure_stops_the_rest(twin: CreatioTwin, http: Client) -> None:
    assert [(one["id"], one["status"]) for one in http.batch(lead(1), BAD, lead(2))] == [("p0", 201), ("p1", 400)]
    assert [one["status"] for one in http.batch(BAD, lead(3), Prefer="continue-on-error")] == [400, 201]
    assert [one["name"] for one in twin.records("lead")] == ["L1", "L3"]


@pytest.mark.parametrize(("rolls_back", "statuses", "count"), [(True, {424, 400}, 0), (False, {201, 400}, 1)])
def test_group_may_be_taken_back(twin: CreatioTwin, http: Client, rolls_back: bool, statuses: set[int], count: int) -> None:
    twin.set(rolls_back=rolls_back)
    answers = http.batch(lead(1, atomicityGroup="g"), {**BAD, "atomicityGroup": "g"})
    assert {answer["status"] for answer in answers} == statuses
    assert (len(twin.records("lead")), len(twin.ledger)) == (count, count)


@pytest.mark.parametrize("body", [{}, {"requests": []}, {"requests": [{}] * 101}, {"requests": "x"}])
def test_batch_has_one_to_a_hundred_parts(http: Client, body: Json) -> None:
    refused(http.call("POST", "$batch", body), 400, "100")


# ---- what people do


def test_statuses_are_those_of_the_flags(twin: CreatioTwin) -> None:
    key, deal = twin.seed_lead(name="x"), twin.seed_deal(name="y", phone=OLENA)
    for status, told in (("archived", "closed"), ("converted", "converted"), ("open", "open")):
        twin.set_status("lead", key, status)  # type: ignore[arg-type]
        assert twin.records("lead")[0]["status"] == told
    for status in ("won", "lost", "open"):
        twin.set_status("deal", deal, status)  # type: ignore[arg-type]
        assert (twin.records("deal")[0]["status"], twin.records("deal")[0]["open"]) == (status, status == "open")


def test_contact_of_a_seeded_deal_is_adopted(twin: CreatioTwin) -> None:
    deal = twin.seed_deal(phone=OLENA, name="Order")
    contact = twin.seed_contact(phone=OLENA, name="Olena")
    assert [one["contact"] for one in twin.records("deal") if one["id"] == deal] == [contact]
    assert [one["name"] for one in twin.records("contact")] == ["Olena"]
