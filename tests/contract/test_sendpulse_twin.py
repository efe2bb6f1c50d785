"""The SendPulse twin against its reference (crm_sendpulse.md), by plain requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.sendpulse import Account, SendPulseTwin

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OLENA = "+380501234567"
KEY = {"Authorization": f"Bearer {Account().api_key}"}
Json = dict[str, Any]


@dataclass
class Client:
    """A session that knows the twin's address."""

    url: str
    session: requests.Session
    headers: dict[str, str] = field(default_factory=lambda: dict(KEY))

    def send(self, method: str, path: str, body: Json | None = None) -> requests.Response:
        base = self.url if path.startswith("/oauth") else f"{self.url}/crm/v1"
        return self.session.request(method, base + path, json=body, headers=self.headers, timeout=10)

    def get(self, path: str) -> Any:
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def post(self, path: str, body: Json, status: int = 200) -> Any:
        answer = self.send("POST", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()["data"]

    def contacts(self, **body: Any) -> list[int]:
        """Ids of the contacts that are found."""
        return [row["id"] for row in self.post("/contacts/get-list", body)["list"]]

    def like(self, *texts: str, name: str = "phones") -> list[int]:
        return self.contacts(fieldValueConditions=[{"field": name, "expression": "like", "value": text} for text in texts])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> SendPulseTwin:
    return SendPulseTwin(clock=clock)


@pytest.fixture
def api(twin: SendPulseTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        yield Client(running.url, session)


# --- sign-in and limits (2, 3)


def test_client_credentials_give_a_token_for_an_hour(api: Client, clock: ManualClock) -> None:
    account = Account()
    body = {"grant_type": "client_credentials", "client_id": account.client_id, "client_secret": account.client_secret}
    answer = api.send("POST", "/oauth/access_token", body).json()
    assert (answer["token_type"], answer["expires_in"], "refresh_token" in answer) == ("Bearer", 3600, False)
    api.headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert api.get("/users")
    clock.advance(timedelta(hours=1))
    assert api.send("GET", "/users").status_code == 401


@pytest.mark.parametrize(("change", "status"), [({"client_secret": "x"}, 401), ({"grant_type": "password"}, 400)])
def test_wrong_client_gets_no_token(api: Client, change: Json, status: int) -> None:
    account = Account()
    body = {"grant_type": "client_credentials", "client_id": account.client_id, "client_secret": account.client_secret}
    assert api.send("POST", "/oauth/access_token", body | change).status_code == status


def test_expired_tokens_leave_the_key(api: Client, twin: SendPulseTwin) -> None:
    twin.expire_tokens()
    assert api.get("/users")


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": Account().api_key}])
def test_without_a_key_there_is_the_gateway_s_401(api: Client, header: dict[str, str]) -> None:
    api.headers = header
    answer = api.send("GET", "/users")
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized!", "error_code": 401})


def test_ten_requests_in_a_second(api: Client, twin: SendPulseTwin, clock: ManualClock) -> None:
    twin.set(enforce_rates=True)
    assert [api.send("GET", "/users").status_code for _ in range(11)] == [200] * 10 + [429]
    refused = api.send("GET", "/users")
    assert refused.json() == {"message": "Too many requests", "error_code": 2020202020}
    assert "Retry-After" not in refused.headers
    clock.advance(timedelta(seconds=1))
    assert api.send("GET", "/users").status_code == 200


def test_limit_of_a_minute_is_another_error(api: Client, twin: SendPulseTwin) -> None:
    twin.set(enforce_rates=True, per_minute=1)
    api.get("/users")
    assert api.send("GET", "/users").json()["error_code"] == 429


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("missing_right", 403, {"message": "Forbidden", "error_code": 403}),
        ("expired_token", 401, {"message": "Unauthorized!", "error_code": 401}),
        ("refuse", 400, {"message": "no", "error_code": 400}),
    ],
)
def test_faults_have_the_vendor_s_shape(api: Client, twin: SendPulseTwin, kind: Any, status: int, body: Json) -> None:
    twin.misbehave(Fault(kind, words="no"))
    answer = api.send("GET", "/users")
    assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize("status", [404, 200])
