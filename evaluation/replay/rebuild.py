"""Rebuilds the configuration of a recorded run, and checks that its files are still the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from calibration.store import load_calibration
from engines.spec_file import file_hash
from evaluation.replay.recorded import WHOLE_LINES, RecordedRun
from evaluation.replay.same_parts import repeat_parts
from evaluation.replay.same_web import repeat_tracking
from evaluation.replay.sources import ContinuedSource, LimitedSource, OriginalsSource
from inspector.command_line import find_version
from inspector.config import Config, make_config
from inspector.core.errors import ConfigError, SourceError
from inspector.core.protocols import Source
from inspector.core.secrets import MASK
from inspector.core.source_hash import hash_source
from inspector.sources.opening import open_source
from inspector.sources.options import SourceOptions

FIXED: Final = (
    *("output", "outputs", "window", "log", "sources", "fail_on_anomaly", "pipeline"),
    *("report", "evidence", "teaching", "mode", "retention"),
)
"""Sections that a replay sets itself. They do not change what a frame is judged."""

SILENT: Final[dict[str, Any]] = {
    "outputs": [],
    "window": {},
    "fail_on_anomaly": False,
    "sources": [],
    "pipeline.max_errored_in_a_row": None,
    "pipeline.stall_timeout_s": None,
    "output.video.enabled": False,
    "output.snapshots.max_count": 0,
    "output.originals.enabled": False,
    "output.explained_pictures.when": "none",
    "output.defect_pictures.max_count": 0,
    "output.disk.less_below_gb": None,
    "output.disk.verdicts_below_gb": None,
    "output.roll_map": False,
    "report.enabled": False,
    "evidence.key_file": None,
    "evidence.checkpoint_dir": None,
}
"""Keys of a replay: nothing is sent, shown, drawn or signed, and no limit of time applies. Those
that this version does not have are left out."""

FINISHED: Final = "finished"
"""Status of a run that read its source to the end."""

STOPPED: Final = "stopped"
"""Status of a run that was stopped before."""

BATCHES_AFTER_CUT: Final = 4
"""Batches that are judged after the last recorded frame if the log was cut. The run had begun them,
and the last bits of a score depend on the frames of its batch."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What to use instead of the files of the run. settings: dotted key -> value, as in --set."""

    source: str | None = None
    engine: Path | None = None
    calibration: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """changes: what differs from the run on purpose; empty if the log must be the same. notes:
    what cannot be compared. open_frames: opens the recorded frames."""

    config: Config
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    open_frames: Callable[[SourceOptions], Source]


def rebuild(run: RecordedRun, options: ReplayOptions, out: Path) -> Rebuilt:
    """out: folder of the new results. Raises ConfigError, SourceError or CalibrationError with what
    is missing or changed, and what to do."""
    recorded = make_config(run.header["config"], place=f"the configuration in {run.log}")
    _check_settings(options.settings)
    overrides = dict(options.settings)
    config = make_config(run.header["config"], overrides)
    changes = [
        f"{key}: {new!r} instead of {old!r}"
        for key in overrides
        if (new := _value(config, key)) != (old := _value(recorded, key))
    ]
    files: dict[str, Any] = {}
    changes += _check_engine(run, options.engine, config, files)
    changes += _check_calibration(run, options.calibration, config, files)
    if options.source is not None:
        files["source.uri"] = options.source
    notes = list(_describe_version(run))
    fixed = _fixed_values(out, run, config, bool(changes), notes)
    config = make_config(run.header["config"], overrides | files | fixed)
    opener = _choose_frames(run, options.source, config, notes)
    return Rebuilt(config, tuple(changes), tuple(notes), opener)


def _check_settings(settings: Mapping[str, Any]) -> None:
    for key in settings:
        section = key.partition(".")[0]
        if section in FIXED or key == "measure.replay":
            raise ConfigError(
                f"--set {key} cannot be used in a replay, which sets {section} itself"
            )
        option = {"engine.path": "--engine", "calibration.path": "--calibration"}.get(
            key, "--source" if key == "source.uri" else None
        )
        if option is not None:
            raise ConfigError(f"--set {key} cannot be used in a replay: use {option}")


def _value(config: Config, dotted: str) -> Any:
    value: Any = config.plain()
    for key in dotted.split("."):
        value = value[key] if isinstance(value, Mapping) else None
    return value


def _check_engine(
    run: RecordedRun, other: Path | None, config: Config, files: dict[str, Any]
) -> list[str]:
    if config.engine.backend == "fake" and other is not None:
        raise ConfigError(
            "the run was judged by the fake engine: add --set engine.backend=onnx to judge it with "
            f"{other}"
        )
    recorded = config.engine.path
    if config.engine.backend == "fake" or (recorded is None and other is None):
        return []
    path = other or Path(recorded or "")
    files["engine.path"] = str(path)
    if not path.is_file():
        raise ConfigError(
            f"the engine {path} is missing: put it back, name another file with --engine, or start "
            "the replay in the folder in which the run was started"
        )
    expected, actual = run.header["engine_hash"], file_hash(path)
    if actual == expected:
        return []
    if other is None:
        raise ConfigError(
            f"the engine {path} is not the file of the run (SHA-256 {actual[:12]} instead of "
            f"{expected[:12]}): put the old file back, or compare the two with --engine {path}"
        )
    return [f"engine: {path} instead of {recorded or 'the fake engine'}"]


