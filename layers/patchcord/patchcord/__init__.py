"""Patchcord: joins a company's telephony to its CRM. See docs/architecture.md for the way of an event."""
