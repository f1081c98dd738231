"""Finds the kind of a source from its name, and masks the secrets in names and messages."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from inspector.core.picture_files import PICTURE_SUFFIXES, is_glob

MASK = "***"

_CAMERA = re.compile(r"\d+|/dev/video\d+|/dev/v4l/.+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")

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


def kind_of(uri: str) -> str:
    """Returns a key of SOURCES for the name of a source.

    A name that is not a camera, a URL, `synthetic`, a folder, a glob or a picture means a video
    file. VideoFileSource checks whether it exists.
    """
    if _CAMERA.fullmatch(uri):
        return "camera"
    if _SCHEME.match(uri):
        return "network"
    if uri == "synthetic":
        return "synthetic"
    path = Path(uri)
    if os.path.isdir(path) or path.suffix.lower() in PICTURE_SUFFIXES:
        return "image_folder"
    if is_glob(uri):
        return "image_folder"
    return "video_file"


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
