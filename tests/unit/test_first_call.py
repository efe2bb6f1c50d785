"""docs/first-call-*.md: whoever types what the page says gets what the page says, up to the first call in the CRM."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from cli.connection import Connection
from cli.webhooks import SECRET
from sandbox.player.delivery import FORM, Delivery, Person
from sandbox.player.mango import Account, MangoCall
from sandbox.player.ringostat import ScriptedCall
from sandbox.twins import twin_class
from sandbox.twins.base import ManualClock, Twin, serve
from tests.harness import MANGO_KEY, MANGO_SALT, REPOSITORY, START, Context, function, http_event, world
from tests.unit.cli_world import BASE, Desk
from tests.unit.test_cli_docs import ANYTHING, examples, normal, same

PROJECT = "acme"
NOW_CALL = "**Now call**"
"""Where a page has its reader call: what comes before is typed before."""
ANNA = Person("acme_anna", "331851", "Anna Koval", "101")
ACCOUNT = Account(MANGO_KEY, MANGO_SALT)


@dataclass(frozen=True)
class Guide:
    """A page, its CRM with the address that the page gives it, and its first call as the telephony tells of it."""

    page: Path
    vendor: str
    crm: str
    call: ScriptedCall | MangoCall


GUIDES = (
    Guide(
        REPOSITORY / "docs/first-call-ringostat.md",
        "pipedrive",
        "https://acme.pipedrive.com",
        ScriptedCall(
            start=START, client="+380631234567", line="+380442220000", people=(ANNA,), talk=95, steps=("answer", "after")
        ),
    ),
    Guide(
        REPOSITORY / "docs/first-call-mango.md",
        "megaplan",
        "https://acme.megaplan.ru",
        MangoCall(start=START, client="+79161234567", line="+74952220000", people=(ANNA,), talk=95, account=ACCOUNT),
    ),
)


@dataclass
class Reader:
    """Somebody who follows a page: what he types, and what he calls. `known` are the secrets he has been given by others."""

    desk: Desk
    url: str
    guide: Guide
    known: Mapping[str, str]
    shell: list[str] = field(default_factory=list)

    def types(self, command: str) -> str:
        """A command of the page; what it prints, the twin's address being the CRM's."""
        command = command.replace(self.guide.crm, self.url)
        if not command.startswith("patchcord "):
            return self._asks_the_shell(command)
        return self._patchcord(shlex.split(command)[1:]).replace(self.url, self.guide.crm)

    def _patchcord(self, arguments: list[str]) -> str:
        said = "".join(f"{self.known[name]}\n" for name in arguments if name in self.known)
        result = self.desk.run(*arguments, said=said, project=PROJECT)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.output

    def _asks_the_shell(self, command: str) -> str:
        """What the shell makes of it: variables stay for what is typed later, and `curl` posts to the functions."""
        seconds = int(self.desk.world.clock.now().timestamp())
        own = f"curl() {{ printf '%s\\0' \"$@\"; }}; date() {{ echo {seconds}; }}; key={MANGO_KEY} salt={MANGO_SALT}"
        self.shell.append(command)
        run = subprocess.run(["sh", "-eu"], input="\n".join([own, *self.shell]), capture_output=True, text=True, timeout=20,
                             check=True)  # fmt: skip
        if not run.stdout:
            return ""
        self.shell.pop()
        return self._curl(run.stdout.removesuffix("\0").split("\0"))

    def _curl(self, arguments: list[str]) -> str:
        """`curl -s`, then `-d` or `--data-urlencode` with what is sent, then the address."""
        quiet, *options, address = arguments
        assert quiet == "-s"
        parts = []
        for name, value in zip(options[::2], options[1::2], strict=True):
            assert name in {"-d", "--data-urlencode"}
            field_name, _, text = value.partition("=")
            parts.append(value if name == "-d" else urlencode({field_name: text}))
        told = self.delivers(address.replace(ANYTHING, self.hook), "&".join(parts).encode(), {"content-type": FORM})[1]
        self.desk.world.keep_promises()
        return told

    @property
    def hook(self) -> str:
        """The secret of the webhooks' addresses, which the page cannot know."""
        kept = self.desk.connection.secrets.get(PROJECT, SECRET)
        assert kept is not None
        return kept

    def delivers(self, address: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """A POST to an address of the project, as API Gateway hands it to the function."""
        assert address.startswith(f"{BASE}/v1/hooks/")
        _, _, project, secret, provider, *rest = urlsplit(address).path.removeprefix("/").split("/")
        path = {"project": project, "secret": secret}
        name, more = ("pbx_events", {"path": "/".join(rest)}) if provider == "mango" else _ringostat(*rest)
        answer = function(name).handler(http_event("POST", path | more, body=body, headers=headers), Context())
        return answer["statusCode"], answer["body"]

    def calls(self) -> None:
        """A client rings and Anna answers; every event comes at its time, and all promises are kept."""
        clock = self.desk.world.clock
        clock.skip(60)  # settings act within a minute
        call: ScriptedCall | MangoCall = replace(self.guide.call, start=clock.now())
        for delivery in call.deliveries():
            clock.skip(max(timedelta(0), delivery.at - clock.now()).total_seconds())
            status, told = self.delivers(self._address(delivery), delivery.body, delivery.headers)
            assert status in {200, 202}, told
        self.desk.world.keep_promises()

    def _address(self, delivery: Delivery) -> str:
        return f"{BASE}/v1/hooks/{PROJECT}/{self.hook}/{delivery.path}"


def _ringostat(way: str, moment: str) -> tuple[str, dict[str, str]]:
    return {"in": "incoming_call", "out": "outgoing_call"}[way], {"moment": moment}


@contextmanager
def reader(guide: Guide) -> Iterator[Reader]:
    """Whoever has just deployed the stack: no project, a CRM with two users, an account at the telephony."""
    manual = ManualClock(START)
    with serve(twin_class(guide.vendor)(clock=manual)) as running:
        twin: Twin = running.twin
        for name in ("Anna Koval", "Olena Savchuk"):
            twin.seed_user(name=name, email=f"{name.split()[0].lower()}@acme.example")
        own = twin.connection(running.url)
        with world({"crm": {"vendor": guide.vendor}}, manual=manual) as product:
            connection = Connection(product.store, product.queue, product.secrets, lambda most: 0, product.clock,
                                    product.deadlines, BASE)  # fmt: skip
            known = {**own.secrets, "mango_key": MANGO_KEY, "mango_salt": MANGO_SALT}
            yield Reader(Desk(product, twin, connection), running.url, guide, known)


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real telephony or CRM is asked: the pages name real ones."""
    looked_up = socket.getaddrinfo

    def only_here(host: str | None, *more: Any, **options: Any) -> Any:
        assert host in {None, "127.0.0.1", "localhost"}, f"{host} was to be asked"
        return looked_up(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)


def printed_so(expected: list[str], printed: list[str]) -> bool:
    """Whether lines are the expected ones, a line `…` being any number of lines that the page leaves out."""
    if ANYTHING not in expected:
        return len(expected) == len(printed) and all(map(same, expected, printed))
    place = expected.index(ANYTHING)
    head, rest = expected[:place], expected[place + 1 :]
    if not printed_so(head, printed[:place]):
        return False
    return any(printed_so(rest, printed[begin:]) for begin in range(place, len(printed) + 1))


def shown(page: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The sessions of a page before the call and after it; a command may go over lines that end with a backslash."""
    before, after = page.replace("\\\n", " ").split(NOW_CALL)
    return examples(before), examples(after)


@pytest.mark.skipif(not (shutil.which("sh") and shutil.which("openssl")), reason="what the pages type needs a shell and openssl")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.page.stem)
def test_a_newcomer_gets_from_nothing_to_the_first_call(guide: Guide) -> None:
    before, after = shown(guide.page.read_text("utf-8"))
    assert len(before) > 8 and len(after) > 3
    with reader(guide) as somebody:
        for command, expected in before:
            assert_printed(somebody, command, expected)
        assert not somebody.desk.twin.ledger
        somebody.calls()
        assert {write.do for write in somebody.desk.twin.ledger} >= {"create"}
        for command, expected in after:
            assert_printed(somebody, command, expected)


