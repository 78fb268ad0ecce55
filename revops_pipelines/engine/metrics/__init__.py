"""From conformed tables to metrics.metric_values."""
