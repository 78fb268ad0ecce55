"""The chaos run of alerting: `python -m chaos`, or `make chaos`.

Belongs here: many events, faulty receivers and dying relays at once, and what must hold all the
same. Does not: single faults, each of which has a test of its own (`tests/faults`).
"""
