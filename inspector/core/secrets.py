"""Masks passwords and other secrets in URLs, messages and settings."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

MASK = "***"

# /+ because Path("rtsp://host") keeps only one slash.
_URL_IN_TEXT = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+:/+)([^\s\"'<>]+)")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+:/+)(.+)", re.DOTALL)
_PAIR_IN_TEXT = re.compile(r"([^?&;=/\s\"'<>]+)=([^&\s\"'<>]+)")
_PAIR = re.compile(r"([^?&;=/]+)=([^&]+)", re.DOTALL)
_SECRET_NAME = re.compile(
    r"passw|pwd|passphrase|token|secret|credential|signature|session|auth|api_?-?key|access_?-?key"
    r"|(?:^|[_.\-])(?:pass|key|sig|user|username|usr|login)$",
    re.IGNORECASE,
)


def mask_uri(uri: str) -> str:
    """Masks user, password and query secrets in the name of a source. Paths do not change."""
    match = _URL.fullmatch(uri)
    if match is None:
        return uri
    return match[1] + _PAIR.sub(_mask_secret, _mask_user(match[2]))


def mask_secrets(text: str, uri: str | None = None) -> str:
    """Masks the secrets of the URLs in a text, such as a message of FFmpeg.

    uri: the URL that the text is about. With it, secrets with spaces or quotes are masked too;
    without it, a space or a quote ends a URL.
    """
    if uri is not None and _URL.fullmatch(uri):
        text = text.replace(uri, mask_uri(uri))
        for secret in _user_and_password(uri):
            text = text.replace(secret, MASK)
    text = _URL_IN_TEXT.sub(lambda match: match[1] + _mask_user(match[2]), text)
    return _PAIR_IN_TEXT.sub(_mask_secret, text)


def _mask_user(rest: str) -> str:
    """rest: the part after `scheme://`.

    Removes everything up to the last "@". That "@" may belong to the path, but a password may
    contain "@", "/" or "?" as well, and a missing host in a log does no harm.
    """
    before, at, after = rest.rpartition("@")
    if not at or ("/" in before and ":" not in before and "@" not in before):
        return rest
    return f"{MASK}@{after}"


def _user_and_password(uri: str) -> set[str]:
    rest = uri[uri.index(":") + 1 :].lstrip("/")
    before, _, _ = rest.rpartition("@")
    _, _, password = before.partition(":")
    secrets = {before, password, unquote(password)}
    # Replacing shorter secrets would destroy ordinary words.
    return {secret for secret in secrets if len(secret) >= 3}


def _mask_secret(pair: re.Match[str]) -> str:
    name, value = unquote(pair[1]), unquote(pair[2])
    nested_url = ":/" in value and "@" in value
    if _SECRET_NAME.search(name) or nested_url:
        return f"{pair[1]}={MASK}"
    return pair[0]


def mask_values(value: Any) -> Any:
    """A copy of plain values for logs: URLs are masked, and so is the value of every key with a
    secret name, such as password or api_key. Lists, tuples and mappings are walked through."""
    if isinstance(value, Mapping):
        return {
            key: MASK if item is not None and _is_secret_key(key, item) else mask_values(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(mask_values(item) for item in value)
    return mask_uri(value) if isinstance(value, str) else value


def _is_secret_key(key: Any, item: Any) -> bool:
    """A mapping or list below such a key may hold harmless keys, so it is walked through."""
    plain = not isinstance(item, (Mapping, list, tuple))
    return plain and isinstance(key, str) and _SECRET_NAME.search(key) is not None
