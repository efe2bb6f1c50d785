"""docs/forms.md keeps up with the code: its example is valid, its snippet is understood, its names exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from patchcord.model.settings import Forms
from patchcord.scenarios.constraints import check
from patchcord.scenarios.profiles import effective, merge
from patchcord.telephony.form_fields import FORM
from patchcord.telephony.port import HttpRequest, Reading
from patchcord.telephony.site import read_dispatch, read_form
from tests.unit.test_forms import NOW

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/forms.md").read_text("utf-8")
KYIV = Reading("UA", "Europe/Kyiv")


def block(language: str) -> str:
    (found,) = re.findall(rf"^ *```{language}\n(.*?)^ *```", PAGE, flags=re.M | re.S)
    return str(found)


def test_the_settings_are_valid() -> None:
    (first, *_) = re.findall(r"^```json\n(.*?)^```", (ROOT / "docs/settings.md").read_text("utf-8"), flags=re.M | re.S)
    assert check(effective(merge(json.loads(first), json.loads(block("json"))))) == ()


def test_the_snippet_sends_what_is_understood() -> None:
    names = re.findall(r'name="(\w+)"', block("html"))
    assert Forms().honeypot in names
    sent = {name: {"phone": "067 123 45 67", "email": "a@b.example"}.get(name, "x") for name in names if name != Forms().honeypot}
    body = json.dumps({**sent, "submission": "7", "landing": "https://acme.example/"}).encode()
    request = HttpRequest("POST", NOW, headers={"content-type": "application/json"}, body=body)
    event, trapped = read_form(request, "callback", KYIV, Forms().honeypot)
    assert not trapped
    assert (event.call, event.client, event.person_name, event.person_email) == (
        "form:callback:7",
        "+380671234567",
        "x",
        "a@b.example",
    )
    assert event.form == {"form": "callback", "message": "x"}
    assert event.attribution == {"landing": "https://acme.example/"}


def test_the_button_of_the_page_works() -> None:
    (body,) = re.findall(r"-d '(\{.*?\})'", block("sh"))
    event = read_dispatch(HttpRequest("POST", NOW, body=body.encode()), KYIV, {})
    assert (event.client, event.call) == ("+380671234567", "dialogue:5f0c9a")


@pytest.mark.parametrize("row", re.findall(r"^\| (`(?:phone|name|email|company|client_id)`.*?) \| (.*?) \|$", PAGE, flags=re.M))
def test_other_names_are_those_of_the_code(row: tuple[str, str]) -> None:
    names, others = (set(re.findall(r"`([^`]+)`", cell)) for cell in row)
    wanted = {*names, *({"first_name", "last_name"} if "name" in names else ())}
    assert others <= {alias for name in wanted for alias in FORM[name]}
