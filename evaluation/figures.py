"""From what was gathered to the figures of a class."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation import plots
from evaluation.accuracy import figure, figures_of, replicates, selected_on_tests
from evaluation.gathering import Gathering, merged, scores_of
from evaluation.results import (
    AtThreshold,
    Curve,
    Figures,
    Histogram,
    KindResult,
    PictureResult,
    Rate,
    RegionGroup,
    Resampled,
    TestSelected,
)
from learning.metrics import image
from learning.metrics.curves import Steps
from learning.metrics.intervals import clopper_pearson
from learning.metrics.pixels import PixelCurve
from learning.metrics.regions import Place, Size


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
    resampled: tuple[Resampled, ...]


def findings(gathered: Gathering) -> Findings:
    pictures = gathered.pictures
    total = gathered.total()
    scores, defective = scores_of(pictures)
    steps = image.steps(scores, defective)
    settings, aupimo = gathered.settings, gathered.aupimo(pictures)
    resampled = gathered.bootstrap if settings.resamples else None
    figures = figures_of(pictures, total, aupimo, settings, resampled)
    by_pixel = total.steps()
    return Findings(
        figures=figures,
        at_threshold=_at_threshold(gathered),
        test_selected=selected_on_tests(pictures, total),
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
        resampled=() if resampled is None else replicates(figures, resampled),
    )


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
    against = [*(one for one in gathered.pictures if not one.defective), *own]
    curve = merged(gathered.good, gathered.by_kind[kind])
    return KindResult(
        name=kind,
        pictures=len(own),
        misses=rate(sum(one.miss for one in own), len(own)),
        regions_found=_regions_found(own),
        figures=figures_of(against, curve, gathered.aupimo(own), gathered.settings),
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
