"""PLUG-IN: one file per metric: header, SQL, contract."""
