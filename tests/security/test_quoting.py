"""Whatever a text is, quoted it is one literal: the twins' own readers of SOQL, COQL and OData give it back unchanged.

No client's text reaches a query today, only digits, ids and our markers (test_injection.py). This holds when one does.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchcord.crm.creatio import queries as creatio
from patchcord.crm.salesforce import queries as salesforce
from patchcord.crm.zoho_crm import queries as zoho
from patchcord.wire import segment
from sandbox.twins.creatio.odata import _tokens
from sandbox.twins.salesforce.soql import Compared, Literal, read
from sandbox.twins.zoho_crm.coql import Reader
from tests.security.test_injection import TEXTS

LETTERS = "ab'\"\\`%_()=,;&|+#?/$ \n\r\t\0\x1fé€😀-"
HOSTILE = st.text(st.sampled_from(LETTERS), max_size=30) | st.text(max_size=30) | st.sampled_from(list(TEXTS.values()))
SURE = settings(max_examples=300, derandomize=True, database=None, deadline=None)


@SURE
@given(text=HOSTILE)
@example(text="\\")
@example(text="\\'")
def test_soql(text: str) -> None:
    kept = "".join(char for char in text if char >= " " or char in "\n\r\t\b\f")
    query = read(salesforce.select(("Id",), "Contact", f"Name={salesforce.quoted(text)}", "LIMIT 1"))
    assert (query.where, query.limit) == (Compared("Name", "=", (Literal(kept),)), 1)


@SURE
@given(text=HOSTILE)
@example(text="\\")
@example(text="\\'")
def test_coql(text: str) -> None:
    *before, literal, limit, one = Reader._split(f"select id from Leads where Name = {zoho.quoted(text)} limit 1")
    assert (before, limit, one) == (["select", "id", "from", "Leads", "where", "Name", "="], "limit", "1")
    assert re.sub(r"\\(.)", r"\1", literal[1:-1], flags=re.S) == text


@SURE
@given(text=HOSTILE)
def test_odata_and_its_address(text: str) -> None:
    """Also once it stands in an address: no option is added, none is cut off."""
    asked = creatio.asking("Contact", filter=f"Name eq {creatio.quoted(text)}", top=1)
    options = dict(parse_qsl(urlsplit(asked).query.replace("+", "%2B"), keep_blank_values=True))
    assert list(options) == ["$filter", "$top"] and not urlsplit(asked).fragment
    name, sign, (sort, literal) = _tokens(options["$filter"])
    assert (name[1], sign[1], sort) == ("Name", "eq", "text")
    assert literal[1:-1].replace("''", "'") == text


@pytest.mark.parametrize("text", ["Name) or (1 eq 1", "Id FROM User", "a.b", "a b", "a'", "", "1a", "Имя", "a\n", "a-b"])
def test_a_fields_name_is_one_or_is_refused(text: str) -> None:
    """Names of fields come from settings; they stand in queries bare."""
    assert not salesforce.is_name(text)
    assert not zoho.is_api_name(text)
    assert not creatio.is_name(text)


@SURE
@given(text=HOSTILE)
def test_an_id_is_one_segment_of_a_path(text: str) -> None:
    assert not set(segment(text)) & set("/?#&\\ '\"")
    assert urlsplit(f"https://crm.example/{segment(text)}/end").path.count("/") == 2
