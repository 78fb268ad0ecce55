"""PLUG-IN: one file per alert rule: a header and a pure detect()."""
