"""What shall happen: situation, row, effects; routing order; texts; profiles. No I/O, imports model only."""
