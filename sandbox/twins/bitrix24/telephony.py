"""Calls of an application: `telephony.externalCall.*` (crm_bitrix24.md 10)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sandbox.twins.base import Refused, digits
from sandbox.twins.bitrix24.activities import CALL, activity_row, tell_made, tell_touched, time_of
from sandbox.twins.bitrix24.search import TYPES
from sandbox.twins.bitrix24.state import Row, whole
from sandbox.twins.bitrix24.wire import Call, Result

AGAIN = timedelta(minutes=30)
OUTGOING = 1
"""TYPE of a call; 2 in, 3 in with redirection, 4 callback, 5 notice."""
CODES = ("200", "304", "603", "603-S", "486", "480", "404", "402", "403", "423", "484", "503", "OTHER")


def core(words: str) -> Refused:
    return Refused(400, words, "ERROR_CORE")


def register(call: Call) -> Result:
    user, kind = _user(call), whole(call.get("TYPE"))
    if kind is None or kind not in range(1, 6):
        raise core("Unknown TYPE.")
    number = str(call.get("PHONE_NUMBER") or "")
    if len(digits(number)) < 3:
        raise core("Unsupported phone number format.")
    row = _registered(call, number, kind, user) or _new(call, number, kind, user)
    return Result({"CALL_ID": row["CALL_ID"], "CRM_CREATED_LEAD": None, "CRM_CREATED_ENTITIES": [],
                   "CRM_ENTITY_TYPE": row["CRM_ENTITY_TYPE"], "CRM_ENTITY_ID": row["CRM_ENTITY_ID"]})  # fmt: skip


def _registered(call: Call, number: str, kind: int, user: int) -> Row | None:
    """The same call within half an hour: the same EXTERNAL_CALL_ID tells."""
    external = str(call.get("EXTERNAL_CALL_ID") or "")
    since = call.twin.clock() - AGAIN
    for row in call.state.calls.values():
        same = (row["EXTERNAL_CALL_ID"], row["PHONE_NUMBER"], row["TYPE"], row["USER_ID"]) == (external, number, kind, user)
        if external and same and row["registered"] >= since:
            return row
    return None


def _new(call: Call, number: str, kind: int, user: int) -> Row:
    started = time_of(call.state, call.get("CALL_START_DATE")) if call.get("CALL_START_DATE") else call.state.now()
    name, key = str(call.get("CRM_ENTITY_TYPE") or ""), whole(call.get("CRM_ENTITY_ID"))
    known = name in TYPES and call.state.item(TYPES[name], key) is not None
    row: Row = {
        "CALL_ID": f"externalCall.{call.state.ids.hex('call', 32)}.{int(call.twin.clock().timestamp())}",
        "EXTERNAL_CALL_ID": str(call.get("EXTERNAL_CALL_ID") or ""), "PHONE_NUMBER": number, "TYPE": kind, "USER_ID": user,
        "CRM_ENTITY_TYPE": name if known else None, "CRM_ENTITY_ID": key if known else None, "started": started,
        "registered": call.twin.clock(), "CRM_ACTIVITY_ID": 0, "RECORD_URL": None, "shown": whole(call.get("SHOW")) != 0,
    }  # fmt: skip
    call.state.calls[row["CALL_ID"]] = row
    return row


def _user(call: Call) -> int:
    inner = str(call.get("USER_PHONE_INNER") or "")
    by_extension = next((key for key, row in call.state.users.items() if inner and row["UF_PHONE_INNER"] == inner), None)
    key = whole(call.get("USER_ID")) or by_extension
    if key is None:
        raise core("USER_ID or USER_PHONE_INNER should be set.")
    if key not in call.state.users or not call.state.users[key]["ACTIVE"]:
        raise core("User is not found or is not active.")
    return key


def _row(call: Call) -> Row:
    row = call.state.calls.get(str(call.get("CALL_ID")))
    if row is None:
        raise core("Call is not found (call should be registered prior to finishing).")
    return row


def finish(call: Call) -> Result:
    """The completed call activity appears by itself. A call that is finished already keeps its activity."""
    row, user = _row(call), _user(call)
    seconds = whole(call.get("DURATION")) or 0
    code = str(call.get("STATUS_CODE") or ("200" if seconds else "304"))
    if code not in CODES:
        raise core("Unknown STATUS_CODE.")
    row["RECORD_URL"] = call.get("RECORD_URL") or row["RECORD_URL"]
    if not row["CRM_ACTIVITY_ID"]:
        row["CRM_ACTIVITY_ID"] = _activity(call, row, user, seconds)["ID"]
    return Result({
        "CALL_ID": row["CALL_ID"], "EXTERNAL_CALL_ID": row["EXTERNAL_CALL_ID"] or None, "PORTAL_USER_ID": user,
        "PHONE_NUMBER": row["PHONE_NUMBER"], "INCOMING": str(row["TYPE"]), "CALL_DURATION": seconds,
        "CALL_STATUS": int(code == "200"), "CALL_FAILED_CODE": code, "CRM_ACTIVITY_ID": row["CRM_ACTIVITY_ID"],
        "CRM_ENTITY_TYPE": row["CRM_ENTITY_TYPE"], "CRM_ENTITY_ID": row["CRM_ENTITY_ID"], "ID": len(call.state.calls),
    })  # fmt: skip


def _activity(call: Call, row: Row, user: int, seconds: int) -> Row:
    entity, key = TYPES.get(row["CRM_ENTITY_TYPE"] or "", 0), row["CRM_ENTITY_ID"] or 0
    incoming = row["TYPE"] != OUTGOING
    subject = f"{'Incoming' if incoming else 'Outgoing'} call {row['PHONE_NUMBER']}"
    made = activity_row(call.state, entity=entity, key=key, user=call.user, subject=subject)
    ended = datetime.fromisoformat(row["started"]) + timedelta(seconds=seconds)
    made |= {
        "TYPE_ID": CALL, "PROVIDER_ID": "VOXIMPLANT_CALL", "DIRECTION": 1 if incoming else 2, "COMPLETED": "Y", "STATUS": "2",
        "RESPONSIBLE_ID": user, "START_TIME": row["started"], "DEADLINE": row["started"],
        "END_TIME": call.state.time(ended), "ORIGIN_ID": f"VI_{row['CALL_ID']}",
    }  # fmt: skip
    tell_made(call, made, "call_entity")
    return made


def attach_record(call: Call) -> Result:
    """Only after finish. With an address the portal fetches it; without content it says where to upload."""
    row = _row(call)
    if not row["CRM_ACTIVITY_ID"]:
        raise core("Call is not finished yet.")
    url: Any = call.get("RECORD_URL")
    if not url:
        return Result({"uploadUrl": f"https://{call.twin.account.domain}/rest/upload.json?token=x", "fieldName": "file"})
    tell_touched(call, call.state.activities[row["CRM_ACTIVITY_ID"]])
    row["RECORD_URL"] = str(url)
    return Result({"FILE_ID": call.state.ids.number("file")})


def show(call: Call) -> Result:
    _row(call)["shown"] = True
    return Result(True)


def hide(call: Call) -> Result:
    _row(call)["shown"] = False
    return Result(True)
