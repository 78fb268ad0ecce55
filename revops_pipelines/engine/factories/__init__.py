"""From declarations to Dagster definitions."""
