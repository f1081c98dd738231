"""Reads recipes: named files with the sections that differ from the configuration."""

import re
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError
from inspector.core.picture_files import natural_key
from inspector.core.schema import suggest
from inspector.core.yaml_text import read_yaml

SECTIONS: Final = (
    *("engine", "calibration", "verdict", "health", "measure", "explain", "tracking", "parts"),
    *("rolls", "codes"),
)
"""Sections of the configuration that a recipe may set."""

SOURCES: Final = "sources"
"""Key of a recipe: name of a source -> sections for this source only."""

_SUFFIX: Final = ".yaml"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def list_recipes(folder: Path) -> tuple[str, ...]:
    """The names of all recipes, in natural order. Raises ConfigError if there is no such folder."""
    try:
        names = [path.stem for path in folder.iterdir() if path.suffix == _SUFFIX]
    except OSError as exc:
        raise ConfigError(f"recipes.dir: {folder} cannot be read: {exc.strerror}") from exc
    return tuple(sorted(filter(_NAME.fullmatch, names), key=natural_key))


def check_last_recipe(folder: Path, name: str, settings: Path) -> None:
    """name: of a recipe that was used last, from the file `settings`. Raises ConfigError if it is
    missing."""
    if name not in list_recipes(folder):
        raise ConfigError(
            f"{name} was the last recipe ({settings}), but it is not in {folder} any more: put it "
            "back, set recipes.start, or remove the line `recipe` of that file"
        )


def read_recipe(folder: Path, name: str) -> dict[str, Any]:
    """The sections of a recipe as plain values. Raises ConfigError with a sentence if the name
    cannot be used, or if the file is missing, empty or no recipe."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r:.70} is no name of a recipe: it may have letters, digits, -, _ and ."
        )
    known = list_recipes(folder)
    if name not in known:
        listed = ", ".join(known) or "none"
        raise ConfigError(
            f"there is no recipe {name} in {folder}; recipes there: {listed}{suggest(name, known)}"
        )
    place = f"recipe {name}"
    try:
        values = read_yaml(folder / (name + _SUFFIX))
    except OSError as exc:
        raise ConfigError(f"{place} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"{place} cannot be used: {exc}") from None
    if values is None:
        raise ConfigError(f"{place} is empty")
    _check_sections(values, place, (*SECTIONS, SOURCES))
    for source, sections in values.get(SOURCES, {}).items():
        _check_sections(sections, f"{place}: sources.{source}", SECTIONS)
    return dict(values)


def _check_sections(values: Any, place: str, known: tuple[str, ...]) -> None:
    if not isinstance(values, dict):
        raise ConfigError(f"{place} must consist of sections such as engine:")
    for key, value in values.items():
        if key not in known:
            raise ConfigError(
                f"{place}: a recipe cannot set {str(key)[:60]}; it may set {', '.join(known)}"
            )
        if not isinstance(value, dict):
            raise ConfigError(f"{place}: {key} must hold keys")
