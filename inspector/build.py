"""Config to a pipeline: the only file that knows every kind of source, engine and sink."""

import contextlib
import dataclasses
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loguru import logger

from calibration.plane import Calibration
from calibration.store import load_calibration
from engines.backends.fake import FakeEngine
from engines.roi import mask
from engines.spec import EngineSpec
from engines.spec_file import file_hash, read_spec
from inspector import gate
from inspector.config import Config, SourceConfig
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError
from inspector.core.protocols import Sink, Source
from inspector.core.types import RunInfo
from inspector.measure.analyzer import DefectSizeAnalyzer
from inspector.measure.severity import SeverityLimits
from inspector.measure.summary import DefectSummary
from inspector.outputs import SINKS
from inspector.outputs.folder import (
    DEFECTS,
    LOG,
    SIGHTINGS,
    SNAPSHOTS,
    VIDEO,
    ResultFolder,
    check_folder,
)
from inspector.pipeline.reporter import Observer
from inspector.pipeline.runner import Pipeline
from inspector.pipeline.stages import Output, Stages
from inspector.processing.postprocess import Judge, SizeRule
from inspector.processing.preprocess import Preprocess
from inspector.render.side_by_side import SideBySide
from inspector.run import Run
from inspector.sources import SOURCES
from inspector.sources.reconnect import Backoff
from inspector.sources.uri import kind_of

SYNTHETIC_HW = (720, 1280)
DEFAULT_FPS = 10.0
"""Of folders of pictures and of the synthetic web, which have no pace of their own."""


def build(config: Config, observers: Sequence[Observer] = ()) -> Run:
    """Checks everything that can be checked, opens the source, and wires the stages.

    Nothing runs yet, and the output folder is not touched before engine and source are open. Raises
    ConfigError, SpecError, CalibrationError or SourceError.
    """
    _check(config)
    spec = _spec(config)
    gate.check_fallback(config.engine, spec)
    calibration = None
    if config.calibration.path is not None:
        calibration = load_calibration(Path(config.calibration.path))
    source = open_source(config.source)
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        if calibration is not None and source.info.frame_hw is not None:
            calibration.check(source.info.frame_hw)
        engines = (config.engine.path, config.engine.fallback_path)
        given = (config.source.uri, *engines, config.calibration.path)
        inputs = [Path(name) for name in given if name is not None]
        folder = Path(config.output.dir)
        check_folder(folder, overwrite=config.output.overwrite, inputs=inputs)
        run = _wire(config, spec, calibration, source, observers)
        stack.pop_all()
    return run


def open_source(config: SourceConfig) -> Source:
    """The source that config.uri means."""
    assert config.uri is not None
    kind = kind_of(config.uri)
    retry = config.reconnect
    backoff = Backoff(first_s=retry.first_s, max_s=retry.max_s, give_up_s=retry.give_up_s)
    made = config.synthetic
    arguments: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "video_file": ((Path(config.uri),), {"threads": config.decode_threads}),
        "network": (
            (config.uri,),
            {
                "open_timeout_s": config.open_timeout_s,
                "read_timeout_s": config.read_timeout_s,
                "backoff": backoff,
                "transport": config.rtsp_transport,
                "wait_for_source": retry.wait_for_source,
            },
        ),
        "camera": (
            (int(config.uri) if config.uri.isdigit() else config.uri,),
            {
                "frame_hw": config.frame_hw,
                "fps": config.fps,
                "read_timeout_s": config.read_timeout_s,
                "backoff": backoff,
                "wait_for_source": retry.wait_for_source,
            },
        ),
        "image_folder": (
            (config.uri,),
            {"fps": config.fps or DEFAULT_FPS, "max_unreadable": config.max_unreadable},
        ),
        "synthetic": (
            (),
            {
                "frames": made.frames,
                "frame_hw": config.frame_hw or SYNTHETIC_HW,
                "fps": config.fps or DEFAULT_FPS,
                "seed": made.seed,
                "mm_per_px": made.mm_per_px,
                "defect_rate": made.defect_rate,
                "paced": made.paced,
                "texture": None if made.texture is None else Path(made.texture),
            },
        ),
    }
    positional, named = arguments[kind]
    source: Source = _resolve(SOURCES[kind])(*positional, **named)
    return source


def _spec(config: Config) -> EngineSpec:
    path = Path(config.engine.path or "")
    return FakeEngine(path).spec if config.engine.backend == "fake" else read_spec(path)


def _resolve(entry: str) -> Any:
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(module), name)


def _check(config: Config) -> None:
    """What the dataclasses cannot say, because it concerns two keys."""
    if config.source.uri is None:
        raise ConfigError("source.uri: no source given; use --source")
    if config.engine.path is None and config.engine.backend != "fake":
        raise ConfigError(
            "engine.path is missing: name an engine file with --engine; `line-inspector fit` makes "
            "one"
        )
    if config.calibration.path is None:
        needing = (
            ("verdict.min_length_mm", config.verdict.min_length_mm),
            ("verdict.min_area_mm2", config.verdict.min_area_mm2),
            ("measure.min_area_mm2", config.measure.min_area_mm2),
            ("measure.severity.length_mm", config.measure.severity.length_mm),
            ("measure.severity.area_mm2", config.measure.severity.area_mm2),
        )
        for key, value in needing:
            if value is not None:
                raise ConfigError(f"{key}: millimetres need a calibration; use --calibration")


