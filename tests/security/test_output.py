"""What the product itself prints: log lines are one object each, HTML is escaped, answers are no pages, nothing is CSV."""

from __future__ import annotations

import ast
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from werkzeug.test import Client

from patchcord.crm.hubspot.writing import to_html
from patchcord.crm.megaplan.writing import note_html as note_of_megaplan
from patchcord.crm.pipedrive.writing import note_html as note_of_pipedrive
from sandbox.journal import calls, page
from tests.harness import REPOSITORY, START
from tests.security.doors import BY_ROUTE, DOORS, SITES, with_told
from tests.security.stage import stage
from tests.security.test_injection import TEXTS

LINK = 'https://records.example/1.mp3?a=1&b="><script>alert(1)</script>'
NOTES: dict[str, Callable[[str], str]] = {
    "pipedrive": lambda text: note_of_pipedrive(text, "pc-1", LINK),
    "hubspot": lambda text: to_html(text, LINK, "Patchcord pc-1"),
    "megaplan": lambda text: note_of_megaplan(text, "pc-1", LINK),
}
"""The CRMs whose notes are HTML; all others get plain text."""
OURS = {"p", "a", "small", "br"}
PAGES = {"html", "head", "meta", "title", "style", "body", "h1", "p", "table", "tr", "td", "th", "br"}


class Tags(HTMLParser):
    """The elements and attributes of a text, and its words."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: dict[str, str | None] = {}
        self.words = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes.update(attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
@pytest.mark.parametrize("vendor", NOTES)
def test_a_note_has_no_markup_but_ours(vendor: str, text: str) -> None:
    line = " ".join(text.split())
    read = Tags(NOTES[vendor](line))
    assert read.found <= OURS
    assert set(read.attributes) <= {"href", "target", "rel"}
    assert read.attributes["href"] == LINK
    assert line in read.words


def test_html_is_made_in_no_other_vendors_module() -> None:
    modules = (REPOSITORY / "layers/patchcord/patchcord/crm").glob("*/writing.py")
    made = {path.parent.name for path in modules if "<p>" in path.read_text("utf-8")}
    assert made == set(NOTES)


def test_the_stands_pages_escape_what_a_client_said() -> None:
    with stage() as here:
        for number, text in enumerate(TEXTS.values()):
            door = with_told(
                BY_ROUTE[f"POST {SITES}"], name=text, message=text, phone=f"+38067{number:07}", submission=f"s{number}"
            )
            assert door.knock(here).status == 200
        journal = page("demo", calls(here.product.store.calls("demo", f"{START:%Y-%m-%d}").entries))
        ledger = Client(here.twin).get("/_twin/").get_data(as_text=True)
        assert Tags(journal).found <= PAGES and "alert(1)" not in journal
        assert Tags(ledger).found <= PAGES and "alert(1)" in Tags(ledger).words


def test_no_door_answers_with_a_page() -> None:
    """A browser that is led to one of our addresses finds nothing that it would run."""
    with stage() as here:
        for door in DOORS:
            for answered in (door.knock(here), door.knock(here, project="<script>alert(1)</script>")):
                assert "html" not in answered.headers.get("content-type", "text/plain")
                assert "alert(1)" not in answered.body


def test_log_lines_are_one_object_each_whatever_is_said() -> None:
    with stage() as here:
        for door in DOORS:
            for text in ("\n{}\n", TEXTS["a log line"], "\u2028x\u2029", "\x1b[31mred"):
                for field in door.told or {}:
                    with_told(door, **{field: text}).knock(here)
        assert all(isinstance(record, dict) for record in here.records())
        assert not any(character in here.log for character in "\x1b\u2028\u2029\r")


def test_nothing_is_exported_as_csv() -> None:
    """Were it, cells would have to be guarded against formulas."""
    sources = [path for folder in ("layers", "cli", "functions") for path in (REPOSITORY / folder).rglob("*.py")]
    imported = {
        name.name
        for path in sources
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert "json" in imported and "csv" not in imported
    assert not [path for path in sources if "text/csv" in path.read_text("utf-8")]
