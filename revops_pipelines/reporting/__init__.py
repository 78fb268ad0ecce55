"""Scorecard, pictures and the report page."""
