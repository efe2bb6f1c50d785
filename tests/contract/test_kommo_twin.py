"""The Kommo twin against its reference (crm_kommo.md), by plain requests.

Every answer of every test is also held against the contract composed from the vendor's documentation, where that is at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.kommo import Account, KommoTwin
from tests.contract.crm_contract import validator

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
NOW = int(NOON.timestamp())
TOKEN = {"Authorization": f"Bearer {Account().token}"}
OLENA = "+380501234567"
CHECK = validator()
NO_SPECS = "the documentation (shared/specs beside the repository) is not on this machine"
Json = dict[str, Any]


@dataclass
class Client:
    """A session that knows the twin's address and keeps every exchange."""

    url: str
    session: requests.Session
    headers: dict[str, str] = field(default_factory=lambda: dict(TOKEN))
    exchanges: list[Json] = field(default_factory=list)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        base = self.url if path.startswith("/oauth2") else f"{self.url}/api/v4"
        answer = self.session.request(method, base + path, headers=headers, timeout=10, **more)
        body = answer.request.body
        self.exchanges.append(
            {
                "vendor": "kommo",
                "method": method,
                "url": answer.url,
                "request_headers": dict(answer.request.headers),
                "request_body": body.decode("utf-8", "replace") if isinstance(body, bytes) else body,
                "status": answer.status_code,
                "response_headers": dict(answer.headers),
                "response_body": answer.text,
                "elapsed_ms": 1,
            }
        )
        return answer

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.send("GET", path, params=params)

    def data(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/hal+json"
        return answer.json()

    def rows(self, path: str, name: str = "", **params: Any) -> list[Json]:
        """The records of a list."""
        found: list[Json] = self.data(path, **params)["_embedded"][name or path.strip("/").split("/")[0]]
        return found

    def post(self, path: str, *elements: Json) -> requests.Response:
        return self.send("POST", path, json=list(elements))

    def made(self, path: str, *elements: Json, name: str = "") -> list[int]:
        """The ids of what was created."""
        answer = self.post(path, *elements)
        assert answer.status_code == 200, answer.text
        return [int(row["id"]) for row in answer.json()["_embedded"][name or path.strip("/").split("/")[-1]]]

    def set(self, path: str, body: Json) -> Json:
        answer = self.send("PATCH", path, json=body)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    def refused(self, path: str, element: Json, *, method: str = "POST") -> Json:
        """The first validation error."""
        answer = self.send(method, path, json=[element] if method == "POST" else element)
        assert answer.status_code == 400, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        found: Json = answer.json()["validation-errors"][0]["errors"][0]
        return found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> KommoTwin:
    return KommoTwin(clock=clock)


@pytest.fixture
def http(twin: KommoTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        client = Client(running.url, session)
        yield client
    if CHECK:
        ours = [sentence for exchange in client.exchanges for sentence in CHECK(exchange) if ": response " in sentence]
        assert ours == [], "the twin is not like the vendor"


def phone(number: str = OLENA, kind: str = "WORK") -> Json:
    return {"field_code": "PHONE", "values": [{"value": number, "enum_code": kind}]}


def contact(number: str = OLENA, **more: Any) -> Json:
    return {"name": "Olena", "custom_fields_values": [phone(number)], **more}


# ---- signing in (1)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": Account().token}])
def test_nobody_gets_in_without_a_token(http: Client, headers: dict[str, str]) -> None:
    http.headers = headers
    answer = http.get("/account")
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert (answer.json()["title"], answer.json()["status"]) == ("Unauthorized", 401)


def test_a_revoked_long_lived_token_is_refused(twin: KommoTwin, http: Client) -> None:
    twin.replace_token("new")
    assert http.get("/account").status_code == 401
    http.headers = {"Authorization": "Bearer new"}
    assert http.data("/account")["current_user_id"] == 501


def oauth(http: Client, **body: str) -> requests.Response:
    http.headers = {}
    account = Account()
    whole = {"client_id": account.client_id, "client_secret": account.client_secret, "redirect_uri": account.redirect_uri, **body}
    return http.send("POST", "/oauth2/access_token", json=whole)


def test_refreshing_replaces_both_tokens(twin: KommoTwin, http: Client, clock: ManualClock) -> None:
    grant = twin.grant()
    given = oauth(http, grant_type="refresh_token", refresh_token=grant.refresh).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 86_400)
    assert given["refresh_token"] != grant.refresh
    assert oauth(http, grant_type="refresh_token", refresh_token=grant.refresh).status_code == 401
    http.headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert http.data("/account")["subdomain"] == "acme"
    clock.advance(timedelta(days=1))
    assert http.get("/account").status_code == 401
    clock.advance(timedelta(days=89))
    assert oauth(http, grant_type="refresh_token", refresh_token=given["refresh_token"]).status_code == 401


def test_a_code_works_once_for_twenty_minutes(twin: KommoTwin, http: Client, clock: ManualClock) -> None:
    code, late = twin.grants.code(), twin.grants.code()
    assert oauth(http, grant_type="authorization_code", code=code).status_code == 200
    assert oauth(http, grant_type="authorization_code", code=code).status_code == 400
    clock.advance(timedelta(minutes=20))
    assert oauth(http, grant_type="authorization_code", code=late).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"client_secret": "x"}, 401), ({"redirect_uri": f"{Account().redirect_uri}/"}, 400), ({"grant_type": "password"}, 400),
    ],
)  # fmt: skip
def test_token_calls_that_are_refused(twin: KommoTwin, http: Client, wrong: dict[str, str], status: int) -> None:
    refresh = twin.grant().refresh
    assert oauth(http, **{"grant_type": "refresh_token", "refresh_token": refresh, **wrong}).status_code == status
    assert http.send("POST", "/oauth2/access_token", data={"grant_type": "refresh_token"}).status_code == 400


