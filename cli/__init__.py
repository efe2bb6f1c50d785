"""The `patchcord` command: projects, their settings, what was decided for a call and why (docs/cli.md)."""
