"""The account behind a connection: owners, properties, pipelines, and what is missing (crm_hubspot.md 2.3, 7, 12, 13, 15, 16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.hubspot import reading
from patchcord.crm.hubspot.declaration import LEAD_SCOPES, SCOPES, VENDOR, VERSION, Connection
from patchcord.crm.hubspot.reading import Row
from patchcord.crm.hubspot.writing import CALLS, NOTES, OBJECTS, TASKS
from patchcord.crm.port import Lack
from patchcord.model.records import RecordKind

MOST_PAGES = 50
UI_DOMAIN = "app.hubspot.com"
RECONNECT = "Give the key or the app this scope, and connect HubSpot again."


class Account:
    """What is read of the account itself. Property lists are read once."""

    def __init__(self, http: Http, connection: Connection, kinds: Mapping[RecordKind, str]) -> None:
        self._http = http
        self._connection = connection
        self._objects = tuple(OBJECTS[kind] for kind in kinds)
        self._properties: dict[str, tuple[Row, ...]] = {}
        self._place: tuple[str, str] | None = None

    def owners(self) -> Iterator[Row]:
        """All owners; deactivated ones stand in a list of their own (13)."""
        for archived in (False, True):
            query: dict[str, Any] = {"limit": 100, "archived": archived}
            for _ in range(MOST_PAGES):
                answer = self._http.call("GET", f"/crm/owners/{VERSION}", query=query, operation="list owners")
                yield from reading.results_of(answer, "list owners")
                after = reading.next_page(answer)
                if after is None:
                    break
                query["after"] = after

    def properties(self, name: str) -> tuple[Row, ...]:
        """The properties of a sort of object (12)."""
        if name not in self._properties:
            path, operation = f"/crm/properties/{VERSION}/{name}", f"list properties of {name}"
            self._properties[name] = reading.results_of(self._http.call("GET", path, operation=operation), operation)
        return self._properties[name]

    def knows(self, name: str) -> bool:
        """Whether the properties of this sort of object have been read."""
        return name in self._properties

    def stages(self, name: str) -> dict[str, tuple[str, ...]]:
        """The ids of the stages of each pipeline, in order."""
        path, operation = f"/crm/pipelines/{VERSION}/{name}", f"list pipelines of {name}"
        rows = reading.results_of(self._http.call("GET", path, operation=operation), operation)
        return {str(row.get("id")): _ordered(row.get("stages")) for row in rows}

    def place(self) -> tuple[str, str]:
        """Domain and account id for links (16): from the settings, else asked for once."""
        known = self._connection
        if known.hub_id:
            return known.ui_domain or UI_DOMAIN, known.hub_id
        if self._place is None:
            answer = self._http.call("GET", f"/account-info/{VERSION}/details", operation="read account")
            facts = answer.json if isinstance(answer.json, dict) else {}
            self._place = str(facts.get("uiDomain") or UI_DOMAIN), str(facts.get("portalId") or "")
        return self._place

    # --- what is missing

    def lacks(self) -> tuple[Lack, ...]:
        """What the connection misses; stops at refused credentials, because nothing else can be seen then."""
        try:
            self._http.call("GET", f"/crm/owners/{VERSION}", query={"limit": 1}, operation="list owners")
        except Unauthorised as error:
            return (Lack("unauthorised", f"HubSpot refuses our credentials ({error.words})", "Connect HubSpot again."),)
        except Gone:
            return (Lack("address", "No HubSpot answers at this address", "Correct the address."),)
        except Misconfigured as error:
            return (_no_scope("the owners", error),)
        found = (*self._scopes(), *self._lists(), *self._pipeline(), *self._leads())
        return tuple(dict.fromkeys(found))

    def _scopes(self) -> Iterator[Lack]:
        """An app's grant tells its scopes; a key does not."""
        wanted = (*SCOPES, *LEAD_SCOPES) if self._connection.leads else SCOPES
        given = self._connection.scopes() if self._connection.scopes else frozenset(wanted)
        for scope in (scope for scope in wanted if given and scope not in given):
            yield Lack("scope", f"The scope {scope} is not granted", "Add it to the app and connect HubSpot again.")

    def _lists(self) -> Iterator[Lack]:
        """The property for our marker, unique and for every sort we write (15)."""
        self._properties.clear()
        for name in (*self._objects, TASKS, CALLS, NOTES):
            try:
                known = {str(row.get("name")): row for row in self.properties(name)}
            except (Misconfigured, Gone) as error:
                yield _no_scope(f"the properties of {name}", error)
                continue
            marker = self._connection.marker
            if marker and known.get(marker, {}).get("hasUniqueValue") is not True:
                what = f"The property {marker} for our marker is missing in {name}, or its values need not be unique"
                yield Lack("marker_field", what, "Create it: a single-line text whose values must be unique.")

    def _pipeline(self) -> Iterator[Lack]:
        chosen = self._connection.deal_pipeline, self._connection.deal_stage
        try:
            stages = self.stages(OBJECTS[RecordKind.DEAL])
        except Misconfigured as error:
            yield _no_scope("the pipelines of deals", error)
            return
        if chosen[1] not in stages.get(chosen[0], ()):
            what = f"New deals go to the stage {chosen[1]} of the pipeline {chosen[0]}, and there is none"
            yield Lack("pipeline", what, "Set deal_pipeline and deal_stage to ids of this account.")

    def _leads(self) -> Iterator[Lack]:
        """Whether the settings say the same of leads as the account does (7)."""
        path = f"/crm/objects/{VERSION}/{OBJECTS[RecordKind.LEAD]}"
        error = _error_of(lambda: self._http.call("GET", path, query={"limit": 1}, operation="list leads"))
        if error is None and not self._connection.leads:
            yield Lack("leads", "The account has leads and the connection does not look at them", "Set leads to yes.")
        elif isinstance(error, Misconfigured) and self._connection.leads:
            yield Lack("scope", f"We may not read the leads ({error.words})", f"{RECONNECT} Without leads set leads to no.")
        elif error is not None and self._connection.leads:
            yield Lack("leads", "The account has no leads: they come with Sales Hub Professional", "Set leads to no.")


def _error_of(work: Callable[[], object]) -> CrmError | None:
    """The error with which an account without leads answers; others are raised."""
    try:
        work()
    except (Misconfigured, Gone, Rejected) as error:
        return error
    return None


def _no_scope(what: str, error: CrmError) -> Lack:
    return Lack("scope", f"We may not read {what} ({error.words})", RECONNECT)


def _ordered(stages: Any) -> tuple[str, ...]:
    rows = [stage for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    return tuple(str(stage.get("id")) for stage in sorted(rows, key=lambda stage: _order(stage.get("displayOrder"))))


def _order(number: Any) -> int:
    return number if isinstance(number, int) else 0


def unknown_pipeline(pipeline: str) -> Rejected:
    return Rejected(VENDOR, "choose a stage", f"there is no pipeline {pipeline[:40]}, or it has no stages", 400)
