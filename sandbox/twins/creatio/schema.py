"""The entities the twin has: columns and lookups (crm_creatio.md 4-11)."""

from __future__ import annotations

from dataclasses import dataclass

NOBODY = "00000000-0000-0000-0000-000000000000"
NEVER = "0001-01-01T00:00:00Z"
"""An empty lookup and an empty date, as answers show them (4)."""

MOBILE = "d4a2dc80-30ca-df11-9b2a-001d60e938c6"
TO_DO, CALL_CATEGORY = "f51c4643-58e6-df11-971b-001d60e938c6", "e52bd583-7825-e011-8165-00155d043204"
TASK_TYPE = "fbe0acdc-cfc0-df11-b00f-001d60e938c6"
NOT_STARTED, COMPLETED = "384d4b84-58e6-df11-971b-001d60e938c6", "4bdbb88f-58e6-df11-971b-001d60e938c6"
MEDIUM_PRIORITY = "d625a9fc-7ee6-df11-971b-001d60e938c6"
FIRST_STAGE = "c2067b11-0ee0-df11-971b-001d60e938c6"
INCOMING = "1d96a65f-2131-4916-8825-2d142b1000b2"
EMPLOYEE = "60733efc-f36b-1410-a883-16d83cab0980"
ADMINISTRATORS, EVERYBODY = "83a43ebc-f36b-1410-298d-001e8c82bcad", "a29a3ba5-4b0d-de11-9a51-005056c00008"

KINDS = {"contact": "Contact", "organization": "Account", "lead": "Lead", "deal": "Opportunity"}
NEUTRAL = {name: kind for kind, name in KINDS.items()}
NAMES = {"Contact": "Name", "Account": "Name", "Lead": "LeadName", "Opportunity": "Title"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `refers` is the entity a lookup's id belongs to, `length` the longest text (0: any)."""

    name: str
    type: str = "String"
    length: int = 0
    refers: str = ""
    required: bool = False

    @property
    def link(self) -> str:
        """The navigation property of a lookup: its name without `Id` (4)."""
        return self.name.removesuffix("Id")

    @property
    def empty(self) -> object:
        return {"String": "", "Guid": NOBODY, "DateTimeOffset": NEVER, "Boolean": False}.get(self.type, 0)

    @property
    def custom(self) -> bool:
        return self.name.startswith("Usr")


TYPES = {"d": "DateTimeOffset", "b": "Boolean", "i": "Int32", "n": "Decimal", "g": "Guid"}
SYSTEM = "Id=g CreatedOn=d ModifiedOn=d CreatedById>Contact ModifiedById>Contact"
NAMED = "Name:250"
SHAPES = {
    "Lead": (
        "LeadName:500 Contact:250 Account:250 MobilePhone:250 BusinesPhone:250 Email:250 Commentary Notes UtmSourceStr:500 "
        "UtmMediumStr:500 UtmCampaignStr:500 UtmTermStr:500 UtmContentStr:500 BpmHref BpmRef QualifiedContactId>Contact "
        "QualifiedAccountId>Account OpportunityId>Opportunity OwnerId>Contact SalesOwnerId>Contact QualifyStatusId>QualifyStatus "
        "LeadSourceId>LeadSource"
    ),
    "Contact": (
        "Name!:250 GivenName:250 Surname:250 MobilePhone:250 Phone:250 HomePhone:250 Email:250 Notes OwnerId>Contact "
        "AccountId>Account TypeId>ContactType"
    ),
    "Account": "Name!:250 Phone:250 AdditionalPhone:250 Web:250 Notes OwnerId>Contact PrimaryContactId>Contact",
    "Opportunity": (
        "Title!:500 Amount=n Budget=n DueDate=d Description Notes OwnerId>Contact ContactId>Contact AccountId>Account "
        "StageId>OpportunityStage"
    ),
    "OpportunityContact": "IsMainContact=b OpportunityId!>Opportunity ContactId!>Contact",
    "ContactCommunication": (
        "Number!:250 SearchNumber:250 Primary=b NonActual=b CommunicationTypeId!>CommunicationType ContactId!>Contact"
    ),
    "AccountCommunication": (
        "Number!:250 SearchNumber:50 Primary=b NonActual=b CommunicationTypeId!>CommunicationType AccountId!>Account"
    ),
    "Activity": (
        "Title!:450 StartDate=d DueDate=d ShowInScheduler=b DetailedResult Notes RemindToOwner=b RemindToOwnerDate=d "
        "DurationInMinutes=i PriorityId>ActivityPriority AuthorId>Contact OwnerId>Contact TypeId>ActivityType "
        "ActivityCategoryId>ActivityCategory StatusId>ActivityStatus AccountId>Account ContactId>Contact LeadId>Lead "
        "OpportunityId>Opportunity CallDirectionId>CallDirection"
    ),
    "Call": (
        "IntegrationId:250 ParentCallId:250 CallerId_:250 CalledId_:250 StartDate=d EndDate=d Duration=i BeforeConnectionTime=i "
        "TalkTime=i HoldTime=i Caption:250 Comment:500 Notes DirectionId>CallDirection ContactId>Contact AccountId>Account "
        "ActivityId>Activity LeadId>Lead OpportunityId>Opportunity"
    ),
    "SysAdminUnit": (
        "Name:250 SysAdminUnitTypeValue=i Active=b Email:250 UserPassword:250 ParentRoleId>SysAdminUnit ContactId>Contact"
    ),
    "VwSysAdminUnit": "Name:250 Active=b ContactId>Contact",
    "QualifyStatus": f"{NAMED} IsFinal=b StageNumber=i Successful=b",
    "OpportunityStage": f"{NAMED} End=b Successful=b Number=i",
    "ActivityStatus": f"{NAMED} Finish=b",
    **dict.fromkeys(
        (
            "LeadSource",
            "ActivityType",
            "ActivityCategory",
            "ActivityPriority",
            "ContactType",
            "CommunicationType",
            "CallDirection",
        ),
        NAMED,
    ),
}


def columns_of(shape: str) -> dict[str, Column]:
    """Columns from their short form: `Name!:250` required text, `Active=b` a type, `OwnerId>Contact` a lookup."""
    found = [_column(word) for word in f"{SYSTEM} {shape}".split()]
    return {column.name: column for column in found}


def _column(word: str) -> Column:
    required, plain = "!" in word, word.replace("!", "")
    if ">" in plain:
        name, _, target = plain.partition(">")
        return Column(name, "Guid", refers=target, required=required)
    if "=" in plain:
        name, _, letter = plain.partition("=")
        return Column(name, TYPES[letter], required=required)
    name, _, length = plain.partition(":")
    return Column(name.rstrip("_"), length=int(length or 0), required=required)
