"""The data's way, top to bottom: raw, conformed, metrics, publish, report."""
