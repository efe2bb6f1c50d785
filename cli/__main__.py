"""The command line, put together: `patchcord …`, or `python -m cli …`."""

from __future__ import annotations

from cli import again, calls, catching_up, crm, dry_run, employees, erase, explain, project, webhooks
from cli.frame import group

app = group("Patchcord: projects, their settings, what was decided for a call and why. Exit codes: 0 done; 1 something is wrong; "
            "2 wrong usage; 3 not found; 4 the stack, the CRM or the telephony cannot be reached.")  # fmt: skip
app.add_typer(project.app, name="project")
app.add_typer(employees.app, name="employees")
app.add_typer(crm.app, name="crm")
for module in (webhooks, calls, explain, dry_run, again, catching_up, erase):
    module.register(app)


def main() -> None:
    """The command."""
    app(prog_name="patchcord")


if __name__ == "__main__":
    main()
