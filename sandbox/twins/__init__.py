"""Fake CRM servers, one module a vendor."""
