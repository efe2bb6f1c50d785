"""The Bitrix24 twin against its reference (crm_bitrix24.md), by plain requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.bitrix24 import Account, Bitrix24Twin
from sandbox.twins.bitrix24.account import SIMPLE
from sandbox.twins.bitrix24.search import normalised

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
OLENA = "+380501234567"
LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
Json = dict[str, Any]


@dataclass
class Client:
    """A session that knows the twin's address; with a token it is an application, else the webhook."""

    url: str
    session: requests.Session
    token: str = ""

    def send(self, method: str, params: Json | None = None, **more: Any) -> requests.Response:
        account = Account()
        path = "/rest/" if self.token else f"/rest/{account.webhook_user}/{account.webhook_code}/"
        body = {**(params or {}), **({"auth": self.token} if self.token else {})}
        return self.session.post(f"{self.url}{path}{method}", json=body, timeout=10, **more)

    def body(self, method: str, **params: Any) -> Json:
        answer = self.send(method, params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def result(self, method: str, **params: Any) -> Any:
        return self.body(method, **params)["result"]

    def refused(self, method: str, **params: Any) -> tuple[int, str]:
        answer = self.send(method, params)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]

    def made(self, entity: int, **fields: Any) -> int:
        item = self.result("crm.item.add", entityTypeId=entity, fields=fields)["item"]
        return int(item["id"])

    def listed(self, entity: int, *select: str, **conditions: Any) -> list[Json]:
        params = {"entityTypeId": entity, "select": list(select) or ["id"], "filter": conditions}
        found: list[Json] = self.result("crm.item.list", **params)["items"]
        return found

    def batch(self, halt: int = 0, /, **cmd: str) -> Json:
        found: Json = self.result("batch", halt=halt, cmd=cmd)
        return found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> Bitrix24Twin:
    return Bitrix24Twin(clock=clock)