def test_what_is_not_there_has_its_code_inside(api: Client, twin: SendPulseTwin, status: int) -> None:
    twin.set(not_found_status=status)
    for path in ("/contacts/77", "/deals/77", "/tasks/77", "/contacts/77/deals", "/pipelines/77/attributes"):
        answer = api.send("GET", path)
        assert (answer.status_code, answer.json()) == (status, {"data": {"code": 404, "message": "Not found"}})


def test_body_must_be_an_object(api: Client) -> None:
    assert api.session.post(f"{api.url}/crm/v1/deals", data="[]", headers=api.headers, timeout=10).status_code == 400


# --- search (4)


def test_numbers_are_compared_as_they_were_typed(api: Client, twin: SendPulseTwin) -> None:
    first = int(twin.seed_contact(phone=OLENA, name="Olena"))
    twin.seed_contact(phone="050 123 45 67", name="Olena again")
    assert api.contacts(phone=OLENA) == [first]
    assert api.contacts(phone="380501234567") == []
    twin.set(phone_is_part=True)
    assert api.contacts(phone="380501234567") == [first]


def test_like_finds_a_part_and_conditions_are_anded(api: Client, twin: SendPulseTwin) -> None:
    first = int(twin.seed_contact(phone=OLENA, name="Olena"))
    second = int(twin.seed_contact(phone="050 123 45 67", name="Olena again"))
    assert api.like("501234567") == [first]
    assert api.like("50", "123", "45", "67") == [first, second]
    assert api.like("50", "999") == []
    assert api.like("50", name="nonsense") == []
    twin.set(like="exact")
    assert api.like("501234567") == []
    twin.set(like="last")
    assert api.like("999", "67") == [first, second]


def test_contact_shows_its_relatives(api: Client, twin: SendPulseTwin) -> None:
    key = twin.seed_contact(phone=OLENA, name="Olena", attribution={"utm_source": "google"})
    twin.seed_deal(contact=key)
    task = twin.seed_task(title="Call", targets=[("contact", key)])
    api.post(f"/contacts/{key}/comments", {"message": "said"})
    (row,) = api.post("/contacts/get-list", {"phone": OLENA})["list"]
    assert (row["dealsQty"], row["tasks"], row["phones"]) == (1, [int(task)], [{"id": 1, "phone": OLENA, "isMain": True}])
    assert row["comments"][0]["text"] == "said"
    assert row["attributes"][0] | {"value": {"type": "string", "value": "google"}} == row["attributes"][0]
    assert row["createdAt"] == "2026-11-21T12:00:00.000000Z"


def test_pages(api: Client, twin: SendPulseTwin) -> None:
    for number in range(12):
        twin.seed_contact(name=f"Contact {number}")
    assert len(api.contacts()) == 10
    assert api.contacts(limit=5, offset=10) == [11, 12]
    assert api.post("/contacts/get-list", {"limit": 1})["total"] == 12
    assert api.send("POST", "/contacts/get-list", {"limit": 101}).status_code == 422


def test_search_lags_when_told_so(clock: ManualClock) -> None:
    twin = SendPulseTwin(clock=clock, search_lag=timedelta(seconds=30))
    with serve(twin) as running, requests.Session() as session:
        api = Client(running.url, session)
        key = api.post("/contacts", {"responsibleId": 1, "phones": [OLENA]})["id"]
        assert api.contacts(phone=OLENA) == []
        assert api.get(f"/contacts/{key}")["id"] == key
        clock.advance(timedelta(seconds=30))
        assert api.contacts(phone=OLENA) == [key]