def assert_printed(somebody: Reader, command: str, expected: str) -> None:
    printed = normal(somebody.types(command))
    assert printed_so(normal(expected), printed), "\n".join([command, *printed])


def made(somebody: Reader) -> list[str]:
    """The project, by the page's own first command; what it says is next."""
    command, _ = shown(somebody.guide.page.read_text("utf-8"))[0][0]
    assert command.startswith("patchcord project init ")
    return somebody.types(command).split("What is next\n")[1].splitlines()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.page.stem)
def test_what_init_says_is_next_can_be_typed(guide: Guide) -> None:
    with reader(guide) as somebody:
        steps = [step.split(": ", 1)[1] for step in made(somebody)]
        assert len(steps) >= 5
        for command in steps:
            filled = command.replace("anna@…", "anna@acme.example").replace("sip:…", "sip:acme_anna")
            somebody.types(filled)
        project = somebody.desk.connection.projects.get(PROJECT)
        assert project is not None and project.settings.integration.enabled


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.page.stem)
def test_what_the_page_says_of_a_call_that_does_not_arrive(guide: Guide) -> None:
    """The rows of its table, on a project that is not switched on."""
    with reader(guide) as somebody:
        made(somebody)
        for name in ("mango_key", "mango_salt"):
            somebody.desk.connection.secrets.put(PROJECT, name, somebody.known[name])
        delivery = guide.call.deliveries()[-1]
        address = f"{BASE}/v1/hooks/{PROJECT}/{somebody.hook}/{delivery.path}"
        strange = address.replace(somebody.hook, "another")
        nothing = ACCOUNT.signed("{}") if isinstance(guide.call, MangoCall) else b"caller_number=1"
        tried = [(strange, delivery.body), (address.replace(PROJECT, "acne"), delivery.body), (address, nothing)]
        statuses = [somebody.delivers(place, body, {"content-type": FORM})[0] for place, body in tried]
        assert statuses == [404, 404, 400]
        if isinstance(guide.call, MangoCall):
            unsigned = guide.call.deliveries("signature")[-1].body
            assert somebody.delivers(address, unsigned, delivery.headers)[0] == 403
            assert "webhook refused" in somebody.desk.world.log.getvalue()
        assert "0 calls" in somebody.types("patchcord calls")
        somebody.calls()
        assert "ignored: integration_off" in somebody.types("patchcord calls")
        assert not somebody.desk.twin.ledger
        told = guide.page.read_text("utf-8")
        assert all(f"| `{word}`" in told for word in ("404", "400", "ignored: integration_off"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.page.stem)
def test_the_page_knows_what_opens_the_stands_crm(guide: Guide) -> None:
    named = guide.page.read_text("utf-8")
    assert [
        value for value in twin_class(guide.vendor)().connection(guide.crm).secrets.values() if f"`{value}`" not in named
    ] == []


def test_settings_that_have_become_wrong_are_found() -> None:
    with reader(GUIDES[0]) as somebody:
        made(somebody)
        store = somebody.desk.connection.store
        document = store.document(PROJECT)
        assert document is not None
        store.save_document(PROJECT, document.body.replace('"crm"', '"senior_manager": "nobody", "crm"', 1), "test", START, 1)
        told = somebody.desk.told("project", "validate", code=1, project=PROJECT)
        assert [it["code"] for it in told["findings"]] == ["SENIOR_MANAGER_UNKNOWN"]


def test_another_output_would_be_found() -> None:
    assert printed_so(["a", "…", "d", "…"], ["a", "b", "c", "d"])
    assert not printed_so(["a", "…", "d"], ["a", "b", "c"])
    assert not printed_so(["a", "…"], ["b", "a"])
    assert not printed_so(["a"], ["a", "b"])
    assert not printed_so(["…", "b"], ["b", "a"])
