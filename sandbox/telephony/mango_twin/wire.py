"""MANGO's error shapes: code in JSON, status by the manual's edition; the 429 and the 401 (telephony.md 3.1)."""

from __future__ import annotations

from typing import Literal

from werkzeug.wrappers import Response

from sandbox.twins.base import json_answer

Edition = Literal["2017", "2026", "2026-table"]

BAD_PARAMETERS, NOT_POST, BAD_SIGN, MISSING, BAD_FORMAT, BAD_KEY = range(3100, 3106)
BAD_SUBSCRIBER, NO_OBJECT, NO_RECORDING, NO_NUMBER, NO_FILE, BAD_JSON = 3200, 3300, 3320, 3330, 3340, 3400
OK, UNSUPPORTED, WRONG_STATE, GONE, ALREADY_RECORDING = 1000, 4001, 4100, 4101, 4102

WORDS = {
    BAD_PARAMETERS: "bad parameters",
    NOT_POST: "POST expected",
    BAD_SIGN: "signature mismatch",
    MISSING: "missing parameter",
    BAD_FORMAT: "bad format",
    BAD_KEY: "bad access key",
    NO_OBJECT: "object does not exist",
    NO_RECORDING: "recording not found",
    BAD_JSON: "invalid JSON",
    UNSUPPORTED: "command unsupported",
}


class Refusal(Exception):
    """A request is not carried out. `code` is MANGO's result code, `about` the parameter or thing that is wrong."""

    def __init__(self, code: int, about: str = "") -> None:
        super().__init__(code, about)
        self.code, self.about = code, about


class TooFast(Exception):
    """A limit of the product is reached."""


def is_invalid(code: int, missing_counts: bool) -> bool:
    """Whether an answer with this code is an invalid request for the block (telephony.md 3.1)."""
    return code // 1000 == 3 and (missing_counts or code // 100 != 33)


def refusal(edition: Edition, refused: Refusal) -> Response:
    """The error answer as the manual's edition shapes it."""
    status = _status(edition, refused.code)
    if edition == "2017":
        return json_answer({"code": refused.code}, status)
    message = ": ".join(filter(None, (WORDS.get(refused.code, "error"), refused.about)))
    return json_answer({"result" if status == 200 else "code": refused.code, "message": message}, status)


def _status(edition: Edition, code: int) -> int:
    if edition == "2017":
        return 420
    missing = code // 100 == 33
    if edition == "2026":
        return 404 if missing else 400
    return 200 if code == NOT_POST else 500 if missing else 400


def too_fast() -> Response:
    """The 429, word for word (telephony.md 3.1)."""
    body = {"name": "Service Unavailable", "message": "Rate limit exceeded.", "code": 0, "status": 429}
    return json_answer(body, 429)


def blocked() -> Response:
    """The 401 of an account that sent more than one invalid request in two minutes."""
    return json_answer({"name": "Unauthorized", "message": "Too many invalid requests.", "code": 0, "status": 401}, 401)
