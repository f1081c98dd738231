"""Switches off the warnings about single pictures and engines of a study."""

import contextlib
from collections.abc import Iterator
from typing import Final

from loguru import logger

MODULES: Final = ("inspector.health", "learning.scoring", "engines.resize")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Shifted pictures are not like good ones, they have the aspect of the input, and the report
    says how many pictures choose the thresholds."""
    for module in MODULES:
        logger.disable(module)
    try:
        yield
    finally:
        for module in MODULES:
            logger.enable(module)
