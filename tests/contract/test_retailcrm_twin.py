"""The RetailCRM twin against its reference (crm_retailcrm.md), by plain requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.retailcrm import Account, RetailCrmTwin

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
LOCAL_NOON = "2026-09-12 15:00:00"
OLENA = "+380501234567"
Json = dict[str, Any]


@dataclass
class Client:
    """A session that knows the twin's address; POST bodies are forms with JSON in one field (2)."""

    url: str
    session: requests.Session
    headers: dict[str, str] = field(default_factory=lambda: {"X-API-KEY": Account().key})

    def get(self, path: str, **params: Any) -> requests.Response:
        base = "/api" if path in ("/credentials", "/api-versions") else "/api/v5"
        return self.session.get(self.url + base + path, params=params, headers=self.headers, timeout=10)

    def post(self, path: str, **form: Any) -> requests.Response:
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in form.items()}
        return self.session.post(f"{self.url}/api/v5{path}", data=texts, headers=self.headers, timeout=10)

    def data(self, path: str, **params: Any) -> Json:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        assert found["success"] is True
        return found

    def made(self, path: str, **form: Any) -> int:
        answer = self.post(path, **form)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def changed(self, path: str, **form: Any) -> Json:
        answer = self.post(path, **form)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def refused(self, path: str, status: int = 400, /, **form: Any) -> Json:
        answer = self.post(path, **form)
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        assert found["success"] is False
        return found

    def ids(self, path: str, **params: Any) -> list[int]:
        """The ids of a list, in its order."""
        return [row["id"] for row in self.data(path, **params)[path.strip("/").split("/")[-1]]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> RetailCrmTwin:
    return RetailCrmTwin(clock=clock)


@pytest.fixture
def http(twin: RetailCrmTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        yield Client(running.url, session)


# ---- signing in, rights, shops (1)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, '"apiKey" is missing.'),
        ({"X-API-KEY": "wrong"}, 'Wrong "apiKey" value.'),
        ({"Authorization": f"Bearer {Account().key}"}, '"apiKey" is missing.'),
    ],
)
def test_nobody_gets_in_without_the_key(http: Client, headers: dict[str, str], words: str) -> None:
    http.headers = headers
    answer = http.get("/users")
    assert (answer.status_code, answer.json()) == (403, {"success": False, "errorMsg": words})


def test_key_may_stand_in_a_parameter(http: Client) -> None:
    http.headers = {}
    assert http.get("/users", apiKey=Account().key).status_code == 200


def test_replaced_key_is_refused(twin: RetailCrmTwin, http: Client) -> None:
    twin.replace_key("new")
    assert http.get("/users").status_code == 403
    http.headers = {"X-API-KEY": "new"}
    assert http.get("/users").status_code == 200


def test_credentials_name_methods_and_shops(twin: RetailCrmTwin, http: Client) -> None:
    everything = http.data("/credentials")
    assert everything["siteAccess"] == "access_full"
    assert "/api/orders/{id}/edit" in everything["credentials"]
    twin.set(rights=frozenset({"/api/customers"}), sites=("shop", "market"), sites_of_key=("market",))
    limited = http.data("/credentials")
    assert limited == {
        "success": True, "credentials": ["/api/customers"], "siteAccess": "access_selective", "sitesAvailable": ["market"],
    }  # fmt: skip
    assert http.get("/customers").status_code == 200
    refused = http.get("/orders")
    assert (refused.status_code, refused.json()["errorMsg"]) == (403, "Access denied.")


def test_versions_and_unknown_calls(http: Client) -> None:
    assert "5.0" in http.data("/api-versions")["versions"]
    assert http.get("/leads").status_code == 404
    assert http.session.delete(f"{http.url}/api/v5/orders", timeout=5).status_code == 405


def test_shop_is_needed_where_the_key_opens_several(twin: RetailCrmTwin, http: Client) -> None:
    assert http.made("/customers/create", customer={"firstName": "Olha"}) == 1
    twin.set(sites=("shop", "market"))
    assert "site" in http.refused("/customers/create", customer={"firstName": "Olha"})["errorMsg"]
    http.refused("/customers/create", customer={"firstName": "Olha"}, site="other")
    key = http.made("/customers/create", customer={"firstName": "Olha"}, site="market")
    assert http.data(f"/customers/{key}", by="id")["customer"]["site"] == "market"


