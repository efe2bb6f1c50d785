"""Recordings behind links that die when they are first opened (telephony.md 3.6, `queries/recording/...`)."""

from __future__ import annotations

from datetime import datetime, timedelta

from werkzeug.wrappers import Request, Response

from sandbox.telephony.mango_twin import parameters, wire
from sandbox.telephony.mango_twin.gate import Body, Gate
from sandbox.telephony.mango_twin.state import State
from sandbox.telephony.mango_twin.wire import Refusal
from sandbox.twins.base import Clock

ACTIONS = ("download", "play")
LINK_LIFE = timedelta(minutes=5)
LINK = "queries/recording/link"


class Files:
    """The file service: hands out single-use addresses below `base` and opens each of them once.

    `base` empty: this server's own `/files/`.
    """

    def __init__(self, state: State, clock: Clock, base: str) -> None:
        self._state, self._clock, self._base = state, clock, base
        self._links: dict[str, tuple[bytes, datetime]] = {}

    def redirect(self, request: Request, recording_id: str) -> Response:
        """302 to a new address. Raises Refusal 3320 when there is no such recording, or not yet."""
        recording, now = self._state.recordings.get(recording_id), self._clock()
        if recording is None or now < recording.ready_at:
            raise Refusal(wire.NO_RECORDING)
        token = self._state.ids.hex("file")
        self._links[token] = recording.content, now + LINK_LIFE
        base = self._base.rstrip("/") or f"{request.host_url}files"
        return Response(status=302, headers={"Location": f"{base}/{token}"})

    def open(self, token: str) -> Response:
        """The file, once."""
        content, ends = self._links.pop(token, (b"", self._clock()))
        if self._clock() >= ends:
            return Response("Not Found", 404)
        return Response(content, mimetype="audio/mpeg")

    def post(self, request: Request, body: Body) -> Response:
        """`queries/recording/post`."""
        recording_id = parameters.text(body, "recording_id")
        parameters.chosen(body, "action", ACTIONS)
        return self.redirect(request, recording_id)

    def link(self, request: Request, path: str, gate: Gate) -> Response:
        """`queries/recording/link/{recording_id}/{action}/{key}/{expires}/{sign}`, a GET without login.

        `expires` is Unix seconds; the sign is the SHA-256 of key, expires, recording id and salt.
        """
        parts = path.removeprefix(LINK).strip("/").rsplit("/", 4)
        if len(parts) != 5:
            raise Refusal(wire.MISSING)
        recording_id, action, key, expires, sign = parts
        parameters.chosen({"action": action}, "action", ACTIONS)
        gate.check(key, expires + recording_id, sign)
        gate.limits.take(LINK, self._clock())
        if parameters.whole({"expires": expires}, "expires") <= self._clock().timestamp():
            raise Refusal(wire.BAD_PARAMETERS, "expires")
        return self.redirect(request, recording_id)
