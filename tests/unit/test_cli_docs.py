"""docs/cli.md: its examples run, in their order, in one world, and print what the page says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli.__main__ import app
from cli.failures import Exit
from tests.harness import REPOSITORY
from tests.unit.cli_world import Desk, desk

PAGE = REPOSITORY / "docs/cli.md"
ANYTHING = "…"


def examples(text: str) -> list[tuple[str, str]]:
    """The commands of the page with what each prints."""
    blocks = re.findall(r"^```console\n(.*?)^```$", text, flags=re.M | re.S)
    found = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.M) if part]
    return [(command, printed) for command, _, printed in (part.partition("\n") for part in found)]


def normal(text: str) -> list[str]:
    """The lines without the spaces that end them, and without empty ones at the end."""
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip().splitlines()


def same(expected: str, printed: str) -> bool:
    """Whether a line is the expected one, `…` being anything but nothing. Spaces between columns do not count: ids vary."""
    pattern = ".+?".join(re.escape(part) for part in re.sub(r"\s+", " ", expected).split(ANYTHING))
    return re.fullmatch(pattern, re.sub(r"\s+", " ", printed)) is not None


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The page's world: two calls, its file other.toml, and events/ of the repository in the current directory."""
    (tmp_path / "events").symlink_to(REPOSITORY / "events")
    (file,) = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.M | re.S)
    (tmp_path / "other.toml").write_text(file, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "anna")
    with desk() as made:
        made.play()
        yield made


def test_the_examples_print_what_the_page_says(at_home: Desk) -> None:
    shown = examples(PAGE.read_text("utf-8"))
    assert len(shown) > 15
    for command, expected in shown:
        name, *arguments = shlex.split(command)
        assert name == "patchcord"
        result = at_home.run(*arguments)
        printed, wanted = normal(result.output), normal(expected)
        pairs = list(zip(wanted, printed, strict=False))
        assert [pair for pair in pairs if not same(*pair)] == [], command
        assert len(wanted) == len(printed), command


def test_another_line_would_be_found() -> None:
    assert same("saved as version …", "saved as version 2")
    assert not same("saved as version …", "stored as version 2")
    assert not same("version …", "version ")


def test_every_command_and_exit_code_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    names = [command.name for command in app.registered_commands]
    for group in app.registered_groups:
        assert isinstance(group.typer_instance, typer.Typer)
        names += [command.name for command in group.typer_instance.registered_commands]
    assert len(names) > 15
    assert [name for name in names if not re.search(rf"(`|\$ |patchcord |crm |project |employees ){name}\b", text)] == []
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", text, flags=re.M)}
    assert told == {code.value for code in Exit} | {130}