# ---- encoding, paging, filters (2, 4)


def test_object_is_json_inside_one_field_of_a_form(http: Client) -> None:
    url = f"{http.url}/api/v5/customers/create"
    as_json = http.session.post(url, json={"customer": {"firstName": "Olha"}}, headers=http.headers, timeout=5)
    assert as_json.json() == {"success": False, "errorMsg": "Parameter 'customer' is missing"}
    for wrong in ("{", '"text"', "[]"):
        http.refused("/customers/create", customer=wrong)
    http.refused("/customers/create", order={"firstName": "Olha"})


def test_pages_of_a_list(twin: RetailCrmTwin, http: Client) -> None:
    keys = [int(twin.seed_contact(name=f"N{number}")) for number in range(25)]
    first, second = http.data("/customers"), http.data("/customers", page=2)
    assert first["pagination"] == {"limit": 20, "totalCount": 25, "currentPage": 1, "totalPageCount": 2}
    assert sorted(row["id"] for page in (first, second) for row in page["customers"]) == keys
    assert len(http.data("/customers", limit=50)["customers"]) == 25
    assert http.data("/customers", page=9)["customers"] == []
    for wrong in ({"limit": 30}, {"limit": "x"}, {"page": 0}):
        assert http.get("/customers", **wrong).status_code == 400


def test_newest_stand_first(twin: RetailCrmTwin, http: Client) -> None:
    old = twin.seed_deal(name="Old", updated=NOON - timedelta(days=2))
    new = twin.seed_deal(name="New")
    assert http.ids("/orders") == [int(new), int(old)]
    assert http.ids("/orders", **{"filter[createdAtFrom]": "2026-09-11"}) == [int(new)]
    assert http.ids("/orders", **{"filter[createdAtTo]": "2026-09-11 00:00:00"}) == [int(old)]


