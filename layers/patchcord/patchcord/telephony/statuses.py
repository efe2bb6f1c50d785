"""How a call ended, from Ringostat's words and the talk time (D-24, P-ST-01, P-ST-02, telephony.md 1.5).

The words are the codes of the webhooks and the wordings of the cabinet. Three of them mean "answered"; testing for
`ANSWERED` alone would file a company's best calls as missed (telephony.md 0, fact 5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from patchcord.model.events import CallType, MissPlace, Outcome


@dataclass(frozen=True, slots=True)
class Classified:
    """The outcome in neutral words. `call_type` may differ from what was given: an unanswered callback is an outgoing call."""

    outcome: Outcome | None
    missed_in: MissPlace | None = None
    voicemail: bool = False
    call_type: CallType | None = None


class Meaning(Enum):
    """What a status word says."""

    ANSWERED = auto()
    MISSED = auto()
    MISSED_IN_IVR = auto()
    VOICEMAIL = auto()
    CLIENT_SILENT = auto()
    FORBIDDEN = auto()
    TRANSIENT = auto()


_WORDS: Mapping[Meaning, tuple[str, ...]] = {
    Meaning.ANSWERED: (
        "ANSWERED",
        "ANSWERED NOT TARGET",
        "PROPER",
        "PROPER CALL",
        "REPEATED",
        "REPEAT CALL",
        "REPEATED CALL",
    ),
    Meaning.MISSED: (
        "NO ANSWER",
        "NOANSWER",
        "BUSY",
        "FAILED",
        "NO FORWARD",
        "CALL FORWARDING SCHEME DID NOT WORK",
        "SCHEME DID NOT WORK",
        "DECLINE",
    ),
    Meaning.MISSED_IN_IVR: (
        "WRONG EXTENSION",
        "WRONG EXTENSION IVR",
        "NO EXTENSION",
        "NO EXTENSION IVR",
        "WRONG EXTENSION NO EXTENSION IVR",
    ),
    Meaning.VOICEMAIL: ("VOICEMAIL", "VOICE MAIL"),
    Meaning.CLIENT_SILENT: (
        "CLIENT NO ANSWER",
        "NO ANSWER FROM A CUSTOMER",
        "NO ANSWER FROM A CUSTOMER CALLBACK",
        "NO ANSWER FROM CUSTOMER",
        "NO ANSWER FROM CUSTOMER CALLBACK",
    ),
    Meaning.FORBIDDEN: (
        "FAILED FORBIDDEN DESTINATION",
        "FORBIDDEN DESTINATION",
        "FORBIDDEN DESTINATION OUTGOING CALLBACK",
    ),
    Meaning.TRANSIENT: ("CALLING", "IN PROGRESS"),
}
MEANINGS: Mapping[str, Meaning] = {word: meaning for meaning, words in _WORDS.items() for word in words}
"""Every known word, as `normalised` writes it."""

_NO_WORD = re.compile(r"[\W_]+")


@lru_cache(maxsize=256)
def normalised(status: str) -> str:
    """Upper case, one blank for any run of `-`, `_`, `+`, brackets and blanks: `no_answer` is `NO ANSWER`."""
    return _NO_WORD.sub(" ", status).strip().upper()


def meaning_of(status: str | None) -> Meaning | None:
    """What the word says; None without a word and for one that nobody knows."""
    return None if status is None else MEANINGS.get(normalised(status))


def is_final(status: str | None) -> bool:
    """Whether the word tells of an ended call: any word but the transient ones of `calls/list`."""
    return status is not None and meaning_of(status) is not Meaning.TRANSIENT


def classify(status: str | None, talk_seconds: int | None, call_type: CallType | None) -> Classified:
    """How the call ended (D-24). `talk_seconds` is None when the provider did not say.

    Talk time wins over every word but "forbidden", and "voicemail" of an incoming call, where the seconds are those of the
    message (D-29). Without talk time and without a word nothing is known: outcome None.
    """
    meaning = meaning_of(status)
    if meaning is Meaning.FORBIDDEN:
        return Classified(Outcome.IGNORED, call_type=call_type)
    message = meaning is Meaning.VOICEMAIL and call_type is not CallType.OUT
    if talk_seconds is not None and talk_seconds > 0 and not message:
        return Classified(Outcome.ANSWERED, call_type=call_type)
    if meaning is Meaning.TRANSIENT or (status is None and talk_seconds is None):
        return Classified(None, call_type=call_type)
    if meaning is Meaning.ANSWERED and talk_seconds is None:
        return Classified(Outcome.ANSWERED, call_type=call_type)
    return _unanswered(meaning, call_type)


def _unanswered(meaning: Meaning | None, call_type: CallType | None) -> Classified:
    """An outgoing call was not taken by the client; any other was missed by us, and the word may say where."""
    if meaning is Meaning.CLIENT_SILENT:
        return Classified(Outcome.NO_ANSWER, call_type=CallType.OUT)
    if call_type is CallType.OUT:
        return Classified(Outcome.NO_ANSWER, call_type=call_type)
    return Classified(
        Outcome.MISSED,
        missed_in=MissPlace.IVR if meaning is Meaning.MISSED_IN_IVR else None,
        voicemail=meaning is Meaning.VOICEMAIL,
        call_type=call_type,
    )
