"""Secrets: compared in constant time, kept in the parameter store alone, shown and logged nowhere."""

from __future__ import annotations

import ast
import hmac
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patchcord.model.vendors import VENDORS
from patchcord.scenarios.constraints import SECRET_OPTIONS
from patchcord.scenarios.profiles import InvalidSettings
from patchcord.service.projects import CLIENT_KEY, save
from patchcord.store.memory import MemoryStore
from patchcord.store.secrets import ParameterSecrets
from sandbox.twins import twin_class
from tests.harness import MANGO_KEY, REPOSITORY, START
from tests.security.doors import BY_ROUTE, KEYED, MANGO, Door, name, signed
from tests.security.stage import SECRETS, Stage, stage
from tests.unit.test_template import functions, template

PRODUCT = REPOSITORY / "layers/patchcord/patchcord"
SECRET_LIKE = re.compile(r"secret|token|signature|^sign$|seal|password|salt|digest|api_key", re.I)
OUR_OWN = {
    "crm/bitrix24/access.py": "which of our own two webhooks a request was signed with",
    "crm/grants.py": "our own token against our own: has another worker refreshed it?",
    "crm/hubspot/__init__.py": "the name of a way to sign in",
    "crm/kommo/__init__.py": "the name of a way to sign in",
    "crm/pipedrive/__init__.py": "the name of a way to sign in",
    "service/links.py": "the offered token against its own bytes written anew",
    "telephony/form_fields.py": "names of fields that are never stored",
    "telephony/ringostat/fields.py": "names of fields that are never stored",
    "scenarios/constraints.py": "names of settings",
    "wire.py": "names of fields that are masked",
}
"""Files where `==` or `in` stands beside such a word, and why nobody outside learns from its time."""
LITERAL = re.compile(r"(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{24,}")


@pytest.fixture(scope="module")
def here() -> Iterator[Stage]:
    with stage() as opened:
        yield opened


# --- constant time ---


def words_of(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.Constant(value=str(word)):
                yield word


def compared(source: str) -> bool:
    """Whether something that is called like a secret is compared with `==` or `in`."""
    plain = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
    compares = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Compare))
    return any(
        any(isinstance(operator, plain) for operator in node.ops) and any(map(SECRET_LIKE.search, words_of(node)))
        for node in compares
    )


def test_nothing_that_is_offered_is_compared_letter_by_letter() -> None:
    files = {path.relative_to(PRODUCT).as_posix() for path in PRODUCT.rglob("*.py") if compared(path.read_text("utf-8"))}
    assert files == set(OUR_OWN)


@pytest.mark.parametrize("source", ["offered == project.secret", "token in known", "a['api_key'] != b"])
def test_such_a_comparison_would_be_found(source: str) -> None:
    assert compared(source)


@pytest.mark.parametrize("door", [door for door in KEYED if MANGO not in door.route or door.reads], ids=name)
@pytest.mark.parametrize("offered", ["", "x", "x" * 36])
def test_a_door_compares_in_constant_time(here: Stage, monkeypatch: pytest.MonkeyPatch, door: Door, offered: str) -> None:
    """Also what is far too short: how it is refused tells nothing."""
    asked: list[int] = []
    real = hmac.compare_digest

    def noted(left: Any, right: Any) -> bool:
        asked.append(len(left))
        assert len(left) == len(right)
        return real(left, right)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    if door.key == "token":
        sealed = door.place["token"]
        assert door.knock(here, token=("B" if sealed[0] == "A" else "A") + sealed[1:]).status == 404
    else:
        assert door.knock(here, secret=offered or "-").status == 404
    assert asked