def test_unknown_filter_lets_everybody_through_or_is_refused(twin: RetailCrmTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    assert len(http.ids("/customers", **{"filter[phone]": "000"})) == 1
    twin.set(unknown_filters="refused")
    assert http.get("/customers", **{"filter[phone]": "000"}).status_code == 400


def test_empty_maps_are_lists(twin: RetailCrmTwin, http: Client) -> None:
    key = twin.seed_contact(name="Olha")
    assert http.data(f"/customers/{key}", by="id")["customer"]["customFields"] == []
    twin.seed_contact(name="Ira", attribution={"client_id": "GA1"})
    assert http.data("/customers/2", by="id")["customer"]["customFields"] == {"client_id": "GA1"}


def test_times_are_the_account_s(twin: RetailCrmTwin, http: Client) -> None:
    key = http.made("/orders/create", order={"firstName": "Olha"})
    row = http.data(f"/orders/{key}", by="id")["order"]
    assert (row["createdAt"], row["statusUpdatedAt"]) == (LOCAL_NOON, LOCAL_NOON)
    assert twin.records("deal")[0]["created_at"] == "2026-09-12T12:00:00Z"
    assert http.data("/settings")["settings"]["timezone"]["value"] == "Europe/Kyiv"


# ---- look-up (6)


@pytest.mark.parametrize("stored", ["+380501234567", "380501234567", "050 123 45 67", "(050) 123-45-67", "+38-050-123-4567"])
def test_numbers_are_found_by_their_digits(twin: RetailCrmTwin, http: Client, stored: str) -> None:
    customer, order = int(twin.seed_contact(phone=stored)), int(twin.seed_deal(phone=stored))
    assert http.ids("/customers", **{"filter[name]": "501234567"}) == [customer]
    assert http.ids("/orders", **{"filter[customer]": "501234567"}) == [order]
    twin.set(search_normalises=False)
    assert bool(http.ids("/customers", **{"filter[name]": "501234567"})) == ("501234567" in stored)


def test_search_is_fuzzy_and_finds_names(twin: RetailCrmTwin, http: Client) -> None:
    longer = int(twin.seed_contact(phone="+3805012345678", name="Olha Test"))
    assert http.ids("/customers", **{"filter[name]": "501234567"}) == [longer]
    assert http.ids("/customers", **{"filter[name]": "olha t"}) == [longer]
    assert http.ids("/customers", **{"filter[name]": "12"}) == []


def test_orders_are_found_by_their_customer(twin: RetailCrmTwin, http: Client) -> None:
    customer = twin.seed_contact(phone=OLENA, name="Olha")
    order = int(twin.seed_deal(name="It", contact=customer))
    assert http.ids("/orders", **{"filter[customer]": "501234567"}) == [order]
    assert http.ids("/orders", **{"filter[customerId]": customer}) == [order]
    (row,) = http.data("/orders")["orders"]
    assert row["customer"]["phones"] == row["contact"]["phones"] == [{"number": OLENA}]


@pytest.mark.parametrize(("name", "value", "count"), [("new", "new", 1), ("group", "complete", 1), ("none", "delivery", 0)])
def test_orders_by_status_or_group(twin: RetailCrmTwin, http: Client, name: str, value: str, count: int) -> None:
    twin.seed_deal(name=name)
    twin.seed_deal(name=name, status="won")
    assert len(http.ids("/orders", **{"filter[extendedStatus][]": value})) == count


def test_lists_by_ids_external_ids_managers_shops_and_fields(twin: RetailCrmTwin, http: Client) -> None:
    code, anna = twin.seed_field("contact", "patchcord_marker"), twin.seed_user(name="Anna")
    first = http.made("/customers/create", customer={"externalId": "a", "customFields": {code: "m1"}, "managerId": int(anna)})
    second = http.made("/customers/create", customer={"externalId": "b"})
    for name, value in (("externalIds][", "a"), ("managers][", anna), (f"customFields][{code}", "m1"), ("ids][", str(first))):
        assert http.ids("/customers", **{f"filter[{name}]": value}) == [first]
    assert http.ids("/customers", **{"filter[ids][]": [first, second]}) == [second, first]
    assert http.ids("/customers", **{"filter[sites][]": "market"}) == []


def test_search_lags_but_not_the_rest(twin: RetailCrmTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(seconds=30)
    key = http.made("/customers/create", customer={"externalId": "x", "phones": [{"number": OLENA}]})
    assert http.ids("/customers", **{"filter[name]": "501234567"}) == []
    assert http.ids("/customers", **{"filter[externalIds][]": "x"}) == [key]
    clock.advance(timedelta(seconds=30))
    assert http.ids("/customers", **{"filter[name]": "501234567"}) == [key]


def test_manager_of_a_number(twin: RetailCrmTwin, http: Client) -> None:
    anna, boris = twin.seed_user(name="Anna Test", email="anna@example.com"), twin.seed_user(name="Boris")
    customer = twin.seed_contact(phone=OLENA, name="Olha", owner=boris)
    assert http.data("/telephony/manager", phone="380501234567") == {"success": True}
    assert http.data("/telephony/manager", phone="380501234567", ignoreStatus=1)["manager"]["id"] == int(boris)
    order = twin.seed_deal(phone=OLENA, owner=anna)
    full = http.data("/telephony/manager", phone="380501234567", details=1, ignoreStatus=1)
    assert full["manager"] == {"id": int(anna), "firstName": "Anna", "lastName": "Test", "email": "anna@example.com"}
    assert full["customer"]["id"] == int(customer)
    assert full["links"]["lastOrderLink"].endswith(f"/orders/{order}/edit")
    nobody = http.data("/telephony/manager", phone="380990000000", details=1)
    assert "customer" not in nobody
    assert "newCustomerLink" in nobody["links"]
    twin.set(manager_needs_module=True)
    assert http.get("/telephony/manager", phone="380501234567").status_code == 400


# ---- create and change (7, 13)


def test_customer_and_order_are_created_and_told(twin: RetailCrmTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    field_code = twin.seed_field("contact", "patchcord_client_id")
    customer = http.made(
        "/customers/create", site="shop",
        customer={"externalId": "c1", "firstName": "Olha", "phones": [{"number": OLENA}], "managerId": int(anna),
                  "source": {"source": "google", "keyword": "boots"}, "customFields": {field_code: "GA1"}, "addTags": ["call"]},
    )  # fmt: skip
    order = http.made(
        "/orders/create", site="shop",
        order={"externalId": "o1", "firstName": "Olha", "phone": OLENA, "customer": {"id": customer}, "orderMethod": "phone",
               "managerComment": "first"},
    )  # fmt: skip
    told, other = twin.ledger
    assert (told.do, told.kind, told.id, other.kind, other.id) == ("create", "contact", str(customer), "deal", str(order))
    words = {"name": "Olha", "owner": anna, "phone": OLENA, "marker": "c1", "tags": ["call"], "fields": {}, "status": "open"}
    assert words.items() <= told.fields.items()
    assert told.fields["attribution"] == {"utm_source": "google", "utm_term": "boots", "client_id": "GA1"}
    words = {"contact": str(customer), "pipeline": "phone", "stage": "new", "marker": "o1", "phone": OLENA}
    assert words.items() <= other.fields.items()


def test_same_external_id_is_refused_in_its_shop(twin: RetailCrmTwin, http: Client) -> None:
    for path, name in (("/customers/create", "customer"), ("/orders/create", "order")):
        http.made(path, **{name: {"externalId": "x", "firstName": "A"}})
        refused = http.refused(path, **{name: {"externalId": "x", "firstName": "B"}})
        assert "already exists" in refused["errors"]["externalId"]
    twin.set(sites=("shop", "market"))
    http.made("/orders/create", order={"externalId": "x"}, site="market")


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"}, {"managerId": 99}, {"managerId": "1"}, {"firstName": "x" * 256}, {"firstName": 5},
        {"phones": ["+380501234567"]}, {"phones": "+380501234567"}, {"customFields": {"no_such": "x"}}, {"customFields": "x"},
        {"source": {"utm": "x"}},
    ],
)  # fmt: skip
def test_customers_the_server_refuses(twin: RetailCrmTwin, http: Client, wrong: Json) -> None:
    assert http.refused("/customers/create", customer=wrong)["errors"]
    assert twin.ledger == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "lead"}, {"orderMethod": "carrier-pigeon"}, {"orderType": "x"}, {"customer": {"id": 99}}, {"customer": 5},
        {"customer": {"externalId": "x"}}, {"managerComment": "Ж" * 40_000},
    ],
)  # fmt: skip
def test_orders_the_server_refuses(twin: RetailCrmTwin, http: Client, wrong: Json) -> None:
    http.refused("/orders/create", order=wrong)
    assert twin.ledger == ()


