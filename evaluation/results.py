"""Types of evaluation results, as they are in memory and in metrics.json.

All values can be written as strict JSON: floats are finite, and an undefined number is None with
its reason beside it. Scores have the raw unit of the method. Shares and rates lie in [0, 1]. Times
are wall-clock milliseconds.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Final

from evaluation.conclusion import Conclusion
from evaluation.provenance import DataInfo, EngineInfo, EvaluationRules, Provenance
from inspector.core.schema import OneOf
from learning.metrics.regions import Place, SizeGroup

FORMAT: Final = 3
"""Format of metrics.json. A result of another format is not reused."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """learning.metrics.value.Metric as JSON.

    value: None if the data do not define it. reason: what is missing; beside a value it is a
    caution about the value. interval: 95 % bootstrap interval over pictures. error: upper bound of
    the rounding error of the value.
    """

    value: float | None
    reason: str | None = None
    interval: tuple[float, float] | None = None
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """Accuracy on one class, or on one kind of defect and all good pictures.

    aupro: area under the per-region overlap up to a false-positive rate of 0.3, divided by 0.3.
    aupimo: mean over defective pictures. image_f1_max, pixel_f1_max: they choose their threshold on
    the same pictures that they are measured on, so they are upper bounds.
    """

    image_auroc: MetricValue
    image_ap: MetricValue
    image_f1_max: MetricValue
    pixel_auroc: MetricValue
    pixel_ap: MetricValue
    pixel_f1_max: MetricValue
    aupro: MetricValue
    aupimo: MetricValue


METRIC_NAMES: Final = tuple(field.name for field in fields(Metrics))
"""Names of the metrics, in the order of tables."""


@dataclass(frozen=True, slots=True)
class Rate:
    """count of `of` pictures or regions. interval: 95 % Clopper-Pearson interval of the share.
    share and interval are None if `of` is 0."""

    count: int
    of: int
    share: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ThresholdResult:
    """Verdicts at the thresholds of the engine file, which normal pictures chose before the test.

    A picture FAILs if its score is at or above the image threshold. regions_found: defect regions
    that the map marks, see learning.metrics.regions.DETECTION_RULE. false_regions: good pictures
    with a map pixel at or above the pixel threshold.
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
    """Thresholds of F1-max, chosen on the test pictures themselves. Only for comparison with
    published tables. None if F1-max is undefined."""

    __test__ = False  # not a test class of pytest

    image_threshold: float | None
    pixel_threshold: float | None


@dataclass(frozen=True, slots=True)
class KindResult:
    """One kind of defect against all good pictures. misses: pictures below the image threshold."""

    name: str
    pictures: int
    misses: Rate
    regions_found: Rate
    figures: Metrics


@dataclass(frozen=True, slots=True)
class RegionGroup:
    """Defect regions of one size or place, see EvaluationRules. found: regions that the map shows
    at the pixel threshold. aupro: of these regions only."""

    name: str
    found: Rate
    aupro: MetricValue


@dataclass(frozen=True, slots=True)
class ReportCurve:
    """A curve of a chart, reduced to a few hundred points with rising x.

    thresholds: the score at each point, None for the point above all scores; empty if the curve has
    none.

    image_roc, pixel_roc: x false-positive rate, y true-positive rate. image_pr, pixel_pr: x recall,
    y precision. pro: x false-positive rate up to 0.3, y mean overlap per region.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    thresholds: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of pictures by score, or of pixels by map value: n counts for n + 1 edges."""

    edges: tuple[float, ...]
    good: tuple[int, ...]
    defective: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Latency:
    """Time of one picture for preprocessing and inference, after a warm-up and without reading the
    file. With a batch: its time divided by its number of pictures. running_on: backend and device
    as the engine reports them."""

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

    name: path below the class folder, with "/" between folders. path: of the file.
    verdict: PASS or FAIL at the image threshold, or ERROR; then `error` has the reason, and no
    metric counts the picture. peak: highest value of the map in the inspected area.
    regions: defect regions of the mask at map resolution. regions_found: those that the map
    marks. vanished: regions that are too small for the map resolution.
    outside: regions completely outside the inspected area. aupimo: of a defective picture.
    size, place: groups of the largest region.
    note: why the pixel metrics do not count a defective picture.
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
    size: Annotated[str, OneOf(*SizeGroup)] | None = None
    place: Annotated[str, OneOf(*Place)] | None = None
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
class ResampledMetric:
    """A pixel metric on each resample of the pictures, None where it is undefined.

    With equal pictures and an equal seed, the same index is the same resample for every engine.
    """

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ClassResult:
    """All results of one engine on one class: the content of its metrics.json.

    conclusion: whether the threshold is useful. figures: the metrics. warnings: sentences that the
    reader must see. curves: undefined ones are left out. seconds: duration of the evaluation.
    """

    name: str
    made_utc: str
    made_from: Provenance
    engine: EngineInfo
    data: DataInfo
    rules: EvaluationRules
    conclusion: Conclusion
    figures: Metrics
    at_threshold: ThresholdResult
    test_selected: TestSelected
    kinds: tuple[KindResult, ...]
    sizes: tuple[RegionGroup, ...]
    places: tuple[RegionGroup, ...]
    curves: tuple[ReportCurve, ...]
    score_histogram: Histogram
    pixel_histogram: Histogram | None
    resampled: tuple[ResampledMetric, ...]
    latency: Latency
    pictures: tuple[PictureResult, ...]
    warnings: tuple[str, ...]
    seconds: float
    format: int = FORMAT

    @property
    def false_alarms(self) -> tuple[PictureResult, ...]:
        """Good pictures with verdict FAIL, highest score first."""
        alarms = [picture for picture in self.pictures if picture.false_alarm]
        return tuple(sorted(alarms, key=lambda picture: -(picture.score or 0.0)))

    @property
    def misses(self) -> tuple[PictureResult, ...]:
        """Defective pictures with verdict PASS, lowest score first."""
        misses = [picture for picture in self.pictures if picture.miss]
        return tuple(sorted(misses, key=lambda picture: picture.score or 0.0))

    @property
    def errors(self) -> tuple[PictureResult, ...]:
        return tuple(picture for picture in self.pictures if picture.verdict == "ERROR")


@dataclass(frozen=True, slots=True)
class Failure:
    """A class without a result. reason: one sentence."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class MetricMean:
    """Mean of a metric over the classes that define it; None if no class does."""

    name: str
    value: float | None
    defined: int
    classes: int


@dataclass(frozen=True, slots=True)
class DatasetResult:
    """All classes. reused: names of the classes whose earlier result was reused."""

    classes: tuple[ClassResult, ...]
    failures: tuple[Failure, ...] = ()
    reused: tuple[str, ...] = ()

    @property
    def means(self) -> tuple[MetricMean, ...]:
        return tuple(mean_metric(name, self.classes) for name in METRIC_NAMES)


def mean_metric(name: str, classes: tuple[ClassResult, ...]) -> MetricMean:
    """name: one of METRIC_NAMES."""
    all_values = [getattr(result.figures, name).value for result in classes]
    values = [value for value in all_values if value is not None]
    mean = sum(values) / len(values) if values else None
    return MetricMean(name, mean, len(values), len(classes))
