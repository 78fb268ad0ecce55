"""How things are done, never which: no vendor, metric or rule is named in here."""