def test_order_can_bring_its_customer(twin: RetailCrmTwin, http: Client) -> None:
    new = {"externalId": "c9", "firstName": "Ira", "phones": [{"number": OLENA}]}
    http.made("/orders/create", order={"externalId": "o1", "customer": new})
    http.made("/orders/create", order={"externalId": "o2", "customer": new})
    assert [write.kind for write in twin.ledger] == ["contact", "deal", "deal"]
    assert {row["contact"] for row in twin.records("deal")} == {"1"}


def test_order_without_a_customer_gets_one(twin: RetailCrmTwin, http: Client) -> None:
    customer = twin.seed_contact(phone=OLENA)
    for phone in (OLENA, "+380990000000"):
        http.made("/orders/create", order={"firstName": "Ira", "phone": phone})
    assert [row["contact"] for row in twin.records("deal")] == [customer, "2"]
    assert [write.kind for write in twin.ledger] == ["deal", "deal"]
    twin.set(orders_find_customer=False)
    http.made("/orders/create", order={"phone": OLENA})
    assert twin.records("deal")[-1]["contact"] is None


def test_records_are_read_and_changed_by_either_id(twin: RetailCrmTwin, http: Client) -> None:
    anna = int(twin.seed_user(name="Anna"))
    key = http.made("/orders/create", order={"externalId": "o1", "firstName": "Olha"})
    assert http.data("/orders/o1")["order"]["id"] == http.data(f"/orders/{key}", by="id")["order"]["id"] == key
    assert http.get(f"/orders/{key}").json() == {"success": False, "errorMsg": "Not found"}
    assert http.get("/orders/o1", by="name").status_code == 400
    http.refused(f"/orders/{key}/edit", 404, order={"managerId": anna})
    assert http.changed(f"/orders/{key}/edit", by="id", order={"managerId": anna})["order"]["managerId"] == anna
    http.changed("/orders/o1/edit", order={"status": "complete"})
    changes = [dict(write.fields) for write in twin.writes("update", "deal")]
    assert changes == [{"owner": str(anna)}, {"status": "won", "stage": "complete"}]


