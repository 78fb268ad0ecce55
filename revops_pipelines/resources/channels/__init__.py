"""One file per way of reaching people."""
