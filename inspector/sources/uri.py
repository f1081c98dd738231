"""What kind of source a name means, and how it is shown without its secrets."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from inspector.core.picture_files import PICTURE_SUFFIXES, is_glob

MASK = "***"

_CAMERA = re.compile(r"\d+|/dev/video\d+|/dev/v4l/.+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")

# Path("rtsp://host") has one slash left, hence /+.
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
    """A key of SOURCES. What is neither a camera, a URL, `synthetic`, a folder, a glob nor a
    picture is taken as a video file, which then says whether it exists."""
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


def masked(uri: str) -> str:
    """The name of a source without user, password and secrets in its query; paths stay as they
    are."""
    found = _URL.fullmatch(uri)
    if found is None:
        return uri
    return found[1] + _PAIR.sub(_without_secret, _without_user(found[2]))


def mask_secrets(text: str, uri: str | None = None) -> str:
    """Any text, such as a message of FFmpeg, without the secrets of the URLs in it.

    uri: the URL that the text is about; its secrets are then found even where they hold spaces
    or quotes, which end a URL in running text.
    """
    if uri is not None and _URL.fullmatch(uri):
        text = text.replace(uri, masked(uri))
        for secret in _user_and_password(uri):
            text = text.replace(secret, MASK)
    text = _URL_IN_TEXT.sub(lambda found: found[1] + _without_user(found[2]), text)
    return _PAIR_IN_TEXT.sub(_without_secret, text)


def _without_user(rest: str) -> str:
    """rest: what follows `scheme://`.

    Everything up to the last "@" goes, even where it may be an "@" of the path: a password with
    "@", "/" or "?" in it can't be told from one, and a host too little in a log does no harm.
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
    # Shorter ones would tear up ordinary words, and don't identify anything.
    return {secret for secret in secrets if len(secret) >= 3}


def _without_secret(pair: re.Match[str]) -> str:
    name, value = unquote(pair[1]), unquote(pair[2])
    nested_url = ":/" in value and "@" in value
    if _SECRET_NAME.search(name) or nested_url:
        return f"{pair[1]}={MASK}"
    return pair[0]
