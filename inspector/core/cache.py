"""The folder for files that can be made again, at the place that the operating system gives it."""

import os
import sys
from pathlib import Path
from typing import Final

from inspector.core.errors import ConfigError

NAME: Final = "line-inspector"


def cache_folder() -> Path:
    """The program's folder in the user's cache; it need not exist.

    Linux: $XDG_CACHE_HOME or ~/.cache (XDG Base Directory Specification, which has relative paths
    ignored). macOS: ~/Library/Caches. Windows: %LOCALAPPDATA% or ~/AppData/Local. Raises
    ConfigError where the user has no home folder.
    """
    variable = {"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME")
    stated = os.environ.get(variable, "")
    if os.path.isabs(stated):
        return Path(stated) / NAME
    usual = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    try:
        return Path.home() / usual / NAME
    except RuntimeError as exc:
        raise ConfigError(
            "there is no home folder to keep TensorRT plans in: set engine.plan_dir"
        ) from exc
