"""The methods there are, with the scope each needs (crm_bitrix24.md 1)."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.twins.base import Refused
from sandbox.twins.bitrix24 import activities, company, fields, items, search, tasks, telephony, timeline
from sandbox.twins.bitrix24.wire import Call, Handler, Result


def _bound(call: Call) -> Result:
    """`event.bind`: the portal would call the handler."""
    if not call.get("event") or not call.get("handler"):
        raise Refused(400, "event and handler are needed", "INVALID_ARG_VALUE")
    return Result(True)


METHODS: Mapping[str, Handler] = {
    "crm.item.add": items.item_add, "crm.item.update": items.item_update, "crm.item.get": items.item_get,
    "crm.item.delete": items.item_delete, "crm.item.list": items.item_list, "crm.item.fields": fields.item_fields,
    "crm.duplicate.findbycomm": search.find_by_comm, "crm.settings.mode.get": company.mode,
    "crm.status.list": company.statuses, "crm.category.list": company.categories,
    "crm.activity.add": activities.add, "crm.activity.get": activities.get, "crm.activity.update": activities.update,
    "crm.activity.delete": activities.delete, "crm.activity.list": activities.listed,
    "crm.activity.todo.add": activities.todo_add, "crm.activity.binding.add": activities.binding_add,
    "crm.activity.binding.list": activities.binding_list,
    "crm.timeline.comment.add": timeline.add, "crm.timeline.comment.get": timeline.get,
    "crm.timeline.comment.update": timeline.update, "crm.timeline.comment.list": timeline.listed,
    "crm.timeline.bindings.bind": timeline.bind,
    "tasks.task.add": tasks.add, "tasks.task.get": tasks.get, "tasks.task.update": tasks.update,
    "tasks.task.complete": tasks.complete, "tasks.task.list": tasks.listed,
    "telephony.externalcall.searchcrmentities": search.search_crm_entities,
    "telephony.externalcall.register": telephony.register, "telephony.externalcall.finish": telephony.finish,
    "telephony.externalcall.attachrecord": telephony.attach_record, "telephony.externalcall.show": telephony.show,
    "telephony.externalcall.hide": telephony.hide,
    "user.get": company.users, "user.current": company.current, "profile": company.profile, "scope": company.scope,
    "server.time": company.server_time, "event.bind": _bound,
}  # fmt: skip
"""By their names in lower case."""
APPLICATION_ONLY = frozenset({"telephony.externalcall.register", "telephony.externalcall.finish", "event.bind"})
SCOPES: Mapping[str, frozenset[str]] = {
    "crm": frozenset({"crm"}), "tasks": frozenset({"task", "tasks"}), "telephony": frozenset({"telephony"}),
    "user": frozenset({"user", "user_brief", "user_basic"}),
}  # fmt: skip
"""By the first word of a method; any of them is enough."""


def method_of(name: str, *, app: bool, scopes: tuple[str, ...]) -> Handler:
    """What carries a method out; raises the vendor's refusals."""
    plain = name.lower().removesuffix(".json")
    if plain not in METHODS:
        raise Refused(404, "Method not found!", "ERROR_METHOD_NOT_FOUND")
    if plain in APPLICATION_ONLY and not app:
        raise Refused(403, "Current authorization type is denied for this method", "WRONG_AUTH_TYPE")
    needed = SCOPES.get(plain.partition(".")[0])
    if needed and not needed & set(scopes):
        raise Refused(403, "The request requires higher privileges than provided by the access token", "insufficient_scope")
    return METHODS[plain]
