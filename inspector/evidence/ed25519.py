"""Signatures with Ed25519 (RFC 8032): everybody may have the public key that checks them."""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from inspector.core.chain import PURPOSE


class PublicKey:
    """Checks signatures."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._public = key
        self.key_id = "ed25519-" + hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]

    def check(self, value: str, signature: str) -> bool:
        try:
            self._public.verify(bytes.fromhex(signature), PURPOSE + value.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


class PrivateKey(PublicKey):
    """Also makes signatures."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        super().__init__(key.public_key())
        self._private = key

    def sign(self, value: str) -> str:
        return self._private.sign(PURPOSE + value.encode()).hex()


def read_pem(content: bytes) -> PublicKey:
    """Reads a public key, or a private key without a password. Raises ValueError."""
    try:
        if b"PRIVATE KEY" in content:
            key = load_pem_private_key(content, None)
        else:
            key = load_pem_public_key(content)
    except TypeError:
        raise ValueError("the key has a password; a run needs one without") from None
    except ValueError:
        raise ValueError("it is not a key in PEM") from None
    if isinstance(key, Ed25519PrivateKey):
        return PrivateKey(key)
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(key)
    raise ValueError("it is not a key for Ed25519")
