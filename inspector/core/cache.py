"""Finds the cache folder of the user: it holds files that the program can make again."""

import os
import sys
from pathlib import Path
from typing import Final

from inspector.core.errors import ConfigError

NAME: Final = "line-inspector"


def cache_folder() -> Path:
    """Returns the program's folder in the user's cache. It does not create the folder.

    Linux: $XDG_CACHE_HOME or ~/.cache (XDG Base Directory Specification, which ignores relative
    paths). macOS: ~/Library/Caches. Windows: %LOCALAPPDATA% or ~/AppData/Local. Raises
    ConfigError if the user has no home folder.
    """
    variable = {"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME")
    configured = os.environ.get(variable, "")
    if os.path.isabs(configured):
        return Path(configured) / NAME
    default = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    try:
        return Path.home() / default / NAME
    except RuntimeError as exc:
        raise ConfigError(
            "the user has no home folder to store TensorRT plans in: set engine.plan_dir"
        ) from exc
