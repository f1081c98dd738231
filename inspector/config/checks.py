"""Checks the configuration of a run as a whole."""

from inspector.config.sections import Config
from inspector.core.actions import WARN
from inspector.core.errors import ConfigError
from inspector.health.conditions import MOVED
from inspector.outputs.options import OutputOptions
from inspector.parts.code_options import check_codes
from inspector.parts.options import check_parts, check_rolls
from inspector.source_check import check_frame_size
from inspector.tracking.options import check_options


def check_keys(config: Config) -> None:
    """Checks keys that depend on each other. The dataclasses check single keys. Raises
    ConfigError."""
    if config.sources:
        raise ConfigError("sources: a configuration with several sources needs build_runs")
    if config.source.uri is None:
        raise ConfigError("source.uri: no source is named; use --source")
    check_frame_size(config.source)
    if config.engine.path is None and config.engine.backend != "fake":
        raise ConfigError(
            "engine.path: no engine is named; use --engine (`line-inspector fit` makes one)"
        )
    if config.tracking.enabled:
        check_options(config.tracking, calibrated=config.calibration.path is not None)
    if config.explain.vlm.url is not None and not config.explain.enabled:
        raise ConfigError("explain.vlm: the questions need explanations; set explain.enabled")
    if config.output.explained_pictures.when != "none" and not config.explain.enabled:
        raise ConfigError(
            "output.explained_pictures: the pictures need explanations; set explain.enabled"
        )
    if config.output.originals.pass_share and config.output.originals.when == "all":
        raise ConfigError(
            "output.originals.pass_share: all frames are saved; set output.originals.when: failures"
        )
    _check_disk(config.output)
    if config.output.four_points.enabled and not config.tracking.enabled:
        raise ConfigError(
            "output.four_points: the score needs tracking, which counts each defect once; set "
            "tracking.enabled"
        )
    calibrated = config.calibration.path is not None
    if config.health.action(MOVED) == WARN and calibrated and config.tracking.enabled:
        raise ConfigError(
            "health.moved: with tracking and a calibration it cannot be warn, because tracking "
            "needs the sizes in mm, which are withheld when the camera has moved; use error or "
            "ignore"
        )
    if config.parts.enabled:
        check_parts(config.parts)
    if config.codes.enabled:
        check_codes(config.codes, parts=config.parts.enabled)
    if config.rolls.enabled:
        check_rolls(config.rolls, tracked=config.tracking.enabled, calibrated=calibrated)
    if config.calibration.path is None:
        in_mm = (
            ("verdict.min_length_mm", config.verdict.min_length_mm),
            ("verdict.min_area_mm2", config.verdict.min_area_mm2),
            ("measure.min_area_mm2", config.measure.min_area_mm2),
            ("measure.severity.length_mm", config.measure.severity.length_mm),
            ("measure.severity.area_mm2", config.measure.severity.area_mm2),
        )
        if config.output.four_points.enabled:
            raise ConfigError("output.four_points: inches need a calibration; use --calibration")
        for key, value in in_mm:
            if value is not None:
                raise ConfigError(f"{key}: millimetres need a calibration; use --calibration")


def _check_disk(output: OutputOptions) -> None:
    less, verdicts = output.disk.less_below_gb, output.disk.verdicts_below_gb
    if less is not None and verdicts is not None and verdicts >= less:
        raise ConfigError(
            f"output.disk.verdicts_below_gb must be below output.disk.less_below_gb ({less:g}), "
            f"not {verdicts:g}"
        )
    if output.disk.enabled and output.video.enabled and output.video.segment_minutes is None:
        raise ConfigError(
            "output.disk: a video that is one file cannot go on after a gap; set "
            "output.video.segment_minutes, or use --no-video"
        )
