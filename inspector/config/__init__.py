"""The configuration: the options of all parts, and the file that they are read from."""

from inspector.config.loading import DEFAULT_FILE, load_config, parse_setting, split_sources
from inspector.config.sections import Config, EngineOptions

__all__ = [
    "DEFAULT_FILE",
    "Config",
    "EngineOptions",
    "load_config",
    "parse_setting",
    "split_sources",
]
