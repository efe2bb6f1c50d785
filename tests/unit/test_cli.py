"""The command line: what every command does to the product, prints, and ends with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.crm import kind_of
from cli.employees import bindings
from patchcord.crm.port import User
from patchcord.model.employees import Employee
from patchcord.model.records import RecordKind
from patchcord.service.clients import client_key
from patchcord.service.projects import secret_hash
from patchcord.store.port import CallKey, Claim
from sandbox.twins.base import Fault
from tests.harness import REPOSITORY, SECRET
from tests.integration.demo import after_call, before_call, missed
from tests.unit.cli_world import ANSWERED, MISSED, NEW, REGULAR, Desk, desk

KEY = CallKey("demo", "ringostat", ANSWERED)


@pytest.fixture
def here() -> Iterator[Desk]:
    """The desk; nothing has happened."""
    with desk() as made:
        yield made


@pytest.fixture
def busy(here: Desk) -> Desk:
    """The desk after an answered call of a new client and a missed one of a known client."""
    here.play()
    return here


@pytest.fixture
def other(here: Desk, tmp_path: Path) -> Path:
    """The project's settings with another deadline, in a file."""
    return settings_file(here, tmp_path, tasks={"deadline": "PT8H"})


def settings_file(here: Desk, folder: Path, **more: Any) -> Path:
    path = folder / "other.json"
    path.write_text(json.dumps({**own(here), **more}), "utf-8")
    return path


def own(here: Desk) -> dict[str, Any]:
    """The project's own document."""
    document = here.world.store.document("demo")
    assert document is not None
    tree: dict[str, Any] = json.loads(document.body)
    return tree


# --- projects ---


def test_a_project_is_made_with_its_secrets_and_takes_its_own_webhooks(here: Desk) -> None:
    url = own(here)["crm"]["options"]["base_url"]
    made = here.told("project", "init", "acme", "--crm", "pipedrive", "--telephony", "ringostat", "--option", f"base_url={url}",
                     "--secret", "api_token", said="t0ken\n", project=None)  # fmt: skip
    secrets = here.world.secrets
    hook = secrets.get("acme", "webhook_secret")
    assert hook and secrets.get("acme", "api_token") == "t0ken" and len(secrets.get("acme", "client_key") or "") > 30
    assert made["version"] == 1
    urls = [it["url"] for it in made["webhooks"]]
    assert all(url.startswith("https://hooks.example/v1/") for url in urls)
    # a browser that sends the site's form must not hold the secret
    assert [url for url in urls if hook not in url] == ["https://hooks.example/v1/forms/acme/NAME"]
    project = here.connection.projects.get("acme")
    assert project is not None and project.admits(hook) and not project.settings.integration.enabled
    answer = here.world.send("missed", "POST", secret=hook, project="acme", body=json.dumps(missed()).encode(),
                             headers={"content-type": "application/json"})  # fmt: skip
    assert (answer["status_code"], answer["reason"]) == (200, "integration_off")


def test_what_the_connection_lacks_is_told_at_once(here: Desk) -> None:
    result = here.run("project", "init", "acme", "--crm", "pipedrive", "--telephony", "mango", project=None)
    assert result.exit_code == 0
    assert "1. the setting base_url of the connection is missing" in result.stdout
    assert "2. the secret mango_key is missing: patchcord project secret -p acme mango_key" in result.stdout
    assert "/mango\n" in result.stdout


def test_the_key_of_the_hashes_is_never_replaced(here: Desk) -> None:
    here.world.secrets.put("acme", "client_key", "the old one")
    here.told("project", "init", "acme", "--crm", "kommo", "--telephony", "ringostat", project=None)
    assert here.world.secrets.get("acme", "client_key") == "the old one"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("demo", "--crm", "pipedrive", "--telephony", "ringostat"), 1),
        (("acme", "--crm", "nocrm", "--telephony", "ringostat"), 2),
        (("acme", "--crm", "kommo", "--telephony", "tin cans"), 2),
        (("Acme!", "--crm", "kommo", "--telephony", "ringostat"), 2),
        (("acme", "--crm", "kommo", "--telephony", "ringostat", "--option", "base_url"), 2),
    ],
)
def test_what_cannot_be_made_leaves_nothing_behind(here: Desk, arguments: tuple[str, ...], code: int) -> None:
    result = here.run("project", "init", *arguments, project=None)
    assert (result.exit_code, result.stdout) == (code, "")
    assert here.world.store.document("acme") is None
    assert here.world.store.documents("demo")[0].version == 1


