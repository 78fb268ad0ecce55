"""A Google Analytics 4 property over the simulated company's website.

Belongs here: putting the app into the frame. Does not: what it answers (`app.py`).
"""

from __future__ import annotations

from revops_pipelines.sandbox.ga4.app import build_app
from revops_pipelines.sandbox.ga4.keys import KEYS

__all__ = ["KEYS", "build_app"]
