"""Notes below their parent or by themselves (crm_zohocrm.md 10)."""

from __future__ import annotations

from typing import Any

from sandbox.twins.zoho_crm import records
from sandbox.twins.zoho_crm.state import NOTES, Row
from sandbox.twins.zoho_crm.wire import Call, Reply, Wrong, invalid


def create_below(call: Call) -> Reply:
    """`POST /{Module}/{id}/Notes`."""
    parent = {"id": call.args["key"], "module": {"api_name": records.module_of(call)}}
    return _created(call, [{**record, "Parent_Id": parent} for record in records.sent(call)])


def create(call: Call) -> Reply:
    """`POST /Notes` with `Parent_Id`."""
    return _created(call, records.sent(call))


def _created(call: Call, sent: list[Row]) -> Reply:
    results = []
    for index, record in enumerate(sent):
        try:
            row = records.made(call, NOTES, _with_parent(record, index), index)
            results.append(records.result(call, row, "record added"))
        except Wrong as wrong:
            results.append(wrong.body)
    return records.written(results, 201)


def _with_parent(record: Row, index: int) -> Row:
    parent: Any = record.get("Parent_Id")
    module = parent.get("module") if isinstance(parent, dict) else None
    if not isinstance(module, dict):
        raise invalid("Parent_Id", index, expected_data_type="jsonobject")
    return {**record, "Parent_Id": {"id": parent.get("id")}, "$se_module": module.get("api_name")}
