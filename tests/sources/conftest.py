"""Fixtures of the connectors' tests, each from the module of its system."""

from __future__ import annotations

from marketo_warehouse import marketo_world, open_marketo, quiet_marketo

__all__ = ["marketo_world", "open_marketo", "quiet_marketo"]
