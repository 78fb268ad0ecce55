"""What we talk to: systems, the warehouse, the outbox, channels, the clock."""
