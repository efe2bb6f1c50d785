"""How a connection proves who it is: a fixed token, or an OAuth grant that is refreshed by one at a time (design 6).

A grant is a JSON object in `Secrets` under the name `grant`: what the vendor answered (`access_token`, `refresh_token`,
`api_domain`, `scope`, …) with `expires_at` in place of `expires_in`. It is never deleted, and a new one is stored before it
is used, because many vendors take a refresh token only once (crm_kommo.md 1, crm_megaplan.md, crm_bitrix24.md 1).
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from patchcord.crm.errors import Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Dialect, Http

GRANT = "grant"
LEASE = timedelta(seconds=90)
"""Longer than the slowest refresh: the token call's time-outs and two round trips to the stores."""
TOKEN_TIME_OUT = 30.0
"""Patient, because an answer that is not waited for may hold the only refresh token that still works."""
PATIENCE = timedelta(seconds=15)
"""How long somebody else's refresh is waited for: half of a function's time. Whoever gives up is brought back later; if the
refresher has died, that is after its lease."""
EARLY = timedelta(minutes=2)
"""How long before its end a token is renewed."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0


class Secrets(Protocol):
    """What is needed of the secrets (store/port.py)."""

    def get(self, project: str, name: str, fresh: bool = False) -> str | None: ...

    def put(self, project: str, name: str, value: str) -> None: ...


class Leases(Protocol):
    """What is needed of the store (store/port.py)."""

    def lease(self, project: str, name: str, holder: str, now: datetime, until: datetime) -> bool: ...

    def free(self, project: str, name: str, holder: str) -> None: ...


class Credentials(Protocol):
    """What signs the requests of one connection."""

    def apply(self, headers: MutableMapping[str, str]) -> str:
        """Put the sign-in headers in; the token that was used comes back, for `refresh` and for masking."""
        ...

    def refresh(self, rejected_token: str) -> bool:
        """The vendor refused this token: True when there is another one now, False when there is none to be had."""
        ...

    def close(self) -> None:
        """Hang up kept connections, if there are any."""


class NoCredentials:
    """For calls that carry their secrets in the body, such as token calls."""

    def apply(self, headers: MutableMapping[str, str]) -> str:
        return ""

    def refresh(self, rejected_token: str) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""


class FixedToken:
    """A token that does not expire, in one header. `reread` looks whether the administrator stored a new one (P-PD-10)."""

    def __init__(self, header: str, value: str, reread: Callable[[], str | None] | None = None) -> None:
        self._header = header
        self._value = value
        self._reread = reread

    def apply(self, headers: MutableMapping[str, str]) -> str:
        headers[self._header] = self._value
        return self._value

    def refresh(self, rejected_token: str) -> bool:
        if self._value == rejected_token and self._reread is not None:
            self._value = self._reread() or self._value
        return self._value != rejected_token

    def close(self) -> None:
        """Nothing is open."""


class BearerToken(FixedToken):
    """A fixed token behind the word Bearer; it is known, and masked, without the word."""

    def __init__(self, value: str, reread: Callable[[], str | None] | None = None) -> None:
        super().__init__("Authorization", value, reread)

    def apply(self, headers: MutableMapping[str, str]) -> str:
        token = super().apply(headers)
        headers["Authorization"] = f"Bearer {token}"
        return token


class ClientIn(StrEnum):
    """Where a vendor wants client id and secret."""

    BASIC = "basic"
    BODY = "body"


class Encoding(StrEnum):
    """How a vendor wants the token call's body."""

    FORM = "form"
    JSON = "json"


class Flow(StrEnum):
    """What renews a grant: its refresh token, or client id and secret alone."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant type
    CLIENT_CREDENTIALS = "client_credentials"


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """A vendor's token call. `extra` are further fields of its body, such as Kommo's `redirect_uri`."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    client_in: ClientIn = ClientIn.BASIC
    encoding: Encoding = Encoding.FORM
    flow: Flow = Flow.REFRESH_TOKEN
    extra: Mapping[str, str] = field(default_factory=dict)

    def body(self, refresh_token: str) -> dict[str, str]:
        """The fields of the token call."""
        fields = {"grant_type": self.flow.value, **self.extra}
        if self.flow is Flow.REFRESH_TOKEN:
            fields["refresh_token"] = refresh_token
        if self.client_in is ClientIn.BODY:
            fields |= {"client_id": self.client_id, "client_secret": self.client_secret}
        return fields

    def headers(self) -> dict[str, str]:
        """The sign-in header of the token call."""
        if self.client_in is ClientIn.BODY:
            return {}
        pair = b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


