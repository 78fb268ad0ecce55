"""The DuckDB file: opening, locking, bookkeeping tables, publishing."""