def test_deals_are_found_by_number_and_filters(api: Client, twin: SendPulseTwin) -> None:
    ours, lost = (int(twin.seed_deal(phone=OLENA, status=status)) for status in ("open", "lost"))
    twin.seed_deal(phone="+380509999999")
    open_ones = [{"name": "status", "expression": "eq", "value": 1}]
    answer = api.send("POST", "/deals/get-list", {"phone": OLENA, "filter": open_ones}).json()
    assert ([row["id"] for row in answer["data"]], answer["meta"]) == ([ours], {"total": 1})
    found = api.post("/deals/get-list", {"filter": [{"name": "id", "expression": "in", "value": [lost]}]})
    assert [row["status"] for row in found] == [2]
    for wrong in ({"name": "colour", "expression": "eq"}, {"name": "id", "expression": "about"}):
        assert api.send("POST", "/deals/get-list", {"filter": [wrong]}).status_code == 422


# --- contacts and deals (5)


def test_contact_at_once(api: Client, twin: SendPulseTwin) -> None:
    field_id = int(twin.seed_field("contact", "utm_source"))
    body = {
        "responsibleId": 1, "firstName": OLENA, "phones": [OLENA], "emails": ["o@example.com"],
        "attributes": [{"attributeId": field_id, "value": "google"}, {"name": "Colour", "type": 0, "value": "red"}],
    }  # fmt: skip
    api.post("/contacts", body)
    (write,) = twin.writes("create", "contact")
    words = {name: write.fields[name] for name in ("name", "phone", "email", "owner", "attribution", "fields")}
    assert words == {
        "name": OLENA, "phone": OLENA, "email": "o@example.com", "owner": "1", "attribution": {"utm_source": "google"},
        "fields": {"Colour": "red"},
    }  # fmt: skip


def test_contact_in_steps(api: Client, twin: SendPulseTwin) -> None:
    field_id = int(twin.seed_field("contact", "patchcord_marker"))
    key = api.post("/contacts/create", {"responsibleId": 1, "firstName": "Olena"})["id"]
    assert api.post(f"/contacts/{key}/phones", {"phone": OLENA})["isMain"]
    api.post(f"/contacts/{key}/emails", {"emails": [{"email": "o@example.com", "isMain": True}]})
    values = {"attributesValues": [{"attributeId": field_id, "value": "m1"}]}
    api.post(f"/contacts/{key}/attributes/batch", values, 201)
    assert [dict(write.fields) for write in twin.writes("update")] == [
        {"phone": OLENA}, {"email": "o@example.com"}, {"marker": "m1"},
    ]  # fmt: skip


def test_deprecated_form_can_be_gone(api: Client, twin: SendPulseTwin) -> None:
    twin.set(old_contact_form=False)
    assert api.send("POST", "/contacts", {"responsibleId": 1}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"firstName": "x"}, {"responsibleId": 99}, {"responsibleId": "1"}, {"responsibleId": 1, "phone": OLENA},
        {"responsibleId": 1, "firstName": "x" * 256}, {"responsibleId": 1, "phones": ["5" * 51]},
        {"responsibleId": 1, "attributes": [{"attributeId": 99, "value": "x"}]}, {"responsibleId": 1, "attributes": "x"},
    ],
)  # fmt: skip
def test_wrong_contacts_are_refused(api: Client, twin: SendPulseTwin, body: Json) -> None:
    assert api.send("POST", "/contacts", body).status_code == 422
    assert twin.ledger == ()


@pytest.mark.parametrize(
    ("field_type", "value", "status"),
    [("number", "1.5", 201), ("number", "x", 422), ("option", "Site", 201), ("option", "?", 422), ("text", 5, 422)],
)
def test_values_fit_their_fields(api: Client, twin: SendPulseTwin, field_type: str, value: Any, status: int) -> None:
    key, field_id = twin.seed_contact(name="Olena"), int(twin.seed_field("contact", "Field", field_type, ("Site",)))
    body = {"attributesValues": [{"attributeId": field_id, "value": value}]}
    assert api.send("POST", f"/contacts/{key}/attributes/batch", body).status_code == status


