"""What an evaluation found, as it is held in memory and written to metrics.json.

Everything here is JSON by itself: `None` where a number is undefined, never NaN, with the reason
beside it, and every float is finite. Scores are in the raw unit of the method. Shares and rates lie
in [0, 1]. Times are wall-clock milliseconds.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Final

from evaluation.given import DataFacts, EngineFacts, EvaluationRules, Provenance
from inspector.core.schema import OneOf

FORMAT: Final = 1
"""Of metrics.json; a file of another format is not kept but made anew."""


@dataclass(frozen=True, slots=True)
class Figure:
    """learning.metrics.value.Metric as JSON: `value` is None where the data do not define it, and
    `reason` says what is missing; beside a value it is a reservation, None where there is none.
    interval: 95 % bootstrap interval over pictures."""

    value: float | None
    reason: str | None = None
    interval: tuple[float, float] | None = None
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The accuracy of one class or of one kind of defect (against all good pictures).

    aupro: area under the per-region overlap up to a false-positive rate of 0.3, divided by 0.3.
    aupimo: mean over defective pictures. The two F1-max choose their threshold on the very pictures
    that they are measured on: an upper bound, not what the line will see.
    """

    image_auroc: Figure
    image_ap: Figure
    image_f1_max: Figure
    pixel_auroc: Figure
    pixel_ap: Figure
    pixel_f1_max: Figure
    aupro: Figure
    aupimo: Figure


FIGURES: Final = tuple(field.name for field in fields(Figures))
"""Names of the figures, in the order of tables."""


@dataclass(frozen=True, slots=True)
class Rate:
    """count of `of` pictures, and the 95 % Clopper-Pearson interval of the share; share and
    interval are None where `of` is 0."""

    count: int
    of: int
    share: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What the engine's own thresholds do, which were set on normal pictures only (honest).

    Confusion at the image threshold: FAIL is score >= image_threshold. regions_found: defect
    regions with a map pixel at or above the pixel threshold. false_regions: good pictures with such
    a pixel.
    """

    true_alarms: int
    false_alarms: int
    misses: int
    true_passes: int
    false_alarm_rate: Rate
    miss_rate: Rate
    regions_found: Rate
    false_regions: Rate


@dataclass(frozen=True, slots=True)
class TestSelected:
    """The thresholds of F1-max: chosen on the test pictures themselves (leakage), for comparison
    with published tables only. None where F1-max is undefined."""

    __test__ = False  # for pytest: no test class

    image_threshold: float | None
    pixel_threshold: float | None


@dataclass(frozen=True, slots=True)
class KindResult:
    """One kind of defect against all good pictures. misses: below the image threshold."""

    name: str
    pictures: int
    misses: Rate
    regions_found: Rate
    figures: Figures


@dataclass(frozen=True, slots=True)
class RegionGroup:
    """Defect regions of one size or place (see EvaluationRules). aupro: of these regions alone."""

    name: str
    found: Rate
    aupro: Figure


@dataclass(frozen=True, slots=True)
class Curve:
    """A line for a plot, thinned to a few hundred points; x rises. thresholds: the score at each
    point, None for the point above every score; empty where the curve has none.

    image_roc, pixel_roc: x false-positive rate, y true-positive rate. image_pr, pixel_pr: x recall,
    y precision. pro: x false-positive rate up to 0.3, y mean overlap per region.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    thresholds: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges, one less than edges: of pictures by score, or of evaluated pixels by
    their value on the map."""

    edges: tuple[float, ...]
    good: tuple[int, ...]
    defective: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one picture, preprocessing and inference, without reading the file and after a warm-up;
    with a batch, its time divided by its pictures. running_on: as the engine says itself."""

    running_on: str
    batch: int
    pictures: int
    preprocess_p50_ms: float | None
    infer_p50_ms: float | None
    total_p50_ms: float | None
    total_p99_ms: float | None