def _wire(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    source: Source,
    observers: Sequence[Observer],
) -> Run:
    engine_path = Path(config.engine.path or "")
    run = RunInfo(
        source=source.info,
        output_dir=Path(config.output.dir),
        started_utc=utc_now(),
        engine=_engine_summary(spec),
        config=config.plain(),
        config_hash=config.sha256(),
        engine_hash=file_hash(engine_path) if config.engine.path else "",
        calibration_hash=None if calibration is None else calibration.sha256(),
        image_threshold=_or(config.verdict.image_threshold, spec.image_threshold),
        pixel_threshold=_or(config.verdict.pixel_threshold, spec.pixel_threshold),
        unit=config.measure.unit,
    )
    preprocess = Preprocess(spec, None if calibration is None else calibration.check)
    summary = DefectSummary(calibrated=calibration is not None)
    judge = _judge(config, spec, calibration, run)
    measuring = gate.ruler(
        spec,
        calibration,
        config.measure,
        pixel_threshold=run.pixel_threshold,
        failed=judge.failed,
    )
    start_engine = gate.EngineGate(config.engine, spec, measuring, run)
    render = _render(config, spec, source.info.frame_hw)
    judge_map = judge.judge_map if judge.rule == "score" else None
    stages = Stages(preprocess, start_engine, judge, render, judge_map)
    outputs = _outputs(config)
    pipeline = Pipeline(
        source,
        stages,
        outputs,
        run,
        observers=(lambda inspection, _: summary.add(inspection), *observers),
        max_errored_in_a_row=config.pipeline.max_errored_in_a_row,
        stall_timeout_s=config.pipeline.stall_timeout_s,
        batch=config.engine.batch,
    )
    return Run(
        pipeline=pipeline,
        source=source,
        stages=stages,
        outputs=outputs,
        info=run,
        defects=summary,
        warnings=(start_engine.warnings, preprocess.warnings, _ignored(config, source)),
        running_on=start_engine.running_on,
        calibration=None if calibration is None else dataclasses.asdict(calibration),
    )


def _ignored(config: Config, source: Source) -> list[str]:
    """What the configuration asks for and this source cannot have."""
    if config.engine.batch == 1 or not source.info.live:
        return []
    warning = (
        f"engine.batch is {config.engine.batch}, but {source.info.source_id} is live: its frames "
        "are inspected one at a time, for a batch would make each wait for the others"
    )
    logger.warning("{}", warning)
    return [warning]


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _judge(
    config: Config, spec: EngineSpec, calibration: Calibration | None, run: RunInfo
) -> Judge:
    measure, verdict = config.measure, config.verdict
    analyzer = DefectSizeAnalyzer(
        calibration,
        refine=measure.refine,
        min_area_px=measure.min_area_px,
        min_area_mm2=measure.min_area_mm2,
        opening_px=measure.opening_px,
        severity=SeverityLimits(
            length_mm=measure.severity.length_mm,
            area_mm2=measure.severity.area_mm2,
            length_px=measure.severity.length_px,
            score_ratio=measure.severity.score_ratio,
        ),
        max_refined=measure.max_refined,
        inspected=None if spec.roi is None else mask(spec.roi, spec.map_hw, spec.resize.crop),
    )
    return Judge(
        analyzer.analyze,
        image_threshold=run.image_threshold,
        pixel_threshold=run.pixel_threshold,
        rule=verdict.rule,
        size_rule=SizeRule(
            min_length_mm=verdict.min_length_mm,
            min_area_mm2=verdict.min_area_mm2,
            min_length_px=verdict.min_length_px,
            min_area_px=verdict.min_area_px,
        ),
    )


def _render(config: Config, spec: EngineSpec, frame_hw: tuple[int, int] | None) -> SideBySide:
    return SideBySide(
        display_range=spec.display_range,
        unit=config.measure.unit,
        scale=config.output.video.scale,
        roi=None if spec.roi is None else (spec.roi.inspect, spec.roi.ignore, spec.roi.frame_hw),
        frame_hw=frame_hw,
    )


def _outputs(config: Config) -> list[Output]:
    """The log comes before the others: it is the record, and they illustrate it."""
    folder, video, snapshots = Path(config.output.dir), config.output.video, config.output.snapshots
    wanted: list[tuple[str, tuple[Any, ...], dict[str, Any], bool]] = [
        ("json_log", (folder / LOG,), {}, True),
        ("csv_log", (folder / SIGHTINGS,), {"copy": folder / DEFECTS}, True),
    ]
    if video.enabled:
        options = {
            "preset": video.preset,
            "crf": video.crf,
            "threads": video.threads,
            "copy_audio": video.copy_audio,
        }
        wanted.append(("video_file", (folder / VIDEO,), options, True))
    if snapshots.max_count > 0:
        options = {
            "max_count": snapshots.max_count,
            "when": snapshots.when,
            "quality": snapshots.quality,
        }
        fatal = snapshots.on_error == "fatal"
        wanted.append(("snapshots", (folder / SNAPSHOTS,), options, fatal))
    made = [Output(ResultFolder(folder, overwrite=config.output.overwrite))]
    for name, positional, named, fatal in wanted:
        sink: Sink = _resolve(SINKS[name])(*positional, **named)
        made.append(Output(sink, fatal=fatal))
    return made


def _engine_summary(spec: EngineSpec) -> dict[str, Any]:
    """The spec without its golden pictures, which belong in no log."""
    return {key: value for key, value in dataclasses.asdict(spec).items() if key != "golden"}
