"""Every call the twin has, below `/crm/v1` (crm_sendpulse.md 4-8). Tasks have a single read, which is inferred."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.twins.sendpulse import records, tasks
from sandbox.twins.sendpulse.state import CONTACT, DEAL
from sandbox.twins.sendpulse.wire import Handler

API = "/crm/v1"
Route = tuple[str, str, Handler, Mapping[str, Any]]
OF_CONTACT, OF_DEAL = {"kind": CONTACT}, {"kind": DEAL}

ROUTES: tuple[Route, ...] = (
    ("POST", "/contacts/get-list", records.list_contacts, {}),
    ("POST", "/contacts", records.create_contact_at_once, {}),
    ("POST", "/contacts/create", records.create_contact, {}),
    ("GET", "/contacts/attributes", tasks.attributes, OF_CONTACT),
    ("GET", "/contacts/<int:key>", records.get_record, OF_CONTACT),
    ("PUT", "/contacts/<int:key>", records.update_contact, {}),
    ("GET", "/contacts/<int:key>/deals", records.deals_of_contact, {}),
    ("POST", "/contacts/<int:key>/phones", records.add_phone, {}),
    ("POST", "/contacts/<int:key>/emails", records.add_emails, {}),
    ("POST", "/contacts/<int:key>/attributes/batch", records.write_attributes, {}),
    ("POST", "/contacts/<int:key>/comments", records.create_comment, OF_CONTACT),
    ("POST", "/deals/get-list", records.list_deals, {}),
    ("POST", "/deals", records.create_deal, {}),
    ("GET", "/deals/<int:key>", records.get_record, OF_DEAL),
    ("PUT", "/deals/<int:key>", records.update_deal, {}),
    ("POST", "/deals/<int:key>/comments", records.create_comment, OF_DEAL),
    ("POST", "/tasks", tasks.create_task, {}),
    ("POST", "/tasks/list", tasks.list_tasks, {}),
    ("GET", "/tasks/<int:key>", tasks.get_task, {}),
    ("PUT", "/tasks/<int:key>", tasks.update_task, {}),
    ("GET", "/users", tasks.users, {}),
    ("GET", "/pipelines", tasks.pipelines, {}),
    ("GET", "/pipelines/<int:key>/attributes", tasks.attributes, OF_DEAL),
    ("GET", "/boards", tasks.boards, {}),
)
