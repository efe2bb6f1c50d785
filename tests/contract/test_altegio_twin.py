"""The Altegio twin against its reference (crm_altegio.md), by plain requests.

Every answer of every test is also held against the subset of the vendor's reference, where that is at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.twins.altegio import Account, AltegioTwin
from sandbox.twins.altegio.account import RIGHTS
from sandbox.twins.base import Fault, ManualClock, serve
from tests.contract.crm_contract import validator

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
ACCOUNT = Account()
PLACE = ACCOUNT.location_id
SIGNED = {
    "Authorization": f"Bearer {ACCOUNT.partner_token}, User {ACCOUNT.user_token}", "Accept": "application/vnd.api.v2+json",
}  # fmt: skip
PARTNER = {**SIGNED, "Authorization": f"Bearer {ACCOUNT.partner_token}"}
OLENA = "+380501234567"
CLIENTS = f"/clients/{PLACE}"
SEARCH = f"/company/{PLACE}/clients/search"
CALLS = "/voip/integration"
Json = dict[str, Any]


@dataclass
class Client:
    """A session that knows the twin's address and keeps every exchange."""

    url: str
    session: requests.Session
    headers: dict[str, str] = field(default_factory=lambda: dict(SIGNED))
    exchanges: list[Json] = field(default_factory=list)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        answer = self.session.request(method, f"{self.url}/api/v1{path}", headers=self.headers, timeout=10, **more)
        body = answer.request.body
        self.exchanges.append(
            {
                "vendor": "altegio",
                "method": method,
                "url": answer.url,
                "request_headers": dict(answer.request.headers),
                "request_body": body.decode("utf-8", "replace") if isinstance(body, bytes) else body,
                "status": answer.status_code,
                "response_headers": dict(answer.headers),
                "response_body": answer.text,
                "elapsed_ms": 1.0,
            }
        )
        return answer

    def data(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = self.send(method, path, **more)
        assert answer.status_code == status, answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    def refused(self, method: str, path: str, status: int, **more: Any) -> str:
        answer = self.send(method, path, **more)
        assert answer.status_code == status, answer.text
        assert answer.json()["success"] is False
        assert answer.json()["data"] is None
        return str(answer.json()["meta"]["message"])

    def search(self, *terms: str, operation: str = "OR", **more: Any) -> list[Json]:
        filters = [{"type": "quick_search", "state": {"value": term}} for term in terms]
        body = {"fields": ["id", "name", "phone"], "operation": operation, "filters": filters, **more}
        found: list[Json] = self.data("POST", SEARCH, json=body)
        return found

    def made(self, **words: Any) -> Json:
        made: Json = self.data("POST", CLIENTS, 201, json={"name": "Olena", "phone": OLENA[1:], **words})
        return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> AltegioTwin:
    return AltegioTwin(clock=clock, search_lag=timedelta(seconds=30))


@pytest.fixture
def http(twin: AltegioTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        client = Client(running.url, session)
        yield client
    check = validator()
    if check:
        ours = [sentence for exchange in client.exchanges for sentence in check(exchange) if ": response " in sentence]
        assert ours == [], "the twin is not like the vendor"


# ---- signing in, rights, limits (2, 3)


@pytest.mark.parametrize("value", ["", "Bearer wrong, User wrong", f"Bearer {ACCOUNT.partner_token}", "Basic eDp5"])
def test_nobody_gets_in_without_both_tokens(http: Client, value: str) -> None:
    http.headers["Authorization"] = value
    assert http.refused("POST", SEARCH, 401, json={"page": 1})


def test_the_media_type_is_needed(http: Client) -> None:
    http.headers["Accept"] = "application/json"
    assert "Accept" in http.refused("GET", f"/company/{PLACE}/users", 400)


def test_a_user_token_is_given_for_login_and_password(http: Client) -> None:
    http.headers = dict(PARTNER)
    given = http.data("POST", "/auth", 201, json={"login": ACCOUNT.login, "password": ACCOUNT.password})
    assert given["user_token"] == ACCOUNT.user_token
    assert http.refused("POST", "/auth", 401, json={"login": ACCOUNT.login, "password": "wrong"})


def test_a_replaced_user_token_dies(twin: AltegioTwin, http: Client) -> None:
    twin.replace_user_token("new-token")
    http.refused("GET", CLIENTS, 401)


@pytest.mark.parametrize(
    ("right", "method", "path"),
    [("clients", "GET", CLIENTS), ("users", "GET", f"/company/{PLACE}/users"), ("staff", "GET", f"/company/{PLACE}/staff/"),
     ("fields", "GET", f"/custom_fields/client/{PLACE}"), ("records", "GET", f"/records/{PLACE}")],
)  # fmt: skip
def test_each_right_is_needed(twin: AltegioTwin, http: Client, right: str, method: str, path: str) -> None:
    http.data(method, path)
    twin.set(rights=RIGHTS - {right})
    assert http.refused(method, path, 403) == "No company management rights"


def test_another_location_is_not_found_and_an_unpaid_one_answers_402(twin: AltegioTwin, http: Client) -> None:
    http.refused("POST", "/company/1/clients/search", 404, json={"page": 1})
    twin.set(paid=False)
    http.refused("POST", SEARCH, 402, json={"page": 1})


def test_limit_of_a_second_and_of_a_minute(twin: AltegioTwin, http: Client, clock: ManualClock) -> None:
    twin.set(enforce_rates=True, per_second=2, per_minute=3)
    assert [http.send("GET", CLIENTS).status_code for _ in range(3)] == [200, 200, 429]
    clock.advance(timedelta(seconds=2))
    assert http.send("GET", CLIENTS).status_code == 200
    clock.advance(timedelta(seconds=2))
    over = http.send("GET", CLIENTS)
    assert (over.status_code, over.headers["Retry-After"]) == (429, "56")
    twin.set(enforce_rates=True, per_second=0, retry_after=None)
    assert "Retry-After" not in http.send("GET", CLIENTS).headers


def test_faults_have_the_vendor_s_shape(twin: AltegioTwin, http: Client) -> None:
    twin.misbehave(Fault("refuse", words="No"), Fault("status", status=503), Fault("missing_right"), Fault("expired_token"))
    words = [http.refused("GET", CLIENTS, status) for status in (400, 503, 403, 401)]
    assert (words[0], words[2]) == ("No", "No company management rights")
    assert http.send("GET", "/no/such/path").json()["success"] is False


# ---- look-up (4)


@pytest.mark.parametrize("term", ["380501234567", "501234567", "+380501234567", "(050) 123", "olen", "o@example"])
def test_quick_search_finds_parts(twin: AltegioTwin, http: Client, term: str) -> None:
    key = twin.seed_contact(phone=OLENA, name="Olena")
    twin.state.clients[int(key)]["email"] = "o@example.com"
    assert http.search(term) == [{"id": int(key), "name": "Olena", "phone": OLENA}]
    assert http.search("699999999") == []


def test_filters_are_joined_by_and_or_or(twin: AltegioTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA, name="Olena")
    assert len(http.search("501234567", "nobody")) == 1
    assert http.search("501234567", "nobody", operation="AND") == []


def test_search_pages_orders_and_tells_only_what_is_asked(twin: AltegioTwin, http: Client) -> None:
    keys = [int(twin.seed_contact(phone=f"+38050123456{number}", name="Olena")) for number in range(3)]
    found = http.search("Olena", fields=["id", "custom_fields"], order_by="id", order_by_direction="ASC", page=2, page_size=2)
    assert found == [{"id": keys[2]}]
    http.refused("POST", SEARCH, 422, json={"page_size": 201})
    http.refused("POST", SEARCH, 422, json={"order_by": "colour"})
    http.refused("POST", SEARCH, 422, json={"filters": [{"type": "phone", "state": {}}]})


def test_new_clients_are_searched_after_the_lag(http: Client, clock: ManualClock) -> None:
    key = http.made()["id"]
    assert http.search("501234567") == []
    assert http.data("GET", f"/client/{PLACE}/{key}")["name"] == "Olena"
    clock.advance(timedelta(seconds=30))
    assert [row["id"] for row in http.search("501234567")] == [key]


def test_numbers_are_hidden_without_the_right(twin: AltegioTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA, name="Olena")
    twin.set(rights=RIGHTS - {"phones"})
    assert [row["phone"] for row in http.search("501234567")] == [""]


def test_deprecated_list_and_the_chain_s(twin: AltegioTwin, http: Client) -> None:
    key = int(twin.seed_contact(phone=OLENA, name="Olena", attribution={"utm_source": "google"}))
    (row,) = http.data("GET", CLIENTS, params={"phone": "501234567", "count": 20})
    assert (row["id"], row["phone"], row["custom_fields"]) == (key, 380501234567, {"utm_source": "google"})
    chain = http.data("GET", f"/group/{ACCOUNT.group_id}/clients/", params={"phone": OLENA[1:]})
    assert [(one["id"], one["company_id"]) for one in chain["clients"]] == [(key, PLACE)]
    http.refused("GET", f"/group/{ACCOUNT.group_id}/clients/", 404, params={"phone": "380509999999"})


# ---- writing (5)


def test_client_is_created(twin: AltegioTwin, http: Client) -> None:
    twin.seed_field("contact", "utm_source")
    row = http.made(comment="x\nPatchcord pc-1", categories=[7], custom_fields={"utm_source": "google"})
    assert (row["phone"], row["categories"][0]["id"], row["last_change_date"]) == (380501234567, 7, "2026-09-12T14:00:00+0200")
    (write,) = twin.ledger
    words = {name: write.fields[name] for name in ("name", "phone", "owner", "marker", "attribution")}
    assert words == {"name": "Olena", "phone": OLENA, "owner": None, "marker": "pc-1", "attribution": {"utm_source": "google"}}
    assert twin.records("contact")[0]["id"] == write.id


@pytest.mark.parametrize(
    "body",
    [{"phone": OLENA}, {"name": "Olena"}, {"name": " ", "phone": OLENA}, {"name": "O", "phone": "12345678"},
     {"name": "O", "phone": "1" * 16}, {"name": "x" * 256, "phone": OLENA}, {"name": "O", "phone": OLENA, "discount": "5"},
     {"name": "O", "phone": OLENA, "custom_fields": {"nope": "x"}}, {"name": "O", "phone": OLENA, "comment": 5}],
)  # fmt: skip
def test_wrong_clients_are_refused(twin: AltegioTwin, http: Client, body: Json) -> None:
    answer = http.send("POST", CLIENTS, json=body)
    assert answer.status_code == 422
    assert answer.json()["meta"]["errors"]
    assert twin.ledger == ()


def test_number_is_unique(http: Client) -> None:
    http.made()
    assert "already exists" in http.refused("POST", CLIENTS, 422, json={"name": "Again", "phone": OLENA})
    bulk = http.data("POST", f"{CLIENTS}/bulk", json=[{"name": "Again", "phone": OLENA}, {"name": "B", "phone": "380509999999"}])
    assert ([row["name"] for row in bulk["created"]], len(bulk["errors"])) == (["B"], 1)
    other = bulk["created"][0]["id"]
    http.refused("PUT", f"/client/{PLACE}/{other}", 422, json={"name": "B", "phone": OLENA})


@pytest.mark.parametrize(("keeps", "email"), [(True, "o@example.com"), (False, "")])
def test_change_wants_name_and_number(twin: AltegioTwin, http: Client, keeps: bool, email: str) -> None:
    twin.set(put_keeps_omitted=keeps)
    path = f"/client/{PLACE}/{http.made(email='o@example.com')['id']}"
    http.refused("PUT", path, 422, json={"name": "New"})
    row = http.data("PUT", path, json={"name": "New", "phone": OLENA[1:], "labels": [9]})
    assert (row["name"], row["email"], row["categories"][0]["id"], row["custom_fields"]) == ("New", email, 9, [])
    assert twin.writes("update")[0].fields["name"] == "New"


def test_client_is_removed(http: Client) -> None:
    path = f"/client/{PLACE}/{http.made()['id']}"
    assert http.send("DELETE", path).status_code == 204
    http.refused("GET", path, 404)


@pytest.mark.parametrize(
    ("sort", "good", "wrong"),
    [("number", "12", "many"), ("option", ["Site"], "Site"), ("date", "2026-01-02", "soon"), ("text", "x", ["x"])],
)
def test_custom_fields_have_types(twin: AltegioTwin, http: Client, sort: str, good: Any, wrong: Any) -> None:
    code = twin.seed_field("contact", "Own", sort, ("Site", "Phone"))
    http.refused("POST", CLIENTS, 422, json={"name": "O", "phone": OLENA, "custom_fields": {code: wrong}})
    assert http.made(custom_fields={code: good})["custom_fields"] == {code: good}


def test_fields_are_listed_and_added(http: Client) -> None:
    path = f"/custom_fields/client/{PLACE}"
    http.data("POST", path, 201, json={"type": "text", "code": "patchcord_x", "title": "X"})
    assert [row["custom_field"]["code"] for row in http.data("GET", path)] == ["patchcord_x"]
    http.refused("POST", path, 422, json={"type": "text", "code": "patchcord_x", "title": "X"})
    http.refused("GET", f"/custom_fields/sale/{PLACE}", 404)


# ---- comments and calls (7, 8)


def test_comments_are_added_listed_and_removed(twin: AltegioTwin, http: Client) -> None:
    key = twin.seed_contact(phone=OLENA)
    path = f"{CLIENTS}/clients/{key}/comments"
    first = http.data("POST", path, 201, json={"text": "Call\nhttps://records.example/1.mp3\nPatchcord pc-2"})
    second = http.data("POST", path, 201, json={"text": "Second"})
    assert first["create_date"] == "2026-09-12 14:00:00"
    assert [row["id"] for row in http.data("GET", path)] == [second["id"], first["id"]]
    write = twin.writes("note")[0]
    assert (write.id, write.fields["marker"], write.fields["targets"]) == (f"{key}/{first['id']}", "pc-2", [["contact", key]])
    assert write.fields["recording"] == "https://records.example/1.mp3"
    assert http.send("DELETE", f"{path}/{first['id']}").status_code == 204
    http.refused("POST", path, 422, json={"text": ""})
    http.refused("POST", f"{CLIENTS}/clients/1/comments", 404, json={"text": "x"})


def test_telephony_is_accepted_and_calls_are_listed(twin: AltegioTwin, http: Client) -> None:
    key = int(twin.seed_contact(phone=OLENA))
    http.headers = dict(PARTNER)
    command = {"type": "incoming", "crm_token": ACCOUNT.crm_token, "phone": OLENA[1:]}
    assert http.data("POST", CALLS, 202, json={"command": "event", **command}) is None
    http.data("POST", CALLS, 202, json={"command": "history", "status": "missed", **command})
    http.refused("POST", CALLS, 401, json={"command": "event", **command, "crm_token": "wrong"})
    http.headers = dict(SIGNED)
    days = {"salon_id": PLACE, "date_from": "2026-09-12", "date_to": "2026-09-12"}
    (row,) = http.data("GET", f"{CALLS}/calls", json={**days, "statuses": ["missed"]})
    assert (row["client_id"], row["status"]) == (key, "missed")
    http.refused("GET", f"{CALLS}/calls", 422, json={"salon_id": PLACE})


# ---- the location (6, 9), seeds


def test_staff_users_and_appointments(twin: AltegioTwin, http: Client) -> None:
    user = twin.seed_user(name="Anna", email="anna@example.com", active=False)
    client, staff = twin.seed_contact(phone=OLENA), twin.seed_staff("Anna", user)
    for days, deleted in ((-1, False), (2, False), (3, True)):
        twin.seed_appointment(client=client, staff=staff, at=NOON + timedelta(days=days), deleted=deleted)
    assert [row["is_approved"] for row in http.data("GET", f"/company/{PLACE}/users")] == [True, False]
    assert http.data("GET", f"/company/{PLACE}/staff/")[0]["user_id"] == int(user)
    query = {"client_id": client, "start_date": "2026-09-12", "count": 50}
    assert [row["staff_id"] for row in http.data("GET", f"/records/{PLACE}", params=query)] == [int(staff)]
    assert len(http.data("GET", f"/records/{PLACE}", params={**query, "with_deleted": 1})) == 2
    assert http.data("GET", "/companies")[0]["id"] == PLACE


def test_what_altegio_has_not_cannot_be_seeded(twin: AltegioTwin) -> None:
    for attempt in (
        lambda: twin.seed_lead(name="x"), lambda: twin.seed_deal(name="x"), lambda: twin.seed_organization(name="x"),
        lambda: twin.seed_task(title="x"), lambda: twin.seed_field("deal", "x"), lambda: twin.finish_task("1"),
        lambda: twin.set_status("deal", "1", "won"), lambda: twin.remove("task", "1"),
    ):  # fmt: skip
        with pytest.raises(NotImplementedError, match="Altegio"):
            attempt()
    assert (twin.tasks(), twin.records("deal")) == ([], [])
