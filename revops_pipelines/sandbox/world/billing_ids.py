"""Identifiers that look like Stripe's and follow from the seed.

Belongs here: random base-62 cores, and the identifiers derived from a record's core. Does not: what
they name.
"""

from __future__ import annotations

from base64 import b64encode
from random import Random

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def core(random: Random, length: int) -> str:
    """So many random letters and digits."""
    return b64encode(random.randbytes(length), altchars=b"aZ").decode("ascii")[:length]


def numbered(number: int) -> str:
    """Two characters that tell siblings of one core apart; 3,844 of them."""
    return ALPHABET[number // 62 % 62] + ALPHABET[number % 62]
