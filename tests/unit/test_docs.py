"""The documents keep up with the code: every setting and code is named, every example is valid, every link leads somewhere."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from patchcord.crm.pipedrive.declaration import DECLARATION, SCOPES
from patchcord.model.settings import RowName, Settings
from patchcord.scenarios import constraints, profiles, texts
from patchcord.scenarios.constraints import PARAMETERS, ROLES, check
from patchcord.scenarios.profiles import InvalidSettings, effective, merge, profile, profile_names

ROOT = Path(__file__).parents[2]
SETTINGS, PIPEDRIVE = ROOT / "docs/settings.md", ROOT / "docs/vendors/pipedrive.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))

IN_THE_DOCUMENT = {
    "everywhere": "global",
    "when": "if",
    "opens": "from",
    "closes": "to",
}
"""Fields that stand under another name in a document."""


@cache
def text(page: Path) -> str:
    return page.read_text("utf-8")


@cache
def named(page: Path) -> frozenset[str]:
    """Everything between single backticks outside code blocks."""
    prose = re.sub(r"^```.*?^```", "", text(page), flags=re.M | re.S)
    return frozenset(re.findall(r"`([^`\n]+)`", prose))


# --- settings


def leaves(owner: type, prefix: str = "") -> Iterator[str]:
    """The settings below a dataclass, dotted as a document writes them."""
    hints = get_type_hints(owner)
    for field in fields(owner):
        place = prefix + IN_THE_DOCUMENT.get(field.name, field.name)
        yield from _below(hints[field.name], place)


def _below(hint: Any, place: str) -> Iterator[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        yield from leaves(hint, f"{place}.")
    elif origin is dict and is_dataclass(arguments[1]):
        yield from _below(arguments[1], f"{place}.<key>")
    elif origin is tuple and is_dataclass(arguments[0]):
        yield from _below(arguments[0], f"{place}[]")
    elif origin is not None and type(None) in arguments and any(is_dataclass(kind) for kind in arguments):
        yield from _below(next(kind for kind in arguments if is_dataclass(kind)), place)
    else:
        yield place


def test_optional_and_repeated_sections_are_looked_into() -> None:
    found = set(leaves(Settings))
    assert {"tasks.deadline", "working_hours.from", "stickiness.global.enabled", "scheme.blocks[].to"} <= found
    assert {"employees.<key>.crm_user", "rows.<key>.task.due_in", "pipelines.rules[].if", "primary_entity"} <= found


@pytest.mark.parametrize("setting", sorted(leaves(Settings)))
def test_every_setting_is_described(setting: str) -> None:
    column = setting.removeprefix("rows.<key>.").removeprefix("task.") if setting.startswith("rows.") else setting
    assert column in named(SETTINGS), f"docs/settings.md does not name `{column}`"


def test_columns_stand_in_tables_of_their_own() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", text(SETTINGS), flags=re.M)
    columns = {name.removeprefix("rows.<key>.") for name in leaves(Settings) if name.startswith("rows.")}
    assert {name for name in columns if not name.startswith("task.")} | {"task"} <= set(rows)
    assert {name.removeprefix("task.") for name in columns if name.startswith("task.")} <= set(rows)
    assert {row.value for row in RowName} <= set(rows)


@pytest.mark.parametrize(
    "words",
    [
        profiles.OTHER_NAMES,
        profiles.COLUMN_NAMES,
        profiles.CREATE_WORDS,
        profile_names(),
        ROLES,
        PARAMETERS,
        texts.LANGUAGES,
    ],
)
def test_every_word_that_can_be_written_is_named(words: Mapping[str, Any] | frozenset[str]) -> None:
    assert set(words) <= named(SETTINGS)


def test_every_short_task_is_written_out() -> None:
    shown = dict(re.findall(r'^\| `"task": "(\w+)"` \| `(\{.*\})` \|$', text(SETTINGS), flags=re.M))
    assert {word: json.loads(meaning) for word, meaning in shown.items()} == dict(profiles.TASK_SHORTHANDS)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_placeholder_of_the_built_in_texts_is_named(language: str) -> None:
    words = texts.words(language)
    templates = [template for part in ("titles", "names") for template in words[part].values()]
    assert {found.group() for template in templates for found in texts.PLACEHOLDER.finditer(template)} <= named(SETTINGS)


@pytest.mark.parametrize("name", profile_names())
def test_the_defaults_per_crm_are_those_of_the_profiles(name: str) -> None:
    tree = profile(name)
    new, missed = tree["rows"]["in_answered_new"], tree["rows"]["in_missed_existing"]["task"]
    made = ", ".join(new.get("create") or ()) or "nothing"
    whom = "no task" if missed == "none" else missed["assignee"]
    row = rf"^\| `{name}` \| {tree['primary_entity']} \| {made}[^|]* \| {new['at']} \| {', '.join(new['log'])} \| {whom} \|$"
    assert re.search(row, text(SETTINGS), flags=re.M), row


# --- what is refused


def codes() -> set[str]:
    """Every code in the modules that make findings: the texts that look like one."""
    modules = [Path(str(module.__file__)) for module in (constraints, profiles)]
    nodes = (node for module in modules for node in ast.walk(ast.parse(text(module))))
    texts_in_code = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {found for found in texts_in_code if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", found)}


def test_every_code_is_explained_and_no_other() -> None:
    refused = text(SETTINGS).split("## What is refused", 1)[1].split("\n## ", 1)[0]
    explained = {code for row in re.findall(r"^\| (`[A-Z].*?) \|", refused, flags=re.M) for code in re.findall(r"[A-Z_]+", row)}
    assert len(explained) > 40
    assert explained == codes()


# --- examples


def examples(page: Path) -> list[dict[str, Any]]:
    return [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", text(page), flags=re.M | re.S)]


@pytest.mark.parametrize(
    "example",
    [example for page in (SETTINGS, PIPEDRIVE) for example in examples(page)],
    ids=lambda example: ",".join(example)[:60],
)
def test_every_example_is_valid(example: dict[str, Any]) -> None:
    """A part of a document is laid over the complete one that comes first."""
    document = example if "crm" in example else merge(examples(SETTINGS)[0], example)
    assert check(effective(document)) == ()


def test_the_first_example_is_complete() -> None:
    settings = effective(examples(SETTINGS)[0])
    assert settings.integration.enabled
    assert settings.senior is not None and settings.senior.known


def test_the_checking_command_names_what_is_wrong(tmp_path: Path) -> None:
    (command,) = re.findall(r"settings\.json <<'PY'\n(.*?)^PY$", text(SETTINGS), flags=re.M | re.S)
    document = tmp_path / "settings.json"
    document.write_text(json.dumps({**examples(SETTINGS)[0], "senior_manager": "nobody"}), "utf-8")
    run = [sys.executable, "-c", command, str(document)]
    told = subprocess.run(run, capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONPATH": "layers/patchcord"})
    assert told.stdout.split()[:3] == ["error", "SENIOR_MANAGER_UNKNOWN", "senior_manager"]


@pytest.mark.parametrize("page", [SETTINGS, PIPEDRIVE])
def test_python_in_the_pages_compiles(page: Path) -> None:
    for command in re.findall(r"<<'PY'\n(.*?)^PY$", text(page), flags=re.M | re.S):
        compile(command, page.name, "exec")


def test_an_example_with_an_error_would_be_found() -> None:
    with pytest.raises(InvalidSettings):
        effective(merge(examples(SETTINGS)[0], {"tasks": {"dead_line": "PT2H"}}))


# --- Pipedrive


def test_pipedrives_page_names_what_the_connector_asks_for() -> None:
    connector = text(ROOT / "layers/patchcord/patchcord/crm/pipedrive/__init__.py")
    options = set(re.findall(r'connection(?:\.get\(|\[)"(\w+)"', connector)) | {"base_url", "activity_task", "activity_call"}
    markers = {f"marker_fields.{word}" for word in DECLARATION.kinds.values() if word != "lead"}
    secrets = set(re.findall(r'needed_secret\([^)]*"(\w+)"\)', connector)) | {"grant"}
    assert {"client_id", "client_secret", "api_token"} <= secrets
    assert options | markers | secrets | set(SCOPES) <= named(PIPEDRIVE)


def test_pipedrives_page_repeats_what_is_assumed() -> None:
    listed = text(PIPEDRIVE).split("## What is assumed", 1)[1]
    told = [" ".join(item.split()) for item in re.findall(r"^- (.*?)(?=^- |\Z)", listed, flags=re.M | re.S)]
    assert told == [re.sub(r" \([\d., ]+\)", "", item) for item in DECLARATION.assumed]


# --- all pages


def anchors(page: Path) -> set[str]:
    """The headings as a link names them."""
    headings = re.findall(r"^#+ (.*)$", text(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> list[tuple[Path, str]]:
    found = ((page, link) for page in (ROOT / "README.md", *PAGES) for link in re.findall(r"\]\(([^)\s]+)\)", text(page)))
    return [(page, link) for page, link in found if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize(("page", "link"), links(), ids=lambda value: value if isinstance(value, str) else value.name)
def test_every_relative_link_leads_somewhere(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.is_file(), f"{page.name} links to {path}"
    assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


MACHINE = re.compile(
    r"""
    (?<![\w.<>}-])/(?:work|home|root|tmp|Users|mnt)/        # a path on somebody's machine
    | [A-Z]:\\\\
    | pypi | index-url | extra-index | registry | artifactory | nexus
    """,
    re.X | re.I,
)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_no_line_names_a_registry_or_a_path_of_one_machine(page: Path) -> None:
    assert [line for line in text(page).splitlines() if MACHINE.search(line)] == []


@pytest.mark.parametrize("line", ["see /work/main", "cd /home/me/patchcord", "pip --index-url x", "from the registry"])
def test_such_a_line_would_be_found(line: str) -> None:
    assert MACHINE.search(line)
