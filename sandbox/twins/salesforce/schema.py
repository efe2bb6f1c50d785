"""The objects and fields every org has, as far as this contract goes (crm_salesforce.md 6.1, 7, 8, 10, 11, 12, 13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEAD, CONTACT, ACCOUNT, OPPORTUNITY, TASK = "Lead", "Contact", "Account", "Opportunity", "Task"
USER, QUEUE, ROLE, RECORD_TYPE, PROFILE = "User", "Group", "OpportunityContactRole", "RecordType", "Profile"
LEAD_STATUS, TASK_STATUS, NOTE, NOTE_LINK = "LeadStatus", "TaskStatus", "ContentNote", "ContentDocumentLink"
PREFIXES = {
    LEAD: "00Q", CONTACT: "003", ACCOUNT: "001", OPPORTUNITY: "006", TASK: "00T", USER: "005", QUEUE: "00G", ROLE: "00K",
    RECORD_TYPE: "012", PROFILE: "00e", LEAD_STATUS: "01J", TASK_STATUS: "01T", NOTE: "069", NOTE_LINK: "06A",
}  # fmt: skip
"""What the first three characters of an id tell (1)."""
KINDS = {"contact": CONTACT, "organization": ACCOUNT, "lead": LEAD, "deal": OPPORTUNITY}
"""Neutral kinds and the vendor's objects."""
NEUTRAL = {name: kind for kind, name in KINDS.items()}
WRITABLE = (LEAD, CONTACT, ACCOUNT, OPPORTUNITY, TASK, ROLE, NOTE, NOTE_LINK)
CLOSED_STATUSES = ("Closed - Converted", "Closed - Not Converted")


@dataclass(frozen=True, slots=True)
class Field:
    """A field as `describe` tells it (12). `default` is filled in on creation; `once` can be set on creation only."""

    name: str
    type: str = "string"
    length: int = 0
    label: str = ""
    createable: bool = True
    once: bool = False
    nillable: bool = True
    default: Any = None
    options: tuple[str, ...] = ()
    restricted: bool = False
    refers: tuple[str, ...] = ()
    external: bool = False

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def title(self) -> str:
        return self.label or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name)

    @property
    def relation(self) -> str:
        """The name under which a reference's record is reached in SOQL."""
        return f"{self.name[:-3]}__r" if self.custom else self.name.removesuffix("Id")

    def described(self) -> dict[str, Any]:
        """As it stands in the answer of `describe`."""
        return {
            "name": self.name, "label": self.title, "type": self.type, "length": self.length, "custom": self.custom,
            "createable": self.createable, "updateable": self.createable and not self.once,
            "nillable": self.nillable, "defaultedOnCreate": self.default is not None or self.type == "boolean",
            "picklistValues": [{"value": value, "label": value, "active": True} for value in self.options],
            "restrictedPicklist": self.restricted, "externalId": self.external, "unique": self.external,
            "referenceTo": list(self.refers), "relationshipName": self.relation if self.refers else None,
        }  # fmt: skip


def _read(name: str, kind: str, refers: tuple[str, ...] = ()) -> Field:
    return Field(name, kind, createable=False, nillable=False, refers=refers)


SYSTEM = (
    _read("Id", "id"), _read("IsDeleted", "boolean"), _read("CreatedDate", "datetime"), _read("LastModifiedDate", "datetime"),
    _read("CreatedById", "reference", (USER,)), _read("LastModifiedById", "reference", (USER,)),
    _read("SystemModstamp", "datetime"),
)  # fmt: skip


def _text(name: str, length: int, **more: Any) -> Field:
    return Field(name, length=length, **more)


def _phones(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "phone", 40) for name in names)


def _owner(*also: str) -> Field:
    return Field("OwnerId", "reference", nillable=False, default="", refers=(USER, *also))


def _record_type() -> Field:
    return Field("RecordTypeId", "reference", refers=(RECORD_TYPE,))


def _source(name: str) -> Field:
    values = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
    return Field(name, "picklist", 255, options=values)


_NAME = _read("Name", "string")
_PERSON = (_NAME, _text("LastName", 80, nillable=False), _text("FirstName", 40), Field("Email", "email", 80),
           Field("Description", "textarea", 32_000), _source("LeadSource"))  # fmt: skip

