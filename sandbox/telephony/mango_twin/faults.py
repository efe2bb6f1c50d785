"""Misbehaviour on demand: late, lost, broken and wrong answers, in MANGO's shapes where it has one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from werkzeug.wrappers import Request, Response

from sandbox.telephony.mango_twin import wire
from sandbox.telephony.mango_twin.wire import Edition
from sandbox.twins.base import HANG_SECONDS, Fault, html_page, json_answer

KINDS: Final = ("late", "hang", "lose_answer", "status", "html", "garbage", "empty")
Answer = Callable[[Request], Response]


class _Armed:
    """A fault with the counts it still has."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.skip, self.left = fault, fault.skip, fault.times

    def hits(self, request: Request) -> bool:
        if self.left == 0 or not self.fault.fits(request):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The faults that are armed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self._stopped = threading.Event()

    def arm(self, *faults: Fault) -> None:
        """Raises ValueError for a kind that MANGO does not have."""
        for fault in faults:
            if fault.kind not in KINDS:
                raise ValueError(f"MANGO has no fault {fault.kind!r}")
        with self._lock:
            self._armed.extend(map(_Armed, faults))

    def behave(self) -> None:
        """Take all faults back."""
        with self._lock:
            self._armed.clear()

    def answer(self, request: Request, dispatch: Answer, edition: Edition) -> Response:
        """The right answer, or the wrong one. Raises ConnectionAbortedError when there is to be none."""
        with self._lock:
            fault = next((armed.fault for armed in self._armed if armed.hits(request)), None)
        if fault is None:
            return dispatch(request)
        if fault.kind == "late":
            self._stopped.wait(fault.seconds)
            return dispatch(request)
        if fault.after_write or fault.kind == "lose_answer":
            dispatch(request)
        if fault.kind in ("lose_answer", "hang"):
            self._stopped.wait(fault.seconds or (HANG_SECONDS if fault.kind == "hang" else 0))
            raise ConnectionAbortedError
        response = _wrong(fault, edition)
        response.headers.update(fault.headers)
        return response

    def resume(self) -> None:
        self._stopped.clear()

    def stop(self) -> None:
        self._stopped.set()


def _wrong(fault: Fault, edition: Edition) -> Response:
    if fault.kind == "status" and fault.status == 429:
        return wire.too_fast()
    if fault.kind == "status":
        code = 5008 if fault.status == 503 else 5000
        return json_answer({"code": code} | ({} if edition == "2017" else {"message": fault.words}), fault.status)
    if fault.kind == "html":
        return html_page(fault.status, fault.words)
    return Response('{"result":1000,"data":[{"li' if fault.kind == "garbage" else b"", mimetype="application/json")
