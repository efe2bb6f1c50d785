"""Every call the twin has (crm_megaplan.md 3-9), and the right it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.twins.megaplan import bulk, calls, contractors, deals, tasks
from sandbox.twins.megaplan.state import (
    COMPANY,
    DEAL,
    HUMAN,
    PROGRAM,
    TASK,
    TODO,
    TODO_CATEGORY,
    TODO_STATUS,
    WAY,
)
from sandbox.twins.megaplan.wire import Handler

PREFIX = "/api/v3"


@dataclass(frozen=True, slots=True)
class Route:
    """One call. `args` go to the handler with the path's parts; without `right` the bot user gets a 403."""

    method: str
    path: str
    handler: Handler
    right: str = ""
    args: Mapping[str, str] = field(default_factory=dict)


def _of_contractors(word: str) -> list[Route]:
    """The calls people and companies have in common."""
    path, args = f"/{word[0].lower()}{word[1:]}", {"word": word}
    return [
        Route("GET", path, contractors.list_rows, "crm_enter", args),
        Route("POST", path, contractors.create, "crm_add", args),
        Route("GET", f"{path}/possibleDuplicates", contractors.possible_duplicates, "crm_enter", args),
        Route("GET", f"{path}/search", contractors.search, "crm_enter", args),
        Route("GET", f"{path}/extraFields", contractors.extra_fields, "crm_enter", args),
        Route("GET", f"{path}/<key>", contractors.get, "crm_enter", args),
        Route("POST", f"{path}/<key>", contractors.update, "crm_add", args),
        Route("POST", f"{path}/<key>/comments", contractors.comment, "crm_enter", args),
    ]


ROUTES = (
    *_of_contractors(HUMAN),
    *_of_contractors(COMPANY),
    Route("GET", "/contractor", contractors.list_rows, "crm_enter"),
    Route("GET", "/contractor/search", contractors.broken),
    Route("GET", "/contractor/<key>", contractors.get, "crm_enter"),
    Route("GET", "/contractor/<key>/deals", contractors.deals, "deal_enter"),
    *(Route("GET", f"/contractor/<key>/{name}", contractors.broken) for name in ("comments", "history", "todos")),
    *(Route("POST", f"/contractor/<key>/{name}", contractors.broken) for name in ("comments", "history", "todos")),
    Route("GET", "/callRoute", contractors.call_route, "can_use_telephony"),
    Route("GET", "/deal", deals.list_rows, "deal_enter"),
    Route("POST", "/deal", deals.create, "deal_add"),
    Route("GET", "/deal/extraFields", contractors.extra_fields, "deal_enter", {"word": DEAL}),
    Route("GET", "/deal/<key>", deals.get, "deal_enter"),
    Route("POST", "/deal/<key>", deals.update, "deal_add"),
    Route("GET", "/deal/<key>/possibleTransitions", deals.transitions, "deal_enter"),
    Route("POST", "/deal/<key>/applyTransition", deals.apply_transition, "deal_add"),
    Route("GET", "/deal/<key>/comments", contractors.list_comments, "deal_enter", {"word": DEAL}),
    Route("POST", "/deal/<key>/comments", contractors.comment, "deal_enter", {"word": DEAL}),
    Route("GET", "/program", contractors.list_all, "", {"word": PROGRAM}),
    Route("GET", "/program/<key>", deals.get_program),
    Route("GET", "/program/<key>/states", deals.program_states),
    Route("GET", "/task", tasks.list_tasks, "tasks_enter"),
    Route("POST", "/task", tasks.create_task, "tasks_add"),
    Route("GET", "/task/<key>", tasks.get_task, "tasks_enter"),
    Route("POST", "/task/<key>/doAction", tasks.task_action, "tasks_enter"),
    Route("GET", "/task/<key>/comments", contractors.list_comments, "tasks_enter", {"word": TASK}),
    Route("POST", "/task/<key>/comments", contractors.comment, "tasks_enter", {"word": TASK}),
    Route("GET", "/todo", tasks.list_todos, "todos_enter"),
    Route("POST", "/todo", tasks.create_todo, "todos_add"),
    Route("GET", "/todo/<key>", tasks.get_todo, "todos_enter"),
    Route("POST", "/todo/<key>", tasks.update_todo, "todos_add"),
    Route("POST", "/todo/<key>/doAction", tasks.todo_action, "todos_enter"),
    Route("POST", "/todo/<key>/comments", contractors.comment, "todos_enter", {"word": TODO}),
    Route("GET", "/todoStatus", contractors.list_all, "", {"word": TODO_STATUS}),
    Route("GET", "/todoCategory", contractors.list_all, "", {"word": TODO_CATEGORY}),
    Route("GET", "/advertisingWay", contractors.list_all, "", {"word": WAY}),
    Route("GET", "/callInfo", calls.list_rows, "can_use_telephony"),
    Route("POST", "/callInfo", calls.create, "can_use_telephony"),
    Route("POST", "/callInfo/history", calls.history, "can_use_telephony"),
    Route("GET", "/callInfo/provider", calls.by_provider, "can_use_telephony"),
    Route("POST", "/callInfo/provider", calls.update_by_provider, "can_use_telephony"),
    Route("GET", "/callInfo/<key>", calls.get, "can_use_telephony"),
    Route("POST", "/callInfo/<key>", calls.update, "can_use_telephony"),
    Route("POST", "/callInfo/<key>/setContractor", calls.set_contractor, "can_use_telephony"),
    Route("POST", "/callInfo/<key>/todos", tasks.create_todo, "todos_add"),
    Route("GET", "/callUserConfig", calls.user_configs, "can_use_telephony"),
    Route("GET", "/employee", contractors.list_employees),
    Route("GET", "/employee/<key>", contractors.get_employee),
    Route("GET", "/currentUser", contractors.current_user),
    Route("POST", "/bulk", bulk.bulk),
    Route("POST", "/bulk/getEntitiesByLinks", bulk.by_links),
)
