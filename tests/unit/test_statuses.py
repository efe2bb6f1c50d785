"""How a call ended: D-24, P-ST-01, P-ST-02, telephony.md 1.5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchcord.model.events import CallType, MissPlace, Outcome
from patchcord.telephony.statuses import MEANINGS, Classified, Meaning, classify, is_final, normalised

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "reference" / "golden_cases.yaml"

IN, OUT = CallType.IN, CallType.OUT
ANSWERED = Classified(Outcome.ANSWERED, call_type=IN)
MISSED = Classified(Outcome.MISSED, call_type=IN)
IN_IVR = Classified(Outcome.MISSED, missed_in=MissPlace.IVR, call_type=IN)
VOICEMAIL = Classified(Outcome.MISSED, voicemail=True, call_type=IN)
SILENT = Classified(Outcome.NO_ANSWER, call_type=OUT)
IGNORED = Classified(Outcome.IGNORED, call_type=IN)


def golden_rows() -> list[Any]:
    """The rows ST-*; none when the reference is not beside the repository."""
    if not GOLDEN.exists():
        return []
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    cases = yaml.load(GOLDEN.read_text(encoding="utf-8"), Loader=loader)["cases"]
    return [pytest.param(case, id=case["id"]) for case in cases if case["id"].startswith("ST-")]


@pytest.mark.skipif(not GOLDEN.exists(), reason="the golden cases are not beside the repository")
@pytest.mark.parametrize("case", golden_rows())
def test_golden_status_rows(case: dict[str, Any]) -> None:
    event, (expected,) = case["event"], case["expected"]
    result = classify(event["status"], event["talk_seconds"], CallType(event["direction"]))
    assert result.outcome == expected["result"]
    assert result.missed_in == expected.get("missed_in")
    assert result.call_type == expected.get("direction", event["direction"])


@pytest.mark.parametrize(
    ("status", "talk", "expected"),
    [
        ("ANSWERED", 30, ANSWERED),
        ("Answered (not target)", 30, ANSWERED),
        ("PROPER", 30, ANSWERED),
        ("Proper", 1, ANSWERED),
        ("REPEATED", 30, ANSWERED),
        ("Repeat call", 30, ANSWERED),
        ("NO ANSWER", 0, MISSED),
        ("NOANSWER", 0, MISSED),
        ("No answer", 0, MISSED),
        ("BUSY", 0, MISSED),
        ("FAILED", 0, MISSED),
        ("NO-FORWARD", 0, MISSED),
        ("NO FORWARD", 0, MISSED),
        ("Call forwarding scheme did not work", 0, MISSED),
        ("DECLINE", 0, MISSED),
        ("VOICEMAIL", 0, VOICEMAIL),
        ("Voicemail", 0, VOICEMAIL),
        ("WRONG EXTENSION", 0, IN_IVR),
        ("Wrong extension", 0, IN_IVR),
        ("NO EXTENSION", 0, IN_IVR),
        ("No extension (IVR)", 0, IN_IVR),
        ("CLIENT NO ANSWER", 0, SILENT),
        ("No answer from a customer (Callback)", 0, SILENT),
        ("FAILED FORBIDDEN DESTINATION", 0, IGNORED),
        ("Forbidden destination", 0, IGNORED),
    ],
)
def test_d24_every_code_and_wording_of_an_incoming_call(status: str, talk: int, expected: Classified) -> None:
    assert classify(status, talk, IN) == expected


@pytest.mark.parametrize("status", [word for word, meaning in MEANINGS.items() if meaning is Meaning.ANSWERED])
def test_d24_an_answered_word_without_talk_is_a_missed_call(status: str) -> None:
    assert classify(status, 0, IN) == MISSED
    assert classify(status, 0, OUT) == SILENT


@pytest.mark.parametrize("status", [word for word, meaning in MEANINGS.items() if meaning is Meaning.ANSWERED])
def test_d24_an_answered_word_is_trusted_when_talk_is_unknown(status: str) -> None:
    assert classify(status, None, IN) == ANSWERED


STRONGER_THAN_TALK = {Meaning.FORBIDDEN, Meaning.VOICEMAIL}


@pytest.mark.parametrize(
    "status", [word for word, meaning in MEANINGS.items() if meaning not in STRONGER_THAN_TALK] + ["NEW", None]
)
def test_talk_wins_over_every_word_but_forbidden_and_voicemail(status: str | None) -> None:
    assert classify(status, 1, IN) == ANSWERED


def test_d29_the_seconds_of_a_voicemail_are_no_conversation() -> None:
    assert classify("VOICEMAIL", 25, IN) == Classified(Outcome.MISSED, voicemail=True, call_type=IN)
    assert classify("FORBIDDEN DESTINATION", 25, IN) == IGNORED


@pytest.mark.parametrize("status", ["NO ANSWER", "BUSY", "FAILED", "VOICEMAIL", "WRONG EXTENSION", "CLIENT NO ANSWER", "What?"])
def test_pst02_an_outgoing_call_without_talk_was_not_taken_by_the_client(status: str) -> None:
    assert classify(status, 0, OUT) == SILENT


@pytest.mark.parametrize(
    ("status", "talk", "call_type", "outcome"),
    [
        ("SOMETHING NEW", 5, IN, Outcome.ANSWERED),
        ("SOMETHING NEW", 0, IN, Outcome.MISSED),
        ("SOMETHING NEW", None, IN, Outcome.MISSED),
        ("SOMETHING NEW", 0, None, Outcome.MISSED),
        ("SOMETHING NEW", None, OUT, Outcome.NO_ANSWER),
        (None, 5, OUT, Outcome.ANSWERED),
        (None, 0, IN, Outcome.MISSED),
        (None, 0, OUT, Outcome.NO_ANSWER),
        (None, None, IN, None),
        ("CALLING", None, IN, None),
        ("In progress", 0, OUT, None),
    ],
)
def test_unknown_absent_and_transient_words(
    status: str | None, talk: int | None, call_type: CallType | None, outcome: Outcome | None
) -> None:
    assert classify(status, talk, call_type) == Classified(outcome, call_type=call_type)


@pytest.mark.parametrize("status", ["no-answer", "NO_ANSWER", "no+answer", "  No \t answer ", "--No__answer++"])
def test_case_separators_and_blanks_do_not_matter(status: str) -> None:
    assert normalised(status) == "NO ANSWER"


def test_only_transient_words_are_not_final() -> None:
    assert [status for status in ("CALLING", "in-progress", "NO ANSWER", "new word") if is_final(status)] == [
        "NO ANSWER",
        "new word",
    ]
    assert not is_final(None)


@given(st.none() | st.text(max_size=40), st.none() | st.integers(0, 9), st.none() | st.sampled_from(CallType))
def test_d24_any_word_has_a_consistent_result(status: str | None, talk: int | None, call_type: CallType | None) -> None:
    result = classify(status, talk, call_type)
    assert result == classify(status, talk, call_type)
    if result.missed_in or result.voicemail:
        assert result.outcome is Outcome.MISSED
    if result.outcome is Outcome.NO_ANSWER:
        assert result.call_type is OUT
