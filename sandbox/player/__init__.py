"""The player: calls as data, the deliveries a telephony makes of them, and whether they ended as their script says."""