def test_contact_is_changed_with_its_responsible(api: Client, twin: SendPulseTwin) -> None:
    key = twin.seed_contact(name="Olena")
    assert api.send("PUT", f"/contacts/{key}", {"firstName": "Olha"}).status_code == 422
    assert api.send("PUT", f"/contacts/{key}", {"firstName": "Olha", "responsibleId": 1}).status_code == 200
    assert dict(twin.writes("update")[0].fields) == {"name": "Olha"}


def test_deal_is_linked_at_once(api: Client, twin: SendPulseTwin) -> None:
    contact = int(twin.seed_contact(phone=OLENA))
    row = api.post("/deals", {"pipelineId": 1, "stepId": 2, "responsibleId": 1, "name": "Call", "contact": [contact]})
    assert (row["status"], row["stepId"], row["currency"]) == (1, 2, "UAH")
    assert [deal["id"] for deal in api.get(f"/contacts/{contact}/deals")] == [row["id"]]
    words = twin.writes("create", "deal")[0].fields
    assert (words["contact"], words["pipeline"], words["stage"]) == (str(contact), "1", "2")


@pytest.mark.parametrize("change", [{"stepId": None}, {"stepId": 99}, {"pipelineId": 9}, {"contact": [99]}, {"name": "x" * 256}])
def test_wrong_deals_are_refused(api: Client, change: Json) -> None:
    assert api.send("POST", "/deals", {"pipelineId": 1, "stepId": 1, **change}).status_code == 422


def test_change_of_a_deal_is_not_partial(api: Client, twin: SendPulseTwin) -> None:
    key = twin.seed_deal(name="Call")
    assert api.send("PUT", f"/deals/{key}", {"name": "New"}).status_code == 422
    whole = {"pipelineId": 1, "stepId": 1, "status": 3, "name": "Call", "price": 5}
    assert api.send("PUT", f"/deals/{key}", whole).json()["data"]["order"] == 0
    assert dict(twin.writes("update")[0].fields) == {"status": "won"}


# --- tasks and comments (7, 8)


def test_task_with_its_links(api: Client, twin: SendPulseTwin) -> None:
    contact, deal = int(twin.seed_contact(name="Olena")), int(twin.seed_deal(name="Call"))
    body = {
        "name": "Call back", "boardId": 1, "stepId": 4, "responsibleId": 1, "priority": 3, "finishAt": "2026-11-21 18:00",
        "description": "Missed\nPatchcord m1", "sourceType": 8, "connections": {"contactIds": [contact], "dealIds": [deal]},
    }  # fmt: skip
    row = api.post("/tasks", body, 201)
    assert (row["contacts"], row["deals"], "endedAt" in row) == ([contact], [deal], False)
    words = twin.writes("task")[0].fields
    assert (words["due_at"], words["marker"], words["completed"]) == ("2026-11-21T16:00:00Z", "m1", False)
    assert words["targets"] == [["deal", str(deal)], ["contact", str(contact)]]


def test_last_column_completes(api: Client, twin: SendPulseTwin) -> None:
    key = api.post("/tasks", {"name": "Call back"}, 201)["id"]
    api.send("PUT", f"/tasks/{key}", {"description": "more"})
    api.send("PUT", f"/tasks/{key}", {"stepId": 6})
    assert [(write.do, write.fields.get("completed")) for write in twin.ledger] == [
        ("task", False), ("update", None), ("complete_task", True),
    ]  # fmt: skip
    assert [row["id"] for row in api.post("/tasks/list", {"status": 2})] == [key]
    assert api.post("/tasks/list", {"status": 1}) == []


def test_time_in_another_form_fails_silently(api: Client, twin: SendPulseTwin) -> None:
    row = api.post("/tasks", {"name": "x", "finishAt": "2026-11-21T18:00:00Z"}, 201)
    assert row["finishAt"] is None