@pytest.fixture
def http(twin: Bitrix24Twin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        yield Client(running.url, session)


def phones(*numbers: str) -> list[Json]:
    return [{"typeId": "PHONE", "valueType": "WORK", "value": number} for number in numbers]


def duplicates(http: Client, *values: str, **more: str) -> Any:
    return http.result("crm.duplicate.findbycomm", type="PHONE", values=list(values), **more)


# ---- signing in (1)


def test_a_webhook_s_address_is_its_secret(http: Client) -> None:
    assert http.result("profile")["ID"] == "1"
    wrong = http.session.post(f"{http.url}/rest/1/wrong/profile", timeout=5)
    assert (wrong.status_code, wrong.json()["error"]) == (403, "INVALID_CREDENTIALS")
    assert http.session.post(f"{http.url}/rest/2/{Account().webhook_code}/profile", timeout=5).status_code == 403


def test_a_method_s_name_may_end_in_json_and_have_any_case(http: Client) -> None:
    assert http.result("PROFILE.json")["NAME"] == "Admin"


def test_a_webhook_dies_with_its_user(twin: Bitrix24Twin, http: Client) -> None:
    twin.set_user_active("1", False)
    assert http.refused("profile") == (403, "INVALID_CREDENTIALS")


def test_parameters_come_as_json_form_or_query(twin: Bitrix24Twin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    address = f"{http.url}/rest/1/{Account().webhook_code}/crm.duplicate.findbycomm"
    flat = {"type": "PHONE", "values[0]": OLENA}
    asked = http.session.get(f"{address}?{urlencode(flat)}", timeout=5)
    posted = http.session.post(address, data=flat, timeout=5)
    assert asked.json()["result"] == posted.json()["result"] == duplicates(http, OLENA) == {"CONTACT": [1]}
    assert http.session.post(address, data=b"{", timeout=5).json()["error"] == "INVALID_REQUEST"


def test_an_application_s_token_stands_in_the_body(twin: Bitrix24Twin, http: Client, clock: ManualClock) -> None:
    http.token = twin.grant().access
    assert http.result("profile")["ADMIN"] is True
    clock.advance(timedelta(hours=1))
    assert http.refused("profile") == (401, "expired_token")
    http.token = "nobody's"
    assert http.refused("profile") == (401, "invalid_token")
    assert http.session.post(f"{http.url}/rest/profile", json={}, timeout=5).json()["error"] == "NO_AUTH_FOUND"


def token(http: Client, way: str = "post", secret: str = "", **form: str) -> requests.Response:
    account = Account()
    fields = {"client_id": account.client_id, "client_secret": secret or account.client_secret, **form}
    if way == "get":
        return http.session.get(f"{http.url}/oauth/token/", params=fields, timeout=5)
    return http.session.post(f"{http.url}/oauth/token/", data=fields, timeout=5)


@pytest.mark.parametrize("way", ["get", "post"])
def test_refresh_tokens_are_replaced_at_each_use(twin: Bitrix24Twin, http: Client, way: str) -> None:
    grant = twin.grant()
    given = token(http, way, grant_type="refresh_token", refresh_token=grant.refresh).json()
    assert (given["expires_in"], given["user_id"], given["member_id"]) == (3600, 1, Account().member_id)
    assert (given["scope"], given["client_endpoint"]) == ("crm,task,telephony,user", f"{http.url}/rest/")
    again = token(http, way, grant_type="refresh_token", refresh_token=grant.refresh)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    http.token = given["access_token"]
    assert http.result("profile")["ID"] == "1"


def test_refusals_of_the_token_call(twin: Bitrix24Twin, http: Client) -> None:
    assert token(http, secret="wrong", grant_type="refresh_token").json()["error"] == "invalid_client"
    assert token(http, grant_type="password").json()["error"] == "invalid_request"
    twin.set(token_by_post=False)
    assert token(http, grant_type="refresh_token", refresh_token=twin.grant().refresh).status_code == 400


def test_a_code_lives_for_half_a_minute(http: Client, clock: ManualClock) -> None:
    def code() -> str:
        params = {"client_id": Account().client_id, "redirect_uri": "https://p.example/back", "state": "s1"}
        answer = http.session.get(f"{http.url}/oauth/authorize/", params=params, allow_redirects=False, timeout=5)
        assert answer.headers["Location"].endswith("&state=s1")
        return answer.headers["Location"].partition("code=")[2].partition("&")[0]

    assert token(http, grant_type="authorization_code", code=code()).status_code == 200
    late = code()
    clock.advance(timedelta(seconds=31))
    assert token(http, grant_type="authorization_code", code=late).json()["error"] == "invalid_grant"
    assert http.session.get(f"{http.url}/oauth/authorize/", timeout=5).status_code == 400


def test_revoked_grants_and_faults_of_the_token(twin: Bitrix24Twin, http: Client) -> None:
    http.token = twin.grant().access
    twin.misbehave(Fault("expired_token"), Fault("missing_right"))
    assert http.refused("profile") == (401, "expired_token")
    assert http.refused("profile") == (403, "insufficient_scope")
    twin.revoke_grants()
    assert http.refused("profile") == (401, "invalid_token")


@pytest.mark.parametrize("method", ["telephony.externalCall.register", "telephony.externalCall.finish", "event.bind"])
def test_some_methods_are_for_applications_only(http: Client, method: str) -> None:
    assert http.refused(method) == (403, "WRONG_AUTH_TYPE")


def test_scopes(twin: Bitrix24Twin, http: Client) -> None:
    twin.set(scopes=("user_basic",))
    assert http.refused("crm.item.list", entityTypeId=1) == (403, "insufficient_scope")
    assert http.result("scope") == ["user_basic"]
    assert "EMAIL" not in http.result("user.get")[0]
    twin.set(scopes=("task",))
    assert http.refused("user.get") == (403, "insufficient_scope")
    assert http.result("tasks.task.list") == {"tasks": []}


# ---- limits and errors (2, 3)


def test_the_bucket_leaks(twin: Bitrix24Twin, http: Client, clock: ManualClock) -> None:
    twin.set(enforce_rates=True, burst=3)
    for _ in range(3):
        http.result("profile")
    assert http.refused("profile") == (503, "QUERY_LIMIT_EXCEEDED")
    clock.advance(timedelta(seconds=1))
    for _ in range(2):
        http.result("profile")
    assert http.refused("profile") == (503, "QUERY_LIMIT_EXCEEDED")


def test_run_time_is_counted_by_method(twin: Bitrix24Twin, http: Client, clock: ManualClock) -> None:
    twin.set(operating_cost=200.0)
    times = [http.body("profile")["time"]["operating"] for _ in range(3)]
    assert times == [200.0, 400.0, 600.0]
    answer = http.send("profile")
    assert (answer.status_code, answer.json()["error"]) == (429, "OPERATION_TIME_LIMIT")
    assert answer.json()["time"]["operating_reset_at"] == int((NOON + timedelta(minutes=10)).timestamp())
    assert http.batch(a="profile", b="scope")["result_error"]["a"]["error"] == "OPERATION_TIME_LIMIT"
    clock.advance(timedelta(minutes=10))
    assert http.result("profile")


def test_other_refusals(twin: Bitrix24Twin, http: Client) -> None:
    assert http.refused("crm.nothing") == (404, "ERROR_METHOD_NOT_FOUND")
    assert http.refused("crm.item.list", entityTypeId=77) == (400, "NOT_FOUND")
    assert http.refused("crm.item.list") == (400, "100")
    assert http.refused("crm.item.get", entityTypeId=1, id=1) == (400, "NOT_FOUND")
    assert http.refused("crm.activity.get", id=1) == (400, "")
    twin.set(paid=False)
    assert http.refused("profile") == (403, "ACCESS_DENIED")
    twin.misbehave(Fault("status", status=502), Fault("refuse", words="no"), Fault("status", status=503))
    assert [http.refused("profile") for _ in range(3)] == [
        (502, "INTERNAL_SERVER_ERROR"), (400, "ERROR_CORE"), (503, "QUERY_LIMIT_EXCEEDED"),
    ]  # fmt: skip


def test_a_page_has_fifty_rows(twin: Bitrix24Twin, http: Client) -> None:
    for number in range(60):
        twin.seed_organization(name=f"C{number}")
    first = http.body("crm.item.list", entityTypeId=COMPANY, select=["id"])
    assert (len(first["result"]["items"]), first["total"], first["next"]) == (50, 60, 50)
    last = http.body("crm.item.list", entityTypeId=COMPANY, select=["id"], start=50)
    assert (len(last["result"]["items"]), last["total"], "next" in last) == (10, 60, False)
    uncounted = http.body("crm.item.list", entityTypeId=COMPANY, select=["id"], start=-1)
    assert (len(uncounted["result"]["items"]), "total" in uncounted, "next" in uncounted) == (50, False, False)


# ---- batch (4)


def test_commands_use_earlier_results(twin: Bitrix24Twin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    found = http.batch(
        dup=f"crm.duplicate.findbycomm?type=PHONE&values%5B0%5D=%2B{OLENA[1:]}",
        all="crm.item.list?entityTypeId=3&filter%5B%40id%5D=$result%5Bdup%5D%5BCONTACT%5D&select%5B0%5D=id",
        one="crm.item.get?entityTypeId=3&id=%24result%5Bdup%5D%5BCONTACT%5D%5B0%5D",
    )
    assert found["result"]["all"]["items"] == [{"id": int(contact)}]
    assert found["result"]["one"]["item"]["id"] == int(contact)
    assert (found["result_error"], found["result_total"], found["result_next"]) == ([], {"all": 1}, [])


def test_a_plus_and_a_sharp_must_be_encoded(http: Client) -> None:
    add = "crm.item.add?entityTypeId=3&fields[name]="
    found = http.batch(plus=f"{add}a+b", sharp=f"{add}a#b", encoded=f"{add}a%2Bb%23%26%25")["result"]
    assert [found[key]["item"]["name"] for key in ("plus", "sharp", "encoded")] == ["a b", "a", "a+b#&%"]


def test_a_missing_key_hands_over_the_last_level(twin: Bitrix24Twin, http: Client) -> None:
    twin.seed_lead(phone=OLENA)
    twin.seed_contact(name="Somebody else")
    cmd = {
        "dup": f"crm.duplicate.findbycomm?type=PHONE&values%5B0%5D=%2B{OLENA[1:]}",
        "contacts": "crm.item.list?entityTypeId=3&filter[@id]=$result[dup][CONTACT]&select[0]=id",
        "nobody": "crm.duplicate.findbycomm?type=PHONE&values%5B0%5D=000000000",
        "anybody": "crm.item.list?entityTypeId=3&filter[@id]=$result[nobody][CONTACT]&select[0]=id",
    }
    found = http.batch(**cmd)
    assert found["result_error"]["contacts"]["error"] == "INVALID_ARG_VALUE"
    assert found["result"]["nobody"] == []
    assert found["result"]["anybody"]["items"] == [{"id": 1}]


def test_a_failed_command_leaves_the_literal_text(http: Client) -> None:
    cmd = {"bad": "crm.item.get?entityTypeId=3&id=9", "lead": "crm.item.add?entityTypeId=1&fields[title]=$result[bad][item][id]"}
    going_on = http.batch(0, **cmd)
    assert going_on["result"]["lead"]["item"]["title"] == "$result[bad][item][id]"
    stopped = http.batch(1, **cmd)
    assert (stopped["result"], list(stopped["result_error"])) == ([], ["bad"])


def test_a_reference_within_a_text_is_replaced(http: Client) -> None:
    cmd = {"me": "profile", "lead": "crm.item.add?entityTypeId=1&fields[title]=by%20$result[me][NAME]%20$result[me]"}
    assert http.batch(**cmd)["result"]["lead"]["item"]["title"] == "by Admin Array"


def test_what_a_batch_refuses(twin: Bitrix24Twin, http: Client) -> None:
    assert http.refused("batch", cmd={str(number): "profile" for number in range(51)}) == (400, "ERROR_BATCH_LENGTH_EXCEEDED")
    errors = http.batch(a="batch?cmd[0]=profile", b="telephony.externalCall.register", c="nothing")["result_error"]
    assert [errors[key]["error"] for key in "abc"] == [
        "ERROR_BATCH_METHOD_NOT_ALLOWED", "WRONG_AUTH_TYPE", "ERROR_METHOD_NOT_FOUND",
    ]  # fmt: skip


def test_a_portal_may_not_hand_over_lists(twin: Bitrix24Twin, http: Client) -> None:
    twin.set(resolves_lists=False)
    twin.seed_contact(phone=OLENA)
    cmd = {
        "dup": f"crm.duplicate.findbycomm?type=PHONE&values%5B0%5D=%2B{OLENA[1:]}",
        "list": "crm.item.list?entityTypeId=3&filter[@id]=$result[dup][CONTACT]",
        "first": "crm.item.get?entityTypeId=3&id=$result[dup][CONTACT][0]",
    }
    found = http.batch(**cmd)["result"]
    assert (found["list"]["items"], found["first"]["item"]["id"]) == ([], 1)


# ---- looking up (6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("+38 (050) 123-45-67", "380501234567"), ("8 912 345 67 89", "79123456789"), ("81234", "81234"),
     ("+380501234567 ext. 12", "380501234567"), ("+380501234567;12", "380501234567")],
)  # fmt: skip
def test_numbers_are_normalised(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(("value", "hits"), [("+380501234567", 1), ("0501234567", 0), ("501234567", 0), ("38(050)1234567", 1)])
def test_whole_numbers_are_compared(twin: Bitrix24Twin, http: Client, value: str, hits: int) -> None:
    twin.seed_contact(phone="+380 50 123-45-67")
    assert len(duplicates(http, value)) == hits


def test_leads_come_in_any_state_and_deals_never(twin: Bitrix24Twin, http: Client) -> None:
    lead = twin.seed_lead(phone=OLENA, status="archived")
    twin.seed_deal(phone=OLENA)
    company = twin.seed_organization(phone=OLENA)
    assert duplicates(http, OLENA) == {"LEAD": [int(lead)], "CONTACT": [1], "COMPANY": [int(company)]}
    assert duplicates(http, OLENA, entity_type="COMPANY") == {"COMPANY": [int(company)]}
    assert duplicates(http, "+380990000000") == []


def test_a_full_type_hides_those_after_it(twin: Bitrix24Twin, http: Client) -> None:
    for _ in range(21):
        twin.seed_lead(phone=OLENA)
    twin.seed_contact(phone=OLENA)
    assert list(duplicates(http, OLENA)) == ["LEAD"]
    assert len(duplicates(http, OLENA)["LEAD"]) == 20
    assert duplicates(http, OLENA, entity_type="CONTACT") == {"CONTACT": [1]}


def test_searches_the_portal_refuses(http: Client) -> None:
    for params in ({"type": "FAX", "values": ["1"]}, {"type": "PHONE"}, {"type": "PHONE", "values": ["1"] * 21},
                   {"type": "PHONE", "values": ["1"], "entity_type": "DEAL"}):  # fmt: skip
        assert http.refused("crm.duplicate.findbycomm", **params)[0] == 400


def test_search_lags_but_lists_do_not(twin: Bitrix24Twin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(seconds=5)
    key = http.made(CONTACT, name="Olena", fm=phones(OLENA))
    assert duplicates(http, OLENA) == []
    assert http.listed(CONTACT) == [{"id": key}]
    clock.advance(timedelta(seconds=5))
    assert duplicates(http, OLENA) == {"CONTACT": [key]}


def test_a_lead_with_a_contact_may_have_no_number_of_its_own(twin: Bitrix24Twin, http: Client) -> None:
    contact = twin.seed_contact(phone=OLENA)
    twin.seed_lead(phone=OLENA, contact=contact)
    twin.set(number_of_contact_only=True)
    assert duplicates(http, OLENA) == {"CONTACT": [int(contact)]}


def test_the_telephony_s_search_tells_owner_and_extension(twin: Bitrix24Twin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    twin.seed_lead(phone=OLENA, owner=anna)
    contact = twin.seed_contact(phone=OLENA, name="Olena", owner=anna)
    hits = http.result("telephony.externalCall.searchCrmEntities", PHONE_NUMBER=OLENA)
    assert [hit["CRM_ENTITY_TYPE"] for hit in hits] == ["CONTACT", "LEAD"]
    assert (hits[0]["CRM_ENTITY_ID"], hits[0]["NAME"], hits[0]["ASSIGNED_BY_ID"]) == (int(contact), "Olena", int(anna))
    assert hits[0]["ASSIGNED_BY"]["USER_PHONE_INNER"] == "102"
    assert http.refused("telephony.externalCall.searchCrmEntities") == (400, "ERROR_CORE")


# ---- items (5, 7)


def test_company_contact_and_lead_are_made_and_linked(twin: Bitrix24Twin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    source, client_id = twin.seed_field("lead", "utm_term"), twin.seed_field("lead", "patchcord_client_id")
    company = http.made(COMPANY, title="Acme", assignedById=anna, originatorId="t", originId="ev-1")
    contact = http.made(CONTACT, name="Olha", lastName="Test", companyId=company, fm=phones(OLENA))
    lead = http.result(
        "crm.item.add", entityTypeId=LEAD, useOriginalUfNames="Y",
        fields={"title": "Call", "contactIds": [contact], "companyId": company, "utmSource": "google", source: "x",
                client_id: "GA1", "nonsense": 1, "createdBy": 99},
    )["item"]  # fmt: skip
    assert (lead["contactId"], lead["companyId"], lead["stageId"], lead[source]) == (contact, company, "NEW", "x")
    assert (lead["createdBy"], "nonsense" in lead) == (1, False)
    assert [(write.do, write.kind) for write in twin.ledger] == [
        ("create", "organization"), ("create", "contact"), ("create", "lead"),
    ]  # fmt: skip
    words = [write.fields for write in twin.ledger]
    assert (words[0]["name"], words[0]["owner"], words[0]["marker"]) == ("Acme", anna, "ev-1")
    assert (words[1]["name"], words[1]["phone"], words[1]["organization"]) == ("Olha Test", OLENA, str(company))
    assert words[2]["attribution"] == {"utm_source": "google", "utm_term": "x", "client_id": "GA1"}


def test_a_batch_is_told_when_it_is_over(twin: Bitrix24Twin, http: Client) -> None:
    http.batch(
        1, a="crm.item.add?entityTypeId=3&fields[name]=Olha", b="crm.item.add?entityTypeId=4&fields[title]=Acme",
        c="crm.item.update?entityTypeId=3&id=$result[a][item][id]&fields[companyId]=$result[b][item][id]",
        d="crm.item.get?entityTypeId=3&id=77",
    )  # fmt: skip
    assert [(write.kind, write.fields.get("organization")) for write in twin.ledger] == [("contact", "1"), ("organization", None)]


def test_updates_tell_what_changed(twin: Bitrix24Twin, http: Client) -> None:
    anna, lead = twin.seed_user(name="Anna"), twin.seed_lead(name="Old")
    http.result("crm.item.update", entityTypeId=LEAD, id=lead, fields={"assignedById": anna, "title": "Old"})
    http.result("crm.item.update", entityTypeId=LEAD, id=lead, fields={"title": "Old"})
    (write,) = twin.ledger
    assert (write.do, write.kind, dict(write.fields)) == ("update", "lead", {"owner": anna})


def test_numbers_are_added_edited_and_deleted(twin: Bitrix24Twin, http: Client) -> None:
    key = http.made(CONTACT, name="Olha", fm=phones("1234567", "7654321"))

    def change(**fm: Json) -> list[str]:
        http.result("crm.item.update", entityTypeId=CONTACT, id=key, fields={"fm": fm})
        return [entry["value"] for entry in http.listed(CONTACT, "*", "fm")[0]["fm"]]

    first = http.listed(CONTACT, "*", "fm")[0]["fm"][0]["id"]
    assert change(n0={"typeId": "PHONE", "value": "999"}) == ["1234567", "7654321", "999"]
    assert change(**{str(first): {"typeId": "PHONE", "value": "111"}}) == ["111", "7654321", "999"]
    assert change(**{str(first): {"typeId": "PHONE", "value": ""}}) == ["7654321", "999"]
    assert http.refused("crm.item.add", entityTypeId=CONTACT, fields={"fm": [{"value": "1"}]})[0] == 400


@pytest.mark.parametrize(
    ("entity", "fields"),
    [
        (LEAD, {"assignedById": 99}), (LEAD, {"assignedById": "nobody"}), (LEAD, {"title": "t" * 256}),
        (LEAD, {"contactIds": [9]}),
        (DEAL, {"stageId": "C1:NEW"}), (DEAL, {"categoryId": 5}), (DEAL, {"contactId": 9}), (CONTACT, {"companyId": 9}),
        (LEAD, {"opportunity": "much"}),
    ],
)  # fmt: skip
def test_values_the_portal_refuses(twin: Bitrix24Twin, http: Client, entity: int, fields: Json) -> None:
    assert http.refused("crm.item.add", entityTypeId=entity, fields=fields) == (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID")
    assert twin.ledger == ()


def test_required_fields_and_dismissed_owners(twin: Bitrix24Twin, http: Client) -> None:
    gone = twin.seed_user(name="Left", active=False)
    assert http.made(LEAD, assignedById=gone) == 1
    twin.set(refuses_dismissed_owner=True, required=frozenset({("contact", "lastName")}))
    assert http.refused("crm.item.add", entityTypeId=LEAD, fields={"assignedById": gone})[0] == 400
    assert http.refused("crm.item.add", entityTypeId=CONTACT, fields={"name": "O"}) == (400, "CRM_FIELD_ERROR_REQUIRED")


def test_fields_of_the_portal_s_own(twin: Bitrix24Twin, http: Client) -> None:
    size, option = twin.seed_field("contact", "Size", "number"), twin.seed_field("contact", "Source", "option", ("A", "B"))
    fields = http.result("crm.item.fields", entityTypeId=CONTACT, useOriginalUfNames="Y")["fields"]
    assert (fields[size]["type"], fields[size]["title"], fields["name"]["type"]) == ("double", "Size", "string")
    assert fields[option]["items"] == [{"ID": "1", "VALUE": "A"}, {"ID": "2", "VALUE": "B"}]
    camel = "ufCrm_" + option.removeprefix("UF_CRM_")
    assert camel in http.result("crm.item.fields", entityTypeId=CONTACT)["fields"]
    key = http.made(CONTACT, **{size: "1.5", camel: "2"})
    shown = http.result("crm.item.get", entityTypeId=CONTACT, id=key, useOriginalUfNames="Y")["item"]
    assert (shown[size], shown[option]) == (1.5, 2)
    assert twin.records("contact")[0]["fields"] == {"Size": 1.5, "Source": 2}
    assert http.refused("crm.item.add", entityTypeId=CONTACT, fields={size: "big"})[0] == 400
    http.made(CONTACT, **{option: "B"})
    assert twin.records("contact")[1]["fields"] == {}
    twin.set(keeps_wrong_options=False)
    assert http.refused("crm.item.add", entityTypeId=CONTACT, fields={option: "B"})[0] == 400


def test_selection(twin: Bitrix24Twin, http: Client) -> None:
    own = twin.seed_field("contact", "Colour")
    http.made(CONTACT, name="O", fm=[*phones(OLENA), {"typeId": "EMAIL", "value": "o@example.com"}])
    (few,) = http.listed(CONTACT, "name", "phone", "email", "fm")
    assert few == {"id": 1, "name": "O", "phone": OLENA, "email": "o@example.com"}
    whole = http.listed(CONTACT, "*")[0]
    assert ("fm" in whole, "phone" in whole, whole["ufCrm_" + own.removeprefix("UF_CRM_")]) == (False, False, None)
    assert http.listed(CONTACT, "*", "fm")[0]["fm"][0]["value"] == OLENA


def test_filters(twin: Bitrix24Twin, http: Client) -> None:
    old = NOON - timedelta(days=3)
    for number, name in enumerate(("Anna", "Boris", "Vera")):
        twin.seed_contact(name=name, updated=old + timedelta(days=number))

    def names(**conditions: Any) -> list[str]:
        return [row["name"] for row in http.listed(CONTACT, "name", **conditions)]

    assert names(**{"@id": [1, 3]}) == ["Anna", "Vera"]
    assert names(**{"!@id": [1, 3]}) == ["Boris"]
    assert names(**{"=name": "Anna"}) == names(name="Anna") == ["Anna"]
    assert names(**{"!name": "Anna"}) == ["Boris", "Vera"]
    assert names(**{"%name": "r"}) == ["Boris", "Vera"]
    assert names(**{">=createdTime": "2026-09-10T12:00:00+00:00"}) == ["Boris", "Vera"]
    assert names(**{"<id": 2}) == ["Anna"]
    assert names(**{"0": {"logic": "OR", "0": {"name": "Anna"}, "1": {"name": "Vera"}}}) == ["Anna", "Vera"]
    newest = http.result("crm.item.list", entityTypeId=CONTACT, select=["name"], order={"id": "DESC"})["items"]
    assert [row["name"] for row in newest] == ["Vera", "Boris", "Anna"]
    for column in ("nonsense", "fm", "phone"):
        assert http.refused("crm.item.list", entityTypeId=CONTACT, filter={column: 1}) == (400, "INVALID_ARG_VALUE")


def test_deals_are_found_by_their_main_contact(twin: Bitrix24Twin, http: Client) -> None:
    first, second = twin.seed_contact(name="A"), twin.seed_contact(name="B")
    deal = http.made(DEAL, title="D", contactIds=[first, second])
    assert http.listed(DEAL, **{"@contactId": [first]}) == [{"id": deal}]
    assert http.listed(DEAL, **{"@contactId": [second]}) == []
    assert http.refused("crm.item.list", entityTypeId=DEAL, filter={"@contactIds": [second]})[1] == "INVALID_ARG_VALUE"
    twin.set(filters_contact_ids=True)
    assert http.listed(DEAL, **{"@contactIds": [second]}) == [{"id": deal}]


@pytest.mark.parametrize(
    ("kind", "status", "semantics", "open_"),
    [("lead", "open", "P", True), ("lead", "archived", "F", False), ("lead", "converted", "S", False),
     ("deal", "won", "S", False), ("deal", "lost", "F", False), ("deal", "archived", "F", False), ("deal", "open", "P", True)],
)  # fmt: skip
def test_states(twin: Bitrix24Twin, http: Client, kind: str, status: Any, semantics: str, open_: bool) -> None:
    getattr(twin, f"seed_{kind}")(status=status)
    assert twin.records(kind)[0]["open"] is open_
    assert len(http.listed(LEAD if kind == "lead" else DEAL, stageSemanticId=semantics)) == 1
    if kind == "deal":
        assert len(http.listed(DEAL, closed="N")) == int(open_)


def test_pipelines_and_stages(twin: Bitrix24Twin, http: Client) -> None:
    key, stages = twin.seed_pipeline("Repairs")
    deal = http.made(DEAL, categoryId=key)
    assert twin.records("deal")[0]["stage"] == stages[0] == "C1:NEW"
    http.result("crm.item.update", entityTypeId=DEAL, id=deal, fields={"stageId": "C1:WON"})
    assert (twin.records("deal")[0]["status"], twin.records("deal")[0]["pipeline"]) == ("won", key)
    twin.set_status("deal", str(deal), "open")
    assert twin.records("deal")[0]["stage"] == "C1:NEW"
    found = http.result("crm.category.list", entityTypeId=DEAL)["categories"]
    assert [row["name"] for row in found] == ["General", "Repairs"]
    rows = http.result("crm.status.list", filter={"ENTITY_ID": "DEAL_STAGE_1"})
    assert [(row["STATUS_ID"], row["SEMANTICS"]) for row in rows] == [
        ("C1:NEW", None), ("C1:PREPARATION", None), ("C1:WON", "S"), ("C1:LOSE", "F"),
    ]  # fmt: skip
    assert "CALL" in [row["STATUS_ID"] for row in http.result("crm.status.list", filter={"ENTITY_ID": "SOURCE"})]
    assert http.refused("crm.category.list", entityTypeId=CONTACT)[0] == 400


def test_in_the_simple_mode_a_lead_becomes_a_deal(twin: Bitrix24Twin, http: Client) -> None:
    assert http.result("crm.settings.mode.get") == 1
    twin.set(mode=SIMPLE)
    assert http.result("crm.settings.mode.get") == 2
    lead = http.made(LEAD, title="Call", name="Olha", fm=phones(OLENA))
    assert [(row["status"], row["open"]) for row in twin.records("lead")] == [("converted", False)]
    assert http.listed(DEAL, "title", "contactId", leadId=lead) == [{"id": 1, "title": "Call", "contactId": 1}]
    assert twin.records("contact")[0]["phone"] == OLENA


def test_a_company_takes_its_contacts(twin: Bitrix24Twin, http: Client) -> None:
    contact = twin.seed_contact(name="Olha")
    company = http.made(COMPANY, title="Acme", contactIds=[contact])
    assert twin.records("contact")[0]["organization"] == str(company)
    assert http.result("crm.item.get", entityTypeId=COMPANY, id=company)["item"]["contactIds"] == [int(contact)]


def test_items_are_deleted(twin: Bitrix24Twin, http: Client) -> None:
    key = twin.seed_lead()
    http.result("crm.item.delete", entityTypeId=LEAD, id=key)
    assert http.refused("crm.item.update", entityTypeId=LEAD, id=key, fields={"title": "x"}) == (400, "NOT_FOUND")


# ---- comments (8)


def test_comments(twin: Bitrix24Twin, http: Client) -> None:
    lead, contact = twin.seed_lead(), twin.seed_contact()
    text = "[b]Form[/b] [url=https://r.example/rec.mp3]https://r.example/rec.mp3[/url]\nPatchcord pc-1"
    key = http.result("crm.timeline.comment.add", fields={"ENTITY_ID": lead, "ENTITY_TYPE": "lead", "COMMENT": text})
    http.result("crm.timeline.bindings.bind", fields={"OWNER_ID": key, "ENTITY_ID": contact, "ENTITY_TYPE": "contact"})
    http.result("crm.timeline.comment.update", id=key, fields={"COMMENT": f"{text} x"})
    first, bound, changed = twin.ledger
    assert (first.do, first.fields["text"]) == ("note", "Form https://r.example/rec.mp3\nPatchcord pc-1")
    assert (first.fields["marker"], first.fields["recording"]) == ("pc-1", "https://r.example/rec.mp3")
    assert (first.fields["author"], first.fields["targets"]) == ("integration", [["lead", lead]])
    assert bound.fields["targets"] == [["lead", lead], ["contact", contact]]
    assert list(changed.fields) == ["text"]
    assert http.result("crm.timeline.comment.get", id=key)["ID"] == "1"
    assert len(http.result("crm.timeline.comment.list", filter={"ENTITY_ID": contact, "ENTITY_TYPE": "contact"})) == 1
    assert http.refused("crm.timeline.comment.get", id=9) == (400, "NOT_FOUND")
    assert http.refused("crm.timeline.comment.add", fields={"ENTITY_ID": 9, "ENTITY_TYPE": "lead", "COMMENT": "x"})[0] == 400
    assert http.refused("crm.timeline.comment.add", fields={"ENTITY_ID": lead, "ENTITY_TYPE": "lead"})[0] == 400


# ---- to-dos, calls, tasks (9)


def todo(twin: Bitrix24Twin, **more: Any) -> Json:
    return {"ownerTypeId": LEAD, "ownerId": twin.seed_lead(), "deadline": "2026-09-12T18:00:00", "title": "Call back", **more}


def test_a_to_do_is_open_until_it_is_ticked_off(twin: Bitrix24Twin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    key = http.result("crm.activity.todo.add", **todo(twin, responsibleId=anna, description="text"))["id"]
    assert http.result("crm.activity.binding.add", activityId=key, entityTypeId=CONTACT, entityId=twin.seed_contact()) is True
    made = twin.ledger[0]
    assert (made.do, made.kind, made.fields["assignee"], made.fields["completed"]) == ("task", "todo", anna, False)
    assert made.fields["due_at"] == "2026-09-12T15:00:00Z"
    http.result("crm.activity.update", id=key, fields={"COMPLETED": "Y"})
    assert twin.ledger[-1].do == "complete_task"
    assert http.refused("crm.activity.update", id=key, fields={"DESCRIPTION": "x"}) == (400, "CAN_NOT_UPDATE_COMPLETED_TODO")
    assert http.result("crm.activity.update", id=key, fields={"COMPLETED": "Y"}) is True
    row = http.result("crm.activity.get", id=key)
    assert (row["ID"], row["COMPLETED"], row["RESPONSIBLE_ID"], row["TYPE_ID"]) == (str(key), "Y", anna, "6")
    bound = http.result("crm.activity.binding.list", activityId=key)
    assert [(one["entityTypeId"], one["entityId"]) for one in bound] == [(LEAD, 1), (CONTACT, 1)]


@pytest.mark.parametrize("method", ["crm.activity.todo.add", "crm.activity.add"])
def test_an_activity_is_given_to_a_user_there_is(twin: Bitrix24Twin, http: Client, method: str) -> None:
    anna = twin.seed_user(name="Anna")
    made = http.result(method, **(todo(twin) if "todo" in method else {"fields": activity(twin)}))
    key = made["id"] if isinstance(made, dict) else made
    assert http.result("crm.activity.update", id=key, fields={"RESPONSIBLE_ID": anna}) is True
    update = twin.ledger[-1]
    assert (update.do, update.kind, update.id, update.fields) == ("update", "task", str(key), {"assignee": anna})
    for nobody in (99, "", None):
        assert http.refused("crm.activity.update", id=key, fields={"RESPONSIBLE_ID": nobody}) == (400, "")
    assert http.result("crm.activity.get", id=key)["RESPONSIBLE_ID"] == anna


@pytest.mark.parametrize(
    ("change", "code"),
    [({"deadline": None}, "100"), ({"deadline": "soon"}, "WRONG_DATETIME_FORMAT"), ({"ownerId": 99}, "OWNER_NOT_FOUND"),
     ({"ownerId": None}, "100"), ({"responsibleId": 99}, "100"), ({"title": "t" * 256}, "")],
)  # fmt: skip
def test_to_dos_the_portal_refuses(twin: Bitrix24Twin, http: Client, change: Json, code: str) -> None:
    assert http.refused("crm.activity.todo.add", **todo(twin, **change)) == (400, code)
    assert twin.tasks() == []


def test_a_card_is_bound_once(twin: Bitrix24Twin, http: Client) -> None:
    key = http.result("crm.activity.todo.add", **todo(twin))["id"]
    again = {"activityId": key, "entityTypeId": LEAD, "entityId": 1}
    assert http.refused("crm.activity.binding.add", **again) == (400, "ACTIVITY_IS_ALREADY_BOUND")
    assert http.refused("crm.activity.binding.add", **{**again, "entityId": 99}) == (400, "NOT_FOUND")
    assert http.refused("crm.activity.binding.list", activityId=99) == (400, "NOT_FOUND")


def activity(twin: Bitrix24Twin, **more: Any) -> Json:
    partner = {"VALUE": OLENA, "ENTITY_ID": twin.seed_contact(), "ENTITY_TYPE_ID": CONTACT}
    return {"OWNER_TYPE_ID": LEAD, "OWNER_ID": twin.seed_lead(), "TYPE_ID": 2, "SUBJECT": "Call", "RESPONSIBLE_ID": 1,
            "COMMUNICATIONS": [partner], "COMPLETED": "Y", **more}  # fmt: skip


def test_a_call_is_completed_at_once_and_found_by_its_origin(twin: Bitrix24Twin, http: Client) -> None:
    times = {"START_TIME": "2026-09-12T08:00:00+00:00", "END_TIME": "2026-09-12T08:01:00+00:00"}
    fields = activity(twin, DIRECTION=1, ORIGINATOR_ID="t", ORIGIN_ID="ev-1", DESCRIPTION="<b>x</b>", DESCRIPTION_TYPE=3, **times)
    key = http.result("crm.activity.add", fields=fields)
    (write,) = twin.ledger
    assert (write.do, write.kind, write.fields["marker"], write.fields["text"]) == ("log", "call", "ev-1", "x")
    assert write.fields["targets"] == [["lead", "1"], ["contact", "1"]]
    found = http.result("crm.activity.list", filter={"ORIGINATOR_ID": "t", "ORIGIN_ID": "ev-1"}, select=["ID", "COMMUNICATIONS"])
    assert [(row["ID"], len(row["COMMUNICATIONS"])) for row in found] == [(str(key), 1)]
    row = http.result("crm.activity.get", id=key)
    assert row["DEADLINE"] == row["START_TIME"] == "2026-09-12T11:00:00+03:00"


def test_a_call_without_direction_is_something_done(twin: Bitrix24Twin, http: Client) -> None:
    http.result("crm.activity.add", fields=activity(twin))
    (write,) = twin.ledger
    assert (write.do, write.fields["completed"], write.fields["due_at"]) == ("task", True, None)


@pytest.mark.parametrize(
    "change",
    [{"SUBJECT": ""}, {"RESPONSIBLE_ID": None}, {"TYPE_ID": 6}, {"COMMUNICATIONS": []}, {"COMMUNICATIONS": [{}, {}]},
     {"OWNER_ID": 99}, {"SUBJECT": "s" * 256}],
)  # fmt: skip
def test_activities_the_portal_refuses(twin: Bitrix24Twin, http: Client, change: Json) -> None:
    answer = http.send("crm.activity.add", {"fields": activity(twin, **change)})
    assert (answer.status_code, answer.json()["error"]) == (400, "")
    assert answer.json()["error_description"]
    assert twin.tasks() == []


def test_activities_are_listed_by_card_and_time(twin: Bitrix24Twin, http: Client, clock: ManualClock) -> None:
    first = http.result("crm.activity.todo.add", **todo(twin))["id"]
    clock.advance(timedelta(minutes=5))
    second = http.result("crm.activity.todo.add", **todo(twin))["id"]
    http.result("crm.activity.binding.add", activityId=second, entityTypeId=LEAD, entityId=1)

    def ids(**conditions: Any) -> list[str]:
        rows = http.result("crm.activity.list", filter=conditions, select=["ID"], order={"ID": "DESC"})
        return [row["ID"] for row in rows]

    assert ids(OWNER_TYPE_ID=LEAD, OWNER_ID=1) == [str(first)]
    assert ids(BINDINGS=[{"OWNER_TYPE_ID": LEAD, "OWNER_ID": 1}]) == [str(second), str(first)]
    assert ids(**{">=CREATED": "2026-09-12T12:04:00+00:00"}) == [str(second)]
    assert http.refused("crm.activity.list", filter={"NONSENSE": 1})[0] == 400
    http.result("crm.activity.delete", id=first)
    assert ids(COMPLETED="N") == [str(second)]


def test_tasks_of_the_task_manager(twin: Bitrix24Twin, http: Client) -> None:
    lead, company = twin.seed_lead(), twin.seed_organization()
    fields = {"TITLE": "Call back", "RESPONSIBLE_ID": 1, "DEADLINE": "2026-09-12T18:00:00+03:00", "DESCRIPTION": "text",
              "UF_CRM_TASK": [f"L_{lead}", f"CO_{company}"], "XML_ID": "ev-1"}  # fmt: skip
    task = http.result("tasks.task.add", fields=fields)["task"]
    assert isinstance(task["id"], str)
    (write,) = twin.ledger
    assert (write.do, write.id, write.fields["marker"]) == ("task", task["id"], "ev-1")
    assert write.fields["targets"] == [["lead", lead], ["organization", company]]
    assert http.result("tasks.task.list", filter={"XML_ID": "ev-1"})["tasks"][0]["id"] == task["id"]
    assert http.result("tasks.task.get", taskId=task["id"])["task"]["status"] == "2"
    http.result("tasks.task.update", taskId=task["id"], fields={"DESCRIPTION": "more"})
    assert http.result("tasks.task.complete", taskId=task["id"])["task"]["status"] == "5"
    assert [one.do for one in twin.ledger] == ["task", "update", "complete_task"]
    assert http.refused("tasks.task.complete", taskId=task["id"]) == (400, "ERROR_CORE")
    assert http.refused("tasks.task.get", taskId=99) == (400, "ERROR_CORE")
    assert http.refused("tasks.task.add", fields={"TITLE": "x"}) == (400, "ERROR_CORE")
    stored = twin.tasks()
    assert http.refused("tasks.task.add", fields={"TITLE": "x", "RESPONSIBLE_ID": 99}) == (400, "ERROR_CORE")
    assert http.refused("tasks.task.update", taskId=task["id"], fields={"TITLE": "x", "RESPONSIBLE_ID": 99})[0] == 400
    assert twin.tasks() == stored


# ---- telephony (10)


@pytest.fixture
def app(twin: Bitrix24Twin, http: Client) -> Client:
    http.token = twin.grant().access
    return http


def register(app: Client, **more: Any) -> Json:
    params = {"USER_ID": 1, "PHONE_NUMBER": OLENA, "TYPE": 2, "EXTERNAL_CALL_ID": "c1", "SHOW": 0, **more}
    found: Json = app.result("telephony.externalCall.register", **params)
    return found


def test_a_call_is_registered_finished_and_recorded(twin: Bitrix24Twin, app: Client) -> None:
    lead = twin.seed_lead(phone=OLENA)
    key = register(app, CRM_ENTITY_TYPE="LEAD", CRM_ENTITY_ID=lead)["CALL_ID"]
    assert app.refused("telephony.externalCall.attachRecord", CALL_ID=key, RECORD_URL="https://r.example/1.mp3")[0] == 400
    done = app.result("telephony.externalCall.finish", CALL_ID=key, USER_ID=1, DURATION=74)
    assert (done["CALL_FAILED_CODE"], done["CALL_DURATION"]) == ("200", 74)
    assert app.result("telephony.externalCall.finish", CALL_ID=key, USER_ID=1)["CRM_ACTIVITY_ID"] == done["CRM_ACTIVITY_ID"]
    app.result("telephony.externalCall.attachRecord", CALL_ID=key, RECORD_URL="https://r.example/1.mp3")
    assert "uploadUrl" in app.result("telephony.externalCall.attachRecord", CALL_ID=key, FILENAME="1.mp3")
    made, recorded = twin.ledger
    assert (made.do, made.kind, made.fields["marker"], made.fields["targets"]) == ("log", "call_entity", "c1", [["lead", lead]])
    assert (recorded.do, recorded.kind, dict(recorded.fields)) == ("update", "log", {"recording": "https://r.example/1.mp3"})
    row = app.result("crm.activity.get", id=done["CRM_ACTIVITY_ID"])
    assert (row["COMPLETED"], row["DIRECTION"], row["ORIGIN_ID"]) == ("Y", "1", f"VI_{key}")


def test_the_same_external_id_is_the_same_call_for_half_an_hour(app: Client, clock: ManualClock) -> None:
    first = register(app)["CALL_ID"]
    assert register(app)["CALL_ID"] == first
    assert register(app, EXTERNAL_CALL_ID="c2")["CALL_ID"] != first
    clock.advance(timedelta(minutes=31))
    assert register(app)["CALL_ID"] != first


def test_calls_the_portal_refuses(twin: Bitrix24Twin, app: Client) -> None:
    gone = twin.seed_user(name="Left", active=False)
    good = {"USER_ID": 1, "PHONE_NUMBER": OLENA, "TYPE": 2}
    for change in ({"USER_ID": None}, {"USER_ID": gone}, {"PHONE_NUMBER": ""}, {"TYPE": 6}):
        assert app.refused("telephony.externalCall.register", **{**good, **change}) == (400, "ERROR_CORE")
    assert app.refused("telephony.externalCall.finish", CALL_ID="x", USER_ID=1) == (400, "ERROR_CORE")
    key = register(app, USER_ID=None, USER_PHONE_INNER="101")["CALL_ID"]
    assert app.refused("telephony.externalCall.finish", CALL_ID=key, USER_ID=1, STATUS_CODE="999")[0] == 400
    assert app.result("telephony.externalCall.show", CALL_ID=key, USER_ID=1) is True
    assert app.result("telephony.externalCall.hide", CALL_ID=key, USER_ID=1) is True
    assert app.refused("event.bind")[0] == 400
    assert app.result("event.bind", event="ONCRMLEADUPDATE", handler="https://p.example") is True


# ---- users (11) and the stand


def test_users(twin: Bitrix24Twin, http: Client) -> None:
    anna = twin.seed_user(name="Anna", email="anna@example.com")
    left = twin.seed_user(name="Left", active=False)

    def ids(**conditions: Any) -> list[str]:
        return [row["ID"] for row in http.result("user.get", FILTER=conditions)]

    assert ids(USER_TYPE="employee") == ["1", anna, left]
    assert ids(ACTIVE=True) == ["1", anna]
    assert ids(ACTIVE=False) == [left]
    assert ids(EMAIL="anna@example.com") == ids(UF_PHONE_INNER="102") == [anna]
    assert http.result("user.current")["EMAIL"] == "admin@example.com"
    assert http.result("server.time").startswith("2026-09-12T15:00:00+03:00")


def test_what_people_do_in_the_portal(twin: Bitrix24Twin) -> None:
    anna, deal = twin.seed_user(name="Anna"), twin.seed_deal(phone=OLENA)
    assert twin.seed_contact(phone=OLENA, name="Adopts the deal") == "1"
    assert twin.records("deal")[0]["contact"] == "1"
    twin.set_owner("deal", deal, anna)
    twin.set_status("deal", deal, "won")
    assert (twin.records("deal")[0]["owner"], twin.records("deal")[0]["status"]) == (anna, "won")
    key = twin.seed_task(title="T", targets=[("deal", deal)], due_at=NOON, completed=True)
    other = twin.seed_portal_task(title="P", targets=[("contact", "1")])
    twin.finish_task(other)
    assert [(row["id"], row["completed"]) for row in twin.tasks()] == [(key, True), (other, True)]
    assert twin.tasks()[1]["targets"] == [["contact", "1"]]
    for one in (key, other):
        twin.remove("task", one)
    twin.remove("deal", deal)
    assert twin.tasks() == twin.records("deal") == []
    assert twin.ledger == ()


def test_seeded_visits_go_where_a_field_is_called_so(twin: Bitrix24Twin) -> None:
    twin.seed_field("lead", "patchcord_utm_source")
    twin.seed_lead(attribution={"utm_source": "google", "utm_medium": "cpc", "client_id": "GA1"})
    assert twin.records("lead")[0]["attribution"] == {"utm_source": "google", "utm_medium": "cpc", "client_id": "GA1"}
    assert twin.state.items[LEAD][1]["utmSource"] is None
    assert twin.state.items[LEAD][1]["utmMedium"] == "cpc"
    with pytest.raises(ValueError, match="colour"):
        twin.seed_lead(attribution={"colour": "red"})


def test_a_lost_answer_is_a_write_that_happened(twin: Bitrix24Twin, http: Client) -> None:
    twin.misbehave(Fault("lose_answer", path="crm.item.add"))
    with pytest.raises(requests.ConnectionError):
        http.send("crm.item.add", {"entityTypeId": LEAD, "fields": {"title": "x"}})
    assert [write.do for write in twin.ledger] == ["create"]


def test_reset_makes_everything_new(twin: Bitrix24Twin) -> None:
    twin.seed_lead()
    twin.reset()
    assert twin.records("lead") == []
    assert twin.seed_lead() == "1"
    assert twin.connection("http://x").secrets == {"webhook": f"http://x/rest/1/{twin.account.webhook_code}/"}
