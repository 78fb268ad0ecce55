"""PLUG-IN: one file, or one folder of the same name, per system."""