def test_removed_and_expired_grants(twin: KommoTwin, http: Client) -> None:
    grant = twin.grant()
    twin.expire_access_tokens()
    http.headers = {"Authorization": f"Bearer {grant.access}"}
    assert http.get("/account").status_code == 401
    twin.revoke_grants()
    assert oauth(http, grant_type="refresh_token", refresh_token=grant.refresh).status_code == 401


# ---- limits (2)


def test_seven_a_second_then_429_then_shut_out_for_good(twin: KommoTwin, http: Client, clock: ManualClock) -> None:
    twin.set(enforce_rates=True, block_after=2)
    assert [http.get("/account").status_code for _ in range(9)] == [200] * 7 + [429] * 2
    clock.advance(timedelta(seconds=1))
    assert http.get("/account").status_code == 200
    assert [http.get("/account").status_code for _ in range(9)] == [200] * 6 + [429] * 2 + [403]
    clock.advance(timedelta(hours=3))
    blocked = http.get("/account")
    assert (blocked.status_code, blocked.headers["Content-Type"]) == (403, "text/html; charset=utf-8")
    twin.unblock()
    assert http.get("/account").status_code == 200


@pytest.mark.parametrize(("html", "content_type"), [(True, "text/html; charset=utf-8"), (False, "application/problem+json")])
def test_429_names_no_pause(twin: KommoTwin, http: Client, html: bool, content_type: str) -> None:
    twin.set(enforce_rates=True, burst=0, html_429=html)
    answer = http.get("/account")
    assert (answer.status_code, answer.headers["Content-Type"]) == (429, content_type)
    assert "Retry-After" not in answer.headers


def test_an_unpaid_account_is_402(twin: KommoTwin, http: Client) -> None:
    twin.set(paid=False)
    assert http.get("/account").status_code == 402


# ---- bodies, errors, paging (3)


def test_nothing_is_204_for_lists_and_for_one(http: Client) -> None:
    for path in (
        "/contacts",
        "/leads",
        "/companies",
        "/tasks",
        "/contacts/3001",
        "/tasks/8001",
        "/leads/notes",
        "/leads/notes/1",
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.text) == (204, "")


