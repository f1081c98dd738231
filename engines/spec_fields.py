"""Fields of an engine's spec that format 2 adds. Each is optional: None means unknown.

Sizes in px are pixels of a frame of the spec's frame_hw, unless a docstring says otherwise. Every
class raises SpecError, with the name of the field, for values outside the stated ranges.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any, Final

from engines.spec_checks import (
    check_count,
    check_length,
    check_number,
    check_settings,
    check_text,
)
from inspector.core.errors import SpecError
from inspector.core.reading import BIT_DEPTHS

QUANTILES: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""Levels of PictureFigure.quantiles."""

LONGEST_VIEW: Final = 1024
"""Longest side of a stored view or mask, px."""

LONGEST_PNG: Final = 4_000_000
"""Characters of its base64 text."""

MAX_FIGURES: Final = 32
MAX_RATES: Final = 64
MAX_CANDIDATES: Final = 1000
MAX_KINDS: Final = 64
MAX_POINTS: Final = 256
MAX_LAYERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class PictureFigure:
    """Distribution of one figure over the good pictures.

    quantiles: at the levels QUANTILES, in rising order. sd: standard deviation (of n - 1; 0 for one
    picture). low, high: a frame outside them is not like the good pictures; None: no limit.
    """

    name: str
    mean: float
    sd: float
    quantiles: tuple[float, ...]
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        check_text("the name of a figure", self.name)
        check_number(f"figure {self.name}: mean", self.mean)
        check_number(f"figure {self.name}: sd", self.sd, low=0)
        if len(self.quantiles) != len(QUANTILES):
            raise SpecError(f"figure {self.name}: quantiles must hold {len(QUANTILES)} values")
        for value in self.quantiles:
            check_number(f"figure {self.name}: quantiles", value)
        if list(self.quantiles) != sorted(self.quantiles):
            raise SpecError(f"figure {self.name}: quantiles must be in rising order")
        check_number(f"figure {self.name}: low", self.low)
        check_number(f"figure {self.name}: high", self.high)
        if self.low is not None and self.high is not None and self.low > self.high:
            raise SpecError(f"figure {self.name}: low must not be above high")


@dataclass(frozen=True, slots=True)
class PictureStatistics:
    """What the good pictures look like, so that a frame can be compared with them.

    count: good pictures that were measured. figures: one per measured figure, see
    engines.picture_statistics. bit_depth: bits per channel of the original pictures.
    false_alarm_rate: share of good frames, from 0 to 1, that the limits of all figures together
    refuse on average, at most.
    """

    count: int
    figures: tuple[PictureFigure, ...]
    bit_depth: int | None = None
    false_alarm_rate: float | None = None

    def __post_init__(self) -> None:
        check_count("good_pictures.count", self.count, low=1)
        check_length("good_pictures.figures", self.figures, MAX_FIGURES)
        _refuse_twice("good_pictures.figures", [figure.name for figure in self.figures])
        if self.bit_depth is not None and self.bit_depth not in BIT_DEPTHS:
            raise SpecError(f"good_pictures.bit_depth must be one of {BIT_DEPTHS}")
        check_number("good_pictures.false_alarm_rate", self.false_alarm_rate, low=0, high=1)


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """A small grey picture of the good product, to register frames on.

    hw: its size, px. picture: PNG with 8 bits grey, base64; engines.png decodes it. It shows what
    the engine's input shows. pictures: number of good pictures whose mean it is. aligned: whether
    the good pictures show that the product is always at the same place. shift: distances of the
    good pictures from this view, in px of the engine's input.
    """

    hw: tuple[int, int]
    picture: str
    pictures: int
    aligned: bool | None = None
    shift: PictureFigure | None = None

    def __post_init__(self) -> None:
        _check_png("reference_view", self.hw, self.picture)
        check_count("reference_view.pictures", self.pictures, low=1)


@dataclass(frozen=True, slots=True)
class RateThresholds:
    """One row of the table of rates.

    rate: false alarms on average, at most, as a share. promise: share of false alarms in the long
    run, at most, with 95 % confidence. detected: share of the simulated defects that FAIL.
    """

    rate: float
    image_threshold: float
    pixel_threshold: float
    promise: float | None = None
    detected: float | None = None

    def __post_init__(self) -> None:
        for name in ("rate", "promise", "detected"):
            check_number(f"rates: {name}", getattr(self, name), low=0, high=1)
        for name in ("image_threshold", "pixel_threshold"):
            check_number(f"rates: {name}", getattr(self, name))


@dataclass(frozen=True, slots=True)
class SelectionCandidate:
    """Settings that were tried. score: by the criterion of the selection; None if the trial
    failed or was skipped, and note says why. seconds: wall time of the trial."""

    method: str
    settings: dict[str, Any]
    score: float | None = None
    seconds: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        check_text("selection: method", self.method)
        check_settings("selection: settings", self.settings)
        check_number("selection: score", self.score)
        check_number("selection: seconds", self.seconds, low=0)
        check_text("selection: note", self.note, empty=True)


