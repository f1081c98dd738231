"""Finds what a stopped line will use when somebody starts it."""

from pathlib import Path

from inspector.config import split_sources
from inspector.core.errors import ConfigError
from inspector.service.line_config import LineConfig
from inspector.service.line_state import NextSource, NextStart, name_recipes
from inspector.service.preparing import Plan


def find_next_start(config: LineConfig, plan: Plan) -> NextStart:
    """Reads the recipe as it is now. Any thread may call this."""
    recipe = name_recipes(plan.recipe, plan.source_recipes)
    try:
        composed = config.compose(plan.base, plan.recipe, plan.settings)
    except ConfigError as exc:
        return NextStart(recipe, (), str(exc))
    sources = [
        NextSource(
            name,
            None if part.engine.path is None else Path(part.engine.path).name,
            part.verdict.image_threshold,
            part.verdict.pixel_threshold,
        )
        for name, part in split_sources(composed).items()
    ]
    return NextStart(recipe, tuple(sources))
