"""Types of options that several commands have."""

import argparse
import os
from pathlib import Path


def sigma(text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from exc
    if not 0 <= value <= 256:
        raise argparse.ArgumentTypeError(f"{text} must lie between 0 and 256")
    return value


def seed(text: str) -> int:
    if not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 999999999")
    return int(text)


def out_file(text: str) -> Path:
    """Refuses what cannot be written, before minutes of work are lost to it."""
    path = Path(text)
    if os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path} is a folder; name a file in it")
    _refuse_unwritable(path, path.absolute().parent)
    return path


def out_folder(text: str) -> Path:
    """Refuses what cannot be made or written to, as out_file does."""
    path = Path(text)
    if os.path.exists(path) and not os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path} is a file; name a folder")
    _refuse_unwritable(path, path.absolute())
    return path


def _refuse_unwritable(path: Path, folder: Path) -> None:
    while not os.path.lexists(folder):
        folder = folder.parent
    if not os.path.isdir(folder):
        raise argparse.ArgumentTypeError(f"{path} cannot be written: {folder} is a file")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{path} cannot be written: {folder} is read-only")
