"""Pulling: HTTP, limits, windows, landing files, loading into raw tables."""
