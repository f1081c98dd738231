"""Finds the kind of a source from its name."""

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from inspector.core.picture_files import PICTURE_SUFFIXES, is_glob

_CAMERA = re.compile(r"\d+|/dev/video\d+|/dev/v4l/.+")

GENICAM: Final = "genicam:"
"""Begins the name of a GenICam camera, such as genicam:SERIAL."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")


def strip_file_scheme(uri: str) -> str:
    """The path of a URL such as file:///data/a%20b.mp4. Any other name does not change."""
    return unquote(urlsplit(uri).path) if uri.lower().startswith("file://") else uri


def kind_of(uri: str) -> str:
    """Returns a key of SOURCES for the name of a source.

    A name that is not a camera, a URL, `synthetic`, a folder, a glob or a picture means a video
    file. VideoFileSource checks whether it exists.
    """
    uri = strip_file_scheme(uri)
    if _CAMERA.fullmatch(uri):
        return "camera"
    if uri.lower().startswith(GENICAM):
        return "genicam"
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
