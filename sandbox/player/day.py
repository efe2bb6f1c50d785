"""A day of the demo project: its calls as they happened, and for each delivery what has to come of it.

The expectations are Pipedrive's default scenario (rules.md 1.0). They say what each single event adds: `contact`, `lead`,
`log`, `task:callback` are the keys of effects. Some calls begin with a question of the scheme's Webhook number: whom to ring.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sandbox.demo import (
    ANNA,
    ANNAS_CLIENT,
    ARCHIVED_CLIENT,
    BLOCKED,
    BORIS,
    BORIS_CLIENT,
    CONTACT_ONLY,
    DEAL_CLIENT,
    MAIN_LINE,
    NORA,
    OLENA,
    SECOND_LINE,
    STRANGER,
)
from sandbox.player.beside_day import BESIDE, LOST
from sandbox.player.ringostat import ScriptedCall
from sandbox.player.scene import (
    AGAIN,
    NOBODY,
    NOT_YET,
    REACHED,
    UNREADABLE,
    Scene,
    at,
    done,
    ignored,
    known,
    later,
    moved,
    nobody,
    rings,
)

AD = {
    "substitution_type": "dynamic",
    "pool_name": "Google Ads pool",
    "utm_source": "google",
    "utm_medium": "cpc",
    "utm_campaign": "office_spring",
    "utm_term": "office chairs",
    "client_id": "1169999034.1760002100",
    "landing": "https://shop.example/chairs",
    "refferrer": "https://www.google.com/",
    "remote_ip": "203.0.113.10",
}
DIRECT = {"substitution_type": "static", "utm_source": "(direct)", "utm_medium": "(none)", "utm_campaign": "(not set)"}
WIDGET = {**AD, "substitution_type": "callback"}

NEW = ("contact", "organization", "lead")


def _in(clock: str, client: str | None, **facts: Any) -> ScriptedCall:
    return ScriptedCall(start=at(clock), client=client, **{"line": MAIN_LINE, "visit": DIRECT, **facts})


def _out(clock: str, client: str, **facts: Any) -> ScriptedCall:
    return ScriptedCall(start=at(clock), client=client, way="out", **{"line": MAIN_LINE, **facts})


DAY: tuple[Scene[ScriptedCall], ...] = (
    Scene(
        shows="A new client comes from an ad, Anna answers",
        call=_in("09:02:10", "+380931112201", people=(ANNA,), talk=184, visit=AD),
        expects=(NOT_YET, done("in_answered_new", *NEW), done("in_answered_new", "log")),
    ),
    Scene(
        shows="Anna is rung for her own client: the call's events ask the CRM no second time (payload with a nested group)",
        call=_in("09:15:42", ANNAS_CLIENT, asks="json", people=(ANNA,), talk=95, status="REPEATED", style="nested"),
        expects=(
            rings("demo_anna"),
            NOT_YET,
            known("in_answered_existing_by_responsible"),
            done("in_answered_existing_by_responsible", "log"),
        ),
    ),
    Scene(
        shows="Anna answers a client of Boris: he has to look at it",
        call=_in("09:31:05", BORIS_CLIENT, people=(ANNA,), talk=61),
        expects=(
            NOT_YET,
            done("in_answered_existing_by_other"),
            done("in_answered_existing_by_other", "log", "task:review_call"),
        ),
    ),
    Scene(
        shows="A new client, whom nobody is responsible for, is missed",
        call=_in("09:48:20", "+380661112202", asks="json", status="NO ANSWER", wait=35, visit=AD),
        expects=(nobody("not_found"), NOT_YET, done("in_missed_new", *NEW, "task:callback")),
    ),
    Scene(
        shows="Boris calls the missed client back (form fields)",
        call=_out("09:55:00", "+380661112202", people=(BORIS,), talk=120, status="ANSWERED", style="form"),
        expects=(NOT_YET, done("out_answered_existing_by_other", "task:acquaint", REACHED)),
    ),
    Scene(
        shows="A client of Anna is missed; it rang at her and at Boris",
        call=_in(
            "10:10:33",
            ANNAS_CLIENT,
            rung=(ANNA, BORIS),
            status="NO ANSWER",
            wait=40,
            steps=("before", "forward", "missed"),
        ),
        expects=(NOT_YET, NOT_YET, NOT_YET, done("in_missed_existing", "task:callback")),
    ),
    Scene(
        shows="Anna calls her client",
        call=_out("10:22:15", ANNAS_CLIENT, people=(ANNA,), talk=233, status="ANSWERED"),
        expects=(NOT_YET, done("out_answered_existing_by_responsible", "log", REACHED)),
    ),
    Scene(
        shows="Boris calls his client, who does not answer",
        call=_out("10:40:01", BORIS_CLIENT, people=(BORIS,), status="NO ANSWER", wait=30),
        expects=(NOT_YET, done("out_unanswered")),
    ),
    Scene(
        shows="Anna calls a number nobody knows: only open leads are logged",
        call=_out("10:58:44", "+380501112203", people=(ANNA,), talk=48, status="ANSWERED"),
        expects=(NOT_YET, done("out_answered_new")),
    ),
    Scene(
        shows="Each delivery of a new client's call comes twice",
        call=_in(
            "11:05:12",
            "+380971112204",
            people=(BORIS,),
            talk=77,
            visit=AD,
            steps=("before", "answer", "answer", "after", "after"),
        ),
        expects=(NOT_YET, done("in_answered_new", *NEW), AGAIN, done("in_answered_new", "log"), AGAIN),
    ),
    Scene(
        shows="The end of a new client's call comes before its answer",
        call=_in("11:20:50", "+380631112205", people=(ANNA,), talk=102, visit=AD, steps=("before", "after", "answer")),
        expects=(NOT_YET, done("in_answered_new", *NEW, "log"), done("in_answered_new")),
    ),
    Scene(
        shows="Somebody whom the settings do not know answers a new client",
        call=_in("11:45:09", "+380731112206", people=(STRANGER,), talk=64),
        expects=(
            NOT_YET,
            done("in_answered_unknown_employee", *NEW),
            done("in_answered_unknown_employee", "task:check_settings"),
        ),
    ),
    Scene(
        shows="Nora, who has no user in the CRM, answers a contact without a lead",
        call=_in("12:03:30", CONTACT_ONLY, people=(NORA,), talk=41, steps=("answer", "after")),
        expects=(
            done("in_answered_unknown_employee"),
            done("in_answered_unknown_employee", "lead", "task:check_settings"),
        ),
    ),
    Scene(
        shows="A blocked number calls",
        call=_in("12:20:00", BLOCKED, asks="get", people=(ANNA,), talk=12),
        expects=(nobody("blocked_number"), *(ignored("blocked_number"),) * 3),
    ),
    Scene(
        shows="One of the company's own lines calls another",
        call=_in("12:34:18", SECOND_LINE, people=(BORIS,), talk=20, steps=("after",)),
        expects=(ignored("own_number"),),
    ),
    Scene(
        shows="Anna hands a new client over to Boris",
        call=_in("12:50:27", "+380951112207", people=(ANNA, BORIS), talk=310, visit=AD),
        expects=(NOT_YET, done("in_answered_new", *NEW), done("in_answered_new"), done("in_answered_new", "log")),
    ),
    Scene(
        shows="Anna is busy when a client calls who has a deal of hers but no lead (GET, whom to ring as well)",
        call=_in("13:15:40", DEAL_CLIENT, asks="get", status="BUSY", wait=3, style="get"),
        expects=(rings("demo_anna"), NOT_YET, done("in_missed_existing", "lead", "task:callback")),
    ),
    Scene(
        shows="A new client leaves a voice message",
        call=_in("13:40:11", "+380681112208", status="VOICEMAIL", wait=52, visit=AD),
        expects=(NOT_YET, done("in_missed_new", *NEW, "task:callback")),
    ),
    Scene(
        shows="Somebody calls who hides his number",
        call=_in("14:05:05", None, asks="json", status="NO ANSWER", wait=18),
        expects=(nobody("hidden_number"), ignored("hidden_number"), ignored("hidden_number")),
    ),
    Scene(
        shows="A new client gets lost in the voice menu",
        call=_in("14:20:36", "+380991112209", status="NO EXTENSION", wait=25, line=SECOND_LINE),
        expects=(NOT_YET, done("in_missed_ivr_new", *NEW, "task:callback")),
    ),
    Scene(
        shows="Boris answers his former client, whose lead is archived",
        call=_in("14:45:23", ARCHIVED_CLIENT, people=(BORIS,), talk=150),
        expects=(
            NOT_YET,
            done("in_answered_existing_by_responsible", "lead"),
            done("in_answered_existing_by_responsible", "log"),
        ),
    ),
    Scene(
        shows="A callback from the site's widget: the client does not pick up",
        call=_in(
            "15:10:58",
            "+380671112210",
            way="callback",
            people=(OLENA,),
            status="CLIENT NO ANSWER",
            wait=45,
            visit=WIDGET,
            steps=("after",),
        ),
        expects=(done("out_unanswered"),),
    ),
    Scene(
        shows="The recording comes after the end of the call",
        call=_in("15:30:14", ANNAS_CLIENT, people=(ANNA,), talk=88, recording=False, steps=("answer", "after", "recording")),
        expects=(
            done("in_answered_existing_by_responsible"),
            done("in_answered_existing_by_responsible", "log"),
            done("in_answered_existing_by_responsible", "recording:log"),
        ),
    ),
    Scene(
        shows="The CRM answers 429, too many requests: the promise finishes it",
        call=_in("15:50:49", BORIS_CLIENT, people=(BORIS,), talk=132),
        expects=(
            NOT_YET,
            done("in_answered_existing_by_responsible"),
            later("in_answered_existing_by_responsible", "log"),
        ),
        trouble="rate_limit",
    ),
    Scene(
        shows="The CRM writes a record, but its answer gets lost: found again, not written twice",
        call=_in("16:10:02", "+380981112211", status="NO ANSWER", wait=29, visit=AD),
        expects=(NOT_YET, later("in_missed_new", *NEW, "task:callback")),
        trouble="lost_answer",
    ),
    Scene(
        shows="The missed client of the morning calls again: Boris, who called back, is rung, though he is not responsible",
        call=_in("16:20:40", "+380661112202", asks="json", people=(BORIS,), talk=95, status="REPEATED"),
        expects=(
            rings("demo_boris", "stickiness"),
            NOT_YET,
            done("in_answered_existing_by_other"),
            done("in_answered_existing_by_other", "log", "task:review_call"),
        ),
    ),
    Scene(
        shows="The CRM does not answer while a client waits: nobody, in time, and the scheme goes on to Olena",
        call=_in("16:25:12", DEAL_CLIENT, asks="json", people=(OLENA,), talk=118, status="REPEATED"),
        expects=(
            nobody("crm_failed", late=True),
            NOT_YET,
            done("in_answered_existing_by_responsible"),
            done("in_answered_existing_by_responsible", "log", REACHED),
        ),
        trouble="late",
    ),
    Scene(
        shows="A client of Boris is missed, and nobody will call him back today",
        call=_in("16:28:05", BORIS_CLIENT, status="NO ANSWER", wait=31, steps=("before", "missed")),
        expects=(NOT_YET, done("in_missed_existing", "task:callback")),
    ),
    Scene(
        shows="A body that nobody can read",
        call=_in("16:30:00", ANNAS_CLIENT, people=(ANNA,), talk=10, steps=("after",)),
        expects=(UNREADABLE,),
        spoilt="body",
    ),
    Scene(
        shows="A stranger who does not know the secret",
        call=_in("16:31:00", "+380671112212", people=(ANNA,), talk=10, steps=("after",)),
        expects=(NOBODY,),
        spoilt="secret",
    ),
    Scene(
        shows="The first client of the day calls again, on the other line: Anna is rung (JSON-RPC)",
        call=_in("17:02:37", "+380931112201", asks="json_rpc", people=(ANNA,), talk=205, line=SECOND_LINE, status="REPEATED"),
        expects=(
            rings("demo_anna"),
            NOT_YET,
            known("in_answered_existing_by_responsible"),
            done("in_answered_existing_by_responsible", "log"),
        ),
    ),
)


def scenes(day: date) -> tuple[Scene[Any], ...]:
    """The calls as if they had happened on that day, then what comes beside them, and what got lost."""
    return tuple(moved((*DAY, *BESIDE, *LOST), day))
