"""What watches: lead response, thresholds, delivery, freshness, failed runs."""
