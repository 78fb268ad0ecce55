"""Benchmarks: `python -m bench`, or `make bench`. What they mean is in docs/benchmarks.md.

Belongs here: measuring, and printing ratios. Does not: tests; no test depends on a time.
"""
