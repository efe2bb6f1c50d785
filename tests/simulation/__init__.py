"""Random histories on virtual time: nothing lost, nothing twice, whatever fails (docs/reliability.md)."""
