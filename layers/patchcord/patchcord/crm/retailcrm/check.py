"""What a connection to RetailCRM misses, for its administrator (crm_retailcrm.md 1, 2, 5, 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from patchcord.crm.errors import Gone, Misconfigured, Unauthorised
from patchcord.crm.port import Lack
from patchcord.crm.retailcrm.account import Account
from patchcord.crm.retailcrm.declaration import METHODS, ORDER_METHODS, Connection
from patchcord.crm.retailcrm.reading import Row

Step = Callable[[Account, Connection, Row], Iterator[Lack]]


def lacks(account: Account, connection: Connection) -> tuple[Lack, ...]:
    """Everything at once; stops at a refused key, because nothing else can be seen then."""
    try:
        given = account.http.call("GET", "/api/credentials", operation="read credentials").json
    except Unauthorised as error:
        return (Lack("unauthorised", f"RetailCRM refuses our key ({error.words})", "Enter an API key that is active."),)
    except Gone:
        return (Lack("address", "No RetailCRM answers at this address", "Correct the account's address."),)
    except Misconfigured as error:
        return (_no_right("what the key may do", error),)
    credentials: Row = given if isinstance(given, dict) else {}
    return tuple(lack for step in STEPS for lack in _looked(step, account, connection, credentials))


def _looked(step: Step, account: Account, connection: Connection, credentials: Row) -> Iterator[Lack]:
    try:
        yield from step(account, connection, credentials)
    except Misconfigured as error:
        yield _no_right(error.request, error)


def _no_right(what: str, error: Misconfigured) -> Lack:
    return Lack("right", f"We may not see: {what} ({error.words})", "Allow the method for the API key.")


def _rights(account: Account, connection: Connection, credentials: Row) -> Iterator[Lack]:
    """The methods the key is not allowed to call; nothing when the answer names none at all."""
    given = credentials.get("credentials")
    allowed = {_method(text) for text in given} if isinstance(given, list) else set()
    needed = METHODS + ((ORDER_METHODS,) if connection.order_method else ())
    for method in needed if allowed else ():
        if _method(method) not in allowed:
            yield Lack("right", f"The API key may not call {method}", "Allow the method for the API key.")


def _method(text: Any) -> str:
    """A method without its version and the names of its parts."""
    return re.sub(r"\{\w+\}", "{}", str(text).replace("/api/v5/", "/api/"))


def _site(account: Account, connection: Connection, credentials: Row) -> Iterator[Lack]:
    """The shop must be one that the key opens, and named when there are several (1)."""
    given = credentials.get("sitesAvailable")
    sites = [str(site) for site in given] if isinstance(given, list) and given else list(_sites(account))
    if connection.site and connection.site not in sites:
        yield Lack("site", f"The API key opens no shop {connection.site}", f"Set site to one of: {', '.join(sites)}.")
    if not connection.site and len(sites) > 1:
        yield Lack("site", "The API key opens several shops", f"Set site to one of: {', '.join(sites)}.")


def _sites(account: Account) -> Iterator[str]:
    for code in account.named("/reference/sites", "sites", "list shops"):
        yield str(code)


def _status_groups(account: Account, connection: Connection, credentials: Row) -> Iterator[Lack]:
    missing = [] if connection.closed_statuses else sorted(set(connection.closed_groups) - account.read_groups())
    for code in missing:
        yield Lack("status_group", f"There is no group of statuses {code}", "Set closed_groups to the groups of closed orders.")


def _order_method(account: Account, connection: Connection, credentials: Row) -> Iterator[Lack]:
    code = connection.order_method
    if code and code not in account.named("/reference/order-methods", "orderMethods", "list order methods"):
        yield Lack("order_method", f"There is no order method {code}", "Set order_method to one that exists.")


def _timezone(account: Account, connection: Connection, credentials: Row) -> Iterator[Lack]:
    if connection.timezone and (own := account.zone_name()) and own != connection.timezone:
        yield Lack("timezone", f"The account's time zone is {own}, not {connection.timezone}", f"Set timezone to {own}.")


def _performer(account: Account, connection: Connection, credentials: Row) -> Iterator[Lack]:
    key = connection.task_performer
    if key and not any(user.id == key and user.active for user in account.users()):
        yield Lack("task_performer", f"There is no active user {key}", "Set task_performer to the id of an active user.")


def _marker_fields(account: Account, connection: Connection, credentials: Row) -> Iterator[Lack]:
    for kind, code in connection.marker_fields.items():
        if code not in {row.get("code") for row in account.field_rows(kind, fresh=True)}:
            what = f"The field {code} for our marker is missing in {kind.value}"
            yield Lack("marker_field", what, "Create a field of the type string and enter its code.")


STEPS: tuple[Step, ...] = (_rights, _site, _status_groups, _order_method, _timezone, _performer, _marker_fields)
