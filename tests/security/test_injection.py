"""Hostile texts, the whole way into each of the twelve CRMs: kept as text, and no look-up finds what it should not.

The twins parse the vendors' query languages (SOQL, SOSL, COQL, OData, JSON filters) and answer what a query asks for, so a
text that got out of its quotes would be refused by the twin or find the stranger's records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from patchcord.model.vendors import VENDORS
from patchcord.scenarios.profiles import effective
from sandbox.twins import twin_class
from sandbox.twins.base import ManualClock, Twin, Write, serve
from tests.harness import START, World, world
from tests.integration.demo import document, missed
from tests.security.stage import SITE

STRANGER = "+380509998877"
TEXTS = {
    "quotes": 'O\'Brien "the" `x` ’y',
    "backslashes": "a\\' OR \\\\ \\u0027 \\",
    "SQL": "x'; DROP TABLE Contact; --",
    "SOQL": "x' OR Phone LIKE '%",
    "SOSL": "x} RETURNING User(Id) ? & | ! { [ ( ) ] ^ ~ * : + - AND OR NOT",
    "COQL": "x' or Mobile is not null or '1' = '1",
    "Zoho's criteria": "x),(Phone:starts_with:3)or(Last_Name:equals:*",
    "OData": "x' or startswith(Number,'3') or ''='",
    "OData's quotes": "''''' eq ''$filter=1 eq 1&$expand=Owner",
    "GraphQL": '"} ) { users { password } } #{',
    "JSON": '","phone":"+380509998877","x":"',
    "a JSON filter": '{"operator":"HAS_PROPERTY","$ne":null}',
    "parameters": "x&phone=%2B380509998877&api_token=1#fragment?y=%00%0d%0a",
    "Bitrix24's batch": "$result[0][ID]&FILTER[>ID]=0&halt=0",
    "a path": "../../users/me/../1;x=y",
    "line ends": "a\r\nX-Injected: 1\r\n\r\nb",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt;",
    "templates": "{{7*7}} ${7*7} #{7*7} <%= 7 %> %s %(name)s {0.__class__}",
    "a formula": "=cmd|' /C calc'!A0",
    "formulas": '@SUM(1) +1 -1 =HYPERLINK("https://evil.example")',
    "right to left": "abc\u202egpj.exe\u2066x\u2069",
    "nothing to see": "Ol\u200be\u200dna\ufeff\u2060",
    "emoji": "Ірина 👩🏽‍🚀 🇺🇦 𝒳",
    "combining": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L",
    "a log line": 'x"}\n{"level":"INFO","message":"event processed","project":"other"}',
    "10,000 letters": "x" * 10_000,
}
NUMBERS = (
    "067' OR '1'='1",
    "%",
    "*",
    "+380509998877' OR Phone LIKE '%",
    "380509998877,380671234567",
    "+380509998877) or (Phone:equals:*",
    "067 123 45 67;ext=5&phone=380509998877",
    "067123456\u202e7",
    "+38067\r\n1234567",
    "1' or startswith(SearchNumber,'3') or '",
    "00000000000",
)
LONGEST_NAME = 200
WORDS = ("utm_source", "utm_medium", "utm_campaign", "client_id")


@dataclass
class Office:
    """The product on a CRM's twin, which has a stranger's records."""

    product: World
    twin: Twin
    stranger: frozenset[tuple[str, str]]

    def submit(self, number: int, text: str, **more: Any) -> list[Write]:
        """A form of a new client in which every field is the text; what was written for it."""
        before = len(self.twin.ledger)
        told = {"phone": phone(number), "name": text, "company": text, "message": text, "utm_source": text, "client_id": text}
        answered = self.product.form({**told, **more}, origin=SITE)
        assert answered["statusCode"] in {200, 202}
        self.product.keep_promises()
        return list(self.twin.ledger[before:])

    def touched(self) -> set[tuple[str, str]]:
        """Every record that something was written to, hung on or linked with."""
        targets = {tuple(target) for write in self.twin.ledger for target in write.fields.get("targets") or ()}
        targets |= {("contact", str(write.fields["contact"])) for write in self.twin.ledger if write.fields.get("contact")}
        return targets | {(write.kind, write.id) for write in self.twin.ledger}


@contextmanager
def office(vendor: str) -> Iterator[Office]:
    twin: Twin = twin_class(vendor)(clock=(clock := ManualClock(START)))
    with serve(twin) as running:
        connection = twin.connection(running.url)
        words = effective({"crm": {"vendor": vendor}}).vendor.words
        kinds = {kind.value: word for word, kind in reversed(words.items())}
        fields = {word: [[name, twin.seed_field(kind, f"patchcord_{name}")] for name in WORDS] for kind, word in kinds.items()}
        forms = {"enabled": True, "origins": [SITE], "per_address_a_minute": 1000}
        base = document(twin, running.url, crm={"vendor": vendor, "options": dict(connection.options)})
        contact = twin.seed_contact(phone=STRANGER, name="Stranger")
        seeded = {("contact", contact)}
        for kind in {"lead", "deal"} & kinds.keys():
            seed = twin.seed_lead if kind == "lead" else twin.seed_deal
            seeded.add((kind, seed(phone=STRANGER, name="Strange", contact=contact)))
        with world({**base, "forms": forms, "fields": {"extra": fields}}, manual=clock, secrets=connection.secrets) as product:
            yield Office(product, twin, frozenset(seeded))


def phone(number: int) -> str:
    return f"+38067{number:07}"


def as_kept(text: str, longest: int) -> str:
    """One line of printable characters, entities read: what docs/forms.md promises."""
    plain = text.replace("&lt;", "<").replace("&gt;", ">")
    return " ".join("".join(char if char.isprintable() else " " for char in plain).split())[:longest]


def is_kept(found: str, text: str, longest: int) -> bool:
    """Whether it is the text; a CRM's own limit may cut a long one."""
    wanted = as_kept(text, longest)
    return found == wanted or (len(wanted) > 60 and len(found) > 50 and wanted.startswith(found.rstrip("… ")))


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_text_stays_a_text_and_no_stranger_is_touched(vendor: str) -> None:
    with office(vendor) as here:
        for number, (what, text) in enumerate(TEXTS.items()):
            written = here.submit(number, text)
            created = [write for write in written if write.do == "create"]
            assert created, what
            assert {write.fields["phone"] for write in created if write.fields.get("phone")} == {phone(number)}, what
            names = [str(write.fields["name"]).removeprefix("Form: ") for write in created if write.kind != "organization"]
            assert all(is_kept(name, text, LONGEST_NAME) for name in names), (what, names)
            (note,) = [write for write in written if write.do in {"note", "log"}]
            (said,) = [line for line in str(note.fields["text"]).splitlines() if line.startswith("name: ")]
            assert is_kept(said.removeprefix("name: "), text, LONGEST_NAME), what
            sources = [write.fields["attribution"]["utm_source"] for write in created if write.fields.get("attribution")]
            assert all(is_kept(source, text, 2000) for source in sources), (what, sources)
        assert not here.touched() & here.stranger
        assert not here.product.queue.buried
        assert all(json.loads(line) for line in here.product.log.getvalue().splitlines() if line)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_lost_answer_is_looked_for_by_what_no_text_can_change(vendor: str) -> None:
    """Where our own record is looked for again, some CRMs are asked by its name: it must find that one and no other."""
    with office(vendor) as here:
        for number, (what, text) in enumerate(TEXTS.items()):
            here.twin.lose_next_write()
            written = here.submit(number, text)
            kinds = [write.kind for write in written if write.do == "create"]
            assert kinds and len(kinds) == len(set(kinds)), what
        assert not here.touched() & here.stranger
        assert not here.product.queue.buried


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_number_is_digits_or_none(vendor: str) -> None:
    """A form with something else is refused; a call is, or has no client. Neither finds the stranger."""
    with office(vendor) as here:
        for order, number in enumerate(NUMBERS):
            assert here.product.form({"phone": number, "name": "x"}, origin=SITE)["statusCode"] in {200, 400}
            called = missed(f"ua1_-1772704800.{order}", caller_number=number)
            assert here.product.post("missed", called)["status_code"] in {200, 202, 400}
        here.product.keep_promises()
        assert not here.touched() & here.stranger
        kept = {str(write.fields["phone"]) for write in here.twin.writes("create") if write.fields.get("phone")}
        assert all(number.removeprefix("+").isascii() and number.removeprefix("+").isdigit() for number in kept)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_stranger_would_be_found_by_his_number(vendor: str) -> None:
    """Without this the tests above would prove nothing."""
    with office(vendor) as here:
        here.product.post("missed", missed(client=STRANGER))
        here.product.keep_promises()
        assert here.touched() & here.stranger
