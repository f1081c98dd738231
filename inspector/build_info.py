"""Collects the facts about a run that its log states: source, engine, configuration, hashes."""

import dataclasses
from pathlib import Path
from typing import Any

from calibration.plane import Calibration
from engines.spec import EngineSpec
from engines.spec_file import file_hash
from inspector.command_line import find_version
from inspector.config import Config
from inspector.core.clock import utc_now
from inspector.core.protocols import Source
from inspector.core.source_hash import hash_source
from inspector.core.types import RunInfo
from inspector.run_link import RunLink


def make_info(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    source: Source,
    folder: Path,
    names: tuple[str, str],
    link: RunLink,
    video_encoder: str | None,
) -> RunInfo:
    """names: id of the run, name of the source. link: to the run before. video_encoder: None
    without a video."""
    engine_path = Path(config.engine.path or "")
    return RunInfo(
        source=source.info,
        output_dir=folder,
        started_utc=utc_now(),
        engine=_summarise_engine(spec),
        config=config.plain(),
        config_hash=config.sha256(),
        engine_hash=file_hash(engine_path) if config.engine.path else "",
        calibration_hash=None if calibration is None else calibration.sha256(),
        image_threshold=_choose(config.verdict.image_threshold, spec.image_threshold),
        pixel_threshold=_choose(config.verdict.pixel_threshold, spec.pixel_threshold),
        unit=config.measure.unit,
        run_id=names[0],
        source_name=names[1],
        source_hash=hash_source(source),
        version=find_version(),
        recipe_id=link.find_recipe(names[1]),
        check=link.check,
        continues=link.continued(names[1]),
        video_encoder=video_encoder,
    )


def _choose(configured: float | None, of_engine: float) -> float:
    return of_engine if configured is None else configured


def _summarise_engine(spec: EngineSpec) -> dict[str, Any]:
    """The spec without its golden pictures, which are too large for the log."""
    return {key: value for key, value in dataclasses.asdict(spec).items() if key != "golden"}
