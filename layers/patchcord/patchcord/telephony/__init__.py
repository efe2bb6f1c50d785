"""Telephony providers behind one port: what they send, in neutral words."""
