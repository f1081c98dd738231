"""Options, pictures and features of an engine while it is made."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from engines.roi import draw_mask
from engines.spec import EngineSpec, ResizeRule, Roi
from engines.spec_fields import Selection
from inspector.core.arrays import Image, Mask
from inspector.core.errors import ConfigError, DataError
from learning.anomalous import AnomalousPictures
from learning.backbones.features import Features
from learning.checking import PICTURES
from learning.foreground.finding import LearnedForeground
from learning.foreground.method import ForegroundMethod, ForegroundSource
from learning.graph.maps import MapCanvas
from learning.graph.pixels import blank_outside
from learning.methods.base import Method, Scorer
from learning.methods.feature_source import FeatureSource, SourceRequest
from learning.normals import Normals
from learning.thresholds.choosing import Thresholds
from learning.thresholds.folds import Scheme
from learning.thresholds.rules import ASK, SUSPECTS, Rule

if TYPE_CHECKING:
    from learning.selection.choosing import Choice

BATCH: Final = 8
"""Pictures whose features are computed together."""

SIMULATED: Final = 240
"""Default for the number of simulated defects."""

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how many pictures were done since the last call, and their
total."""


@dataclass(frozen=True, slots=True)
class MakeOptions:
    """Options of an engine, whether its model is fitted, trained or imported.

    backbone: file of the backbone; None for a method without one. sigma: of the map's smoothing, in
    map pixels. top_fraction: None for the method's default. rule: how the thresholds are chosen.
    threads: 0 lets the runtime choose. suspects: one of SUSPECTS, what the pictures are that
    find_suspects returns. simulated: number of simulated defects. checked: number of altered
    pictures that the engine file is checked with. device: where features are
    computed, cpu or cuda. foreground: of the good pictures; None: the whole region is judged.
    """

    name: str
    method: Scorer[Any]
    backbone: Path | None
    sigma: float = 4.0
    top_fraction: float | None = None
    rule: Rule = field(default_factory=Rule)
    roi: Roi | None = None
    seed: int = 0
    threads: int = 0
    suspects: str = ASK
    simulated: int = SIMULATED
    checked: int = PICTURES
    device: str = "cpu"
    foreground: LearnedForeground | None = None

    def __post_init__(self) -> None:
        if self.suspects not in SUSPECTS:
            raise ConfigError(
                f"suspects must be one of {', '.join(SUSPECTS)}, not {self.suspects!r}"
            )
        if self.simulated < 0:
            raise ConfigError(f"simulated must be at least 0, not {self.simulated}")

    def open_source(self, input_hw: tuple[int, int]) -> FeatureSource:
        """input_hw: (height, width) of the engine's input. Raises ConfigError for a size or a layer
        that the backbone does not have."""
        request = SourceRequest(self.backbone, input_hw, self.threads, self.device)
        return self.method.open_source(request)


@dataclass(frozen=True, slots=True)
class FitOptions(MakeOptions):
    """Options of an engine that is fitted. scheme: which scores the thresholds are chosen from.
    max_fitted: most pictures that are fitted; None for all. With the default scheme the others are
    held out. augment: whether few pictures get altered copies, see learning.augmentation.
    selection: how the method was chosen, for the spec. anomalous: pictures of real defects, for a
    rule that needs them. teachable: keep the good pictures beside the engine, see
    learning.stored_pictures. lines: also find thin lines and small marks, see learning.lines."""

    method: Method[Any]
    scheme: Scheme = field(default_factory=Scheme)
    max_fitted: int | None = None
    augment: str = "auto"
    selection: Selection | None = None
    anomalous: AnomalousPictures | None = None
    teachable: bool = False
    lines: bool = False


@dataclass(frozen=True, slots=True)
class EngineResult:
    """An engine file that was written and checked. seconds: step -> wall time. choice: how the
    method was chosen by trials. foreground: as in MakeOptions."""

    path: Path
    spec: EngineSpec
    file_bytes: int
    seconds: dict[str, float]
    choice: "Choice | None" = field(default=None, kw_only=True)
    foreground: LearnedForeground | None = field(default=None, kw_only=True)

    @property
    def thresholds(self) -> Thresholds:
        spec = self.spec
        return Thresholds(
            spec.image_threshold, spec.pixel_threshold, spec.display_range, spec.threshold_rule
        )

    @property
    def suspects(self) -> tuple[str, ...]:
        """Names of the normal pictures that stand out."""
        return tuple(self.spec.trained_on["suspects"])


class EngineJob:
    """Opens the features of a method and computes them for its pictures.

    normals: the normal pictures, as the engine takes them. inside: (H, W) of the engine's input,
    the region that is inspected; None is all of it. canvas: how maps are drawn. method: computes
    maps and scores; with a foreground, only those of the product. Use it in a `with` statement.
    Raises what MakeOptions.open_source raises, ConfigError for a top_fraction that the
    method does not use, and DataError for a region without a pixel.
    """

    def __init__(self, options: MakeOptions, normals: Normals, progress: Progress) -> None:
        self.options, self.normals, self.progress = options, normals, progress
        input_hw = normals.rule.input_hw
        self.source = options.open_source(input_hw)
        self.inside = inspected_pixels(options.roi, normals.rule)
        self.canvas = MapCanvas(input_hw, options.sigma, _top_fraction(options), self.inside)
        self.method: Any = options.method
        learned = options.foreground
        if learned is not None and learned.model is not None:
            self.method = ForegroundMethod(options.method, learned.model)
            self.source = ForegroundSource(self.source, learned.model.cell)
            self.canvas = dataclasses.replace(self.canvas, foreground=learned.covered)
        self.seconds: dict[str, float] = {}
        self._started = time.monotonic()

    def features(self, pixels: Image) -> Features:
        """pixels: (n, H, W, 3) uint8 RGB."""
        return self.source.extract(blank_outside(pixels, self.inside))

    def end_step(self, step: str) -> None:
        """Records the time since the last step ended as the time of this one."""
        now = time.monotonic()
        self.seconds[step] = now - self._started
        self._started = now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()


def inspected_pixels(roi: Roi | None, rule: ResizeRule) -> Mask | None:
    """(H, W) of the engine's input; None for all. Raises DataError if no pixel is left."""
    if roi is None:
        return None
    inside = draw_mask(roi, rule.input_hw, rule.crop)
    if not inside.any():
        raise DataError("the region of interest leaves no pixel of the engine's input")
    return inside


def _top_fraction(options: MakeOptions) -> float:
    default = options.method.top_fraction
    if default is None and options.top_fraction is not None:
        raise ConfigError(
            f"method {options.method.name} does not read its score off the map: leave out "
            "top_fraction"
        )
    return (default or 0.0) if options.top_fraction is None else options.top_fraction
