"""Settings that people change on the running line. They lie over configuration and recipe."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from inspector.core.errors import ConfigError
from inspector.core.files import write_whole
from inspector.core.schema import build
from inspector.core.yaml_text import read_yaml

FILE: Final = "settings.yaml"
_HEAD: Final = "# Written by the program. docs/line.md explains the keys.\n"


@dataclass(frozen=True, slots=True)
class ThresholdSetting:
    """Thresholds of one source with one recipe; None: those of recipe, configuration or engine.
    recipe: None if there was none."""

    source: str
    recipe: str | None = None
    image_threshold: float | None = None
    pixel_threshold: float | None = None

    @property
    def section(self) -> dict[str, float]:
        """The keys of the section `verdict` that it sets."""
        values = {
            "image_threshold": self.image_threshold,
            "pixel_threshold": self.pixel_threshold,
        }
        return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Settings:
    """recipe: the last one that was used."""

    recipe: str | None = None
    thresholds: tuple[ThresholdSetting, ...] = ()

    def of_recipe(self, recipe: str | None) -> Mapping[str, ThresholdSetting]:
        """Name of a source -> its thresholds with this recipe."""
        return {entry.source: entry for entry in self.thresholds if entry.recipe == recipe}

    def with_thresholds(self, setting: ThresholdSetting) -> "Settings":
        """Replaces the thresholds of the same source and recipe."""
        place = (setting.source, setting.recipe)
        others = [e for e in self.thresholds if (e.source, e.recipe) != place]
        return replace(self, thresholds=(*others, *([setting] if setting.section else [])))


def read_settings(path: Path) -> Settings:
    """Empty settings if there is no file. Raises ConfigError."""
    try:
        values = read_yaml(path)
    except FileNotFoundError:
        return Settings()
    except OSError as exc:
        raise ConfigError(f"the settings {path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"the settings {path} cannot be used: {exc}") from None
    try:
        return build(Settings, values or {}, ConfigError)
    except ConfigError as exc:
        raise ConfigError(f"the settings {path}: {exc}") from None


def write_settings(path: Path, settings: Settings) -> None:
    """Replaces the file completely or not at all. Raises SinkError."""
    values: dict[str, Any] = asdict(settings)
    values["thresholds"] = list(values["thresholds"])
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    write_whole(path, (_HEAD + text).encode())
