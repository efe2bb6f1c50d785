"""How a call proves who it is: by the webhook's address, or by a token in its body (crm_bitrix24.md 1).

Neither is a header, so the calls are signed here and repeated by `rest.py`, not by the common `Http`, which signs headers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Protocol

from patchcord.crm.bitrix24.declaration import VENDOR
from patchcord.crm.errors import Misconfigured, Unauthorised
from patchcord.crm.grants import Credentials, OAuthGrant

EXPIRED = "expired_token"
_WEBHOOK = re.compile(r"(?:(?P<portal>https?://[^/\s]+)/rest/)?(?P<user>[1-9]\d*)/(?P<code>\w{6,})/?")


@dataclass(frozen=True, slots=True)
class Signature:
    """What signs one call: the path in front of the method, fields of the body, and the secret that is in it."""

    path: str = field(repr=False)
    body: Mapping[str, str] = field(repr=False)
    secret: str = field(repr=False)


class Access(Credentials, Protocol):
    """One of the two ways in. `apply` and `refresh` are for the common `Http`, which has nothing to do here but to mask."""

    is_application: bool

    def sign(self) -> Signature:
        """The signature of the next call; raises what `OAuthGrant` raises."""
        ...

    def renew(self, signature: Signature, error: Unauthorised) -> bool:
        """The portal refused this signature: True when there is another one now."""
        ...

    def user(self) -> str | None:
        """The user in whose name calls come, None when that is not known without asking."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookKey:
    """The telling part of a webhook's address."""

    user: str
    code: str = field(repr=False)


def read_webhook(text: str, base_url: str) -> WebhookKey:
    """`<user>/<code>`, alone or in the address as Bitrix24 shows it; raises Misconfigured."""
    found = _WEBHOOK.fullmatch(text.strip())
    if found is None:
        raise Misconfigured(VENDOR, "connect", "the secret webhook is no address of an incoming webhook")
    if found["portal"] and found["portal"].lower() != base_url.lower():
        raise Misconfigured(VENDOR, "connect", "the webhook is of another portal than the setting base_url names")
    return WebhookKey(found["user"], found["code"])


class Webhook:
    """An incoming webhook. `reread` looks whether the administrator stored a new one."""

    is_application = False

    def __init__(self, key: WebhookKey, reread: Callable[[], WebhookKey]) -> None:
        self._key = key
        self._reread = reread

    def sign(self) -> Signature:
        return Signature(f"/rest/{self._key.user}/{self._key.code}/", {}, self._key.code)

    def renew(self, signature: Signature, error: Unauthorised) -> bool:
        if self._key.code == signature.secret:
            self._key = self._reread()
        return self._key.code != signature.secret

    def user(self) -> str | None:
        return self._key.user

    def apply(self, headers: MutableMapping[str, str]) -> str:
        return self._key.code

    def refresh(self, rejected_token: str) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""


class Application:
    """An installed application: an OAuth grant whose token stands in the body."""

    is_application = True

    def __init__(self, grant: OAuthGrant) -> None:
        self._grant = grant

    def sign(self) -> Signature:
        token = self._grant.apply({})
        return Signature("/rest/", {"auth": token}, token)

    def renew(self, signature: Signature, error: Unauthorised) -> bool:
        """Only after `expired_token`: whoever refreshes for less may be blocked (1)."""
        return EXPIRED in error.words.lower() and self._grant.refresh(signature.secret)

    def user(self) -> str | None:
        return str(self._grant.grant().facts.get("user_id") or "") or None

    def apply(self, headers: MutableMapping[str, str]) -> str:
        return self._grant.apply({})

    def refresh(self, rejected_token: str) -> bool:
        return False

    def close(self) -> None:
        self._grant.close()
