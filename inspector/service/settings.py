"""Settings that people change on the running line. They lie over configuration and recipe."""

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
class SourceRecipe:
    """A recipe that one source uses, instead of that of the line."""

    source: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Settings:
    """recipe: the last one that was used. source_recipes: at most one for each source."""

    recipe: str | None = None
    source_recipes: tuple[SourceRecipe, ...] = ()
    thresholds: tuple[ThresholdSetting, ...] = ()

    def with_recipe(self, recipe: str, source: str | None) -> "Settings":
        """source: the one that uses the recipe from now on; None: all sources use it."""
        if source is None:
            return replace(self, recipe=recipe, source_recipes=())
        others = [entry for entry in self.source_recipes if entry.source != source]
        return replace(self, source_recipes=(*others, SourceRecipe(source, recipe)))

    def find_thresholds(self, source: str, recipe: str | None) -> ThresholdSetting | None:
        """Those of a source with this recipe."""
        places = ((e.source, e.recipe) for e in self.thresholds)
        return dict(zip(places, self.thresholds, strict=True)).get((source, recipe))

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
    for name in ("source_recipes", "thresholds"):
        values[name] = list(values[name])
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    write_whole(path, (_HEAD + text).encode())
