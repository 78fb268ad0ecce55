"""A Plausible Stats API over the simulated company's website.

Belongs here: the key and putting the app into the frame. Does not: what it answers (`app.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from revops_pipelines.sandbox.plausible.app import API_KEY, build_app

__all__ = ["KEYS", "build_app"]

# No vendor would issue such a key, so that nobody mistakes it for a real one.
KEYS: Mapping[str, str] = {"api_key": API_KEY}
