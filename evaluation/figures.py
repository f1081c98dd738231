"""From what was gathered to the figures of a class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engines.metrics import image
from engines.metrics.curves import Steps
from engines.metrics.intervals import clopper_pearson
from engines.metrics.pixels import PixelCurve
from engines.metrics.regions import Place, Size
from engines.metrics.value import Metric
from evaluation import plots
from evaluation.gathering import Gathering, merged, scores_of
from evaluation.results import (
    AtThreshold,
    Curve,
    Figure,
    Figures,
    Histogram,
    KindResult,
    PictureResult,
    Rate,
    RegionGroup,
    TestSelected,
)

NO_MASKS = "no defective picture has a mask"


@dataclass(frozen=True, slots=True)
class Findings:
    """The parts of a ClassResult that are computed, under the same names."""

    figures: Figures
    at_threshold: AtThreshold
    test_selected: TestSelected
    kinds: tuple[KindResult, ...]
    sizes: tuple[RegionGroup, ...]
    places: tuple[RegionGroup, ...]
    curves: tuple[Curve, ...]
    score_histogram: Histogram
    pixel_histogram: Histogram | None


def findings(gathered: Gathering) -> Findings:
    pictures = gathered.pictures
    total = gathered.total()
    scores, defective = scores_of(pictures)
    steps = image.steps(scores, defective)
    figures, selected = _figures(gathered, pictures, total)
    by_pixel = total.steps()
    return Findings(
        figures=figures,
        at_threshold=_at_threshold(gathered),
        test_selected=selected,
        kinds=tuple(_kind(gathered, kind) for kind in gathered.by_kind),
        sizes=tuple(_group(gathered, total, size) for size in Size),
        places=tuple(_group(gathered, total, place) for place in Place),
        curves=(
            *_curves("image", steps),
            *_curves("pixel", by_pixel),
            *((plots.overlap(total),) if figures.aupro.value is not None else ()),
        ),
        score_histogram=plots.histogram(steps),
        pixel_histogram=plots.histogram(by_pixel) if total.regions() else None,
    )


def _figures(
    gathered: Gathering, pictures: Sequence[PictureResult], curve: PixelCurve
) -> tuple[Figures, TestSelected]:
    """curve: of these pictures."""
    scores, defective = scores_of(pictures)
    image_f1, image_at = image.f1_max(scores, defective)
    pixel_f1, pixel_at = curve.f1_max()
    masked = any(one.has_mask for one in pictures if one.defective)
    metrics = {
        "image_auroc": image.auroc(scores, defective),
        "image_ap": image.average_precision(scores, defective),
        "image_f1_max": image_f1,
        "pixel_auroc": curve.auroc(),
        "pixel_ap": curve.average_precision(),
        "pixel_f1_max": pixel_f1,
        "aupro": curve.aupro(),
        "aupimo": gathered.aupimo(pictures),
    }
    intervals: dict[str, tuple[float, float]] = {}
    return (
        Figures(
            **{
                name: figure(
                    metric, intervals.get(name), has_masks=masked or name.startswith("image")
                )
                for name, metric in metrics.items()
            }
        ),
        TestSelected(_or_none(image_at), _or_none(pixel_at)),
    )


def figure(
    metric: Metric, interval: tuple[float, float] | None = None, *, has_masks: bool = True
) -> Figure:
    """A metric as it is stored."""
    if not metric.defined:
        return Figure(None, metric.reason if has_masks else NO_MASKS)
    return Figure(metric.value, metric.reason or None, interval or metric.interval, metric.error)


def _at_threshold(gathered: Gathering) -> AtThreshold:
    judged = [one for one in gathered.pictures if one.error is None]
    good = [one for one in judged if not one.defective]
    defective = [one for one in judged if one.defective]
    alarms = sum(one.false_alarm for one in good)
    misses = sum(one.miss for one in defective)
    marked = sum(gathered.marks(one) for one in good)
    return AtThreshold(
        true_alarms=len(defective) - misses,
        false_alarms=alarms,
        misses=misses,
        true_passes=len(good) - alarms,
        false_alarm_rate=rate(alarms, len(good)),
        miss_rate=rate(misses, len(defective)),
        regions_found=_regions_found(defective),
        false_regions=rate(marked, len(good)),
    )


def _kind(gathered: Gathering, kind: str) -> KindResult:
    """One kind of defect against all good pictures."""
    own = [one for one in gathered.pictures if one.kind == kind and one.error is None]
    good = [one for one in gathered.pictures if not one.defective]
    curve = merged(gathered.good, gathered.by_kind[kind])
    return KindResult(
        name=kind,
        pictures=len(own),
        misses=rate(sum(one.miss for one in own), len(own)),
        regions_found=_regions_found(own),
        figures=_figures(gathered, [*good, *own], curve)[0],
    )


def _group(gathered: Gathering, total: PixelCurve, group: Size | Place) -> RegionGroup:
    found = rate(gathered.found[group], gathered.regions[group])
    metric = total.aupro(size=group) if isinstance(group, Size) else total.aupro(place=group)
    return RegionGroup(str(group), found, figure(metric))


def _regions_found(pictures: Sequence[PictureResult]) -> Rate:
    return rate(sum(one.regions_found for one in pictures), sum(one.regions for one in pictures))


def rate(count: int, of: int) -> Rate:
    return Rate(count, of, count / of, clopper_pearson(count, of)) if of else Rate(0, 0, None, None)


def _curves(prefix: str, steps: Steps) -> tuple[Curve, ...]:
    if not (steps.found.size and steps.found[-1] and steps.alarms[-1]):
        return ()
    return (
        plots.roc(f"{prefix}_roc", steps),
        plots.precision_recall(f"{prefix}_pr", steps),
    )


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
