"""A simulated company behind vendor-shaped APIs, with its faults."""