@dataclass(frozen=True, slots=True)
class Grant:
    """A stored grant: all that the vendor answered, as text."""

    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def access_token(self) -> str:
        return str(self.facts.get("access_token") or "")

    @property
    def refresh_token(self) -> str:
        return str(self.facts.get("refresh_token") or "")

    def ends_before(self, at: datetime) -> bool:
        """Whether the access token has run out by then; one without a known end has not, one that is missing has."""
        if not self.access_token:
            return True
        text = self.facts.get("expires_at")
        return bool(text) and datetime.fromisoformat(str(text)) <= at

    def renewed(self, answer: Mapping[str, Any], now: datetime) -> Grant:
        """The grant after a refresh: the answered refresh token, or the old one if none is answered."""
        facts = dict(self.facts) | {name: value for name, value in answer.items() if value is not None}
        facts.pop("expires_at", None)
        seconds = str(facts.pop("expires_in", None) or "")
        if seconds.isdigit():
            facts["expires_at"] = (now + timedelta(seconds=int(seconds))).isoformat()
        return Grant(facts)


class OAuthGrant:
    """Credentials kept in `Secrets` and renewed under a lease, so that each refresh token is spent once.

    A grant that was answered and could not be stored is the only one that still works: the lease is kept, so that nobody
    else spends the dead one's refresh token, and this connection stores it when it is asked next.

    `scheme` is the word before the token (Zoho wants `Zoho-oauthtoken`); `early` is how long before its end a token is
    renewed (HubSpot wants it by time, crm_hubspot.md 2.1). Token calls heed no deadline: one that is cut off half-way can
    cost the connection.
    """

    def __init__(
        self,
        vendor: str,
        endpoint: TokenEndpoint,
        secrets: Secrets,
        store: Leases,
        project: str,
        *,
        name: str = GRANT,
        header: str = "Authorization",
        scheme: str = "Bearer",
        early: timedelta = EARLY,
        time_out: float = TOKEN_TIME_OUT,
        dialect: Dialect | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._vendor = vendor
        self._endpoint = endpoint
        self._secrets = secrets
        self._store = store
        self._project = project
        self._name = name
        self._header = header
        self._scheme = scheme
        self._early = early
        self._clock = clock
        self._sleep = sleep
        hidden = (endpoint.client_secret,)
        self._http = Http(vendor, endpoint.url, NoCredentials(), time_out=time_out, dialect=dialect, hidden=hidden)
        self._grant: Grant | None = None
        self._unsaved: tuple[str, Grant] | None = None
        self._holder = uuid.uuid4().hex
        self._alone = threading.Lock()  # the requests of one look-up are made side by side, as one holder

    def apply(self, headers: MutableMapping[str, str]) -> str:
        """Raises Unauthorised when there is no grant or it cannot be renewed, Transient when it cannot be renewed now."""
        grant = self._grant or self._stored(fresh=False)
        self._grant = grant
        if grant.ends_before(self._clock() + self._early):
            grant = self._renew_early(grant)
        headers[self._header] = f"{self._scheme} {grant.access_token}".strip()
        return grant.access_token

    def refresh(self, rejected_token: str) -> bool:
        """True; raises Unauthorised when the grant is refused, Transient when it cannot be renewed now."""
        self._renew(rejected_token)
        return True

    def grant(self) -> Grant:
        """The grant as it is stored: for `api_domain`, `instance_url`, `scope` and the like."""
        return self._grant or self._stored(fresh=False)

    def close(self) -> None:
        """Hang up the kept connection to the token endpoint."""
        self._http.close()

    def _renew_early(self, grant: Grant) -> Grant:
        """Renew before the end; while the old token still lives, a failure to renew is no reason to stop."""
        try:
            return self._renew(grant.access_token)
        except Transient:
            if grant.ends_before(self._clock()):
                raise
            return grant

    def _renew(self, rejected_token: str) -> Grant:
        """A grant with another token than the rejected one: somebody else's if there is one, else a new one."""
        give_up = self._clock() + PATIENCE
        pause = FIRST_PAUSE
        while True:
            with self._alone:
                renewed = self._newer_than(rejected_token) or self._renewed_alone(rejected_token)
            if renewed is not None:
                return renewed
            if self._clock() >= give_up:
                raise Transient(self._vendor, "refresh token", "somebody else has been refreshing for too long")
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _renewed_alone(self, rejected_token: str) -> Grant | None:
        """The refresh itself, None when somebody else is at it; what was stored while we got the lease counts first."""
        now = self._clock()
        if not self._store.lease(self._project, self._lease, self._holder, now, now + LEASE):
            return None
        try:
            return self._newer_than(rejected_token) or self._ask(self._stored(), rejected_token)
        finally:
            if self._unsaved is None:
                self._store.free(self._project, self._lease, self._holder)

    @property
    def _lease(self) -> str:
        return f"refresh:{self._name}"

    def _newer_than(self, rejected_token: str) -> Grant | None:
        """The stored grant if it is not the rejected one and still good."""
        stored = self._stored()
        if stored.access_token == rejected_token or stored.ends_before(self._clock()):
            return None
        self._grant = stored
        return stored

    def _ask(self, old: Grant, rejected_token: str) -> Grant:
        """Exchange the refresh token, store the answer, then use it. A refusal re-reads before it gives up."""
        if self._unsaved is not None and self._unsaved[0] == old.refresh_token:
            return self._adopt(self._unsaved[1])
        if not old.refresh_token and self._endpoint.flow is Flow.REFRESH_TOKEN:
            raise Unauthorised(self._vendor, "refresh token", "there is no refresh token: connect the CRM again")
        try:
            answer = self._exchange(old.refresh_token)
        except (Rejected, Unauthorised, Misconfigured, Gone) as error:
            newer = self._newer_than(rejected_token)
            if newer is not None:
                return newer
            raise Unauthorised(self._vendor, "refresh token", error.words) from None
        renewed = old.renewed(answer, self._clock())
        self._unsaved = (old.refresh_token, renewed)
        return self._adopt(renewed)

    def _adopt(self, grant: Grant) -> Grant:
        """Store, then use. Should storing fail, the grant is kept for the next attempt: its predecessor is dead."""
        self._secrets.put(self._project, self._name, json.dumps(dict(grant.facts)))
        self._unsaved = None
        self._grant = grant
        return grant

    def _exchange(self, refresh_token: str) -> Mapping[str, Any]:
        """The token call. A refusal with status 200 (Zoho) counts as one: the test is for `access_token`."""
        body = self._endpoint.body(refresh_token)
        form, fields = (body, None) if self._endpoint.encoding is Encoding.FORM else (None, body)
        answer = self._http.call(
            "POST", self._endpoint.url, form=form, json=fields, headers=self._endpoint.headers(), operation="refresh token"
        )
        facts = answer.json
        if isinstance(facts, dict) and facts.get("access_token"):
            return facts
        if isinstance(facts, dict) and facts.get("error"):
            raise Rejected(self._vendor, "refresh token", str(facts["error"])[:100], answer.status)
        raise Transient(self._vendor, "refresh token", "the answer holds no token")

    def _stored(self, fresh: bool = True) -> Grant:
        """The stored grant; an empty one where the flow needs none."""
        text = self._secrets.get(self._project, self._name, fresh=fresh)
        if text is None:
            if self._endpoint.flow is Flow.CLIENT_CREDENTIALS:
                return Grant()
            raise Unauthorised(self._vendor, "sign in", "the CRM is not connected: there is no grant")
        return read_grant(self._vendor, text)


def read_grant(vendor: str, text: str) -> Grant:
    """A grant from its stored text; raises Misconfigured when it is not one."""
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise Misconfigured(vendor, "sign in", "the stored grant is not a JSON object: connect the CRM again")
    return Grant(facts)
