"""State: settings, journal, client index, leases, rate buckets, secrets. One port, DynamoDB and memory behind it."""
