"""The call in hand, HAL answers, problems, paging and bodies (crm_kommo.md 3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused
from sandbox.twins.kommo.state import Row, State

if TYPE_CHECKING:
    from sandbox.twins.kommo.twin import KommoTwin

ADMIN = 501
"""The first user, whose long-lived token is the account's."""
MOST = 250
TITLES = {400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
          429: "Too Many Requests", 504: "Gateway Timeout"}  # fmt: skip
T = TypeVar("T")
Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Call:
    """One request with the user in whose name it comes."""

    twin: KommoTwin
    request: Request
    user: Row
    args: Mapping[str, Any]

    @property
    def state(self) -> State:
        return self.twin.state

    @property
    def word(self) -> str:
        """The sort of record the path names."""
        return str(self.args["word"])

    def query(self, name: str, default: str = "") -> str:
        return self.request.args.get(name, default)

    def several(self, name: str) -> list[str]:
        """`filter[id][]`, `filter[id][0]`, `filter[id]`: the values of a filter in any of its forms."""
        names = [
            key for key in self.request.args if key == name or (key.startswith(f"{name}[") and key[len(name) + 1 : -1].isdigit())
        ]
        return [value for key in (*names, f"{name}[]") for value in self.request.args.getlist(key)]

    def asked(self, name: str) -> bool:
        """Whether `with` names it."""
        return name in self.query("with").split(",")


Handler = Callable[[Call], Response]


# ---- answers


def hal(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/hal+json")


def problem(status: int, detail: str, errors: object = None) -> Response:
    """`application/problem+json`; `errors` are the validation errors of a 400."""
    body: Row = {"title": TITLES.get(status, "Error"), "type": f"https://httpstatus.es/{status}", "status": status,
                 "detail": detail}  # fmt: skip
    if errors is not None:
        body = {"validation-errors": errors, **body}
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/problem+json")


def nothing() -> Response:
    """204: nothing found, for lists and for one by id."""
    return Response(status=204)


def listed(call: Call, name: str, rows: Sequence[Row]) -> Response:
    """One page with `page` and `limit`, and `_links.next` while there are more; 204 for an empty one."""
    page, limit = _number(call, "page", 1), _number(call, "limit", 50)
    if page < 1 or not 1 <= limit <= MOST:
        raise Refused(400, f"limit must be between 1 and {MOST}")
    cut = rows[(page - 1) * limit : page * limit]
    if not cut:
        return nothing()
    links: Row = {"self": {"href": _address(call, page)}}
    if page * limit < len(rows):
        links["next"] = {"href": _address(call, page + 1)}
    return hal({"_page": page, "_links": links, "_embedded": {name: cut}})


def _number(call: Call, name: str, default: int) -> int:
    given = call.query(name, str(default))
    if not given.isdigit():
        raise Refused(400, f"{name} must be a number")
    return int(given)


def _address(call: Call, page: int) -> str:
    account = call.twin.account
    return f"https://{account.subdomain}.{account.zone}{call.request.path}?page={page}"


def written(call: Call, name: str, rows: Iterable[Row], **more: object) -> Response:
    """What a write answers: ids and the echoed request_id."""
    links = {"self": {"href": _address(call, 1).partition("?")[0]}}
    return hal({"_links": links, **more, "_embedded": {name: [{**row, "_links": links} for row in rows]}})


# ---- refusals with a place


class Invalid(Refused):
    """400 with validation errors: what is wrong at which path of an element (3)."""

    def __init__(
        self, path: str, detail: str = "The value you selected is not a valid choice.", code: str = "NotSupportedChoice"
    ):
        super().__init__(400, detail, code)
        self.path = path
        self.errors: list[Row] = [{"request_id": "0", "errors": [{"code": code, "path": path, "detail": detail}]}]


def below(path: str, check: Callable[[], T]) -> T:
    """Run a check of something nested: its errors get the path in front."""
    try:
        return check()
    except Invalid as error:
        raise Invalid(f"{path}.{error.path}", error.words, error.code) from None


# ---- bodies


def body_of(call: Call) -> Any:
    """The JSON sent; 415 for another content type, 400 for what is none."""
    if call.request.mimetype != "application/json":
        raise Refused(415, "Unsupported media type, send application/json")
    try:
        return json.loads(call.request.get_data())
    except ValueError:
        raise Refused(400, "Syntax error") from None


def object_of(call: Call) -> Row:
    body = body_of(call)
    if not isinstance(body, dict):
        raise Refused(400, "The body must be an object")
    return body


def elements(call: Call, most: int = MOST) -> list[Row]:
    """The elements of a collection's write; one alone must stand in an array too (3)."""
    body = body_of(call)
    if not isinstance(body, list) or not body or not all(isinstance(item, dict) for item in body):
        raise Refused(400, "The body must be an array of objects")
    if len(body) > most:
        raise Refused(400, f"At most {most} elements are allowed")
    return [{"request_id": str(place), **item} for place, item in enumerate(body)]


def each(items: Sequence[Row], check: Callable[[Row], T]) -> list[T]:
    """Check all elements before anything is done: one bad one fails the whole array (3)."""
    good: list[T] = []
    errors: list[Row] = []
    for item in items:
        try:
            good.append(check(item))
        except Invalid as error:
            errors += [{**found, "request_id": item["request_id"]} for found in error.errors]
            last = error
    if errors:
        last.errors = errors
        raise last
    return good


def check_body(body: Mapping[str, Any], allowed: Mapping[str, Check], needed: Sequence[str] = ()) -> None:
    """400 for unknown names, wrong types and what is missing."""
    for name, value in body.items():
        if name not in allowed:
            raise Invalid(name, "This field was not expected.", "NotExpected")
        if value is not None and not allowed[name](value):
            raise Invalid(name, "This value is not valid.", "InvalidType")
    for name in needed:
        if body.get(name) in (None, ""):
            raise Invalid(name, "This field is missing.", "FieldMissing")


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 255


def is_long(value: Any) -> bool:
    """A task's or a note's text."""
    return isinstance(value, str) and len(value) <= 20_000


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_time(value: Any) -> bool:
    """Unix seconds, not milliseconds."""
    return is_int(value) and 0 <= value < 100_000_000_000


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_list(value: Any) -> bool:
    return isinstance(value, list)


def is_ids(value: Any) -> bool:
    """`[{"id": 1, …}]`."""
    return is_list(value) and all(is_object(item) and is_int(item.get("id")) for item in value)


def known_user(call: Call, key: Any, path: str) -> None:
    """400 for a user there is not, and for an inactive one where the account is set up so (10). 0 is the robot (3)."""
    user = call.state.users.get(key)
    robot = key == 0 and path != "responsible_user_id"
    if key is not None and not robot and user is None:
        raise Invalid(path)
    if user and not user["rights"]["is_active"] and path == "responsible_user_id" and call.twin.account.refuse_inactive_owner:
        raise Invalid(path, "The user is not active.")
