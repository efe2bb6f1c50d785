"""Creation, change and deletion of rows, with the checks the server makes (crm_creatio.md 3, 4, 7-9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.twins.base import Refused, changed
from sandbox.twins.creatio.neutral import activity_sort, is_done, words_of
from sandbox.twins.creatio.schema import FIRST_STAGE, MEDIUM_PRIORITY, NEUTRAL, NOBODY, NOT_STARTED, TASK_TYPE, TO_DO, Column
from sandbox.twins.creatio.state import GUID, PHONES, Row

if TYPE_CHECKING:
    from sandbox.twins.creatio.twin import CreatioTwin

READ_ONLY = frozenset({"CreatedOn", "ModifiedOn", "CreatedById", "ModifiedById", "SearchNumber"})


def create(twin: CreatioTwin, entity: str, given: Mapping[str, Any], *, exact: bool) -> Row:
    """`POST /Entity`: the record as it was stored. An id of our own is taken, once (4, 13)."""
    values = _checked(twin, entity, given, exact=exact)
    if twin.state.row(entity, values.get("Id")) is not None:
        raise Refused(500, f"Violation of PRIMARY KEY constraint 'PK_{entity}'. Cannot insert duplicate key in the object.")
    for column in twin.state.columns[entity].values():
        if column.required and values.get(column.name) in (None, "", NOBODY):
            raise Refused(500, f"Column '{column.name}' of '{entity}' must be filled in.")
    row = twin.state.add(entity, {**defaults(twin, entity), **values})
    if entity == "Activity" and is_done(twin.state, row):
        twin.state.born_done.add(row["Id"])
    _in_step(twin, entity, row)
    _tell_created(twin, entity, row)
    return row


def defaults(twin: CreatioTwin, entity: str) -> Row:
    """What the server fills in where nothing is given (7, 8)."""
    if entity == "Lead":
        return {"QualifyStatusId": twin.first_status}
    if entity == "Opportunity":
        return {"StageId": FIRST_STAGE, "OwnerId": twin.state.me}
    if entity == "Activity":
        return {
            "TypeId": TASK_TYPE, "ActivityCategoryId": TO_DO, "StatusId": NOT_STARTED, "PriorityId": MEDIUM_PRIORITY,
            "OwnerId": twin.state.me, "AuthorId": twin.state.me,
        }  # fmt: skip
    return {}


def change(twin: CreatioTwin, entity: str, key: str, given: Mapping[str, Any], *, exact: bool) -> None:
    """`PATCH /Entity(id)`. Of an unknown id it may do nothing and say so to nobody (12)."""
    values = _checked(twin, entity, given, exact=exact)
    row = twin.state.row(entity, key)
    if row is None:
        if twin.site.patches_nothing:
            return
        raise Refused(404, "Not Found")
    before = words_of(twin.state, entity, row, twin.marker_in_text)
    columns = twin.state.columns[entity]
    row |= {name: columns[name].empty if value is None else value for name, value in values.items()}
    twin.state.touch(row)
    _in_step(twin, entity, row)
    _tell_changed(twin, entity, row, before)


def _in_step(twin: CreatioTwin, entity: str, row: Row) -> None:
    """Phone texts and communication rows, where the server keeps them in step (7)."""
    if twin.site.syncs_phones and entity in PHONES:
        twin.state.keep_phones(entity, row)


# ---- checks


def _checked(twin: CreatioTwin, entity: str, given: Any, *, exact: bool) -> Row:
    """The values, lower-case ids; 400 for what the model does not know, 500 for what the database refuses (3)."""
    if not isinstance(given, dict):
        raise Refused(400, "The request body is invalid: an object is expected.")
    columns, values = twin.state.columns[entity], dict[str, Any]()
    for name, value in given.items():
        if name.startswith("@"):
            continue
        column = columns.get(name)
        if column is None or name in READ_ONLY:
            words = f"The property '{name}' does not exist on type 'Terrasoft.Configuration.OData.{entity}'."
            raise Refused(400, words)
        values[name] = _value(twin, column, value, exact=exact)
    return values


def _value(twin: CreatioTwin, column: Column, value: Any, *, exact: bool) -> Any:
    if value is None:
        return None
    if not _fits(column, value, exact=exact):
        raise Refused(400, f"Cannot convert the value of '{column.name}' to the expected type 'Edm.{column.type}'.")
    if column.type == "String" and column.length and len(value.encode("utf-16-le")) > 2 * column.length:
        raise Refused(500, f"Value of column '{column.name}' is longer than {column.length} characters.")
    if column.type == "Guid":
        value = value.lower()
        if column.refers and value != NOBODY and twin.state.row(column.refers, value) is None:
            raise Refused(500, f"The INSERT statement conflicted with the FOREIGN KEY constraint of column '{column.name}'.")
    return float(value) if column.type == "Decimal" else value


def _fits(column: Column, value: Any, *, exact: bool) -> bool:
    """Numbers of the type Decimal may be texts when the content type says IEEE754Compatible (1)."""
    if column.type == "Guid":
        return isinstance(value, str) and GUID.fullmatch(value) is not None
    if column.type == "DateTimeOffset":
        return isinstance(value, str) and _is_time(value)
    if column.type == "Decimal" and exact and isinstance(value, str):
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    if column.type in ("Decimal", "Int32"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, bool if column.type == "Boolean" else str)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


# ---- the ledger


def _tell_created(twin: CreatioTwin, entity: str, row: Row) -> None:
    words = words_of(twin.state, entity, row, twin.marker_in_text)
    if entity in NEUTRAL:
        twin.pending.append(("create", NEUTRAL[entity], row["Id"], words))
    elif entity == "Activity":
        do, kind = activity_sort(twin.state, row)
        twin.pending.append((do, kind, row["Id"], words))
    elif entity == "Call":
        twin.pending.append(("log", "call", row["Id"], words))


def _tell_changed(twin: CreatioTwin, entity: str, row: Row, before: dict[str, Any]) -> None:
    news = changed(before, words_of(twin.state, entity, row, twin.marker_in_text))
    if entity in NEUTRAL:
        twin.pending.append(("update", NEUTRAL[entity], row["Id"], news))
    elif entity == "Call":
        twin.pending.append(("update", "log", row["Id"], news))
    elif entity == "Activity":
        sort, kind = activity_sort(twin.state, row)
        done = sort == "task" and news.get("completed")
        twin.pending.append(("complete_task", kind, row["Id"], news) if done else ("update", sort, row["Id"], news))
