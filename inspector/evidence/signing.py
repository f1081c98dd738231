"""Signs chain values with the key of a file, and checks signatures.

A text of at least 32 characters is a secret key for HMAC-SHA256 (RFC 2104). A PEM file has a key
for Ed25519 (RFC 8032): the private key signs, the public key only checks.
"""

import hashlib
import hmac
from pathlib import Path
from typing import Final, Protocol

from inspector.core.chain import PURPOSE
from inspector.core.errors import ConfigError
from inspector.core.files import read_small

SHORTEST: Final = 32
"""Characters of a secret key; 64 hex digits are usual."""

_PEM: Final = "-----BEGIN"


class Key(Protocol):
    """Checks signatures. key_id: tells keys apart and does not reveal the key."""

    key_id: str

    def check(self, value: str, signature: str) -> bool:
        """Whether this key, or its private key, has signed the value. Never raises."""
        ...


class SigningKey(Key, Protocol):
    """A key that can also sign."""

    def sign(self, value: str) -> str:
        """The signature in hex."""
        ...


class SecretKey:
    """HMAC-SHA256. Everybody who can check a signature can also make one."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.key_id = "hmac-" + self._mac(b"key id")[:16]

    def sign(self, value: str) -> str:
        return self._mac(PURPOSE + value.encode())

    def check(self, value: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(value).encode(), signature.encode())

    def _mac(self, message: bytes) -> str:
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


def load_signing_key(path: Path, name: str) -> SigningKey:
    """Reads a key that can sign. name: of the option, for messages. Raises ConfigError."""
    key = _load(path, name, private=True)
    assert hasattr(key, "sign")
    return key  # type: ignore[return-value]


def load_key(path: Path, name: str) -> Key:
    """Reads a key that can check: secret, private or public. Raises ConfigError."""
    return _load(path, name, private=False)


def _load(path: Path, name: str, *, private: bool) -> Key:
    """Messages never have content of the file."""
    try:
        text = read_small(path).strip()
    except OSError as exc:
        raise ConfigError(f"{name}: cannot read {path}: {exc.strerror}") from exc
    except ValueError:
        raise ConfigError(f"{name}: {path} is not a key file: it must be a short text") from None
    if text.startswith(_PEM):
        return _load_pem(text, path, name, private=private)
    if len(text) < SHORTEST or "\n" in text:
        raise ConfigError(
            f"{name}: {path} must have one line with at least {SHORTEST} random characters, or a "
            "key for Ed25519 in PEM; docs/evidence.md says how to make a key"
        )
    return SecretKey(text.encode())


def _load_pem(text: str, path: Path, name: str, *, private: bool) -> Key:
    try:
        from inspector.evidence.ed25519 import PrivateKey, read_pem
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"{name}: {path} needs the package cryptography: pip install 'line-inspector[sign]'"
        ) from exc
    try:
        key = read_pem(text.encode())
    except ValueError as exc:
        raise ConfigError(f"{name}: {path} cannot be used: {exc}") from None
    if private and not isinstance(key, PrivateKey):
        raise ConfigError(f"{name}: {path} is a public key, which cannot sign")
    return key
