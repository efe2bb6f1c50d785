"""Phone numbers: reading, comparing, writing (S3-56…58, S4-08, P-HS-10, D-09, D-19, D-34, O-09…O-12)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchcord.model.phone import (
    ImpossiblePhone,
    Phone,
    StorageFormat,
    formatted,
    in_notation_of,
    is_hidden,
    is_short,
    masked,
    notations,
    read_phone,
    same_number,
    try_phone,
)

UA = read_phone("+380671234567", "UA")
LISTED = ("+380671234567", "+380 67 123 4567", "067 123 4567", "+38-067-123-4567")
"""S3-56, word for word."""

REGIONS = ("UA", "PL", "RU", "DE", "US", "GB")
KINDS = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)


@pytest.mark.parametrize("text", [*LISTED, "(067) 123-45-67", "067 123 45 67", "380671234567", "00380671234567", "671234567"])
def test_all_notations_are_the_same_number(text: str) -> None:
    """S3-56, P-HS-10, D-34."""
    assert read_phone(text, "UA") == Phone("+380671234567", "671234567")
    assert same_number(UA, text, "UA")


@pytest.mark.parametrize("text", [None, "", "  ", "anonymous", "Hidden", "PRIVATE", "unknown", " withheld "])
def test_hidden_callers(text: str | None) -> None:
    """D-09."""
    assert is_hidden(text)
    assert try_phone(text, "UA") is None


@pytest.mark.parametrize(("text", "short"), [("101", True), ("112", True), ("123456", True), ("1234567", False), ("", False)])
def test_extensions_and_service_numbers_are_short(text: str, short: bool) -> None:
    """D-09, D-10: they are no client's number."""
    assert is_short(text) is short
    assert not short or try_phone(text, "UA") is None


@pytest.mark.parametrize("text", ["12345678901234567890", "+999123456789012", "abc"])
def test_impossible_numbers_are_refused_without_telling_them(text: str) -> None:
    with pytest.raises(ImpossiblePhone) as refused:
        read_phone(text, "UA")
    assert text not in str(refused.value)
    assert try_phone(text, "UA") is None


@pytest.mark.parametrize("stored", ["0671234567", "+38 (067) 123-45-67", "380671234567"])
def test_stored_numbers_are_compared_after_normalising(stored: str) -> None:
    """D-19, D-34."""
    assert same_number(UA, stored, "UA")
    assert not same_number(UA, stored.replace("67", "68"), "UA")


@pytest.mark.parametrize("stored", ["", "101", "no number", "anonymous"])
def test_what_is_no_number_is_nobody(stored: str) -> None:
    """D-09: an empty number must never match records without a phone."""
    assert not same_number(UA, stored, "UA")


def test_a_national_number_of_another_region_is_read_there() -> None:
    """O-09."""
    assert read_phone("512 345 678", "PL").e164 == "+48512345678"
    assert read_phone("8 (916) 123-45-67", "RU").e164 == "+79161234567"


def test_the_same_digits_in_another_country_are_another_number() -> None:
    """D-34: +48 67 123 45 67 is a number in Piła, not the mobile in Kyiv, and it says so itself."""
    assert not same_number(UA, "+48671234567", "UA")


@pytest.mark.parametrize(
    ("style", "text"),
    [("e164", "+380671234567"), ("digits", "380671234567"), ("national", "067 123 4567"), ("international", "+380 67 123 4567")],
)
def test_storage_formats(style: str, text: str) -> None:
    """S4-08, O-10."""
    assert formatted(UA, StorageFormat(style)) == text


@pytest.mark.parametrize(
    ("example", "text"),
    [
        ("+380671234567", "+380501112233"),
        ("+380 67 123 4567", "+380 50 111 2233"),
        ("067 123 4567", "050 111 2233"),
        ("+38-067-123-4567", "+38-050-111-2233"),
        ("380671234567", "380501112233"),
    ],
)
def test_a_number_in_a_listed_notation(example: str, text: str) -> None:
    """S3-56, S3-58, P-HS-10, O-11, O-12, C-18."""
    assert in_notation_of(read_phone("+380501112233", "UA"), example) == text


@pytest.mark.parametrize("example", ["+380671234567", "380671234567"])
@pytest.mark.parametrize("number", ["+48512345678", "+12025550123", "+4915112345678"])
def test_a_foreign_number_in_a_listed_notation_stays_that_number(example: str, number: str) -> None:
    """O-12: a plan with another number of digits neither loses digits nor gains zeros, else the look-up finds somebody else."""
    assert in_notation_of(read_phone(number, "UA"), example) == (number if example.startswith("+") else number[1:])