def test_phones_are_replaced_or_merged(twin: RetailCrmTwin, http: Client) -> None:
    key = twin.seed_contact(phone=OLENA)
    for merged, count in ((False, 1), (True, 2)):
        twin.set(phones_are_merged=merged)
        http.changed(f"/customers/{key}/edit", by="id", customer={"phones": [{"number": f"+38099000000{count}"}]})
        assert len(http.data(f"/customers/{key}", by="id")["customer"]["phones"]) == count


def test_changed_comment_of_an_order_is_told_as_a_note(twin: RetailCrmTwin, http: Client) -> None:
    key = twin.seed_deal(name="It")
    http.changed(f"/orders/{key}/edit", by="id", order={"managerComment": "Call https://rec.example/1.mp3\nPatchcord m1"})
    (note,) = twin.ledger
    assert (note.do, note.fields["targets"], note.fields["marker"]) == ("note", [["deal", key]], "m1")
    assert note.fields["recording"] == "https://rec.example/1.mp3"
    http.changed(f"/orders/{key}/edit", by="id", order={"managerComment": "new", "firstName": "Ira"})
    assert [write.do for write in twin.ledger] == ["note", "note", "update"]


def test_custom_fields_and_their_values(twin: RetailCrmTwin, http: Client) -> None:
    colour = twin.seed_field("deal", "Colour", "option", ("red", "blue"))
    number, day = twin.seed_field("deal", "Size", "number"), twin.seed_field("deal", "Day", "date")
    flag, whole = twin.seed_field("deal", "Gift", "boolean"), twin.seed_field("deal", "Count", "integer")
    rows = {row["code"]: row for row in http.data("/custom-fields", limit=100, **{"filter[entity]": "order"})["customFields"]}
    assert (rows[colour]["type"], rows[number]["type"], rows[day]["type"]) == ("dictionary", "numeric", "date")
    elements = http.data(f"/custom-fields/dictionaries/{rows[colour]['dictionary']}")["customDictionary"]["elements"]
    assert [element["name"] for element in elements] == ["red", "blue"]
    assert len(http.data("/custom-fields/dictionaries")["customDictionaries"]) == 1
    assert http.get("/custom-fields/dictionaries/none").status_code == 404
    values: tuple[Json, ...] = (
        {colour: "red"},
        {number: "many"},
        {day: "12.09.2026"},
        {flag: 1},
        {whole: "1.5"},
        {day: "2026-13-01"},
    )
    for wrong in values:
        http.refused("/orders/create", order={"customFields": wrong})
    right = {colour: elements[1]["code"], number: "1.5", day: "2026-09-12", flag: True, whole: 3}
    http.made("/orders/create", order={"customFields": right})
    assert twin.ledger[0].fields["fields"] == {"Colour": "blue", "Size": 1.5, "Day": "2026-09-12", "Gift": True, "Count": 3}
    http.made("/orders/create", order={"customFields": []})


def test_fields_of_the_same_name_have_codes_of_their_own(twin: RetailCrmTwin) -> None:
    assert [twin.seed_field("contact", "Ім'я"), twin.seed_field("contact", "Ім'я")] == ["field", "field_2"]
    assert twin.seed_field("deal", "utm_source") == "utm_source"


# ---- tasks and notes (8, 9)


