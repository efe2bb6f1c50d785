"""What things are: numbers, employees, events and the timeline of a call, client records, effects, settings. No I/O."""
