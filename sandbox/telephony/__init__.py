"""Fake telephony providers: stand-ins of the APIs that the product calls, each written from its reference alone."""
