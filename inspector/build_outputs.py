"""Makes the outputs that write the files of a run."""

import dataclasses
from pathlib import Path
from typing import Any, Final

from engines.roi import draw_inspected
from engines.spec import EngineSpec
from inspector.config import Config
from inspector.core.lazy import load_entry
from inspector.core.protocols import Sink
from inspector.outputs import SINKS
from inspector.outputs.folder import (
    DEFECT_PICTURES,
    DEFECTS,
    ENCODER,
    EXPLAINED,
    LOG,
    ORIGINALS,
    PARTS,
    SIGHTINGS,
    SNAPSHOTS,
    VIDEO,
    ResultFolder,
)
from inspector.outputs.options import X264, VideoOptions
from inspector.pipeline.background import in_background
from inspector.pipeline.stages import Output
from inspector.render.size_limit import HARDWARE_SIDE, MAX_SIDE
from inspector.run_evidence import RunEvidence
from inspector.service.disk_guard import DiskGuard
from inspector.tracking.options import FEEDS

ROLL_MAP: Final = "inspector.report.roll_map_sink:RollMapSink"
"""Imported only if a roll map is drawn."""

VLM: Final = "inspector.outputs.vlm:VlmOutput"

_CHOOSE_ENCODER: Final = "inspector.outputs.video_encoders:choose_encoder"


def make_files(
    config: Config,
    folder: Path,
    evidence: RunEvidence,
    guard: DiskGuard | None,
    video_encoder: str | None,
    *,
    part_table: bool,
    live: bool,
) -> list[Output]:
    """The logs come before video and snapshots, because they are more important. guard: of all
    outputs except logs and tables. video_encoder: None without a video. part_table: False if the
    session writes the table of parts. live: the verdicts must not wait for video and pictures."""
    options, tracking = config.output, config.tracking
    snapshots, pictures = options.snapshots, options.defect_pictures
    tracked = tracking.enabled
    outputs = [
        Output(ResultFolder(folder, overwrite=options.overwrite)),
        Output(_make_sink("json_log", folder / LOG, lines=evidence.lines)),
        *evidence.outputs(),
    ]
    if tracked:
        outputs.append(Output(_make_sink("csv_log", folder / SIGHTINGS, options.csv)))
        outputs.append(Output(_make_sink("defect_table", folder / DEFECTS, options.csv)))
    else:
        second = folder / DEFECTS
        sink = _make_sink("csv_log", folder / SIGHTINGS, options.csv, defects=second)
        outputs.append(Output(sink))
    if config.parts.enabled and part_table:
        outputs.append(Output(_make_sink("part_table", folder / PARTS, options.csv)))
    if tracked and tracking.motion in FEEDS:
        outputs.append(Output(_make_sink("encoder_file", folder / ENCODER)))
    if pictures.max_count > 0:
        sink = _make_sink("defect_pictures", folder / DEFECT_PICTURES, pictures, tracked=tracked)
        outputs.append(_behind(sink, guard, fatal=pictures.on_error == "fatal", live=live))
    if video_encoder is not None:
        video = dataclasses.replace(options.video, encoder=video_encoder)
        sink = _make_sink("video_file", folder / VIDEO, video)
        outputs.append(_behind(sink, guard, fatal=True, live=live))
    if snapshots.max_count > 0:
        sink = _make_sink("snapshots", folder / SNAPSHOTS, snapshots)
        outputs.append(_behind(sink, guard, fatal=snapshots.on_error == "fatal", live=live))
    if (explained := options.explained_pictures).when != "none":
        sink = _make_sink("explained_pictures", folder / EXPLAINED, explained)
        outputs.append(_behind(sink, guard, fatal=explained.on_error == "fatal", live=live))
    if (originals := options.originals).enabled:
        sink = _make_sink("originals", folder / ORIGINALS, originals)
        # Every inspected frame of a replay needs its original, so they are not left out.
        outputs.append(_behind(sink, guard, fatal=originals.on_error == "fatal", live=False))
    if tracked and options.roll_map:
        outputs.append(Output(load_entry(ROLL_MAP)(folder, options.four_points), fatal=False))
    return outputs


def choose_video_encoder(options: VideoOptions) -> str | None:
    """None without a video. Raises ConfigError if this machine lacks the encoder."""
    if not options.enabled:
        return None
    encoder: str = load_entry(_CHOOSE_ENCODER)(options.encoder)
    return encoder


def largest_side(video_encoder: str | None) -> int | None:
    """Of the pictures that the encoder takes, in px; None without a video."""
    if video_encoder is None:
        return None
    return MAX_SIDE if video_encoder == X264 else HARDWARE_SIDE


def make_vlm(config: Config, spec: EngineSpec, source: str | None) -> list[Output]:
    """The output to a vision language model; none if it is off. Raises ConfigError."""
    if config.explain.vlm.url is None:
        return []
    sink = load_entry(VLM)(config.explain.vlm, draw_inspected(spec), source)
    return [Output(sink, fatal=False)]


def _behind(sink: Sink, guard: DiskGuard | None, *, fatal: bool, live: bool) -> Output:
    """An output that a live source writes in the background."""
    guarded: Sink = sink if guard is None else guard.wrap(sink)
    return Output(in_background(guarded) if live else guarded, fatal=fatal)


def _make_sink(name: str, path: Path, *options: Any, **more: Any) -> Sink:
    sink: Sink = load_entry(SINKS[name])(path, *options, **more)
    return sink