@pytest.mark.parametrize(
    "body", [{"boardId": 9}, {"stepId": 99}, {"priority": 9}, {"connections": {"dealIds": [9]}}, {"done": True}]
)
def test_wrong_tasks_are_refused(api: Client, body: Json) -> None:
    assert api.send("POST", "/tasks", body).status_code == 422


@pytest.mark.parametrize("kind", ["contact", "deal"])
def test_comment(api: Client, twin: SendPulseTwin, kind: str) -> None:
    key = twin.seed_contact(name="Olena") if kind == "contact" else twin.seed_deal(name="Call")
    row = api.post(f"/{kind}s/{key}/comments", {"message": "Said\nhttps://records.example/1.mp3\nPatchcord m1"})
    assert row["text"].startswith("Said")
    words = twin.writes("note")[0].fields
    assert (words["targets"], words["marker"]) == ([[kind, key]], "m1")
    assert words["recording"] == "https://records.example/1.mp3"
    assert api.send("POST", f"/{kind}s/{key}/comments", {"message": "x" * 65_536}).status_code == 422


# --- the account and the seeds (6)


def test_only_confirmed_people_are_listed(api: Client, twin: SendPulseTwin) -> None:
    here, left = twin.seed_user(name="Anna K"), twin.seed_user(name="Left", active=False)
    rows = {str(row["id"]): row for row in api.get("/users")}
    assert (rows[here]["firstname"], rows[here]["lastname"], left in rows) == ("Anna", "K", False)
    twin.set(owner_is_listed=False)
    assert [str(row["id"]) for row in api.get("/users")] == [here]


def test_pipelines_boards_and_attributes(api: Client, twin: SendPulseTwin) -> None:
    twin.seed_field("contact", "Colour")
    twin.seed_field("deal", "Size", "number")
    assert [step["name"] for step in api.get("/pipelines")[0]["steps"]] == ["New", "In work", "Paid"]
    assert [step["boardId"] for step in api.get("/boards")[0]["steps"]] == [1, 1, 1]
    assert [(row["name"], row["type"]) for row in api.get("/contacts/attributes")] == [("Colour", 0)]
    assert [(row["name"], row["type"]) for row in api.get("/pipelines/1/attributes")] == [("Size", 1)]


def test_contact_adopts_what_was_made_for_a_deal(api: Client, twin: SendPulseTwin) -> None:
    deal = twin.seed_deal(phone=OLENA)
    key = twin.seed_contact(phone=OLENA, name="Olena")
    assert [row["name"] for row in twin.records("contact")] == ["Olena"]
    assert twin.records("deal")[0] | {"id": deal, "contact": key} == twin.records("deal")[0]
    assert "hung" not in api.get(f"/contacts/{key}")


def test_what_people_do(twin: SendPulseTwin) -> None:
    contact, anna = twin.seed_contact(phone=OLENA), twin.seed_user(name="Anna")
    deal, task = twin.seed_deal(contact=contact), twin.seed_task(title="Call")
    twin.set_owner("deal", deal, anna)
    twin.set_status("deal", deal, "won")
    twin.finish_task(task)
    assert [(row["owner"], row["status"], row["open"]) for row in twin.records("deal")] == [(anna, "won", False)]
    assert twin.tasks()[0]["completed"]
    twin.remove("contact", contact)
    twin.remove("task", task)
    assert (twin.records("contact"), twin.tasks(), twin.records("deal")[0]["contact"]) == ([], [], None)
    assert twin.ledger == ()


def test_kinds_the_vendor_lacks_cannot_be_seeded(twin: SendPulseTwin) -> None:
    for seed in (twin.seed_lead, twin.seed_organization, lambda: twin.seed_field("lead", "x"), lambda: twin.records("lead")):
        with pytest.raises(NotImplementedError, match="contacts and deals"):
            seed()
