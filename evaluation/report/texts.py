"""The findings of the report as sentences, the names of its metrics, and how it writes numbers.

Numbers are those of metrics.json, rounded for the reader.
"""

from typing import Final

from evaluation.formats import count_of, fraction, milliseconds, percent, score, score_beside
from evaluation.results import ClassResult, MetricValue, PictureResult, Rate, ThresholdResult

METRIC_TITLES: Final = {
    "image_auroc": "Image AUROC",
    "image_ap": "Image AP",
    "image_f1_max": "Image F1-max",
    "pixel_auroc": "Pixel AUROC",
    "pixel_ap": "Pixel AP",
    "pixel_f1_max": "Pixel F1-max",
    "aupro": "AUPRO@0.3",
    "aupimo": "AUPIMO",
}

METRIC_MEANINGS: Final = {
    "image_auroc": "chance that a defective picture has a higher score than a good one",
    "image_ap": "mean precision over all recalls",
    "image_f1_max": "best F1 of all image thresholds; test-selected",
    "pixel_auroc": "chance that a defective pixel has a higher value than a good one",
    "pixel_ap": "mean precision over all recalls, of pixels",
    "pixel_f1_max": "best F1 of all pixel thresholds; test-selected",
    "aupro": "mean overlap per defect region, up to 30 % false-positive pixels",
    "aupimo": "overlap per picture at very few false-positive pixels on good pictures",
}

AUPRO_METHOD: Final = (
    "regions are 8-connected; every score is a threshold; the false-positive rate is over all good "
    "pixels; the area ends at 0.3, with interpolation, and is divided by 0.3"
)

HEATMAP_LEGEND: Final = (
    "Each row shows the picture, its heatmap and outlines. A colour means the same value in all "
    "pictures of this page. The scale covers the values that occur in this test set; videos and "
    "pages of other tests have other scales:"
)

_MAX_NAMES: Final = 5


def findings(result: ClassResult) -> list[str]:
    """What the result means: verdicts at the thresholds of the engine file, then ranking and
    speed. The conclusion stands before them."""
    return [
        _verdicts(result),
        *_suspects(result),
        *_errors(result),
        *_zero_rates(result.at_threshold),
        *_regions(result),
        _ranking(result),
        *_test_selected(result),
        _speed(result),
    ]


def _verdicts(result: ClassResult) -> str:
    engine, at_threshold = result.engine, result.at_threshold
    normals = count_of(engine.threshold_normals, "good picture")
    return (
        f"The image threshold {score(engine.image_threshold)} was chosen from {normals}. "
        f"{_false_alarms(at_threshold.false_alarm_rate)}. {_misses(at_threshold.miss_rate)}."
    )


def _false_alarms(rate: Rate) -> str:
    if not rate.of:
        return "No good picture was tested"
    verb = "has" if rate.count == 1 else "have"
    pictures = count_of(rate.of, "good picture")
    return f"{rate.count} of {pictures} {verb} a false alarm{_rate_interval(rate)}"


def _misses(rate: Rate) -> str:
    if not rate.of:
        return "No defective picture was tested"
    verb = "is" if rate.count == 1 else "are"
    pictures = count_of(rate.of, "defective picture")
    return f"{rate.count} of {pictures} {verb} missed{_rate_interval(rate)}"


def _suspects(result: ClassResult) -> list[str]:
    trained_on = result.engine.trained_on
    names = [str(name) for name in trained_on.get("suspects", ())]
    if not names or trained_on.get("suspects_dropped"):
        return []
    verb = "differs" if len(names) == 1 else "differ"
    listed = ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")
    return [
        f"{count_of(len(names), 'good picture')} {verb} from the others. This may raise the "
        f"thresholds, so that defects are missed: {listed}."
    ]


def _errors(result: ClassResult) -> list[str]:
    if not result.errors:
        return []
    pictures = count_of(len(result.errors), "picture")
    verb = "has" if len(result.errors) == 1 else "have"
    return [f"{pictures} {verb} no score (ERROR). They are not counted in any metric."]


def _zero_rates(at_threshold: ThresholdResult) -> list[str]:
    """A count of 0 does not prove a rate of 0."""
    sentences = []
    for rate, event, kind in (
        (at_threshold.false_alarm_rate, "false alarms", "good"),
        (at_threshold.miss_rate, "misses", "defective"),
    ):
        if rate.count == 0 and rate.of and rate.interval is not None:
            sentences.append(
                f"No {event} in {count_of(rate.of, f'{kind} picture')}: the true rate can still be "
                f"up to {percent(rate.interval[1])}."
            )
    return sentences


def _regions(result: ClassResult) -> list[str]:
    regions, false_marks = result.at_threshold.regions_found, result.at_threshold.false_regions
    if not regions.of:
        return []
    threshold = score(result.engine.pixel_threshold)
    pictures = count_of(false_marks.of, "good picture")
    return [
        f"At the pixel threshold {threshold}, marked regions of the map overlap {regions.count} of "
        f"{count_of(regions.of, 'defect region')}{_rate_interval(regions)}. The map wrongly "
        f"marks something on {false_marks.count} of {pictures}{_rate_interval(false_marks)}."
    ]


def _ranking(result: ClassResult) -> str:
    auroc = result.figures.image_auroc
    if auroc.value is None:
        return f"The ranking of good and defective pictures is undefined: {auroc.reason}."
    return (
        f"In {percent(auroc.value)} of all pairs of a defective and a good picture, the defective "
        "one has the higher score (image AUROC)."
    )


def _test_selected(result: ClassResult) -> list[str]:
    threshold, f1 = result.test_selected.image_threshold, result.figures.image_f1_max.value
    if threshold is None or f1 is None:
        return []
    return [
        f"The highest F1 on these test pictures is {fraction(f1)}, at the threshold "
        f"{score(threshold)}. It is an upper bound, for comparison with published tables only."
    ]


def _speed(result: ClassResult) -> str:
    latency = result.latency
    if latency.total_p50_ms is None:
        return "No latency was measured."
    return (
        f"One picture takes {milliseconds(latency.total_p50_ms)} (median) and "
        f"{milliseconds(latency.total_p99_ms)} (99th percentile) on {latency.running_on}."
    )


def picture_facts(picture: PictureResult, threshold: float) -> str:
    """Kind, verdict and score of a picture in the gallery. threshold: of images."""
    facts = (
        f"{picture.kind}: {picture.verdict}, score {score_beside(picture.score, threshold)}, "
        f"threshold {score(threshold)}, peak {score(picture.peak)}"
    )
    if picture.has_mask:
        size = "" if picture.size is None else f", {picture.size} defect"
        return f"{facts}{size}, {picture.regions_found} of {picture.regions} regions found"
    return f"{facts}, no mask" if picture.defective else facts


def metric_interval(metric: MetricValue) -> str:
    if metric.interval is None:
        return "-"
    low, high = metric.interval
    return f"{fraction(low)} to {fraction(high)}"


def count_and_share(rate: Rate) -> str:
    """Such as "1 of 14 (7.1 %)"."""
    share = "" if rate.share is None else f" ({percent(rate.share)})"
    return f"{rate.count} of {rate.of}{share}"


def _rate_interval(rate: Rate) -> str:
    if rate.interval is None:
        return ""
    low, high = rate.interval
    return f" (95 % interval {percent(low)} to {percent(high)})"
