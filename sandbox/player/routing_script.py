"""What the pure routing says of a caller: the part of a script that is about whom to ring (design 9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from patchcord.model.records import Record
from patchcord.model.settings import Settings
from patchcord.model.talks import Talk
from patchcord.scenarios.routes import FAILED, AskCrm, Caller, Route
from patchcord.scenarios.routing import route
from patchcord.telephony.ringostat.webhook_number import read_inquiry
from sandbox.player.delivery import Delivery
from sandbox.player.reading import reading_of, request_of
from sandbox.player.routed import Routed
from sandbox.player.scene import ANSWERED, Expected


@dataclass(frozen=True, slots=True)
class Callers:
    """What is known of the client of a scene when his call comes. `crm_is_late`: the CRM does not answer in time."""

    settings: Settings
    records: tuple[Record, ...] = ()
    talks: tuple[Talk, ...] = ()
    crm_is_late: bool = False

    def asked(self, delivery: Delivery) -> tuple[Expected, bool]:
        """What has to come of a Webhook number's question, and whether the CRM has told of the client."""
        inquiry = read_inquiry(request_of(delivery), reading_of(self.settings))
        found, asked = self.route(Caller(inquiry.client, inquiry.hidden, inquiry.line), delivery.at)
        direction = (found.direction or "").removeprefix("sip:").removeprefix("+")
        return Expected(200, ANSWERED, routed=self.routed(found, direction, asked)), asked and not self.crm_is_late

    def route(self, caller: Caller, now: datetime) -> tuple[Route, bool]:
        """Whom the caller is put through to, and whether the CRM is asked for that."""
        found = route(caller, self.settings, now, self.talks)
        if not isinstance(found, AskCrm):
            return found, False
        answer = route(caller, self.settings, now, self.talks, FAILED if self.crm_is_late else self.records)
        assert isinstance(answer, Route)
        return answer, True

    def routed(self, found: Route, direction: str, asked: bool) -> Routed:
        """The answer as it is judged; `direction` is what the telephony is told."""
        return Routed(direction, found.source.value, found.reason.value, asked and self.crm_is_late)

    def extension(self, found: Route) -> str:
        """The extension that MANGO is told."""
        employee = self.settings.employees.get(found.employee or "")
        return (employee.extension or "") if employee is not None else ""
