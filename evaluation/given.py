"""What an evaluation was given, as its result keeps it: settings, engine, pictures and rules."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from inspector.core.schema import AtLeast, OneOf

MASK_RULES: Final = ("nearest", "half", "any")
PIXEL_RESAMPLES: Final = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """What a caller chooses; part of what decides whether an earlier result is kept.

    mask_rule: which pixels of the map are defective: "nearest" takes the mask's pixel at the
    centre, "half" cells whose defective share is at least one half, "any" cells that a defect
    touches. mask_values: see learning.datasets.masks. batch: pictures per call of the engine.
    threads: 0 lets the runtime choose. resamples: of the bootstrap over pictures, at most
    PIXEL_RESAMPLES of them for pixel figures; 0 leaves the intervals out.
    """

    mask_rule: Annotated[str, OneOf(*MASK_RULES)] = "nearest"
    mask_values: Annotated[str, OneOf("any", "half")] = "any"
    batch: Annotated[int, AtLeast(1)] = 1
    backend: str = "onnx"
    device: str = "cpu"
    threads: Annotated[int, AtLeast(0)] = 0
    resamples: Annotated[int, AtLeast(0)] = 1000
    seed: Annotated[int, AtLeast(0)] = 0


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """file: as given. threshold_rule: ThresholdRule.rule and its figures in one sentence.
    threshold_normals: normal pictures that chose the thresholds."""

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


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The test pictures. masked: defective pictures that take part in the pixel figures. problems:
    one sentence each, of what the listing or the evaluation found odd."""

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
    """How it was measured, one sentence each. memory_bytes: the most that the pixel figures hold,
    whatever the number of pictures."""

    resolution_hw: tuple[int, int]
    mask: str
    inspected: str
    sizes: str
    places: str
    thresholds: str
    test_selected: str
    intervals: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What decides whether a result may be kept. pictures_sha256: of names, sizes and times of all
    pictures and masks."""

    engine_sha256: str
    pictures_sha256: str
    settings: Settings
