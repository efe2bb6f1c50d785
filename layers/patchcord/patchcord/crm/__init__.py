"""CRM vendors behind one port. A vendor module is imported by name when a project uses it, never all at once."""
