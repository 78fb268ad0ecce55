"""Erasing a person: from every table, file and log, and from what comes in again."""
