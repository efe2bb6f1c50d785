"""Connecting a project's CRM again after it refused our credentials (design 6).

`python -m patchcord.service.connect PROJECT` with the functions' environment variables (docs/aws.md).
"""

from __future__ import annotations

import argparse
import sys

from patchcord.crm.errors import CrmError
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


def main(arguments: list[str]) -> int:
    """0: connected and nothing is missing; 1: something is missing; 2: no such project or no answer from the CRM."""
    from patchcord.service import bootstrap

    parser = argparse.ArgumentParser(prog="patchcord.service.connect", description="Check a project's CRM and connect it again.")
    parser.add_argument("project")
    name = parser.parse_args(arguments).project
    projects = bootstrap.service().projects
    project = projects.get(name)
    if project is None:
        sys.stderr.write(f"there is no project {name}\n")
        return 2
    try:
        lacks = reconnect(bootstrap.store(), projects, project)
    except CrmError as error:
        sys.stderr.write(f"the CRM cannot be checked now: {error}\n")
        return 2
    for lack in lacks:
        sys.stdout.write(f"{lack.code}: {lack.what}\n    {lack.remedy}\n")
    if not lacks:
        sys.stdout.write("connected; nothing is missing\n")
    return 1 if lacks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
