"""What a connection to Zoho CRM misses: rights, scopes, plan, modules, fields, stages (crm_zohocrm.md 1, 2, 6, 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from patchcord.crm.errors import Gone, Misconfigured, Rejected, Unauthorised
from patchcord.crm.port import Lack
from patchcord.crm.zoho_crm import queries, reading
from patchcord.crm.zoho_crm.api import Api
from patchcord.crm.zoho_crm.declaration import CALLS, MODULES, NOTES, SCOPES, TASKS, Connection, Together
from patchcord.crm.zoho_crm.queries import Part
from patchcord.model.phone import Phone
from patchcord.model.records import RecordKind

PROBE = Phone("+10000000000", "0000000000")
"""A number that nobody has: looking it up tells whether look-ups work."""


def lacks(api: Api) -> tuple[Lack, ...]:
    """Everything that is missing, or that our credentials are refused."""
    connection = api.connection
    own_user = Part("users", "GET", "/users", query={"type": "CurrentUser"})
    try:
        found = _try("the users", lambda: api.call(own_user, "read own user"))
    except Unauthorised as error:
        return (Lack("unauthorised", f"Zoho refuses our credentials ({error.words})", "Connect Zoho CRM again."),)
    look_up = _try("records by number", lambda: api.ask(queries.look_up(PROBE, connection), "search", "search"))
    more = (_lacking_plan(api), _lacking_modules(api), _lacking_fields(api), _lacking_stages(api))
    return tuple(chain(found, look_up, _lacking_scopes(connection), *more))


def _try(what: str, step: Callable[[], object]) -> list[Lack]:
    """The lack that a step runs into. Rejected and Gone are wrong settings here: field names, a module that is off."""
    try:
        step()
    except Misconfigured as error:
        return [_no_right(what, error.words)]
    except (Rejected, Gone) as error:
        return [
            Lack("setting", f"Zoho refuses to look for {what} ({error.words})", "Correct the names of fields in the settings.")
        ]
    return []


def _no_right(what: str, words: str) -> Lack:
    return Lack("right", f"We may not read {what} ({words})", "Give the user this right, or the app this scope.")


def _lacking_scopes(connection: Connection) -> Iterator[Lack]:
    """Scopes are known when the stored grant names them."""
    given = connection.scopes() if connection.scopes else frozenset()
    modules = [f"ZohoCRM.modules.{module.lower()}.ALL" for module in (*MODULES.values(), TASKS, CALLS, NOTES)]
    for scope in (*SCOPES, *modules) if given else ():
        if not _is_granted(scope, given):
            yield Lack("scope", f"The scope {scope} is not granted", "Make a new grant with it and connect Zoho CRM again.")


def _is_granted(scope: str, given: frozenset[str]) -> bool:
    """By itself, by a family above it, or, for all rights, by each right that we use."""
    family, _, right = scope.rpartition(".")
    names = family.split(".")
    above = {f"{'.'.join(names[:count])}.ALL" for count in range(1, len(names) + 1)}
    rights = {f"{family}.{one}" for one in (("READ", "CREATE", "UPDATE") if right == "ALL" else (right,))}
    return bool(given & above) or rights <= given


def _lacking_plan(api: Api) -> Iterator[Lack]:
    """In the Free edition one composite takes all places there are (2)."""
    try:
        rows = reading.listed(api.call(Part("org", "GET", "/org"), "read organisation"), "read organisation", "org")
    except Misconfigured:
        return
    licence = rows[0].get("license_details") if rows else None
    is_free = isinstance(licence, dict) and str(licence.get("paid_type") or "").lower() == "free"
    if is_free and api.connection.composite is not Together.NEVER:
        yield Lack("plan", "The Free edition has five places, and a composite takes five", "Set composite to never.")


def _lacking_modules(api: Api) -> Iterator[Lack]:
    try:
        rows = api.metadata("modules", {})
    except Misconfigured:
        return
    usable = {str(row.get("api_name")) for row in rows if row.get("api_supported") is True}
    for module in (*MODULES.values(), TASKS, CALLS, NOTES):
        if module not in usable:
            yield Lack(
                "module",
                f"The module {module} is switched off or hidden from us",
                "Switch it on and give the user the right to it.",
            )


def _lacking_fields(api: Api) -> Iterator[Lack]:
    """Zoho passes over unknown fields without a word, so their names are held against the real ones."""
    connection = api.connection
    for kind, module in MODULES.items():
        wanted = dict.fromkeys(connection.phone_fields.get(kind, ()), "phone")
        wanted |= dict.fromkeys(connection.defaults.get(kind, {}), "default")
        wanted |= dict.fromkeys(connection.lead_lookups.values(), "lookup") if kind is RecordKind.LEAD else {}
        wanted |= {connection.marker_fields[kind]: "marker"} if kind in connection.marker_fields else {}
        try:
            known = {str(row.get("api_name")) for row in api.metadata("fields", {"module": module})} if wanted else set()
        except (Misconfigured, Rejected) as error:
            yield _no_right(f"the fields of {module}", error.words)
            continue
        yield from _unknown(module, wanted, known)


def _unknown(module: str, wanted: Mapping[str, str], known: Iterable[str]) -> Iterator[Lack]:
    for name in sorted(set(wanted) - set(known)):
        yield Lack(f"{wanted[name]}_field", f"The field {name} is missing in {module}", "Create it, or correct its API name.")


def _lacking_stages(api: Api) -> Iterator[Lack]:
    """Stages that close a deal, by Zoho's own word, and that the settings do not know (6)."""
    try:
        layouts = api.metadata("layouts", {"module": MODULES[RecordKind.DEAL]})
        pipelines = [row for layout in layouts for row in api.metadata("pipeline", {"layout_id": str(layout.get("id"))})]
    except (Misconfigured, Rejected):
        return
    for stage in sorted(reading.closed_stages(pipelines) - api.connection.closed_stages):
        yield Lack("closed_stage", f"The stage {stage} closes a deal, and the settings do not say so", "Add it to closed_stages.")
