"""Composes the options of all parts into one configuration, which mirrors config.yaml."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from engines.options import RuntimeOptions
from inspector.core.mode import MODES, OPEN
from inspector.core.schema import Between, Matches, OneOf
from inspector.core.secrets import mask_values
from inspector.core.trace import TraceOptions
from inspector.evidence.options import EvidenceOptions
from inspector.explain.options import ExplainOptions
from inspector.fleet.options import FleetOptions
from inspector.health.options import HealthOptions
from inspector.logs import LogOptions
from inspector.measure.options import MeasureOptions
from inspector.outputs.options import OutputOptions
from inspector.parts.code_options import CodeOptions
from inspector.parts.options import PartOptions, RollOptions
from inspector.pipeline.options import PipelineOptions
from inspector.processing.postprocess import VerdictOptions
from inspector.report.options import ReportOptions
from inspector.service.checks.options import CheckOptions
from inspector.service.options import RecipeOptions, ServiceOptions
from inspector.service.retention.options import RetentionOptions
from inspector.sources.options import SourceOptions
from inspector.store.options import StoreOptions
from inspector.teaching.options import TeachingOptions
from inspector.tracking.options import TrackingOptions
from inspector.web.options import WebViewOptions


@dataclass(frozen=True, slots=True)
class RunEngineOptions(RuntimeOptions):
    """The engine file of a run, its runtime, and what happens if the engine fails its check.

    allow_aspect: accept frames of another aspect ratio than those of fitting.
    """

    path: str | None = None
    batch: Annotated[int, Between(1, 32)] = 1
    on_parity_failure: Annotated[str, OneOf("stop", "fallback")] = "stop"
    fallback_path: str | None = None
    allow_aspect: bool = False


@dataclass(frozen=True, slots=True)
class CalibrationOptions:
    path: str | None = None


@dataclass(frozen=True, slots=True)
class WindowOptions:
    show: bool = False


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One entry of the list `sources`: a name, and sections that replace the shared ones. recipe:
    the first one of this source, as recipes.start is for all of them."""

    name: Annotated[str, Matches(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", "letters, digits, - and _")]
    recipe: str | None = None
    source: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)
    health: dict[str, Any] = field(default_factory=dict)
    measure: dict[str, Any] = field(default_factory=dict)
    explain: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    tracking: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    rolls: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    pipeline: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. The shipped config.yaml explains every key, with its unit."""

    source: SourceOptions = field(default_factory=SourceOptions)
    engine: RunEngineOptions = field(default_factory=RunEngineOptions)
    verdict: VerdictOptions = field(default_factory=VerdictOptions)
    health: HealthOptions = field(default_factory=HealthOptions)
    measure: MeasureOptions = field(default_factory=MeasureOptions)
    explain: ExplainOptions = field(default_factory=ExplainOptions)
    calibration: CalibrationOptions = field(default_factory=CalibrationOptions)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    parts: PartOptions = field(default_factory=PartOptions)
    rolls: RollOptions = field(default_factory=RollOptions)
    codes: CodeOptions = field(default_factory=CodeOptions)
    triggers: tuple[dict[str, Any], ...] = ()
    trace: TraceOptions = field(default_factory=TraceOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    outputs: tuple[dict[str, Any], ...] = ()
    evidence: EvidenceOptions = field(default_factory=EvidenceOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    retention: RetentionOptions = field(default_factory=RetentionOptions)
    store: StoreOptions = field(default_factory=StoreOptions)
    pipeline: PipelineOptions = field(default_factory=PipelineOptions)
    fleet: FleetOptions = field(default_factory=FleetOptions)
    window: WindowOptions = field(default_factory=WindowOptions)
    log: LogOptions = field(default_factory=LogOptions)
    fail_on_anomaly: bool = False
    service: ServiceOptions = field(default_factory=ServiceOptions)
    recipes: RecipeOptions = field(default_factory=RecipeOptions)
    checks: tuple[CheckOptions, ...] = ()
    web: WebViewOptions = field(default_factory=WebViewOptions)
    teaching: TeachingOptions = field(default_factory=TeachingOptions)
    mode: Annotated[str, OneOf(*MODES)] = OPEN
    sources: tuple[SourceEntry, ...] = ()

    @property
    def is_line(self) -> bool:
        """Whether the program runs as a line, which takes requests."""
        return (
            self.service.enabled
            or self.recipes.dir is not None
            or self.store.enabled
            or self.web.port is not None
            or bool(self.checks)
        )

    def plain(self) -> dict[str, Any]:
        """Plain values for logs and reports, without passwords."""
        values: dict[str, Any] = mask_values(asdict(self))
        return values

    def sha256(self) -> str:
        """Hash of the plain values. The password of a camera URL does not change the hash."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()