def test_missing_answers_are_asked_for(here: Desk) -> None:
    assert here.run("project", "init", "acme", said="kommo\nmango\n", project=None).exit_code == 0
    project = here.connection.projects.get("acme")
    assert project is not None and (project.settings.crm.vendor, project.settings.telephony.provider) == ("kommo", "mango")


@pytest.mark.parametrize(
    ("value", "kept"),
    [("PT3H", "PT3H"), ('"PT3H"', "PT3H"), ("10800", 10800)],
)
def test_a_setting_is_changed_as_a_new_version(here: Desk, value: str, kept: object) -> None:
    told = here.told("project", "set", "tasks.deadline", value)
    assert told == {"version": 2, "changes": [{"key": "tasks.deadline", "before": None, "after": kept}], "warnings": []}
    project = here.connection.projects.get("demo")
    assert project is not None and project.settings.tasks.deadline == timedelta(hours=3)


def test_lists_and_texts_are_taken_as_typed(here: Desk) -> None:
    here.told("project", "set", "lines", '["+380442220001"]')
    here.told("project", "set", "employees.nora.email", "nora@acme.example")
    assert own(here)["lines"] == ["+380442220001"]
    assert own(here)["employees"]["nora"]["email"] == "nora@acme.example"


def test_an_id_that_looks_like_a_number_is_taken_as_the_text_it_is(here: Desk) -> None:
    here.told("project", "set", "employees.nora.crm_user", "4711")
    assert own(here)["employees"]["nora"]["crm_user"] == "4711"
    result = here.run("project", "set", "tasks.deadline", "[1]")
    assert result.exit_code == 1 and "INVALID_VALUE tasks.deadline" in result.stderr


