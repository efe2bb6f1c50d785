"""Connecting a project's CRM again after it refused our credentials (design 6): `patchcord crm check --reconnect`."""

from __future__ import annotations

from patchcord.crm.port import Lack
from patchcord.service.projects import Project, Projects
from patchcord.store.port import Store

REFUSED = "unauthorised"
"""The code of a check that found our credentials refused."""


def reconnect(store: Store, projects: Projects, project: Project) -> tuple[Lack, ...]:
    """Check the connection and open it again if the CRM takes our credentials; what is still missing comes back.

    Waiting events are taken up by their promises within a quarter of an hour. May raise the errors of the CRM port.
    """
    projects.forget()
    lacks = projects.crm(project).check()
    if not any(lack.code == REFUSED for lack in lacks):
        store.unblock(project.name, project.settings.crm.vendor)
    return lacks
