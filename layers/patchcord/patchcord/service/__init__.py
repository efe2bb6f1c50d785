"""The way of an event: accept, perform, retry; and the wiring."""
