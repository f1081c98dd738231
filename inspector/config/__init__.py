"""Defines the configuration and reads it from a file."""

from inspector.config.loading import (
    DEFAULT_FILE,
    find_config,
    load_config,
    make_config,
    merge_values,
    parse_setting,
    split_sources,
)
from inspector.config.sections import Config, RunEngineOptions

__all__ = [
    "DEFAULT_FILE",
    "Config",
    "RunEngineOptions",
    "find_config",
    "load_config",
    "make_config",
    "merge_values",
    "parse_setting",
    "split_sources",
]
