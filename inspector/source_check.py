"""Checks that the frames of a source fit the engine, the calibration and the limits."""

import dataclasses

from loguru import logger

from calibration.plane import Calibration
from engines.pictures import reading_for
from engines.resize import ALLOW_ASPECT, describe_aspect
from engines.spec import EngineSpec
from inspector.config import Config
from inspector.core.errors import ConfigError
from inspector.core.protocols import Source
from inspector.sources.options import SourceOptions


def check_frame_size(options: SourceOptions) -> None:
    """Raises ConfigError if the frames that are asked for have too many pixels."""
    if options.frame_hw is None:
        return
    height, width = options.frame_hw
    if height * width > options.max_pixels:
        raise ConfigError(
            f"source.frame_size: {width}x{height} pixels are more than source.max_pixels "
            f"({options.max_pixels})"
        )


def add_depth(options: SourceOptions, spec: EngineSpec) -> SourceOptions:
    """The options with the bit depth of the engine's good pictures, if they state none."""
    depth = reading_for(spec, options.reading).bit_depth
    good = reading_for(spec).bit_depth
    if good is not None and depth != good:
        logger.warning(
            "source.bit_depth is {}, but the engine was made from pictures of {} bits", depth, good
        )
    return dataclasses.replace(options, bit_depth=depth)


def check_frames(
    config: Config, spec: EngineSpec, calibration: Calibration | None, frame_hw: tuple[int, int]
) -> None:
    """Raises CalibrationSizeError or ConfigError if the calibration or the engine was made for
    other frames."""
    if calibration is not None:
        calibration.check(frame_hw)
    if not allows_aspect(config) and (sentence := describe_aspect(spec, frame_hw)) is not None:
        raise ConfigError(f"{sentence}: {ALLOW_ASPECT}")


def allows_aspect(config: Config) -> bool:
    """The fake engine was not fitted on any frames."""
    return config.engine.allow_aspect or config.engine.backend == "fake"


def find_ignored_keys(config: Config, source: Source) -> list[str]:
    """Logs and returns a warning for each key that this source ignores."""
    if config.engine.batch == 1 or not source.info.live:
        return []
    warning = (
        f"engine.batch is {config.engine.batch}, but {source.info.source_id} is live: its frames "
        "are inspected one at a time, because in a batch each would wait for the others"
    )
    logger.warning("{}", warning)
    return [warning]
