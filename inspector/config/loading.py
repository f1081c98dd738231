"""Reads config.yaml and the settings of the command line."""

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from inspector.config.sections import Config, SourceEntry
from inspector.core.errors import ConfigError
from inspector.core.schema import build, shown
from inspector.core.secrets import mask_secrets
from inspector.core.types import SINGLE
from inspector.core.yaml_text import parse_yaml, read_yaml
from inspector.outputs.folder import RESULTS

DEFAULT_FILE: Final = Path("config.yaml")
"""Is read from the working directory if no other file is named."""

RENAMED: Final = {
    "source.frame_hw": "source.frame_size, and is written WxH, such as 1280x720",
}
"""Old key -> part of the message about its new name."""


def find_config(path: Path | None) -> Path | None:
    """The configuration file to read: path; without one DEFAULT_FILE, if it exists."""
    return DEFAULT_FILE if path is None and DEFAULT_FILE.exists() else path


def load_config(path: Path | None, overrides: dict[str, Any] | None = None) -> Config:
    """Reads the configuration. Overrides replace values of the file, which replace the defaults.

    overrides: dotted key -> value, such as {"engine.threads": 2}. Raises ConfigError, which names
    the known keys if a key is unknown.
    """
    raw: dict[str, Any] = {}
    if path is not None:
        raw = _read(path)
    return make_config(raw, overrides, str(path))


def make_config(
    values: Mapping[str, Any], overrides: Mapping[str, Any] | None = None, place: str = ""
) -> Config:
    """Makes a configuration from plain values, such as those in the header of a log.

    overrides: see load_config. place: where the values are from, for errors. Raises ConfigError.
    """
    raw = copy.deepcopy(dict(values))
    with _add_place(place):
        _build(raw)
    for dotted, value in (overrides or {}).items():
        _set(raw, dotted, value)
    return _build(raw)


def split_sources(config: Config) -> dict[str, Config]:
    """Name of each source -> its configuration; without the list `sources` SINGLE -> config.

    The results of an entry of the list go to output.dir/name. Raises ConfigError.
    """
    if not config.sources:
        return {SINGLE: config}
    if config.source.uri is not None:
        raise ConfigError(
            "source.uri (--source) and the list sources cannot be used together: set source.uri in "
            "each entry of the list, or remove the list"
        )
    configs: dict[str, Config] = {}
    for entry in config.sources:
        if entry.name.casefold() in map(str.casefold, configs):
            raise ConfigError(f"sources: two entries have the name {entry.name}: rename one")
        configs[entry.name] = _build_entry(entry, config)
    return configs


def _build_entry(entry: SourceEntry, shared: Config) -> Config:
    if entry.name in RESULTS:
        raise ConfigError(f"sources: {entry.name} is the name of a result: choose another name")
    if "dir" in entry.output:
        raise ConfigError(
            f"sources, {entry.name}: output.dir cannot be set here: results go to the folder "
            f"{entry.name} in the shared output.dir"
        )
    if entry.recipe is not None and shared.recipes.dir is None:
        raise ConfigError(
            f"sources, {entry.name}: recipe needs recipes.dir, the folder of the recipes"
        )
    sections = {k: value for k, value in asdict(entry).items() if k not in ("name", "recipe")}
    raw = merge_values(asdict(shared) | {"sources": []}, sections)
    raw["output"]["dir"] = str(Path(shared.output.dir) / entry.name)
    with _add_place(f"sources, {entry.name}"):
        return _build(raw)


def merge_values(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Replaces values of base by those of changes, key by key at every depth."""
    result = dict(base)
    for key, value in changes.items():
        inner = result.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            value = merge_values(inner, value)
        result[key] = value
    return result


def parse_setting(text: str) -> tuple[str, Any]:
    """Splits key.path=value into key and value. The value is read as YAML."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"a setting must have the form key.path=value, got {text!r}")
    try:
        return key.strip(), parse_yaml(value)
    except ValueError as exc:
        reason = mask_secrets(str(exc))
        raise ConfigError(f"the value of {key.strip()} cannot be used: {reason}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = read_yaml(path)
    except OSError as exc:
        raise ConfigError(f"cannot read the configuration {path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"the configuration {path} cannot be used: {exc}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError(
            f"the configuration {path} must consist of lines `key: value`, got {shown(raw)}"
        )
    return raw


@contextlib.contextmanager
def _add_place(name: str) -> Iterator[None]:
    """Adds the name of the place to the message of a ConfigError."""
    try:
        yield
    except ConfigError as exc:
        raise ConfigError(f"{name}: {exc}") from None


def _build(raw: dict[str, Any]) -> Config:
    for dotted, new_name in RENAMED.items():
        section, _, key = dotted.partition(".")
        if isinstance(raw.get(section), dict) and key in raw[section]:
            raise ConfigError(f"the key {dotted} is now called {new_name}")
    return build(Config, raw, ConfigError)


def _set(raw: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    section = raw
    for parent in parents:
        if section.get(parent) is None:
            section[parent] = {}
        section = section[parent]
        if not isinstance(section, dict):
            raise ConfigError(f"{dotted}: {parent} holds no keys")
    section[last] = value