def test_collections_take_arrays_and_one_takes_an_object(http: Client) -> None:
    assert http.send("POST", "/contacts", json=contact()).status_code == 400
    (key,) = http.made("/contacts", contact())
    assert http.send("PATCH", f"/contacts/{key}", json=[{"name": "x"}]).status_code == 400
    assert http.send("POST", "/contacts", json=[]).status_code == 400
    assert http.send("POST", "/contacts", data="x").status_code == 415
    assert http.send("POST", "/contacts", data=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert http.send("PATCH", "/contacts/99", json={"name": "x"}).status_code == 404
    assert http.get("/tickets").status_code == 404


def test_one_bad_element_fails_the_array(twin: KommoTwin, http: Client) -> None:
    answer = http.post("/contacts", contact(), {"responsible_user_id": 99, "request_id": "second"})
    assert answer.status_code == 400
    (element,) = answer.json()["validation-errors"]
    assert (element["request_id"], element["errors"][0]["path"]) == ("second", "responsible_user_id")
    assert twin.ledger == ()


def test_request_id_is_echoed_and_not_stored(http: Client) -> None:
    answer = http.post("/leads", {"request_id": "c-1"}, {})
    assert [row["request_id"] for row in answer.json()["_embedded"]["leads"]] == ["c-1", "1"]
    assert all("request_id" not in row for row in http.rows("/leads"))


def test_pages(http: Client) -> None:
    http.made("/companies", *({"name": f"C{number}"} for number in range(5)))
    first = http.data("/companies", limit=3)
    assert "page=2" in first["_links"]["next"]["href"]
    second = http.data("/companies", limit=3, page=2)
    assert "next" not in second["_links"]
    assert [row["name"] for row in second["_embedded"]["companies"]] == ["C3", "C4"]
    assert http.get("/companies", limit=3, page=3).status_code == 204
    for wrong in ({"limit": 251}, {"limit": 0}, {"page": 0}, {"page": "x"}):
        assert http.get("/companies", **wrong).status_code == 400


# ---- looking up (5)


def test_contact_tells_leads_by_id_and_only_when_asked(twin: KommoTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    acme = twin.seed_organization(name="Acme")
    key = twin.seed_contact(phone="+380 (50) 123-45-67", name="Olena", owner=anna, organization=acme)
    lead = twin.seed_deal(contact=key, owner=anna)
    (row,) = http.rows("/contacts", query="501234567", **{"with": "leads"})
    assert (row["id"], row["responsible_user_id"]) == (int(key), int(anna))
    assert row["_embedded"]["leads"] == [{"id": int(lead)}]
    assert row["_embedded"]["companies"] == [{"id": int(acme)}]
    field_ = row["custom_fields_values"][0]
    assert (field_["field_code"], field_["values"][0]["value"], field_["values"][0]["enum_code"]) == (
        "PHONE", "+380 (50) 123-45-67", "WORK",
    )  # fmt: skip
    assert "leads" not in http.rows("/contacts")[0]["_embedded"]
    (shown,) = http.rows("/leads", "leads", **{"filter[id][]": lead, "with": "contacts"})
    assert shown["_embedded"]["contacts"] == [{"id": int(key), "is_main": True}]
    assert http.rows("/companies", "companies", **{"with": "contacts"})[0]["_embedded"]["contacts"] == [{"id": int(key)}]


def test_query_looks_into_all_fields(twin: KommoTwin, http: Client) -> None:
    remark = twin.seed_field("contact", "Remark")
    http.made("/contacts", contact(), {"name": "Call 501234567"},
              {"custom_fields_values": [{"field_id": int(remark), "values": [{"value": "or 0501234567"}]}]},
              contact("+380671112233"))  # fmt: skip
    assert len(http.rows("/contacts", query="501234567")) == 3
    assert http.rows("/contacts", query="olena")[0]["name"] == "Olena"


@pytest.mark.parametrize(("ignored", "query", "status"), [(True, "501234567", 200), (False, "501234567", 204),
                                                          (False, "123-45-67", 200), (True, "50 123", 204)])  # fmt: skip
def test_query_sees_through_notations_or_not(twin: KommoTwin, http: Client, ignored: bool, query: str, status: int) -> None:
    twin.set(search_ignores_punctuation=ignored)
    twin.seed_contact(phone="+380 (50) 123-45-67")
    assert http.get("/contacts", query=query).status_code == status


def test_search_lags_and_lists_do_not(twin: KommoTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(seconds=5)
    (key,) = http.made("/contacts", contact())
    assert http.get("/contacts", query="501234567").status_code == 204
    assert http.rows("/contacts", "contacts", **{"filter[created_at][from]": NOW})[0]["id"] == key
    assert http.get(f"/contacts/{key}").status_code == 200
    clock.advance(timedelta(seconds=5))
    assert len(http.rows("/contacts", query="501234567")) == 1


def test_lists_filter_and_sort(twin: KommoTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    old = twin.seed_deal(name="Old", owner=anna, updated=NOON - timedelta(days=2))
    new = twin.seed_deal(name="New", updated=NOON)

    def names(**params: Any) -> list[str]:
        return [row["name"] for row in http.rows("/leads", "leads", **params)]

    assert names(**{"order[updated_at]": "desc"}) == ["New", "Old"]
    assert names(**{"filter[id][]": [old, new]}) == names(**{"filter[id][0]": old, "filter[id][1]": new}) == ["Old", "New"]
    assert names(**{"filter[responsible_user_id][]": anna}) == ["Old"]
    assert names(**{"filter[updated_at][from]": NOW}) == ["New"]
    assert names(**{"filter[created_at][to]": NOW - 1}) == ["Old"]
    assert (
        http.get("/leads", **{"filter[statuses][0][pipeline_id]": 61, "filter[statuses][0][status_id]": 142}).status_code == 204
    )
    assert http.get("/leads", **{"filter[custom_fields_values][1]": "x"}).status_code == 403
    for wrong in ({"order[id]": "up"}, {"filter[created_at][from]": "today"}):
        assert http.get("/leads", **wrong).status_code == 400


# ---- creating and changing (4, 6)


def test_lead_contact_and_company_in_one_request(twin: KommoTwin, http: Client) -> None:
    anna = int(twin.seed_user(name="Anna"))
    colour = int(twin.seed_field("deal", "Colour", "option", ("red", "blue")))
    element = {
        "name": "Call", "pipeline_id": 61, "status_id": 6103, "responsible_user_id": anna, "request_id": "c-1",
        "custom_fields_values": [{"field_code": "UTM_SOURCE", "values": [{"value": "google"}]},
                                 {"field_id": colour, "values": [{"value": "blue"}]}],
        "tags_to_add": [{"name": "ringostat"}],
        "_embedded": {"contacts": [contact(responsible_user_id=anna)], "companies": [{"name": "Acme"}]},
    }  # fmt: skip
    answer = http.post("/leads/complex", element)
    lead, person, company = 2001, 3001, 4001
    told = {"id": lead, "contact_id": person, "company_id": company, "request_id": ["c-1"], "merged": False}
    assert answer.json() == [told]
    assert [(write.do, write.kind) for write in twin.ledger] == [
        ("create", "organization"), ("create", "contact"), ("create", "deal"),
    ]  # fmt: skip
    assert twin.records("organization")[0]["owner"] == "501", "the owner is not inherited"
    (row,) = twin.records("deal")
    assert (row["contact"], row["organization"], row["stage"], row["tags"]) == ("3001", "4001", "6103", ["ringostat"])
    assert (row["attribution"], row["fields"]) == ({"utm_source": "google"}, {"Colour": "blue"})
    (employed,) = twin.records("contact")
    assert (employed["phone"], employed["organization"], employed["owner"]) == (OLENA, "4001", str(anna))


def test_complex_takes_what_exists_by_id(twin: KommoTwin, http: Client) -> None:
    key = twin.seed_contact(phone=OLENA, name="Olena")
    (told,) = http.post("/leads/complex", {"_embedded": {"contacts": [{"id": int(key)}], "companies": [{"name": "Acme"}]}}).json()
    assert (told["contact_id"], twin.records("contact")[0]["organization"]) == (int(key), str(told["company_id"]))
    assert [(write.do, write.kind) for write in twin.ledger] == [
        ("create", "organization"), ("update", "contact"), ("create", "deal"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("element", "path"),
    [
        ({"_embedded": {"contacts": [{"id": 99}]}}, "_embedded.contacts.0.id"),
        ({"_embedded": {"contacts": [{}, {}]}}, "_embedded.contacts"),
        ({"_embedded": {"contacts": [{"responsible_user_id": 99}]}}, "_embedded.contacts.0.responsible_user_id"),
        (
            {"_embedded": {"companies": [{"custom_fields_values": [{"field_id": 1, "values": None}]}]}},
            "_embedded.companies.0.custom_fields_values.0.field_id",
        ),
        ({"status_id": 6102, "_embedded": {"metadata": {"category": "sip"}}}, "status_id"),
        ({"_embedded": {"metadata": {"category": "mail"}}}, "_embedded.metadata.category"),
        ({"_embedded": ["x"]}, "_embedded"),
    ],
)
def test_complex_leads_the_server_refuses(twin: KommoTwin, http: Client, element: Json, path: str) -> None:
    assert http.refused("/leads/complex", element)["path"] == path
    assert twin.ledger == ()


def test_at_most_fifty_complex_leads(http: Client) -> None:
    assert http.post("/leads/complex", *({} for _ in range(51))).status_code == 400


def test_metadata_puts_a_lead_into_the_incoming_stage(twin: KommoTwin, http: Client) -> None:
    (told,) = http.post("/leads/complex", {"_embedded": {"contacts": [contact()], "metadata": {"category": "sip"}}}).json()
    stage = http.rows("/leads", "leads", **{"filter[id][]": told["id"]})[0]["status_id"]
    (pipeline,) = http.rows("/leads/pipelines", "pipelines")
    assert [row["type"] for row in pipeline["_embedded"]["statuses"] if row["id"] == stage] == [1]


def test_duplicate_control_joins_leads(twin: KommoTwin, http: Client) -> None:
    lead = twin.seed_deal(phone=OLENA)
    element = {"_embedded": {"contacts": [contact("050 123 45 67")]}}
    assert http.post("/leads/complex", element).json()[0]["merged"] is False
    twin.set(duplicate_control=True)
    (told,) = http.post("/leads/complex", element).json()
    assert (told["merged"], told["id"]) == (True, int(lead))


def test_no_field_is_required_and_the_owner_is_the_tokens_user(twin: KommoTwin, http: Client) -> None:
    for path in ("/leads", "/contacts", "/companies"):
        (key,) = http.made(path, {})
        row = http.data(f"{path}/{key}")
        assert (row["responsible_user_id"], row["created_by"], row["created_at"]) == (501, 501, NOW)
    lead = http.rows("/leads")[0]
    assert (lead["pipeline_id"], lead["status_id"]) == (61, 6102), "the first ordinary stage of the main pipeline"


@pytest.mark.parametrize(
    ("path", "element", "place"),
    [
        ("/contacts", {"phone": OLENA}, "phone"),
        ("/contacts", {"name": 5}, "name"),
        ("/contacts", {"name": "x" * 256}, "name"),
        ("/contacts", {"responsible_user_id": "501"}, "responsible_user_id"),
        ("/contacts", {"responsible_user_id": 0}, "responsible_user_id"),
        ("/contacts", {"created_at": NOW * 1000}, "created_at"),
        ("/contacts", {"custom_fields_values": {"PHONE": OLENA}}, "custom_fields_values"),
        ("/contacts", {"custom_fields_values": [{"field_code": "PHONES", "values": []}]}, "custom_fields_values.0.field_code"),
        (
            "/contacts",
            {"custom_fields_values": [{"field_code": "UTM_SOURCE", "values": []}]},
            "custom_fields_values.0.field_code",
        ),
        ("/contacts", {"custom_fields_values": [phone(kind="CAR")]}, "custom_fields_values.0.values.0.enum_code"),
        ("/contacts", {"custom_fields_values": [{"code": "PHONE", "values": []}]}, "custom_fields_values.0"),
        ("/contacts", {"custom_fields_values": [phone()] * 41}, "custom_fields_values"),
        ("/contacts", {"_embedded": {"leads": []}}, "leads"),
        ("/leads", {"status_id": 1}, "status_id"),
        ("/leads", {"pipeline_id": 1}, "pipeline_id"),
        ("/leads", {"_embedded": {"contacts": [{"id": 99}]}}, "_embedded.contacts.0.id"),
        ("/leads", {"_embedded": {"companies": [{"id": 99}]}}, "_embedded.companies.0.id"),
        ("/tasks", {"text": "T"}, "complete_till"),
        ("/tasks", {"complete_till": NOW}, "text"),
        ("/tasks", {"text": "T", "complete_till": NOW * 1000}, "complete_till"),
        ("/tasks", {"text": "T", "complete_till": NOW, "entity_id": 1}, "entity_type"),
        ("/tasks", {"text": "T", "complete_till": NOW, "entity_id": 1, "entity_type": "leads"}, "entity_id"),
        ("/tasks", {"text": "T", "complete_till": NOW, "entity_id": 1, "entity_type": "tickets"}, "entity_type"),
        ("/tasks", {"text": "T", "complete_till": NOW, "task_type_id": 9}, "task_type_id"),
        ("/tasks", {"text": "T", "complete_till": NOW, "result": "done"}, "result"),
        ("/calls", {"direction": "inbound", "phone": OLENA, "source": "x"}, "duration"),
        ("/calls", {"direction": "in", "phone": OLENA, "source": "x", "duration": 1}, "direction"),
        ("/calls", {"direction": "inbound", "duration": 1, "source": "x"}, "phone"),
        ("/calls", {"direction": "inbound", "phone": OLENA, "source": "x", "duration": 1, "call_status": 9}, "call_status"),
    ],
)
def test_bodies_the_server_refuses(twin: KommoTwin, http: Client, path: str, element: Json, place: str) -> None:
    assert http.refused(path, element)["path"] == place
    assert twin.ledger == ()


def test_a_field_that_is_sent_is_replaced_whole(twin: KommoTwin, http: Client) -> None:
    remark = int(twin.seed_field("contact", "Remark"))
    values = [phone(), {"field_id": remark, "values": [{"value": "kept"}]}]
    (key,) = http.made("/contacts", {"name": "Olena", "custom_fields_values": values})
    http.set(f"/contacts/{key}", {"custom_fields_values": [phone("+380671112233", "MOB")]})
    (row,) = twin.records("contact")
    assert (row["phone"], row["fields"], row["name"]) == ("+380671112233", {"Remark": "kept"}, "Olena")
    http.set(f"/contacts/{key}", {"custom_fields_values": [{"field_id": remark, "values": None}]})
    assert twin.records("contact")[0]["fields"] == {}


def test_owner_stage_and_name_are_changed(twin: KommoTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    lead = twin.seed_deal(name="Old")
    told = http.set(f"/leads/{lead}", {"responsible_user_id": int(anna)})
    assert (told["id"], dict(twin.ledger[-1].fields)) == (int(lead), {"owner": anna})
    http.set(f"/leads/{lead}", {"status_id": 142, "name": "New"})
    (row,) = twin.records("deal")
    assert (row["status"], row["open"], row["name"], row["pipeline"]) == ("won", False, "New", "61")
    pipeline, stages = twin.seed_pipeline("Repairs", ("New", "In work"))
    http.set(f"/leads/{lead}", {"pipeline_id": int(pipeline)})
    assert twin.records("deal")[0]["stage"] == stages[0]
    answer = http.send("PATCH", "/leads", json=[{"id": int(lead), "status_id": int(stages[1])}, {"id": 99}])
    assert answer.status_code == 400
    assert http.send("PATCH", "/leads", json=[{"id": int(lead), "status_id": int(stages[1])}]).status_code == 200
    assert twin.records("deal")[0]["stage"] == stages[1]


def test_name_of_a_contact_has_two_parts(http: Client) -> None:
    (key,) = http.made("/contacts", {"first_name": "Olena", "last_name": "K."})
    assert http.data(f"/contacts/{key}")["name"] == "Olena K."


def test_tags_are_added_and_taken_away(twin: KommoTwin, http: Client) -> None:
    (key,) = http.made("/leads", {"_embedded": {"tags": [{"name": "a"}]}, "tags_to_add": [{"name": "b"}]})
    http.set(f"/leads/{key}", {"tags_to_add": [{"name": "c"}], "tags_to_delete": [{"name": "a"}]})
    assert twin.records("deal")[0]["tags"] == ["b", "c"]


def test_links(twin: KommoTwin, http: Client) -> None:
    (person,), (company,), (lead,) = (http.made(path, {}) for path in ("/contacts", "/companies", "/leads"))
    http.post(f"/companies/{company}/link", {"to_entity_id": person, "to_entity_type": "contacts"})
    links = [{"to_entity_id": person, "to_entity_type": "contacts", "metadata": {"is_main": True}},
             {"to_entity_id": company, "to_entity_type": "companies"}]  # fmt: skip
    answer = http.post(f"/leads/{lead}/link", *links)
    assert [row["entity_id"] for row in answer.json()["_embedded"]["links"]] == [lead, lead]
    shown = http.rows(f"/leads/{lead}/links", "links")
    assert [(row["to_entity_type"], row["to_entity_id"]) for row in shown] == [("contacts", person), ("companies", company)]
    assert twin.records("contact")[0]["organization"] == str(company)
    assert http.refused(f"/leads/{lead}/link", {"to_entity_id": 99, "to_entity_type": "contacts"})["path"] == "to_entity_id"
    assert http.refused(f"/leads/{lead}/link", {"to_entity_id": lead, "to_entity_type": "leads"})["path"] == "to_entity_type"


# ---- fields (6)


def test_fields_are_listed_and_created(twin: KommoTwin, http: Client) -> None:
    (made,) = http.made("/leads/custom_fields", {"name": "patchcord_marker", "type": "text"})
    seeded = int(twin.seed_field("deal", "Colour", "option", ("red", "blue")))
    rows = {row["id"]: row for row in http.rows("/leads/custom_fields", "custom_fields", limit=250)}
    assert (rows[made]["name"], rows[made]["code"], rows[made]["entity_type"]) == ("patchcord_marker", None, "leads")
    assert [option["value"] for option in rows[seeded]["enums"]] == ["red", "blue"]
    assert "UTM_SOURCE" in {row["code"] for row in rows.values()}
    assert {"PHONE", "EMAIL"} <= {row["code"] for row in http.rows("/contacts/custom_fields", "custom_fields")}
    assert http.data(f"/leads/custom_fields/{seeded}")["type"] == "select"
    assert http.get("/leads/custom_fields/1").status_code == 204
    http.refused("/leads/custom_fields", {"name": "x", "type": "string"})
    assert http.post("/leads/custom_fields", {"name": "x", "type": "select"}).status_code == 400


def test_values_must_fit_their_field(twin: KommoTwin, http: Client) -> None:
    kinds = {"text": "x" * 257, "number": "5", "date": "tomorrow", "checkbox": 1, "option": "green", "multiselect": "a, b"}
    right = {"text": "x" * 256, "number": 5, "date": NOW, "checkbox": True, "option": "red", "multiselect": "red"}
    fields = {kind: int(twin.seed_field("contact", kind, kind, ("red",))) for kind in kinds}
    for kind, value in kinds.items():
        sent = {"custom_fields_values": [{"field_id": fields[kind], "values": [{"value": value}]}]}
        assert http.refused("/contacts", sent)["path"] == "custom_fields_values.0.values.0.value"
    http.made("/contacts", {"custom_fields_values": [{"field_id": fields[kind], "values": [{"value": value}]}
                                                     for kind, value in right.items()]})  # fmt: skip
    assert twin.records("contact")[0]["fields"] == right
    enum = http.data(f"/contacts/custom_fields/{fields['option']}")["enums"][0]["id"]
    by_id = {"custom_fields_values": [{"field_id": fields["option"], "values": [{"enum_id": enum}]}]}
    http.made("/contacts", by_id)
    assert twin.records("contact")[1]["fields"] == {"option": "red"}
    twin.set(numbers_as_text=True)
    http.made("/contacts", {"custom_fields_values": [{"field_id": fields["number"], "values": [{"value": "5"}]}]})


def test_an_older_account_has_no_utm_fields() -> None:
    assert [row["name"] for row in KommoTwin(account=Account(tracking_fields=False)).state.fields["leads"].values()] == []


# ---- tasks (8)


def test_open_and_completed_tasks_share_a_request(twin: KommoTwin, http: Client) -> None:
    anna = int(twin.seed_user(name="Anna"))
    lead = int(twin.seed_deal(name="L"))
    on = {"entity_id": lead, "entity_type": "leads", "responsible_user_id": anna}
    done = {"is_completed": True, "result": {"text": "Recording: https://calls.example/rec/1"}}
    keys = http.made("/tasks", {"text": "Call back\nmore\nPatchcord m1", "complete_till": NOW + 60, "task_type_id": 1, **on},
                     {"text": "Answered", "complete_till": NOW, **on, **done})  # fmt: skip
    first, second = twin.tasks()
    assert (first["title"], first["completed"], first["due_at"]) == ("Call back", False, "2026-09-12T12:01:00Z")
    assert (first["targets"], first["assignee"], first["marker"]) == ([["deal", str(lead)]], str(anna), "m1")
    assert (second["completed"], second["recording"]) == (True, "https://calls.example/rec/1")
    assert [(write.do, write.kind) for write in twin.ledger] == [("task", "follow_up"), ("task", "follow_up")]
    listed = http.rows(
        "/tasks", "tasks", **{"filter[entity_type]": "leads", "filter[entity_id][]": lead, "filter[is_completed]": 0}
    )
    assert [row["id"] for row in listed] == keys[:1]
    assert http.data(f"/tasks/{keys[0]}")["result"] == []


def test_a_task_is_completed_with_a_result(twin: KommoTwin, http: Client) -> None:
    (key,) = http.made("/tasks", {"text": "T", "complete_till": NOW})
    http.set(f"/tasks/{key}", {"is_completed": True, "result": {"text": "done"}})
    assert (twin.ledger[-1].do, twin.tasks()[0]["completed"]) == ("complete_task", True)
    http.set(f"/tasks/{key}", {"text": "T2"})
    assert (twin.ledger[-1].do, twin.ledger[-1].kind) == ("update", "task")
    assert http.send("PATCH", "/tasks/99", json={"text": "x"}).status_code == 404
    assert http.send("DELETE", f"/tasks/{key}").status_code == 405


# ---- calls and notes (9)


def a_call(**more: Any) -> Json:
    return {"direction": "inbound", "uniq": "u1", "duration": 70, "source": "ringostat", "phone": OLENA, "call_status": 4,
            "link": "https://calls.example/rec/1.mp3", "call_result": "Talked", **more}  # fmt: skip


@pytest.mark.parametrize(
    ("leads", "card"), [([], "contact"), (["open"], "lead"), (["open", "won", "lost"], "lead"), (["open", "open"], "contact")]
)
def test_a_call_finds_its_card(twin: KommoTwin, http: Client, leads: list[Any], card: str) -> None:
    person = twin.seed_contact(phone="050 123 45 67")
    for status in leads:
        twin.seed_deal(contact=person, status=status)
    (told,) = http.post("/calls", a_call()).json()["_embedded"]["calls"]
    assert told["entity_type"] == card
    (write,) = twin.ledger
    assert (write.do, write.kind, write.id) == ("log", "call", str(told["id"]))
    assert ["contact", person] in write.fields["targets"]
    assert (write.fields["marker"], write.fields["recording"]) == ("u1", "https://calls.example/rec/1.mp3")


def test_a_company_carries_a_number_too(twin: KommoTwin, http: Client) -> None:
    acme = twin.seed_organization(phone=OLENA, name="Acme")
    assert [row["id"] for row in http.rows("/companies", query="501234567")] == [int(acme)]
    assert http.post("/calls", a_call()).json()["_embedded"]["calls"][0]["entity_type"] == "company"


def test_a_call_of_nobody_is_an_error_with_status_200(twin: KommoTwin, http: Client) -> None:
    twin.seed_contact(phone="501234567", name="nine digits are not ten")
    answer = http.post("/calls", a_call())
    assert (answer.status_code, answer.json()["_embedded"]["calls"], len(answer.json()["errors"])) == (200, [], 1)
    assert twin.ledger == ()


def test_a_repeated_call_is_entered_once(twin: KommoTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    assert http.made("/calls", a_call(), name="calls") == http.made("/calls", a_call(), name="calls")
    http.made("/calls", a_call(uniq="u2"), name="calls")
    assert len(twin.ledger) == 2


def test_notes_hang_on_the_card_of_their_path(twin: KommoTwin, http: Client) -> None:
    anna = int(twin.seed_user(name="Anna"))
    lead = int(twin.seed_deal(name="L"))
    params = {"uniq": "u1", "duration": 70, "source": "ringostat", "phone": OLENA, "call_responsible": anna}
    log, text = http.made(f"/leads/{lead}/notes", {"note_type": "call_out", "params": params, "created_by": anna},
                          {"note_type": "common", "params": {"text": "Form\nPatchcord m1"}})  # fmt: skip
    (bulk,) = http.made("/leads/notes", {"entity_id": lead, "note_type": "common", "params": {"text": "Bulk"}})
    assert [(write.do, write.kind) for write in twin.ledger] == [("log", "call"), ("note", "note"), ("note", "note")]
    assert (twin.ledger[0].fields["direction"], twin.ledger[0].fields["author"]) == ("out", str(anna))
    assert (twin.ledger[1].fields["marker"], twin.ledger[1].fields["targets"]) == ("m1", [["deal", str(lead)]])
    calls = {"filter[note_type][]": ["call_in", "call_out"]}
    assert [row["id"] for row in http.rows(f"/leads/{lead}/notes", "notes", **calls)] == [log]
    newest = http.rows("/leads/notes", "notes", **{"filter[entity_id][]": lead, "order[id]": "desc", "filter[updated_at]": NOW})
    assert [row["id"] for row in newest] == [bulk, text, log]
    assert http.data(f"/leads/notes/{log}")["params"]["uniq"] == "u1"
    assert http.get(f"/contacts/notes/{log}").status_code == 204
    assert http.send("PATCH", "/leads/notes", json=[{"id": log, "params": {**params, "link": "https://x.example/r"}}]).ok
    assert (twin.ledger[-1].kind, dict(twin.ledger[-1].fields)) == ("log", {"recording": "https://x.example/r"})


@pytest.mark.parametrize(
    ("note", "place"),
    [
        ({"note_type": "common", "params": {}}, "params.text"),
        ({"note_type": "common", "params": {"text": "x" * 20_001}}, "params.text"),
        ({"note_type": "call_in", "params": {"uniq": "u", "source": "x", "phone": OLENA}}, "params.duration"),
        ({"note_type": "poem", "params": {"text": "x"}}, "note_type"),
        ({"params": {"text": "x"}}, "note_type"),
    ],
)
def test_notes_the_server_refuses(twin: KommoTwin, http: Client, note: Json, place: str) -> None:
    lead = twin.seed_deal(name="L")
    assert http.refused(f"/leads/{lead}/notes", note)["path"] == place
    assert http.post("/leads/99/notes", {"note_type": "common", "params": {"text": "x"}}).status_code == 404
    assert twin.ledger == ()


# ---- the account (8, 10)


def test_users_are_for_administrators(twin: KommoTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna", email="anna@example.com")
    gone = twin.seed_user(name="Gone", active=False)
    users = {str(row["id"]): row for row in http.rows("/users")}
    assert (users["501"]["rights"]["is_admin"], users[gone]["rights"]["is_active"]) == (True, False)
    assert http.data(f"/users/{anna}")["email"] == "anna@example.com"
    assert http.get("/users/99").status_code == 404
    twin.seed_token(anna, "anna-token")
    http.headers = {"Authorization": "Bearer anna-token"}
    answer = http.get("/users")
    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")
    assert http.made("/leads", {}) == [2001]
    assert twin.records("deal")[0]["owner"] == anna


def test_inactive_owners_are_taken_or_not(twin: KommoTwin, http: Client) -> None:
    gone = int(twin.seed_user(name="Gone", active=False))
    http.made("/leads", {"responsible_user_id": gone})
    twin.set(refuse_inactive_owner=True)
    assert http.refused("/leads", {"responsible_user_id": gone})["path"] == "responsible_user_id"


def test_account_tells_its_task_types(http: Client) -> None:
    assert "task_types" not in http.data("/account")["_embedded"]
    assert [row["id"] for row in http.data("/account", **{"with": "task_types"})["_embedded"]["task_types"]] == [1, 2]


# ---- misbehaviour in the vendor's shapes


def test_faults_look_like_kommo(twin: KommoTwin, http: Client) -> None:
    twin.misbehave(Fault("status", status=429), Fault("status", status=504), Fault("expired_token"), Fault("missing_right"),
                   Fault("refuse", words="No."))  # fmt: skip
    slow, broken, expired, right, bad = (http.get("/account") for _ in range(5))
    assert [answer.status_code for answer in (slow, broken, expired, right, bad)] == [429, 504, 401, 403, 400]
    assert right.json()["detail"] == "Client doesn't have the required scope"
    assert bad.json()["validation-errors"][0]["errors"][0]["detail"] == "No."


# ---- seeding


def test_a_deal_seeded_with_a_phone_hangs_on_a_contact_which_is_adopted(twin: KommoTwin) -> None:
    anna = twin.seed_user(name="Anna")
    lead = twin.seed_deal(phone=OLENA, owner=anna, attribution={"utm_source": "google"})
    person = twin.seed_contact(phone=OLENA, name="Olena", owner=anna)
    assert [(row["id"], row["name"], row["owner"]) for row in twin.records("contact")] == [(person, "Olena", anna)]
    (row,) = twin.records("deal")
    assert (row["id"], row["contact"], row["owner"], row["open"]) == (lead, person, anna, True)
    assert row["attribution"] == {"utm_source": "google"}
    assert twin.seed_contact(phone=OLENA) != person
    assert twin.ledger == ()


def test_there_are_no_leads_beside_deals(twin: KommoTwin) -> None:
    for seeding in (twin.seed_lead, lambda: twin.seed_field("lead", "x"), lambda: twin.records("lead")):
        with pytest.raises(NotImplementedError, match="is the deal"):
            seeding()


@pytest.mark.parametrize(
    ("status", "stored", "is_open"),
    [
        ("open", "open", True),
        ("won", "won", False),
        ("closed", "won", False),
        ("lost", "lost", False),
        ("archived", "lost", False),
    ],
)
def test_deals_are_seeded_in_any_status(twin: KommoTwin, status: Any, stored: str, is_open: bool) -> None:
    twin.seed_deal(phone=OLENA, status=status, updated=NOON - timedelta(days=1))
    (row,) = twin.records("deal")
    assert (row["status"], row["open"], row["updated_at"]) == (stored, is_open, "2026-09-11T12:00:00Z")


def test_people_change_things_in_the_crm(twin: KommoTwin, http: Client) -> None:
    anna, acme = twin.seed_user(name="Anna"), twin.seed_organization(name="Acme")
    person = twin.seed_contact(phone=OLENA, organization=acme)
    lead = twin.seed_deal(contact=person, organization=acme)
    key = twin.seed_task(title="T", text="more", assignee=anna, due_at=NOON, targets=[("deal", lead)])
    twin.set_owner("deal", lead, anna)
    twin.set_status("deal", lead, "won")
    assert (http.data(f"/leads/{lead}")["responsible_user_id"], http.data(f"/leads/{lead}")["status_id"]) == (int(anna), 142)
    twin.set_status("deal", lead, "open")
    twin.finish_task(key)
    (row,) = twin.tasks()
    assert (row["completed"], row["targets"], row["due_at"]) == (True, [["deal", lead]], "2026-09-12T12:00:00Z")
    twin.remove("contact", person)
    twin.remove("organization", acme)
    twin.remove("task", key)
    (row,) = twin.records("deal")
    assert (row["open"], row["contact"], row["organization"], twin.tasks()) == (True, None, None, [])
    assert http.get(f"/contacts/{person}").status_code == 204
    assert twin.ledger == ()


def test_reset_makes_the_account_anew(twin: KommoTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    requests.post(f"{http.url}/_twin/reset", timeout=5)
    assert http.get("/contacts").status_code == 204
    assert [row["name"] for row in http.rows("/users")] == ["Admin"]


def test_a_project_is_connected_by_address_and_token(twin: KommoTwin) -> None:
    connection = twin.connection("http://127.0.0.1:1")
    assert connection.options == {"base_url": "http://127.0.0.1:1"}
    assert connection.secrets == {"api_token": Account().token}


# ---- the documentation


@pytest.mark.skipif(CHECK is None, reason=NO_SPECS)
def test_a_day_of_exchanges_fits_the_documentation(twin: KommoTwin, http: Client) -> None:
    assert CHECK is not None
    http.get("/contacts", query="501234567", limit=50, **{"with": "leads"})
    http.post("/leads/complex", {"name": "Call", "responsible_user_id": 501, "_embedded": {
        "contacts": [contact()], "companies": [{"name": "Acme"}]}})  # fmt: skip
    http.rows("/contacts", query="501234567", limit=50, **{"with": "leads"})
    http.rows("/leads", "leads", **{"filter[id][]": [2001], "with": "contacts", "order[updated_at]": "desc"})
    http.rows("/companies", query="Acme", **{"with": "leads"})
    http.made(
        "/leads", {"name": "Second", "_embedded": {"contacts": [{"id": 3001, "is_main": True}], "companies": [{"id": 4001}]}}
    )
    http.post("/companies/4001/link", {"to_entity_id": 3001, "to_entity_type": "contacts"})
    http.set("/leads/2001", {"responsible_user_id": 501, "name": "Called"})
    http.made("/tasks", {"text": "T", "complete_till": NOW, "entity_id": 2001, "entity_type": "leads"})
    http.set("/tasks/8001", {"is_completed": True, "result": {"text": "done"}})
    http.rows("/tasks", "tasks", **{"filter[entity_type]": "leads", "filter[entity_id][]": [2001]})
    http.data("/tasks/8001")
    http.made("/calls", a_call(), name="calls")
    http.made("/leads/2001/notes", {"note_type": "common", "params": {"text": "T"}})
    http.rows("/leads/notes", "notes", **{"filter[entity_id][]": [2001], "order[id]": "desc"})
    for path in ("/users", "/leads/pipelines", "/contacts/custom_fields", "/account"):
        http.data(path)
    oauth(http, grant_type="refresh_token", refresh_token=twin.grant().refresh)
    assert [sentence for exchange in http.exchanges for sentence in CHECK(exchange)] == []