def test_a_setting_goes_back_to_the_profile(here: Desk) -> None:
    here.told("project", "set", "tasks.deadline", "PT3H")
    assert here.told("project", "set", "tasks.deadline", "--unset")["version"] == 3
    assert "tasks" not in own(here)
    assert here.run("project", "set", "tasks.deadline", "--unset").exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("tasks.deadline", "soon"), 1, "INVALID_VALUE tasks.deadline"),
        (("tasks.dead_line", "PT1H"), 1, "UNKNOWN_SETTING tasks.dead_line"),
        (("senior_manager", "nobody"), 1, "SENIOR_MANAGER_UNKNOWN"),
        (("timezone.zone", "x"), 1, "INVALID_VALUE timezone"),
        (("tasks.deadline", "PT1H", "--unset"), 2, "either a value or --unset"),
        (("tasks..deadline", "x"), 2, "no name of a setting"),
        (("tasks.deadline",), 2, "either a value or --unset"),
    ],
)
def test_a_bad_setting_is_refused_and_named(here: Desk, arguments: tuple[str, ...], code: int, words: str) -> None:
    result = here.run("project", "set", *arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert len(here.world.store.documents("demo")) == 1
    assert result.stdout == ""


def test_what_was_saved_in_between_is_not_overwritten(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    store, body = here.world.store, json.dumps(own(here))
    real = store.save_document

    def slow(project: str, text: str, author: str, at: Any, expected: int) -> int:
        real(project, body, "somebody else", at, expected)
        return real(project, text, author, at, expected)

    monkeypatch.setattr(store, "save_document", slow)
    result = here.run("project", "set", "tasks.deadline", "PT3H")
    assert result.exit_code == 1 and "in between" in result.stderr
    assert store.documents("demo")[0].author == "somebody else"


def test_history_and_rollback(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    here.told("project", "set", "tasks.deadline", "PT3H")
    assert here.told("project", "rollback", "1")["changes"] == [{"key": "tasks.deadline", "before": "PT3H", "after": None}]
    told = here.told("project", "history")
    assert [(it["version"], it["author"], it["changed"]) for it in told[:2]] == [(n, "anna", ["tasks.deadline"]) for n in (3, 2)]
    assert here.run("project", "rollback", "9").exit_code == 3


def test_show_tells_own_and_effective_settings(here: Desk) -> None:
    assert here.run("project", "show", "tasks").exit_code == 3
    effective = here.told("project", "show", "tasks", "--effective")["settings"]
    assert effective["tasks.deadline"] == "PT4H"
    assert here.told("project", "show")["settings"] == own(here)
    here.told("project", "set", "tasks.deadline", "PT3H")
    assert here.told("project", "show", "--version", "1")["settings"].get("tasks") is None


def test_the_settings_in_force_are_a_document_again(here: Desk, tmp_path: Path) -> None:
    """Under the names that a document gives them."""
    here.told("project", "set", "working_hours", '{"days": "mon-sat", "from": "10:00", "to": "19:00"}')
    shown = here.told("project", "show", "--effective")["settings"]
    assert shown["working_hours"] == {"days": "mon-sat", "from": "10:00:00", "to": "19:00:00", "holidays": []}
    assert "global" in shown["stickiness"] and "vendor" not in shown


def test_a_file_is_checked_without_a_stack(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from cli.__main__ import app

    good, bad, odd = (tmp_path / name for name in ("good.toml", "bad.toml", "odd.json"))
    good.write_text('[crm]\nvendor = "pipedrive"\n', "utf-8")
    bad.write_text('senior_manager = "nobody"\n[crm]\nvendor = "pipedrive"\n[integration]\nenabled = true\n', "utf-8")
    odd.write_text("[1]", "utf-8")
    paths = (good, bad, odd, tmp_path / "no")
    results = [CliRunner().invoke(app, ["project", "validate", str(path), "--json"]) for path in paths]
    assert [result.exit_code for result in results] == [0, 1, 2, 3]
    assert json.loads(results[0].stdout) == {"valid": True, "findings": []}
    assert "SENIOR_MANAGER_UNKNOWN" in {it["code"] for it in json.loads(results[1].stdout)["findings"]}


def test_a_whole_document_is_applied(here: Desk, other: Path) -> None:
    assert here.told("project", "apply", str(other))["changes"] == [{"key": "tasks.deadline", "before": None, "after": "PT8H"}]


def test_a_secret_is_put_without_being_shown(here: Desk) -> None:
    result = here.run("project", "secret", "mango_key", said="k3y-of-mango\n")
    assert result.exit_code == 0 and "k3y-of-mango" not in result.output
    assert here.world.secrets.get("demo", "mango_key") == "k3y-of-mango"
    assert here.run("project", "secret", "client_key", said="x\n").exit_code == 2
    assert here.run("project", "secret", "no name", said="x\n").exit_code == 2
    assert here.world.secrets.get("demo", "client_key") == "key-of-the-hashes"


# --- webhooks ---


def test_webhooks_need_the_right_secret(here: Desk) -> None:
    assert here.run("webhooks").exit_code == 2
    assert here.run("webhooks", "--secret", "wrong").exit_code == 2
    told = here.told("webhooks", "--secret", SECRET)
    assert f"https://hooks.example/v1/hooks/demo/{SECRET}/ringostat/in/after" in {it["url"] for it in told if it["needed"]}
    assert f"https://hooks.example/v1/routing/demo/{SECRET}" in {it["url"] for it in told}
    here.world.secrets.put("demo", "webhook_secret", SECRET)
    assert here.told("webhooks", "--base", "https://other.example/")[0]["url"].startswith("https://other.example/v1/hooks/")
    assert here.run("webhooks", "--base", "nonsense").exit_code == 2


# --- employees and the CRM ---


def test_employees_are_matched_by_email_and_bound(here: Desk) -> None:
    nora = here.twin.seed_user(name="Nora", email="Nora@Acme.example")
    here.told("project", "set", "employees.nora.email", "nora@acme.example")
    states = {it["employee"]: it["state"] for it in here.told("employees", "match")["employees"]}
    assert states == {"anna": "bound", "boris": "bound", "olena": "bound", "nora": "matched"}
    told = here.told("employees", "match", "--write")
    assert told["version"] == 3
    assert own(here)["employees"]["nora"] == {
        "name": "Nora Bondar", "main_directions": ["sip:acme_nora"], "email": "nora@acme.example", "crm_user": nora,
    }  # fmt: skip
    assert here.told("employees", "match", "--write")["version"] is None


def test_somebody_unmatched_is_told_by_the_exit_code(here: Desk) -> None:
    told = here.told("employees", "match", code=1)
    assert [it["employee"] for it in told["employees"] if it["state"] == "unmatched"] == ["nora"]


def test_doubtful_bindings_are_not_guessed() -> None:
    def user(id: str, email: str, *, active: bool = True) -> User:
        return User(id, id, email, active)

    addresses = {"1": "A@x.example", "2": "twice@x.example", "3": "twice@x.example"}
    users = [*(user(id, email) for id, email in addresses.items()), user("4", "left@x.example", active=False)]
    employees = [
        Employee("matched", email="a@X.example "),
        Employee("two", email="twice@x.example"),
        Employee("left", email="left@x.example"),
        Employee("gone", email="a@x.example", crm_user="4"),
        Employee("differs", email="a@x.example", crm_user="2"),
        Employee("bound", crm_user="2"),
        Employee("away", email="a@x.example", active=False),
    ]
    found = {it.employee: (it.state, it.found) for it in bindings(employees, users)}
    assert found == {
        "matched": ("matched", "1"),
        "two": ("unmatched", None),
        "left": ("unmatched", None),
        "gone": ("gone", "1"),
        "differs": ("differs", "1"),
        "bound": ("bound", "2"),
    }


def test_the_crm_is_checked_and_connected_again(here: Desk) -> None:
    assert here.told("crm", "check") == {"vendor": "pipedrive", "lacks": []}
    now = here.world.clock.now()
    here.world.store.block("demo", "pipedrive", "crm_unauthorised", now)
    assert here.run("dry-run", "events/incoming_call.json").exit_code == 4
    here.told("crm", "check", "--reconnect")
    assert here.run("dry-run", "events/incoming_call.json").exit_code == 0


def test_a_crm_that_refuses_us_is_something_found(here: Desk) -> None:
    here.world.secrets.put("demo", "api_token", "")
    result = here.run("crm", "check")
    assert result.exit_code == 4 and "api_token" in result.stderr


def test_a_crm_that_does_not_answer_is_exit_4(here: Desk) -> None:
    here.twin.misbehave(Fault("status", status=503, times=None))
    for arguments in (("crm", "users"), ("employees", "match"), ("crm", "fields", "lead")):
        result = here.run(*arguments)
        assert (result.exit_code, result.stdout) == (4, "")
        assert "pipedrive" in result.stderr


def test_fields_by_neutral_name_and_by_the_crms_word(here: Desk) -> None:
    assert "patchcord_marker" in {it["name"] for it in here.told("crm", "fields", "contact")}
    assert here.told("crm", "fields", "Contact") == here.told("crm", "fields", "contact")
    settings = here.connection.projects.get("demo").settings  # type: ignore[union-attr]
    words = {"ticket": RecordKind.DEAL, "contact": RecordKind.CONTACT}
    spoken = replace(settings, vendor=replace(settings.vendor, words=words))
    kinds = [kind_of(word, spoken) for word in ("Ticket", "deal", "contact")]
    assert kinds == [RecordKind.DEAL, RecordKind.DEAL, RecordKind.CONTACT]
    assert here.run("crm", "fields", "ticket").exit_code == 2
    assert "anna@acme.example" in {it["email"] for it in here.told("crm", "users")}


# --- the journal ---


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ((), [MISSED, ANSWERED]),
        (("--day", "2026-03-05"), [MISSED, ANSWERED]),
        (("--day", "2026-03-04"), []),
        (("--since", "3"), [MISSED, ANSWERED]),
        (("--since", "2026-03-01"), [MISSED, ANSWERED]),
        (("--situation", "in_missed"), [MISSED]),
        (("--employee", "anna"), [ANSWERED]),
        (("--employee", "boris"), []),
        (("--status", "done"), [MISSED, ANSWERED]),
        (("--status", "failed"), []),
        (("--limit", "1"), [MISSED]),
    ],
)
def test_calls_are_filtered(busy: Desk, filters: tuple[str, ...], found: list[str]) -> None:
    assert [it["call"] for it in busy.told("calls", *filters)] == [f"ringostat:{call}" for call in found]


def test_numbers_are_masked_unless_they_are_asked_for(busy: Desk) -> None:
    for arguments in (("calls",), ("explain", ANSWERED)):
        assert NEW not in busy.run(*arguments).stdout
        assert NEW in busy.run(*arguments, "--numbers").stdout


def test_days_that_are_none(here: Desk) -> None:
    assert here.run("calls", "--day", "yesterday").exit_code == 2
    assert here.run("calls", "--day", "2026-03-05", "--since", "1").exit_code == 2
    assert here.run("calls", "--status", "lost").exit_code == 2


def test_a_call_is_explained(busy: Desk) -> None:
    told = busy.told("explain", f"ringostat:{ANSWERED}")
    assert (told["situation"], told["status"]) == ("in_answered_new", "done")
    assert told["rules"] and told["timeline"]["talked"] == ["anna"] and told["timeline"]["recording"]
    assert [it["what"] for it in told["effects"]] == [
        "create organization", "create contact", "create lead", "completed task: call_log",
    ]  # fmt: skip
    assert all(it["id"] and it["state"] == "done" for it in told["effects"])
    lead = next(it for it in told["effects"] if it["what"] == "create lead")
    assert lead["link"].endswith(lead["id"])
    assert told["now"]["not_in_journal"] == told["now"]["no_longer"] == []
    assert "app.ringostat.com" not in json.dumps(told)  # the recording's address lets anybody in


def test_what_todays_settings_would_do_is_told_apart(busy: Desk) -> None:
    busy.told("project", "set", "rows.in_missed_existing.task", "none")
    told = busy.told("explain", MISSED)
    assert told["now"]["no_longer"] == ["task:callback"]
    assert "With the settings of today" in busy.run("explain", MISSED).stdout


def test_a_refused_write_is_explained_in_the_crms_words(here: Desk) -> None:
    here.twin.misbehave(Fault("status", status=400, method="POST", path="activities", times=None))
    here.world.post("missed", missed(MISSED, REGULAR))
    told = here.told("explain", MISSED, code=1)
    (task,) = told["effects"]
    assert task["state"] == "failed" and task["words"]
    assert [it["call"] for it in here.told("calls", "--status", "failed")] == [f"ringostat:{MISSED}"]
    here.twin.behave()
    assert here.told("retry", MISSED)["status"] == "done"
    assert here.told("explain", MISSED)["effects"][0]["state"] == "done"


def test_answers_of_smart_routing_are_told(here: Desk) -> None:
    here.told("project", "set", "routing.enabled", "true")
    here.world.service.projects.forget()
    here.world.route({"uniqueid": ANSWERED, "caller_number": REGULAR, "dst": "+380442220000"})
    told = here.told("explain", ANSWERED)
    assert [it["route"] for it in told["routing"]] == ["boris"]
    assert "Smart routing" in here.run("explain", ANSWERED).stdout


def test_an_unknown_call_is_exit_3_and_an_ambiguous_one_exit_2(busy: Desk) -> None:
    assert busy.run("explain", "nothing").exit_code == 3
    assert busy.run("retry", "mango:nothing").exit_code == 3
    busy.world.store.accept(CallKey("demo", "mango", ANSWERED), "x", "{}", busy.world.clock.now(), settled=True)
    result = busy.run("explain", ANSWERED)
    assert result.exit_code == 2 and f"ringostat:{ANSWERED}" in result.stderr and f"mango:{ANSWERED}" in result.stderr


# --- trying without writing ---


def test_a_payload_is_tried_and_nothing_is_written(here: Desk) -> None:
    before, asked = here.twin.ledger, len(here.twin.requests)
    told = here.told("dry-run", str(REPOSITORY / "events/incoming_call.json"))
    assert told["situation"] == "in_answered_unknown_employee"
    assert [it["what"] for it in told["effects"]][:2] and all(it["journal"] is None for it in told["effects"])
    assert here.twin.ledger == before and len(here.twin.requests) > asked
    assert here.told("calls") == []
    assert here.world.queue.promised == []


def test_a_bare_body_needs_its_address(here: Desk, tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_text(json.dumps(after_call()), "utf-8")
    assert here.run("dry-run", str(path)).exit_code == 2
    told = here.told("dry-run", str(path), "--as", "in/after")
    assert told["situation"] == "in_answered_new"
    assert {"create lead", "create contact"} <= {it["what"] for it in told["effects"]}
    assert {it["whose"] for it in told["effects"] if it["what"].startswith("create")} == {"anna"}


def test_a_payload_of_a_call_under_way_is_seen_with_what_is_there(here: Desk, tmp_path: Path) -> None:
    here.world.post("in.before", before_call())
    path = tmp_path / "body.json"
    path.write_text(json.dumps(after_call()), "utf-8")
    assert here.told("dry-run", str(path), "--as", "in/after")["situation"] == "in_answered_new"


@pytest.mark.parametrize(
    ("text", "code"),
    [("no json", 2), ("[]", 2), ('{"requestContext": {}, "rawPath": "/v1/recordings/demo/x"}', 2), ('{"uniqueid": ""}', 1)],
)
def test_what_is_no_webhook_is_refused(here: Desk, tmp_path: Path, text: str, code: int) -> None:
    path = tmp_path / "body.json"
    path.write_text(text, "utf-8")
    result = here.run("dry-run", str(path), "--as", "in/after")
    assert (result.exit_code, result.stdout) == (code, "")


def test_a_mango_payload_is_read_too(tmp_path: Path) -> None:
    with desk(telephony={"provider": "mango"}) as here:
        told = here.told("dry-run", str(REPOSITORY / "events/pbx_events.json"))
        assert told["call"].startswith("mango:") and told["situation"] == "in_missed_existing"


def test_a_call_of_the_journal_is_tried_without_asking_the_crm(busy: Desk) -> None:
    asked = len(busy.twin.requests)
    told = busy.told("dry-run", MISSED)
    assert [(it["what"], it["journal"]) for it in told["effects"]] == [("open task: callback", "done")]
    assert len(busy.twin.requests) == asked


def test_two_settings_are_compared_over_the_journal(busy: Desk, tmp_path: Path) -> None:
    other = settings_file(busy, tmp_path, rows={"in_missed_existing": {"task": "none"}})
    told = busy.told("dry-run", "--last", "10", "--settings", str(other))
    assert told["calls"] == 2
    assert [(it["call"], it["removed"]) for it in told["differences"]] == [(f"ringostat:{MISSED}", ["open task: callback"])]
    assert busy.told("dry-run", "--last", "1", "--settings", str(other))["calls"] == 1
    assert busy.told("dry-run", ANSWERED, "--settings", str(other))["with_other_settings"] is None


def test_settings_are_compared_as_if_nothing_were_written_yet(busy: Desk, tmp_path: Path) -> None:
    """What the first settings have made is no reason for an update by the second."""
    tree = own(busy)
    anna = tree["employees"].pop("anna")
    tree["employees"]["boris"]["other_directions"] = anna["main_directions"]
    path = tmp_path / "other.json"
    path.write_text(json.dumps(tree), "utf-8")
    change = busy.told("dry-run", ANSWERED, "--settings", str(path))["with_other_settings"]
    assert change["added"] == change["removed"] == []
    assert "lead: owner anna → boris" in change["changed"]
    told = busy.told("dry-run", "--last", "5", "--settings", str(path))
    assert [(it["call"], it["changed"]) for it in told["differences"]] == [(f"ringostat:{ANSWERED}", change["changed"])]


def test_what_changes_in_an_effect_is_named(busy: Desk, other: Path) -> None:
    told = busy.told("dry-run", MISSED, "--settings", str(other))["with_other_settings"]
    assert told["added"] == told["removed"] == []
    assert told["changed"] == ["task:callback: due_in 4:00:00 → 8:00:00"]


def test_comparing_needs_two_settings(busy: Desk, tmp_path: Path) -> None:
    assert busy.run("dry-run").exit_code == 2
    assert busy.run("dry-run", "--last", "3").exit_code == 2
    bad = settings_file(busy, tmp_path, senior_manager="nobody")
    assert busy.run("dry-run", "--last", "3", "--settings", str(bad)).exit_code == 1


# --- erasing ---


def test_a_client_is_erased_here_and_listed_there(busy: Desk) -> None:
    ledger = busy.twin.ledger
    told = busy.told("erase", "067 123-45-67", "--yes")
    assert (told["calls"], told["known_client"], told["erased"]) == ([f"ringostat:{ANSWERED}"], True, True)
    assert {it["kind"] for it in told["in_crm"]} == {"contact", "lead", "organization"}
    assert all(it["link"].endswith(it["id"]) for it in told["in_crm"])
    store = busy.world.store
    assert store.entry(KEY) is None
    assert store.client("demo", client_key("key-of-the-hashes", NEW)) is None
    assert [it["call"] for it in busy.told("calls")] == [f"ringostat:{MISSED}"]
    assert busy.twin.ledger == ledger
    assert busy.told("erase", NEW, "--yes", "--no-crm")["erased"] is False


def test_what_is_still_promised_for_an_erased_call_comes_to_nothing(busy: Desk) -> None:
    ledger = busy.twin.ledger
    busy.told("erase", NEW, "--yes")
    busy.told("erase", REGULAR, "--yes")
    busy.world.keep_promises()
    assert busy.twin.ledger == ledger and busy.told("calls") == [] and busy.world.queue.buried == []


def test_erasing_asks_first(busy: Desk) -> None:
    assert busy.run("erase", NEW, said="n\n").exit_code == 1
    assert busy.run("erase", NEW, "--json").exit_code == 2
    assert busy.world.store.entry(KEY) is not None
    assert busy.run("erase", NEW, said="y\n").exit_code == 0
    assert busy.world.store.entry(KEY) is None


def test_old_calls_are_found_too(busy: Desk) -> None:
    busy.world.clock.skip(80 * 86400)
    assert busy.told("erase", NEW, "--yes", "--no-crm")["calls"] == [f"ringostat:{ANSWERED}"]


def test_nothing_is_erased_while_somebody_works_for_the_client(busy: Desk) -> None:
    now = busy.world.clock.now()
    held = busy.world.store.claim("demo", client_key("key-of-the-hashes", NEW), "w other call", now, now + timedelta(minutes=1))
    assert isinstance(held, Claim)
    assert busy.run("erase", NEW, "--yes").exit_code == 4
    assert busy.world.store.entry(KEY) is not None


def test_what_is_no_number(here: Desk) -> None:
    result = here.run("erase", "nobody", "--yes")
    assert result.exit_code == 2 and "nobody" not in result.stderr


# --- going on ---


def test_dead_letters_are_sent_back(here: Desk) -> None:
    assert here.told("redrive", "--most", "7") == {"moved": 2}
    assert here.asked == [7]


def test_a_call_that_cannot_be_finished_is_exit_1(here: Desk) -> None:
    here.twin.misbehave(Fault("status", status=503, times=None))
    here.world.post("missed", missed(MISSED, REGULAR))
    told = here.told("retry", MISSED, code=1)
    assert (told["status"], told["reason"], told["effects"]) == ("waiting", "cooling_down", [])
    here.twin.behave()
    here.world.clock.skip(60)
    assert here.told("retry", MISSED)["status"] == "done"
    assert here.told("retry", MISSED)["effects"][0]["state"] == "done"
    assert len(here.twin.writes("task")) == 1


def test_what_the_journal_lacks_is_taken_in(here: Desk) -> None:
    """MANGO and Ringostat as such are tried in tests/integration; here nobody has a key for Ringostat's interface."""
    told = here.told("reconcile", code=1)
    assert (told["status"], told["missing"]) == ("no_list", 0)
    here.world.secrets.put("demo", "ringostat_api_key", "key")
    told = here.told("reconcile", "--since", "2026-03-05T08:00:00+02:00", code=1)
    assert told["status"] == "failed" and "ringostat" in told["reason"]
    assert here.run("reconcile", "--since", "lately").exit_code == 2
    assert here.run("reconcile", "--since", "2026-03-05", "--until", "2026-03-04").exit_code == 2


# --- all of them ---


def test_no_project_and_an_unknown_one(here: Desk) -> None:
    assert here.run("calls", project=None).exit_code == 2
    assert here.run("calls", project="nobody").exit_code == 3
    assert here.run("project", "history", project="nobody").exit_code == 3
    assert here.run("calls", "--project", "no#ne").exit_code == 2


def test_a_project_that_lacks_its_key_says_so(here: Desk) -> None:
    here.world.store.save_document("bare", json.dumps({"crm": {"vendor": "kommo"}}), "x", here.world.clock.now(), 0)
    result = here.run("calls", project="bare")
    assert result.exit_code == 3 and "client_key" in result.stderr


def test_secrets_are_shown_by_nothing_but_webhooks(busy: Desk) -> None:
    busy.world.secrets.put("demo", "webhook_secret", SECRET)
    commands = (("calls",), ("explain", ANSWERED), ("project", "show"), ("project", "show", "--effective"), ("crm", "users"))
    for arguments in commands:
        printed = busy.run(*arguments).output
        assert SECRET not in printed and "twin-api-token" not in printed
    assert secret_hash(SECRET) in busy.run("project", "show").output
