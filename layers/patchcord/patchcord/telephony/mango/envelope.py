"""The envelope of every MANGO event: `vpbx_api_key`, `sign` and `json`, form-encoded (telephony.md 3.1)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from patchcord.telephony.json_object import unreadable
from patchcord.telephony.mango.sign import is_signed
from patchcord.telephony.port import HttpRequest, NotAuthentic, Secret

PING = "ping"
"""The path of the cabinet's "check connection" button; whether it is signed is not documented, and it tells nothing."""

KEY_SECRET, SALT_SECRET = "mango_key", "mango_salt"
"""The project's secrets: the product code and the signing key of the account."""

LONGEST = 256 * 1024
MOST_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """What was sent. `json` is the text as signed: parsing and writing it anew would change it."""

    key: str = field(repr=False)
    sign: str
    json: str = field(repr=False)


def opened(request: HttpRequest) -> Envelope:
    """The envelope of a request; what it lacks is empty. Raises BadInput for a body that is no form."""
    if len(request.body) > LONGEST:
        raise unreadable(f"at most {LONGEST} bytes", "a longer body")
    try:
        pairs = parse_qsl(request.body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise unreadable("form fields in UTF-8", "unreadable text") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return Envelope(fields.get("vpbx_api_key", ""), fields.get("sign", ""), fields.get("json", ""))


def verify(request: HttpRequest, hint: str, secret_of: Secret) -> None:
    """Make sure that the account of the project has signed the event. Raises NotAuthentic, BadInput for no form at all."""
    if hint == PING:
        return
    envelope = opened(request)
    key, salt = secret_of(KEY_SECRET), secret_of(SALT_SECRET)
    if not key or not salt:
        raise NotAuthentic("the project has no key or no salt of MANGO", known=False)
    if not hmac.compare_digest(envelope.key.encode(), key.encode()):
        raise NotAuthentic("the key is not the project's", known=False)
    if not is_signed(envelope.key, envelope.json, salt, envelope.sign):
        raise NotAuthentic("the signature is missing or wrong")
