"""Builds the run of one source. No other module knows all sources, engines and outputs."""

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
from engines.spec import EngineSpec
from engines.spec_file import file_hash, read_spec
from inspector.build_judge import make_judge
from inspector.build_tracking import make_tracking
from inspector.command_line import describe_version
from inspector.config import Config
from inspector.config.checks import check_keys
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError
from inspector.core.protocols import Picture, Sink, Source
from inspector.core.records import new_run_id
from inspector.core.secrets import insert_secrets, remember_password
from inspector.core.types import SINGLE, Inspection, RunInfo
from inspector.empty_failures import EmptyFailures
from inspector.engine_check import EngineCheck, check_fallback, make_ruler
from inspector.health.check import HealthCheck
from inspector.health.options import IGNORE, HealthOptions
from inspector.measure.defect_summary import DefectSummary
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
from inspector.outputs.kinds import make_outputs
from inspector.outputs.options import OutputOptions
from inspector.outputs.run_folder import remove_empty, reserve_folder
from inspector.pipeline.reporter import Observer
from inspector.pipeline.runner import Pipeline
from inspector.pipeline.stages import Output, Stages
from inspector.processing.preprocess import Preprocess
from inspector.render.side_by_side import SideBySide
from inspector.run import Run
from inspector.source_check import add_depth, allows_aspect, check_frames
from inspector.sources import SOURCES
from inspector.sources.options import SourceOptions
from inspector.sources.uri import kind_of, strip_file_scheme


def build_run(
    config: Config,
    observers: Sequence[Observer] = (),
    *,
    name: str | None = None,
    run_id: str | None = None,
    folder: Path | None = None,
    outputs: Sequence[Output] | None = None,
) -> Run:
    """Checks the configuration, opens the source, and connects the stages.

    Nothing runs yet. The output folder does not change before engine and source are open. name:
    name of the source in the list of sources; None without such a list. run_id: None for a new id.
    folder: of the results; None: config.output.dir. outputs: they replace the files of
    config.output; its folder is not used then. Raises ConfigError, SpecError, CalibrationError or
    SourceError.
    """
    check_keys(config)
    spec = _read_spec(config)
    check_fallback(config.engine, spec)
    calibration = None
    if config.calibration.path is not None:
        calibration = load_calibration(Path(config.calibration.path))
    source = open_source(add_depth(config.source, spec))
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        if source.info.frame_hw is not None:
            check_frames(config, spec, calibration, source.info.frame_hw)
        output, run_id = config.output, run_id or new_run_id()
        if outputs is None:
            folder = folder or reserve_folder(output.dir, run_id)
            stack.callback(remove_empty, output.dir, folder)
            check_folder(folder, overwrite=output.overwrite, inputs=input_paths(config))
            remote = make_outputs(insert_secrets(config.outputs, "outputs"), source=name)
            # A locked or damaged outbox must end the run before old results are removed.
            files = _make_outputs(output, folder, tracked=config.tracking.enabled)
            outputs = [*map(Output, remote), *files]
        folder = folder or Path(output.dir)
        info = _make_info(config, spec, calibration, source, folder, (run_id, name or SINGLE))
        run = _connect(config, spec, calibration, source, info, observers, outputs)
        stack.pop_all()
    return run


def input_paths(config: Config) -> list[Path]:
    """Files and folders that the run reads. The run must not remove them."""
    engine = config.engine
    uri = insert_secrets(config.source.uri, "source.uri")
    names = (uri, engine.path, engine.fallback_path, config.calibration.path)
    return [Path(strip_file_scheme(name)) for name in names if name is not None]


def open_source(options: SourceOptions) -> Source:
    """Opens the source options.uri. Raises ConfigError or SourceError."""
    if options.uri is None or not options.uri.strip():
        raise ConfigError("source.uri: no source is named; use --source")
    uri = strip_file_scheme(insert_secrets(options.uri, "source.uri"))
    remember_password(uri)
    source: Source = _resolve(SOURCES[kind_of(uri)])(uri, options)
    return source


def _read_spec(config: Config) -> EngineSpec:
    path = Path(config.engine.path or "")
    return FakeEngine(path).spec if config.engine.backend == "fake" else read_spec(path)


def _resolve(entry: str) -> Any:
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(module), name)


def _make_info(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    source: Source,
    folder: Path,
    names: tuple[str, str],
) -> RunInfo:
    """names: id of the run, name of the source."""
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
        program=describe_version(),
    )


