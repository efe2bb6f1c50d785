"""From a Ringostat webhook to a neutral event (telephony.md 1, 6).

A request does not say which event it is; our URL does, and the admin may have mixed the URLs up. So the URL is a hint
and the payload wins: what has the result of a call is the end of a call, wherever it was posted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from patchcord.model.employees import Agent
from patchcord.model.events import CallType, Event, Moment, Outcome, Part, Participation
from patchcord.telephony.port import BadInput, HttpRequest, Problem, Reading, Secret
from patchcord.telephony.ringostat.agents import agent, identity, mark
from patchcord.telephony.ringostat.body import layers
from patchcord.telephony.ringostat.fields import Fields
from patchcord.telephony.ringostat.names import VISIT, wire_names
from patchcord.telephony.ringostat.numbers import client, line
from patchcord.telephony.ringostat.times import seconds, started_at
from patchcord.telephony.statuses import Classified, Meaning, classify, is_final, meaning_of

PROVIDER = "ringostat"
LONGEST_CALL_ID = 200
LONGEST_URL = 2000


class Step(StrEnum):
    """The events of the cabinet (telephony.md 1.1)."""

    RING = "ring"
    ANSWER = "answer"
    FORWARD = "forward"
    END = "end"
    RATED = "rated"


STEPS: Mapping[str, Step] = {
    "in.before": Step.RING,
    "in.answer": Step.ANSWER,
    "in.forward": Step.FORWARD,
    "in.after": Step.END,
    "in.rated": Step.RATED,
    "out.before": Step.RING,
    "out.after": Step.END,
    "missed": Step.END,
}
"""What each of our URLs is meant for."""

_CALL_TYPES: Mapping[str, CallType] = {
    "in": CallType.IN,
    "incoming": CallType.IN,
    "transitin": CallType.IN,
    # Filed as incoming (telephony.md 1.1): the client asked for it, and the numbers stand as in an incoming call.
    "callback": CallType.IN,
    "out": CallType.OUT,
    "outgoing": CallType.OUT,
    "transitout": CallType.OUT,
    "internal": CallType.INTERNAL,
}


def verify(request: HttpRequest, hint: str, secret_of: Secret) -> None:
    """Ringostat signs nothing: the secret in the address is the only proof there is (telephony.md 0, fact 3)."""


def read(request: HttpRequest, hint: str, reading: Reading) -> Event:
    """The event a webhook tells of. `hint` is one of STEPS. Raises BadInput with every problem found, or for another hint."""
    if hint not in STEPS:
        raise BadInput((Problem("address", f"an end such as {', '.join(STEPS)}", "another one"),))
    fields = Fields(layers(request), wire_names(reading.key_map), reading.keep_direct)
    event = _Reader(fields, request, hint, reading).event()
    if fields.problems:
        raise BadInput(tuple(fields.problems))
    return event


class _Reader:
    """The reading of one payload: the facts first, then what follows from them."""

    __slots__ = ("fields", "hint", "outgoing", "reading", "request", "started", "status", "step", "talk", "total", "wait")

    def __init__(self, fields: Fields, request: HttpRequest, hint: str, reading: Reading) -> None:
        self.fields, self.request, self.hint, self.reading = fields, request, hint, reading
        self.started = started_at(fields, reading.zone, request.received_at)
        self.wait = seconds(fields, "waittime")
        self.talk = seconds(fields, "billsec")
        self.total = seconds(fields, "duration")
        if self.total is None:
            self.total = seconds(fields, "duration_ms", unit=1000)
        self.status = fields.text("disposition", 100)
        self.outgoing = self._wire_type() is CallType.OUT
        self.step = self._step()

    def event(self) -> Event:
        """All of it in neutral words."""
        fields, region = self.fields, self.reading.region
        other = client(fields, region, self.outgoing)
        our_line = line(fields, region, self.outgoing)
        result = self._result(CallType.INTERNAL if other.internal else self._wire_type())
        who = agent(fields, region, self.outgoing, (other.number, our_line))
        recording = self._recording() if self.step in {Step.END, Step.RATED} else None
        moment, at = self._moment(recording), self._at()
        return Event(
            provider=PROVIDER,
            call=self._call(),
            key=self._key(who, result, recording),
            moment=moment,
            at=at,
            call_type=result.call_type,
            client=other.number,
            client_hidden=other.hidden,
            line=our_line,
            parts=() if who is None else self._parts(who, result, at),
            outcome=result.outcome,
            missed_in=result.missed_in,
            voicemail=result.voicemail,
            status=self.status,
            started_at=self.started,
            wait_seconds=self.wait,
            talk_seconds=self.talk,
            total_seconds=self.total,
            recording=recording,
            attribution=self._attribution(),
            department=fields.text("department"),
            extra=fields.extra,
        )

    def _wire_type(self) -> CallType:
        """The way of the call as the payload has it, else as the URL has it."""
        told = _CALL_TYPES.get((self.fields.text("call_type") or "").lower())
        return told or (CallType.OUT if self.hint.startswith("out") else CallType.IN)

    def _step(self) -> Step:
        """Which event it is: the URL's, unless the payload shows that the call is over, or that it is not."""
        step = STEPS[self.hint]
        if step is Step.RATED:
            return step
        if self.status is not None and not is_final(self.status):
            return Step.RING if step is Step.END else step
        return Step.END if step is Step.END or self._is_over(step) else step

    def _is_over(self, step: Step) -> bool:
        """Whether the payload has the result of a call. Mid-call a status may be that of the step (`BUSY` at a
        forwarding, `ANSWERED` at an answer), so a word alone counts only before the call."""
        if self.talk:
            return True
        if step is Step.ANSWER and meaning_of(self.status) in {None, Meaning.ANSWERED}:
            return False
        timed = self.talk is not None or self.total is not None
        return bool(self.total) or (self.status is not None and (timed or step is Step.RING))

    def _result(self, call_type: CallType) -> Classified:
        """How the call ended, for ends only. The URL of missed calls tells what a payload without a status does not."""
        if self.step not in {Step.END, Step.RATED}:
            return Classified(None, call_type=call_type)
        if self.step is Step.RATED and self.talk is None:
            # Without talk time it would stand over the end of the call, which has it.
            return Classified(None, call_type=call_type)
        if self.status is None and self.hint == "missed":
            return classify("NO ANSWER", self.talk, call_type)
        return classify(self.status, self.talk, call_type)

    def _moment(self, recording: str | None) -> Moment:
        """A rating comes after the call; one that brings nothing but a recording is the recording's event."""
        if self.step is Step.RATED and recording and self.talk is None:
            return Moment.RECORDING
        if self.step in {Step.END, Step.RATED}:
            return Moment.END
        return Moment.ANSWER if self.step is Step.ANSWER else Moment.RING

    def _at(self) -> datetime:
        """When it happened, as far as the payload tells; a resent event keeps its own time (D-33)."""
        after = {Step.ANSWER: self.wait, Step.END: self.total, Step.RATED: self.total}.get(self.step)
        return self._after_start(after) or self.request.received_at

    def _after_start(self, after: int | None) -> datetime | None:
        return None if self.started is None or after is None else self.started + timedelta(seconds=after)

    def _parts(self, who: Agent, result: Classified, at: datetime) -> tuple[Participation, ...]:
        if result.call_type is CallType.OUT or self.outgoing:
            return (Participation(Part.CALLER, who, self.started or at),)
        if self.step is Step.ANSWER:
            return (Participation(Part.ANSWERED, who, at),)
        if result.outcome is Outcome.ANSWERED:
            return (Participation(Part.ANSWERED, who, self._after_start(self.wait) or at),)
        if self.step is Step.FORWARD or result.outcome is Outcome.MISSED:
            return (Participation(Part.OFFERED, who, at),)
        return ()

    def _recording(self) -> str | None:
        """The link of the recording. Anything but http(s) is no link, whatever it says."""
        if (self.fields.text("has_recording") or "").lower() in {"0", "false", "no"}:
            return None
        for name in ("recording", "recording_wav"):
            url = self.fields.text(name, LONGEST_URL + 1)
            if url and len(url) <= LONGEST_URL and url.lower().startswith(("http://", "https://")):
                return url
        return None

    def _attribution(self) -> dict[str, str]:
        found = ((neutral, self.fields.text(name, LONGEST_URL)) for name, neutral in VISIT.items())
        return {neutral: value for neutral, value in found if value is not None}

    def _call(self) -> str:
        call = self.fields.raw("uniqueid")
        if call is None:
            self.fields.refuse("uniqueid", "the id of the call", "nothing")
        elif len(call) > LONGEST_CALL_ID:
            self.fields.refuse("uniqueid", f"at most {LONGEST_CALL_ID} characters", "a longer text")
        elif not call.isprintable():
            self.fields.refuse("uniqueid", "printable characters", "text with others")
        return call or ""

    def _key(self, who: Agent | None, result: Classified, recording: str | None) -> str:
        """Equal for repeated deliveries of the same event, different for different ones (telephony.md 6, D-07)."""
        if self.step in {Step.ANSWER, Step.FORWARD}:
            return f"{self.step}:{identity(who) or self._body_mark()}"
        if self.step is not Step.END:
            return self.step.value
        if result.outcome is None:
            # An end that says nothing must not stand in the way of the one that does.
            return "end:open"
        return "end+recording" if recording else "end"

    def _body_mark(self) -> str:
        return mark(self.request.body + repr(sorted(self.request.query.items())).encode())