def test_task_is_created_edited_and_completed(twin: RetailCrmTwin, http: Client) -> None:
    customer, order = twin.seed_contact(phone=OLENA), twin.seed_deal(phone=OLENA)
    key = http.made(
        "/tasks/create", site="shop",
        task={"text": "Call back", "commentary": "Missed\nPatchcord m1", "datetime": "2026-09-12 19:00", "performerId": 1,
              "phone": OLENA, "phoneSite": "shop", "customer": {"id": int(customer), "site": "shop"},
              "order": {"id": int(order)}},
    )  # fmt: skip
    row = http.data(f"/tasks/{key}")["task"]
    assert (row["performer"], row["performerType"], row["complete"]) == (1, "user", False)
    (told,) = twin.ledger
    assert told.do == "task"
    assert dict(told.fields) == {
        "title": "Call back", "completed": False, "assignee": "1", "author": None, "due_at": "2026-09-12T16:00:00Z",
        "targets": [["deal", order], ["contact", customer]], "text": "Missed\nPatchcord m1", "recording": None, "marker": "m1",
    }  # fmt: skip
    assert http.changed(f"/tasks/{key}/edit", task={"performerId": 1, "commentary": "x"}) == {"success": True}
    http.changed(f"/tasks/{key}/edit", task={"performerId": 1, "complete": True})
    assert [write.do for write in twin.ledger] == ["task", "update", "complete_task"]
    assert http.data(f"/tasks/{key}")["task"]["completedAt"] == LOCAL_NOON
    http.changed(f"/tasks/{key}/edit", task={"performerId": 1, "complete": False})
    assert "completedAt" not in http.data(f"/tasks/{key}")["task"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"performerId": 1}, {"text": "x"}, {"text": "x", "performerId": 99}, {"text": "x", "performerId": 1, "title": "x"},
        {"text": "x" * 256, "performerId": 1}, {"text": "x", "performerId": 1, "datetime": "2026-09-12 19:00:00"},
        {"text": "x", "performerId": 1, "datetime": "2026-09-12T19:00"}, {"text": "x", "performerId": 1, "complete": "yes"},
        {"text": "x", "performerId": 1, "customer": {"id": 99}}, {"text": "x", "performerId": 1, "order": {"number": "1A"}},
        {"text": "x", "performerId": 1, "commentary": "Ж" * 40_000},
    ],
)  # fmt: skip
def test_tasks_the_server_refuses(twin: RetailCrmTwin, http: Client, wrong: Json) -> None:
    assert http.refused("/tasks/create", task=wrong)["errors"]
    assert twin.ledger == ()


def test_edit_of_a_task_needs_a_performer(twin: RetailCrmTwin, http: Client) -> None:
    key = twin.seed_task(title="x")
    for body in ({"complete": True}, {"complete": True, "performerId": None}):
        http.refused(f"/tasks/{key}/edit", task=body)
    for missing in ("99", "x"):
        http.refused(f"/tasks/{missing}/edit", 404, task={"performerId": 1})


def test_new_task_is_complete_only_where_the_account_honours_it(twin: RetailCrmTwin, http: Client) -> None:
    for honoured in (False, True):
        twin.set(complete_on_create=honoured)
        key = http.made("/tasks/create", task={"text": "x", "performerId": 1, "complete": True})
        assert http.data(f"/tasks/{key}")["task"]["complete"] is honoured


