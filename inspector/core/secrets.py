"""Inserts secrets from the environment and from files, and masks secrets in all texts."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from inspector.core.errors import ConfigError
from inspector.core.files import read_small

MASK = "***"

VISIBLE: Final = (
    "other users can see the password on the command line in the list of processes: write ${NAME} "
    "for the environment variable NAME, or ${file:PATH} for a file (docs/configuration.md)"
)

# Shorter values are not masked everywhere, because that would destroy ordinary words.
_SHORTEST = 3
_PLACE = re.compile(r"\$\{([^{}]*)\}")
_FILE = "file:"
_known: set[str] = set()

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


def insert_secrets(value: Any, key: str) -> Any:
    """Replaces ${NAME} by an environment variable and ${file:PATH} by the first line of a file.

    value: text, or lists and mappings that hold texts. A relative PATH starts at the folder
    $CREDENTIALS_DIRECTORY of systemd if it is set, otherwise at the working folder. From then on,
    all functions of this module mask the inserted values. Raises ConfigError that names the key,
    also for a ${ that begins no such place.
    """
    if isinstance(value, Mapping):
        return {name: insert_secrets(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(insert_secrets(item, f"{key}[{n}]") for n, item in enumerate(value))
    if not isinstance(value, str):
        return value
    if "${" in _PLACE.sub("", value):
        raise ConfigError(f"{key}: a ${{ has no }}, or holds another ${{: write ${{NAME}}")
    return _PLACE.sub(lambda place: _find_secret(place[1], key), value)


def _find_secret(name: str, key: str) -> str:
    if name.startswith(_FILE):
        path = Path(os.environ.get("CREDENTIALS_DIRECTORY", ""), name.removeprefix(_FILE))
        try:
            lines = read_small(path).splitlines()
        except OSError as exc:
            raise ConfigError(f"{key}: cannot read {path}: {exc.strerror}") from exc
        except ValueError as exc:
            raise ConfigError(f"{key}: cannot use {path}: it is not a short text") from exc
        secret = lines[0] if lines else ""
    elif name in os.environ:
        secret = os.environ[name]
    else:
        raise ConfigError(f"{key}: the environment variable {name} is not set")
    if not secret:
        raise ConfigError(f"{key}: ${{{name}}} is empty")
    _remember(secret)
    return secret


def remember_password(uri: str) -> None:
    """From now on, mask_secrets masks the user and the password of this URL in every text, also
    where they hold spaces or quotes."""
    if _URL.fullmatch(uri):
        for secret in _user_and_password(uri):
            _remember(secret)


def _remember(secret: str) -> None:
    # A traceback escapes quotes.
    escaped = secret.replace("'", "\\'")
    forms = {secret, escaped, quote(secret), quote(secret, safe=""), unquote(secret)}
    _known.update(form for form in forms if len(form) >= _SHORTEST)


def _mask_known(text: str) -> str:
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def shows_secret(value: Any) -> bool:
    """Whether plain values, such as options, hold a password that is not a ${place} for one."""
    if isinstance(value, Mapping):
        return any(_shows_secret_at(key, item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return any(map(shows_secret, value))
    match = _URL.fullmatch(_PLACE.sub("", value)) if isinstance(value, str) else None
    if match is None:
        return False
    before, _, after = match[2].rpartition("@")
    return bool(before.partition(":")[2]) or _PAIR.sub(_mask_secret, after) != after


def _shows_secret_at(key: Any, item: Any) -> bool:
    if _is_secret_key(key, item):
        return item is not None and _PLACE.sub("", str(item)) != ""
    return shows_secret(item)


def mask_uri(uri: str) -> str:
    """Masks user, password and query secrets in the name of a source. Paths do not change."""
    match = _URL.fullmatch(uri)
    if match is None:
        return uri
    return _mask_known(match[1] + _PAIR.sub(_mask_secret, _mask_user(match[2])))


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
    return _mask_known(_PAIR_IN_TEXT.sub(_mask_secret, text))


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
    return {secret for secret in secrets if len(secret) >= _SHORTEST}


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
