"""What tasks, calls and notes demand beyond their fields (crm_zohocrm.md 8, 9, 10)."""

from __future__ import annotations

import re

from sandbox.twins.zoho_crm.state import CALLS, LEADS, TASKS, Row
from sandbox.twins.zoho_crm.wire import Wrong, invalid


def check(module: str, row: Row, before: Row, index: int, *, late: bool) -> None:
    """Raises when the whole row would not do."""
    if module in (TASKS, CALLS) and row.get("Who_Id") and row.get("What_Id") and row.get("$se_module") == LEADS:
        raise invalid("Who_Id", index, "a contact may not stand beside a lead")
    if module == CALLS:
        _check_call(row, before, index, late=late)


def _check_call(row: Row, before: Row, index: int, *, late: bool) -> None:
    for name in ("Call_Type", "Owner", "Call_Start_Time"):
        if before and row.get(name) != before.get(name):
            raise invalid(name, index, "the field of a finished call cannot be changed")
    if before and not late and row.get("Voice_Recording__s") != before.get("Voice_Recording__s"):
        raise invalid("Voice_Recording__s", index, "the field cannot be changed")
    if row.get("Outgoing_Call_Status") == "Scheduled":
        return
    length = row.get("Call_Duration")
    if not length:
        path = f"$.data[{index}].Call_Duration"
        raise Wrong(400, "MANDATORY_NOT_FOUND", "required field not found", api_name="Call_Duration", json_path=path)
    if not re.fullmatch(r"\d{1,4}:\d\d", str(length)):
        raise invalid("Call_Duration", index, expected_data_type="text")
    if row.get("Call_Type") != "Missed" and not str(length).strip("0:"):
        raise invalid("Call_Duration", index, "Call Duration can not be zero")


def completed(module: str, row: Row, now: str) -> Row:
    """A task with the time at which it was closed, a call with its length in seconds (8, 9)."""
    if module == TASKS:
        closed = row.get("Status") == "Completed"
        row = {**row, "Status": row.get("Status") or "Not Started"}
        return {**row, "Closed_Time": (row.get("Closed_Time") or now) if closed else None}
    if module == CALLS and row.get("Call_Duration"):
        minutes, seconds = str(row["Call_Duration"]).split(":")
        return {**row, "Call_Duration_in_seconds": int(minutes) * 60 + int(seconds)}
    return row