def _connect(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    source: Source,
    run: RunInfo,
    observers: Sequence[Observer],
    outputs: Sequence[Output],
) -> Run:
    health = HealthCheck(spec, _health_options(config), live=source.info.live)
    preprocess = Preprocess(
        spec,
        None if calibration is None else calibration.check,
        health,
        allow_aspect=allows_aspect(config),
    )
    summary = DefectSummary(calibrated=calibration is not None)
    empty = EmptyFailures("" if run.source_name == SINGLE else run.source_name)

    def count(inspection: Inspection, _: Picture) -> None:
        summary.add(inspection)
        empty.see(inspection)

    parts = make_judge(config, spec, calibration, run)
    judge = parts.judge
    ruler = make_ruler(
        spec,
        calibration,
        config.measure,
        pixel_threshold=run.pixel_threshold,
        failed=judge.fails,
    )
    engine_check = EngineCheck(config.engine, spec, ruler, run)
    render = _make_renderer(config, spec, source.info.frame_hw)
    stages = Stages(
        preprocess, engine_check.open, judge, render, judge.judge_map, judge.judge_unrefined
    )
    tracking = make_tracking(config, spec, calibration, run)
    pipeline = Pipeline(
        source,
        stages,
        outputs,
        run,
        event_stages=[] if tracking is None else [tracking],
        observers=(count, *observers),
        batch=config.engine.batch,
        deadline_s=parts.deadline_s,
        **dataclasses.asdict(config.pipeline),
    )
    if parts.live is not None:
        parts.live.waiting = lambda: pipeline.waiting
    return Run(
        pipeline=pipeline,
        source=source,
        stages=stages,
        outputs=outputs,
        info=run,
        defects=summary,
        warnings=(
            engine_check.warnings,
            preprocess.warnings,
            health.warnings,
            render.warnings,
            _find_ignored_keys(config, source),
            empty.warnings,
            pipeline.drops.warnings,
            [] if tracking is None else tracking.warnings,
        ),
        running_on=engine_check.running_on,
        calibration=None if calibration is None else dataclasses.asdict(calibration),
        tracking=tracking,
    )


def _health_options(config: Config) -> HealthOptions:
    """The fake engine has no good pictures, so it needs no warning about their limits."""
    if config.engine.backend != "fake":
        return config.health
    return dataclasses.replace(config.health, outside=IGNORE)


def _find_ignored_keys(config: Config, source: Source) -> list[str]:
    """Logs and returns a warning for each key that this source ignores."""
    if config.engine.batch == 1 or not source.info.live:
        return []
    warning = (
        f"engine.batch is {config.engine.batch}, but {source.info.source_id} is live: its frames "
        "are inspected one at a time, because in a batch each would wait for the others"
    )
    logger.warning("{}", warning)
    return [warning]


def _choose(configured: float | None, of_engine: float) -> float:
    return of_engine if configured is None else configured


def _make_renderer(
    config: Config, spec: EngineSpec, frame_hw: tuple[int, int] | None
) -> SideBySide:
    return SideBySide(
        display_range=spec.display_range,
        unit=config.measure.unit,
        scale=config.output.video.scale,
        roi=None if spec.roi is None else (spec.roi.inspect, spec.roi.ignore, spec.roi.frame_hw),
        frame_hw=frame_hw,
        encoded=config.output.video.enabled,
    )


def _make_outputs(options: OutputOptions, folder: Path, *, tracked: bool) -> list[Output]:
    """The logs come before video and snapshots, because they are more important."""
    snapshots = options.snapshots
    outputs = [
        Output(ResultFolder(folder, overwrite=options.overwrite)),
        Output(_make_sink("json_log", folder / LOG)),
    ]
    if tracked:
        outputs.append(Output(_make_sink("csv_log", folder / SIGHTINGS)))
        outputs.append(Output(_make_sink("defect_table", folder / DEFECTS)))
    else:
        outputs.append(Output(_make_sink("csv_log", folder / SIGHTINGS, copy=folder / DEFECTS)))
    if options.video.enabled:
        outputs.append(Output(_make_sink("video_file", folder / VIDEO, options.video)))
    if snapshots.max_count > 0:
        fatal = snapshots.on_error == "fatal"
        outputs.append(Output(_make_sink("snapshots", folder / SNAPSHOTS, snapshots), fatal=fatal))
    return outputs


def _make_sink(name: str, path: Path, *options: Any, **paths: Path) -> Sink:
    sink: Sink = _resolve(SINKS[name])(path, *options, **paths)
    return sink


def _summarise_engine(spec: EngineSpec) -> dict[str, Any]:
    """The spec without its golden pictures, which are too large for the log."""
    return {key: value for key, value in dataclasses.asdict(spec).items() if key != "golden"}
