"""The key with which the sandbox's JWT assertions are signed and checked.

Belongs here: a fixed pair, written as two primes so that no key file has to be kept. It opens the
sandbox and nothing else. Does not: what an assertion must say (`access.py`).
"""

from __future__ import annotations

from functools import cache

_P = int(
    "d567b9e8b4dfc05924b6496ff26140735bf154fdb73b791bac4c12d6817bff01"
    "7f4b4182d06c6f4d2bace0a2d9bf2099d588b6c81c6cafd11433ae9cf91bcc4b"
    "09b131621ce3283dd8a7b8993c248f72075a349736376a2842d7ba47095a5ec5"
    "eef300d1a131e93c5b2b7c67cd48722f1e433b0acc37f85c63d246821d8dbf59",
    16,
)
_Q = int(
    "c2b79050b1954c41e7bca21446cdb0878571310ef62383fa039231d14dfdcd1b"
    "dc380bb44bdf37e5675bdf34f236faf3b89670b7fd503856b9116bab9856247c"
    "eebc9b6a05f82fe05776a33a29532ac1f65b56b95fa4ebb687647dcc4809093e"
    "71586a33879169d10665114bbd14903e942823d998f8e02036f6fb509bd042c5",
    16,
)
_EXPONENT = 65_537


@cache
def private_key() -> str:
    """The private half as PEM (PKCS #8)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    secret = pow(_EXPONENT, -1, (_P - 1) * (_Q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=_P,
        q=_Q,
        d=secret,
        dmp1=secret % (_P - 1),
        dmq1=secret % (_Q - 1),
        iqmp=pow(_Q, -1, _P),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, _P * _Q),
    )
    return (
        numbers.private_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode("ascii")
    )


@cache
def public_key() -> str:
    """The public half as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.RSAPublicNumbers(_EXPONENT, _P * _Q).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode("ascii")
