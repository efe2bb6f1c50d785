"""The twelve CRMs by key: the names of their modules, profiles, twins, and what recorded traffic calls them."""

VENDORS = (
    "pipedrive",
    "hubspot",
    "salesforce",
    "zoho_crm",
    "zoho_desk",
    "creatio",
    "kommo",
    "bitrix24",
    "retailcrm",
    "altegio",
    "sendpulse",
    "megaplan",
)