def test_lists_of_tasks(twin: RetailCrmTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    customer = twin.seed_contact(name="Olha")
    done = int(twin.seed_task(title="Done", completed=True, updated=NOON - timedelta(days=3)))
    todo = int(twin.seed_task(title="To do", assignee=anna, targets=[("contact", customer)], due_at=NOON))
    wanted = {
        "createdAtFrom": ("2026-09-11", todo),
        "performers][": (anna, todo),
        "customer": ("olha", todo),
        "text": ("done", done),
    }
    for name, (value, found) in wanted.items():
        assert http.ids("/tasks", **{f"filter[{name}]": value}) == [found]
    for value, found in (("completed", done), ("performing", todo)):
        assert http.ids("/tasks", **{"filter[status]": value}) == [found]
    assert twin.tasks()[1]["due_at"] == "2026-09-12T12:00:00Z"


def test_notes_are_the_customers(twin: RetailCrmTwin, http: Client) -> None:
    customer = twin.seed_contact(name="Olha")
    note = http.made("/customers/notes/create", note={"text": "Form\nPatchcord m2", "customer": {"id": 1}, "managerId": 1})
    (told,) = twin.ledger
    words = {"text": "Form\nPatchcord m2", "marker": "m2", "author": "1", "targets": [["contact", customer]]}
    assert (told.do, words.items() <= told.fields.items()) == ("note", True)
    (row,) = http.data("/customers/notes", **{"filter[customerIds][]": customer})["notes"]
    assert (row["id"], row["customer"]["id"], row["createdAt"]) == (note, 1, LOCAL_NOON)
    assert http.ids("/customers/notes", **{"filter[ids][]": 99}) == []
    refused = http.refused("/customers/notes/create", note={"text": "x"})
    assert refused["errors"]["customer"] == "Set one of the following fields: id, externalId"
    http.refused("/customers/notes/create", note={"customer": {"id": 1}})
    assert http.post(f"/customers/notes/{note}/delete").json() == {"success": True}
    assert http.ids("/customers/notes") == []


# ---- telephony (10)


MODULE: Json = {
    "code": "calls", "integrationCode": "calls", "clientId": "c-1", "active": True, "name": "Calls",
    "integrations": {"telephony": {"makeCallUrl": "https://app.example/call", "additionalCodes": [{"userId": 1, "code": "101"}]}},
}  # fmt: skip


def a_call(**more: Any) -> Json:
    return {"date": "2026-09-12 12:00:00", "type": "in", "phone": "380501234567", "userId": 1, "result": "answered",
            "duration": 70, "externalId": "100200", "recordUrl": "https://rec.example/1.mp3", **more}  # fmt: skip


def test_calls_need_a_module_and_are_kept_once(twin: RetailCrmTwin, http: Client) -> None:
    customer = twin.seed_contact(phone=OLENA, name="Olha")
    refused = http.refused("/telephony/calls/upload", calls=[a_call()])
    assert refused["errorMsg"] == "Telephony not enabled or not supports calls upload"
    assert http.get("/integration-modules/calls").status_code == 404
    http.changed("/integration-modules/calls/edit", integrationModule=MODULE)
    assert http.data("/integration-modules/calls")["integrationModule"]["active"] is True
    assert http.changed("/telephony/calls/upload", calls=[a_call()])["processedCallsCount"] == 1
    again = http.changed("/telephony/calls/upload", calls=[a_call(recordUrl="https://rec.example/2.mp3")])
    assert (again["processedCallsCount"], len(again["duplicateCalls"])) == (0, 1)
    (told,) = twin.writes("log", "call")
    words = {"recording": "https://rec.example/1.mp3", "marker": "100200", "author": "1", "targets": [["contact", customer]]}
    assert words.items() <= told.fields.items()


@pytest.mark.parametrize(
    "wrong", [{"type": "hangup"}, {"result": "no answered"}, {"date": "12.09.2026"}, {"phone": ""}, {"userId": 99}, {"date": ""}]
)
def test_calls_the_server_refuses(twin: RetailCrmTwin, http: Client, wrong: Json) -> None:
    http.changed("/integration-modules/calls/edit", integrationModule=MODULE)
    http.refused("/telephony/calls/upload", calls=[a_call(**wrong)])
    assert twin.ledger == ()


def test_events_tell_whom_nobody_knows(http: Client) -> None:
    http.changed("/integration-modules/calls/edit", integrationModule=MODULE)
    shown = http.changed(
        "/telephony/call/event", event={"phone": "380501234567", "type": "in", "userIds": [1, 99], "codes": ["7"]}
    )
    assert shown == {"success": True, "notExistCodes": ["7"], "notExistUsers": [99]}
    http.changed("/telephony/call/event", event={"phone": "380501234567", "type": "hangup", "hangupStatus": "no answered"})
    http.refused("/telephony/call/event", event={"phone": "380501234567", "type": "hangup", "hangupStatus": "no answer"})
    http.refused("/telephony/call/event", event={"type": "in"})
    http.refused("/integration-modules/other/edit", integrationModule=MODULE)
    http.refused("/integration-modules/calls/edit", integrationModule={"code": "calls"})


# ---- users and references (5, 11)


def test_users(twin: RetailCrmTwin, http: Client) -> None:
    anna = int(twin.seed_user(name="Anna Test", email="anna@example.com"))
    gone = int(twin.seed_user(name="Gone", active=False))
    assert http.ids("/users") == [1, anna, gone]
    assert http.ids("/users", **{"filter[active]": 1, "filter[isManager]": 1}) == [anna]
    user = http.data(f"/users/{anna}")["user"]
    assert (user["firstName"], user["lastName"], user["isAdmin"], user["isManager"]) == ("Anna", "Test", False, True)
    assert http.get("/users/99").status_code == 404


def test_references(twin: RetailCrmTwin, http: Client) -> None:
    statuses, groups = http.data("/reference/statuses")["statuses"], http.data("/reference/status-groups")["statusGroups"]
    assert (statuses["no-call"]["group"], groups["cancel"]["process"], groups["approval"]["process"]) == ("cancel", False, True)
    assert "no-call" in groups["cancel"]["statuses"]
    assert "call-request" in http.data("/reference/order-methods")["orderMethods"]
    assert "eshop-individual" in http.data("/reference/order-types")["orderTypes"]
    assert list(http.data("/reference/sites")["sites"]) == ["shop"]


# ---- limits and misbehaviour (3, 4)


def test_limits_of_a_second(twin: RetailCrmTwin, http: Client, clock: ManualClock) -> None:
    assert {http.get("/users").status_code for _ in range(12)} == {200}
    twin.set(enforce_rates=True)
    answers = [http.get("/users") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [503]
    assert answers[-1].json() == {"success": False, "errorMsg": "Rate limit exceeded"}
    assert "Retry-After" not in answers[-1].headers
    assert http.get("/telephony/manager", phone="380501234567").status_code == 200
    clock.advance(timedelta(seconds=1))
    assert http.get("/users").status_code == 200


def test_faults_look_like_retailcrm(twin: RetailCrmTwin, http: Client) -> None:
    twin.misbehave(*(Fault("status", status=status) for status in (429, 500)), Fault("expired_token"), Fault("missing_right"))
    answers = [http.get("/users") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 500, 403, 403]
    assert all(answer.json()["success"] is False for answer in answers)
    twin.misbehave(Fault("refuse", words="Errors"))
    assert http.get("/users").json() == {"success": False, "errorMsg": "Errors"}


def test_order_whose_answer_was_lost_is_found_by_its_external_id(twin: RetailCrmTwin, http: Client) -> None:
    twin.misbehave(Fault("lose_answer", "POST", "/orders/create"))
    with pytest.raises(requests.ConnectionError):
        http.post("/orders/create", order={"externalId": "ev-1"})
    assert http.ids("/orders", **{"filter[externalIds][]": "ev-1"}) == [1]


def test_inactive_manager_is_refused_only_where_the_account_says_so(twin: RetailCrmTwin, http: Client) -> None:
    gone = int(twin.seed_user(name="Gone", active=False))
    http.made("/orders/create", order={"managerId": gone})
    twin.set(refuse_inactive_manager=True)
    http.refused("/orders/create", order={"managerId": gone})


# ---- seeding


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
def test_orders_are_seeded_in_any_status(twin: RetailCrmTwin, status: Any, stored: str, is_open: bool) -> None:
    key = twin.seed_deal(phone=OLENA, status=status, updated=NOON - timedelta(days=1), pipeline="phone")
    (row,) = twin.records("deal")
    assert (row["status"], row["open"], row["updated_at"], row["pipeline"]) == (stored, is_open, "2026-09-11T12:00:00Z", "phone")
    twin.set_status("deal", key, "open")
    assert twin.records("deal")[0]["open"]


def test_visit_of_a_seed_goes_where_there_is_a_place(twin: RetailCrmTwin) -> None:
    twin.seed_field("contact", "patchcord_utm_source")
    twin.seed_contact(name="Olha", attribution={"utm_source": "google", "utm_term": "boots", "client_id": "GA1"})
    row = twin.state.customers[1]
    assert (row["customFields"], row["source"]) == ({"patchcord_utm_source": "google", "client_id": "GA1"}, {"keyword": "boots"})
    assert twin.records("contact")[0]["attribution"] == {"utm_source": "google", "utm_term": "boots", "client_id": "GA1"}


def test_people_change_things_in_the_crm(twin: RetailCrmTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    order, done = twin.seed_deal(name="It"), twin.seed_task(title="x")
    twin.set_owner("deal", order, anna)
    twin.finish_task(done)
    assert http.data(f"/orders/{order}", by="id")["order"]["managerId"] == int(anna)
    assert http.data(f"/tasks/{done}")["task"]["complete"] is True
    twin.remove("deal", order)
    twin.remove("task", done)
    assert (twin.records("deal"), twin.tasks(), twin.ledger) == ([], [], ())


def test_kinds_that_are_not_there(twin: RetailCrmTwin) -> None:
    for kind in ("lead", "organization"):
        with pytest.raises(NotImplementedError, match=f"RetailCRM has no {kind}"):
            twin.seed_field(kind, "x")
        with pytest.raises(NotImplementedError):
            getattr(twin, f"seed_{kind}")(name="x")


def test_reset_makes_the_account_anew(twin: RetailCrmTwin, http: Client) -> None:
    twin.seed_contact(phone=OLENA)
    requests.post(f"{http.url}/_twin/reset", timeout=5)
    assert http.ids("/customers") == []
    assert http.ids("/users") == [1]
