"""What the `revops` command does, one file per command; `cli.py` only names them."""
