"""Composes the configuration of a line: the file, a recipe over it, and the settings over both."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from inspector.config import Config, make_config, merge_values, split_sources
from inspector.config.checks import check_keys
from inspector.core.errors import ConfigError
from inspector.core.types import SINGLE, RunInfo
from inspector.machine.kinds import shows_state
from inspector.outputs.run_folder import is_pattern
from inspector.part_triggers import check_takers
from inspector.parts.options import BY_FRAME, PartOptions
from inspector.run_link import flatten
from inspector.service.checks.options import check_entries
from inspector.service.options import RecipeOptions
from inspector.service.recipes import (
    SECTIONS,
    SOURCES,
    check_last_recipe,
    list_recipes,
    read_recipe,
)
from inspector.service.settings import Settings, SourceRecipe

CHANGEABLE: Final = (
    *SECTIONS,
    *("trace", "output", "outputs", "evidence", "report", "retention", "pipeline"),
    "fail_on_anomaly",
)
"""Sections that can change while the sources are open; of `output` all keys but dir."""


class LineConfig:
    """The configuration of a line, which can be read again.

    read: reads file and command line. Raises ConfigError if the configuration cannot be used for a
    line.
    """

    def __init__(self, read: Callable[[], Config]) -> None:
        self._read = read
        self.base = read()
        check_line(self.base)

    @property
    def source_names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.base.sources) or (SINGLE,)

    @property
    def recipe_names(self) -> tuple[str, ...]:
        """Empty without recipes. Raises ConfigError if their folder cannot be read."""
        folder = self.base.recipes.dir
        return () if folder is None else list_recipes(Path(folder))

    def read_again(self) -> Config:
        """The configuration as it is now in the file. Raises ConfigError if it cannot be used, or
        if something changed that cannot change while the line runs."""
        config = self._read()
        check_line(config)
        before, after = _plain(self.base), _plain(config)
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        fixed = sorted(key for key in changed if not _is_changeable(key))
        if _state_entries(self.base) != _state_entries(config):
            fixed.append("the state outputs in outputs")
        if fixed:
            raise ConfigError(
                f"the configuration was not read again: {', '.join(fixed)} can change only with a "
                "new start of the program"
            )
        return config

    def compose(self, base: Config, recipe: str | None, settings: Settings) -> Config:
        """The configuration of the next session. Raises ConfigError with the name of the recipe."""
        values = asdict(base)
        if recipe is not None:
            values = self._add_recipe(values, base.recipes, recipe)
        others = {entry.source: entry.recipe for entry in settings.source_recipes}
        recipes = {source: others.get(source, recipe) for source in self.source_names}
        for source, name in recipes.items():
            if name is not None and name != recipe:
                self._use_recipe(values, base, source, name)
            if (setting := settings.find_thresholds(source, name)) is not None:
                _add_sections(values, source, {"verdict": setting.section})
        names = ", ".join(dict.fromkeys(name for name in recipes.values() if name is not None))
        place = f"recipe {names}" if names else "configuration and settings"
        config = make_config(values, place=place)
        try:
            for part in split_sources(config).values():
                check_keys(part)
                _check_zone(part.parts)
        except ConfigError as exc:
            raise ConfigError(f"{place}: {exc}") from exc
        return config

    def _add_recipe(
        self, values: dict[str, Any], options: RecipeOptions, name: str
    ) -> dict[str, Any]:
        if options.dir is None:
            raise ConfigError("there are no recipes: set recipes.dir")
        recipe = read_recipe(Path(options.dir), name)
        of_sources = recipe.pop(SOURCES, {})
        values = merge_values(values, recipe)
        for source, sections in of_sources.items():
            if source not in self.source_names:
                known = ", ".join(self.source_names)
                raise ConfigError(f"recipe {name}: there is no source {source}, only {known}")
            _add_sections(values, source, sections)
        return values

    def _use_recipe(self, values: dict[str, Any], base: Config, source: str, name: str) -> None:
        """Gives one source of the list the sections that it has if all sources use the recipe."""
        of_all = self._add_recipe(asdict(base), base.recipes, name)
        make_config(of_all, place=f"recipe {name}")
        shared = {section: of_all[section] for section in SECTIONS}
        entry = next(entry for entry in of_all["sources"] if entry["name"] == source)
        _add_sections(values, source, merge_values(shared, entry))


def start_recipes(base: Config, settings: Settings, file: Path) -> tuple[str | None, Settings]:
    """The recipe of the line at its start, and the settings with the recipes of the sources at the
    start. settings: from the file. Raises ConfigError if a recipe that was used last is missing."""
    options = base.recipes
    if options.dir is None:
        return None, replace(settings, source_recipes=())
    firsts = {entry.name: entry.recipe for entry in base.sources}
    recipes = {name: recipe for name, recipe in firsts.items() if recipe is not None}
    if options.start is None:
        lasts = {e.source: e.recipe for e in settings.source_recipes if e.source in firsts}
        recipes = lasts | recipes
        used = [settings.recipe, *(r for name, r in recipes.items() if firsts[name] is None)]
        for recipe in filter(None, used):
            check_last_recipe(Path(options.dir), recipe, file)
    entries = tuple(SourceRecipe(name, recipe) for name, recipe in recipes.items())
    return options.start or settings.recipe, replace(settings, source_recipes=entries)


def frames_of_parts(runs: Mapping[str, RunInfo]) -> dict[str, int]:
    """Name of a source -> number of frames of each part, if the frames are counted (by frame)."""
    sections = {name: run.config["parts"] for name, run in runs.items()}
    return {
        name: parts["frames"] or 1
        for name, parts in sections.items()
        if parts["enabled"] and parts["by"] == BY_FRAME
    }


def check_line(config: Config) -> None:
    """Raises ConfigError if a line cannot run with it."""
    if not is_pattern(config.output.dir):
        raise ConfigError(
            "output.dir: a line makes a new folder for each run; use a pattern such as "
            "runs/{date}/{time}"
        )
    if config.recipes.dir is None and config.recipes.start is not None:
        raise ConfigError("recipes.start needs recipes.dir, the folder of the recipes")
    if config.recipes.dir is None:
        check_takers(config)
    names = [entry.name for entry in config.sources]
    for number, selector in enumerate(config.recipes.select):
        source = selector.get("source")
        if source is not None and source not in names:
            known = ", ".join(names) or "no list of sources"
            raise ConfigError(f"recipes.select[{number}].source: no source {source}, only {known}")
    check_entries(config.checks, names, stored=config.store.enabled or config.web.port is not None)
    for name, part in split_sources(config).items():
        if part.source.uri is None:
            place = "source.uri" if name == SINGLE else f"sources, {name}: source.uri"
            raise ConfigError(f"{place}: no source is named")


def _check_zone(parts: PartOptions) -> None:
    """A run of a line may begin with a part in the zone, which must not become the empty scene."""
    if parts.enabled and parts.zone is not None and parts.empty is None:
        raise ConfigError(
            "parts.empty: a line needs a picture of the empty scene, because a new run may "
            "begin with a part in the zone"
        )


def _add_sections(values: dict[str, Any], source: str, sections: dict[str, Any]) -> None:
    """Puts sections over those of one source."""
    if not values["sources"]:
        values |= merge_values(values, sections)
        return
    values["sources"] = [
        merge_values(entry, sections) if entry["name"] == source else entry
        for entry in values["sources"]
    ]


def _plain(config: Config) -> dict[str, Any]:
    """Dotted keys; those of the sources begin with sources.NAME, so that they can be compared."""
    values = asdict(config)
    entries = values.pop("sources")
    flat = flatten(values) | {"sources": [entry["name"] for entry in entries]}
    for entry in entries:
        name = entry.pop("name")
        flat |= flatten({"sources": {name: entry}})
    return flat


def _state_entries(config: Config) -> list[tuple[int, dict[str, Any]]]:
    """With their numbers, which are in messages. Runs share these outputs."""
    entries = enumerate(config.outputs)
    return [(number, entry) for number, entry in entries if shows_state(entry)]


def _is_changeable(key: str) -> bool:
    section, _, rest = key.partition(".")
    if section == "sources":
        section, _, rest = rest.partition(".")[2].partition(".")
    return section in CHANGEABLE and not (section == "output" and rest == "dir")
