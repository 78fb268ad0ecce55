"""From metrics to people: rules, life cycle, outbox, relay."""
