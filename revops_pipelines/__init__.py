"""Revenue operations as Dagster assets: pull, validate, conform, measure, alert, show."""

__version__ = "0.1.0"
