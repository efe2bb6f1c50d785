"""The Megaplan twin against its reference (crm_megaplan.md), by plain requests.

Every answer of every test is also held against the composed description of the vendor's API, where that is at hand.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.megaplan import Account, MegaplanTwin

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)
OLENA = "+380671234567"
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
        answer = self.session.request(method, f"{self.url}/api/v3{path}", headers=self.headers, timeout=10, **more)
        body = answer.request.body
        self.exchanges.append(
            {
                "vendor": "megaplan",
                "method": method,
                "url": answer.url,
                "request_headers": dict(answer.request.headers),
                "request_body": body.decode("utf-8", "replace") if isinstance(body, bytes) else body,
                "status": answer.status_code,
                "response_headers": dict(answer.headers),
                "response_body": answer.text,
            }
        )
        return answer

    def envelope(self, path: str, literal: Json | None = None) -> Json:
        """A GET with its JSON literal."""
        answer: Json = self.send("GET", path + (f"?{quote(json.dumps(literal))}" if literal else "")).json()
        return answer

    def get(self, path: str, **literal: Any) -> Any:
        answer = self.envelope(path, literal)
        assert answer["meta"]["status"] == 200, answer
        return answer["data"]

    def post(self, path: str, body: Any) -> Json:
        answer: Json = self.send("POST", path, json=body).json()
        return answer

    def made(self, path: str, body: Any) -> Any:
        answer = self.post(path, body)
        assert answer["meta"]["status"] == 200, answer
        return answer["data"]

    def refused(self, path: str, body: Any, status: int = 422) -> str:
        meta = self.post(path, body)["meta"]
        assert meta["status"] == status, meta
        return str(meta["errors"][0]["message"])

    def token(self, **form: str) -> requests.Response:
        return self.send("POST", "/auth/access_token", data=form)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> MegaplanTwin:
    return MegaplanTwin(clock=clock)


@pytest.fixture
def http(twin: MegaplanTwin) -> Iterator[Client]:
    with serve(twin) as running, requests.Session() as session:
        client = Client(running.url, session, {"Authorization": f"Bearer {twin.grant().access}"})
        yield client
    if CHECK:
        ours = [sentence for exchange in client.exchanges for sentence in CHECK(exchange) if ": response " in sentence]
        assert ours == [], "the twin is not like the vendor"


def link(word: str, key: str) -> Json:
    return {"contentType": word, "id": key}


def human(**more: Any) -> Json:
    return {"contentType": "ContractorHuman", "firstName": "Olena", **more}


def phone(value: str = OLENA) -> Json:
    return {"contentType": "ContactInfo", "type": "phone", "value": value, "isMain": True}


def moment(text: str) -> Json:
    return {"contentType": "DateTime", "value": text}


# ---- signing in (2)


@pytest.mark.parametrize("value", ["", "Bearer wrong", "Basic eDp5"])
@pytest.mark.parametrize("in_200", [True, False])
def test_nobody_gets_in_without_a_token(twin: MegaplanTwin, http: Client, value: str, in_200: bool) -> None:
    twin.set(errors_in_200=in_200)
    http.headers = {"Authorization": value} if value else {}
    answer = http.send("GET", "/currentUser")
    assert (answer.status_code, answer.json()["meta"]["status"]) == (200 if in_200 else 401, 401)


def test_password_gives_a_pair_without_envelope(twin: MegaplanTwin, http: Client) -> None:
    account = twin.account
    body = http.token(grant_type="password", username=account.username, password=account.password).json()
    assert (body["expires_in"], body["token_type"], body["scope"]) == (172_800, "bearer", None)
    http.headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert http.get("/currentUser")["id"] == twin.bot


def test_each_refresh_token_works_once(twin: MegaplanTwin, http: Client) -> None:
    grant = twin.grant()
    first = http.token(grant_type="refresh_token", refresh_token=grant.refresh)
    again = http.token(grant_type="refresh_token", refresh_token=grant.refresh)
    assert first.json()["refresh_token"] != grant.refresh
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_access_tokens_end_after_two_days(clock: ManualClock, http: Client) -> None:
    clock.advance(timedelta(hours=48))
    assert http.envelope("/currentUser")["meta"]["status"] == 401


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "username": "bot@example.com", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
    ],
)
def test_wrong_sign_in_is_a_400(http: Client, form: dict[str, str], error: str) -> None:
    answer = http.token(**form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert http.send("POST", "/auth/access_token", json=form).json()["error"] == "invalid_request"


def test_expiring_and_revoking(twin: MegaplanTwin, http: Client) -> None:
    grant = twin.grant()
    twin.expire_access_tokens()
    assert http.envelope("/currentUser")["meta"]["status"] == 401
    twin.revoke_grants()
    assert http.token(grant_type="refresh_token", refresh_token=grant.refresh).status_code == 400


# ---- oddities (3)


def test_parameters_count_as_a_json_literal_only(twin: MegaplanTwin, http: Client) -> None:
    for name in ("A", "B"):
        twin.seed_contact(name=name)
    assert len(http.get("/contractorHuman", limit=1)) == 1
    assert len(http.send("GET", "/contractorHuman?limit=1").json()["data"]) == 2


def test_unknown_parameters_and_fields_are_refused_but_unknown_filters_ignored(twin: MegaplanTwin, http: Client) -> None:
    twin.seed_deal(name="One")
    twin.seed_deal(name="Two")
    assert http.envelope("/deal", {"from": 5})["meta"]["status"] == 422
    answer = http.envelope("/deal", {"fields": ["deadline"]})
    assert (answer["meta"]["status"], "have not this fields" in answer["meta"]["errors"][0]["message"]) == (422, True)
    assert len(http.get("/deal", filter=_filter("colour", "FilterTermString", "red"))) == 2
    assert len(http.get("/deal", filter=_filter("name", "FilterTermString", "Two"))) == 1
    assert http.get("/deal", filter=_filter("contractor", "FilterTermRef", [link("ContractorHuman", "1")])) == []


def _filter(name: str, sort: str, value: Any) -> Json:
    term = {"contentType": sort, "field": name, "comparison": "equals", "value": value}
    group = {"contentType": "FilterTermGroup", "join": "and", "terms": [term]}
    return {"contentType": "TradeFilter", "config": {"contentType": "FilterConfig", "termGroup": group}}


def test_lists_give_few_fields_cards_all(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_contact(phone=OLENA, name="Olena")
    assert set(http.get("/contractorHuman")[0]) == {"contentType", "id", "name", "responsibles"}
    assert http.get("/contractorHuman", fields=["contactInfo"])[0]["contactInfo"][0]["value"] == OLENA
    only = http.get("/contractorHuman", fields=["isDropped"], onlyRequestedFields=True)[0]
    assert set(only) == {"contentType", "id", "isDropped"}
    assert {"firstName", "contactInfo", "timeCreated"} <= set(http.get(f"/contractorHuman/{key}"))
    assert http.get(f"/contractor/{key}")["contentType"] == "ContractorHuman"


def test_entities_are_full_once_in_an_answer(twin: MegaplanTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    for name in ("A", "B"):
        twin.seed_contact(name=name, owner=anna)
    first, second = http.get("/contractorHuman")
    assert first["responsibles"][0]["name"] == "Anna"
    assert second["responsibles"] == [link("Employee", anna)]
    twin.set(embeds=False)
    assert http.get("/contractorHuman")[0]["responsibles"] == [link("Employee", anna)]


def test_no_put_and_no_patch(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_contact(name="Olena")
    assert http.send("PATCH", f"/contractorHuman/{key}", json=human()).status_code == 405
    assert http.send("GET", "/nothing").status_code == 404


@pytest.mark.parametrize("path", ["comments", "history", "todos"])
def test_abstract_paths_of_clients_are_broken(twin: MegaplanTwin, http: Client, path: str) -> None:
    key = twin.seed_contact(name="Olena")
    assert http.send("GET", f"/contractor/{key}/{path}").status_code == 500
    assert http.send("GET", "/contractor/search").status_code == 500


def test_pages_begin_behind_the_last_row(twin: MegaplanTwin, http: Client) -> None:
    keys = [twin.seed_contact(name=name) for name in "ABC"]
    first = http.envelope("/contractorHuman", {"limit": 2})
    assert first["meta"]["pagination"] == {"count": 3, "limit": 2, "hasMoreNext": True, "hasMorePrev": False}
    second = http.envelope("/contractorHuman", {"limit": 2, "pageAfter": link("ContractorHuman", keys[1])})
    assert [row["id"] for row in second["data"]] == keys[2:]
    assert second["meta"]["pagination"]["hasMoreNext"] is False
    assert http.envelope("/contractorHuman", {"pageAfter": link("Contractor", keys[1])})["meta"]["status"] == 422
    assert http.envelope("/contractorHuman", {"limit": 0})["meta"]["status"] == 422


def test_sorting_by_field_name(twin: MegaplanTwin, http: Client, clock: ManualClock) -> None:
    keys = []
    for name in "BA":
        keys.append(twin.seed_deal(name=name))
        clock.advance(timedelta(minutes=1))
    rule = {"contentType": "SortField", "fieldName": "timeCreated", "desc": True}
    assert [row["id"] for row in http.get("/deal", sortBy=[rule])] == keys[::-1]
    assert [row["name"] for row in http.get("/deal", sortBy=[{**rule, "fieldName": "name", "desc": False}])] == ["A", "B"]
    assert http.envelope("/deal", {"sortBy": [{"contentType": "SortField", "field": "name"}]})["meta"]["status"] == 422


def test_writes_to_todos_are_seen_after_seconds(twin: MegaplanTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(seconds=3)
    key = http.made("/todo", {"contentType": "Todo", "name": "Call back"})["id"]
    assert http.get("/todo") == []
    assert http.envelope(f"/todo/{key}")["meta"]["status"] == 404
    clock.advance(timedelta(seconds=3))
    assert [row["id"] for row in http.get("/todo")] == [key]


# ---- bulk (3)


def _bulk(*calls: tuple[str, str, Json | None]) -> Json:
    inside = [
        {"contentType": "ApiCall", "method": method, "url": f"/api/v3{path}", **({"body": json.dumps(body)} if body else {})}
        for method, path, body in calls
    ]
    return {"contentType": "BulkApiCall", "calls": inside}


def test_bulk_keeps_the_order_and_each_status(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_contact(name="Olena")
    literal = quote(json.dumps({"fields": ["countDeals"]}))
    calls = _bulk(
        ("GET", f"/contractorHuman/{key}?{literal}", None), ("GET", "/contractorHuman/99", None),
        ("POST", "/contractorHuman", human(firstName="Max")), ("POST", "/deal", {"contentType": "Deal"}),
    )  # fmt: skip
    answers = http.made("/bulk", calls)
    assert [answer["meta"]["status"] for answer in answers] == [200, 404, 200, 422]
    assert answers[0]["data"]["countDeals"] == 0
    assert [write.fields["name"] for write in twin.writes("create")] == ["Max"]
    assert len(twin.requests) == 1


def test_bulk_cannot_be_nested_and_needs_calls(http: Client) -> None:
    assert "nested" in http.refused("/bulk", _bulk(("POST", "/bulk", {"calls": []})))
    assert http.refused("/bulk", {"contentType": "BulkApiCall", "calls": []})
    assert http.refused("/bulk", {"contentType": "BulkApiCall", "calls": [{"url": "/deal"}]})


def test_faults_hit_the_calls_inside_by_their_path(twin: MegaplanTwin, http: Client) -> None:
    twin.misbehave(Fault("refuse", path="/deal$", method="POST", words="No deals today"))
    deal = {"contentType": "Deal", "program": link("Program", twin.program)}
    answers = http.made("/bulk", _bulk(("POST", "/contractorHuman", human()), ("POST", "/deal", deal)))
    assert [answer["meta"]["status"] for answer in answers] == [200, 400]
    assert answers[1]["meta"]["errors"][0]["message"] == "No deals today"
    twin.misbehave(Fault("lose_answer", path="/deal$"))
    with pytest.raises(requests.ConnectionError):
        http.post("/bulk", _bulk(("POST", "/deal", deal)))
    assert len(twin.writes("create", "deal")) == 1
    twin.misbehave(Fault("garbage", path="/deal$"))
    assert http.send("POST", "/bulk", json=_bulk(("POST", "/deal", deal))).status_code == 502


def test_entities_by_links(twin: MegaplanTwin, http: Client) -> None:
    key, gone = twin.seed_contact(name="Olena"), twin.seed_contact(name="Gone")
    twin.remove("contact", gone)
    links = [link("ContractorHuman", gone), link("ContractorHuman", key), link("Deal", "5")]
    assert [row["id"] for row in http.made("/bulk/getEntitiesByLinks", links)] == [key]
    assert http.send("POST", "/bulk/getEntitiesByLinks", json=[link("Employee", twin.bot)]).status_code == 500


# ---- look-up (4)


def _duplicates(http: Client, value: str, **more: Any) -> list[str]:
    info = [{"contentType": "ContactInfo", "type": "phone", "value": value}]
    return [row["id"] for row in http.get("/contractorHuman/possibleDuplicates", contactInfo=info, **more)]


@pytest.mark.parametrize("value", ["380671234567", OLENA, "+38 (067) 123-45-67"])
def test_duplicates_compare_digits(twin: MegaplanTwin, http: Client, value: str) -> None:
    person, company = twin.seed_contact(phone=OLENA, name="Olena"), twin.seed_organization(phone=OLENA, name="Acme")
    twin.seed_contact(phone="+3806712345678", name="Longer number")
    assert _duplicates(http, value) == [person, company]
    assert _duplicates(http, value, limit=1) == [person]
    assert _duplicates(http, "671234567") == []


def test_duplicates_may_compare_letters(twin: MegaplanTwin, http: Client) -> None:
    twin.set(phone_match="exact")
    key = twin.seed_contact(phone=OLENA, name="Olena")
    assert (_duplicates(http, OLENA), _duplicates(http, "380671234567")) == ([key], [])


def test_duplicates_by_name_and_with_fields(twin: MegaplanTwin, http: Client) -> None:
    company = twin.seed_organization(name="Acme")
    key = twin.seed_contact(phone=OLENA, name="Olena", organization=company)
    twin.seed_deal(contact=key)
    (row,) = http.get("/contractorHuman/possibleDuplicates", name="Olena", fields=["company", "countDeals", "isDropped"])
    assert (row["id"], row["company"]["id"], row["countDeals"], row["isDropped"]) == (key, company, 1, False)
    twin.remove("contact", key)
    assert _duplicates(http, OLENA) == [key]


@pytest.mark.parametrize("text", ["9671", "671234567", "ole", "OLENA"])
def test_search_by_name_or_contacts(twin: MegaplanTwin, http: Client, text: str) -> None:
    key = twin.seed_contact(phone="+380 67 123 45 67", name="Olena 9671")
    assert [row["id"] for row in http.get("/contractorCompany/search", q=text)] == [key]
    assert http.get("/contractorHuman/search", q="nobody") == []


def test_search_lags(twin: MegaplanTwin, http: Client, clock: ManualClock) -> None:
    twin.search_lag = timedelta(seconds=30)
    key = http.made("/contractorHuman", human(contactInfo=[phone()]))["id"]
    assert _duplicates(http, OLENA) == []
    clock.advance(timedelta(seconds=30))
    assert _duplicates(http, OLENA) == [key]


def test_route_names_the_responsible_and_whose_number_it_is(twin: MegaplanTwin, http: Client) -> None:
    left, anna = twin.seed_user(name="Left", active=False), twin.seed_user(name="Anna")
    key = twin.seed_contact(phone=OLENA, name="Olena")
    twin.set_responsibles("contact", key, (("Employee", left), ("Employee", anna)))
    route = http.get("/callRoute", phone="380671234567")
    assert (route["type"], [row["id"] for row in route["employees"]]) == ("responsible", [anna])
    assert [row["id"] for row in route["users"]] == [key]
    assert http.get("/callRoute", phone="380000000000")["users"] == []


# ---- clients (5)


def test_person_s_name_is_composed(twin: MegaplanTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna")
    body = human(lastName="Petrenko", contactInfo=[phone()], responsibles=[link("Employee", anna)], description="Patchcord pc-1")
    row = http.made("/contractorHuman", body)
    assert (row["contentType"], row["name"]) == ("ContractorHuman", "Petrenko Olena")
    (write,) = twin.ledger
    assert (write.do, write.kind, write.id) == ("create", "contact", row["id"])
    assert (write.fields["phone"], write.fields["owner"], write.fields["marker"]) == (OLENA, anna, "pc-1")


def test_company_needs_a_name_and_takes_its_people(twin: MegaplanTwin, http: Client) -> None:
    person = twin.seed_contact(name="Olena")
    assert "name" in http.refused("/contractorCompany", {"contentType": "ContractorCompany"})
    body = {"contentType": "ContractorCompany", "name": "Acme", "contacts": [link("ContractorHuman", person)]}
    company = http.made("/contractorCompany", body)["id"]
    assert twin.records("contact")[0]["organization"] == company
    assert http.get(f"/contractorCompany/{company}", fields=["contacts"])["contacts"][0]["id"] == person


def test_change_names_only_what_it_changes(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_contact(phone=OLENA, name="Olena")
    http.made(f"/contractorHuman/{key}", human(firstName="Olga"))
    (write,) = twin.ledger
    assert (write.do, dict(write.fields)) == ("update", {"name": "Olga"})
    assert twin.records("contact")[0]["phone"] == OLENA


@pytest.mark.parametrize(
    "body",
    [
        {"contentType": "Deal"}, human(phone="1"), human(responsibles=[link("Employee", "99")]), human(responsibles="x"),
        human(contactInfo=[{"contentType": "ContactInfo", "type": "mobile", "value": "1"}]), human(firstName="x" * 256),
        human(company=link("ContractorCompany", "99")), human(description=5), [],
    ],
)  # fmt: skip
def test_odd_clients_are_refused(http: Client, twin: MegaplanTwin, body: Any) -> None:
    assert http.refused("/contractorHuman", body)
    assert twin.ledger == ()


def test_deleted_clients_are_told_as_such_and_not_written_to(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_contact(name="Olena")
    twin.remove("contact", key)
    assert http.get(f"/contractorHuman/{key}")["isDropped"] is True
    assert http.get("/contractorHuman") == []
    assert http.refused(f"/contractorHuman/{key}", human(), 404)


def test_own_fields_are_typed(twin: MegaplanTwin, http: Client) -> None:
    colour, size = twin.seed_field("contact", "Colour"), twin.seed_field("contact", "Size", "number")
    source, born = twin.seed_field("contact", "Source", "option", ("Site",)), twin.seed_field("contact", "Born", "date")
    rows = {row["name"]: row for row in http.get("/contractorHuman/extraFields")}
    assert (rows[colour]["hrName"], rows[size]["contentType"], rows[source]["enumValues"]) == ("Colour", "FloatField", ["Site"])
    for odd in ({size: "5"}, {source: "Phone"}, {colour: 5}, {born: "2026-09-12"}, {f"{colour}x": "5"}):
        assert http.refused("/contractorHuman", human(**odd))
    row = human(**{colour: "red", size: 5, source: "Site", born: moment("2026-09-12T00:00:00+00:00")})
    http.made("/contractorHuman", row)
    assert twin.ledger[0].fields["fields"]["Size"] == 5


def test_visit_data_are_attribution(twin: MegaplanTwin, http: Client) -> None:
    own = twin.seed_field("contact", "patchcord_utm_campaign")
    body = human(**{own: "spring"}, advertisingWay=link("ContractorAdvertisingWay", twin.way("google")))
    http.made("/contractorHuman", body)
    assert twin.ledger[0].fields["attribution"] == {"utm_campaign": "spring", "utm_source": "google"}
    assert [row["name"] for row in http.get("/advertisingWay")] == ["google", "yandex"]


# ---- deals (5)


def test_deal_begins_in_the_first_state_of_its_program(twin: MegaplanTwin, http: Client) -> None:
    client = twin.seed_contact(name="Olena")
    assert "program" in http.refused("/deal", {"contentType": "Deal", "name": "x"})
    body = {"contentType": "Deal", "program": link("Program", twin.program), "contractor": link("ContractorHuman", client)}
    deal = http.made("/deal", body)
    assert (deal["result"], deal["number"]) == ("active", deal["id"])
    (write,) = twin.ledger
    assert (write.fields["contact"], write.fields["stage"]) == (client, twin.states(twin.program)["New request"])


def test_state_is_one_of_the_program(twin: MegaplanTwin, http: Client) -> None:
    other = twin.seed_program("Repairs", {"New": "active"})
    body = {"contentType": "Deal", "program": link("Program", twin.program)}
    assert http.refused("/deal", {**body, "state": link("ProgramState", twin.states(other)["New"])})
    state = twin.states(twin.program)["In work"]
    key = http.made("/deal", {**body, "state": link("ProgramState", state)})["id"]
    assert http.get(f"/deal/{key}")["state"]["id"] == state
    assert http.refused(f"/deal/{key}", {"contentType": "Deal", "state": link("ProgramState", state)})
    twin.set(state_at_creation=False)
    assert "state" in http.refused("/deal", {**body, "state": link("ProgramState", state)})


def test_transitions_move_deals(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_deal(name="Order")
    rows = {row["name"]: row for row in http.get(f"/deal/{key}/possibleTransitions")}
    assert set(rows) == {"In work", "Paid", "Refused"}
    http.made(f"/deal/{key}/applyTransition", {"transition": {"contentType": "ProgramTransition", "id": rows["Paid"]["id"]}})
    assert http.get(f"/deal/{key}", fields=["result"])["result"] == "positive"
    assert twin.records("deal")[0]["status"] == "won"
    assert http.refused(f"/deal/{key}/applyTransition", {"transition": 5}, 403)


def test_programs_and_their_states(twin: MegaplanTwin, http: Client) -> None:
    assert [row["name"] for row in http.get("/program")] == ["Sale"]
    assert [row["name"] for row in http.get(f"/program/{twin.program}")["states"]][:2] == ["New request", "In work"]
    assert len(http.get(f"/program/{twin.program}/states")) == 4


@pytest.mark.parametrize(
    ("status", "result"), [("open", "active"), ("won", "positive"), ("closed", "positive"), ("lost", "negative")]
)
def test_deals_of_a_client(twin: MegaplanTwin, http: Client, status: Any, result: str) -> None:
    key = twin.seed_deal(phone=OLENA, name="Order", status=status)
    client = twin.records("contact")[0]["id"]
    (row,) = http.get(f"/contractor/{client}/deals", fields=["result", "contractor"])
    assert (row["id"], row["result"], row["contractor"]["id"]) == (key, result, client)
    assert twin.seed_contact(phone=OLENA, name="Olena") == client
    twin.set_status("deal", key, "archived")
    assert http.get(f"/contractor/{client}/deals") == []


# ---- tasks and todos (6)


def test_task_needs_its_flags_and_is_done_once(twin: MegaplanTwin, http: Client) -> None:
    body = {"contentType": "Task", "name": "Call back", "deadline": moment("2026-09-12T18:00:00+03:00")}
    assert http.refused("/task", body)
    key = http.made("/task", {**body, "isUrgent": False, "isTemplate": False, "statement": "Missed"})["id"]
    assert (twin.tasks()[0]["due_at"], twin.tasks()[0]["completed"]) == ("2026-09-12T15:00:00Z", False)
    done = {"contentType": "TaskActionRequest", "action": "act_done", "checkTodos": False}
    assert http.made(f"/task/{key}/doAction", done)["status"] == "done"
    assert "act_done" in http.refused(f"/task/{key}/doAction", done, 403)
    assert http.refused(f"/task/{key}/doAction", {**done, "action": "act_delegate"})
    assert http.get(f"/task/{key}")["status"] == "done"
    http.made(f"/task/{key}/comments", {"contentType": "Comment", "content": "https://rec.example/1.mp3"})
    assert twin.tasks()[0]["recording"] == "https://rec.example/1.mp3"
    assert len(http.get(f"/task/{key}/comments")) == 1
    assert len(http.get("/task")) == 1


def test_todo_is_tied_to_records(twin: MegaplanTwin, http: Client) -> None:
    client, deal = twin.seed_contact(name="Olena"), twin.seed_deal(name="Order")
    relations = [link("ContractorHuman", client), link("Deal", deal)]
    row = http.made("/todo", {"contentType": "Todo", "name": "Call back", "relations": relations})
    assert row["status"]["masterType"] == "scheduled"
    assert twin.ledger[0].fields["targets"] == [["contact", client], ["deal", deal]]
    assert twin.ledger[0].fields["assignee"] == twin.bot
    assert [one["id"] for one in http.get(f"/contractorHuman/{client}", fields=["todos"])["todos"]] == [row["id"]]


def test_time_of_a_todo_is_refused_unless_the_account_takes_it(twin: MegaplanTwin, http: Client) -> None:
    at = moment("2026-09-12T09:30:00+00:00")
    body = {"contentType": "Todo", "name": "Call back", "when": {"contentType": "IntervalTime", "from": at, "to": at}}
    assert "stdClass" in http.refused("/todo", body)
    twin.set(when_accepted=True)
    http.made("/todo", body)
    assert twin.tasks()[0]["due_at"] == "2026-09-12T09:30:00Z"
    assert http.refused("/todo", {**body, "when": {"contentType": "IntervalTime"}})


def test_change_without_id_makes_another_todo(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_task(title="Call back", text="one")
    other = http.send("POST", f"/todo/{key}", json={"contentType": "Todo", "name": "Call back", "description": "two"}).json()[
        "data"
    ]
    assert other["id"] != key
    http.made(f"/todo/{key}", {"contentType": "Todo", "id": key, "description": "three"})
    assert [row["text"] for row in twin.tasks()] == ["three", "two"]
    assert [write.do for write in twin.ledger] == ["task", "update"]


def test_finishing_gives_a_comment_and_is_done_once(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_task(title="Call back")
    finish = {"contentType": "TodoFinishActionRequest", "resultText": "https://rec.example/1.mp3"}
    assert http.made(f"/todo/{key}/doAction", finish)["status"]["masterType"] == "finished"
    assert (twin.tasks()[0]["completed"], twin.tasks()[0]["recording"]) == (True, "https://rec.example/1.mp3")
    assert "act_finish" in http.refused(f"/todo/{key}/doAction", finish, 403)
    assert http.made(f"/todo/{key}/doAction", {"contentType": "TodoRenewActionRequest"})["status"]["masterType"] == "scheduled"
    assert "act_renew" in http.refused(f"/todo/{key}/doAction", {"contentType": "TodoRenewActionRequest"}, 403)
    http.made(f"/todo/{key}/doAction", {"contentType": "TodoTakeActionRequest"})
    assert http.refused(f"/todo/{key}/doAction", {"contentType": "Magic"})


def test_todo_can_be_made_finished(twin: MegaplanTwin, http: Client) -> None:
    sorts = {row["masterType"]: row["id"] for row in http.get("/todoStatus", fields=["masterType"])}
    body = {"contentType": "Todo", "name": "Talked", "status": link("TodoStatus", sorts["finished"])}
    assert http.made("/todo", body)["status"]["masterType"] == "finished"
    twin.set(status_at_creation=False)
    assert http.made("/todo", body)["status"]["masterType"] == "scheduled"
    wrong = {"contentType": "TodoFinishActionRequest", "status": link("TodoStatus", sorts["scheduled"])}
    assert http.refused(f"/todo/{twin.tasks()[1]['id']}/doAction", wrong)
    assert [row["masterType"] for row in http.get("/todoCategory")] == ["call"]


def test_deleted_todo_is_told_as_such(twin: MegaplanTwin, http: Client) -> None:
    key = twin.seed_task(title="Call back", completed=True, due_at=NOON)
    twin.remove("task", key)
    assert http.get(f"/todo/{key}")["isDropped"] is True
    assert http.refused(f"/todo/{key}/doAction", {"contentType": "TodoFinishActionRequest"}, 404)


# ---- comments (7)


@pytest.mark.parametrize(
    ("kind", "path"), [("contact", "contractorHuman"), ("organization", "contractorCompany"), ("deal", "deal")]
)
def test_comments_hang_on_clients_and_deals(twin: MegaplanTwin, http: Client, kind: str, path: str) -> None:
    key = getattr(twin, f"seed_{kind}")(name="x")
    made = http.made(f"/{path}/{key}/comments", {"contentType": "Comment", "content": "<p>a &amp; b</p><p>Patchcord pc-1</p>"})
    (write,) = twin.ledger
    assert (write.do, write.id, write.fields["targets"]) == ("note", made["id"], [[kind, key]])
    assert (write.fields["text"], write.fields["marker"]) == ("a & b\nPatchcord pc-1", "pc-1")
    assert [one["id"] for one in http.get(f"/{path}/{key}", fields=["comments"])["comments"]] == [made["id"]]
    assert http.refused(f"/{path}/{key}/comments", {"contentType": "Comment", "content": ""})
    wrapped = {"contentType": "CommentCreateActionRequest", "comment": {"contentType": "Comment", "content": "more"}}
    http.made(f"/{path}/{key}/comments", wrapped)
    assert len(twin.writes("note")) == 2


# ---- calls (8)


def _call(**more: Any) -> Json:
    return {
        "contentType": "CallInfo", "providerId": "MANGO-4f0a", "type": "in", "state": "finished", "fromPhone": "380671234567",
        "timeFrom": moment("2026-09-12T13:00:00+03:00"), "timeTo": moment("2026-09-12T13:03:12+03:00"), **more,
    }  # fmt: skip


def test_history_is_an_upsert_by_the_provider_s_id(twin: MegaplanTwin, http: Client) -> None:
    client, anna = twin.seed_contact(name="Olena"), twin.seed_user(name="Anna")
    sides = {"fromUser": link("ContractorHuman", client), "toUser": link("Employee", anna)}
    (first,) = http.made("/callInfo/history", [_call(**sides)])
    (second,) = http.made("/callInfo/history", [_call(recordLinks=["https://rec.example/1.mp3"])])
    assert first["id"] == second["id"]
    log, update = twin.ledger
    assert (log.do, log.kind, log.fields["author"], log.fields["talk_seconds"]) == ("log", "call", anna, 192)
    assert (log.fields["targets"], log.fields["marker"]) == ([["contact", client]], "MANGO-4f0a")
    assert (update.do, dict(update.fields)) == ("update", {"recording": "https://rec.example/1.mp3"})
    assert http.refused("/callInfo/history", _call())
    assert http.refused("/callInfo/history", ["x"])
    assert http.refused("/callInfo/history", [_call(fromPhone="+380")])


def test_late_recording_by_the_provider_s_id(twin: MegaplanTwin, http: Client) -> None:
    (row,) = http.made("/callInfo/history", [_call()])
    body = {"contentType": "CallInfo", "providerId": "MANGO-4f0a", "recordLinks": ["https://rec.example/1.mp3"]}
    assert http.made("/callInfo/provider", body)["id"] == row["id"]
    assert http.get("/callInfo/provider", providerId="MANGO-4f0a")["recordLinks"] == ["https://rec.example/1.mp3"]
    assert http.refused("/callInfo/provider", {**body, "providerId": "other"}, 404)
    assert http.envelope("/callInfo/provider", {"providerId": "other"})["meta"]["status"] == 404


def test_live_call_moves_on_and_gets_its_client(twin: MegaplanTwin, http: Client) -> None:
    client = twin.seed_contact(name="Olena")
    key = http.made("/callInfo", _call(state="calling"))["id"]
    http.made(f"/callInfo/{key}", {"contentType": "CallInfo", "state": "finished"})
    http.made(f"/callInfo/{key}/setContractor", link("ContractorHuman", client))
    assert http.get(f"/callInfo/{key}")["fromUser"]["id"] == client
    todo = http.made(f"/callInfo/{key}/todos", {"contentType": "Todo", "name": "Call back"})
    assert link("CallInfo", key) in twin.state.tables["Todo"][todo["id"]]["relations"]
    assert http.refused(f"/callInfo/{key}/setContractor", link("Deal", "1"))
    assert http.refused(f"/callInfo/{key}", {"contentType": "CallInfo", "state": "dancing"})
    assert len(http.get("/callInfo")) == 1
    assert http.get("/callUserConfig")[0]["internalNumber"] == "101"


# ---- people (9), rights, faults


def test_employees_are_listed_with_the_fired(twin: MegaplanTwin, http: Client) -> None:
    anna = twin.seed_user(name="Anna", email="anna@example.com")
    left = twin.seed_user(name="Left", active=False)
    rows = {row["id"]: row for row in http.get("/employee", limit=500, fields=["contactInfo", "isWorking"])}
    assert (rows[anna]["contactInfo"][0]["value"], rows[anna]["isWorking"], rows[left]["isWorking"]) == (
        "anna@example.com",
        True,
        False,
    )
    assert http.envelope("/employee", {"fields": ["isDropped"]})["meta"]["status"] == 422
    twin.set_active(anna, False)
    assert http.get(f"/employee/{anna}", fields=["isWorking"])["isWorking"] is False


def test_rights_are_needed(twin: MegaplanTwin, http: Client) -> None:
    twin.set(rights=("crm_enter",))
    assert "crm_add" in http.refused("/contractorHuman", human(), 403)
    assert http.get("/currentUser")["possibleActions"] == ["crm_enter"]


@pytest.mark.parametrize(
    ("fault", "status", "inside"),
    [
        (Fault("status", status=429), 429, 429), (Fault("status", status=503), 503, 503), (Fault("refuse"), 400, 400),
        (Fault("expired_token"), 200, 401), (Fault("missing_right"), 200, 403), (Fault("status", status=422), 200, 422),
    ],
)  # fmt: skip
def test_faults_have_the_vendor_s_shape(twin: MegaplanTwin, http: Client, fault: Fault, status: int, inside: int) -> None:
    twin.misbehave(fault)
    answer = http.send("GET", "/deal")
    assert (answer.status_code, answer.json()["meta"]["status"]) == (status, inside)
    assert "Retry-After" not in answer.headers
    assert http.get("/deal") == []


def test_pause_can_be_named(twin: MegaplanTwin, http: Client) -> None:
    twin.set(retry_after=5)
    twin.misbehave(Fault("status", status=429))
    assert http.send("GET", "/deal").headers["Retry-After"] == "5"


# ---- seeding


def test_there_are_no_leads(twin: MegaplanTwin) -> None:
    for seeding in (twin.seed_lead, lambda: twin.seed_field("lead", "x"), lambda: twin.records("lead")):
        with pytest.raises(NotImplementedError, match="Megaplan has no lead"):
            seeding()


def test_seeds_stand_in_no_ledger_and_are_told(twin: MegaplanTwin) -> None:
    anna = twin.seed_user(name="Anna")
    company = twin.seed_organization(name="Acme", owner=anna, updated=NOON)
    person = twin.seed_contact(phone=OLENA, owner=anna, organization=company, attribution={"utm_source": "google"})
    deal = twin.seed_deal(contact=person, owner=anna, stage=twin.states(twin.program)["In work"])
    twin.set_owner("deal", deal, twin.bot)
    twin.set_owner("contact", person, twin.bot)
    contact, order = twin.records("contact")[0], twin.records("deal")[0]
    assert (contact["owner"], contact["organization"], contact["attribution"]) == (twin.bot, company, {"utm_source": "google"})
    assert (order["owner"], order["contact"], order["organization"], order["open"]) == (twin.bot, person, company, True)
    assert (twin.records("organization")[0]["owner"], twin.ledger) == (anna, ())


def test_connection_is_what_a_project_needs(twin: MegaplanTwin) -> None:
    connection = twin.connection("http://twin")
    assert set(connection.options) == {"base_url", "program", "done_status"}
    assert connection.secrets == {"username": Account().username, "password": Account().password}


def test_reset_makes_everything_anew(twin: MegaplanTwin) -> None:
    twin.seed_contact(name="Olena")
    twin.reset()
    assert (twin.records("contact"), twin.tasks()) == ([], [])