def _check_calibration(
    run: RecordedRun, other: Path | None, config: Config, files: dict[str, Any]
) -> list[str]:
    recorded = config.calibration.path
    path = other or (None if recorded is None else Path(recorded))
    if path is None:
        return []
    files["calibration.path"] = str(path)
    if not path.is_file():
        raise ConfigError(
            f"the calibration {path} is missing: put it back, name another file with "
            "--calibration, or start the replay in the folder in which the run was started"
        )
    if load_calibration(path).sha256() == run.header["calibration_hash"]:
        return []
    if other is None:
        raise ConfigError(
            f"the calibration {path} is not the one of the run: put the old file back, or compare "
            f"the two with --calibration {path}"
        )
    return [f"calibration: {path} instead of {recorded or 'none'}"]


def _describe_version(run: RecordedRun) -> list[str]:
    if run.format < WHOLE_LINES:
        return [
            f"the log has format {run.format}: verdicts, scores and sizes are compared, but not "
            "whole lines"
        ]
    recorded, installed = run.header.get("version"), find_version()
    if recorded == installed:
        return []
    return [
        f"version {recorded or 'unknown'} wrote the log, and this is version "
        f"{installed or 'unknown'}: a difference can come from the version"
    ]


def _fixed_values(
    out: Path, run: RecordedRun, config: Config, changed: bool, notes: list[str]
) -> dict[str, Any]:
    """Settings of every replay."""
    plain = config.plain()
    values = {key: value for key, value in SILENT.items() if _has_key(plain, key)}
    values["output.dir"], values["output.overwrite"] = str(out), False
    if run.live:
        values["engine.batch"] = 1
        if not changed:
            values["measure.replay"] = str(run.log)
        elif config.measure.refine:
            notes.append(
                "the live run had limited time for measuring; the replay measures all regions "
                "up to measure.max_refined on the frame, so more sizes are refined"
            )
    return values | repeat_tracking(run, plain, notes) | repeat_parts(run, notes)


def _has_key(plain: Mapping[str, Any], dotted: str) -> bool:
    value: Any = plain
    for key in dotted.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True


def _choose_frames(
    run: RecordedRun, moved: str | None, config: Config, notes: list[str]
) -> Callable[[SourceOptions], Source]:
    """The originals for a live run, and for a file that is missing; otherwise the source."""
    if run.live or (moved is None and _is_missing(run) and run.originals.is_dir()):
        if not run.originals.is_dir():
            raise SourceError(
                f"{run.folder} was a live run without originals, so its frames are gone: set "
                "output.originals.enabled: true for the next run"
            )
        notes.append(f"the frames are the originals in {run.originals}")
        saved = run.header["config"]["output"].get("originals", {})
        if saved.get("when") == "failures":
            notes.append(
                "the run saved only FAIL and ERROR frames and a share of "
                f"{saved['pass_share']:g} of the PASS frames, so only these are judged again: "
                "tracks, parts and the ledger are not compared, and shares of verdicts do not "
                "hold for the line"
            )
        return lambda _: OriginalsSource(run)
    if config.source.uri is not None and MASK in config.source.uri:
        raise SourceError(
            f"the password of {config.source.uri} is not in the log: name the source with --source"
        )
    if run.header.get("source_hash") is None and config.source.uri != "synthetic":
        notes.append("the log has no hash of the source, so a changed source is not noticed")
    if run.status == FINISHED:
        return lambda options: _open_part(run, options)
    beyond = BATCHES_AFTER_CUT * config.engine.batch if run.cut else 0
    last = run.last_frame_id + beyond
    return lambda options: LimitedSource(_open_part(run, options), last)


def _open_part(run: RecordedRun, options: SourceOptions) -> Source:
    """The frames that the run had; a run of a line can begin in the middle of the source."""
    source = _open_same(run, options)
    if run.header.get("continues") is None:
        return source
    return ContinuedSource(source, next(run.inspections()))


def _is_missing(run: RecordedRun) -> bool:
    path = run.source_info.get("path")
    return path is not None and not Path(path).exists()


def _open_same(run: RecordedRun, options: SourceOptions) -> Source:
    """Raises SourceError if the source is missing or changed."""
    try:
        source = open_source(options)
    except SourceError as exc:
        raise SourceError(
            f"the source of the run cannot be read: {exc}; put it back, name it with --source, or "
            "start the replay in the folder in which the run was started"
        ) from exc
    expected = run.header.get("source_hash")
    if expected is not None and (actual := hash_source(source)) != expected:
        source.close()
        raise SourceError(
            f"the source {source.info.source_id} has changed since the run (hash "
            f"{str(actual)[:12]} instead of {expected[:12]}): put the old files back, or name them "
            "with --source"
        )
    return source
