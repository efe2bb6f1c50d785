"""Parts of the command line by themselves: documents as trees, a CRM that cannot be written to, how a command ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from cli.connection import Connection
from cli.failures import Exit, Failure
from cli.frame import ended
from cli.journal import days
from cli.output import Answer
from cli.read_only import ReadOnly, WriteRefused
from cli.tree import Difference, differences, flat, typed, with_value, without
from patchcord.crm.errors import Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.port import CallDraft, Change, Search, TaskDraft, Written
from patchcord.model.effects import LogKind, TaskKind
from patchcord.model.phone import read_phone
from patchcord.model.records import RecordKind, Ref
from patchcord.service.projects import IncompleteProject
from patchcord.store.port import ClaimLost, VersionConflict
from patchcord.telephony.errors import Unavailable
from tests.harness import REPOSITORY
from tests.unit.cli_world import REGULAR, desk

# --- documents


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("3", 3),
        ('["a", "b"]', ["a", "b"]),
        ("{a = 1}", {"a": 1}),
        ("PT3H", "PT3H"),
        ("+380441234567", "+380441234567"),
        ("two\nlines", "two\nlines"),
        ('"3"', "3"),
        ("null", None),
    ],
)
def test_values_as_they_are_typed(text: str, value: object) -> None:
    found = typed(text)
    assert (found, type(found)) == (value, type(value))


def test_a_number_of_a_telephone_stays_a_text() -> None:
    assert typed('"380441234567"') == "380441234567"


def test_values_are_put_and_taken_out_without_touching_the_rest() -> None:
    tree = {"a": {"b": 1, "c": 2}, "x.y": 3}
    assert with_value(tree, "a.b", 5) == {"a": {"b": 5, "c": 2}, "x.y": 3}
    assert with_value(tree, "new.deep.er", 1)["new"] == {"deep": {"er": 1}}
    assert with_value(tree, "x.y", 4) == {"a": {"b": 1, "c": 2}, "x": {"y": 4}}
    assert without(tree, "x.y") == {"a": {"b": 1, "c": 2}}
    assert without(without(tree, "a.b"), "a.c") == {"x.y": 3}
    assert tree == {"a": {"b": 1, "c": 2}, "x.y": 3}


@pytest.mark.parametrize("key", ["", ".", "a.", "a..b", "a.b.c"])
def test_keys_that_name_no_setting(key: str) -> None:
    with pytest.raises(Failure):
        with_value({"a": {"b": 1}}, key, 2)


def test_what_differs_between_two_documents() -> None:
    before, after = {"a": {"b": 1, "c": {}}, "d": [1]}, {"a": {"b": 2}, "d": [1], "e": 0}
    assert differences(before, after) == [Difference("a.b", 1, 2), Difference("a.c", {}, None), Difference("e", None, 0)]
    assert flat(before) == {"a.b": 1, "a.c": {}, "d": [1]}


def test_days_go_back() -> None:
    assert days(date(2026, 2, 27), date(2026, 3, 1)) == ["2026-03-01", "2026-02-28", "2026-02-27"]


# --- a CRM that cannot be written to

LEAD = Ref(RecordKind.LEAD, "1")
TASK = TaskDraft(marker="m", kind=TaskKind.CALLBACK, title="", text="", completed=False, assignee=None, targets=())


def writes(crm: ReadOnly, call: CallDraft) -> dict[str, Callable[[], object]]:
    return {
        "create": lambda: crm.create(()),
        "update": lambda: crm.update(LEAD, Change(owner="1")),
        "create_task": lambda: crm.create_task(TASK),
        "complete_task": lambda: crm.complete_task("1"),
        "assign_task": lambda: crm.assign_task("1", "2"),
        "log_call": lambda: crm.log_call(call),
        "add_note": lambda: crm.add_note((LEAD,), "text", "m"),
        "add_recording": lambda: crm.add_recording(Written.TASK, "1", "https://x.example"),
    }


def test_questions_go_through_and_writes_do_not() -> None:
    with desk() as here:
        project = here.connection.projects.get("demo")
        assert project is not None
        real = here.connection.projects.crm(project)
        crm = ReadOnly(real)
        call: Any = LogKind.CALL
        asked = len(here.twin.requests)
        for name, write in writes(crm, call).items():
            with pytest.raises(WriteRefused, match=f"^{name} would write"):
                write()
        assert len(here.twin.requests) == asked
        assert {record.kind for record in crm.find(read_phone(REGULAR, "UA"), Search("UA"))} == {
            RecordKind.CONTACT,
            RecordKind.LEAD,
        }
        assert crm.users() == real.users() and crm.fields(RecordKind.LEAD) == real.fields(RecordKind.LEAD)
        assert crm.check() == () and crm.link(LEAD) == real.link(LEAD) and crm.http is real.http


def test_every_method_of_the_port_is_decided_upon() -> None:
    """A new method of the port must be let through or refused on purpose."""
    from patchcord.crm.port import Crm

    methods = {name for name in vars(Crm) if not name.startswith("_")} - {"declaration"}
    assert methods <= vars(ReadOnly).keys()


# --- how a command ends


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Failure("no", code=Exit.FOUND), 1),
        (VersionConflict("demo", 1), 1),
        (IncompleteProject("demo", "client_key"), 3),
        (Transient("kommo", "find", "503"), 4),
        (Unauthorised("kommo", "find"), 4),
        (Misconfigured("kommo", "connect", "a scope"), 4),
        (Rejected("kommo", "find", "no"), 4),
        (Unavailable("mango", "users", "busy"), 4),
        (ClaimLost("demo", "hash"), 4),
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Query"), 4),
        (NoCredentialsError(), 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_whatever_goes_wrong_is_told_on_stderr_with_its_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> Answer:
        raise error

    assert ended(work, as_json=True) == code
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("patchcord: ")


def test_something_wrong_is_an_exit_code_and_still_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(lambda: Answer({"a": "є"}, wrong=True), as_json=True) == Exit.FOUND
    assert capsys.readouterr().out == '{\n  "a": "є"\n}\n'


def test_ctrl_c_is_130() -> None:
    with desk() as here:

        def stopped(*_: Any, **__: Any) -> Any:
            raise KeyboardInterrupt

        store: Any = here.connection.store
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "calls", stopped)
            assert here.run("calls").exit_code == 130


def test_the_shell_completes_commands() -> None:
    variables = {"_PATCHCORD_COMPLETE": "complete_bash", "COMP_WORDS": "patchcord project ", "COMP_CWORD": "2"}
    run = subprocess.run(
        [str(REPOSITORY / "bin/patchcord")], capture_output=True, text=True, check=False, env=os.environ | variables, timeout=60
    )
    assert {"init", "show", "set", "validate", "history", "rollback"} <= set(run.stdout.split())


def test_a_connection_is_made_once() -> None:
    with desk() as here:
        connection: Connection = here.connection
        assert connection.projects is connection.projects and connection.performer is connection.performer
