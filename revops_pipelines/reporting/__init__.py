"""Scorecard, pictures and the pages of the report."""
