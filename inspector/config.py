"""The configuration: frozen dataclasses that mirror config.yaml, key by key."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml

from engines.backends.choosing import AUTO
from engines.opening import BACKENDS, DEVICES, HINTS
from inspector.core.errors import ConfigError
from inspector.core.schema import AtLeast, Between, OneOf, build
from inspector.sources.uri import mask_uri

Triple = tuple[float, float, float]
Positive = Annotated[float, AtLeast(0, exclusive=True)]
Share = Annotated[float, Between(0, 1)]
Count = Annotated[int, AtLeast(0)]
AtLeastOne = Annotated[int, AtLeast(1)]
Side = Annotated[int, Between(1, 16384)]
Scale = Annotated[float, Between(1e-6, 1e4)]
Threads = Annotated[int, Between(0, 256)]
Batch = Annotated[int, Between(1, 32)]
OnError = Annotated[str, OneOf("fatal", "warn")]


@dataclass(frozen=True, slots=True)
class ReconnectConfig:
    first_s: Positive = 0.5
    max_s: Positive = 30.0
    give_up_s: Positive | None = None
    wait_for_source: bool = False


@dataclass(frozen=True, slots=True)
class SyntheticConfig:
    frames: AtLeastOne | None = 300
    seed: Count = 1
    mm_per_px: Scale = 0.1
    defect_rate: Annotated[float, Between(0, 10)] = 0.05
    paced: bool = False
    texture: str | None = None


@dataclass(frozen=True, slots=True)
class SourceConfig:
    uri: str | None = None
    fps: Annotated[float, Between(0.001, 1000)] | None = None
    frame_hw: tuple[Side, Side] | None = None
    max_unreadable: Share = 0.1
    open_timeout_s: Positive = 5.0
    read_timeout_s: Positive = 5.0
    rtsp_transport: Annotated[str, OneOf("tcp", "udp")] = "tcp"
    decode_threads: Threads = 1
    reconnect: ReconnectConfig = field(default_factory=ReconnectConfig)
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    path: str | None = None
    backend: Annotated[str, OneOf(AUTO, *BACKENDS)] = "onnx"
    device: Annotated[str, OneOf(AUTO, *DEVICES)] = "cpu"
    threads: Threads = 1
    batch: Batch = 1
    hint: Annotated[str, OneOf(*HINTS)] = "latency"
    plan_dir: str | None = None
    fall_back: bool = False
    on_parity_failure: Annotated[str, OneOf("stop", "fallback")] = "stop"
    fallback_path: str | None = None


@dataclass(frozen=True, slots=True)
class VerdictConfig:
    rule: Annotated[str, OneOf("score", "defects", "either")] = "score"
    image_threshold: float | None = None
    pixel_threshold: float | None = None
    min_length_mm: Positive | None = None
    min_area_mm2: Positive | None = None
    min_length_px: Positive | None = None
    min_area_px: Positive | None = None


@dataclass(frozen=True, slots=True)
class SeverityConfig:
    length_mm: Triple | None = None
    area_mm2: Triple | None = None
    length_px: Triple | None = None
    score_ratio: Triple | None = (1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    refine: bool = True
    max_refined: Count = 8
    min_area_px: Annotated[float, AtLeast(0)] = 0.0
    min_area_mm2: Positive | None = None
    opening_px: Annotated[int, Between(0, 255)] = 0
    unit: Annotated[str, OneOf("mm", "cm", "inch")] = "mm"
    severity: SeverityConfig = field(default_factory=SeverityConfig)


@dataclass(frozen=True, slots=True)
class CalibrationConfig:
    path: str | None = None


@dataclass(frozen=True, slots=True)
class VideoConfig:
    enabled: bool = True
    scale: Annotated[float, Between(0.1, 1)] = 1.0
    preset: Annotated[
        str, OneOf("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
    ] = "ultrafast"
    crf: Annotated[int, Between(0, 51)] = 23
    threads: Threads = 1
    copy_audio: bool = True


@dataclass(frozen=True, slots=True)
class SnapshotConfig:
    max_count: Count = 100
    when: Annotated[str, OneOf("fail", "error", "both")] = "both"
    quality: Annotated[int, Between(1, 100)] = 90
    on_error: OnError = "warn"


@dataclass(frozen=True, slots=True)
class OutputConfig:
    dir: str = "artifacts/run"
    overwrite: bool = False
    video: VideoConfig = field(default_factory=VideoConfig)
    snapshots: SnapshotConfig = field(default_factory=SnapshotConfig)


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    max_errored_in_a_row: AtLeastOne | None = 300
    stall_timeout_s: Positive | None = 60.0


@dataclass(frozen=True, slots=True)
class WindowConfig:
    show: bool = False


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: Annotated[str, OneOf("DEBUG", "INFO", "WARNING", "ERROR")] = "INFO"
    path: str | None = "artifacts/logs/inspector.log"
    rotation_mb: Positive = 10.0
    keep: AtLeastOne = 10


@dataclass(frozen=True, slots=True)
class Config:
    """Every key is explained, with its unit, in the shipped config.yaml."""

    source: SourceConfig = field(default_factory=SourceConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    verdict: VerdictConfig = field(default_factory=VerdictConfig)
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    outputs: tuple[dict[str, Any], ...] = ()
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    log: LogConfig = field(default_factory=LogConfig)
    fail_on_anomaly: bool = False

    def plain(self) -> dict[str, Any]:
        """As plain values for logs and reports; the password of a camera URL is masked."""
        values = asdict(self)
        if self.source.uri is not None:
            values["source"]["uri"] = mask_uri(self.source.uri)
        return values

    def sha256(self) -> str:
        """Of the plain values, so that it neither holds nor depends on a password."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()


def load_config(path: Path | None, overrides: dict[str, Any] | None = None) -> Config:
    """The defaults, then the file, then the overrides: dotted key -> value, such as
    {"engine.threads": 2}. Raises ConfigError for an unknown key, naming the known ones."""
    raw: dict[str, Any] = {} if path is None else _read(path)
    for dotted, value in (overrides or {}).items():
        _set(raw, dotted, value)
    return build(Config, raw, ConfigError)


def parse_setting(text: str) -> tuple[str, Any]:
    """key.path=value -> (key.path, value); the value is read as YAML."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"a setting has the form key.path=value, not {text!r}")
    try:
        return key.strip(), yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ConfigError(f"the value of {key.strip()} is not YAML: {value[:60]!r}") from exc


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"cannot read the configuration {path}: {exc.strerror}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        reason = " ".join(str(exc).split())
        raise ConfigError(f"the configuration {path} is not YAML: {reason}") from exc
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError(f"the configuration {path} must hold keys, not {type(raw).__name__}")
    return raw


def _set(raw: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    at = raw
    for parent in parents:
        if at.get(parent) is None:
            at[parent] = {}
        at = at[parent]
        if not isinstance(at, dict):
            raise ConfigError(f"{dotted}: {parent} holds no keys")
    at[last] = value