def test_notations_hold_the_four_of_salesforce_and_the_two_of_hubspot() -> None:
    """S3-56, P-HS-10: most likely first, none twice."""
    found = notations(UA)
    assert set(LISTED) | {"380671234567"} <= set(found)
    assert found[0] == "+380671234567"
    assert len(found) == len(set(found))


def test_a_short_german_number_keeps_its_country_code() -> None:
    """D-34: +49 30 1234567 has ten digits with its trunk zero, like a Ukrainian number, but another country code."""
    phone = read_phone("+49301234567", "DE")
    assert {read_phone(text, "DE").e164 for text in notations(phone)} == {"+49301234567"}


def test_a_masked_number_does_not_tell_the_middle() -> None:
    assert masked("+380671234567") == "+38067•••4567"
    assert masked(None) == masked("+38067") == "•••"


# --- any number of the plans we meet ---


@lru_cache(maxsize=20_000)
def _valid(region: str, national: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(national, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number_for_region(number, region) else None


@st.composite
def numbers(draw: st.DrawFn, regions: tuple[str, ...] = REGIONS) -> tuple[str, phonenumbers.PhoneNumber]:
    """A valid number of one of the regions: an example of its plan with other last digits, maybe a longer one."""
    region, kind = draw(st.sampled_from(regions)), draw(st.sampled_from(KINDS))
    example = phonenumbers.example_number_for_type(region, kind)
    assert example is not None
    national = phonenumbers.national_significant_number(example)
    tail, more = draw(st.text("0123456789", min_size=4, max_size=6)), draw(st.sampled_from(("", "", "5", "55")))
    changed = _valid(region, f"+{example.country_code}{national[: -len(tail)]}{tail}{more}")
    return region, changed or example


WRITTEN: dict[str, Callable[[phonenumbers.PhoneNumber], str]] = {
    "e164": lambda number: phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
    "international": lambda number: phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
    "national": lambda number: phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL),
    "rfc3966": lambda number: phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966),
    "00": lambda number: "00" + phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:],
    "digits": lambda number: phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:],
}


@pytest.mark.parametrize("written", [name for name in WRITTEN if name != "digits"])
@settings(deadline=None, max_examples=60)
@given(numbers())
def test_any_number_in_any_notation_reads_back(written: str, case: tuple[str, phonenumbers.PhoneNumber]) -> None:
    """S3-56, D-34."""
    region, number = case
    assert read_phone(WRITTEN[written](number), region).e164 == WRITTEN["e164"](number)


@pytest.mark.parametrize("region", REGIONS)
def test_bare_international_digits_read_back(region: str) -> None:
    """O-10, telephony.md 1.3: providers send, and `digits` stores, the international number without its plus sign."""

    @settings(deadline=None, max_examples=40, database=None)
    @given(numbers((region,)))
    def reads_back(case: tuple[str, phonenumbers.PhoneNumber]) -> None:
        assert read_phone(WRITTEN["digits"](case[1]), region).e164 == WRITTEN["e164"](case[1])

    reads_back()


@pytest.mark.parametrize("region", REGIONS)
def test_every_notation_we_search_for_is_that_number(region: str) -> None:
    """D-34: a notation that reads as another number finds another client. Bare digits are tested above."""

    @settings(deadline=None, max_examples=40, database=None)
    @given(numbers((region,)))
    def all_the_same(case: tuple[str, phonenumbers.PhoneNumber]) -> None:
        phone = read_phone(WRITTEN["e164"](case[1]), region)
        others = [text for text in notations(phone) if text != phone.digits]
        assert {read_phone(text, region).e164 for text in others} == {phone.e164}

    all_the_same()


@pytest.mark.parametrize("style", [style for style in StorageFormat if style is not StorageFormat.DIGITS])
@settings(deadline=None, max_examples=40)
@given(numbers())
def test_what_is_stored_is_found_again(style: StorageFormat, case: tuple[str, phonenumbers.PhoneNumber]) -> None:
    """S4-08, O-10, D-34: a record of our own must never be made twice."""
    region, number = case
    phone = read_phone(WRITTEN["e164"](number), region)
    assert same_number(phone, formatted(phone, style), region)
