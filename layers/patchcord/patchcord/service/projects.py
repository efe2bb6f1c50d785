"""Projects: their settings in force, cached for a minute, and the secret in their webhook addresses."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from patchcord.model.settings import Settings
from patchcord.service.clock import Clock
from patchcord.store.port import Secrets, Store

if TYPE_CHECKING:
    from patchcord.crm.port import Crm

FRESH_FOR = timedelta(seconds=60)
"""How long settings are trusted without asking the store; a change acts after at most this."""

MOST_UNKNOWN = 1000
"""Names without a project that are remembered: whoever tries names must not fill the memory."""

SHORTEST_SECRET = 22
"""Characters of a URL-safe secret with 128 bits."""

PROJECT_NAME = re.compile(r"[a-z0-9-]{1,40}")

CLIENT_KEY = "client_key"
"""The secret with which numbers are hashed before they stand in keys. It must never change: known clients would be new."""

Connect = Callable[[str, Mapping[str, str], Secrets, Store, str], "Crm"]


@dataclass(eq=False)
class IncompleteProject(Exception):
    """A project has settings but lacks a secret without which nothing can be done for it."""

    project: str
    secret: str

    def __str__(self) -> str:
        return f"the secret {self.secret} of project {self.project} is missing"


@dataclass(frozen=True)
class Project:
    """A project with its settings of one version, and what belongs to that version."""

    name: str
    version: int
    settings: Settings
    client_secret: str

    def admits(self, secret: str) -> bool:
        """Whether the secret of a webhook address is one of the project's; two are valid during a rotation."""
        offered = secret_hash(secret)
        matches = [hmac.compare_digest(offered, valid) for valid in self.settings.telephony.secrets]
        return any(matches)  # all were compared: the time tells nothing

    def may_send(self, address: str) -> bool:
        """Whether webhooks are taken from an address: any, unless the project lists its provider's."""
        listed = self.settings.telephony.senders
        if not listed:
            return True
        from ipaddress import ip_address, ip_network

        try:
            sender = ip_address(address)
        except ValueError:
            return False
        return any(sender in ip_network(network) for network in listed)


def secret_hash(secret: str) -> str:
    """A webhook secret as settings store it."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class Projects:
    """Loads projects and their CRM connections, each at most once a minute."""

    def __init__(self, store: Store, secrets: Secrets, clock: Clock, connect: Connect) -> None:
        self._store, self._secrets, self._clock, self._connect = store, secrets, clock, connect
        self._cached: dict[str, tuple[datetime, Project | None]] = {}
        self._connections: dict[tuple[str, int, str], Crm] = {}

    def get(self, name: str) -> Project | None:
        """The project, None if there is none of that name."""
        if not PROJECT_NAME.fullmatch(name):
            return None
        known = self._cached.get(name)
        if known is not None and self._clock.now() - known[0] < FRESH_FOR:
            return known[1]
        project = self._load(name, known[1] if known else None)
        if project is None and len(self._cached) >= MOST_UNKNOWN:
            self._cached = {other: kept for other, kept in self._cached.items() if kept[1] is not None}
        self._cached[name] = (self._clock.now(), project)
        return project

    def _load(self, name: str, known: Project | None) -> Project | None:
        document = self._store.document(name)
        if document is None:
            return None
        if known is not None and known.version == document.version:
            return known
        from patchcord.scenarios.profiles import effective

        settings = effective(json.loads(document.body))
        client_key = self._secrets.get(name, CLIENT_KEY)
        if not client_key:
            raise IncompleteProject(name, CLIENT_KEY)
        return Project(name, document.version, settings, client_key)

    def secret(self, project: str, name: str) -> str | None:
        """A secret of the project, None if there is none; at most 5 minutes old."""
        return self._secrets.get(project, name)

    def crm(self, project: Project, use: str = "events") -> Crm:
        """The connection to the project's CRM. Each use has its own: routing cuts its requests off, events must not be."""
        key = (project.name, project.version, use)
        if key not in self._connections:
            crm = project.settings.crm
            self._connections = {
                other: kept for other, kept in self._connections.items() if other[:2] == key[:2] or other[0] != project.name
            }
            # the dates of tasks are the project's, wherever a CRM keeps no time of day
            options = {"timezone": project.settings.timezone, **crm.options}
            self._connections[key] = self._connect(crm.vendor, options, self._secrets, self._store, project.name)
        return self._connections[key]

    def forget(self) -> None:
        """Trust nothing that was read before."""
        self._cached.clear()
        self._connections.clear()


def save(store: Store, project: str, document: Mapping[str, Any], author: str, at: datetime) -> int:
    """Check a settings document and store it as the next version.

    Raises InvalidSettings with every finding; then nothing is stored. Warnings do not refuse it.
    """
    from patchcord.scenarios.constraints import check
    from patchcord.scenarios.profiles import InvalidSettings, effective

    findings = check(effective(document))
    if any(finding.severity == "error" for finding in findings):
        raise InvalidSettings(findings)
    current = store.document(project)
    body = json.dumps(document, ensure_ascii=False, default=str)
    return store.save_document(project, body, author, at, current.version if current else 0)
