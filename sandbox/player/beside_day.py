"""What the demo's day has beside its calls: forms of the site, a messenger, a clicked number, and a call that got lost.

The expectations are Pipedrive's default scenario (rules.md 1.0), as in `day.py`.
"""

from __future__ import annotations

from typing import Any

from sandbox.demo import ANNA, ANNAS_CLIENT, BORIS, BORIS_CLIENT, CONTACT_ONLY, MAIN_LINE
from sandbox.player.beside import Click, Closed, Dispatch, Submission
from sandbox.player.ringostat import ScriptedCall
from sandbox.player.scene import NOT_YET, Expected, Scene, at, dials, done, ignored

ANNAS_KEY = "anna"
FROM_AD = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "office_spring"}
NEW = ("contact", "organization", "lead")
KEPT_ONLY = Expected(200, "done", "messenger_existing")

BESIDE: tuple[Scene[Any], ...] = (
    Scene(
        shows="Somebody new fills in the form of the site; what it says beyond name and number becomes a note",
        call=Submission(
            start=at("17:10:00"),
            client="+380931112231",
            fields={"name": "Halyna Moroz", "email": "halyna@moroz.example", "comment": "Six chairs, please", **FROM_AD},
        ),
        expects=(done("form_new", *NEW, "form"),),
    ),
    Scene(
        shows="A client with an open lead fills in the form: it is added to the lead (form fields)",
        call=Submission(start=at("17:12:00"), client=BORIS_CLIENT, fields={"comment": "And a desk"}, style="form"),
        expects=(done("form_existing", "form"),),
    ),
    Scene(
        shows="A robot fills in the form, the field that people do not see too",
        call=Submission(start=at("17:14:00"), client="+380931112232", fields={"comment": "Win now"}, robot=True),
        expects=(ignored("honeypot"),),
    ),
    Scene(
        shows="Anna sends somebody to the CRM whom she has met in a messenger",
        call=Dispatch(start=at("17:16:00"), client="+380931112233", person=ANNA, name="Ostap Kulyk"),
        expects=(done("messenger_new", *NEW, "name:lead"),),
    ),
    Scene(
        shows="Boris does the same with a client whom the CRM knows: nothing is written",
        call=Dispatch(start=at("17:18:00"), client=CONTACT_ONLY, person=BORIS),
        expects=(KEPT_ONLY,),
    ),
    Scene(
        shows="A dialogue is closed, and nobody has sent anything",
        call=Closed(start=at("17:20:00"), client="+380931112234", person=ANNA),
        expects=(ignored("not_dispatched"),),
    ),
    Scene(
        shows="Anna clicks on her client's number in the CRM: the telephony is asked to ring both",
        call=Click(start=at("17:25:00"), client=ANNAS_CLIENT, employee=ANNAS_KEY),
        expects=(dials("client", f"sip:{ANNA.login}"),),
    ),
    Scene(
        shows="… and that is the call which comes of it",
        call=ScriptedCall(
            start=at("17:25:10"),
            client=ANNAS_CLIENT,
            line=MAIN_LINE,
            way="out",
            people=(ANNA,),
            talk=71,
            status="ANSWERED",
        ),
        expects=(NOT_YET, done("out_answered_existing_by_responsible", "log")),
    ),
)

LOST: tuple[Scene[Any], ...] = (
    Scene(
        shows="Boris has answered a new client, but no webhook came: found in Ringostat's list",
        call=ScriptedCall(start=at("17:40:30"), client="+380931112235", line=MAIN_LINE, people=(BORIS,), talk=66),
        expects=(done("in_answered_new", *NEW, "log"),),
        lost=True,
    ),
)
"""Their webhooks never arrive."""
