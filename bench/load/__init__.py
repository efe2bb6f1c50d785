"""A burst of a thousand events for one project (docs/performance.md, Load)."""