@dataclass(frozen=True, slots=True)
class PictureResult:
    """One test picture.

    name: below the class folder, with "/" between folders. path: as the listing gave it.
    verdict: PASS or FAIL by the image threshold, or ERROR: then `error` says why in a sentence, and
    the picture is in no figure. peak: highest value of the evaluated map. regions: defect regions
    of the evaluated mask, regions_found: of them with a pixel at or above the pixel threshold;
    vanished: regions too small for the map's grid; outside: regions wholly outside what the
    engine inspects. note: why a defective picture is left out of the pixel figures. aupimo: of a
    defective picture.
    """

    name: str
    path: str
    kind: str
    defective: bool
    has_mask: bool
    verdict: Annotated[str, OneOf("PASS", "FAIL", "ERROR")]
    score: float | None = None
    peak: float | None = None
    regions: int = 0
    regions_found: int = 0
    vanished: int = 0
    outside: int = 0
    aupimo: float | None = None
    preprocess_ms: float | None = None
    infer_ms: float | None = None
    error: str | None = None
    note: str | None = None

    @property
    def false_alarm(self) -> bool:
        return self.verdict == "FAIL" and not self.defective

    @property
    def miss(self) -> bool:
        return self.verdict == "PASS" and self.defective


@dataclass(frozen=True, slots=True)
class Resampled:
    """A pixel figure on each resample of the pictures, None where it is undefined there. Engines
    that were given the same pictures and the same seed had the same draws, one by one."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ClassResult:
    """Everything about one engine on one class: the content of its metrics.json.

    warnings: sentences that a reader must see. curves: see Curve; those that are undefined are
    left out. seconds: of the whole evaluation.
    """

    name: str
    made_utc: str
    made_from: Provenance
    engine: EngineFacts
    data: DataFacts
    rules: EvaluationRules
    figures: Figures
    at_threshold: AtThreshold
    test_selected: TestSelected
    kinds: tuple[KindResult, ...]
    sizes: tuple[RegionGroup, ...]
    places: tuple[RegionGroup, ...]
    curves: tuple[Curve, ...]
    score_histogram: Histogram
    pixel_histogram: Histogram | None
    resampled: tuple[Resampled, ...]
    latency: Latency
    pictures: tuple[PictureResult, ...]
    warnings: tuple[str, ...]
    seconds: float
    format: int = FORMAT

    @property
    def false_alarms(self) -> tuple[PictureResult, ...]:
        """Good pictures that FAIL, worst first."""
        return _by_score(self.pictures, "false_alarm", worst=1)

    @property
    def misses(self) -> tuple[PictureResult, ...]:
        """Defective pictures that PASS, lowest score first."""
        return _by_score(self.pictures, "miss", worst=-1)

    @property
    def errors(self) -> tuple[PictureResult, ...]:
        return tuple(one for one in self.pictures if one.verdict == "ERROR")


def _by_score(
    pictures: tuple[PictureResult, ...], wanted: str, *, worst: int
) -> tuple[PictureResult, ...]:
    found = [one for one in pictures if getattr(one, wanted) and one.score is not None]
    return tuple(sorted(found, key=lambda one: -worst * (one.score or 0.0)))


@dataclass(frozen=True, slots=True)
class Failure:
    """A class that could not be evaluated, and why in one sentence."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Mean:
    """A figure's mean over the classes where it is defined; value is None where it is nowhere."""

    name: str
    value: float | None
    defined: int
    classes: int


@dataclass(frozen=True, slots=True)
class DatasetResult:
    """All classes. kept: names of those whose earlier result was taken over."""

    classes: tuple[ClassResult, ...]
    failures: tuple[Failure, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def means(self) -> tuple[Mean, ...]:
        return tuple(mean_of(name, self.classes) for name in FIGURES)


def mean_of(name: str, classes: tuple[ClassResult, ...]) -> Mean:
    """name: one of FIGURES."""
    found: list[float] = []
    for one in classes:
        value = getattr(one.figures, name).value
        if value is not None:
            found.append(value)
    mean = sum(found) / len(found) if found else None
    return Mean(name, mean, len(found), len(classes))
