"""Paths from the list of pictures of a data set; paths outside its root are refused."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from inspector.core.errors import DataError


def below(root: Path, text: str, listed_in: Path) -> Path:
    """root / text. Raises DataError, which names both, for a path outside root."""
    parts = PurePosixPath(text.replace("\\", "/"))
    outside = parts.is_absolute() or ".." in parts.parts or PureWindowsPath(text).drive
    if outside or "\0" in text:
        raise DataError(f"{listed_in} lists {text!r}, which is no path inside {root}")
    return root / parts
