"""Identifiers that look like Stripe's and follow from the seed.

Belongs here: random base-62 cores, and the identifiers derived from a record's core. Does not: what
they name.
"""

from __future__ import annotations

from random import Random

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def core(random: Random, length: int) -> str:
    """So many random characters of base 62."""
    return "".join(random.choices(ALPHABET, k=length))


def numbered(number: int) -> str:
    """Two characters that tell siblings of one core apart; 3,844 of them."""
    return ALPHABET[number // 62 % 62] + ALPHABET[number % 62]
