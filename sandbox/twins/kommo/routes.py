"""Every call the twin has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.twins.kommo import company, composite, fields, notes, records, tasks
from sandbox.twins.kommo.state import COMPANIES, CONTACTS, LEADS
from sandbox.twins.kommo.wire import Handler


@dataclass(frozen=True, slots=True)
class Route:
    """One call below `/api/v4`. `args` go to the handler with the path's parts; `admin`: administrators' tokens only (10)."""

    method: str
    path: str
    handler: Handler
    args: Mapping[str, Any] = field(default_factory=dict)
    admin: bool = False


def _of(word: str) -> list[Route]:
    """The calls leads, contacts and companies have in common."""
    args, path = {"word": word}, f"/{word}"
    return [
        Route("GET", path, records.list_rows, args),
        Route("POST", path, records.create_rows, args),
        Route("PATCH", path, records.update_rows, args),
        Route("GET", f"{path}/<int:key>", records.get_row, args),
        Route("PATCH", f"{path}/<int:key>", records.update_row, args),
        Route("POST", f"{path}/<int:key>/link", records.link, args),
        Route("GET", f"{path}/<int:key>/links", records.list_links, args),
        Route("GET", f"{path}/notes", notes.list_notes, args),
        Route("POST", f"{path}/notes", notes.create_notes, args),
        Route("PATCH", f"{path}/notes", notes.update_notes, args),
        Route("GET", f"{path}/notes/<int:note>", notes.get_note, args),
        Route("GET", f"{path}/<int:key>/notes", notes.list_notes, args),
        Route("POST", f"{path}/<int:key>/notes", notes.create_notes, args),
        Route("PATCH", f"{path}/<int:key>/notes", notes.update_notes, args),
        Route("GET", f"{path}/custom_fields", fields.list_fields, args),
        Route("POST", f"{path}/custom_fields", fields.create_fields, args, admin=True),
        Route("GET", f"{path}/custom_fields/<int:key>", fields.get_field, args),
    ]


ROUTES = (
    *_of(LEADS),
    *_of(CONTACTS),
    *_of(COMPANIES),
    Route("POST", "/leads/complex", composite.create_complex),
    Route("GET", "/leads/pipelines", company.list_pipelines),
    Route("GET", "/tasks", tasks.list_tasks),
    Route("POST", "/tasks", tasks.create_tasks),
    Route("GET", "/tasks/<int:key>", tasks.get_task),
    Route("PATCH", "/tasks/<int:key>", tasks.update_task),
    Route("POST", "/calls", notes.create_calls),
    Route("GET", "/account", company.get_account),
    Route("GET", "/users", company.list_users, admin=True),
    Route("GET", "/users/<int:key>", company.get_user, admin=True),
)