@dataclass(frozen=True, slots=True)
class Selection:
    """How the engine's settings were chosen. criterion: what the scores mean; larger is better.
    chosen: index of the candidate that the engine uses. budget_seconds: time that was allowed."""

    criterion: str
    candidates: tuple[SelectionCandidate, ...]
    chosen: int
    reason: str
    budget_seconds: float | None = None

    def __post_init__(self) -> None:
        check_text("selection.criterion", self.criterion)
        check_length("selection.candidates", self.candidates, MAX_CANDIDATES)
        check_count("selection.chosen", self.chosen, high=len(self.candidates) - 1)
        check_text("selection.reason", self.reason)
        check_number("selection.budget_seconds", self.budget_seconds, low=0)


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """Simulated defects of one size and contrast. contrast: largest difference from the good
    picture in grey levels of 0 to 255; None if contrasts are mixed. detected: how many FAIL."""

    size_px: float
    simulated: int
    detected: int
    contrast: float | None = None

    def __post_init__(self) -> None:
        check_number("power: size_px", self.size_px, low=0)
        check_count("power: simulated", self.simulated, low=1)
        check_count("power: detected", self.detected, high=self.simulated)
        check_number("power: contrast", self.contrast, low=0, high=255)

    @property
    def share(self) -> float:
        """Share of the simulated defects that was detected, from 0 to 1."""
        return self.detected / self.simulated


@dataclass(frozen=True, slots=True)
class DefectPower:
    """How well one kind of simulated defect is detected. kind: such as scratch, crack, hole.
    smallest_px: smallest size of which at least 90 % are detected; None if no size reaches it.
    parameters: how the defects were made."""

    kind: str
    points: tuple[PowerPoint, ...]
    smallest_px: float | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text("power: kind", self.kind)
        check_length(f"power of {self.kind}: points", self.points, MAX_POINTS)
        check_number(f"power of {self.kind}: smallest_px", self.smallest_px, low=0)
        check_settings(f"power of {self.kind}: parameters", self.parameters)


@dataclass(frozen=True, slots=True)
class Foreground:
    """Where the product is in the picture.

    source: how it was determined, such as a file, pictures of the empty scene, or features. share:
    mean share of the engine's input that it covers. hw, mask: for product that stays in place, a
    PNG with 8 bits grey, base64, 255 where the product is; it shows what the engine's input shows.
    Both are None if every picture has a different mask. parameters: of the source.
    """

    source: str
    share: float
    hw: tuple[int, int] | None = None
    mask: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text("foreground.source", self.source)
        check_number("foreground.share", self.share, low=0, high=1)
        if (self.hw is None) != (self.mask is None):
            raise SpecError("foreground must hold hw and mask, or neither")
        if self.hw is not None and self.mask is not None:
            _check_png("foreground", self.hw, self.mask)
        check_settings("foreground.parameters", self.parameters)


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How layers of the graph were turned into whole numbers.

    weights, activations: their types, such as int8 and uint8. calibration: how the ranges were
    chosen, such as minmax. pictures, pictures_sha256: number of the pictures that were used, and
    the hash of their list. per_channel, reduce_range: as in onnxruntime's quantizer. nodes:
    number of quantised nodes. float_layers: names of layers that stay float32, because they lost
    accuracy.
    band: half width of the band around the image threshold, in scores, in which verdicts may
    differ from float32. parameters: what else was set or measured.
    """

    weights: str
    activations: str
    calibration: str
    pictures: int
    pictures_sha256: str
    per_channel: bool
    reduce_range: bool
    nodes: int
    float_layers: tuple[str, ...] = ()
    band: float | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("weights", "activations", "calibration", "pictures_sha256"):
            check_text(f"quantisation.{name}", getattr(self, name))
        check_count("quantisation.pictures", self.pictures, low=1)
        check_count("quantisation.nodes", self.nodes, low=1)
        if len(self.float_layers) > MAX_LAYERS:
            raise SpecError(f"quantisation.float_layers must hold at most {MAX_LAYERS} names")
        for layer in self.float_layers:
            check_text("quantisation.float_layers", layer)
        check_number("quantisation.band", self.band, low=0)
        check_settings("quantisation.parameters", self.parameters)


def check_rates(rates: tuple[RateThresholds, ...]) -> None:
    """At most MAX_RATES rows with rising rates."""
    check_length("rates", rates, MAX_RATES)
    if any(row.rate >= later.rate for row, later in itertools.pairwise(rates)):
        raise SpecError("rates must be sorted, each rate once")


def check_power(power: tuple[DefectPower, ...]) -> None:
    """At most MAX_KINDS kinds, each once."""
    check_length("power", power, MAX_KINDS)
    _refuse_twice("power", [row.kind for row in power])


def _refuse_twice(name: str, words: list[str]) -> None:
    if len(set(words)) < len(words):
        raise SpecError(f"{name} must name each entry once")


def _check_png(name: str, hw: tuple[int, int], text: str) -> None:
    for side in hw:
        check_count(f"{name}.hw", side, low=1, high=LONGEST_VIEW)
    if len(hw) != 2 or not isinstance(text, str) or not 0 < len(text) <= LONGEST_PNG:
        raise SpecError(f"{name} must hold a base64 PNG of at most {LONGEST_PNG} characters")