OBJECTS: Mapping[str, tuple[Field, ...]] = {
    LEAD: (
        *_PERSON, *_phones("Phone", "MobilePhone", "Fax"), _owner(QUEUE), _record_type(), _text("Company", 255, nillable=False),
        Field("Status", "picklist", 255, nillable=False, default="Open - Not Contacted",
              options=("Open - Not Contacted", "Working - Contacted", *CLOSED_STATUSES)),
        _read("IsConverted", "boolean"), Field("ConvertedContactId", "reference", createable=False, refers=(CONTACT,)),
        Field("ConvertedAccountId", "reference", createable=False, refers=(ACCOUNT,)),
        Field("ConvertedOpportunityId", "reference", createable=False, refers=(OPPORTUNITY,)),
    ),
    CONTACT: (
        *_PERSON, *_phones("Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "Fax"), _owner(), _record_type(),
        Field("AccountId", "reference", refers=(ACCOUNT,)),
    ),
    ACCOUNT: (
        _text("Name", 255, nillable=False), *_phones("Phone", "Fax"), _owner(), _record_type(), _source("AccountSource"),
        Field("Description", "textarea", 32_000),
    ),
    OPPORTUNITY: (
        _text("Name", 120, nillable=False), _owner(), _record_type(), _source("LeadSource"), Field("Amount", "currency"),
        Field("StageName", "picklist", 255, nillable=False, options=(
            "Prospecting", "Qualification", "Negotiation/Review", "Closed Won", "Closed Lost")),
        Field("CloseDate", "date", nillable=False), Field("AccountId", "reference", refers=(ACCOUNT,)),
        Field("ContactId", "reference", refers=(CONTACT,), once=True), Field("Description", "textarea", 32_000),
        _read("IsClosed", "boolean"), _read("IsWon", "boolean"),
    ),
    TASK: (
        _text("Subject", 255), _owner(QUEUE), Field("WhoId", "reference", refers=(LEAD, CONTACT)),
        Field("WhatId", "reference", refers=(ACCOUNT, OPPORTUNITY)), Field("ActivityDate", "date"),
        Field("Status", "picklist", 255, nillable=False, default="Not Started",
              options=("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")),
        Field("Priority", "picklist", 255, nillable=False, default="Normal", options=("High", "Normal", "Low")),
        Field("Description", "textarea", 32_000), Field("IsReminderSet", "boolean"), Field("ReminderDateTime", "datetime"),
        Field("TaskSubtype", "picklist", 40, default="Task", once=True, restricted=True, options=("Task", "Call", "Email")),
        Field("CallType", "picklist", 40, restricted=True, options=("Internal", "Inbound", "Outbound")),
        Field("CallDurationInSeconds", "int"), _text("CallDisposition", 255), _text("CallObject", 255),
        _read("IsClosed", "boolean"),
    ),
    USER: (
        _NAME, Field("Email", "email", 128), _text("Username", 80), Field("IsActive", "boolean"),
        Field("UserType", "picklist", 40), _text("TimeZoneSidKey", 40), Field("ProfileId", "reference", refers=(PROFILE,)),
    ),
    PROFILE: (_NAME, _read("PermissionsModifyAllData", "boolean")),
    QUEUE: (_NAME, Field("Type", "picklist", 40)),
    ROLE: (
        Field("OpportunityId", "reference", nillable=False, refers=(OPPORTUNITY,)),
        Field("ContactId", "reference", nillable=False, refers=(CONTACT,)), _text("Role", 40), Field("IsPrimary", "boolean"),
    ),
    RECORD_TYPE: (_NAME, _text("SobjectType", 40), Field("IsActive", "boolean")),
    LEAD_STATUS: (_text("MasterLabel", 255), Field("IsConverted", "boolean"), Field("IsDefault", "boolean")),
    TASK_STATUS: (_text("MasterLabel", 255), Field("IsClosed", "boolean"), Field("IsDefault", "boolean")),
    NOTE: (_text("Title", 255, nillable=False), Field("Content", "base64")),
    NOTE_LINK: (
        Field("ContentDocumentId", "reference", nillable=False, refers=(NOTE,)),
        Field("LinkedEntityId", "reference", nillable=False, refers=(LEAD, CONTACT, ACCOUNT, OPPORTUNITY)),
        Field("ShareType", "picklist", 1, options=("V", "C", "I")),
    ),
}  # fmt: skip


def own_field(name: str, kind: str, options: tuple[str, ...]) -> Field:
    """A custom field of a seed: `kind` is text, number, date, phone, option or marker (a unique external id)."""
    api_name = re.sub(r"\W+", "_", name).strip("_") + "__c"
    if kind == "marker":
        return Field(api_name, length=255, label=name, external=True)
    types = {"text": "string", "number": "double", "option": "picklist"}
    length = {"text": 255, "phone": 40, "option": 255}.get(kind, 0)
    return Field(api_name, types.get(kind, kind), length, name, options=options)