def test_mangos_signature_too(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = hmac.compare_digest

    def noted(left: Any, right: Any) -> bool:
        asked.append(len(left))
        return real(left, right)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    assert BY_ROUTE[f"POST {MANGO}"].knock(here, body=signed("{}", salt="wrong")).status == 403
    assert asked == [64, len(MANGO_KEY), 64]  # the address, the account's key, the signature


# --- where they are kept ---


def literals(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from literals(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from literals(value)
    elif isinstance(tree, str):
        yield tree


def test_the_template_holds_no_secret() -> None:
    """Neither parameters nor variables: whoever may read a function's settings reads nothing that opens anything."""
    variables = {name for it in functions().values() for name in it["Environment"]["Variables"]}
    names = {*variables, *template()["Parameters"]}
    assert not [name for name in names if SECRET_LIKE.search(name) or name.upper().endswith("KEY")]
    assert not [text for text in literals([template()["Parameters"], template()["Globals"]]) if LITERAL.fullmatch(text)]
    assert not [name for name, it in template()["Parameters"].items() if it.get("NoEcho")]


def test_no_file_of_ours_holds_a_key() -> None:
    """The marks by which keys of AWS, of Git hosts and of certificates are known; those of tests are made up and say so."""
    marks = re.compile(r"AKIA[0-9A-Z]{16}|ghp_\w{36}|xox[bp]-\d|-----BEGIN [A-Z ]*PRIVATE KEY|eyJhbGciOi\w{20}\.eyJ")
    files = [path for sort in ("*.py", "*.md", "*.json", "*.yaml", "*.toml", "*.txt") for path in REPOSITORY.rglob(sort)]
    own = [path for path in files if not {".venv", ".venv-sam", ".aws-sam", "build", ".git"} & set(path.parts)]
    assert not [path for path in own if marks.search(path.read_text("utf-8", errors="replace"))]
    assert len(own) > 400


class Parameters:
    """What the parameter store was asked to write."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def put_parameter(self, **told: Any) -> dict[str, Any]:
        self.written.append(told)
        return {"Version": 1}


def test_a_secret_is_written_encrypted() -> None:
    store = Parameters()
    ParameterSecrets("/patchcord/test", client=store).put("acme", "api_token", "x")  # type: ignore[arg-type]
    (told,) = store.written
    assert (told["Name"], told["Type"]) == ("/patchcord/test/acme/api_token", "SecureString")


@pytest.mark.parametrize("options", [{"api_token": "x"}, {"PASSWORD": "x"}, {"base_url": "https://u:p@crm.example"},
                                     {"base_url": "https://acme.bitrix24.eu/rest/1/k3y0fthehook/"}])  # fmt: skip
def test_settings_take_no_secret(options: dict[str, str]) -> None:
    """They are shown, copied, and kept in every version."""
    store = MemoryStore()
    with pytest.raises(InvalidSettings) as refused:
        save(store, "acme", {"crm": {"vendor": "pipedrive", "options": options}}, "test", START)
    assert [finding.code for finding in refused.value.findings] == ["SECRET_IN_SETTINGS"]
    assert not [value for value in options.values() if len(value) > 1 and value in str(refused.value)]
    assert store.document("acme") is None


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_vendor_calls_an_option_like_a_secret(vendor: str) -> None:
    given = twin_class(vendor)(clock=lambda: START).connection("https://crm.example")
    assert not SECRET_OPTIONS & {option.lower() for option in given.options}
    assert given.secrets


@pytest.mark.parametrize("secret", ["telephony.secrets", "click_to_call.secrets"])
def test_settings_keep_hashes_of_the_addresses_secrets(secret: str) -> None:
    section, _, field = secret.partition(".")
    document = {"crm": {"vendor": "pipedrive"}, section: {field: ["s3cret-in-clear-0123456789"]}}
    with pytest.raises(InvalidSettings):
        save(MemoryStore(), "acme", document, "test", START)


def test_a_project_that_lacks_a_secret_says_which_and_no_value(here: Stage) -> None:
    with stage() as fresh:
        fresh.product.secrets._values.pop(("demo", CLIENT_KEY))
        answers = [door.knock(fresh) for door in KEYED if door.place["project"] == "demo"]
        assert {answered.status for answered in answers} == {503}
        assert not [value for value in SECRETS if value in fresh.log]
        assert all("client_key" not in answered.body for answered in answers)
        assert any(record.get("secret") == CLIENT_KEY for record in fresh.records())


def test_the_sources_of_these_tests_exist() -> None:
    assert all((PRODUCT / path).is_file() for path in OUR_OWN)
    assert Path(REPOSITORY / "template.yaml").is_file()
