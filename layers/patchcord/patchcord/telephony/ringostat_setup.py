"""The webhooks to create in Ringostat's cabinet, ready to paste (telephony.md 1.6).

python -m patchcord.telephony.ringostat_setup --base https://abc.example --project acme --secret s3cret
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

METHOD = "POST"
DATA_FORMAT = "JSON"

_CALL = ("project_id", "uniqueid", "call_type", "call_timestamp", "calldate", "caller_number", "dst")
_VISIT = (
    "substitution_type",
    "pool_name",
    "keyword",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
    "client_id",
    "landing",
    "refferrer",
    "remote_ip",
)
_EMPLOYEE = ("employee_number", "employee_fio", "extension_number")
_RESULT = (
    "disposition",
    "department",
    "waittime",
    "billsec",
    "duration",
    "has_recording",
    "recording",
    "recording_wav",
    "call_card",
)
_RATING = ("employee_mark", "category_number", "category_mark")
_CALLER = ("caller", "outbound_number")
_FORM = ("form_id", "form_name", "submission_id", "submitted_at", "name", "phone", "email")
_DIALOGUE = ("dialog_id", "channel", "client_name", "client_phone", "started_at")


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of the cabinet. `event` and `moment` are its words; `required`: without it the product misses calls."""

    event: str
    moment: str
    url: str
    parameters: tuple[str, ...]
    required: bool = False
    note: str = ""
    method: str = METHOD
    data_format: str = DATA_FORMAT


def webhooks(base: str, project: str, secret: str) -> tuple[Webhook, ...]:
    """The webhooks of a project. `base` is the address of the API, such as `https://abc.example`. Raises ValueError."""
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("the base must be an http(s) address without parameters")
    if not project or not secret:
        raise ValueError("project and secret must not be empty")
    root = f"{base.rstrip('/')}/v1/hooks/{quote(project, safe='')}/{quote(secret, safe='')}/ringostat"
    ends = (*_CALL, "connected_with", *_EMPLOYEE, *_RESULT, *_VISIT)
    return (
        Webhook("Incoming call", "before the call", f"{root}/in/before", (*_CALL, *_VISIT)),
        Webhook(
            "Incoming call",
            "when the handset is taken",
            f"{root}/in/answer",
            (*_CALL, "connected_with", *_EMPLOYEE, "waittime"),
            required=True,
        ),
        Webhook(
            "Incoming call",
            "at call forwarding",
            f"{root}/in/forward",
            (*_CALL, "connected_with", *_EMPLOYEE, "scheme_name"),
        ),
        Webhook("Incoming call", "after the call", f"{root}/in/after", ends, required=True),
        Webhook("Incoming call", "after the call-rating menu", f"{root}/in/rated", ("uniqueid", *_EMPLOYEE, *_RATING)),
        Webhook(
            "Incoming call",
            "after the call",
            f"{root}/missed",
            ends,
            note="only instead of in/after, with the filter on call status set to unanswered calls",
        ),
        Webhook("Outgoing call", "before the call", f"{root}/out/before", (*_CALL, *_CALLER, *_EMPLOYEE)),
        Webhook(
            "Outgoing call",
            "after the call",
            f"{root}/out/after",
            (*_CALL, *_CALLER, "connected_with", *_EMPLOYEE, *_RESULT),
            required=True,
        ),
        Webhook(
            "Sending a form from the website",
            "on submit",
            f"{root}/form",
            ("project_id", *_FORM, *_VISIT),
            note="and every field of your forms, under any name; acts once forms.enabled is set",
        ),
        Webhook(
            "Dialogue in the messenger",
            "start of the dialogue",
            f"{root}/chat/start",
            ("project_id", *_DIALOGUE, *_EMPLOYEE),
            note="only kept, unless messenger.dispatch_on says that it sends the client's data",
        ),
        Webhook(
            "Dialogue in the messenger",
            "end of the dialogue",
            f"{root}/chat/end",
            ("project_id", *_DIALOGUE, "ended_at", *_EMPLOYEE),
            note="as the start",
        ),
    )


def paste(hooks: Sequence[Webhook]) -> str:
    """The webhooks as text for a person in front of the cabinet."""
    return "\n\n".join(_paragraph(place, hook) for place, hook in enumerate(hooks, 1)) + "\n"


def _paragraph(place: int, hook: Webhook) -> str:
    lines = [
        f"{place}. {hook.event}, {hook.moment} ({'required' if hook.required else 'optional'})",
        f"   URL         {hook.url}",
        f"   Method      {hook.method}",
        f"   Format      {hook.data_format}",
        f"   Parameters  {', '.join(hook.parameters)}",
    ]
    return "\n".join([*lines, f"   Note        {hook.note}"] if hook.note else lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: prints the webhooks, returns 0; 2 with a message when the address makes no sense."""
    parser = argparse.ArgumentParser(prog="ringostat_setup", description="The webhooks to create in Ringostat's cabinet.")
    parser.add_argument("--base", required=True, metavar="URL", help="address of the API, as the deployment printed it")
    parser.add_argument("--project", required=True, help="key of the project")
    parser.add_argument("--secret", required=True, help="the project's webhook secret; whoever knows it can send events")
    chosen = parser.parse_args(arguments)
    try:
        hooks = webhooks(chosen.base, chosen.project, chosen.secret)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(paste(hooks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
