"""Describes how a result was made: settings, engine, test data and rules, as metrics.json has them.

Holds the types of these descriptions and the functions that fill them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from engines.foreground import explains_infinity
from engines.spec import EngineSpec
from engines.spec_file import file_hash
from evaluation.truth_masks import MASK_RULES
from inspector.core.reading import BIT_DEPTHS, MAX_PIXELS, Reading
from inspector.core.schema import AtLeast, OneOf
from learning.datasets.fingerprint import pictures_hash
from learning.datasets.masks import AUTO
from learning.datasets.masks import MASK_RULES as VALUE_RULES
from learning.datasets.types import ClassData
from learning.metrics.regions import BORDER_BAND, DETECTION_RULE, LARGE_FROM, SMALL_BELOW
from learning.thresholds.changing import BY_HAND

PIXEL_RESAMPLES: Final = 200
"""Largest number of resamples for pixel metrics."""

MEMORY_BYTES: Final = 400_000_000
"""Upper limit of the memory for the metrics of a class.

tests/evaluation/test_class_counts.py checks it.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of an evaluation. An earlier result is reused only if its settings are equal.

    mask_rule: which map pixels count as defective, see evaluation.truth_masks.
    mask_values: which mask values count as defective, see learning.datasets.masks.
    batch: pictures per call of the engine.
    threads: of the runtime; 0: the runtime chooses.
    resamples: bootstrap resamples over pictures; pixel metrics use at most PIXEL_RESAMPLES.
        0: no intervals.
    bit_depth, max_pixels: see inspector.core.reading.Reading.
    allow_aspect: score pictures of another aspect ratio than those of fitting.
    """

    mask_rule: Annotated[str, OneOf(*MASK_RULES)] = "nearest"
    mask_values: Annotated[str, OneOf(*VALUE_RULES)] = AUTO
    batch: Annotated[int, AtLeast(1)] = 1
    backend: str = "onnx"
    device: str = "cpu"
    threads: Annotated[int, AtLeast(0)] = 0
    resamples: Annotated[int, AtLeast(0)] = 1000
    seed: Annotated[int, AtLeast(0)] = 0
    bit_depth: Annotated[int, OneOf(*BIT_DEPTHS)] | None = None
    max_pixels: Annotated[int, AtLeast(1)] = MAX_PIXELS
    allow_aspect: bool = False

    @property
    def reading(self) -> Reading:
        return Reading(self.bit_depth, self.max_pixels)


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine file.

    file: path as the user typed it. threshold_rule: how the thresholds were chosen, as sentences.
    threshold_normals: number of normal pictures that chose the thresholds.
    """

    file: str
    sha256: str
    megabytes: float
    name: str
    method: str
    backbone: str
    layers: tuple[str, ...]
    input_hw: tuple[int, int]
    map_hw: tuple[int, int]
    frame_hw: tuple[int, int]
    image_threshold: float
    pixel_threshold: float
    threshold_rule: str
    threshold_normals: int
    display_range: tuple[float, float]
    trained_on: dict[str, Any]
    licence: str
    created_utc: str

    @property
    def method_text(self) -> str:
        """Such as "rad on efficientnet_lite0", or the method alone if it has no backbone."""
        return f"{self.method} on {self.backbone}" if self.backbone else self.method


@dataclass(frozen=True, slots=True)
class DataInfo:
    """The test pictures.

    masked: number of defective pictures that count in the pixel metrics. errors: number of pictures
    without a verdict. regions, vanished, outside: sums over the pictures, see PictureResult.
    problems: what is missing or inconsistent in the data set, one sentence each.
    """

    folder: str
    layout: str
    good: int
    defective: int
    masked: int
    errors: int
    regions: int
    vanished: int
    outside: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvaluationRules:
    """How the metrics were measured, one sentence each. memory_bytes: upper limit of the memory for
    pixel metrics; it does not depend on the number of pictures."""

    resolution_hw: tuple[int, int]
    mask: str
    inspected: str
    sizes: str
    places: str
    regions: str
    thresholds: str
    test_selected: str
    intervals: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """An earlier result is reused only if its provenance is equal. pictures_sha256: see
    pictures_hash."""

    engine_sha256: str
    pictures_sha256: str
    settings: Settings


def find_provenance(engine: Path, data: ClassData, settings: Settings) -> Provenance:
    """Raises SpecError if the engine file cannot be read."""
    return Provenance(file_hash(engine), pictures_hash(data.tests()), settings)


def describe_engine(path: Path, sha256: str, spec: EngineSpec) -> EngineInfo:
    rule = spec.threshold_rule
    return EngineInfo(
        file=str(path),
        sha256=sha256,
        megabytes=path.stat().st_size / 1e6,
        name=spec.name,
        method=spec.method,
        backbone=spec.backbone,
        layers=spec.layers,
        input_hw=spec.resize.input_hw,
        map_hw=spec.map_hw,
        frame_hw=spec.frame_hw,
        image_threshold=spec.image_threshold,
        pixel_threshold=spec.pixel_threshold,
        threshold_rule="; ".join(rule.sentences()),
        threshold_normals=rule.normals,
        display_range=spec.display_range,
        trained_on=spec.trained_on,
        licence=spec.licence,
        created_utc=spec.created_utc,
    )


def describe_rules(spec: EngineSpec, settings: Settings) -> EvaluationRules:
    return EvaluationRules(
        resolution_hw=spec.map_hw,
        mask=f"{VALUE_RULES[settings.mask_values]}; {MASK_RULES[settings.mask_rule]}",
        inspected=_inspected_area(spec),
        sizes=f"a region is small below {SMALL_BELOW:.1%} of the inspected area and large from "
        f"{LARGE_FROM:.0%} on",
        places=f"a region lies at the border if it touches the outer {BORDER_BAND:.0%} of the "
        "inspected height or width",
        regions=DETECTION_RULE,
        thresholds=_threshold_origin(spec),
        test_selected="F1-max chooses its threshold on the same pictures that it is measured on. "
        "It is an upper bound, for comparison with published tables only",
        intervals=_interval_method(settings),
        memory_bytes=MEMORY_BYTES,
    )


def _inspected_area(spec: EngineSpec) -> str:
    if spec.roi is not None:
        return "the engine's region of interest; pixels outside it are not counted"
    if explains_infinity(spec):
        return "the whole picture; the map is 0 outside the foreground of each picture"
    if spec.resize.crop != (0.0, 0.0, 1.0, 1.0):
        return f"the engine's crop {spec.resize.crop} of the picture"
    return "the whole picture"


def _interval_method(settings: Settings) -> str:
    if not settings.resamples:
        return "none"
    pixel_resamples = min(settings.resamples, PIXEL_RESAMPLES)
    return (
        f"95 %, percentiles of {settings.resamples} resamples of the pictures "
        f"({pixel_resamples} for pixel metrics), seed {settings.seed}"
    )


def _threshold_origin(spec: EngineSpec) -> str:
    rule = spec.threshold_rule
    if rule.rule == BY_HAND:
        return "set by hand; the result is fair only if these pictures were not used to set them"
    return f"chosen before this test from {rule.normals} good pictures, rule: {rule.rule}"
