"""`patchcord employees`: which user of the CRM each employee is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from cli.frame import Session, command, group
from cli.output import Answer, table
from cli.project import current, stored
from cli.tree import with_value
from patchcord.crm.port import User
from patchcord.model.employees import Employee

app = group("Employees and the CRM's users.")


@dataclass(frozen=True, slots=True)
class Binding:
    """An employee and the CRM's user of the same address. `state`: `bound`, `matched` (not bound yet), `differs` (bound to
    another user), `gone` (bound to a user who is not there or not active), `unmatched`."""

    employee: str
    email: str | None
    crm_user: str | None
    found: str | None
    name: str | None
    state: str


def bindings(employees: Iterable[Employee], users: Iterable[User]) -> list[Binding]:
    """Each employee with the active user of the same e-mail address; an address that two users have matches neither."""
    active = [user for user in users if user.active]
    by_id = {user.id: user for user in active}
    by_email: dict[str, list[User]] = {}
    for user in active:
        by_email.setdefault(user.email.strip().lower(), []).append(user)
    return [_binding(employee, by_id, by_email) for employee in employees if employee.active]


def _binding(employee: Employee, by_id: dict[str, User], by_email: dict[str, list[User]]) -> Binding:
    same = by_email.get(employee.email.strip().lower(), []) if employee.email else []
    found = same[0] if len(same) == 1 else None
    if employee.crm_user is None:
        state = "matched" if found else "unmatched"
    elif employee.crm_user not in by_id:
        state = "gone"
    else:
        state = "differs" if found and found.id != employee.crm_user else "bound"
    user = found or by_id.get(employee.crm_user or "")
    return Binding(employee.key, employee.email, employee.crm_user, user.id if user else None, user.name if user else None, state)


@command(app, "match")
def match(
    session: Session,
    write: Annotated[bool, typer.Option("--write", help="store the users of those that are not bound yet")] = False,
) -> Answer:
    """Match employees to the CRM's users by e-mail. Exit code 1 when somebody is unmatched, gone, or bound to somebody else."""
    users = session.connection.projects.crm(session.project).users()
    found = bindings(session.settings.employees.values(), users)
    version, said = None, ""
    new = {it.employee: it.found for it in found if it.state == "matched"}
    if write and new:
        document, tree = current(session)
        changed = tree
        for employee, user in new.items():
            changed = with_value(changed, f"employees.{employee}.crm_user", user)
        version = stored(session, changed, tree, document.version).version
        said = f"\n{len(new)} stored, as version {version}"
    elif new:
        said = f"\n{len(new)} to store: --write"
    rows = [(it.employee, it.email, it.state, it.crm_user, it.found, it.name) for it in found]
    columns = ("employee", "e-mail", "state", "bound to", "same e-mail", "CRM user")
    wrong = any(it.state in {"unmatched", "gone", "differs"} for it in found)
    data = {"employees": [asdict(it) for it in found], "version": version}
    return Answer(data, (table(columns, rows), *([said] if said else [])), wrong)
